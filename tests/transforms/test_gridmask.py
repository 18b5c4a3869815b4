"""Lattices of stripes, and stripes of spectrograms."""

import numpy as np
import pytest

import anamorph as A


def dropped(transform, seed=0, shape=(90, 120)):
    image = np.full((*shape, 3), 200, np.uint8)
    return (A.Compose([transform], seed=seed)(image=image)["image"] == 0).all(2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("cells", "share"), [(3, 0.2), (6, 0.5), (9, 0.9)])
def test_lines_repeat_every_cell(cells, share, seed):
    hidden = dropped(A.GridMask((cells, cells), (share, share), p=1), seed)
    cell = 90 // cells
    width = int(cell * share)
    columns, rows = hidden.all(0), hidden.all(1)
    assert np.array_equal(hidden, columns[None] | rows[:, None])
    for line in (columns, rows):
        assert np.array_equal(line[cell:], line[:-cell])
        assert line[:cell].sum() == width


def test_grids_lie_anywhere():
    firsts = {int(dropped(A.GridMask((3, 3), 0.2, p=1), s).all(0).argmax()) for s in range(60)}
    assert len(firsts) > 15


@pytest.mark.parametrize("angle", [0.2, -0.7, 1.5])
def test_a_turned_grid_covers_as_much(angle):
    upright = np.mean([dropped(A.GridMask((3, 3), 0.3, p=1), s).mean() for s in range(20)])
    t = A.GridMask((3, 3), 0.3, rotation_range=(angle, angle), p=1)
    turned = np.mean([dropped(t, s).mean() for s in range(20)])
    assert turned == pytest.approx(upright, abs=0.02)
    assert upright == pytest.approx(1 - 0.7**2, abs=0.03)


def test_a_quarter_turn_is_a_grid_again():
    t = A.GridMask((4, 4), 0.3, rotation_range=(np.pi / 2, np.pi / 2), p=1)
    hidden = dropped(t, 3, (88, 88))
    assert np.array_equal(hidden, hidden.all(0)[None] | hidden.all(1)[:, None])


def test_degrees_are_refused():
    with pytest.raises(A.AnamorphError, match="radians"):
        A.GridMask(rotation_range=(-30, 30))


def test_boxes_and_keypoints_on_lines_go():
    t = A.GridMask((2, 2), 0.5, rotation_range=(0.4, 0.4), p=1)
    pipe = A.Compose(
        [t],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        keypoint_params=A.KeypointParams("xy", label_fields=["ids"]),
        seed=4,
    )
    places = [(x, y) for x in range(0, 120, 3) for y in range(0, 90, 3)]
    boxes = [[x, y, x + 2, y + 2] for x, y in places[: -40 * 2] if x < 117 and y < 87]
    image = np.full((90, 120, 3), 200, np.uint8)
    out = pipe(
        image=image, bboxes=boxes, kinds=[*range(len(boxes))], keypoints=places, ids=[*places]
    )
    hidden = (out["image"] == 0).all(2)
    left = set(out["ids"])
    assert left == {(x, y) for x, y in places if not hidden[y, x]}
    for i, box in zip(out["kinds"], out["bboxes"], strict=True):
        x, y = map(int, boxes[i][:2])
        ys, xs = np.nonzero(~hidden[y : y + 2, x : x + 2])
        tight = [x + xs.min(), y + ys.min(), x + xs.max() + 1, y + ys.max() + 1]
        assert box == pytest.approx(tight)
    visible = {i for i, (x, y, *_) in enumerate(boxes) if not hidden[y : y + 2, x : x + 2].all()}
    assert set(out["kinds"]) == visible


@pytest.mark.parametrize(
    ("transform", "axis"),
    [(A.TimeMasking(30, p=1), 1), (A.FrequencyMasking(30, p=1), 0)],
)
def test_stripes_of_spectrograms(transform, axis):
    image, mask = np.full((50, 70), 200, np.uint8), np.ones((50, 70), np.int64)
    pipe = A.Compose([transform], seed=1)
    widths = []
    for _ in range(300):
        out = pipe(image=image, mask=mask)
        hidden = out["image"] == 0
        assert np.array_equal(hidden, out["mask"] == 0)
        line = hidden.any(1 - axis)
        assert line.sum() * image.shape[1 - axis] == hidden.sum()
        widths.append(int(line.sum()))
    assert max(widths) == 30
    assert 0.4 < np.mean(np.array(widths) == 0) < 0.62


def test_a_stripe_that_cannot_fit_is_refused():
    with pytest.raises(A.AnamorphError, match=r"TimeMasking\.time_mask_param = \(0, 99\)"):
        A.TimeMasking(99, p=1)(image=np.zeros((50, 70), np.uint8))
