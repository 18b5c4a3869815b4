"""Sliced inference gives what the model gives, at the picture's size, whatever the tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import anamorph as A
from anamorph.core.errors import (
    DataError,
    DataTypeError,
    MissingDataError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
)
from anamorph.nn.tiles import FINISHES, WINDOWS, Grid, Threshold, predict
from anamorph.nn.tta import TTA

SIZES = [(1, 1), (1, 9), (9, 1), (7, 7), (5, 64), (33, 20), (16, 16), (17, 15), (100, 70)]


def noise(shape, dtype=np.uint8):
    rng = np.random.default_rng(1)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, 200, shape).astype(dtype)


def same(batch):
    return batch


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("size", SIZES)
def test_a_model_that_changes_nothing_gives_the_picture(size, window):
    picture = noise((*size, 3))
    found = predict(same, picture, 16, overlap=5, window=window)
    assert found.shape == picture.shape
    assert found.dtype == np.float32
    assert np.allclose(found * 255, picture, atol=1e-3)


@given(
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.floats(0, 0.99),
    st.integers(0, 30),
    st.integers(1, 7),
    st.sampled_from(list(WINDOWS)),
)
def test_no_grid_leaves_a_trace(size, tile, share, margin, batch_size, window):
    """The toolbelt's slicer left NaN where a margin was, and a result larger than the picture."""
    picture = noise((*size, 2), np.float32)
    grid = Grid(size, tile, overlap=share, margin=min(margin, *(t - 1 for t in tile)))
    found = predict(same, picture, grid, batch_size=batch_size, window=window)
    assert found.shape == picture.shape
    assert np.allclose(found, picture, atol=1e-5)


LAYOUTS = [
    ((20, 30), None, 16, (20, 30, 1)),
    ((20, 30, 3), None, 16, (20, 30, 3)),
    ((3, 20, 30), "CHW", 16, (3, 20, 30)),
    ((20, 3, 30), "HCW", 16, (20, 3, 30)),
    ((9, 20, 30), "DHW", 8, (9, 20, 30, 1)),
    ((9, 20, 30), None, (8, 8, 8), (9, 20, 30, 1)),
    ((9, 20, 30, 2), None, 8, (9, 20, 30, 2)),
    ((2, 9, 20, 30), "CDHW", 8, (2, 9, 20, 30)),
    ((40,), "L", 8, (40, 1)),
    ((3, 4, 5, 6), "TZYX", 3, (3, 4, 5, 6, 1)),
]


@pytest.mark.parametrize(("shape", "layout", "tile", "result"), LAYOUTS)
def test_channels_stay_where_they_are(shape, layout, tile, result):
    picture = noise(shape, np.float32)
    found = predict(same, picture, tile, layout=layout)
    assert found.shape == result
    assert np.allclose(found.reshape(shape), picture, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "tile", "result"),
    [
        ((3, 20, 30), 16, (3, 20, 30)),
        ((20, 30), 16, (1, 20, 30)),
        ((2, 9, 20, 30), 8, (2, 9, 20, 30)),
        ((9, 20, 30), (8, 8, 8), (1, 9, 20, 30)),
    ],
)
def test_a_tensor_gives_a_tensor_with_channels_first(shape, tile, result):
    picture = torch.from_numpy(noise(shape, np.float32))
    found = predict(same, picture, tile)
    assert isinstance(found, torch.Tensor)
    assert tuple(found.shape) == result
    assert torch.allclose(found.reshape(shape), picture, atol=1e-6)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_model_without_a_channel_axis(window):
    picture = noise((40, 30, 3), np.float32)
    found = predict(lambda batch: batch[:, 1], picture, 16, window=window)
    assert found.shape == (40, 30)
    assert np.allclose(found, picture[..., 1], atol=1e-6)


SCALES = [
    (np.uint8, 255),
    (np.uint16, 65535),
    (np.dtype(">u2"), 65535),
    (np.uint32, 2**32 - 1),
    (np.int16, 1),
    (np.bool_, 1),
    (np.float16, 1),
    (np.float64, 1),
    (np.dtype(">f4"), 1),
]


