"""Scores of counts and confusions beside scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from anamorph.core.errors import DataError, ParameterError, UnknownNameError
from anamorph.nn.metrics import METRICS, SCORES, Confusion, Counts, build_metrics, mode_of, score

sklearn = pytest.importorskip("sklearn.metrics")

SAID, THERE = np.random.default_rng(0).integers(0, 2, (2, 200)).astype(bool)
PEERS = {
    "f1": sklearn.f1_score,
    "dice": sklearn.f1_score,
    "f2": lambda t, p: sklearn.fbeta_score(t, p, beta=2),
    "f0.5": lambda t, p: sklearn.fbeta_score(t, p, beta=0.5),
    "iou": sklearn.jaccard_score,
    "precision": sklearn.precision_score,
    "recall": sklearn.recall_score,
    "specificity": lambda t, p: sklearn.recall_score(~t, ~p),
    "accuracy": sklearn.accuracy_score,
    "balanced_accuracy": sklearn.balanced_accuracy_score,
    "mcc": sklearn.matthews_corrcoef,
    "kappa": sklearn.cohen_kappa_score,
}


def counts(said, there):
    return Counts.of(
        np.array(
            [
                (said & there).sum(),
                (said & ~there).sum(),
                (~said & there).sum(),
                (~said & ~there).sum(),
            ]
        )
    )


def test_all_scores_have_a_peer():
    assert set(PEERS) == set(SCORES)


@pytest.mark.parametrize("name", SCORES)
def test_scores_are_scikit_learns(name):
    for n in (200, 31, 8):
        said, there = SAID[:n], THERE[:n]
        assert score(name, counts(said, there)) == pytest.approx(PEERS[name](there, said))


@pytest.mark.parametrize("name", ["dice", "iou", "f2", "precision", "recall"])
def test_what_nothing_is_worth(name):
    nothing = counts(np.zeros(5, bool), np.zeros(5, bool))
    assert score(name, nothing, 1) == 1
    assert score(name, nothing, 0) == 0
    assert math.isnan(score(name, nothing, "skip"))
    for pair in ((SAID, THERE & False), (SAID & False, THERE)):
        assert score(name, counts(*pair), 1) == 0  # said falsely or missed is not empty


def test_confusion_is_scikit_learns_however_it_is_fed():
    said, there = np.random.default_rng(1).integers(0, 4, (2, 6, 5, 5))
    there[0, 0] = 255
    whole, parts, other = (Confusion(4, ignore_index=255) for _ in range(3))
    whole.update(torch.from_numpy(said), torch.from_numpy(there))
    for k in range(3):
        parts.update(said[k], there[k])
        other.update(said[k + 3], there[k + 3])
    parts.merge(other)
    kept = there != 255
    assert (whole.matrix == parts.matrix).all()
    assert (whole.matrix == sklearn.confusion_matrix(there[kept], said[kept])).all()
    want = sklearn.jaccard_score(there[kept], said[kept], average=None)
    np.testing.assert_allclose(whole.score("iou"), want)


def test_refused():
    with pytest.raises(UnknownNameError, match="did you mean dice"):
        score("dise", counts(SAID, THERE))
    with pytest.raises(DataError, match="class 4"):
        Confusion(4).update([4], [0])
    with pytest.raises(DataError, match="shape"):
        Confusion(4).update([1, 1], [0])


# ------------------------------------------------------------------------------ torchmetrics


def data(task, n=60):
    generator = torch.Generator().manual_seed(3)
    if task == "multiclass":
        return torch.randn(n, 6, generator=generator).softmax(1), torch.randint(
            6, (n,), generator=generator
        )
    shape = (n,) if task == "binary" else (n, 6)
    return torch.rand(shape, generator=generator), torch.randint(2, shape, generator=generator)


@pytest.mark.parametrize("task", METRICS)
def test_all_metrics_are_built_and_do_not_mind_batches(task):
    said, there = data(task)
    whole, parts = (build_metrics(task, list(METRICS[task]), classes=6) for _ in range(2))
    whole.update(said, there)
    for a, b in zip(said.split(7), there.split(7), strict=True):
        parts.update(a, b)
    one, many = whole.compute(), parts.compute()
    assert set(one) == set(METRICS[task])
    for name, value in one.items():
        torch.testing.assert_close(many[name], value, rtol=1e-5, atol=1e-6)
        assert whole[name].higher_is_better in (
            {"max": True, "min": False}[mode_of(task, name)],
            None,
        )


WANTED = [
    ("multiclass", "accuracy", lambda t, p: sklearn.accuracy_score(t, p.argmax(1))),
    (
        "multiclass",
        "balanced_accuracy",
        lambda t, p: sklearn.balanced_accuracy_score(t, p.argmax(1)),
    ),
    ("multiclass", "f1", lambda t, p: sklearn.f1_score(t, p.argmax(1), average="macro")),
    ("multiclass", "auroc", lambda t, p: sklearn.roc_auc_score(t, p, multi_class="ovr")),
    (
        "multiclass",
        "kappa_quadratic",
        lambda t, p: sklearn.cohen_kappa_score(t, p.argmax(1), weights="quadratic"),
    ),
    ("multiclass", "mcc", lambda t, p: sklearn.matthews_corrcoef(t, p.argmax(1))),
    ("multiclass", "log_loss", sklearn.log_loss),
    ("binary", "log_loss", sklearn.log_loss),
    ("binary", "auroc", sklearn.roc_auc_score),
    ("binary", "average_precision", sklearn.average_precision_score),
    ("multilabel", "f2", lambda t, p: sklearn.fbeta_score(t, p > 0.5, beta=2, average="macro")),
    (
        "multilabel",
        "f2_micro",
        lambda t, p: sklearn.fbeta_score(t, p > 0.5, beta=2, average="micro"),
    ),
    ("multilabel", "exact_match", lambda t, p: sklearn.accuracy_score(t, p > 0.5)),
]


@pytest.mark.parametrize(("task", "name", "peer"), WANTED, ids=[f"{r[0]}-{r[1]}" for r in WANTED])
def test_metrics_are_scikit_learns(task, name, peer):
    said, there = data(task)
    metric = build_metrics(task, [name], classes=6)
    metric.update(said, there)
    double = said.double() / (said.double().sum(1, keepdim=True) if task == "multiclass" else 1)
    assert metric.compute()[name].item() == pytest.approx(
        peer(there.numpy(), double.numpy()), abs=1e-5
    )


def test_log_loss_ignores_and_refuses_logits():
    said, there = data("multiclass")
    there[:10] = -1
    metric = build_metrics("multiclass", ["log_loss"], classes=6, ignore_index=-1)
    metric.update(said, there)
    share = said[10:].double()
    want = sklearn.log_loss(there[10:], share / share.sum(1, keepdim=True))
    assert metric.compute()["log_loss"].item() == pytest.approx(want, abs=1e-5)
    with pytest.raises(DataError, match="not logits"):
        metric.update(said * 30 - 10, there)
    sure = build_metrics("binary", ["log_loss"])
    sure.update(torch.tensor([0.0, 1.0]), torch.tensor([1, 1]))
    assert torch.isfinite(sure.compute()["log_loss"])


def test_names_are_checked():
    with pytest.raises(UnknownNameError, match="did you mean accuracy"):
        build_metrics("binary", ["acuracy"])
    with pytest.raises(ParameterError, match="multilabel"):
        mode_of("multi", "f1")
    with pytest.raises(ParameterError, match="top5 of 3 classes"):
        build_metrics("multiclass", ["top5"], classes=3)
