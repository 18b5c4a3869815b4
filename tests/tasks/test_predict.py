"""Bundles, predictions in folders, evaluation, ensembles."""

import csv
import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph import tasks  # noqa: E402
from anamorph.core.errors import DataError, ParameterError, UnknownNameError  # noqa: E402
from anamorph.data import CocoDataset, read_mask  # noqa: E402
from anamorph.ledger import Ledger  # noqa: E402
from anamorph.tasks.blending import search  # noqa: E402
from anamorph.tasks.bundle import ensemble  # noqa: E402
from anamorph.tasks.evaluating import labelled  # noqa: E402
from tasks.quick import PLACES, PLAIN, QUICK  # noqa: E402 - after the skip

NAMES = ("classify", "segment", "detect")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """A short run of each task."""
    root = tmp_path_factory.mktemp("runs")
    found = {}
    for task in NAMES:
        where = {key: os.fspath(data / value) for key, value in PLACES[task].items()}
        config = tasks.load({**PLAIN[task], "data": where}, [*QUICK, "train.epochs=1"])
        found[task] = tasks.fit(config, root)
    return found


@pytest.mark.parametrize("task", NAMES)
def test_bundles_stand_alone(runs, tmp_path, task):
    bundle = tasks.Bundle.load(runs[task].path)
    moved = tasks.Bundle.load(bundle.save(tmp_path / "elsewhere"))
    assert moved.hash == bundle.hash
    assert moved.decision == bundle.decision
    assert [member.pipeline for member in moved.members] == [m.pipeline for m in bundle.members]
    assert all(member.weights.parent.parent == tmp_path / "elsewhere" for member in moved.members)


def test_bundles_by_name(runs):
    ledger = Ledger(runs["segment"].path.parent)
    ledger.promote(runs["segment"].id, "squares@best")
    named = tasks.Bundle.load("squares@best", ledger.root)
    assert named.hash == tasks.Bundle.load(runs["segment"].path).hash
    with pytest.raises(DataError, match=r"holds no bundle.json"):
        tasks.Bundle.load(ledger.root)


def test_a_bundle_that_was_changed(runs, data, tmp_path):
    folder = tasks.Bundle.load(runs["segment"].path).save(tmp_path / "b")
    path = folder / "bundle.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "thresholds": [0.99]}))
    with pytest.raises(DataError, match="was changed after it was written"):
        tasks.Bundle.load(folder)
    path.write_text(json.dumps(content))
    weights = next((folder / "weights").iterdir())
    held = bytearray(weights.read_bytes())
    held[-1] ^= 1
    weights.unlink()  # another name of the same file may stand elsewhere
    weights.write_bytes(held)
    with pytest.raises(DataError, match="is not what the bundle was made with"):
        tasks.predict(folder, data / "images")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_table_of_classes(runs, data, tmp_path, workers):
    out = tmp_path / "out"
    rows = tasks.predict(runs["classify"].path, data / "classes", out, workers=workers)
    assert len(rows) == 16
    with (out / "predictions.csv").open() as stream:
        told = list(csv.DictReader(stream))
    memory = tasks.predict(runs["classify"], data / "classes")
    for row, line, other in zip(rows, told, memory, strict=True):
        assert line["file"] == row.file
        assert other.file == os.fspath(data / "classes" / row.file)
        assert line["label"] == row.final == other.final
        assert [float(line["green"]), float(line["red"])] == pytest.approx(
            other.prediction, abs=1e-5
        )


def test_masks(runs, data, tmp_path):
    rows = tasks.predict(runs["segment"], data / "images", tmp_path, tta="hflip")
    memory = tasks.predict(runs["segment"], data / "images", tta="hflip")
    for row, other in zip(rows, memory, strict=True):
        mask = read_mask(tmp_path / row.final[0])
        assert mask.shape == (32, 40) == row.size
        assert set(np.unique(mask)) <= {0, 255}
        assert np.array_equal(mask, other.final)


def test_detections_are_coco(runs, data, tmp_path):
    tasks.predict(runs["detect"], data / "images", tmp_path)
    content = json.loads((tmp_path / "detections.json").read_text())
    assert len(content["images"]) == 16
    assert all(0 <= each["score"] <= 1 for each in content["annotations"])
    assert len(CocoDataset(data / "images", tmp_path / "detections.json")) == 16


