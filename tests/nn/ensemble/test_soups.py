"""Soups: averages that are exact, gates that hold, refusals."""

import pytest
import torch
from torch import nn

from anamorph.core.errors import DataError, DataTypeError, ParameterError
from anamorph.nn.ensemble import best_soup, greedy_soup, uniform_soup


def _state(value):
    return {
        "w": torch.full((2, 2), float(value)),
        "half": torch.full((1,), float(value), dtype=torch.float16),
        "count": torch.tensor(int(value)),
    }


def test_the_mean_keeps_types_and_whole_numbers():
    mean = uniform_soup([_state(1), _state(2), _state(6)])
    assert torch.equal(mean["w"], torch.full((2, 2), 3.0))
    assert mean["half"].dtype == torch.float16
    assert mean["count"] == 1
    assert torch.equal(
        uniform_soup([_state(1), _state(5)], weights=(3, 1))["w"], torch.full((2, 2), 2.0)
    )


def test_a_soup_of_equals_is_bit_equal():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5))
    mean = uniform_soup([model] * 3)
    assert mean.keys() == model.state_dict().keys()
    assert all(torch.equal(mean[name], value) for name, value in model.state_dict().items())
    mean["0.weight"].zero_()
    assert model[0].weight.abs().sum() > 0


def test_files(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    torch.save(_state(1), tmp_path / "a.pt")
    safetensors.save_file(_state(3), tmp_path / "b.safetensors")
    assert uniform_soup([tmp_path / "a.pt", str(tmp_path / "b.safetensors")])["w"][0, 0] == 2


def test_the_best_few():
    states = [_state(value) for value in (1, 2, 3, 4)]
    assert best_soup(states, [0.1, 0.9, 0.8, 0.2], 2)["w"][0, 0] == 2.5
    assert best_soup(states, [0.1, 0.9, 0.8, 0.2], 2, mode="min")["w"][0, 0] == 2.5
    assert best_soup(states, [0.1, 0.9, 0.8, 0.2], 9)["w"][0, 0] == 2.5
    assert best_soup(states, [0.1, 0.2, 0.3, 0.4], 1)["w"][0, 0] == 4


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_gate_takes_what_helps_and_nothing_else(mode):
    target, sign = 2.0, 1 if mode == "min" else -1

    def score(state):
        return sign * abs(float(state["w"][0, 0]) - target)

    soup = greedy_soup([_state(value) for value in (1, 3.5, 40, 2.6)], score, mode=mode)
    assert soup.chosen == (3, 0)
    assert soup.state["w"][0, 0] == pytest.approx(1.8)
    assert soup.score == pytest.approx(sign * 0.2)
    assert soup.singles == pytest.approx([sign * value for value in (1, 1.5, 38, 0.6)])


def test_a_soup_is_never_worse_than_the_best():
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        states = [{"w": torch.randn(3, generator=generator)} for _ in range(6)]
        soup = greedy_soup(states, lambda state: -float(state["w"].square().sum()))
        assert soup.score >= max(soup.singles)
        assert soup.score == pytest.approx(-float(soup.state["w"].square().sum()), rel=1e-5)


def test_a_score_that_changes_what_it_gets_does_no_harm():
    states = [_state(1), _state(3)]

    def score(state):
        value = float(state["w"][0, 0])
        state["w"].zero_()
        return value

    soup = greedy_soup(states, score)
    assert (states[0]["w"] == 1).all()
    assert soup.state["w"][0, 0] == 3


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: uniform_soup([]), ParameterError, "nothing to merge"),
        (lambda: uniform_soup([{"a": torch.ones(1)}, {"b": torch.ones(1)}]), DataError, "'a' is in one only"),
        (lambda: uniform_soup([{"a": torch.ones(1)}, {"a": torch.ones(2)}]), DataError, r"shape \(2,\)"),
        (lambda: uniform_soup([{"a": 1}]), DataTypeError, "parameters by name"),
        (lambda: best_soup([_state(1)], [1, 2], 1), DataError, "1 checkpoints have 2 scores"),
        (lambda: best_soup([_state(1)], [1], 0), ParameterError, "best_soup.k"),
        (lambda: greedy_soup([_state(1)], lambda _: float("nan")), DataError, "not a number"),
        (lambda: greedy_soup([_state(1)], lambda _: 0, mode="best"), ParameterError, "greedy_soup.mode"),
    ],
)  # fmt: skip
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()
