"""The canonical plan in one go: against the stages, under a compiler, on a device."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import anamorph as A

torch = pytest.importorskip("torch")

from anamorph.backends.torch import base, tail  # noqa: E402 - after the skip
from anamorph.nn import collate  # noqa: E402

CANONICAL = {
    "crops": [A.RandomResizedCrop((40, 48)), A.HorizontalFlip(), A.Normalize(), A.ToTensorV2()],
    "turns, tones, colors": [
        A.Affine(rotate=(-30, 30), p=0.8, fill=(30, 60, 90)),
        A.CenterCrop(40, 40),
        A.D4(),
        A.RandomGamma(),
        A.ToSepia(p=0.5),
        A.Normalize(),
    ],
    "pads": [
        A.LongestMaxSize(48),
        A.PadIfNeeded(64, 64, fill=7),
        A.RandomGamma(p=0.5),
        A.ChannelShuffle(p=0.5),
        A.ToFloat(),
    ],
    "edges go on": [
        A.ShiftScaleRotate(border_mode=cv2.BORDER_REPLICATE, p=1),
        A.CenterCrop(40, 40),
        A.Normalize(),
    ],
    "nothing but values": [A.Resize(60, 75), A.RandomGamma(), A.Normalize()],
}
OTHER = {
    "no conversion": [A.Resize(40, 40)],
    "not in order": [A.ToSepia(p=1), A.RandomGamma(p=1), A.Resize(40, 40), A.Normalize()],
    "a mean": [
        A.Resize(40, 40),
        A.ColorJitter((1, 1), (0.5, 0.5), (1, 1), (0, 0), p=1),
        A.Normalize(),
    ],
    "averages": [A.Resize(20, 20, interpolation=cv2.INTER_AREA), A.Normalize()],
    "perspective": [A.Perspective(p=1), A.Normalize()],
    "mirrors": [A.Rotate(p=1, border_mode=cv2.BORDER_REFLECT_101), A.Normalize()],
    "an effect": [A.Resize(40, 40), A.HueSaturationValue(p=1), A.Normalize()],
}


def pictures(count, channels=3, *, alike=True):
    out = []
    for k in range(count):
        size = (60, 75) if alike else (60 + 5 * k, 75 - 3 * k)
        rng = np.random.default_rng(k)
        coarse = rng.integers(0, 255, (9, 11, channels), dtype=np.uint8)
        wide = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).reshape(*size, -1)
        out.append(wide)
    return out


def drawn(members, images, **options):
    pipeline = A.Compose(members, seed=3)
    return collate([pipeline.plan(image=image) for image in images], **options)


LEVELS = 1.02
STEEP = 6.0
"""A level before a gamma is several after it."""


def levels_off(got, want, batch, of=torch.max):
    """How far two batches are apart, in levels of what was converted."""
    last = batch.tail.values.last.double()
    step = (last[:, :, 1:] - last[:, :, :-1]).abs().amax((1, 2))[:, None, None, None]
    return float(of((got.double() - want.double()).abs() / step))


@pytest.mark.parametrize("alike", [True, False], ids=["of one size", "of many"])
@pytest.mark.parametrize("name", CANONICAL)
def test_one_go_agrees_with_the_stages(name, alike):
    images = pictures(6, alike=alike)
    batch = drawn(CANONICAL[name], images)
    assert batch.tail is not None
    want = batch.render(images, tail="stages").images
    for given in (images, [torch.from_numpy(i).movedim(-1, 0).contiguous() for i in images]):
        got = batch.render(given, tail="plain").images
        assert got.dtype == want.dtype
        assert levels_off(got, want, batch) <= (STEEP if batch.tail.tones else LEVELS)
        assert levels_off(got, want, batch, torch.mean) <= 0.2
    if alike:
        whole = batch.render(np.stack(images), tail="plain").images
        assert torch.equal(whole, got)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels):
    members = [A.Rotate(fill=9, p=1), A.RandomCrop(40, 40), A.RandomGamma(), A.ToFloat()]
    images = pictures(4, channels)
    batch = drawn(members, images)
    want = batch.render(images, tail="stages").images
    assert levels_off(batch.render(images, tail="plain").images, want, batch) <= STEEP


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_written_directly(dtype):
    images = pictures(4)
    batch = drawn(CANONICAL["crops"], images, dtype=dtype)
    assert batch.tail.values.last.dtype == dtype
    got = batch.render(images, tail="plain").images
    assert got.dtype == dtype
    want = batch.render(images, tail="stages").images
    assert levels_off(got, want, batch) <= 1.5


@pytest.mark.parametrize("name", OTHER)
def test_other_plans_go_by_stages(name):
    images = pictures(3)
    batch = drawn(OTHER[name], images)
    assert batch.tail is None
    got = batch.render(images, tail="plain").images
    assert torch.equal(got, batch.render(images, tail="stages").images)


def test_floats_go_by_stages():
    batch = drawn(CANONICAL["crops"], pictures(2))
    floats = torch.rand(2, 3, 60, 75)
    got = batch.render(floats, tail="plain").images
    assert torch.equal(got, batch.render(floats, tail="stages").images)


@pytest.mark.parametrize("name", CANONICAL)
def test_all_is_done_where_the_pictures_are(name):
    images = pictures(4)
    out = drawn(CANONICAL[name], images).to("meta").render(images, tail="plain").images
    assert out.device.type == "meta"


# -------------------------------------------------------------------------------- compilers


@pytest.mark.filterwarnings("ignore")  # the compiler warns about its own parts
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("name", ["crops", "turns, tones, colors"])
def test_one_go_compiles_whole(name, backend):
    images = pictures(3)
    batch = drawn(CANONICAL[name], images).tail
    source = tail.source_of(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))
    torch.compiler.reset()
    compiled = torch.compile(tail.run, backend=backend, fullgraph=True)
    assert torch.equal(compiled(batch, source), tail.run(batch, source))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["crops", "turns, tones, colors"])
def test_stages_compile_whole(name, monkeypatch):
    monkeypatch.setattr(base, "prefers_one_by_one", lambda _: False)
    images = pictures(3)
    program = drawn(CANONICAL[name], images).program
    given = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    torch.compiler.reset()
    compiled = torch.compile(program, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(given), program(given))


# ------------------------------------------------------------------------------ on a device

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@CUDA
@pytest.mark.parametrize("dtype", [None, torch.float16])
@pytest.mark.parametrize("way", ["auto", "plain", "stages"])
@pytest.mark.parametrize("name", CANONICAL)
def test_a_device_agrees_with_the_cpu(name, way, dtype):
    images = pictures(6)
    batch = drawn(CANONICAL[name], images, dtype=dtype)
    want = batch.render(images, tail="stages").images
    got = batch.to("cuda").render(images, tail=way).images
    assert got.device.type == "cuda"
    assert levels_off(got.cpu(), want, batch) <= STEEP
    assert levels_off(got.cpu(), want, batch, torch.mean) <= 0.2


@CUDA
@pytest.mark.parametrize("name", OTHER)
def test_a_device_agrees_with_the_cpu_by_stages(name):
    images = pictures(6)
    batch = drawn(OTHER[name], images)
    want = batch.render(images).images.double()
    got = batch.to("cuda").render(images).images.cpu().double()
    white = 255 if want.max() > 10 else 1 / 0.22
    assert (got - want).abs().max() <= 12 * white / 255
    assert (got - want).abs().mean() <= white / 255
