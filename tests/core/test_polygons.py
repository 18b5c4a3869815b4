"""How polygons and polylines are read and written, and when they are dropped."""

from __future__ import annotations

import numpy as np
import pytest

import anamorph as A

SIZE = (100, 200)
PICTURE = np.zeros((*SIZE, 3), np.uint8)
RING = [(10.0, 20.0), (60.0, 20.0), (60.0, 70.0)]
FLAT = [v for pair in RING for v in pair]


def same(polygons, *transforms, **params):
    pipeline = A.Compose(list(transforms), polygon_params=A.PolygonParams(**params))
    return pipeline(image=PICTURE, polygons=polygons)["polygons"]


@pytest.mark.parametrize(
    "given",
    [
        [RING], (RING,), [FLAT], [tuple(FLAT)], [[FLAT]], [[FLAT, FLAT]], [[RING, RING]],
        [(RING, FLAT)], [[list(p) for p in RING]], [tuple(RING)], [], (),
        [[*RING, RING[0]]], [[[*FLAT, *FLAT[:2]]]],
    ],
)  # fmt: skip
def test_lists_come_back_as_they_were(given):
    out = same(given)
    assert out == given
    assert out is not given or not given
    assert type(out) is type(given)
    assert str(out) == str(given)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("form", ["ring", "flat", "rings", "stacked", "objects"])
def test_arrays_come_back_as_they_were(form, dtype):
    ring = np.array(RING, dtype)
    given = {
        "ring": [ring],
        "flat": [ring.ravel()],
        "rings": [[ring, ring + 20]],
        "stacked": [np.stack([ring, ring + 20])],
        "objects": np.stack([ring, ring + 20]),
    }[form]
    out = same(given, A.HorizontalFlip(p=1), A.HorizontalFlip(p=1))
    wanted = dtype if dtype == np.float32 else np.float64
    member = out if isinstance(out, np.ndarray) else out[0]
    member = member[0] if isinstance(member, list) else member
    assert member.dtype == wanted
    assert np.array_equal(np.array(out), np.array(given))
    if form == "objects":
        assert isinstance(out, np.ndarray)
        assert out.shape == (2, 3, 2)


def test_an_array_of_objects_that_are_alike_no_more_is_a_list():
    ring = np.array(RING)
    out = same(np.stack([ring, ring + 20]), A.Crop(20, 0, 200, 100))
    assert [len(ring) for ring in out] == [4, 3]


def test_inputs_stay_and_are_not_shared():
    ring = np.array(RING)
    out = same([ring])
    assert not np.shares_memory(out[0], ring)


@pytest.mark.parametrize(
    ("polygons", "reason"),
    [
        (7, "polygons is a int: it must be a list of objects"),
        ([FLAT[:4]], r"polygons\[0\] = .*: a ring must have 3 corners or more"),
        ([[FLAT, FLAT[:5]]], r"polygons\[0\]\[1\] has shape \(5,\)"),
        ([RING, []], r"polygons\[1\] = \[\]"),
        ([[("a", "b")] * 3], r"polygons\[0\] = .*: it must be an array"),
        ([[(1, 2), (3, float("nan")), (5, 6)]], "all its corners must have a place"),
        ([3.0, 4.0], r"polygons\[0\] = 3.0"),
        ([np.zeros((4, 3))], r"polygons\[0\] has shape \(4, 3\)"),
    ],
)
def test_what_is_no_polygon_is_refused_in_one_sentence(polygons, reason):
    with pytest.raises(A.AnamorphError, match=reason) as error:
        same(polygons)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"min_area": -1}, r"PolygonParams.min_area = -1: it must be a number of at least 0"),
        ({"min_visibility": 2}, r"PolygonParams.min_visibility = 2"),
        ({"clip": "no"}, r"PolygonParams.clip = 'no'"),
        ({"label_fields": 3}, r"PolygonParams.label_fields = 3"),
    ],
)
def test_wrong_parameters_are_refused(arguments, reason):
    with pytest.raises(A.AnamorphError, match=reason):
        A.PolygonParams(**arguments)


