"""Detectors in tiles: every object once and whole, whatever borders cut it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anamorph.core.errors import (
    DataError,
    DataTypeError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)
from anamorph.nn.boxes import NMS, WeightedBoxesFusion
from anamorph.nn.tiles import Grid, Patch, detect
from anamorph.nn.tta import TTA


def scene(size, boxes, dtype=np.uint16):
    """Objects as rectangles, each of its own grey: that of object i is i + 1."""
    picture = np.zeros(size, dtype)
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        picture[y0:y1, x0:x1] = i + 1
    return picture


class Perfect(nn.Module):
    """Finds what a tile shows of every object, its box off by some noise."""

    def __init__(self, *, noise=0.0, masks=False, labels=lambda _: 1):
        super().__init__()
        self.rng = np.random.default_rng(0)
        self.noise, self.masks, self.labels = noise, masks, labels

    def forward(self, batch):
        return [self.found(tile[0]) for tile in batch]

    def found(self, tile):
        ids = (tile * 65535).round().to(torch.int64)
        rows = [(int(i), ids == i) for i in ids.unique() if i > 0]
        boxes = [self.box(mask) for _, mask in rows]
        out = {
            "boxes": torch.tensor(np.array(boxes, np.float32).reshape(-1, 4)),
            "scores": torch.tensor([0.5 + 0.001 * i for i, _ in rows]),
            "labels": torch.tensor([self.labels(i) for i, _ in rows], dtype=torch.int64),
        }
        if self.masks:
            empty = torch.zeros(0, 1, *tile.shape)
            out["masks"] = torch.stack([m[None].float() for _, m in rows]) if rows else empty
        return out

    def box(self, mask):
        y, x = torch.nonzero(mask, as_tuple=True)
        box = np.array([int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1], float)
        return np.sort(
            (box + self.rng.uniform(-self.noise, self.noise, 4)).reshape(2, 2), 0
        ).ravel()


def in_order(result):
    return sorted(tuple(round(v) for v in row) for row in result["boxes"].tolist())


SCENES = {
    "within a tile": [(5, 6, 20, 25)],
    "in the overlap": [(50, 50, 60, 60)],
    "over a border": [(40, 10, 75, 30)],
    "over a corner": [(40, 40, 75, 75)],
    "larger than the overlap": [(20, 20, 90, 40)],
    "larger than a tile": [(3, 3, 140, 120)],
    "the whole picture": [(0, 0, 150, 130)],
    "side by side": [(40, 10, 60, 30), (60, 10, 80, 30), (40, 30, 80, 50)],
    "one within another's reach": [(10, 10, 62, 20), (62, 10, 130, 20)],
    "at the edges": [(0, 0, 10, 10), (140, 0, 150, 10), (0, 120, 10, 130), (140, 120, 150, 130)],
    "a pixel": [(63, 63, 64, 64)],
    "nothing": [],
}


@pytest.mark.parametrize("overlap", [4, 16, 32])
@pytest.mark.parametrize("boxes", SCENES.values(), ids=SCENES)
def test_every_object_is_found_once_and_whole(boxes, overlap):
    found = detect(Perfect(), scene((130, 150), boxes), 64, overlap)
    assert in_order(found) == sorted(boxes)


@st.composite
def scenes(draw):
    """Objects that do not overlap: one a cell of a grid, filling it at most."""
    cell = draw(st.integers(4, 40))
    height, width = draw(st.integers(20, 120)), draw(st.integers(20, 120))
    boxes = []
    for y in range(0, height - cell + 1, cell):
        for x in range(0, width - cell + 1, cell):
            if draw(st.booleans()):
                x0, y0 = draw(st.integers(0, cell - 3)), draw(st.integers(0, cell - 3))
                x1, y1 = draw(st.integers(x0 + 2, cell)), draw(st.integers(y0 + 2, cell))
                boxes.append((x + x0, y + y0, x + x1, y + y1))
    return (height, width), boxes


@given(scenes(), st.integers(16, 60), st.integers(1, 15), st.integers(0, 8))
def test_no_scene_loses_or_doubles_an_object(drawn, tile, overlap, margin):
    size, boxes = drawn
    grid = Grid(size, tile, overlap=overlap, margin=margin)
    found = detect(Perfect(), scene(size, boxes), grid, pad="zeros")
    assert in_order(found) == sorted(boxes)


def test_detectors_are_not_exact():
    rng = np.random.default_rng(3)
    boxes = [
        (x + dx, y + dy, x + dx + w, y + dy + h)
        for y in range(0, 550, 110)
        for x in range(0, 550, 110)
        for dx, dy, w, h in [[*rng.integers(0, 20, 2).tolist(), *rng.integers(30, 85, 2).tolist()]]
    ]
    found = detect(Perfect(noise=1.5), scene((560, 560), boxes), 128, 40)
    assert len(found["boxes"]) == len(boxes)
    errors = np.abs(found["boxes"].numpy()[:, None] - np.array(boxes)[None]).max(-1)
    assert errors.min(0).max() <= 4
    assert errors.min(1).max() <= 4


def test_objects_may_overlap():
    """In a crowd a piece of one object lies within another's box, which does not make it needless."""
    boxes = torch.tensor([[20.0, 10, 100, 90], [56, 60, 76, 80]])  # a large one, and a small one

    def model(batch):
        answers = []
        for x0 in (0, 40):
            seen = boxes.clone()
            seen[:, ::2] = (seen[:, ::2] - x0).clamp(0, 64)
            answers.append(
                {"boxes": seen, "scores": torch.tensor([0.9, 0.8]), "labels": torch.ones(2)}
            )
        return answers[: len(batch)]

    found = detect(model, np.zeros((104, 104)), Grid((104, 104), (104, 64), step=(104, 40)))
    assert found["boxes"].tolist() == boxes.tolist()


