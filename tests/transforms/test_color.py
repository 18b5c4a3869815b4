"""Colour transforms: what they draw, what they refuse, and known answers."""

import math
import pickle

import cv2
import numpy as np
import pytest

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import Cast, ColorMatrix, Curve, Effect
from anamorph.transforms import base
from anamorph.transforms.channels import ChannelDropout, ChannelShuffle
from anamorph.transforms.color import (
    ColorJitter,
    HueSaturationValue,
    RGBShift,
    ToGray,
    ToRGB,
    ToSepia,
)
from anamorph.transforms.histogram import CLAHE, AutoContrast, Equalize
from anamorph.transforms.normalize import FromFloat, Normalize, ToFloat
from anamorph.transforms.tensor import ToTensorV2
from anamorph.transforms.tone import (
    InvertImg,
    Posterize,
    RandomBrightnessContrast,
    RandomGamma,
    RandomToneCurve,
    Solarize,
)

ALL = (
    RandomBrightnessContrast, RandomGamma, HueSaturationValue, RGBShift, ColorJitter, CLAHE,
    Equalize, AutoContrast, ToGray, ToRGB, ToSepia, InvertImg, Solarize, Posterize,
    RandomToneCurve, ChannelShuffle, ChannelDropout, Normalize, ToFloat, FromFloat, ToTensorV2,
)  # fmt: skip


class Scene:
    """As much of a scene as colours ask for."""

    def __init__(self, channels=3, dtype="uint8", image=None, **given):
        self.size = (8, 9)
        self.channels = channels
        self.dtype = dtype
        self.image = image
        self._given = given

    def given(self, key):
        return self._given[key]


def draw(transform, seed=0, **scene):
    return list(transform.draw(Rng(seed), Scene(**scene)))


def many(transform, count=400, **scene):
    rng = Rng(7)
    return [list(transform.draw(rng, Scene(**scene))) for _ in range(count)]


def steps(ops):
    return [step for (op,) in ops for step in op.steps]


@pytest.mark.parametrize("cls", ALL)
def test_values(cls):
    transform = cls()
    assert isinstance(transform, base.Transform)
    assert transform == cls()
    assert pickle.loads(pickle.dumps(transform)) == transform
    assert draw(transform, 3) == draw(transform, 3)
    for op in draw(transform, 3):
        assert hash(op) == hash(pickle.loads(pickle.dumps(op)))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: RandomGamma((0, 100)), "RandomGamma.gamma_limit = .* at least 1"),
        (lambda: Solarize((100, 200)), r"Solarize.threshold_range = .*\[0, 1\]"),
        (lambda: Posterize(9), r"Posterize.num_bits = 9: it must be .*bits in \[1, 8\]"),
        (lambda: Posterize(0), "Posterize.num_bits = 0"),
        (lambda: Posterize(2.5), "Posterize.num_bits = 2.5"),
        (lambda: RandomToneCurve(1.5), "RandomToneCurve.scale = 1.5"),
        (lambda: ColorJitter(brightness=(-1, 1)), "ColorJitter.brightness"),
        (lambda: ColorJitter(hue=20), "ColorJitter.hue = .*turns"),
        (lambda: CLAHE(0.5), "CLAHE.clip_limit = .*at least 1"),
        (lambda: CLAHE(tile_grid_size=(0, 8)), "CLAHE.tile_grid_size"),
        (lambda: Equalize(mode="pli"), "did you mean pil"),
        (lambda: Equalize(mask="all"), "Equalize.mask = 'all'"),
        (lambda: Equalize(mask_params=("bboxes",)), "Equalize.mask_params"),
        (lambda: AutoContrast(101), "AutoContrast.cutoff = 101"),
        (lambda: AutoContrast(ignore=256), "AutoContrast.ignore = 256"),
        (lambda: ToGray(0), "ToGray.num_output_channels = 0"),
        (lambda: ToGray(method="lab"), "ToGray.method = 'lab'"),
        (lambda: ChannelDropout((0, 1)), "ChannelDropout.channel_drop_range"),
        (lambda: ChannelDropout(fill="random"), "ChannelDropout.fill"),
        (lambda: Normalize(mean=None), "Normalize.mean = None"),
        (lambda: Normalize(max_pixel_value=None), "Normalize.max_pixel_value = None"),
        (lambda: Normalize(std=0), "Normalize.std = 0"),
        (lambda: Normalize(mean=(0.5, 0.5), std=(0.1, 0.1, 0.1)), "as many numbers"),
        (lambda: Normalize(normalization="minmax"), "did you mean min_max"),
        (lambda: ToFloat(0), "ToFloat.max_value = 0"),
        (lambda: FromFloat("int8"), "FromFloat.dtype = 'int8'"),
        (lambda: Solarize((0.9, 0.1)), "the smaller number first"),
        (lambda: RandomBrightnessContrast(p=2), "RandomBrightnessContrast.p = 2"),
    ],
)
def test_refusals_when_built(build, sentence):
    with pytest.raises(ParameterError, match=sentence):
        build()