@pytest.mark.parametrize(("dtype", "most"), SCALES, ids=str)
def test_what_the_model_sees_of_each_type(dtype, most):
    picture = noise((20, 17, 2), dtype)
    before = picture.copy()
    seen = []
    found = predict(lambda b: seen.append(b.dtype) or b, picture, 16)
    assert set(seen) == {torch.float32}
    assert np.allclose(found, picture.astype(float) / most, rtol=1e-5, atol=1e-12)
    assert np.array_equal(picture, before)


def test_pixels_that_are_no_numbers_are_refused():
    with pytest.raises(DataTypeError, match="numbers are wanted"):
        predict(same, np.zeros((4, 4), complex), 4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_module_gets_its_own_floats(dtype):
    model = nn.Conv2d(3, 2, 1).to(dtype)
    found = predict(model, noise((20, 30, 3)), 16)
    assert found.shape == (20, 30, 2)
    assert found.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    assert all(p.grad is None for p in model.parameters())


def test_probabilities_are_averaged_and_logits_are_not():
    """Two tiles that do not agree: one is very sure, and must not outvote the other."""
    answers = iter([100.0, -1.0])

    def model(batch):
        return torch.stack([torch.full((1, 4), next(answers)) for _ in batch])

    grid = Grid((6,), 4, step=2)
    found = predict(model, np.zeros(6), grid, window="mean", activation="sigmoid", layout="L")
    low = 1 / (1 + np.e)
    assert found[:, 0].tolist() == pytest.approx([1, 1, (1 + low) / 2, (1 + low) / 2, low, low])


def test_softmax_is_over_channels():
    picture = noise((20, 30, 4), np.float32) * 5
    found = predict(same, picture, 16, activation="softmax")
    assert np.allclose(found.sum(-1), 1, atol=1e-5)
    assert np.array_equal(found.argmax(-1), picture.argmax(-1))
    with pytest.raises(DataError, match="use 'sigmoid'"):
        predict(same, picture[..., :1], 16, activation="softmax")


def test_an_activation_of_ones_own():
    picture = noise((20, 30, 4), np.float32)
    found = predict(same, picture, 16, activation=lambda logits: logits * 2)
    assert np.allclose(found, picture * 2, atol=1e-5)


def test_a_window_hides_what_borders_do():
    """A net with zero padding is wrong at borders of tiles; the more the middle counts, the less."""
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Conv2d(3 if i == 0 else 8, 8, 3, padding=1) for i in range(4)])
    picture = noise((96, 96, 3), np.float32) + 1
    with torch.no_grad():
        right = model(torch.from_numpy(picture).movedim(-1, 0)[None])[0].movedim(0, -1).numpy()
    inner = (slice(8, -8), slice(8, -8))
    errors = {
        name: np.abs(predict(model, picture, 32, 16, window=name) - right)[inner].mean()
        for name in WINDOWS
    }
    assert errors["pyramid"] < 0.7 * errors["mean"]
    assert errors["hann"] < errors["pyramid"]
    assert errors["gaussian"] < errors["pyramid"]


def test_a_margin_lets_borders_be_seen_within_tiles():
    torch.manual_seed(0)
    model = nn.Conv2d(1, 1, 5, padding=2, bias=False)
    picture = noise((40, 40), np.float32) + 1
    padded = torch.from_numpy(np.pad(picture, 2, mode="reflect"))[None, None]
    with torch.no_grad():
        right = functional.conv2d(padded, model.weight)[0, 0].numpy()
    window = np.full((24, 24), 1e-8)
    window[2:-2, 2:-2] = 1
    plain = predict(model, picture, Grid((40, 40), 24, overlap=8), window=window)[..., 0]
    wide = predict(model, picture, Grid((40, 40), 24, overlap=8, margin=4), window=window)[..., 0]
    assert np.abs(plain - right).max() > 0.05
    assert np.allclose(wide, right, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (61, 50), (5, 7)])
def test_coarse_maps_come_at_the_size_of_the_picture(size):
    picture = np.full((*size, 1), 0.25, np.float32)
    found = predict(lambda b: functional.avg_pool2d(b, 4), picture, 32, overlap=9)
    assert found.shape == (*size, 1)
    assert np.allclose(found, 0.25)


