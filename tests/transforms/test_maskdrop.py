"""Objects read off masks and boxes, dropped whole or covered in parts."""

import cv2
import numpy as np
import pytest

import anamorph as A
from anamorph.core.rng import generator
from anamorph.transforms.objects import pieces_of

H, W = 60, 80


def labels_of(pieces, shape):
    out = np.zeros(shape, np.int64)
    for i, piece in enumerate(pieces, 1):
        for y, a, b in zip(piece.rows, piece.starts, piece.ends, strict=True):
            assert not out[y, a:b].any()
            out[y, a:b] = i
    return out


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (57, 83), (200, 3)])
@pytest.mark.parametrize("share", [0.05, 0.4, 0.6, 0.95, 1.0])
def test_pieces_are_connected_components(shape, share):
    mask = (generator(3).random(shape) < share).astype(np.uint8)
    pieces = pieces_of(mask)
    count, want = cv2.connectedComponents(mask, connectivity=8)
    assert len(pieces) == count - 1
    got = labels_of(pieces, shape)
    assert np.array_equal(got > 0, mask > 0)
    pairs = {(int(a), int(b)) for a, b in zip(got.ravel(), want.ravel(), strict=True)}
    assert len(pairs) == len(np.unique(got))


def test_a_snake_is_one_piece():
    mask = np.zeros((41, 41), np.uint8)
    mask[::4] = 1
    mask[2::4] = 1
    mask[1::4, -1] = 1
    mask[3::4, 0] = 1
    assert len(pieces_of(mask)) == 1


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float64", "uint16", "int8"])
def test_equal_values_hang_together_and_others_do_not(dtype):
    mask = np.zeros((6, 9), dtype)
    mask[1:3, 1:3] = 1
    mask[3, 3] = 1  # at a corner
    if dtype != "bool":
        mask[1:3, 3:5] = 2  # at a side, another value
    pieces = pieces_of(mask)
    assert [p.area for p in pieces] == ([5] if dtype == "bool" else [5, 4])
    assert pieces[0].bounds == (1, 1, 4, 4)
    assert pieces_of(np.zeros((4, 4), dtype)) == []


def test_a_piece_knows_its_pixels():
    flags = np.zeros((9, 12), np.uint8)
    cv2.circle(flags, (6, 4), 3, 1, -1)
    flags[:, 0] = 1
    ring = pieces_of(flags)[1]
    x0, y0, x1, y1 = ring.bounds
    shown = np.frombuffer(ring.picture().data, np.uint8).reshape(ring.picture().shape)
    assert np.array_equal(shown, flags[y0:y1, x0:x1])
    places = {ring.place(n) for n in range(ring.area)}
    assert places == {(int(x), int(y)) for y, x in np.argwhere(flags) if x}


def scene():
    mask = np.zeros((H, W), np.uint8)
    cv2.circle(mask, (20, 20), 9, 1, -1)
    mask[35:50, 40:70] = 2
    return {
        "image": np.full((H, W, 3), 200, np.uint8),
        "mask": mask,
        "masks": [mask.copy()],
        "images": np.full((2, H, W, 3), 200, np.uint8),
        "bboxes": [[11, 11, 30, 30], [40, 35, 70, 50], [0, 0, 80, 60]],
        "kinds": ["ball", "slab", "scene"],
        "keypoints": [(20, 20), (55, 42), (2, 2)],
        "ids": ["ball", "slab", "corner"],
    }


def run(transform, seed=0, data=None, **options):
    pipe = A.Compose(
        [transform],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"], **options),
        keypoint_params=A.KeypointParams("xy", label_fields=["ids"]),
        seed=seed,
    )
    return pipe(**(data or scene()))


def test_an_object_goes_with_everything_that_belongs_to_it():
    seen = set()
    for seed in range(12):
        data = scene()
        out = run(A.MaskDropout(fill=7, fill_mask=9, p=1), seed)
        hidden = out["mask"] == 9
        value = int(data["mask"][hidden][0])
        assert np.array_equal(hidden, data["mask"] == value)
        assert np.array_equal((out["image"] == 7).all(2), hidden)
        assert np.array_equal(out["masks"][0], out["mask"])
        assert all(np.array_equal((f == 7).all(2), hidden) for f in out["images"])
        gone = {1: "ball", 2: "slab"}[value]
        assert gone not in out["kinds"]
        assert gone not in out["ids"]
        assert len(out["kinds"]) == len(out["ids"]) == 2
        seen.add(value)
    assert seen == {1, 2}


