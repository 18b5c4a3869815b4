"""Scores of the example competitions on real data: several seeds, what is left out, honest baselines.

    python benchmarks/competitions.py NAME RESULTS.jsonl [VARIANT …] [SECTION.OPTION=VALUE …]

Run where ``data/`` lies (see docs/guides/competitions.md). One line of JSON for each run is appended.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from anamorph import tasks
from anamorph.data import CocoDataset, read_mask, read_picture
from anamorph.nn.metrics import DetectionScores

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "competitions"
SEEDS = (0, 1, 2)

VARIANTS: Mapping[str, tuple[str, ...]] = {
    "as it is": (),
    "no augmentation": ('augment=""',),
    "random encoder": ("model.weights=null", "train.encoder_lr=1"),
}
"""Name → what is changed."""

TESTS: Mapping[str, Mapping[str, Any]] = {
    "solar_cells": {"test": "data/elpv/test"},
    "nuclei": {
        name: {
            "kind": "masks",
            "images": f"data/nuclei/{name}/images",
            "masks": f"data/nuclei/{name}/masks",
        }
        for name in ("test", "elsewhere")
    },
    "trees": {
        "test": {
            "kind": "coco",
            "images": "data/trees/test/images",
            "annotations": "data/trees/test/annotations.json",
        }
    },
}
"""Competition → pictures that nothing was learned from."""


def seconds() -> float:
    """Of processor time, of this process and the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(name: str, variant: str, seed: int, changes: list[str]) -> dict[str, Any]:
    """Train once, and score what was never seen."""
    given = [f"seed={seed}", *VARIANTS[variant], *changes]
    config = tasks.load(FOLDER / f"{name}.yaml", given)
    start, used = time.perf_counter(), seconds()
    run = tasks.fit(config)
    told = {"wall": time.perf_counter() - start, "cpu": seconds() - used, "run": run.id}
    valid = tasks.evaluate(run.path)
    scores = {test: tasks.evaluate(run.path, data) for test, data in TESTS[name].items()}
    return {"name": name, "variant": variant, "seed": seed, **told, "valid": valid, **scores}


# ---------------------------------------------------------------------------- baselines


def majority() -> dict[str, Any]:
    """The commonest grade for all cells."""
    counts = {p.name: len(list(p.iterdir())) for p in sorted(Path("data/elpv/test").iterdir())}
    most = max(counts.values()) / sum(counts.values())
    return {
        "test": {"accuracy": most, "balanced_accuracy": 1 / len(counts), "kappa_quadratic": 0.0}
    }


def otsu() -> dict[str, Any]:
    """Nuclei by Otsu's threshold of the smoothed picture."""
    told = {}
    for part in ("test", "elsewhere"):
        scores = []
        for path in sorted(Path(f"data/nuclei/{part}/images").iterdir()):
            smooth = cv2.GaussianBlur(read_picture(path).squeeze(), (0, 0), 1)
            _, found = cv2.threshold(smooth, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
            true = read_mask(f"data/nuclei/{part}/masks/{path.name}").squeeze() > 0
            both = (found > 0) & true
            scores.append(2 * both.sum() / (found.sum() + true.sum()))
        told[part] = {"dice": float(np.mean(scores))}
    return told


def blobs() -> dict[str, Any]:
    """Trees as pieces of what is greener and lighter than its shadow, by size."""
    found = CocoDataset(*_coco())
    scores = DetectionScores(("tree",), 300)
    for at in range(len(found)):
        picture = read_picture(found.sample(at)["image"])
        texture = np.abs(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
        rough = cv2.GaussianBlur(texture, (0, 0), 4)
        rough = (255 * rough / rough.max()).astype(np.uint8)
        _, mask = cv2.threshold(rough, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
        _, _, pieces, _ = cv2.connectedComponentsWithStats(mask)
        boxes = pieces[1:, :4].astype(np.float32)
        boxes[:, 2:] += boxes[:, :2]
        said = {"boxes": boxes, "scores": np.ones(len(boxes)), "labels": np.zeros(len(boxes), int)}
        truth = found.item(at)
        scores.update([at], [said], [{"boxes": truth.boxes, "labels": truth.labels}])
    return {"test": {key: float(value) for key, value in scores.compute().items()}}


def _coco() -> tuple[str, str]:
    return "data/trees/test/images", "data/trees/test/annotations.json"


BASELINES: Mapping[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "solar_cells": ("commonest grade", majority),
    "nuclei": ("Otsu's threshold", otsu),
    "trees": ("pieces of rough texture", blobs),
}


def main(name: str, out: str, *words: str) -> None:
    """Measure the baseline, then all variants with all seeds."""
    changes = [word for word in words if "=" in word]
    variants = [word for word in words if "=" not in word] or list(VARIANTS)
    with Path(out).open("a", encoding="utf-8") as results:
        title, baseline = BASELINES[name]
        print(json.dumps({"name": name, "variant": title, **baseline()}), file=results, flush=True)
        for seed in SEEDS:
            for variant in variants:
                told = measure(name, variant, seed, changes)
                print(json.dumps(told), file=results, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
