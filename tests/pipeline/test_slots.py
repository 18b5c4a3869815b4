"""`out=`: results written to the caller's memory."""

import numpy as np
import pytest
import torch

import anamorph as A
from anamorph.core.errors import DataError, DataTypeError, UnknownNameError

RNG = np.random.default_rng(5)
COLOR = RNG.integers(0, 256, (37, 53, 3), np.uint8)
GRAY = RNG.integers(0, 256, (37, 53), np.uint8)
BANDS = RNG.random((37, 53, 6), np.float32)

TAILS = {
    "nothing": [A.NoOp()],
    "warp": [A.HorizontalFlip(p=1)],
    "resize": [A.Resize(21, 30)],
    "normalize": [A.RandomCrop(20, 24), A.Normalize(mean=0.4, std=0.2)],
    "tones": [A.RandomBrightnessContrast(p=1), A.Normalize(mean=0.4, std=0.2)],
    "tensor": [A.Rotate(p=1), A.Normalize(mean=0.4, std=0.2), A.ToTensorV2()],
    "float": [A.ToFloat()],
    "noise last": [A.Normalize(mean=0.4, std=0.2), A.HorizontalFlip(p=1)],
}


def plain(result):
    return result.numpy() if isinstance(result, torch.Tensor) else result


@pytest.mark.parametrize("image", [COLOR, GRAY, BANDS], ids=["color", "gray", "bands"])
@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("backend", ["opencv", "reference"])
def test_a_slot_holds_what_would_have_been_returned(tail, image, backend):
    pipeline = A.Compose(TAILS[tail], seed=2, backend=backend)
    want = plain(pipeline.keyed(0, 1)(image=image)["image"])
    given = image.copy()
    slot = np.full(want.shape, 7, want.dtype)
    out = pipeline.keyed(0, 1)(image=image, out=slot)
    assert out["image"] is slot
    np.testing.assert_array_equal(slot, want)
    np.testing.assert_array_equal(image, given)


@pytest.mark.parametrize("tail", ["warp", "resize", "normalize", "tones", "noise last"])
@pytest.mark.parametrize("image", [COLOR, GRAY, BANDS], ids=["color", "gray", "bands"])
def test_channels_come_first_where_the_slot_has_them_first(tail, image):
    pipeline = A.Compose(TAILS[tail], seed=2)
    want = pipeline.keyed(0, 1)(image=image)["image"]
    first = want[None] if want.ndim == 2 else want.transpose(2, 0, 1)
    slot = np.empty(first.shape, want.dtype)
    pipeline.keyed(0, 1)(image=image, out=slot)
    np.testing.assert_allclose(slot, first, rtol=0, atol=2e-5 if want.dtype.kind == "f" else 0)


def test_floats_are_shortened_to_halves():
    pipeline = A.Compose(TAILS["tones"], seed=2)
    want = pipeline.keyed(0, 1)(image=COLOR)["image"]
    slot = np.empty((3, *want.shape[:2]), np.float16)
    pipeline.keyed(0, 1)(image=COLOR, out=slot)
    np.testing.assert_allclose(slot, want.transpose(2, 0, 1), rtol=1e-3, atol=1e-3)


def test_masks_stacks_and_tensors_have_slots_too():
    pipeline = A.Compose([A.RandomCrop(20, 24), A.Normalize(), A.ToTensorV2()], seed=1)
    clip = np.stack([COLOR, COLOR[::-1]])
    data = {"image": COLOR, "mask": GRAY, "images": clip}
    want = pipeline.keyed(0, 0)(**data)
    batch = torch.zeros(2, 3, 20, 24)
    slots = {
        "image": batch[1],
        "mask": np.zeros((20, 24), np.uint8),
        "images": np.zeros((2, 3, 20, 24), np.float32),
    }
    out = pipeline.keyed(0, 0)(**data, out=slots)
    assert out["image"] is slots["image"]
    assert torch.equal(batch[1], want["image"])
    assert not batch[0].any()
    np.testing.assert_array_equal(slots["mask"], want["mask"].numpy())
    np.testing.assert_array_equal(slots["images"], want["images"].numpy())


def test_lists_of_pictures_fill_one_slot():
    pipeline = A.Compose([A.Resize(8, 9)])
    slot = np.zeros((2, 8, 9, 3), np.uint8)
    out = pipeline(images=[COLOR, COLOR[:, ::-1].copy()], out={"images": slot})
    want = pipeline(images=[COLOR, COLOR[:, ::-1].copy()])["images"]
    np.testing.assert_array_equal(slot, np.stack(want))
    assert out["images"] is slot


def test_a_declared_range_returns_to_its_units():
    pipeline = A.Compose([A.HorizontalFlip(p=1)], value_range=(0, 1000))
    scan = RNG.integers(0, 1000, (9, 11), np.int16)
    slot = np.zeros((9, 11), np.int16)
    pipeline(image=scan, out=slot)
    np.testing.assert_array_equal(slot, scan[:, ::-1])


def test_replay_and_render_write_to_slots():
    pipeline = A.ReplayCompose([A.RandomCrop(20, 24), A.Normalize()], seed=3)
    slot = np.zeros((20, 24, 3), np.float32)
    out = pipeline(image=COLOR, out=slot)
    assert out["image"] is slot
    again = A.ReplayCompose.replay(out["replay"], image=COLOR)["image"]
    np.testing.assert_array_equal(again, slot)
    plan = pipeline.plan(image=COLOR)
    want = pipeline.render(plan, image=COLOR)["image"]
    pipeline.render(plan, image=COLOR, out=slot)
    np.testing.assert_array_equal(slot, want)


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.zeros((20, 24, 4), np.float32), DataError, "20×24×3"),
        (np.zeros((4, 20, 24), np.float32), DataError, "3×20×24"),
        (np.zeros((20, 24, 3), np.uint8), DataError, "float32"),
        (np.zeros((20, 24, 6), np.float32)[..., ::2], DataError, "contiguous"),
        ([1, 2], DataTypeError, "list"),
        ({"imag": np.zeros(3)}, UnknownNameError, "image"),
        ({"bboxes": np.zeros((2, 4))}, UnknownNameError, "bboxes"),
    ],
)
def test_wrong_slots_are_refused_in_a_sentence(out, error, words):
    pipeline = A.Compose([A.RandomCrop(20, 24), A.Normalize()])
    with pytest.raises(error, match=words):
        pipeline(image=COLOR, out=out)


def test_whole_numbers_do_not_silently_become_floats():
    with pytest.raises(DataError, match="ToFloat or Normalize"):
        A.Compose([A.NoOp()])(image=COLOR, out=np.zeros(COLOR.shape, np.float32))


def test_the_input_is_no_slot():
    image = COLOR.copy()
    with pytest.raises(DataError, match="never changed"):
        A.Compose([A.HorizontalFlip(p=1)])(image=image, out=image)