def test_reflected_objects_are_not_found():
    """A small picture is padded by its mirror image, where detectors see things too."""
    boxes = [(30, 30, 38, 38)]
    found = detect(Perfect(), scene((40, 44), boxes), 128)
    assert in_order(found) == [(30, 30, 38, 38)] or found["boxes"][0].tolist()[:2] == [30, 30]
    assert found["boxes"].max() <= 44


def test_labels_keep_objects_apart_and_their_type():
    boxes = [(40, 10, 60, 30), (61, 10, 80, 30)]
    found = detect(Perfect(labels=lambda i: 10 * i), scene((64, 128), boxes), 64, 16)
    assert found["labels"].dtype == torch.int64
    at = dict(zip(found["labels"].tolist(), found["boxes"].tolist(), strict=True))
    assert at == {10: [40, 10, 60, 30], 20: [61, 10, 80, 30]}


def test_a_whole_box_wins_over_a_surer_piece():
    def model(batch):
        """The left tile sees half of the object, and is surer of it."""
        left = {"boxes": [[50.0, 10, 64, 30]], "scores": [0.9], "labels": [3]}
        right = {"boxes": [[50.0 - 40, 10, 84 - 40, 30]], "scores": [0.6], "labels": [3]}
        answers = [left, right]
        return [{k: torch.tensor(v) for k, v in answers[i].items()} for i in range(len(batch))]

    found = detect(model, np.zeros((64, 104)), 64, Grid((64, 104), 64, step=40).overlap)
    assert found["boxes"].tolist() == [[50, 10, 84, 30]]
    assert found["scores"].tolist() == pytest.approx([0.6])


def test_pieces_that_no_tile_explains_have_the_best_of_their_scores():
    found = detect(Perfect(), scene((64, 200), [(10, 10, 190, 40)]), 64, 8)
    assert found["boxes"].tolist() == [[10, 10, 190, 40]]
    assert found["scores"].tolist() == pytest.approx([0.501])


def test_what_is_found_twice_is_merged_as_told():
    picture = scene((64, 104), [(46, 10, 58, 30)])
    seen = []

    def merge(view, size):
        seen.append((len(view["boxes"]), size))
        return NMS(iou=0.4)(view, size=size)

    assert len(detect(Perfect(), picture, 64, 24, merge_boxes=merge)["boxes"]) == 1
    assert seen == [(2, (64, 104))]
    fused = detect(Perfect(noise=1), picture, 64, 24, merge_boxes=WeightedBoxesFusion(iou=0.4))
    assert len(fused["boxes"]) == 1


@pytest.mark.parametrize("overlap", [6, 24])
def test_masks_are_cut_to_objects_and_pieces_are_put_together(overlap):
    boxes = [(5, 6, 20, 25), (40, 40, 75, 75), (3, 90, 140, 120), (62, 2, 70, 9)]
    picture = scene((130, 150), boxes)
    found = detect(Perfect(masks=True), picture, 64, overlap)
    assert in_order(found) == sorted(boxes)
    assert len(found["masks"]) == len(boxes)
    for box, patch in zip(found["boxes"].tolist(), found["masks"], strict=True):
        whole = np.zeros(picture.shape, np.float32)
        patch.into(whole)
        number = boxes.index(tuple(int(v) for v in box)) + 1
        assert np.array_equal(whole > 0, picture == number)
        assert patch.pixels.nbytes < picture.size * 4


