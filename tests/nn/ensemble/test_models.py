"""Ensembles of modules: merged outputs of any form, weights, refusals; and the moving average."""

import pytest
import torch
from torch import nn

from anamorph.core.errors import DataError, ParameterError, ParameterTypeError, UnknownNameError
from anamorph.nn.ensemble import EMA, Ensemble


class Says(nn.Module):
    """Says the same whatever it is asked."""

    def __init__(self, said):
        super().__init__()
        self.said = said
        self.asked = 0

    def forward(self, x, *, scale=1):
        self.asked += 1
        return self.said


A, B = torch.tensor([[0.0, 2.0]]), torch.tensor([[4.0, -2.0]])


def test_the_mean_of_logits_and_of_probabilities_differ():
    x = torch.zeros(1)
    torch.testing.assert_close(Ensemble([Says(A), Says(B)])(x), torch.tensor([[2.0, 0.0]]))
    merged = Ensemble([Says(A), Says(B)], activation="softmax")(x)
    torch.testing.assert_close(merged, (A.softmax(1) + B.softmax(1)) / 2)


@pytest.mark.parametrize("merge", ["gmean", "hmean", "power", "logit_mean", "max"])
def test_distributions_stay_such(merge):
    merged = Ensemble([Says(A), Says(B)], merge=merge, activation="softmax")(torch.zeros(1))
    torch.testing.assert_close(merged.sum(1), torch.ones(1))


def test_outputs_of_any_form_are_kept():
    def output(value):
        return {"mask": torch.full((1, 2), value), "more": (torch.full((1,), value * 2),)}

    merged = Ensemble([Says(output(1.0)), Says(output(3.0))], weights=(1, 3))(torch.zeros(1))
    assert isinstance(merged["more"], tuple)
    torch.testing.assert_close(merged["mask"], torch.full((1, 2), 2.5))
    torch.testing.assert_close(merged["more"][0], torch.full((1,), 5.0))


def test_a_model_of_weight_zero_is_not_asked():
    silent = Says(B)
    merged = Ensemble([Says(A), silent], weights=(1, 0))(torch.zeros(1), scale=2)
    assert silent.asked == 0
    torch.testing.assert_close(merged, A)


def test_half_precision_comes_back_as_such():
    half = Says(A.bfloat16())
    assert Ensemble([half, half])(torch.zeros(1)).dtype == torch.bfloat16


def test_outputs_are_not_changed_and_gradients_flow():
    model = nn.Linear(2, 2)
    said = A.clone()
    Ensemble([Says(said), model])(torch.ones(1, 2)).sum().backward()
    assert torch.equal(said, A)
    assert model.weight.grad is not None
    assert len(list(Ensemble([model, model]).parameters())) == 2


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: Ensemble([]), ParameterError, "nothing to merge"),
        (lambda: Ensemble([abs]), ParameterTypeError, "must be modules"),
        (lambda: Ensemble([Says(A)], merge="gmean"), ParameterError, "only for probabilities"),
        (lambda: Ensemble([Says(A)], merge="avg"), UnknownNameError, "must be one of"),
        (lambda: Ensemble([Says(A)], activation="softmx"), UnknownNameError, "did you mean softmax"),
        (lambda: Ensemble([Says(A), Says(B[:, :1])])(0), DataError, r"model 1's output is \(1, 1\)"),
        (lambda: Ensemble([Says({"a": A}), Says(A)])(0), DataError, "another kind of output"),
        (lambda: Ensemble([Says("text")])(0), DataError, "a tensor is wanted"),
    ],
)  # fmt: skip
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


# ------------------------------------------------------------------------------- EMA


def _set(model, value):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)


@pytest.mark.parametrize("warmup", [True, False])
def test_the_average_is_that_of_the_formula(warmup):
    model = nn.Linear(2, 2)
    _set(model, 1.0)
    average = EMA(model, 0.9, warmup=warmup)
    wanted = None
    for count, value in enumerate([1.0, 5.0, -3.0, 2.0]):
        _set(model, value)
        average.update(model)
        rate = min(0.9, (1 + count) / (10 + count)) if warmup else 0.9
        wanted = value if wanted is None else rate * wanted + (1 - rate) * value
        torch.testing.assert_close(average.module.weight, torch.full((2, 2), wanted))
    torch.testing.assert_close(model.weight, torch.full((2, 2), 2.0))


def test_buffers_are_those_of_the_model():
    model = nn.BatchNorm1d(3)
    average = EMA(model)
    model(torch.randn(8, 3) + 5)
    average.update(model)
    torch.testing.assert_close(average.module.running_mean, model.running_mean)
    assert average.module.num_batches_tracked == 1


def test_it_goes_on_from_its_state():
    torch.manual_seed(0)
    model, other = nn.Linear(2, 2), nn.Linear(2, 2)
    first = EMA(model, 0.8)
    first.update(model)
    first.update(other)
    second = EMA(nn.Linear(2, 2), 0.8)
    second.load_state_dict(first.state_dict())
    for average in (first, second):
        average.update(other)
    assert torch.equal(first.module.weight, second.module.weight)
    assert not any(parameter.requires_grad for parameter in first.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("decay", [1, -0.1, "much"])
def test_decay_is_less_than_one(decay):
    with pytest.raises(ParameterError, match=r"EMA.decay"):
        EMA(nn.Linear(1, 1), decay)
