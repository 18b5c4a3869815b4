"""What every transform of whole volumes owes: the contract of test_transforms.py, on volumes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import SOLID, build, same

DEPTH, HEIGHT, WIDTH = SHAPE = (12, 25, 31)
VARIANTS = [(name, i) for name, row in SOLID.items() for i in range(1 + len(row.more))]
MOVING = [(n, i) for n, i in VARIANTS if SOLID[n].moves in ("lattice", "matrix", "dense")]
each = pytest.mark.parametrize("name", sorted(SOLID))
each_variant = pytest.mark.parametrize(("name", "variant"), VARIANTS)
moving = pytest.mark.parametrize(("name", "variant"), MOVING)
TOLERANCE = {"lattice": 0.01, "matrix": 0.35, "dense": 0.5}


def pipeline(transform: Any, seed: int | None = None, **options: Any) -> Any:
    """Make a pipeline of one that knows keypoints with depth."""
    points = A.KeypointParams("xyz", label_fields=["ids"], **options)
    return A.Compose([transform], keypoint_params=points, seed=seed)


def scan(
    shape: tuple[int, ...] = SHAPE, channels: int | None = None, dtype: str = "uint8", seed: int = 0
) -> Any:
    """Make a volume of noise."""
    g = np.random.default_rng(seed)
    value = g.random(shape if channels is None else (*shape, channels))
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (np.round(value * scale) if scale > 1 else value).astype(dtype)


def labels(shape: tuple[int, ...] = SHAPE) -> Any:
    """Make a mask with a block of ones and one of twos."""
    mask = np.zeros(shape, np.uint8)
    d, h, w = shape
    mask[d // 4 : d // 2 + 1, h // 4 : h // 2 + 1, w // 4 :] = 1
    mask[d // 2 :, : h // 3 + 1, : w // 3 + 1] = 2
    return mask


def sample(shape: tuple[int, int, int] = SHAPE, **options: Any) -> dict[str, Any]:
    """Make a call's data with every target of volumes."""
    d, h, w = shape
    return {
        "volume": scan(shape, **options),
        "mask3d": labels(shape),
        "volumes": np.stack([scan(shape, seed=s) for s in (1, 2)]),
        "masks3d": np.stack([labels(shape), labels(shape) * 2]),
        "keypoints": [(w // 2, h // 2, d // 2), (0, 0, 0)],
        "ids": ["middle", "corner"],
    }


def make(name: str, variant: int = 0, shape: tuple[int, int, int] = SHAPE, **extra: Any) -> Any:
    """Build a transform for a volume."""
    return build(name, shape[1], shape[2], variant, **extra)


def test_solid_rows_are_those_of_volumes() -> None:
    volumes = {n for n, c in A.catalogue().items() if issubclass(c, A.Transform3D)}
    assert set(SOLID) == volumes | {"ToTensor3D"}
    wanted = {"volume", "volumes", "mask3d", "masks3d", "keypoints"}
    assert all(make(n).available_keys == wanted for n in volumes)


@each_variant
def test_same_seed_same_result(name: str, variant: int) -> None:
    data = sample()
    a, b = (pipeline(make(name, variant), seed=5) for _ in range(2))
    first = [a(**data), a(**data)]
    assert same(first, [b(**data), b(**data)])
    a.set_random_seed(5)
    assert same(first[0], a(**data))


@each_variant
def test_inputs_stay_untouched_and_results_stand_alone(name: str, variant: int) -> None:
    data = sample(channels=2)
    before = copy.deepcopy(data)
    pipe = pipeline(make(name, variant), seed=1)
    for _ in range(4):
        result = pipe(**data)
        assert same(before, data)
        kept = copy.deepcopy(result)
        pipe(**sample(channels=2, seed=7))
        assert same(kept, result)
        for key in ("volume", "mask3d", "volumes", "masks3d"):
            out = result[key]
            if isinstance(out, np.ndarray) and out is not data[key]:
                assert not np.shares_memory(out, data[key])
                assert out.flags.c_contiguous


@pytest.mark.parametrize("channels", [None, 1, 3, 5, 130])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("name", [n for n in SOLID if SOLID[n].keeps_dtype])
def test_dtype_and_channels_are_kept(name: str, dtype: str, channels: int | None) -> None:
    shape = (5, 9, 11)
    volume = scan(shape, channels, dtype)
    pipe = A.Compose([make(name, shape=shape)], seed=2)
    for _ in range(2):
        out = pipe(volume=volume, mask3d=labels(shape))
        result = out["volume"]
        assert result.dtype == volume.dtype
        assert result.ndim == volume.ndim
        assert channels is None or result.shape[3] == channels
        assert result.shape[:3] == out["mask3d"].shape
        assert result.max() <= {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
        assert np.isfinite(result).all()


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint16", "float64"])
@moving
def test_masks_keep_type_and_value(name: str, variant: int, dtype: str) -> None:
    mask = labels().astype(dtype)
    if dtype == "int64":
        mask *= 2**40 + 5
    result = A.Compose([make(name, variant)], seed=3)(mask3d=mask)["mask3d"]
    assert result.dtype == mask.dtype
    assert set(np.unique(result)) <= set(np.unique(mask)) | {0}


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 1), (9, 1, 2), (2, 2, 2), (3, 7, 65)])
@each_variant
def test_odd_sizes(name: str, variant: int, shape: tuple[int, int, int]) -> None:
    pipe = pipeline(make(name, variant, shape), seed=3)
    for _ in range(3):
        result = pipe(**sample(shape))
        if name == "ToTensor3D":
            assert tuple(result["volume"].shape) == (1, *shape)
            continue
        assert result["volume"].shape == result["mask3d"].shape
        assert result["volumes"].shape == (2, *result["volume"].shape)
        assert min(result["volume"].shape) >= 1