@pytest.mark.parametrize(
    ("transform", "channels"),
    [
        (HueSaturationValue(), 5),
        (HueSaturationValue(), 2),
        (RGBShift(), 4),
        (ColorJitter(), 2),
        (Equalize(by_channels=False), 5),
        (ToGray(), 5),
        (ToGray(method="from_lab"), 2),
        (ToRGB(), 4),
        (ToSepia(), 2),
        (Posterize([(1, 2), (3, 4)]), 3),
        (ChannelDropout(), 1),
        (ChannelDropout((1, 3)), 3),
        (Normalize(), 5),
    ],
)
def test_refusals_of_channels_name_the_transform(transform, channels):
    name = type(transform).__name__
    with pytest.raises(DataError, match=f"{name}.*channel"):
        draw(transform, channels=channels)


def test_brightness_and_contrast():
    drawn = steps(many(RandomBrightnessContrast((-0.1, 0.3), 0.2)))
    assert all(name == "linear" and 0.8 <= a <= 1.2 and -0.1 <= b <= 0.3 for name, a, b in drawn)
    assert np.mean([a for _, a, _ in drawn]) == pytest.approx(1.0, abs=0.03)
    (by_mean,) = draw(RandomBrightnessContrast((0.1, 0.1), (0.5, 0.5), brightness_by_max=False))
    assert by_mean == Curve((("mean", 1.5, 0.1, "image", False),))
    for _, a, b in steps(many(RandomBrightnessContrast(0.9, 0.9, ensure_safe_range=True))):
        assert -1e-12 <= min(b, a + b) <= max(b, a + b) <= 1 + 1e-12


def test_gamma_and_solarize():
    assert all(0.5 <= g <= 1.5 for _, g in steps(many(RandomGamma((50, 150)))))
    assert RandomGamma(150).gamma_limit == (1, 150)
    assert all(0.2 <= t <= 0.4 for _, t in steps(many(Solarize((0.2, 0.4)))))
    assert Solarize(threshold=(51, 102)).threshold_range == (0.2, 0.4)
    assert Solarize(threshold=0.5).threshold_range == (0.5, 0.5)
    assert draw(InvertImg()) == [Curve((("invert",),))]


def test_posterize():
    assert {b for _, b in steps(many(Posterize((2, 5))))} == {2, 3, 4, 5}
    assert draw(Posterize([(1, 1), (2, 2), (7, 7)])) == [Curve((("posterize", (1, 2, 7)),))]
    assert draw(Posterize([(3, 3)]), channels=1) == [Curve((("posterize", 3),))]
    assert Posterize([3, 4]).num_bits == (3, 4)


def test_tone_curves():
    drawn = np.array([step[1:] for step in steps(many(RandomToneCurve(0.1), 2000))])
    assert drawn.mean(0) == pytest.approx([0.25, 0.75], abs=0.01)
    assert drawn.std(0) == pytest.approx([0.1, 0.1], abs=0.01)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    ((_, low, high),) = steps([draw(RandomToneCurve(0.2, per_channel=True), channels=5)])
    assert len(set(low)) == len(set(high)) == 5
    ((_, low, _),) = steps([draw(RandomToneCurve(per_channel=True), channels=1)])
    assert isinstance(low, float)


def test_shifts_of_channels():
    drawn = np.array([step[2] for step in steps(many(RGBShift(20, (-1, 1), (5, 10))))])
    assert np.abs(drawn[:, 0]).max() <= 20 / 255
    assert 0.9 < np.abs(drawn[:, 1]).max() <= 1
    assert (drawn[:, 2] >= 5 / 255).all()
    assert isinstance(draw(RGBShift(), channels=1)[0].steps[0][2], float)
    assert len(draw(RGBShift(), channels=2)[0].steps[0][2]) == 2


def test_hue_saturation_value():
    drawn = [op.params for (op,) in many(HueSaturationValue(10, 20, 30))]
    assert np.abs(drawn).max(0) == pytest.approx([10, 20, 30], rel=0.05)
    (gray,) = draw(HueSaturationValue(0, 0, (51, 51)), channels=1)
    assert gray == Curve((("linear", 1.0, 0.2),))


def test_color_jitter_draws_every_order():
    def kind(op):
        if isinstance(op, Curve):
            return "contrast" if op.steps[0][0] == "mean" else "brightness"
        return "saturation" if isinstance(op, ColorMatrix) else "hue"

    drawn = many(ColorJitter(), 1500)
    orders = {tuple(kind(op) for op in ops) for ops in drawn}
    assert len(orders) == math.factorial(4)
    assert draw(ColorJitter((1, 1), (1, 1), (1, 1), (0, 0))) == []
    assert len(draw(ColorJitter(), channels=1)) == 2
    assert ColorJitter(contrast=1.5).contrast == (0, 2.5)
    (gray,) = draw(ColorJitter((1, 1), (1, 1), (0, 0), (0, 0)))
    assert np.allclose(gray.rows, [[0.299, 0.587, 0.114, 0]] * 3)


