"""3-D transforms: known answers, distributions, refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import anamorph as A

SHAPE = (4, 5, 6)
VOLUME = np.arange(1, 121, dtype=np.uint8).reshape(SHAPE)


def run(transform: Any, seed: int = 0, volume: Any = VOLUME) -> Any:
    return A.Compose([transform], seed=seed)(volume=volume)["volume"]


def span(volume: Any) -> list[list[int]]:
    """First and last voxel that is not zero."""
    at = np.argwhere(volume)
    return [at[0].tolist(), at[-1].tolist()]


@pytest.mark.parametrize(
    ("size", "first"), [((3, 4, 5), (0, 0, 0)), ((1, 2, 3), (1, 1, 1)), ((2, 2, 2), (1, 1, 2))]
)
def test_the_middle(size: Any, first: Any) -> None:
    assert run(A.CenterCrop3D(size))[0, 0, 0] == VOLUME[first]


def test_crops_of_what_is_too_small() -> None:
    out = run(A.CenterCrop3D((9, 3, 9), pad_if_needed=True, fill=200))
    wanted = np.pad(VOLUME[:, 1:4], ((2, 3), (0, 0), (1, 2)), constant_values=200)
    assert np.array_equal(out, wanted)
    places = {tuple(span(run(A.RandomCrop3D((6, 7, 8), True), s))[0]) for s in range(80)}
    assert places <= set(itertools.product(range(3), range(3), range(3)))
    assert len(places) > 20
    with pytest.raises(A.AnamorphError, match=r"CenterCrop3D wants 5×4×4 voxels .* has 4×5×6"):
        run(A.CenterCrop3D((5, 4, 4)))


def test_random_crops_lie_anywhere() -> None:
    corners = {int(run(A.RandomCrop3D((3, 4, 4)), s)[0, 0, 0]) for s in range(120)}
    assert corners == {
        int(VOLUME[z, y, x]) for z, y, x in itertools.product(range(2), range(2), range(3))
    }


@pytest.mark.parametrize(
    ("padding", "width"),
    [
        (2, ((2, 2), (2, 2), (2, 2))),
        ((1, 2, 3), ((1, 1), (2, 2), (3, 3))),
        ((1, 2, 3, 4, 5, 6), ((1, 2), (3, 4), (5, 6))),
        (0, ((0, 0), (0, 0), (0, 0))),
    ],
)
def test_margins(padding: Any, width: Any) -> None:
    assert np.array_equal(run(A.Pad3D(padding)), np.pad(VOLUME, width))


def test_margins_where_needed() -> None:
    assert span(run(A.PadIfNeeded3D((7, 8, 9)))) == [[1, 1, 1], [4, 5, 6]]
    assert run(A.PadIfNeeded3D(pad_divisor_zyx=(3, 4, 4))).shape == (6, 8, 8)
    assert run(A.PadIfNeeded3D((5, 5, 5), (4, 4, 4))).shape == (5, 5, 6)
    assert run(A.PadIfNeeded3D((1, 1, 1))) is VOLUME
    transform = A.PadIfNeeded3D((6, 7, 8), position="random")
    assert len({tuple(span(run(transform, s))[0]) for s in range(80)}) > 20


def test_cuboids() -> None:
    zeros = np.zeros((13, 17, 19), np.uint8)
    sizes = set()
    for seed in range(20):
        hole = A.CoarseDropout3D((1, 1), (0.3, 0.3), (0.3, 0.3), (0.3, 0.3), fill=9, p=1)
        first, last = span(run(hole, seed, zeros))
        sizes.add(tuple(b - a + 1 for a, b in zip(first, last, strict=True)))
    assert sizes == {(4, 6, 6)}
    everything = A.CoarseDropout3D((1, 1), 1, 1, 1, fill=9, p=1)
    out = A.Compose([everything], keypoint_params=A.KeypointParams("xyz"))(
        volume=VOLUME, mask3d=VOLUME, keypoints=[(1, 2, 3)]
    )
    assert (out["volume"] == 9).all()
    assert np.array_equal(out["mask3d"], VOLUME)
    assert len(out["keypoints"]) == 0
    none = A.CoarseDropout3D((0, 0), p=1)
    assert run(none) is VOLUME


def test_the_48_symmetries() -> None:
    cube = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    seen: dict[bytes, int] = {}
    for seed in range(1200):
        key = run(A.CubicSymmetry(), seed, cube).tobytes()
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == 48
    assert max(seen.values()) < 3 * min(seen.values()) + 15


@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (1, 2), (2, 0), (0, 2)])
@pytest.mark.parametrize("turn", range(4))
def test_turns_are_those_of_numpy(pair: tuple[int, int], turn: int) -> None:
    name = ("e", "r90", "r180", "r270")[turn]
    out = run(A.RandomRotate90_3D(axis_pair=pair, group_element=name))
    assert np.array_equal(out, np.rot90(VOLUME, turn, pair))


def test_turns_and_flips_of_chance() -> None:
    cube = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    turns = {run(A.RandomRotate90_3D(), s, cube).tobytes() for s in range(200)}
    assert len(turns) == 10
    assert len({run(A.Flip3D(), s, cube).tobytes() for s in range(100)}) == 8
    assert len({run(A.Flip3D(axes=(2, 0)), s, cube).tobytes() for s in range(100)}) == 4
    fixed = run(A.Flip3D(flip_axes=[0, 2]))
    assert np.array_equal(fixed, VOLUME[::-1, :, ::-1])


def point(transform: Any, at: tuple[int, int, int]) -> Any:
    """Where a voxel of an 11 × 15 × 15 volume goes, as the volume and as a keypoint tell."""
    volume = np.zeros((11, 15, 15), np.float32)
    volume[at[::-1]] = 1
    pipe = A.Compose([transform], keypoint_params=A.KeypointParams("xyz"))
    out = pipe(volume=volume, keypoints=[at])
    seen = np.unravel_index(out["volume"].argmax(), out["volume"].shape)
    assert np.abs(np.subtract(out["keypoints"][0], seen[::-1])).max() <= 0.5
    return np.round(out["keypoints"][0], 6).tolist()


@pytest.mark.parametrize(
    ("options", "at", "to"),
    [
        ({"rotate_range": {"z": (90, 90)}}, (10, 7, 5), [7, 4, 5]),
        ({"rotate_range": {"x": (90, 90)}}, (7, 10, 5), [7, 7, 2]),
        ({"rotate_range": {"y": (90, 90)}}, (10, 7, 5), [7, 7, 2]),
        ({"rotate_range": {"x": (90, 90), "z": (90, 90)}}, (7, 9, 5), [7, 7, 3]),
        ({"rotate_range": {"x": (90, 90), "y": (90, 90)}}, (7, 9, 5), [5, 7, 5]),
        ({"scale_range": {"x": 2}}, (9, 7, 5), [11, 7, 5]),
        ({"scale_range": {"z": (2, 2)}}, (7, 7, 6), [7, 7, 7]),
        ({"translate_percent_range": {"x": (0.2, 0.2)}}, (7, 7, 5), [10, 7, 5]),
        ({"translate_percent_range": {"z": (0.2, 0.2)}}, (7, 7, 5), [7, 7, 7.2]),
        ({"scale_range": {"x": 2}, "rotate_range": {"z": (90, 90)}}, (9, 7, 5), [7, 3, 5]),
    ],
)
def test_what_turns_where(options: dict[str, Any], at: Any, to: Any) -> None:
    assert point(A.Affine3D(**options, p=1), at) == to


def test_ranges_for_one_axis_or_all() -> None:
    turn = A.Affine3D(rotate_range={"z": 10}, scale_range=(0.9, 1.1))
    assert turn.rotate_range == {"x": (0, 0), "y": (0, 0), "z": (-10, 10)}
    assert turn.scale_range == dict.fromkeys("xyz", (0.9, 1.1))
    assert run(A.Affine3D(p=1)) is VOLUME
    with pytest.raises(A.AnamorphError, match=r"Affine3D\.rotate_range = .* keys among"):
        A.Affine3D(rotate_range={"w": 3})


def test_a_quarter_turn_is_exact() -> None:
    cube = np.random.default_rng(0).integers(0, 255, (5, 6, 6), np.uint8)
    for k in range(4):
        angle = (90 * k, 90 * k)
        out = run(A.Affine3D(rotate_range={"z": angle}, p=1), volume=cube)
        assert np.array_equal(out, np.rot90(cube, k, (1, 2)))


def test_a_turn_about_z_is_the_turn_of_pictures() -> None:
    for seed in range(3):
        angle = 17.0 + 40 * seed
        solid = run(A.Affine3D(rotate_range={"z": (angle, angle)}, p=1))
        flat = run(A.Rotate((angle, angle), p=1))
        assert np.abs(solid.astype(int) - flat).max() <= 1


def test_blocks_of_random_volume() -> None:
    shares, ratios = [], []
    for method in ("standard", "uniform_scale"):
        for seed in range(150):
            pipe = A.Compose(
                [A.RandomResizedCrop3D((8, 8, 8), (0.1, 0.3), sampling_method=method)], seed=seed
            )
            ops = pipe.plan(volume=np.zeros((40, 50, 60), np.uint8)).ops
            block = ops[-1].source
            shares.append(np.prod(block) / 120000)
            ratios.append(max(block) / min(block))
    assert 0.09 < min(shares) < 0.13
    assert 0.26 < max(shares) < 0.31
    assert max(ratios) < 4 / 3 * 1.06
    cube = A.Compose([A.RandomResizedCrop3D((8, 8, 8), ratio=None)], seed=1)
    source = cube.plan(volume=np.zeros((40, 50, 60), np.uint8)).ops[-1].source
    assert max(source) - min(source) <= 1


def test_a_block_that_does_not_fit_becomes_the_largest() -> None:
    for method in ("standard", "uniform_scale"):
        pipe = A.Compose(
            [A.RandomResizedCrop3D((8, 8, 8), (1, 1), ratio=1, sampling_method=method)], seed=1
        )
        assert pipe.plan(volume=np.zeros((9, 20, 30), np.uint8)).ops[-1].source == (9, 9, 9)


def test_fields_stay_small_and_fold_nowhere() -> None:
    z, y, x = np.indices((40, 48, 56), dtype=np.float32)
    ramp = np.stack([x / 56, y / 48, z / 40], -1)
    for seed in range(4):
        out = run(A.ElasticTransform3D((0.2, 0.2), border_mode=1, p=1), seed, ramp)
        move = (out - ramp)[6:-6, 6:-6, 6:-6] * (56, 48, 40)
        assert np.abs(move).max() <= 0.2 * 20 + 0.1
        assert move.std() > 0.3
        places = out[6:-6, 6:-6, 6:-6] * (56, 48, 40)
        slopes = np.stack(
            [np.gradient(places[..., c], axis=a) for c in range(3) for a in (2, 1, 0)]
        )
        assert (
            np.linalg.det(np.moveaxis(slopes.reshape(3, 3, *slopes.shape[1:]), (0, 1), (-2, -1)))
            > 0
        ).all()
    with pytest.raises(A.AnamorphError, match=r"the volume could fold; at most 0\.2"):
        A.ElasticTransform3D((0.2, 0.21))


def test_thick_slices() -> None:
    volume = np.random.default_rng(0).integers(0, 255, (24, 9, 9), np.uint8)
    thick = A.Anisotropy3D(axes=(0,), downscale_factor_range=(3, 3), p=1)
    out = A.Compose([thick])(volume=volume, mask3d=volume)
    assert np.array_equal(out["mask3d"], volume)
    means = volume.reshape(8, 3, 9, 9).mean(1)
    assert np.abs(out["volume"][1::3] - means).max() <= 0.51  # the middles of thick slices
    assert abs(float(out["volume"].mean()) - volume.mean()) < 2
    picked = A.Anisotropy3D(axes=(0,), downscale_factor_range=(3, 3), antialias=False, p=1)
    assert np.array_equal(run(picked, volume=volume)[1::3], volume[1::3])
    with pytest.raises(A.AnamorphError, match="not that many axes"):
        A.Anisotropy3D(axes=(1,), num_axes_range=(1, 2))