@pytest.mark.parametrize("size", [(64, 64), (61, 50), (101, 33)])
def test_coarse_maps_may_stay_coarse(size):
    picture = noise((*size, 2), np.float32)
    found = predict(lambda b: functional.avg_pool2d(b, 4), picture, 32, overlap=9, resize=False)
    padded = np.pad(picture, [(0, -size[0] % 4), (0, -size[1] % 4), (0, 0)], mode="reflect")
    blocks = padded.reshape(padded.shape[0] // 4, 4, padded.shape[1] // 4, 4, 2)
    assert np.allclose(found, blocks.mean((1, 3)), atol=1e-5)


@pytest.mark.parametrize("times", [2, 3])
def test_fine_maps_may_stay_fine(times):
    picture = noise((21, 30, 2), np.float32)

    def finer(batch):
        return batch.repeat_interleave(times, 2).repeat_interleave(times, 3)

    found = predict(finer, picture, 16, overlap=5, resize=False)
    assert np.allclose(found, picture.repeat(times, 0).repeat(times, 1), atol=1e-5)


def test_a_grid_that_does_not_fit_the_stride_is_refused():
    with pytest.raises(DataError, match="align=4"):
        predict(
            lambda b: functional.avg_pool2d(b, 4),
            noise((50, 50, 1)),
            Grid((50, 50), 32, overlap=9),
            resize=False,
        )


OUTPUTS = [
    (lambda b: {"mask": b}, None),
    (lambda b: {"mask": b, "depth": b[:, :1]}, "mask"),
    (lambda b: (b[:, :1], b), 1),
    (lambda b: [b], None),
    (lambda b: {"heads": [b]}, lambda output: output["heads"][0]),
    (lambda b: b.numpy(), None),
]


@pytest.mark.parametrize(("model", "select"), OUTPUTS)
def test_the_output_that_is_meant(model, select):
    picture = noise((20, 30, 3), np.float32)
    assert np.allclose(predict(model, picture, 16, select=select), picture, atol=1e-6)


WRONG = [
    (lambda b: {"mask": b, "depth": b}, {}, MissingDataError, "mask, depth"),
    (lambda b: {"mask": b}, {"select": "msk"}, UnknownNameError, "did you mean mask"),
    (lambda b: (b, b), {}, MissingDataError, "2 outputs"),
    (lambda b: (b, b), {"select": 2}, UnknownNameError, "2 outputs"),
    (lambda b: b.mean((2, 3)), {}, DataError, r"\(N, C, \*map\)"),
    (lambda b: b[:1], {}, DataError, "for 4 tiles"),
    (lambda b: b.argmax(1), {}, DataTypeError, "labels cannot be averaged"),
    (lambda _: "no", {}, DataTypeError, "a tensor is wanted"),
    (same, {"activation": "sigmod"}, UnknownNameError, "did you mean sigmoid"),
    (same, {"finish": "argmin"}, UnknownNameError, "did you mean argmax"),
    (same, {"finish": lambda rows: rows[..., 1:]}, DataError, "but not pixels"),
    (same, {"window": "han"}, UnknownNameError, "did you mean hann"),
    (same, {"pad": "zero"}, UnknownNameError, "did you mean zeros"),
    (same, {"batch_size": 0}, ParameterError, r"predict\.batch_size"),
    (same, {"overlap": 16}, ParameterError, "overlap"),
    (same, {"layout": "HW"}, ParameterError, "layout"),
    (same, {"dtype": "uint8"}, DataTypeError, "finish="),
    (same, {"resume": True}, ParameterError, "path"),
    (same, {"out": 7}, DataTypeError, "out is int"),
    (same, {"out": np.zeros((20, 30))}, DataError, r"\(20, 30, 3\)"),
    (same, {"out": np.zeros((20, 30, 3), np.uint8)}, DataTypeError, "finish="),
    (same, {"out": "mask.tif"}, ParameterError, r"\.npy"),
    ("model", {}, DataTypeError, "model is str"),
]


@pytest.mark.parametrize(("model", "options", "error", "words"), WRONG)
def test_what_cannot_be_meant_is_refused(model, options, error, words):
    with pytest.raises(error, match=words):
        predict(model, noise((20, 30, 3)), 16, **options)


def test_a_grid_is_for_one_size():
    with pytest.raises(DataError, match="for a picture of"):
        predict(same, noise((20, 30, 3)), Grid((30, 20), 16))
    with pytest.raises(ParameterTypeError, match="has said it"):
        predict(same, noise((20, 30, 3)), Grid((20, 30), 16), overlap=4)


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3), nn.Dropout(), nn.Dropout2d()])
def test_a_model_in_training_mode_is_refused(layer):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), layer)
    with pytest.raises(ParameterError, match=r"1 \(\w+\).*eval"):
        predict(model, noise((20, 30, 3)), 16)
    assert predict(model.eval(), noise((20, 30, 3)), 16).shape == (20, 30, 3)
    assert not model.training