def test_nothing_found_anywhere():
    found = detect(Perfect(masks=True), np.zeros((70, 80), np.uint16), 32)
    assert found["boxes"].shape == (0, 4)
    assert found["scores"].shape == found["labels"].shape == (0,)
    assert found["masks"] == []


def test_a_detector_of_one_class_needs_no_labels():
    def model(batch):
        return [{"boxes": np.array([[2.0, 2, 6, 6]]), "scores": np.array([0.5])} for _ in batch]

    found = detect(model, np.zeros((16, 32)), 16, 0)
    assert found["boxes"].tolist() == [[2, 2, 6, 6], [18, 2, 22, 6]]


def test_a_tensor_and_an_array_give_the_same():
    boxes = SCENES["over a corner"]
    picture = np.dstack([scene((130, 150), boxes)] * 3)
    array = detect(Perfect(), picture, 64)
    tensor = detect(Perfect(), torch.from_numpy(picture).movedim(-1, 0), 64)
    assert array["boxes"].tolist() == tensor["boxes"].tolist()


def test_views_within_tiles():
    boxes = [(5, 6, 20, 25), (40, 40, 75, 75), (3, 90, 140, 120)]
    found = detect(TTA(Perfect(), "d4", "detection"), scene((130, 150), boxes), 64, 16)
    assert in_order(found) == sorted(boxes)


GOOD = {"boxes": torch.zeros(1, 4), "scores": torch.zeros(1), "labels": torch.zeros(1)}
WRONG = [
    (lambda b: {"boxes": b}, {}, DataTypeError, "a list of dictionaries"),
    (lambda b: b, {}, DataTypeError, "a list of dictionaries"),
    (lambda _: [GOOD], {}, DataError, "1 results for 4 tiles"),
    (lambda b: [0 for _ in b], {}, DataTypeError, "a dictionary with boxes"),
    (lambda b: [{"boxes": GOOD["boxes"]} for _ in b], {}, MissingDataError, "scores is missing"),
    (lambda b: [{**GOOD, "scores": torch.zeros(2)} for _ in b], {}, DataError, r"\(N, 4\)"),
    (lambda b: [{**GOOD, "boxes": torch.zeros(1, 5)} for _ in b], {}, DataError, r"\(1, 5\)"),
    (lambda b: [{**GOOD, "masks": torch.zeros(1, 3, 3)} for _ in b], {}, DataError, "masks"),
    (Perfect(), {"agree": 0}, ParameterError, r"detect\.agree"),
    (Perfect(), {"batch_size": 1.5}, ParameterError, r"detect\.batch_size"),
    (Perfect(), {"pad": "mirror"}, UnknownNameError, "pad"),
    (nn.Sequential(nn.Dropout()), {}, ParameterError, "eval"),
]


@pytest.mark.parametrize(("model", "options", "error", "words"), WRONG)
def test_what_cannot_be_meant_is_refused(model, options, error, words):
    with pytest.raises(error, match=words):
        detect(model, np.zeros((40, 40)), 32, **options)


def test_a_merge_that_loses_the_index_loses_masks():
    def merge(view, **_):
        return dict(view)

    picture = scene((64, 64), [(5, 5, 20, 20)])
    assert len(detect(Perfect(), picture, 64, merge_boxes=merge)["boxes"]) == 1
    with pytest.raises(MissingDataError, match="no index"):
        detect(Perfect(masks=True), picture, 64, merge_boxes=merge)


def test_a_volume_has_no_boxes():
    with pytest.raises(DataError, match="2 axes"):
        detect(Perfect(), np.zeros((8, 8, 8, 1)), 4)


def test_patches_are_laid_over_what_is_there():
    whole = np.zeros((4, 5))
    Patch(np.full((2, 2), 0.5), 1, 1).into(whole)
    Patch(np.full((2, 3), 0.25), 2, 2).into(whole)
    assert whole.sum() == 4 * 0.5 + 5 * 0.25


def test_faint_boxes_as_large_as_tiles_do_not_become_one_sure_box():
    """They go together through the picture; one that is less faint does not speak for all."""

    def faint(batch):
        sure = [0.5 if tile.amax() > 0.5 else 0.05 for tile in batch]
        side = float(batch.shape[-1])
        return [
            {"boxes": torch.tensor([[0.0, 0.0, side, side]]), "scores": torch.tensor([score])}
            for score in sure
        ]

    picture = np.zeros((64, 160, 3), np.float32)
    picture[10, 10] = 1.0
    found = detect(faint, picture, 32, 8)
    large = (found["boxes"][:, 2] - found["boxes"][:, 0]) > 100
    assert large.any()
    assert found["scores"][large].amax() < 0.1