@each_variant
def test_p_zero_changes_nothing(name: str, variant: int) -> None:
    data = sample()
    result = pipeline(make(name, variant, p=0))(**data)
    assert result["volume"] is data["volume"]
    assert np.allclose(result["keypoints"], data["keypoints"])
    assert result["ids"] == data["ids"]


@each_variant
def test_pickles_serializes_replays_plans(name: str, variant: int) -> None:
    data = sample()
    pipe = pipeline(make(name, variant), seed=9)
    wanted = pipe(**data)
    pipe.set_random_seed(9)
    assert same(wanted, pickle.loads(pickle.dumps(pipe))(**data))
    back = A.from_dict(json.loads(json.dumps(A.to_dict(pipe))))
    assert back == pipe
    assert same(wanted, back(**data))
    pipe.set_random_seed(9)
    plan = pipe.plan(**data)
    again = A.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    assert hash(again) == hash(plan)
    assert plan.depth == DEPTH
    assert same(wanted, pipe.render(again, **data))
    replayed = A.ReplayCompose([make(name, variant)], keypoint_params=pipe.keypoint_params, seed=4)
    first = replayed(**data)
    record = json.loads(json.dumps(first.pop("replay")))
    second = A.ReplayCompose.replay(record, **data)
    assert same(first, {key: second[key] for key in first})
    assert str(pipe.explain(**data))


@pytest.mark.parametrize("key", ["volume", "volumes", "mask3d", "masks3d"])
@each_variant
def test_targets_agree_and_stand_alone(name: str, variant: int, key: str) -> None:
    mask = labels()
    data = {
        "volume": mask,
        "mask3d": mask,
        "volumes": np.stack([mask, mask]),
        "masks3d": np.stack([mask, mask]),
    }
    extra = {"interpolation": 0} if "interpolation" in getattr(A, name).fields else {}
    if SOLID[name].moves == "drop":
        extra = {"fill": 3, "fill_mask": 3}
    if name == "Anisotropy3D" and "mask" in key:
        return
    whole = A.Compose([make(name, variant, **extra)], seed=6)(**data)
    alone = A.Compose([make(name, variant, **extra)], seed=6)(**{key: data[key]})[key]
    assert same(alone, whole[key])
    one = alone[0] if key in ("volumes", "masks3d") else alone
    assert same(one, whole["volume"])


@each
def test_a_list_of_slices_is_a_volume(name: str) -> None:
    slices = list(scan())
    out = A.Compose([make(name)], seed=6)(volume=slices)["volume"]
    wanted = A.Compose([make(name)], seed=6)(volume=np.stack(slices))["volume"]
    if name == "ToTensor3D":
        assert same(out, wanted)
    else:
        assert isinstance(out, list)
        assert np.array_equal(np.stack(out), wanted)


