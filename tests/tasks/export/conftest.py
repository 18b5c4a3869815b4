"""Bundles of models that nobody trained: their weights are drawn."""

from dataclasses import replace

import pytest

from anamorph import tasks

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
files = pytest.importorskip("safetensors.torch")

CLASSES = {"classify": ("green", "red"), "segment": ("foreground",), "detect": ("red", "green")}


@pytest.fixture
def bundle(config, tmp_path):
    """A bundle of so many models, which is saved and read again."""

    def make(name, *overrides, models=1, classes=None, seed=0, **places):
        chosen = config(name, *overrides, **places)
        classes = classes or CLASSES[name]
        task = tasks.TASKS[name](chosen, classes)
        members = []
        for at in range(models):
            torch.manual_seed(seed + at)
            path = tmp_path / f"{at}.safetensors"
            files.save_file(_lively(task.model()).state_dict(), path)
            from anamorph.tasks.bundle import sha256_of

            members.append(tasks.Member(chosen, path, sha256_of(path), at + 1.0, f"fold-{at}"))
        made = tasks.Bundle(classes, tuple(members), task.usual(), {"run": "none"})
        made.save(tmp_path / "bundle")
        return tasks.Bundle.load(tmp_path / "bundle")

    return make


def _lively(model):
    """The model with outputs that differ from picture to picture."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


@pytest.fixture
def tuned():
    return lambda bundle, **decision: replace(bundle, decision=replace(bundle.decision, **decision))
