"""Configurations for folders of data: what is looked at, and what is chosen."""

import shutil

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph import tasks
from anamorph.core.errors import DataError
from anamorph.data import write_mask, write_picture
from anamorph.tasks.pictures import pictures_of
from anamorph.tasks.proposing import proposal


def holding(data, tmp_path, *names):
    for name in names:
        source = data / name
        tmp_path.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    return tmp_path


def test_classes(data):
    found = proposal(data / "classes")
    config = found.config
    assert (config.task, config.mode, config.data.kind) == ("classify", "multiclass", "folders")
    assert pictures_of(config).classes == ("green", "red")
    assert "2 classes" in found.found
    assert tasks.load(yaml.safe_load(found.text)) == config
    assert tasks.propose(data / "classes") == config


@pytest.mark.parametrize(
    ("names", "task", "mode", "kind"),
    [
        (("images", "masks"), "segment", "binary", "masks"),
        (("images", "coco.json"), "detect", "boxes", "coco"),
        (("images", "labels.csv"), "classify", "multilabel", "table"),
    ],
)
def test_kinds(data, tmp_path, names, task, mode, kind):
    config = tasks.propose(holding(data, tmp_path, *names))
    assert (config.task, config.mode, config.data.kind) == (task, mode, kind)
    assert len(pictures_of(config)) == 16
    assert config.input.size == (32, 32)


def test_values_of_masks(data, tmp_path):
    folder = holding(data, tmp_path, "images")
    for path in (folder / "images").iterdir():
        mask = np.zeros((32, 40), np.uint8)
        mask[:9], mask[9:12] = 10, 200
        write_mask(folder / "masks" / path.name, mask)
    config = tasks.propose(folder)
    assert (config.mode, config.data.values) == ("multiclass", (0, 10, 200))
    assert pictures_of(config).classes == ("0", "10", "200")


def test_imbalance_large_pictures_and_depth(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("a", 9), ("b", 2)):
        for number in range(count):
            image = rng.integers(0, 65535, (40, 60), np.uint16)
            write_picture(tmp_path / "classes" / name / f"{number}.png", image)
    config = tasks.propose(tmp_path / "classes")
    assert config.train.balance == 0.5
    assert config.input.white == 65535
    assert config.folds.n == 2
    for number in range(2):
        large = np.zeros((900, 1200, 3), np.uint8)
        write_picture(tmp_path / "seg/images" / f"{number}.jpg", large)
        write_mask(tmp_path / "seg/masks" / f"{number}.png", large[..., 0] + np.uint8(number))
    config = tasks.propose(tmp_path / "seg")
    assert (config.input.fit, config.predict.tile, config.input.size) == ("crop", 512, (512, 512))


def test_nothing_known(tmp_path):
    with pytest.raises(DataError, match="holds nothing that tells labels"):
        tasks.propose(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        tasks.propose(tmp_path / "no")


@pytest.mark.parametrize("names", [("classes",), ("images", "masks"), ("images", "coco.json")])
def test_what_is_proposed_runs(data, tmp_path, names):
    folder = holding(data, tmp_path / "d", *names) if len(names) > 1 else data / "classes"
    quick = ["train.epochs=1", "folds.n=2", "folds.use=[0]", "train.workers=0"]
    small = [] if names == ("classes",) else ["input.size=[64, 64]"]
    encoder = ["model.encoder=test_resnet"]
    width = ["model.name=fcos", "model.options={width: 64}"] if "coco.json" in names else []
    config = tasks.load(tasks.propose(folder), [*quick, *small, *encoder, *width])
    assert tasks.fit(config, tmp_path / "runs").status == "done"
