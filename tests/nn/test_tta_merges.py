"""What views say becomes one: by definition, with weights, with parts unseen, on probabilities."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from anamorph.core.errors import DataError, ParameterError, UnknownNameError
from anamorph.nn.tta import ACTIVATIONS, MERGES, TTA, Output, Power, Scales
from anamorph.nn.tta.merges import as_merge

P = torch.tensor([[0.2, 0.9, 0.5], [0.4, 0.6, 0.5], [0.9, 0.1, 0.5]], dtype=torch.float64)
"""What three views say of three things."""
WEIGHTS = (1.0, 2.0, 0.5)
EQUAL = (1.0, 1.0, 1.0)


def mean(p, w):
    return (p * w).sum(0) / w.sum()


DEFINITIONS = {
    "mean": mean,
    "gmean": lambda p, w: (p**w).prod(0) ** (1 / w.sum()),
    "hmean": lambda p, w: w.sum() / (w / p).sum(0),
    "logit_mean": lambda p, w: 1 / (1 + torch.exp(-mean(torch.log(p / (1 - p)), w))),
    "power": lambda p, w: mean(p**0.5, w) ** 2,
    "max": lambda p, _: p.max(0).values,
    "min": lambda p, _: p.min(0).values,
}


def merged(merge, values, weights):
    merging = as_merge(merge).begin()
    for value, weight in zip(values, weights, strict=True):
        merging.add(value, weight)
    return merging.result()


def test_every_merge_has_a_definition():
    assert set(DEFINITIONS) == set(MERGES)


@pytest.mark.parametrize("name", MERGES)
@pytest.mark.parametrize("weights", [EQUAL, WEIGHTS])
def test_merges_are_what_they_are_called(name, weights):
    want = DEFINITIONS[name](P, torch.tensor(weights, dtype=torch.float64)[:, None])
    torch.testing.assert_close(merged(name, P, weights), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MERGES)
def test_order_does_not_matter_and_agreement_changes_nothing(name):
    torch.testing.assert_close(merged(name, P, EQUAL), merged(name, P.flip(0), EQUAL))
    same = torch.rand(50, dtype=torch.float64)
    torch.testing.assert_close(merged(name, [same] * 7, [0.3] * 7), same, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["mean", "max", "min"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agreement_is_kept_to_the_bit(name, dtype):
    same = torch.randn(999, dtype=dtype)
    assert torch.equal(merged(name, [same] * 7, [1 / 3] * 7), same)


@pytest.mark.parametrize("name", MERGES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_ends_of_the_range_give_numbers(name, dtype):
    """Certain views give no NaN, and nothing outside of [0, 1]."""
    values = torch.tensor([[0, 1, 0, 1, 0.5], [0, 1, 1, 0, 0], [0, 1, 0, 1, 1]]).to(dtype)
    out = merged(name, values, EQUAL)
    assert torch.isfinite(out).all()
    assert ((out >= 0) & (out <= 1)).all()
    torch.testing.assert_close(out[:2].float(), torch.tensor([0.0, 1.0]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MERGES)
def test_views_that_do_not_see_a_place_have_no_say_there(name):
    seen = torch.tensor([[1.0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)
    out = merged(name, P, seen)
    for place in range(3):
        rows = seen[:, place] > 0
        want = merged(name, P[rows, place : place + 1], [1.0] * int(rows.sum()))
        torch.testing.assert_close(out[place : place + 1], want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MERGES)
def test_gradients_are_finite(name):
    values = P.clone().requires_grad_()
    merged(name, values, EQUAL).sum().backward()
    assert torch.isfinite(values.grad).all()
    assert (values.grad.abs().sum(0) > 0).all()


def test_power_means_lie_between():
    names = [Power(0.01), Power(0.5), "mean", Power(2)]
    low, half, middle, high = (merged(name, P, EQUAL)[:2] for name in names)
    assert (low < half).all()
    assert (half < middle).all()
    assert (middle < high).all()
    torch.testing.assert_close(low, merged("gmean", P, EQUAL)[:2], rtol=0.01, atol=0)


def test_a_function_of_the_users():
    median = merged(lambda values, _: values.median(0).values, P, EQUAL)
    assert median.tolist() == [0.4, 0.6, 0.5]
    by_weight = merged(lambda values, weights: (values * weights).sum(0), P, WEIGHTS)
    torch.testing.assert_close(by_weight, merged("mean", P, WEIGHTS))
    seen = torch.tensor([[1.0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)
    shares = merged(lambda _, weights: weights.sum(0), P, seen)
    assert shares.tolist() == [1, 1, 1]
    whole_and_part = merged(lambda _, weights: weights[1] * 0 + weights[0], P[:2], (1.0, seen[0]))
    assert whole_and_part.tolist() == [0.5, 1, 0.5]


# ------------------------------------------------------------- logits and probabilities


def heads(*logits):
    """A model that says one thing after another."""
    said = iter(logits)
    return lambda batch: torch.tensor([next(said)], dtype=torch.float64).expand(len(batch), -1)


BATCH = torch.zeros(1, 1, 2, 2)
A, B = (2.0, -1.0, 0.5), (-1.0, 0.0, 3.0)


@pytest.mark.parametrize("name", [n for n, merge in MERGES.items() if merge.probabilities])
def test_merges_of_probabilities_refuse_what_nobody_calls_so(name):
    with pytest.raises(ParameterError, match=f"merge = '{name}': it has a meaning only for prob"):
        TTA(nn.Identity(), "d4", merge=name)
    TTA(nn.Identity(), "d4", merge=name, activation="sigmoid")


def test_the_activation_comes_before_the_merge():
    a, b = torch.tensor(A, dtype=torch.float64), torch.tensor(B, dtype=torch.float64)
    soft = TTA(heads(A, B), "hflip", activation="softmax")(BATCH)[0]
    torch.testing.assert_close(soft, (a.softmax(0) + b.softmax(0)) / 2)
    hard = TTA(heads(A, B), "hflip", activation="sigmoid")(BATCH)[0]
    torch.testing.assert_close(hard, (a.sigmoid() + b.sigmoid()) / 2)
    raw = TTA(heads(A, B), "hflip")(BATCH)[0]
    torch.testing.assert_close(raw, (a + b) / 2)


def test_the_mean_of_logits():
    a, b = torch.tensor(A, dtype=torch.float64), torch.tensor(B, dtype=torch.float64)
    out = TTA(heads(A, B), "hflip", activation="sigmoid", merge="logit_mean")(BATCH)[0]
    torch.testing.assert_close(out, ((a + b) / 2).sigmoid())
    out = TTA(heads(A, B), "hflip", activation="softmax", merge="gmean")(BATCH)[0]
    torch.testing.assert_close(out, ((a + b) / 2).softmax(0))


@pytest.mark.parametrize("name", [n for n in MERGES if n != "logit_mean"])
def test_a_softmax_stays_a_distribution(name):
    out = TTA(heads(A, B), "hflip", activation="softmax", merge=name)(BATCH)
    torch.testing.assert_close(out.sum(1), torch.ones(1, dtype=torch.float64))


def test_what_is_said_to_be_a_probability_is_looked_at():
    for name in ("probabilities", "distribution", lambda x: x):
        with pytest.raises(DataError, match=r"not all in \[0, 1\]"):
            TTA(heads(A, B), "hflip", activation=name, merge="gmean")(BATCH)
    nan = (float("nan"),) * 3
    with pytest.raises(DataError, match=r"not all in \[0, 1\]"):
        TTA(heads(nan, nan), "hflip", activation="probabilities")(BATCH)
    out = TTA(heads((0.2, 0.8), (0.4, 0.6)), "hflip", activation="distribution", merge="hmean")(
        BATCH
    )
    assert out.sum().item() == pytest.approx(1)


def test_sharp_merges_of_logits_through_sigmoid_have_no_nan():
    torch.manual_seed(0)
    batch = torch.randn(1, 1, 101, 101) * 30
    for name in MERGES:
        out = TTA(nn.Identity(), Scales(1, 1.5), "dense", activation="sigmoid", merge=name)(batch)
        assert ((out >= 0) & (out <= 1)).all()


def test_softmax_needs_classes():
    with pytest.raises(DataError, match=r"dimension 1 must be the classes"):
        TTA(lambda b: b[:, 0], "d4", "dense", activation="softmax")(torch.zeros(1, 3, 4, 5))
    with pytest.raises(DataError, match=r"dimension 1 must be the classes"):
        TTA(lambda b: b.mean((1, 2, 3)), "d4", activation="softmax")(torch.zeros(1, 3, 4, 5))


REFUSED = {
    "a merge": ({"merge": "gmaen"}, UnknownNameError, "did you mean gmean"),
    "an activation": ({"activation": "softmx"}, UnknownNameError, "did you mean softmax"),
    "an activation of points": (
        {"task": "keypoints", "activation": "sigmoid"}, ParameterError, "are no probabilities",
    ),
    "a merge of points": (
        {"task": "keypoints", "merge": "gmean"}, ParameterError, "one that coordinates have",
    ),
    "a merge of boxes": (
        {"task": "detection", "merge": "mean"}, ParameterError, "a function of views",
    ),
    "coordinates": ({"coordinates": "pixel"}, UnknownNameError, "did you mean pixels"),
    "pairs": ({"flip_pairs": ((1, 2), (2, 3))}, ParameterError, "each place named once"),
    "no pairs": ({"flip_pairs": (1, 2)}, ParameterError, "must be pairs of places"),
    "a fill": ({"uncovered": "no"}, ParameterError, r"TTA\.uncovered = 'no'"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "error", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_outputs_refuse(given, error, words):
    with pytest.raises(error, match=words):
        Output(**given)


@pytest.mark.parametrize("exponent", [0, -1, "2"])
def test_power_refuses(exponent):
    with pytest.raises(ParameterError, match=r"Power\.exponent"):
        Power(exponent)


def test_every_activation_gives_probabilities():
    values = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    for activation in ACTIVATIONS.values():
        out = activation.apply(values)
        assert ((out >= 0) & (out <= 1)).all()
        if activation.sums:
            torch.testing.assert_close(out.sum(1), torch.ones(2))
