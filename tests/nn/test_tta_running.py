"""How views are run: in batches, with weights, on any device, and nothing is changed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import anamorph as A
from anamorph.nn.tta import SETS, TTA, FiveCrop, Padded, Scales, View, as_views

TILTED = A.Compose([A.Rotate((20, 20), p=1), A.HorizontalFlip(p=1)])


def test_labels_of_all_eight_count_once():
    """0 to 7 have the mean 3.5."""
    calls = iter(range(8))
    output = TTA(lambda _: torch.full((1, 1), float(next(calls))), "d4")(torch.zeros(1, 1, 4, 4))
    assert output.item() == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [2] * 8), (3, [6, 2, 6, 2]), (100, [8, 8])],
)
def test_views_in_a_batch_are_bounded(count, sizes):
    seen = []
    model = lambda batch: seen.append(batch.shape[0]) or batch  # noqa: E731
    TTA(model, "d4", "dense", batch_views=count)(torch.zeros(2, 1, 4, 6))
    assert seen == sizes


def test_square_pictures_take_one_batch():
    seen = []
    model = lambda batch: seen.append(batch.shape[0]) or batch  # noqa: E731
    TTA(model, "d4", "dense", batch_views=8)(torch.zeros(3, 1, 4, 4))
    assert seen == [24]


def test_weights_are_those_of_views():
    batch = torch.zeros(1, 1, 2, 2)
    calls = iter((1.0, 5.0, 9.0))
    model = lambda _: torch.full((1, 1), next(calls))  # noqa: E731
    output = TTA(model, "flips", weights=(1, 0, 3))(batch)
    assert output.item() == pytest.approx((1 * 1 + 3 * 5) / 4)  # the view of weight 0 is not run
    assert list(calls) == [9.0]


def test_nothing_of_the_caller_or_the_model_changes():
    batch = torch.rand(1, 2, 6, 9)
    before = batch.clone()
    kept = torch.rand(1, 2, 6, 9)
    held = kept.clone()
    output = TTA(lambda _: kept, "d2", "dense", activation="sigmoid")(batch)
    output.add_(1)
    assert torch.equal(batch, before)
    assert torch.equal(kept, held)


def test_gradients_pass():
    batch = torch.rand(1, 1, 5, 8, requires_grad=True)
    TTA(lambda b: b**2, "d4" * Scales(1, 1.5), "dense")(batch).sum().backward()
    assert batch.grad.shape == batch.shape
    assert (batch.grad > 0).all()


def test_an_empty_batch():
    assert TTA(nn.Conv2d(3, 2, 1), "d4", "dense")(torch.zeros(0, 3, 4, 6)).shape == (0, 2, 4, 6)


def test_bytes_are_normalized_where_the_batch_is():
    """A pipeline for validation as a view: what comes from the decoder goes in."""
    batch = torch.randint(0, 256, (2, 3, 10, 20), dtype=torch.uint8)
    pipeline = A.Compose([A.PadIfNeeded(16, 32, p=1), A.Normalize(), A.ToTensorV2()])
    mean, std = (
        torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    output = TTA(nn.Identity(), "d4" * as_views(pipeline), "dense")(batch)
    torch.testing.assert_close(output, (batch / 255 - mean) / std, rtol=1e-5, atol=1e-5)


def test_a_compiled_model_stays_compiled():
    graphs = []
    net = nn.Conv2d(3, 2, 1)
    compiled = torch.compile(net, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    batch = torch.rand(1, 3, 6, 6)
    want = TTA(net, "d4", "dense")(batch)
    torch.testing.assert_close(TTA(compiled, "d4", "dense")(batch), want)
    assert len(graphs) == 1
    torch.testing.assert_close(torch.compile(TTA(net, "d4", "dense"), backend="eager")(batch), want)


def test_nothing_leaves_the_device_of_the_batch():
    """A device without data would tell."""
    views = ["identity", FiveCrop(5), TILTED, Scales(1.5), Padded(8)]
    net = nn.Conv2d(3, 2, 1, device="meta")
    for merge in ("mean", "max", lambda values, weights: (values * weights).sum(0)):
        tta = TTA(net, views, "dense", activation="softmax", merge=merge)
        assert tta(torch.zeros(1, 3, 10, 20, device="meta")).device.type == "meta"


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_the_memory_format_of_the_batch_is_kept(memory):
    batch = torch.rand(2, 3, 10, 20).contiguous(memory_format=memory)
    for views in (*SETS, Padded(8), FiveCrop((5, 7)), A.Transpose(p=1), Scales(0.5, 2)):
        for plan in as_views(views).plans((10, 20)):
            assert View(plan).render(batch).is_contiguous(memory_format=memory)


def test_it_is_a_module_and_hands_arguments_on():
    model = nn.Bilinear(3, 3, 1)
    tta = TTA(model, "hflip").eval()
    assert not model.training
    assert [name for name, _ in tta.named_parameters()] == ["model.weight", "model.bias"]
    asked = TTA(lambda b, k, *, c: b.mean((2, 3)) * k + c, "hflip")
    assert asked(torch.ones(1, 1, 2, 2), 3, c=4).item() == 7
    assert "Symmetries(name='hflip')" in repr(tta)
