"""From a folder to scored predictions on the command line."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph.data import write_picture
from anamorph.ledger import Ledger

QUICK = (
    "train.epochs=1", "train.batch=4", "train.workers=0", "folds.n=2", "model.encoder=test_resnet",
)  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(12):
        image = rng.integers(0, 60, (32, 40, 3)).astype(np.uint8)
        image[..., number % 2] += 150
        write_picture(root / ("red", "green")[number % 2] / f"{number:02}.png", image)
    return root


def test_all_the_way(anamorph_run, photos, tmp_path):
    config, root, out = tmp_path / "config.yaml", tmp_path / "runs", tmp_path / "out"
    done = anamorph_run("init", photos, "-o", config)
    assert (done.status, "12 pictures, 2 classes" in done.out) == (0, True)
    assert "--overwrite" in anamorph_run("init", photos, "-o", config).err
    done = anamorph_run("fit", config, *QUICK, "--root", root)
    assert done.status == 0, done.err
    assert "balanced_accuracy" in done.out
    (row,) = Ledger(root).runs()
    done = anamorph_run("predict", row.id, photos, "-o", out, "--root", root)
    assert (done.status, "12 pictures predicted" in done.out) == (0, True)
    assert len((out / "predictions.csv").read_text().splitlines()) == 13
    done = anamorph_run("evaluate", row.id, photos, "--root", root, "--json")
    assert 0 <= json.loads(done.out)["accuracy"] <= 1
    assert "±" in anamorph_run("evaluate", row.id, "--root", root).out
    done = anamorph_run(
        "tta", row.id, photos, "--root", root, "--views", "none", "--views", "hflip"
    )
    assert "hflip" in done.out
    assert "accuracy" in done.out
    both = tmp_path / "both"
    done = anamorph_run("ensemble", row.id, row.id, "-o", both, "--root", root, "--weights", "1,2")
    assert done.status == 0, done.err
    done = anamorph_run("ensemble", row.id, row.id, "-o", both, "--root", root, "--search")
    assert "weights" in done.out
    assert anamorph_run("predict", both, photos / "red", "-o", tmp_path / "red").status == 0


MISTAKES = [
    (("fit",), "which configuration"),
    (("fit", "no.yaml"), "no.yaml cannot be read"),
    (("fit", "train.epochs=3"), "which configuration"),
    (("predict", "no", "no", "-o", "out"), "there is no run 'no'"),
    (("init", "no"), "no is no folder"),
    (("ensemble", "a", "-o", "x", "--search", "--weights", "1"), "give one of them"),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES)
def test_mistakes_are_sentences(anamorph_run, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    done = anamorph_run(*words)
    assert done.status == 2
    assert told in done.err


def test_a_broken_picture_shows_in_the_status(anamorph_run, photos, tmp_path):
    root = tmp_path / "runs"
    config = tmp_path / "config.yaml"
    anamorph_run("init", photos, "-o", config)
    anamorph_run("fit", config, *QUICK, "folds.use=[0]", "--root", root)
    (row,) = Ledger(root).runs()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(b"nothing")
    done = anamorph_run("predict", row.id, tmp_path / "in", "-o", tmp_path / "out", "--root", root)
    assert done.status == 1
    assert "left out: " in done.err