@each
def test_calls_without_a_volume_are_refused(name: str) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pipe = A.Compose([make(name)])
    if name == "ToTensor3D":
        assert pipe(image=image)["image"] is image
        return
    for data in ({"image": image}, {"images": image[None]}, {"mask": image[..., 0]}):
        with pytest.raises(A.AnamorphError, match=rf"{name} needs volume="):
            pipe(**data)
    with pytest.raises(A.AnamorphError, match="bboxes, which 3-D transforms do not move"):
        A.Compose([A.Pad3D(1), make(name)], bbox_params=A.BboxParams("pascal_voc"))(
            volume=scan(), bboxes=[[0, 0, 1, 1]]
        )


@each
def test_pictures_beside_a_volume_stay(name: str) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    data = {"image": image, "mask": image[..., 0], "images": image[None]}
    out = A.Compose([make(name)], seed=6)(**data, volume=scan())
    assert same({key: out[key] for key in data}, data)
    assert same(out["volume"], A.Compose([make(name)], seed=6)(volume=scan())["volume"])


def blobs(points: list[Any], shape: tuple[int, int, int]) -> Any:
    """Draw a Gaussian a channel at each point x, y, z."""
    z, y, x = np.indices(shape, dtype=np.float64)
    planes = [
        np.exp(-((x - p[0]) ** 2 + (y - p[1]) ** 2 + (z - p[2]) ** 2) / (2 * 1.6**2))
        for p in points
    ]
    return np.stack(planes, -1).astype(np.float32)


def centre(plane: Any) -> tuple[float, float, float] | None:
    """Find a blob that is wholly visible."""
    weights = np.where(plane > 0.002 * plane.max(), plane, 0).astype(np.float64)
    total = weights.sum()
    if plane.max() < 0.6:
        return None
    at = [float((axis * weights).sum() / total) for axis in np.indices(plane.shape)]
    inside = all(6 < v < n - 7 for v, n in zip(at, plane.shape, strict=True))
    return (at[2], at[1], at[0]) if inside else None


@moving
def test_keypoints_follow_blobs(name: str, variant: int) -> None:
    shape = (36, 40, 44)
    extra = {"size": (28, 30, 34)} if "size" in getattr(A, name).fields else {}
    checked = 0
    for seed in range(8):
        g = np.random.default_rng(seed)
        points = [tuple(float(g.uniform(12, n - 12)) for n in reversed(shape)) for _ in range(3)]
        pipe = pipeline(make(name, variant, shape, **extra), seed=seed)
        result = pipe(volume=blobs(points, shape), keypoints=points, ids=[0, 1, 2])
        for i in range(3):
            seen = centre(result["volume"][..., i])
            if seen is None:
                continue
            assert i in result["ids"], f"seed {seed}: {points[i]} was dropped, seen at {seen}"
            point = result["keypoints"][result["ids"].index(i)]
            off = float(np.abs(np.subtract(point, seen)).max())
            assert off <= TOLERANCE[SOLID[name].moves], f"seed {seed}: {seen}, point at {point}"
            checked += 1
    assert checked >= 4


@each_variant
def test_every_point_comes_back_where_asked_for(name: str, variant: int) -> None:
    pipe = pipeline(make(name, variant), seed=4, remove_invisible=False)
    points = [(-5.0, 3.0, 40.0), *np.random.default_rng(0).uniform(0, 12, (9, 3)).tolist()]
    for _ in range(3):
        out = pipe(volume=scan(), keypoints=points, ids=[*range(10)])
        assert out["ids"] == [*range(10)]
        assert np.shape(out["keypoints"]) == (10, 3)


@each_variant
def test_backends_agree(name: str, variant: int) -> None:
    data = sample((6, 9, 11))
    results = [
        A.Compose(
            [make(name, variant, (6, 9, 11))],
            keypoint_params=A.KeypointParams("xyz"),
            seed=3,
            backend=backend,
        )(**data)
        for backend in ("opencv", "reference")
    ]
    for key in ("volume", "volumes"):
        gap = np.abs(np.asarray(results[0][key], np.int64) - np.asarray(results[1][key], np.int64))
        assert gap.max() <= (6 if SOLID[name].moves == "dense" else 1)
    assert np.mean(np.asarray(results[0]["mask3d"]) != np.asarray(results[1]["mask3d"])) < 0.01
    assert np.allclose(results[0]["keypoints"], results[1]["keypoints"])
