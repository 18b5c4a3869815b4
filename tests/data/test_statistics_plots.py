"""Plots: that there is a panel for whatever there is, and nothing where matplotlib is not."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, MissingFileError, UndefinedError
from anamorph.data import CocoDataset, MaskFolders, TableDataset, measure, write_picture
from anamorph.data.plots import PANELS, _ticks, plot
from anamorph.data.statistics import Spread

ASSETS = Path(A.__file__).parent / "assets"


@pytest.fixture(scope="module")
def coco():
    return measure(CocoDataset(ASSETS / "images", ASSETS / "annotations.json"))


@pytest.fixture(scope="module")
def masks():
    return measure(MaskFolders(ASSETS / "images", ASSETS / "masks"))


def panels(statistics):
    return [draw.__name__ for draw, there in PANELS.items() if there(statistics)]


def test_a_panel_for_what_there_is(coco, masks):
    assert set(panels(masks)) == {"_draw_pixels", "_draw_sizes", "_draw_aspects", "_draw_masks"}
    assert set(panels(coco)) == {draw.__name__ for draw in PANELS} - {"_draw_masks"}


def test_without_matplotlib(coco, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingFileError, match=r"anamorph\[plots\]"):
        plot(coco, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw(tmp_path):
    with pytest.raises(UndefinedError, match="nothing to draw"):
        plot(measure(TableDataset([{"image": "none.png"}])), tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["coco", "masks"])
def test_files(kind, tmp_path, request):
    pytest.importorskip("matplotlib")
    statistics = request.getfixturevalue(kind)
    plot(statistics, tmp_path / "a.png", title="a title")
    page = cv2.imread(str(tmp_path / "a.png"))
    assert page.shape[1] > 1000
    assert page.std() > 20
    plot(statistics, tmp_path / "a.svg")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    with pytest.raises(DataError, match="xyz"):
        plot(statistics, tmp_path / "a.xyz")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_pictures_of_any_kind(dtype, channels, tmp_path):
    pytest.importorskip("matplotlib")
    write_picture(tmp_path / "a.png", np.zeros((1, 1, 3), np.uint8))
    shape = (6, 5, channels)
    table = TableDataset(
        [{"image": "a.png"}], root=tmp_path, reader=lambda _: np.ones(shape, dtype)
    )
    plot(measure(table), tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 1000


@pytest.mark.parametrize("ends", [(0.02, 1), (3, 500), (1e-4, 1e4), (0.3, 0.4), (7, 8)])
def test_ticks_are_round_and_few(ends):
    ticks = _ticks(*ends)
    assert len(ticks) <= 9
    assert all(ends[0] <= tick <= ends[1] for tick in ticks)


def test_whole_numbers_have_bins_of_their_own():
    found = Spread.of([0, 2, 2, 5])
    assert found.counts == (1, 0, 2, 0, 0, 1)
    assert found.edges[0] == -0.5