def test_the_number_of_objects_is_drawn_evenly():
    mask = np.zeros((H, W), np.uint8)
    for k in range(5):
        mask[5:10, 3 + 12 * k : 9 + 12 * k] = k % 2 + 1
    pipe = A.Compose([A.MaskDropout(max_objects=3, fill_mask=0, p=1)], seed=2)
    counts = np.zeros(6)
    for _ in range(600):
        left = pipe(image=np.zeros((H, W, 3), np.uint8), mask=mask)["mask"]
        counts[5 - int((left > 0).sum()) // 30] += 1
    assert (abs(counts[1:4] - 200) < 45).all()
    assert counts[[0, 4, 5]].sum() == 0
    all_of_them = A.MaskDropout(max_objects=(9, 9), p=1)
    assert not all_of_them(image=np.zeros((H, W), np.uint8), mask=mask)["mask"].any()


def test_what_is_hidden_counts_for_visibility():
    data = scene() | {"bboxes": [[11, 11, 30, 60]], "kinds": ["tall"]}
    data["mask"] = (data["mask"] == 1).astype(np.uint8)
    assert run(A.MaskDropout(p=1), data=data)["kinds"] == ["tall"]
    assert run(A.MaskDropout(p=1), data=data, min_visibility=0.6)["kinds"] == ["tall"]
    assert run(A.MaskDropout(p=1), data=data, min_visibility=0.8)["kinds"] == []


def test_a_mask_without_objects_leaves_everything():
    data = scene() | {"mask": np.zeros((H, W), np.uint8), "masks": []}
    out = run(A.MaskDropout(p=1), data=data)
    assert out["image"] is data["image"]
    assert out["kinds"] == data["kinds"]


def test_a_mask_is_needed():
    image = np.zeros((9, 9, 3), np.uint8)
    with pytest.raises(A.AnamorphError, match="MaskDropout drops objects of the mask"):
        A.MaskDropout(p=1)(image=image)
    with pytest.raises(A.AnamorphError, match="mask_indices are values of the mask"):
        A.ConstrainedCoarseDropout(mask_indices=[1], p=1)(image=image)
    with pytest.raises(A.AnamorphError, match="bbox_labels are labels of boxes"):
        A.ConstrainedCoarseDropout(bbox_labels=[1], p=1)(image=image)


def test_names_of_older_versions():
    old = A.MaskDropout(max_objects=2, image_fill_value=3, mask_fill_value=4, p=1)
    assert old == A.MaskDropout(max_objects=(1, 2), fill=3, fill_mask=4, p=1)
    assert A.MaskDropout(max_objects_range=(1, 2)).max_objects == (1, 2)


# --------------------------------------------------------------------- holes on objects


def holes(out):
    return (out["image"] == 0).all(2)


def test_holes_lie_about_pixels_of_the_named_values():
    t = A.ConstrainedCoarseDropout(
        hole_height_range=(0.2, 0.2), hole_width_range=(0.4, 0.4), mask_indices=[2], p=1
    )
    side = np.sqrt(15 * 30)
    for seed in range(30):
        ys, xs = np.nonzero(holes(run(t, seed)))
        assert ys.max() - ys.min() + 1 <= int(0.2 * side)
        assert xs.max() - xs.min() + 1 <= int(0.4 * side)
        middle = (ys.min() + ys.max() + 1) // 2, (xs.min() + xs.max() + 1) // 2
        assert 34 <= middle[0] <= 51
        assert 39 <= middle[1] <= 71


def test_each_object_gets_its_own_holes():
    t = A.ConstrainedCoarseDropout(mask_indices=[1, 2], p=1)
    for seed in range(20):
        hidden = holes(run(t, seed)).astype(np.uint8)
        assert cv2.connectedComponents(hidden)[0] - 1 == 2


@pytest.mark.parametrize("wanted", [["slab"], ["slab", "nothing"]])
def test_holes_lie_within_boxes_of_the_named_labels(wanted):
    t = A.ConstrainedCoarseDropout(
        num_holes_range=(1, 1),
        hole_height_range=(0.4, 0.4),
        hole_width_range=(0.5, 0.5),
        bbox_labels=wanted,
        p=1,
    )
    lefts = set()
    for seed in range(30):
        ys, xs = np.nonzero(holes(run(t, seed)))
        assert (ys.max() - ys.min() + 1, xs.max() - xs.min() + 1) == (6, 15)
        assert 35 <= ys.min() <= ys.max() < 50
        assert 40 <= xs.min() <= xs.max() < 70
        lefts.add(int(xs.min()))
    assert len(lefts) > 8


def test_labels_may_be_numbers_or_further_columns():
    image = np.full((H, W, 3), 200, np.uint8)
    t = A.ConstrainedCoarseDropout(bbox_labels=[7], p=1)
    pipe = A.Compose([t], bbox_params=A.BboxParams("pascal_voc"), seed=1)
    assert holes(pipe(image=image, bboxes=[[10, 10, 40, 40, 7]])).any()
    assert not holes(pipe(image=image, bboxes=[[10, 10, 40, 40, 8]])).any()
    two = A.BboxParams("pascal_voc", label_fields=["name", "number"])
    pipe = A.Compose([t], bbox_params=two, seed=1)
    call = {"bboxes": [[10, 10, 40, 40]], "name": ["a"], "number": np.array([7])}
    assert holes(pipe(image=image, **call)).any()


def test_nothing_named_is_nothing_done():
    image = np.full((H, W, 3), 200, np.uint8)
    assert A.ConstrainedCoarseDropout(p=1)(image=image)["image"] is image
