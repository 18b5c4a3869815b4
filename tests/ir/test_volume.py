"""Ops of volumes: matrices, what fuses and what must not, inverses, and the fields."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import NotInvertibleError
from anamorph.ir import matrix3 as mx
from anamorph.ir.ops import Sampling
from anamorph.ir.rules import fuse
from anamorph.ir.volume import Fill3, Remap3, Warp3
from anamorph.ir.volume_field import displacements, found, nodes, steps_of

SHAPE = (9, 12, 14)
SMOOTH = np.add.outer(np.add.outer(np.arange(9) * 9.0, np.arange(12) * 4.0), np.arange(14) * 3.0)
VOLUME = SMOOTH.astype(np.uint8)
MASK = (np.indices(SHAPE).sum(0) // 4 % 5).astype(np.uint8)


def matrix(seed: int) -> Any:
    g = np.random.default_rng(seed)
    return mx.joined(g.normal(0, 1, (3, 3)).tolist(), g.normal(0, 9, 3).tolist())


def square(m: Any) -> Any:
    return np.vstack([np.reshape(m, (3, 4)), [0, 0, 0, 1]])


@pytest.mark.parametrize("seed", range(5))
def test_algebra_is_that_of_numpy(seed: int) -> None:
    a, b = matrix(seed), matrix(seed + 50)
    assert np.allclose(square(mx.matmul(a, b)), square(a) @ square(b))
    assert np.allclose(square(mx.invert(a)), np.linalg.inv(square(a)))
    assert np.isclose(mx.determinant(a), np.linalg.det(square(a)[:3, :3]))
    corners = np.array(list(itertools.product((0, 14), (0, 12), (0, 9)))) @ square(a)[:3, :3].T
    corners += square(a)[:3, 3]
    low, high = mx.extent(a, SHAPE)
    assert np.allclose(low, corners.min(0))
    assert np.allclose(high, corners.max(0))


def test_what_flattens_has_no_inverse() -> None:
    with pytest.raises(NotInvertibleError, match="flattens the volume"):
        mx.invert(mx.scaling(1, 0, 1))


def test_kinds_of_matrices() -> None:
    turn = mx.rotation("x", 90)
    assert mx.is_lattice(turn)
    assert not mx.is_lattice(mx.rotation("x", 45))
    assert not mx.is_lattice(mx.translation(0.5, 0, 0))
    assert not mx.is_straight(mx.rotation("y", 45))
    assert mx.is_straight(mx.matmul(mx.scaling(2, 3, 0.5), turn))
    assert mx.separated(mx.rotation("z", 30)) == (2, 2)
    assert mx.separated(mx.rotation("x", 30)) == (0, 0)
    assert mx.separated(turn) == (1, 2)
    assert mx.separated(matrix(0)) is None


CHAINS: dict[str, tuple[list[Any], int]] = {
    # name: transforms, steps that are left
    "symmetries": ([A.CubicSymmetry(), A.Flip3D(flip_axes=(0, 1)), A.CubicSymmetry()], 1),
    "a crop of a crop": ([A.RandomCrop3D((7, 9, 9)), A.RandomCrop3D((5, 6, 7))], 1),
    "a turned crop": ([A.CenterCrop3D((7, 9, 9)), A.Flip3D(flip_axes=(2,))], 1),
    "pads of one fill": ([A.Pad3D(2, fill=7), A.Pad3D((1, 0, 2), fill=7)], 1),
    "pads of two fills": ([A.Pad3D(2, fill=7), A.Pad3D(1, fill=8)], 2),
    "what a crop cut off stays off": ([A.CenterCrop3D((5, 6, 6)), A.Pad3D(2)], 2),
    "a pad and a crop inside": ([A.Pad3D(3, fill=9), A.RandomCrop3D((9, 12, 14))], 1),
    "turn and zoom": (
        [
            A.Affine3D(rotate_range={"z": (9, 9)}, border_mode=1, p=1),
            A.CenterCrop3D((5, 6, 8)),
            A.Flip3D(flip_axes=(1,)),
        ],
        1,
    ),
    "two turns": ([A.Affine3D(rotate_range=(9, 9), p=1), A.Affine3D(rotate_range=(9, 9), p=1)], 2),
    "resize and turn": ([A.Resize3D((18, 24, 28)), A.Affine3D(rotate_range={"z": (9, 9)}, p=1)], 1),
    "a symmetry and a turn": ([A.CubicSymmetry(), A.Affine3D(rotate_range=(20, 30), p=1)], 1),
    "cuboids of one value": ([A.CoarseDropout3D(fill=3, p=1), A.CoarseDropout3D(fill=3, p=1)], 1),
    "cuboids of two values": ([A.CoarseDropout3D(fill=3, p=1), A.CoarseDropout3D(fill=4, p=1)], 2),
}


@pytest.mark.parametrize("name", CHAINS)
def test_fused_chains_show_the_same(name: str) -> None:
    members, steps = CHAINS[name]
    for seed in range(6):
        outs = []
        for mode in ("none", "exact", "all"):
            pipe = A.Compose(members, seed=seed, fuse=mode, keypoint_params=A.KeypointParams("xyz"))
            outs.append(pipe(volume=VOLUME, mask3d=MASK, keypoints=[(6, 5, 4), (1, 11, 8)]))
        pipe.set_random_seed(seed)
        plan = pipe.plan(volume=VOLUME)
        left = plan.fused()
        assert len(left) <= steps or "symm" in name
        assert len(left) >= min(steps, len(plan.ops))
        assert plan.depths[-1] == outs[0]["volume"].shape[0]
        assert plan.sizes[-1] == outs[0]["volume"].shape[1:]
        for other in outs[1:]:
            assert np.allclose(other["keypoints"], outs[0]["keypoints"], atol=1e-6)
            assert other["volume"].shape == outs[0]["volume"].shape
        assert np.array_equal(outs[0]["volume"], outs[1]["volume"])
        assert np.array_equal(outs[0]["mask3d"], outs[1]["mask3d"])
        if all(step.label in (None, "exact") for step in left):
            assert np.array_equal(outs[0]["volume"], outs[2]["volume"])
        else:
            gap = np.abs(outs[0]["volume"].astype(int) - outs[2]["volume"])
            assert np.quantile(gap, 0.8) <= 6


def test_only_equal_readings_fuse() -> None:
    first = Warp3(mx.rotation("z", 9), SHAPE, SHAPE, Sampling(0, 0, 1))
    second = Warp3.resize(SHAPE, (9, 6, 7), Sampling(1, 0, 1))
    assert len(fuse([first, second], SHAPE[1:])) == 2
    same = Warp3.resize(SHAPE, (9, 6, 7), Sampling(0, 0, 1))
    assert len(fuse([first, same], SHAPE[1:])) == 1
    cuboid = Fill3(((0, 0, 0, 1, 1, 1),), 3, None)
    assert len(fuse([cuboid, Fill3(((0, 0, 0, 1, 1, 1),), 3, 1)], SHAPE[1:])) == 2


def test_inverses_bring_labels_home() -> None:
    pipe = A.Compose(
        [A.CubicSymmetry(), A.Pad3D(2), A.Resize3D((26, 36, 40), p=1), A.HorizontalFlip(p=1)],
        keypoint_params=A.KeypointParams("xyz"),
        seed=4,
    )
    plan = pipe.plan(volume=VOLUME)
    points = [(6.0, 5.0, 4.0), (1.0, 11.0, 8.0)]
    moved = pipe.render(plan, volume=VOLUME, mask3d=MASK, keypoints=points)
    back = plan.inverse()
    assert (back.depth, back.size) == (26, (36, 40))
    home = pipe.render(back, mask3d=moved["mask3d"], keypoints=moved["keypoints"])
    assert np.array_equal(home["mask3d"], MASK)
    assert np.allclose(home["keypoints"], points)
    bent = A.Compose([A.ElasticTransform3D(p=1)]).plan(volume=VOLUME)
    with pytest.raises(NotInvertibleError, match="spline"):
        bent.inverse()


FIELD = Remap3("spline", ((5, 6, 7), 1.7, 3), (24, 31, 44))


def test_fields_are_smooth_and_bounded() -> None:
    g = np.random.default_rng(0)
    places = np.column_stack([g.uniform(0, n, 500) for n in (44, 31, 24)])
    moves = displacements(FIELD, places)
    assert np.abs(moves).max() <= 1.7
    assert moves.std() > 0.2
    near = displacements(FIELD, places + 0.01)
    assert np.abs(near - moves).max() < 0.02
    outside = displacements(FIELD, np.array([[-5.0, 3.0, 3.0], [0.0, 3.0, 3.0]]))
    assert np.allclose(outside[0], outside[1])


def test_coarse_nodes_follow_the_splines() -> None:
    field, steps = nodes(FIELD), steps_of(FIELD)
    places = [(np.arange(n) - 0.5) * s for n, s in zip(field.shape, steps, strict=False)]
    z, y, x = np.meshgrid(*places, indexing="ij")
    wanted = displacements(FIELD, np.column_stack([x.ravel(), y.ravel(), z.ravel()]))
    assert np.allclose(field.reshape(-1, 3), wanted, atol=1e-5)


def test_points_are_found_in_fields_close_to_folding() -> None:
    strong = Remap3("spline", ((6, 6, 6), 0.4 * 12 / 3, 9), (12, 12, 12))
    places = np.random.default_rng(1).uniform(1, 11, (60, 3))
    at = found(strong, places)
    assert np.allclose(at + displacements(strong, at), places, atol=1e-6)
