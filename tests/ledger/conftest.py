"""A ledger in an empty folder, and runs that look like trained ones."""

from __future__ import annotations

import os

import numpy as np
import pytest

from anamorph.ledger import Ledger

CONFIG = {"task": "segment", "train": {"epochs": 3, "lr": 1e-3}, "model": {"encoder": "resnet18"}}


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch):
    """In this process nothing waits for the disk; the machine is not switched off in tests."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "runs")


@pytest.fixture
def config():
    return CONFIG


@pytest.fixture
def trained():
    """Make a run that is done."""

    def make(
        ledger, value=0.8, *, task="segment", weight=None, config=CONFIG, mode="max", **options
    ):
        run = ledger.start(task, config, **options)
        for epoch in range(2):
            where = {"epoch": epoch, "step": 10 * epoch, "fold": 0}
            run.log({"loss": 1 / (epoch + 1)}, split="train", **where)
            run.log({"dice": value - 0.1 + epoch / 20}, split="valid", **where)
        if weight is not None:
            digest = run.weights("fold-0/best", {"w": np.full(64, weight, np.float32)})
            inside = run.path / "bundle" / "weights"
            inside.mkdir(parents=True)
            (inside / f"{digest}.safetensors").hardlink_to(
                run.path / "weights" / f"{digest}.safetensors"
            )
        run.scores("dice", mode, {0: {"dice": value}, 1: {"dice": value + 0.02, "iou": 0.5}})
        run.finish("done")
        return run

    return make