def test_it_goes_on(runs, data, tmp_path, monkeypatch):
    import anamorph.tasks.predictor as module

    given = module.Predictor.over

    def interrupted(self, paths, **options):
        for at, row in enumerate(given(self, paths, **options)):
            if at == 5:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(module.Predictor, "over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tasks.predict(runs["segment"], data / "images", tmp_path)
    seen = []

    def noted(self, paths, **options):
        seen.extend(paths)
        return given(self, paths, **options)

    monkeypatch.setattr(module.Predictor, "over", noted)
    with (tmp_path / ".predictions.jsonl").open("a") as stream:
        stream.write('{"file": "torn')
    rows = tasks.predict(runs["segment"], data / "images", tmp_path)
    assert len(rows) == 16
    assert len(seen) == 11
    seen.clear()
    os.utime(data / "images/03.png")
    tasks.predict(runs["segment"], data / "images", tmp_path)
    assert [Path(path).name for path in seen] == ["03.png"]
    with pytest.raises(DataError, match="has predictions of another bundle, or made with other"):
        tasks.predict(runs["segment"], data / "images", tmp_path, tta="hflip")
    tasks.predict(runs["segment"], data / "images", tmp_path, tta="hflip", overwrite=True)


def test_broken_pictures_are_told(runs, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(b"nothing")
    (row,) = tasks.predict(runs["classify"], tmp_path / "in", tmp_path / "out")
    assert "a.png" in row.error
    assert row.final is None
    with pytest.raises(DataError, match="holds no pictures"):
        tasks.predict(runs["classify"], tmp_path / "out")


@pytest.mark.parametrize("kept", [False, True])
def test_a_broken_picture_changes_no_other_row(runs, data, tmp_path, kept):
    shutil.copytree(data / "images", tmp_path / "in")
    whole = tasks.predict(runs["classify"], tmp_path / "in")
    (tmp_path / "in/02.png").write_bytes((tmp_path / "in/02.png").read_bytes()[:99])
    rows = tasks.predict(runs["classify"], tmp_path / "in", tmp_path / "out" if kept else None)
    assert [Path(row.file).name for row in rows] == [Path(row.file).name for row in whole]
    for row, other in zip(rows, whole, strict=True):
        if Path(row.file).name == "02.png":
            assert "02.png" in row.error
            assert row.final is None
        else:
            assert not row.error
            assert row.final == other.final


def test_tiles_are_checked(runs, data):
    with pytest.raises(UnknownNameError, match="did you mean overlap"):
        tasks.predict(runs["segment"], data / "images", tiles={"overlp": 1})


@pytest.mark.parametrize("task", NAMES)
def test_evaluate(runs, data, task):
    metric = tasks.Bundle.load(runs[task].path).task.metric[0]
    where = data / "classes" if task == "classify" else data
    scores = tasks.evaluate(runs[task], where)
    assert 0 <= scores[metric] <= 1
    config = tasks.load(runs[task].config)
    assert tasks.evaluate(runs[task], config)[metric] == pytest.approx(scores[metric])
    stored = tasks.evaluate(runs[task])
    assert {metric, f"{metric}_std"} <= stored.keys()


def test_groups_of_folds_are_not_asked_of_pictures_that_are_scored(runs, data):
    bundle = tasks.Bundle.load(runs["classify"].path)
    member = bundle.members[0]
    folds = dataclasses.replace(member.config.folds, group="train/(.*)")
    config = dataclasses.replace(member.config, folds=folds)
    grouped = dataclasses.replace(bundle, members=(dataclasses.replace(member, config=config),))
    assert len(labelled(grouped, data / "classes").ids) == 16


def test_evaluate_refuses_other_classes(runs, data, tmp_path):
    for name in ("blue", "green"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes((data / "images/00.png").read_bytes())
    with pytest.raises((DataError, ParameterError)):
        tasks.evaluate(runs["classify"], tmp_path)


@pytest.mark.parametrize("task", NAMES)
def test_ensembles(runs, data, tmp_path, task):
    bundle = tasks.Bundle.load(runs[task].path)
    one, two = bundle.only(["fold-0"]), bundle.only(["fold-1"])
    both = ensemble([one, two], [1, 3])
    assert [member.weight for member in both.members] == [1, 3]
    loaded = tasks.Bundle.load(both.save(tmp_path / "both"))
    folder = data / ("classes" if task == "classify" else "images")
    rows = [tasks.predict(each, folder)[0].prediction for each in (one, two, loaded)]
    if task != "detect":
        assert np.allclose(rows[0] / 4 + rows[1] * 3 / 4, rows[2], atol=1e-5)
    other = dataclasses.replace(two.members[0], config=_larger(two.members[0].config), name="x")
    apart = ensemble([one, dataclasses.replace(two, members=(other,))])
    assert tasks.predict(apart, folder)[0].prediction is not None
    with pytest.raises(ParameterError, match="different classes"):
        ensemble([one, dataclasses.replace(two, classes=("a", "b", "c"))])


def _larger(config):
    return dataclasses.replace(config, input=dataclasses.replace(config.input, size=(96, 96)))


@pytest.mark.parametrize("task", ["classify", "segment"])
def test_searched_weights(runs, task):
    bundle = tasks.Bundle.load(runs[task].path)
    found = search([bundle, bundle], ["a", "b"], runs[task].path.parent)
    metric = bundle.task.metric[0]
    assert sum(found.weights) == pytest.approx(1)
    assert found.scores[metric] >= found.scores[f"{metric} of a"] - 1e-9
    with pytest.raises(DataError, match="weights of detectors are not searched"):
        search([tasks.Bundle.load(runs["detect"].path)], ["c"])
