"""show, explain, list, bench, and the command line as a whole."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import anamorph as A
from anamorph import cli
from anamorph.cli.bench import compared, traced
from anamorph.cli.draw import color_of, shaded, viewable
from anamorph.cli.pipelines import brief, configured, load_pipeline
from anamorph.data import read_picture, write_picture
from anamorph.data.reading import decode_picture

LINE = "HorizontalFlip(p=1) | Affine(rotate=(-20, 20), p=1)"


# ------------------------------------------------------------------------------------ show


def test_show_draws_everything(data, anamorph_run):
    words = ["--images", data.images, "--masks", data.masks, "--annotations", data.coco]
    out = data.root / "sheet"
    told = anamorph_run("show", LINE, *words, "--out", out, "--variants", 3, "--cell", 96)
    assert told.status == 0
    assert told.out.split() == [f"{out}.png", f"{out}.html"]
    sheet = read_picture(f"{out}.png")
    assert sheet.shape == (3 * (96 + 28) + 8, 4 * (96 + 8) + 8, 3)
    page = (data.root / "sheet.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == 12
    for layer in ("masks", "outlines", "boxes", "keypoints"):
        assert page.count(f'<g class="{layer}">') == 12
    assert "a.png" in page
    assert "left_eye" in page
    assert not re.search(r'(src|href)="(?!data:)', page), "the page must hold everything in itself"


def test_show_without_labels_and_of_one_picture(data, anamorph_run):
    out = data.root / "one"
    told = anamorph_run("show", LINE, "--images", data.images / "b.jpg", "--out", out)
    assert told.status == 0
    page = (data.root / "one.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == 5
    assert "<g class=" not in page


def test_show_shows_what_augment_writes(data, anamorph_run):
    out = data.root / "sheet"
    anamorph_run("show", LINE, "--images", data.images / "a.png", "--out", out, "--variants", 1)
    anamorph_run("augment", LINE, "--images", data.images, "--out", data.root / "out")
    page = (data.root / "sheet.html").read_text(encoding="utf-8")
    shown = [
        decode_picture(base64.b64decode(text)) for text in re.findall(r"base64,([^\"]+)", page)
    ]
    written = read_picture(data.root / "out/images/a-0.png")
    assert np.abs(shown[1].astype(int) - written).mean() < 6
    assert np.abs(shown[0].astype(int) - written).mean() > 12


def test_show_takes_few_of_many(data, anamorph_run):
    words = ["--images", data.images, "--out", data.root / "few", "--pictures", 2, "--variants", 1]
    assert anamorph_run("show", LINE, *words).status == 0
    assert (data.root / "few.html").read_text().count("<figure>") == 4


@pytest.mark.parametrize(
    "image",
    [
        np.full((5, 7), 9, np.uint8),
        np.full((5, 7, 1), 9, np.uint8),
        np.full((5, 7, 4), 9, np.uint8),
        np.full((5, 7, 8), 0.5, np.float32),
        np.linspace(-2, 2, 105, dtype=np.float32).reshape(5, 7, 3),
        np.full((5, 7, 3), 40_000, np.uint16),
    ],
)
def test_any_picture_can_be_seen(image):
    seen = viewable(image)
    assert seen.shape == (5, 7, 3)
    assert seen.dtype == np.uint8


def test_tensors_can_be_seen():
    torch = pytest.importorskip("torch")
    seen = viewable(torch.zeros(3, 5, 7))
    assert seen.shape == (5, 7, 3)


def test_masks_of_numbers_and_of_channels_are_shaded_alike():
    picture = np.zeros((4, 6, 3), np.uint8)
    labels = np.zeros((4, 6), np.uint8)
    labels[:, 3:] = 2
    channels = np.zeros((4, 6, 2), bool)
    channels[:, 3:, 1] = True
    assert np.array_equal(shaded(picture, labels), shaded(picture, channels))
    assert shaded(picture, labels)[0, 5].any()
    assert not shaded(picture, labels)[0, 0].any()
    assert len({color_of(at) for at in range(40)}) == 40


# --------------------------------------------------------------------- explain, list, bench


def test_explain_tells_what_fused(data, anamorph_run):
    told = anamorph_run("explain", LINE, data.images / "a.png", "--seed", 3)
    assert told.status == 0
    for word in ("HorizontalFlip", "Affine", "µs", "resampling"):
        assert word in told.out
    timeless = re.compile(r" *\d+ µs")
    again = anamorph_run("explain", LINE, data.images / "a.png", "--seed", 3)
    other = anamorph_run("explain", LINE, data.images / "a.png", "--seed", 4)
    assert timeless.sub("", again.out) == timeless.sub("", told.out)
    assert timeless.sub("", other.out) != timeless.sub("", told.out)


def test_list_names_every_transform(anamorph_run):
    told = anamorph_run("list", "--json")
    entries = {entry["name"]: entry for entry in json.loads(told.out)}
    assert set(A.catalogue()) <= set(entries)
    assert {"Compose", "OneOf", "SomeOf"} <= set(entries)
    assert all(entry["summary"] for entry in entries.values())
    assert all(row["wanted"] for name in A.catalogue() for row in entries[name]["parameters"])
    limit = {row["name"]: row for row in entries["Rotate"]["parameters"]}["limit"]
    assert limit["unit"] == "degrees"
    assert limit["default"] == "(-90, 90)"
    told = anamorph_run("list")
    assert told.status == 0
    assert "HorizontalFlip" in told.out


def test_list_one(anamorph_run):
    told = anamorph_run("list", "rotate")
    assert told.status == 0
    assert "of degrees" in " ".join(told.out.split())
    told = anamorph_run("list", "OneOf")
    assert "transforms" in told.out
    told = anamorph_run("list", "Crop")
    assert "(needed)" in told.out or "x_min" in told.out
    told = anamorph_run("list", "flip")
    assert "HorizontalFlip" in told.out
    assert "VerticalFlip" in told.out
    assert "Rotate" not in told.out


def test_list_unknown(anamorph_run):
    told = anamorph_run("list", "HorizontalFlop")
    assert told.status == 2
    assert "did you mean HorizontalFlip" in told.err


def test_bench_compares_fused_and_unfused(data, anamorph_run):
    write_picture(data.root / "p.png", np.zeros((64, 64, 3), np.uint8))
    words = ["--image", data.root / "p.png", "--seconds", 0.1, "--size", 32]
    told = anamorph_run("bench", LINE, *words)
    assert told.status == 0
    assert "32x32x3 uint8" in told.out
    for word in ("fused", "unfused", "gain", "HorizontalFlip + Affine", "resampling"):
        assert word in told.out


def test_bench_on_the_photograph_of_the_package(anamorph_run):
    assert "astronaut.jpg, 512x512x3" in anamorph_run("bench", LINE, "--seconds", 0.1).out


def test_bench_measures_the_same_draws():
    pipeline = load_pipeline("HorizontalFlip(p=0.5) | Affine(rotate=(-20, 20), p=0.5)")
    picture = np.zeros((16, 16, 3), np.uint8)
    ways = {mode: configured(pipeline, seed=1, fuse=mode) for mode in ("all", "none")}
    times = compared(ways, picture, 0.02)
    assert len(times["all"]) == len(times["none"]) >= 5
    single = traced(ways["none"], picture, 0.02)
    assert {cost.name for cost in single} <= {"HorizontalFlip", "Affine"}
    assert all(min(cost.times) > 0 for cost in single)


def test_brief_leaves_defaults_out():
    pipeline = load_pipeline("HorizontalFlip(p=0.5) | OneOf([Blur(), Rotate(limit=9)], p=0.2)")
    text = brief(pipeline)
    assert "HorizontalFlip()" in text
    assert "Rotate(limit=(-9, 9))" in text
    assert "p=0.2" in text
    assert list(load_pipeline(text).transforms) == list(pipeline.transforms)


# ------------------------------------------------------------------------------- as a whole


def test_help_names_all_commands(anamorph_run):
    told = anamorph_run("--help")
    assert told.status == 0
    for command in ("augment", "show", "explain", "list", "bench"):
        assert command in told.out


@pytest.mark.parametrize("words", [["nonsense"], ["augment"], ["list", "--no-such"]])
def test_mistakes_in_the_words_give_status_2(anamorph_run, words):
    assert anamorph_run(*words).status == 2


def test_without_the_extra_one_sentence(monkeypatch):
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "rich" else object())
    with pytest.raises(SystemExit, match=r'needs rich: run  pip install "anamorph\[cli\]"'):
        cli.main()


def test_python_dash_m(data):
    words = [sys.executable, "-m", "anamorph.cli", "explain", "NoSuch", str(data.images / "a.png")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "anamorph: pipeline 'NoSuch': there is no transform NoSuch\n"