def test_finishes():
    picture = noise((37, 30, 3), np.float32)
    labels = predict(same, picture, 16, finish="argmax")
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, picture.argmax(-1))
    levels = predict(same, noise((37, 30, 3)), 16, finish="uint8")
    assert np.array_equal(levels, noise((37, 30, 3)))
    above = predict(same, picture, 16, finish=Threshold(0.3))
    assert above.dtype == np.uint8
    assert np.array_equal(above, picture > 0.3)
    wide = predict(same, picture, 16, finish=lambda rows: rows.numpy().sum(0), dtype="float64")
    assert wide.dtype == np.float64
    assert np.allclose(wide, picture.sum(-1), atol=1e-5)
    assert set(FINISHES) == {"argmax", "uint8"}


def test_labels_need_channels_to_choose_among():
    with pytest.raises(DataError, match="2 to 256"):
        predict(same, noise((20, 30, 1)), 16, finish="argmax")
    with pytest.raises(ParameterError, match=r"Threshold\.at"):
        Threshold("half")


def test_tiles_are_prepared_as_pipelines_do():
    norm = A.Normalize()
    pipeline = A.Compose([norm, A.ToTensorV2()])
    picture = noise((40, 30, 3))
    right = norm(image=picture)["image"]
    as_tensor = predict(same, picture, 16, prepare=lambda tile: pipeline(image=tile)["image"])
    as_array = predict(same, picture, 16, prepare=lambda tile: norm(image=tile)["image"])
    assert np.allclose(as_tensor, right, atol=1e-5)
    assert np.allclose(as_array, right, atol=1e-5)


def test_preparing_sees_channels_last_whatever_the_layout():
    seen = []
    predict(same, noise((3, 20, 30)), 16, layout="CHW", prepare=lambda t: seen.append(t.shape) or t)
    predict(same, noise((20, 30)), 16, prepare=lambda t: seen.append(t.shape) or t)
    assert set(seen) == {(16, 16, 3), (16, 16)}


def test_progress_is_told():
    told = []
    predict(same, noise((40, 40)), 16, overlap=0, batch_size=4, progress=lambda *n: told.append(n))
    assert told == [(4, 9), (8, 9), (9, 9)]


def test_views_within_tiles_and_tiles_within_views():
    """A net that is no mirror image of itself becomes one by views, inside of tiles or around them."""
    torch.manual_seed(0)
    model = nn.Conv2d(3, 1, 3, padding=1)
    picture = noise((40, 52, 3), np.float32)
    grid = Grid((40, 52), (16, 20), step=(8, 8))
    inside = TTA(model, "d2", "dense", activation="sigmoid")
    found = predict(inside, picture, grid)
    flipped = predict(inside, picture[::-1, ::-1].copy(), grid)
    assert np.allclose(found, flipped[::-1, ::-1], atol=1e-5)
    alone = predict(model, picture, grid, activation="sigmoid")
    assert np.abs(alone - found).max() > 0.01
    tiled = TTA(
        lambda batch: torch.stack([predict(model, p, grid) for p in batch]),
        "d2",
        "dense",
        activation="sigmoid",
    )
    around = tiled(torch.from_numpy(picture).movedim(-1, 0)[None])
    assert np.abs(around[0].movedim(0, -1).numpy() - found).max() < 0.02
