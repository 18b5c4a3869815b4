"""What every loss owes, over one table."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import anamorph.nn.losses as package
from anamorph.core.errors import AnamorphError, DataError, DataTypeError, ParameterError
from anamorph.nn import losses
from anamorph.nn.losses.entropy import tempered_softmax
from nn.losses.table import CASES, NUMBERS, ROWS, WRAPPERS

each = pytest.mark.parametrize("case", CASES, ids=str)
each_numbers = pytest.mark.parametrize(
    ("name", "options"), [(n, o) for n, many in NUMBERS.items() for o in many], ids=str
)


def test_the_table_is_complete():
    assert set(ROWS) | set(WRAPPERS) | set(NUMBERS) == set(losses.LOSSES)
    abstract = {"Loss", "TargetLoss", "Pointwise", "Overlap", "Regression"}
    public = {n for n in package.__all__ if isinstance(getattr(package, n), type)} - abstract
    assert public == {kind.__name__ for kind in losses.LOSSES.values()}


def said(case, logits):
    """What the logits say, by the link that the loss has."""
    tail = case.options.get("tail", 1.4) if case.name == "bi_tempered" else 1.0
    if case.mode == "multiclass":
        return tempered_softmax(logits, tail)
    return tempered_softmax(torch.stack((logits, torch.zeros_like(logits)), 1), tail)[:, 0]


@each
class TestContract:
    @pytest.mark.parametrize("size", [1e4, -1e4, 100.0, 0.0])
    def test_finite_with_extreme_logits(self, case, size):
        target = case.target()
        for sign in (case.perfect(target, size), torch.full_like(case.logits(), size)):
            logits = sign.float().requires_grad_()
            loss = case.make()(logits, target)
            loss.backward()
            assert torch.isfinite(loss)
            assert torch.isfinite(logits.grad).all()

    def test_least_at_perfection(self, case):
        target = case.target()
        perfect = case.smoothed(target)
        least = case.make()(perfect, target)
        for seed in range(4):
            for strength in (0.01, 1.0, 30.0, 600.0):
                other = perfect + strength * case.logits(seed=seed)
                assert case.make()(other, target) >= least - (1e-12 if case.row.near < 0.1 else 0.3)
        wrong = -perfect if case.name != "focal_cosine" else 300 - perfect
        assert case.make()(wrong, target) > least + 0.1

    def test_zero_at_perfection_unless_smoothed(self, case):
        if case.options.get("smoothing"):
            pytest.skip("a smoothed target is never reached")
        target = case.target()
        loss = case.make()(case.perfect(target), target)
        assert loss.item() == pytest.approx(0, abs=case.row.near)

    def test_least_at_soft_targets(self, case):
        if not case.row.soft or case.options.get("smoothing") or case.options.get("positive"):
            pytest.skip("not a proper loss of shares")
        shares = case.logits(seed=5)
        target = said(case, shares)
        least = case.make()(shares, target)
        for seed in range(5):
            for strength in (0.01, 0.3, 3.0):
                assert (
                    case.make()(shares + strength * case.logits(seed=seed), target) >= least - 1e-9
                )

    def test_gradient(self, case):
        logits = case.logits((3, 4), n=2).requires_grad_()
        target = case.target((3, 4), n=2)
        ignored = case.make(ignore_index=255)
        target.view(-1)[3] = 255
        assert torch.autograd.gradcheck(lambda z: ignored(z, target), (logits,))

    def test_what_is_ignored_has_no_gradient_and_no_say(self, case):
        loss = case.make(ignore_index=255)
        target = case.target()
        target[:, ..., :2] = 255
        logits = case.logits().float()
        other = logits.clone()
        other[..., :2] = torch.inf
        for z in (logits, other):
            z.requires_grad_()
            loss(z, target).backward()
            assert (z.grad[..., :2] == 0).all()
            assert torch.isfinite(z.grad).all()
            assert z.grad.abs().sum() > 0
        assert loss(logits, target) == loss(other, target)

    @pytest.mark.parametrize("value", [255, -100, -1])
    def test_what_is_ignored_does_not_dilute(self, case, value):
        if case.row.spatial:
            pytest.skip("ignored places still lie between others")
        target = case.target()
        target[:, ..., :2] = value
        logits = case.logits()
        whole = case.make(ignore_index=value)(logits, target)
        part = case.make()(logits[..., 2:], target[..., 2:])
        torch.testing.assert_close(whole, part)

    def test_all_ignored(self, case):
        target = torch.full_like(case.target(), 255)
        logits = case.logits().requires_grad_()
        loss = case.make(ignore_index=255)(logits, target)
        loss.backward()
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert (logits.grad == 0).all()

    def test_all_empty(self, case):
        target = torch.zeros_like(case.target())
        logits = case.logits().float().requires_grad_()
        loss = case.make()(logits, target)
        loss.backward()
        assert torch.isfinite(loss)
        assert loss < 10
        assert torch.isfinite(logits.grad).all()

    def test_no_pictures(self, case):
        assert case.make()(case.logits(n=0), case.target(n=0)).item() == pytest.approx(0, abs=1e-6)

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 1)])
    def test_edge_sizes(self, case, size):
        logits = case.logits(size, n=1).requires_grad_()
        loss = case.make()(logits, case.target(size, n=1))
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(logits.grad).all()

    def test_order_of_the_batch_does_not_matter(self, case):
        logits, target = case.logits(), case.target()
        turned = case.make()(logits[[2, 0, 1]], target[[2, 0, 1]])
        torch.testing.assert_close(turned, case.make()(logits, target))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, case, dtype):
        logits = case.logits(dtype=dtype).requires_grad_()
        target = case.target()
        loss = case.make()(logits, target)
        loss.backward()
        assert loss.dtype == torch.float32
        assert logits.grad.dtype == dtype
        torch.testing.assert_close(loss, case.make()(logits.float(), target))

    def test_float64_is_kept(self, case):
        assert case.make()(case.logits(), case.target()).dtype == torch.float64

    def test_inputs_are_not_changed(self, case):
        logits, target = case.logits(), case.target()
        before = logits.clone(), target.clone()
        case.make(ignore_index=1)(logits, target)
        assert torch.equal(logits, before[0])
        assert torch.equal(target, before[1])

    def test_a_frozen_value_and_a_module(self, case):
        loss = case.make()
        assert loss == case.make()
        assert loss != case.make(ignore_index=7)
        assert hash(loss) == hash(case.make())
        for same in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), loss.to("cpu").eval()):
            assert same == loss
            assert same(case.logits(), case.target()) == loss(case.logits(), case.target())
        assert list(loss.parameters()) == []
        assert eval(repr(loss), vars(losses)) == loss
        with pytest.raises(AttributeError):
            loss.mode = "binary"

    def test_weights_of_one_change_nothing_and_zero_leaves_out(self, case):
        if case.name == "balanced_bce":
            pytest.skip("has none")
        logits, target = case.logits(), case.target()
        ones = case.make(weights=(1.0,) * case.channels)(logits, target)
        torch.testing.assert_close(ones, case.make()(logits, target))
        if case.channels == 3 and case.options.get("average") != "micro":
            weighted = case.make(weights=(0.0, 1.0, 2.0))(logits, target)
            assert not torch.allclose(weighted, ones)

    def test_weights_must_be_as_many_as_classes(self, case):
        if case.name == "balanced_bce":
            pytest.skip("has none")
        with pytest.raises(AnamorphError, match="weights"):
            case.make(weights=(1.0,) * 7)(case.logits(), case.target())
        with pytest.raises(ParameterError, match="weights"):
            case.make(weights=(-1.0,) * case.channels)

    def test_misfits_are_refused(self, case):
        with pytest.raises(DataError, match="shape"):
            case.make()(case.logits(), case.target((4, 4)))
        with pytest.raises(DataTypeError):
            case.make()(case.target(), case.target())
        with pytest.raises(DataError, match="target holds 255"):
            case.make()(case.logits(), torch.full_like(case.target(), 255))
        with pytest.raises(ParameterError, match="mode"):
            case.make(mode="regression")

    def test_reduction(self, case):
        if not hasattr(case.make(), "reduction"):
            pytest.skip("has none")
        logits, target = case.logits(), case.target()
        target[:, ..., :1] = 255
        mean, total, none = (
            case.make(ignore_index=255, reduction=r)(logits, target)
            for r in ("mean", "sum", "none")
        )
        torch.testing.assert_close(none.sum(), total)
        if isinstance(case.make(), losses.Pointwise):
            assert none.shape == target.shape
            assert (none[target == 255] == 0).all()
            torch.testing.assert_close(total / (target != 255).sum(), mean)
        elif not case.options.get("skip_empty"):
            torch.testing.assert_close(none.mean(), mean)


@pytest.mark.parametrize("name", [n for n in ROWS if n not in {"boundary", "hausdorff"}])
def test_a_training_step_with_it_compiles(name):
    loss = losses.build(name, ignore_index=255)
    case = next(c for c in CASES if c.name == name and c.mode == loss.mode)
    logits, target = case.logits(), case.target()

    def step(z, t):
        return 2 * loss(z, t)

    torch.compiler.reset()
    compiled = torch.compile(step, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(logits, target), step(logits, target))


def test_autocast_changes_nothing():
    loss = losses.build("bce + dice + lovasz + focal(gamma=1.5)")
    logits, target = torch.randn(2, 1, 8, 8), torch.randint(2, (2, 1, 8, 8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(logits, target)
    assert inside == loss(logits, target)


@pytest.mark.parametrize("case", [c for c in CASES if c.mode == "multilabel"], ids=str)
def test_binary_is_multilabel_of_one_channel(case):
    logits = case.logits()[:, :1]
    target = case.target()[:, :1]
    one = case.make()(logits, target)
    binary = case.make(mode="binary")
    torch.testing.assert_close(binary(logits, target), one)
    torch.testing.assert_close(binary(logits[:, 0], target), one)
    torch.testing.assert_close(binary(logits, target[:, 0].bool()), one)


@pytest.mark.parametrize("name", ["bi_tempered", "focal", "bce_jaccard"])
def test_two_classes_are_binary(name):
    kind = losses.LOSSES[name]
    logits = torch.randn(4, 2, 3, 3, dtype=torch.float64)
    target = torch.randint(2, (4, 3, 3))
    two = kind(mode="multiclass")(logits, target)
    binary = kind()(logits[:, 1] - logits[:, 0], target)
    if name != "bce_jaccard":  # which has a region for each of the two classes
        torch.testing.assert_close(two, binary)
    chosen = losses.Dice(mode="multiclass", classes=(1,))(logits, target)
    torch.testing.assert_close(chosen, losses.Dice()(logits[:, 1] - logits[:, 0], target))


@pytest.mark.parametrize("case", [c for c in CASES if c.mode == "multiclass"], ids=str)
def test_numbers_and_shares_of_classes_agree(case):
    logits, target = case.logits(), case.target()
    hot = torch.nn.functional.one_hot(target, 3).movedim(-1, 1)
    for shares in (hot, hot.double()):
        torch.testing.assert_close(case.make()(logits, shares), case.make()(logits, target))
    torch.testing.assert_close(case.make()(logits, target[:, None]), case.make()(logits, target))


@pytest.mark.parametrize("case", [c for c in CASES if not c.row.spatial], ids=str)
def test_classifiers_need_no_picture(case):
    logits, target = case.logits((), n=6), case.target((), n=6)
    assert torch.isfinite(case.make()(logits, target))
    volume = case.make()(case.logits((2, 3, 4)), case.target((2, 3, 4)))
    assert torch.isfinite(volume)


@pytest.mark.parametrize("name", ["boundary", "hausdorff"])
def test_outlines_need_a_picture(name):
    with pytest.raises(DataError, match="no pictures"):
        losses.build(name)(torch.zeros(4, 1), torch.zeros(4, 1))


@each_numbers
class TestNumbers:
    def test_least_and_smooth(self, name, options):
        loss = losses.LOSSES[name](**options)
        target = torch.rand(3, 4, dtype=torch.float64)
        assert loss(target.clone(), target) == 0
        off = torch.linspace(-2, 2, 81, dtype=torch.float64) + 1e-3
        values = torch.stack([loss(target + x, target) for x in off])
        assert (values > 0).all()
        half = len(off) // 2
        assert (values[half:].diff() > 0).all()
        assert (values[:half].diff() < 0).all()
        assert values.diff().abs().max() < 3 * off.diff().max() * 20  # no jump

    def test_gradient_and_ignored(self, name, options):
        loss = losses.LOSSES[name](**options, ignore_index=-1)
        said = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
        target = torch.rand(3, 4, dtype=torch.float64)
        target[0] = -1
        assert torch.autograd.gradcheck(lambda z: loss(z, target), (said,))
        loss(said, target).backward()
        assert (said.grad[0] == 0).all()
        torch.testing.assert_close(
            loss(said, target), losses.LOSSES[name](**options)(said[1:], target[1:])
        )
        assert loss(said, torch.full_like(target, -1)) == 0

    def test_finite(self, name, options):
        said = torch.tensor([1e4, -1e4, 0.0, 0.5], dtype=torch.float16, requires_grad=True)
        loss = losses.LOSSES[name](**options)(said, torch.tensor([0.0, 1.0, 0.0, 0.5]))
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(said.grad).all()

    def test_misfit(self, name, options):
        with pytest.raises(DataError, match="shapes must be equal"):
            losses.LOSSES[name](**options)(torch.zeros(3, 1), torch.zeros(3))
