"""One contract for all transforms, one row each in the table."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import ALL, MOVING, ROWS, VARIANTS, build, extras, label_mask, picture, same

NAMES = sorted(ROWS)
each = pytest.mark.parametrize("name", NAMES)
each_class = pytest.mark.parametrize("name", sorted(ALL))
each_variant = pytest.mark.parametrize(("name", "variant"), VARIANTS)
PIXELS = [n for n in NAMES if ROWS[n].keeps_dtype and n != "Lambda"]


def pipeline(transform: Any, seed: int | None = None, **options: Any) -> Any:
    """Make a pipeline of one that knows boxes and keypoints."""
    return A.Compose(
        [transform],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        keypoint_params=A.KeypointParams("xyas", label_fields=["ids"], **options),
        seed=seed,
    )


def sample(
    h: int = 60, w: int = 80, channels: int | None = 3, dtype: str = "uint8"
) -> dict[str, Any]:
    """Make a call's data with every plain target."""
    return {
        "image": picture(h, w, channels, dtype),
        "mask": label_mask(h, w),
        "masks": [label_mask(h, w), 1 - label_mask(h, w)],
        "bboxes": [[w // 4, h // 4, w // 4 + max(1, w // 2), h // 4 + max(1, h // 2)]],
        "kinds": ["cat"],
        "keypoints": [(w // 2, h // 2, 30.0, 2.0), (0, 0, 0.0, 1.0)],
        "ids": ["middle", "corner"],
    }


def test_the_table_is_complete() -> None:
    assert set(ALL) == set(A.catalogue())
    assert set(A.catalogue()) <= set(dir(A))


@each_class
def test_is_a_frozen_value(name: str) -> None:
    a, b = build(name), build(name)
    assert a == b
    assert a != build(name, p=0.25)
    assert name in repr(a)
    if name != "Lambda":
        assert hash(a) == hash(b)
        assert eval(repr(a), vars(A)) == a
        with pytest.raises(A.AnamorphError, match="cannot be changed"):
            a.p = 0.3


@each_class
def test_has_documentation(name: str) -> None:
    doc = getattr(A, name).__doc__ or ""
    assert len(doc.split("\n")[0]) > 15
    assert ">>> " in doc


@each_class
def test_refuses_what_is_wrong(name: str) -> None:
    cls = getattr(A, name)
    right = ALL[name].make(60, 80)
    with pytest.raises(A.AnamorphError, match=rf"{name}\.p = 1\.5: it must be a number in"):
        cls(**{**right, "p": 1.5})
    if name != "Lambda":
        with pytest.raises(A.AnamorphError, match="has no parameter 'unheard_of'"):
            cls(**right, unheard_of=1)
    for bad in ALL[name].bad:
        with pytest.raises(A.AnamorphError) as error:
            cls(**{**right, **bad})
        text = str(error.value)
        assert text.startswith(name)
        assert "\n" not in text


@each_variant
def test_same_seed_same_result(name: str, variant: int) -> None:
    data = sample() | extras(name, 60, 80)
    a, b = (pipeline(build(name, variant=variant), seed=5) for _ in range(2))
    first = [a(**data), a(**data)]
    assert same(first, [b(**data), b(**data)])
    a.set_random_seed(5)
    assert same(first[0], a(**data))


@each_variant
def test_results_stay_untouched_by_later_calls(name: str, variant: int) -> None:
    data = sample(512, 512) | extras(name, 512, 512)
    pipe = pipeline(build(name, 512, 512, variant), seed=1)
    first = pipe(**data)
    before = copy.deepcopy(first)
    pipe(**data | {"image": 255 - data["image"]})
    assert same(first, before)


@each_variant
def test_inputs_stay_untouched(name: str, variant: int) -> None:
    data = sample() | extras(name, 60, 80)
    before = copy.deepcopy(data)
    pipe = pipeline(build(name, variant=variant), seed=1)
    for _ in range(3):
        result = pipe(**data)
        assert same(before, data)
        for key in ("image", "mask"):
            out = result[key]
            if isinstance(out, np.ndarray) and out is not data[key]:
                assert not np.shares_memory(out, data[key])


def check_refusal(pipe: Any, data: dict[str, Any]) -> None:
    """Check that a picture of such channels is either taken or refused in one clear sentence."""
    try:
        out = pipe(**data)["image"]
    except A.AnamorphError as error:
        sentence = str(error)
    else:
        sentence = "taken, channels kept" if out.ndim == data["image"].ndim else "changed"
    assert "channel" in sentence


@pytest.mark.parametrize("channels", [None, 1, 3, 5, 130])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("name", PIXELS)
def test_dtype_and_channels_are_kept(name: str, dtype: str, channels: int | None) -> None:
    data = sample(41, 53, channels, dtype) | extras(name, 41, 53)
    pipe = pipeline(build(name, 41, 53), seed=2)
    image = data["image"]
    counts = ROWS[name].colors
    if not ((channels or 1) in counts or (channels == 130 and 5 in counts)):
        check_refusal(pipe, data)
        return
    outs = [pipe(**data)["image"] for _ in range(2)]
    for out in outs:
        assert out.dtype == image.dtype
        assert out.ndim == image.ndim
        assert channels is None or out.shape[2] == channels
        assert out.flags.c_contiguous
        assert np.isfinite(out.astype(np.float64)).all()
        assert out.min() >= 0
        assert out.max() <= {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (7, 513), (31, 33)])
@each
def test_odd_sizes(name: str, size: tuple[int, int]) -> None:
    h, w = size
    data = sample(h, w) | extras(name, h, w)
    pipe = pipeline(build(name, h, w), seed=3)
    for _ in range(3):
        result = pipe(**data)
        if name == "ToTensorV2":
            assert tuple(result["image"].shape) == (3, h, w)
            continue
        assert result["image"].shape[:2] == result["mask"].shape[:2]
        assert min(result["image"].shape[:2]) >= 1
        assert result["masks"][0].shape == result["mask"].shape


@each_variant
def test_p_zero_changes_nothing(name: str, variant: int) -> None:
    data = sample() | extras(name, 60, 80)
    result = pipeline(build(name, variant=variant, p=0))(**data)
    assert result["image"] is data["image"]
    assert same(result["masks"], data["masks"])
    assert np.allclose(result["bboxes"], data["bboxes"], atol=1e-9)
    assert np.allclose(result["keypoints"], data["keypoints"], atol=1e-9)
    assert result["kinds"] == data["kinds"]
    assert result["ids"] == data["ids"]


@each
def test_empty_labels(name: str) -> None:
    data = sample() | extras(name, 60, 80)
    data |= {"bboxes": np.zeros((0, 4)), "kinds": [], "keypoints": np.zeros((0, 4)), "ids": []}
    result = pipeline(build(name))(**data)
    assert np.shape(result["bboxes"]) == (0, 4)
    assert np.shape(result["keypoints"]) == (0, 4)
    assert result["kinds"] == []
    assert result["ids"] == []


@each_variant
def test_pickles_serializes_replays(name: str, variant: int) -> None:
    data = sample() | extras(name, 60, 80)
    transform = A.Lambda(name="own") if name == "Lambda" else build(name, variant=variant)
    pipe = pipeline(transform, seed=9)
    wanted = pipe(**data)
    pipe.set_random_seed(9)
    assert same(wanted, pickle.loads(pickle.dumps(pipe))(**data))
    text = json.dumps(A.to_dict(pipe))
    back = A.from_dict(json.loads(text), nonserializable={"own": transform})
    assert back == pipe
    assert same(wanted, back(**data))
    replayed = A.ReplayCompose(
        [transform], bbox_params=pipe.bbox_params, keypoint_params=pipe.keypoint_params, seed=4
    )
    first = replayed(**data)
    record = first.pop("replay")
    if name != "Lambda":
        record = json.loads(json.dumps(record))
        again = A.ReplayCompose.replay(record, **data)
        assert same(first, {key: again[key] for key in first})


TOLD = {"TextImage": {"overlay_data"}}
"""What drawing tells besides the targets; a plan holds ops alone."""


@each
def test_a_plan_is_data(name: str) -> None:
    if name == "Lambda":
        pytest.skip("holds the user's functions")
    data = sample() | extras(name, 60, 80)
    pipe = pipeline(build(name), seed=11)
    plan = pipe.plan(**data)
    pipe.set_random_seed(11)
    again = A.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    assert hash(again) == hash(plan)
    assert pickle.loads(pickle.dumps(plan)) == plan
    drawn, rendered = pipe(**data), pipe.render(again, **data)
    assert drawn.keys() - rendered.keys() == TOLD.get(name, set())
    assert same({key: drawn[key] for key in rendered}, rendered)


READ_MASKS = {"CropNonEmptyMaskIfExists", "ConstrainedCoarseDropout", "MaskDropout"}


@pytest.mark.parametrize("key", ["mask", "masks", "images", "volume"])
@each
def test_any_picture_target_alone(name: str, key: str) -> None:
    stack = np.stack([picture(), picture(seed=1)])
    data = {"mask": label_mask(), "masks": [label_mask()], "images": stack, "volume": stack}
    if name in READ_MASKS and key in {"images", "volume"}:
        pytest.skip("needs a mask")
    needs_pixels = {"Equalize", "Normalize", "ToFloat"}
    call = {key: data[key]} | extras(name, 60, 80)
    result = A.Compose([build(name)], seed=1)(**call)[key]
    assert (
        len(result) == len(data[key]) or ROWS[name].moves or name in needs_pixels | {"ToTensorV2"}
    )


@pytest.mark.parametrize("key", ["images", "volume"])
@pytest.mark.parametrize("name", PIXELS)
def test_frames_share_the_draw(name: str, key: str) -> None:
    image = picture(41, 53)
    data = {"image": image, key: np.stack([image] * 3), "mask": label_mask(41, 53)}
    result = A.Compose([build(name, 41, 53)], seed=3)(**data | extras(name, 41, 53))
    assert result[key].shape == (3, *result["image"].shape)
    for frame in result[key]:
        assert np.array_equal(frame, result["image"])


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint16", "float64"])
@pytest.mark.parametrize(("name", "variant"), MOVING)
def test_masks_keep_type_and_value(name: str, variant: int, dtype: str) -> None:
    mask = label_mask().astype(dtype)
    if dtype == "int64":
        mask *= 2**40 + 5
    result = A.Compose([build(name, variant=variant)], seed=3)(
        image=picture(), mask=mask, **extras(name, 60, 80)
    )["mask"]
    assert result.dtype == mask.dtype
    assert set(np.unique(result)) <= set(np.unique(mask)) | {0}


@each_class
def test_kind_is_told_by_the_base_classes(name: str) -> None:
    cls = getattr(A, name)
    assert issubclass(cls, A.Transform)
    either = issubclass(cls, A.DualTransform) != issubclass(cls, A.ImageOnlyTransform)
    assert either == (cls.kind != "clip")
    assert isinstance(build(name), A.BasicTransform)
    if ALL[name].moves and either:
        assert issubclass(cls, A.DualTransform)
