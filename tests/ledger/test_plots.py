"""Cross-validation against the leaderboard."""

from __future__ import annotations

import pytest

from anamorph.core.errors import DataError, UndefinedError
from anamorph.ledger.plots import correlations, plot, points


@pytest.fixture
def scored(ledger, trained):
    for cv, board in ((0.5, 0.4), (0.6, 0.6), (0.7, 0.5), (0.9, None)):
        run = trained(ledger, cv)
        if board is not None:
            run.leaderboard(board)
    return ledger


def test_points(scored):
    found = points(scored.runs())
    assert [(round(x, 2), y) for _, x, y in found] == [(0.51, 0.4), (0.61, 0.6), (0.71, 0.5)]
    assert points(scored.runs(), "none") == []
    assert points(scored.runs(), split="private") == []


def test_correlations():
    assert correlations([(1, 1), (2, 4), (3, 9)]) == (pytest.approx(0.98974, abs=1e-5), 1.0)
    assert correlations([(1, 2), (1, 3), (2, 3)])[1] == pytest.approx(0.5)
    assert correlations([(1, 2)]) is None
    assert correlations([(1, 2), (1, 3)]) is None


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_plot(ending, scored, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"cv.{ending}"
    assert plot(scored.runs(), path) == (pytest.approx(0.5), pytest.approx(0.5))
    assert path.stat().st_size > 1000


def test_what_cannot_be_drawn(scored, ledger, trained, tmp_path):
    with pytest.raises(UndefinedError, match="no run has a score and one of the private"):
        plot(scored.runs(), tmp_path / "a.png", split="private")
    with pytest.raises(DataError, match=r"written as \.png"):
        plot(scored.runs(), tmp_path / "a.txt")
    run = trained(ledger)
    run.scores("iou", "max", {0: {"iou": 0.5}})
    run.leaderboard(0.5)
    with pytest.raises(UndefinedError, match="ranked by dice, iou: name one metric"):
        plot(ledger.runs(), tmp_path / "a.png")
