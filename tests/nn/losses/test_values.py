"""Losses beside torch, segmentation-models-pytorch, plain loops and what is known to go wrong elsewhere."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from anamorph.core.errors import DataError, ParameterError, ParameterTypeError, UnknownNameError
from anamorph.nn import losses
from anamorph.nn.losses import (
    BCE,
    CE,
    BalancedBCE,
    BCEJaccard,
    BiTempered,
    Boundary,
    DeepSupervision,
    Dice,
    Focal,
    Hausdorff,
    Jaccard,
    Lovasz,
    Sum,
    TopK,
    Tversky,
    build,
)
from anamorph.nn.losses.distances import compared, distance_inside, signed_distance
from anamorph.nn.losses.entropy import tempered_softmax

Z = torch.randn(3, 4, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
K = torch.randint(4, (3, 6, 5), generator=torch.Generator().manual_seed(1))
T = torch.randint(2, (3, 4, 6, 5), generator=torch.Generator().manual_seed(2))
W = (0.5, 1.0, 2.0, 3.0)


def test_bce_is_torchs():
    pos = torch.tensor(W, dtype=torch.float64)
    want = functional.binary_cross_entropy_with_logits(
        Z, T.double(), pos_weight=pos.view(4, 1, 1), reduction="none"
    )
    loss = BCE(mode="multilabel", positive=W, reduction="none")
    torch.testing.assert_close(loss(Z, T), want)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_ce_is_torchs(smoothing):
    known = K.clone()
    known[0, :3] = -100
    want = functional.cross_entropy(Z, known, label_smoothing=smoothing)
    torch.testing.assert_close(CE(ignore_index=-100, smoothing=smoothing)(Z, known), want)


def test_ce_with_weights_is_torchs():
    want = functional.cross_entropy(Z, K, weight=torch.tensor(W, dtype=torch.float64))
    torch.testing.assert_close(CE(weights=W)(Z, K), want)


def test_mixed_targets_are_mixtures_of_losses():
    a, b = (functional.one_hot(k, 4).movedim(-1, 1).double() for k in (K, K.flip(0)))
    mixed = CE()(Z, 0.3 * a + 0.7 * b)
    torch.testing.assert_close(mixed, 0.3 * CE()(Z, K) + 0.7 * CE()(Z, K.flip(0)))


def test_focal_is_torchvisions():
    ops = pytest.importorskip("torchvision.ops")
    want = ops.sigmoid_focal_loss(Z, T.double(), alpha=0.25, gamma=2.0, reduction="mean")
    torch.testing.assert_close(Focal(mode="multilabel", alpha=0.25)(Z, T), want)


def test_focal_without_focus_is_cross_entropy():
    torch.testing.assert_close(
        Focal(mode="multiclass", gamma=0)(Z, K), functional.cross_entropy(Z, K)
    )


def test_focal_of_classes_by_hand():
    p = Z.softmax(1).gather(1, K[:, None])
    want = (-((1 - p) ** 1.5) * p.log()).mean()
    torch.testing.assert_close(Focal(mode="multiclass", gamma=1.5)(Z, K), want)


def test_reduced_focal_keeps_what_is_hard_in_full():
    z = torch.tensor([[-2.0], [2.0]])
    reduced = Focal(threshold=0.5, reduction="none")(z, torch.ones(2, 1))
    plain = BCE(reduction="none")(z, torch.ones(2, 1))
    assert reduced[0] == plain[0]
    p = torch.tensor(2.0).sigmoid()
    torch.testing.assert_close(reduced[1], plain[1] * ((1 - p) / 0.5) ** 2)


SMP = [
    ("DiceLoss", Dice(smooth=0.0, skip_empty=False), {}),
    ("JaccardLoss", Jaccard(smooth=0.0), {}),
    ("TverskyLoss", Tversky(smooth=0.0, alpha=0.3, beta=0.7), {"alpha": 0.3, "beta": 0.7}),
]


@pytest.mark.parametrize(("name", "loss", "options"), SMP, ids=[row[0] for row in SMP])
@pytest.mark.parametrize("mode", ["binary", "multilabel", "multiclass"])
def test_regions_are_those_of_smp(name, loss, options, mode):
    peer = pytest.importorskip("segmentation_models_pytorch.losses")
    z, t = {"binary": (Z[:, :1], T[:, :1]), "multilabel": (Z, T), "multiclass": (Z, K)}[mode]
    z = z.float()
    want = getattr(peer, name)(mode, **options)(z, t)
    ours = dataclasses.replace(loss, mode=mode)
    torch.testing.assert_close(ours(z, t), want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("per_image", [False, True])
def test_lovasz_is_that_of_smp(per_image):
    peer = pytest.importorskip("segmentation_models_pytorch.losses").LovaszLoss
    want = peer("binary", per_image=per_image)(Z[:, 0].float(), T[:, 0].float())
    torch.testing.assert_close(Lovasz(per_image=per_image)(Z[:, 0].float(), T[:, 0]), want)
    want = peer("multiclass", per_image=per_image)(Z.float(), K)
    ours = Lovasz(mode="multiclass", per_image=per_image, skip_empty=True)(Z.float(), K)
    torch.testing.assert_close(ours, want)


def test_lovasz_at_corners_is_the_jaccard_loss():
    """The extension agrees with 1 − J where predictions are 0 or 1 (of the softmax, by logits ±big)."""
    said = torch.randint(4, K.shape, generator=torch.Generator().manual_seed(9))
    z = functional.one_hot(said, 4).movedim(-1, 1) * 1000.0
    wanted = []
    for k in range(4):
        a, b = said == k, k == K
        wanted.append(1 - (a & b).sum() / (a | b).sum())
    torch.testing.assert_close(Lovasz(mode="multiclass")(z, K), torch.stack(wanted).mean())


def test_mcc_of_ternaus_by_hand():
    p, t = Z[:, 0].sigmoid(), T[:, 0].double()
    both = (p * t).sum()
    j = (both + 1) / (p.sum() + t.sum() - both + 1)
    want = functional.binary_cross_entropy(p, t) - 0.3 * j.log()
    torch.testing.assert_close(BCEJaccard(jaccard=0.3)(Z[:, 0], T[:, 0]), want)


def test_ternaus_learns_from_an_empty_batch():
    z = torch.zeros(2, 1, 8, 8, requires_grad=True)
    loss = BCEJaccard()(z, torch.zeros(2, 1, 8, 8))
    loss.backward()
    assert loss < math.log(2) + math.log(129)
    assert (z.grad > 0).all()


def test_balanced_sides_weigh_alike():
    z = torch.tensor([1.0, -2.0, 0.5, 3.0])
    t = torch.tensor([1, 0, 0, 0])
    each = functional.binary_cross_entropy_with_logits(z, t.float(), reduction="none")
    torch.testing.assert_close(BalancedBCE()(z, t), (each[0] + each[1:].mean()) / 2)
    only = BalancedBCE()(z, torch.zeros(4))
    torch.testing.assert_close(only, functional.softplus(z).mean())


@pytest.mark.parametrize("tail", [1.0, 1.2, 2.0, 4.0])
@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("size", [0.0, 1.0, 100.0, 1e4])
def test_tempered_shares_sum_to_one(tail, classes, size):
    z = size * torch.randn(5, classes, 1, dtype=torch.float64)
    shares = tempered_softmax(z, tail)
    torch.testing.assert_close(shares.sum(1), torch.ones(5, 1, dtype=torch.float64))
    assert (shares >= 0).all()


def test_untempered_is_cross_entropy():
    torch.testing.assert_close(
        BiTempered(mode="multiclass", bound=1, tail=1)(Z, K), functional.cross_entropy(Z, K)
    )


def test_bi_tempered_bounds_an_outlier():
    z = torch.tensor([[1e4, 0.0]])
    k = torch.tensor([1])
    assert BiTempered(mode="multiclass", bound=0.5, tail=1.0)(z, k) <= 2
    assert CE()(z, k) > 9000


def test_topk_is_the_mean_of_the_hardest():
    each = functional.cross_entropy(Z, K, reduction="none").flatten()
    want = each.sort(descending=True).values[: math.ceil(0.3 * each.numel())].mean()
    torch.testing.assert_close(TopK(CE(), share=0.3)(Z, K), want)
    above = each[each > 1.5].mean()
    torch.testing.assert_close(TopK(CE(), share=0.0, above=1.5)(Z, K), above)
    known = K.clone()
    known[0] = -1
    want = functional.cross_entropy(Z[1:], K[1:], reduction="none").flatten()
    want = want.sort(descending=True).values[: math.ceil(0.3 * want.numel())].mean()
    torch.testing.assert_close(TopK(CE(ignore_index=-1), share=0.3)(Z, known), want)
    assert TopK(CE(ignore_index=-1))(Z, torch.full_like(K, -1)) == 0


def test_topk_has_a_gradient_for_the_hardest_only():
    z = torch.tensor([0.0, 3.0, -3.0, 1.0], requires_grad=True)
    TopK(BCE(), share=0.5)(z, torch.ones(4)).backward()
    assert (z.grad != 0).tolist() == [True, False, True, False]


def test_depths_are_averaged():
    small = Z[..., ::2, ::2]
    target = T.clone()
    target[..., 0] = 255
    loss = BCE(mode="multilabel", ignore_index=255)
    deep = DeepSupervision(loss, weights=(1, 0.5))
    nearest = target[..., 1::2, :][..., [0, 2, 4]]
    want = (loss(Z, target) + 0.5 * loss(small, nearest)) / 1.5
    torch.testing.assert_close(deep([Z, small], target), want)
    assert deep(Z, target) == loss(Z, target)
    up = DeepSupervision(Dice(), upsample=True)([Z[:, :1], small[:, :1]], T[:, :1])
    assert torch.isfinite(up)
    with pytest.raises(DataError, match="3 outputs"):
        deep([Z, Z, Z], T)
    classes = DeepSupervision(CE())([Z, small], K)
    torch.testing.assert_close(
        classes, (CE()(Z, K) + 0.5 * CE()(small, K[:, 1::2][..., [0, 2, 4]])) / 1.5
    )


def test_sums_by_operators_and_by_name():
    loss = BCE(mode="multilabel") + 0.5 * Dice(mode="multilabel")
    want = BCE(mode="multilabel")(Z, T) + 0.5 * Dice(mode="multilabel")(Z, T)
    torch.testing.assert_close(loss(Z, T), want)
    assert build("bce + 0.5 * dice", mode="multilabel") == loss
    assert build("0.5*dice + bce", mode="multilabel") == loss.terms[1][1] * 0.5 + loss.terms[0][1]
    assert build([{"name": "bce"}, {"name": "dice", "factor": 0.5}], mode="multilabel") == loss
    assert build("2 * (bce + dice)").terms == ((2, BCE()), (2, Dice()))
    assert set(loss.parts(Z, T)) == {"BCE", "Dice"}
    assert build(loss) is loss


def test_built_losses():
    assert build("focal(gamma=1.5)") == Focal(gamma=1.5)
    assert build("topk(ce(smoothing=0.1), share=0.3)") == TopK(CE(smoothing=0.1), share=0.3)
    assert build("ce(weights=[1, 2])", mode=None, ignore_index=255) == CE(
        weights=(1, 2), ignore_index=255
    )
    deep = build({"name": "deep", "loss": "bce + dice", "weights": [1, 1]}, ignore_index=0)
    assert deep == DeepSupervision(BCE(ignore_index=0) + Dice(ignore_index=0), weights=(1, 1))
    assert build("bce") == BCE()


REFUSED = [
    ("bec", UnknownNameError, "did you mean bce"),
    ("dice(smoth=1)", ParameterTypeError, "did you mean smooth"),
    ("dice(smooth=-1)", ParameterError, "Dice.smooth = -1"),
    ("bce +", ParameterError, "cannot be read"),
    ("bce - dice", ParameterError, "must be a name"),
    ("__import__('os').system('x')", ParameterError, "must be a name"),
    ("dice(smooth=open('x'))", ParameterError, "literal"),
    ("topk(dice)", ParameterTypeError, "loss of elements"),
    ("topk()", ParameterTypeError, "topk"),
    ("bce * dice", ParameterError, "number"),
    ({"smooth": 1}, ParameterTypeError, "name"),
    (3, ParameterTypeError, "text"),
    ([], ParameterError, "one at least"),
    ("jaccard(log=True, smooth=0)", ParameterError, "above 0"),
    ("dice(classes=[])", ParameterError, "classes"),
]


@pytest.mark.parametrize(("spec", "error", "words"), REFUSED, ids=[str(r[0]) for r in REFUSED])
def test_refused(spec, error, words):
    with pytest.raises(error, match=words):
        build(spec)


def test_sum_of_no_loss():
    with pytest.raises(ParameterTypeError, match="a loss"):
        Sum(((1.0, "bce"),))


def test_what_a_target_must_be():
    with pytest.raises(DataError, match=r"class in \[0, 3\]"):
        CE()(Z, torch.full_like(K, 4))
    with pytest.raises(DataError, match="C above 1"):
        CE()(Z[:, :1], K)
    with pytest.raises(DataError, match="whole numbers"):
        CE()(Z, K.double())
    with pytest.raises(DataError, match="classes"):
        Dice(mode="multiclass", classes=(4,))(Z, K) if False else CE()(Z, K[:2])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5), (3, 4, 5)])
def test_distances_are_those_of_all_pairs(shape):
    generator = np.random.default_rng(3)
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        mask = generator.random((2, *shape)) < share
        ours = distance_inside(torch.from_numpy(mask))
        torch.testing.assert_close(compared(torch.from_numpy(mask)), ours)
        for row, got in zip(mask, ours.numpy(), strict=True):
            outside = np.argwhere(~row)
            for place in np.ndindex(shape):
                want = 0.0
                if row[place] and len(outside):
                    want = np.sqrt(((outside - place) ** 2).sum(1).min())
                assert got[place] == pytest.approx(want)


def test_signed_distance_is_continuous_over_the_boundary():
    mask = torch.zeros(1, 9, 9, dtype=torch.bool)
    mask[:, 3:6, 3:6] = True
    far = signed_distance(mask)
    assert far[0, 4].tolist() == [2.5, 1.5, 0.5, -0.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    assert (signed_distance(torch.ones_like(mask)) == 0).all()
    assert (signed_distance(torch.zeros_like(mask)) == 0).all()


@pytest.mark.parametrize("loss", [Boundary(), Hausdorff()])
def test_what_lies_far_off_costs_more(loss):
    target = torch.zeros(1, 1, 16, 16)
    target[..., 6:10, 6:10] = 1
    costs = []
    for place in (10, 12, 15):
        z = (target * 2 - 1) * 50
        z[..., 8, place] = 50
        costs.append(loss(z, target).item())
    assert 0 < costs[0] < costs[1] < costs[2]


def test_lovasz_counts_in_whole_numbers():
    """2²⁴ + 1 is not a float32: sums of a big batch must not stop there."""
    labels = torch.ones(1, 2**24 + 10, dtype=torch.uint8)
    labels[0, -5:] = 0
    slopes = losses.lovasz.jaccard_slopes(labels, torch.ones_like(labels, dtype=torch.bool))
    assert slopes.sum() == pytest.approx(1, abs=1e-5)
