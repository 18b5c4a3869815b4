"""Polygons and polylines follow the picture, for every transform that moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.backends import BACKENDS
from anamorph.core.clipping import inside_of
from anamorph.ir.ops import OPS, Cast
from contracts.table import MOVING, ROWS, build, extras

H, W = 120, 160
moving = pytest.mark.parametrize(("name", "variant"), MOVING)
LEAST = {"lattice": 1.0, "matrix": 0.94, "dense": 0.92}
"""Overlap of a polygon with the mask of its pixels, …"""
NEAR = {"lattice": 0.0, "matrix": 1.5, "dense": 2.0}
"""… and how far from the outline pixels may lie in which they differ."""


def star(x: float, y: float, outer: float, inner: float, turn: float) -> Any:
    """Make a concave outline."""
    angles = turn + np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2, inner, outer)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)


def scene(seed: int) -> Any:
    """Make a star with a hole, and one beside it."""
    g = np.random.default_rng(seed)
    x, y, turn = g.uniform(40, 70), g.uniform(40, 80), g.uniform(0, 3)
    ring, hole = star(x, y, 36, 22, turn), star(x, y, 14, 9, turn + 1)
    return [[ring, hole], star(x + 62, y + 3, 24, 12, turn)]


def drawn(objects: Any, size: tuple[int, int]) -> Any:
    """Draw polygons: a pixel belongs to an object if an odd number of rings surrounds its centre."""
    yy, xx = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    places = np.stack([xx.ravel(), yy.ravel()], axis=1)
    out = np.zeros(size, bool)
    for rings in objects:
        inside = np.zeros(len(places), bool)
        for ring in rings_of(rings):
            inside ^= inside_of(places, np.asarray(ring))
        out |= inside.reshape(size)
    return out


def rings_of(object_: Any) -> Any:
    """Take a polygon of arrays apart."""
    return [object_] if isinstance(object_, np.ndarray) else object_


def run(name: str, variant: int, seed: int, backend: str = "opencv", **data: Any) -> Any:
    pipe = A.Compose(
        [build(name, H, W, variant)],
        bbox_params=A.BboxParams("pascal_voc"),
        polygon_params=A.PolygonParams(label_fields=["names"]),
        polyline_params=A.PolylineParams(label_fields=["lanes"]),
        seed=seed,
        backend=backend,
    )
    call = {"image": np.zeros((H, W, 3), np.uint8), "bboxes": [(20, 20, 100, 90)]}
    return pipe(**call | {"polygons": [], "names": [], "polylines": [], "lanes": []} | data
                | extras(name, H, W))  # fmt: skip


@moving
def test_polygons_overlap_masks(name: str, variant: int) -> None:
    checked = 0
    for seed in range(4):
        polygons = scene(seed)
        mask = drawn(polygons, (H, W)).astype(np.uint8)
        result = run(name, variant, seed, mask=mask, polygons=polygons, names=["one", "two"])
        size = result["image"].shape[:2]
        wanted = result["mask"] == 1
        found = drawn(result["polygons"], size)
        if wanted.sum() < 200:
            continue
        checked += 1
        overlap = (wanted & found).sum() / (wanted | found).sum()
        assert overlap >= LEAST[ROWS[name].moves], f"seed {seed}: overlap {overlap:.3f}"
        outlines = [np.concatenate([r, r[:1]]) for o in result["polygons"] for r in rings_of(o)]
        differ = np.argwhere(wanted != found)[:, ::-1] + 0.5
        far = [min(distance(point, outline) for outline in outlines) for point in differ]
        assert max(far, default=0.0) <= NEAR[ROWS[name].moves]
        assert len(result["names"]) == len(result["polygons"])
        assert set(result["names"]) <= {"one", "two"}
        for object_ in result["polygons"]:
            for ring in rings_of(object_):
                assert len(ring) >= 3
                assert (ring >= 0).all()
                assert (ring <= size[::-1]).all()
    assert checked >= 2


@moving
def test_polylines_pass_through_keypoints(name: str, variant: int) -> None:
    line = [(10.0, 15.0), (80.0, 60.0), (150.0, 30.0), (130.0, 110.0)]
    for seed in range(3):
        pipe = A.Compose(
            [build(name, H, W, variant)],
            bbox_params=A.BboxParams("pascal_voc"),
            keypoint_params=A.KeypointParams("xy", remove_invisible=False),
            seed=seed,
        )
        along = np.linspace(0, 1, 9)[:, None]
        ends = list(zip(np.array(line), np.array(line[1:]), strict=False))
        probes = np.concatenate([a + (b - a) * along for a, b in ends]) - 0.5
        result = pipe(
            image=np.zeros((H, W, 3), np.uint8), mask=np.ones((H, W), np.uint8),
            polylines=[line], keypoints=probes, bboxes=[(20, 20, 100, 90)], **extras(name, H, W),
        )  # fmt: skip
        height, width = result["image"].shape[:2]
        points = np.asarray(result["keypoints"]) + 0.5
        inside = ((points > 0) & (points < (width, height))).all(axis=1)
        lines = [part for object_ in result["polylines"] for part in parts_of(object_)]
        for point in points[inside]:
            nearest = min(distance(point, part) for part in lines)
            assert nearest < (0.3 if ROWS[name].moves == "dense" else 1e-3)


def parts_of(object_: Any) -> list[Any]:
    """Take a polyline apart into its lines."""
    return [object_] if np.ndim(object_[0][0]) == 0 else list(object_)


def distance(point: Any, line: Any) -> float:
    """How far a point is from a polyline."""
    a, b = np.asarray(line)[:-1], np.asarray(line)[1:]
    t = ((point - a) * (b - a)).sum(1) / np.maximum(((b - a) ** 2).sum(1), 1e-12)
    near = a + (b - a) * t.clip(0, 1)[:, None]
    return float(np.hypot(*(point - near).T).min())


@moving
def test_both_backends_agree(name: str, variant: int) -> None:
    polygons, line = scene(1), np.array([(10.0, 15.0), (80.0, 60.0), (150.0, 30.0)])
    data = {"polygons": polygons, "names": [1, 2], "polylines": [line], "lanes": ["a"]}
    mask = np.ones((H, W), np.uint8)
    fast, slow = (run(name, variant, 2, b, mask=mask, **data) for b in ("opencv", "reference"))
    assert fast["names"] == slow["names"]
    assert fast["lanes"] == slow["lanes"]
    for key in ("polygons", "polylines"):
        for one, other in zip(fast[key], slow[key], strict=True):
            rings, others = parts_of(one), parts_of(other)
            assert len(rings) == len(others)
            for ring, wanted in zip(rings, others, strict=True):
                if ROWS[name].moves != "dense":
                    assert np.allclose(ring, wanted, atol=1e-6)
                    continue
                loop = np.concatenate([ring, ring[:1]]) if key == "polygons" else ring
                assert max(distance(point, loop) for point in wanted) < 0.25


@moving
def test_forms_and_labels_are_kept(name: str, variant: int) -> None:
    ring, hole = ([(float(x), float(y)) for x, y in r] for r in scene(0)[0])
    far = [[W - 3.0, H - 3.0, W - 1.0, H - 3.0, W - 1.0, H - 1.0]]
    flat = [v for pair in ring for v in pair]
    given = [[flat], ring, [ring, hole], np.array(ring, np.float32), far]
    names = ("flat", "pairs", "rings", "array", "far")
    result = run(name, variant, 5, mask=np.ones((H, W), np.uint8), polygons=given, names=names)
    assert isinstance(result["polygons"], list)
    assert isinstance(result["names"], tuple)
    for kind, polygon in zip(result["names"], result["polygons"], strict=True):
        if kind in ("flat", "far"):
            assert all(isinstance(r, list) and isinstance(r[0], float) for r in polygon)
        elif kind == "array":
            rings = [polygon] if isinstance(polygon, np.ndarray) else polygon
            assert all(r.dtype == np.float32 and r.shape[1] == 2 for r in rings)
        else:
            rings = polygon if isinstance(polygon[0], list) else [polygon]
            assert all(isinstance(corner, tuple) for r in rings for corner in r)


def test_every_target_of_every_op_has_a_kernel() -> None:
    wanted = {(op, target) for op in OPS.values() for target in op.touches if not op.solid}
    wanted |= {(Cast, target) for target in Cast(tensor=True).targets}
    wanted = {pair for pair in wanted if pair[0].__name__ != "Effect"}  # those go by name
    for name, backend in BACKENDS.items():
        assert wanted - set(backend.kernels) == set(), name