def test_parameters_are_values():
    params = A.PolygonParams(["names"], min_area=3)
    assert params == A.PolygonParams(label_fields=("names",), min_area=3)
    assert hash(params) == hash(A.PolygonParams(label_fields=("names",), min_area=3))
    assert eval(repr(params), vars(A)) == params
    pipeline = A.Compose([A.NoOp()], polygon_params={"min_area": 3, "label_fields": ["names"]})
    assert pipeline.polygon_params == params
    assert A.from_dict(A.to_dict(pipeline)) == pipeline
    with pytest.raises(A.AnamorphError, match="polygon_params = 3: it must be PolygonParams"):
        A.Compose([], polygon_params=3)


def test_what_vanishes_is_dropped_with_its_labels():
    params = A.PolygonParams(label_fields=["names"])
    crop = A.Compose([A.Crop(100, 0, 200, 100)], polygon_params=params)
    far = [(150, 20), (190, 20), (190, 90)]
    out = crop(image=PICTURE, polygons=[RING, far], names=np.array(["a", "b"]))
    assert out["polygons"] == [[(50, 20), (90, 20), (90, 90)]]
    assert out["names"].tolist() == ["b"]


def test_thresholds_count_what_is_in_sight_of_what_came():
    square = [(0, 0), (40, 0), (40, 40), (0, 40)]
    crop, pad = A.Crop(30, 0, 130, 100), A.Pad(20)
    assert len(same([square], crop, min_area=400)) == 1
    assert len(same([square], crop, min_area=401)) == 0
    assert len(same([square], crop, pad, A.Resize(50, 50), min_visibility=0.25)) == 1
    assert len(same([square], crop, pad, A.Resize(50, 50), min_visibility=0.26)) == 0


def test_polygons_are_whole_if_asked():
    out = same([RING], A.Crop(30, 0, 130, 100), clip=False, min_visibility=0.2)
    assert out == [[(-20, 20), (30, 20), (30, 70)]]
    assert same([RING], A.Crop(30, 0, 130, 100), clip=False, min_visibility=0.9) == []
    assert same([RING], A.Crop(100, 0, 130, 100), clip=False) == []


def test_what_reaches_out_is_cut_before_anything_moves():
    wide = [(-50, 20), (60, 20), (60, 40), (-50, 40)]
    (out,) = same([wide], A.Pad(30, p=1))
    assert min(x for x, _ in out) == 30


def test_what_is_cut_off_stays_cut_off():
    (out,) = same([RING], A.Crop(30, 0, 130, 100), A.Pad(30, p=1))
    assert min(x for x, _ in out) == 30


def test_one_object_stays_one_object():
    comb = [
        (0, 0), (60, 0), (60, 20), (20, 20), (20, 40), (60, 40), (60, 60), (0, 60)
    ]  # fmt: skip
    params = A.PolygonParams(label_fields=["names"])
    crop = A.Compose([A.Crop(30, 0, 130, 100)], polygon_params=params)
    out = crop(image=PICTURE, polygons=[comb], names=["comb"])
    assert out["names"] == ["comb"]
    assert out["polygons"] == [
        [[(0, 0), (30, 0), (30, 20), (0, 20)], [(0, 40), (30, 40), (30, 60), (0, 60)]]
    ]


def test_lines_of_two_corners_and_their_length():
    lines = [
        [(0, 50), (200, 50)],
        [0.0, 10.0, 35.0, 10.0],
        [[(0, 0), (50, 50)], [(60, 0), (60, 9)]],
    ]
    params = A.PolylineParams(label_fields=["lanes"], min_length=10)
    crop = A.Compose([A.Crop(30, 0, 130, 100)], polyline_params=params)
    out = crop(image=PICTURE, polylines=lines, lanes=[1, 2, 3])
    assert out["polylines"] == [[(0, 50), (100, 50)], [[(0, 30), (20, 50)], [(30, 0), (30, 9)]]]
    assert out["lanes"] == [1, 3]


def test_labels_must_be_as_many():
    params = A.PolygonParams(label_fields=["names"])
    pipeline = A.Compose([A.NoOp()], polygon_params=params)
    with pytest.raises(A.AnamorphError, match="names has 1 labels for 2 polygons"):
        pipeline(image=PICTURE, polygons=[RING, RING], names=["a"])