def test_gray_rgb_sepia():
    assert draw(ToGray(), channels=1) == draw(ToRGB(), channels=3) == []
    assert draw(ToSepia(), channels=1) == []
    assert draw(ToRGB(5), channels=1) == [ColorMatrix(((1.0, 0.0),) * 5)]
    for method in ("average", "max", "desaturation", "pca"):
        (op,) = draw(ToGray(4, method), channels=5)
        assert op.channels_after(5) == 4


def test_clahe():
    limits = [op.params[0] for (op,) in many(CLAHE(6))]
    assert min(limits) >= 1
    assert 5.5 < max(limits) <= 6
    assert draw(CLAHE((2, 2), (4, 6))) == [Effect("clahe", (2, (4, 6)))]


def test_equalize_masks():
    where = np.zeros((4, 5))
    where[1] = 7
    (op,) = draw(Equalize(mask=where))
    picture = op.params[2]
    assert picture.shape == (4, 5)
    assert picture.data == (where != 0).astype(np.uint8).tobytes()
    assert draw(Equalize(mask=where.astype(bool))) == [op]
    assert Equalize(mask=where) == Equalize(mask=where.tolist())

    def bright(image, limit):
        return image > limit

    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    (op,) = draw(Equalize(mask=bright, mask_params=("limit",)), image=image, limit=30)
    assert op.params[2].shape == (4, 5, 3)
    assert op.params[2].data == (image > 30).tobytes()


def test_channels():
    orders = {tuple(r.index(1.0) for r in op.rows) for (op,) in many(ChannelShuffle())}
    assert len(orders) == 6
    assert len(draw(ChannelShuffle(), channels=7)[0].rows) == 7
    counts = set()
    for (op,) in many(ChannelDropout((1, 3), fill=51), channels=4):
        blank = [row for row in op.rows if row[:-1] == (0.0,) * 4]
        assert all(row[-1] == 0.2 for row in blank)
        counts.add(len(blank))
    assert counts == {1, 2, 3}
    for dtype, fill in (("uint8", 256), ("float32", 128)):
        with pytest.raises(DataError, match=r"ChannelDropout\.fill"):
            draw(ChannelDropout(fill=fill), dtype=dtype)
    assert ChannelDropout(fill_value=3) == ChannelDropout(fill=3)


def test_normalize():
    (op,) = draw(Normalize())
    for value in (0.0, 128.0, 255.0):
        for c, (mean, std) in enumerate(
            zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
        ):
            want = (value - mean * 255) / (std * 255)
            assert value * op.scale[c] + op.offset[c] == pytest.approx(want)
    assert draw(Normalize(mean=0.5, std=0.25)) == [Cast("float32", 4 / 255, -2.0)]
    (op,) = draw(Normalize(mean=(0.1, 0.2, 0.3), std=0.5, max_pixel_value=1))
    assert op.offset == pytest.approx((-0.2, -0.4, -0.6))
    assert op.scale == (2.0, 2.0, 2.0)
    assert len(draw(Normalize(), channels=1)[0].scale) == 1
    assert len(draw(Normalize(), channels=6)[0].scale) == 6
    effect, cast = draw(Normalize(normalization="min_max", mean=None))
    assert effect.name == "normalize_stats"
    assert cast.dtype_after("uint8") == "float32"


def test_conversions():
    assert draw(ToFloat(), dtype="uint16") == [Cast("float32", 1 / 65535)]
    assert draw(ToFloat(max_value=100)) == [Cast("float32", 0.01)]
    assert draw(ToFloat(), dtype="float32") == draw(FromFloat(), dtype="uint8") == []
    assert draw(FromFloat("uint16"), dtype="float32") == [Cast("uint16", 65535.0)]
    assert draw(FromFloat(max_value=10), dtype="float32") == [Cast("uint8", 10.0)]
    assert draw(ToTensorV2(transpose_mask=True)) == [
        Cast(layout="CHW", tensor=True, transpose_mask=True)
    ]


def test_jitter_is_torchvisions():
    """Each step on its own, against torchvision's definitions on floats."""
    image = np.random.default_rng(1).random((9, 11, 3)).astype(np.float32)
    gray = image @ np.array([0.299, 0.587, 0.114])
    one = (1, 1)

    def result(**ranges):
        values = {"brightness": one, "contrast": one, "saturation": one, "hue": (0, 0)} | ranges
        return ColorJitter(**values, p=1)(image=image)["image"]

    assert np.allclose(result(brightness=(1.4, 1.4)), np.clip(image * 1.4, 0, 1), atol=1e-6)
    want = np.clip(image * 0.6 + 0.4 * gray.mean(), 0, 1)
    assert np.allclose(result(contrast=(0.6, 0.6)), want, atol=1e-6)
    want = np.clip(image * 1.7 - 0.7 * gray[..., None], 0, 1)
    assert np.allclose(result(saturation=(1.7, 1.7)), want, atol=1e-6)
    form = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    form[..., 0] = (form[..., 0] + 90) % 360
    want = cv2.cvtColor(form, cv2.COLOR_HSV2RGB)
    assert np.allclose(result(hue=(0.25, 0.25)), want, atol=1e-5)
