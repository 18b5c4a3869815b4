"""What every fusion owes, once over the table of them; then what is each one's own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from anamorph.core.errors import AnamorphError, DataError, MissingDataError, ParameterError
from anamorph.nn import boxes as face
from anamorph.nn.boxes import NMS, BoxFusion, NonMaximumWeighted, SoftNMS, WeightedBoxesFusion
from anamorph.nn.boxes.confidence import CONFIDENCES
from anamorph.nn.boxes.pairs import overlapping

CONTRACT = {
    "NMS": NMS(),
    "SoftNMS": SoftNMS(),
    "SoftNMS linear": SoftNMS(decay="linear"),
    "NonMaximumWeighted": NonMaximumWeighted(),
    "NonMaximumWeighted mean masks": NonMaximumWeighted(masks="mean"),
    **{f"WBF {name}": WeightedBoxesFusion(confidence=name) for name in CONFIDENCES},
    "WBF mean masks": WeightedBoxesFusion(masks="mean"),
}
each = pytest.mark.parametrize("fusion", CONTRACT.values(), ids=CONTRACT.keys())
averaging = pytest.mark.parametrize("kind", [NonMaximumWeighted, WeightedBoxesFusion])


def some_views(count=3, seed=0, *, size=100.0):
    """Views of the same objects, each a little different."""
    rng = np.random.default_rng(seed)
    center, side = rng.uniform(20, 80, (12, 2)), rng.uniform(8, 30, (12, 2))
    views = []
    for _ in range(count):
        at, half = center + rng.normal(0, 1, center.shape), side * rng.uniform(0.45, 0.55, (12, 2))
        rows = np.concatenate([at - half, at + half], axis=1) * (size / 100)
        labels = np.arange(12) % 3
        views.append({"boxes": rows, "scores": rng.uniform(0.2, 0.9, 12), "labels": labels})
    return views


def changed(views, **how):
    return [{key: how.get(key, lambda v: v)(value) for key, value in v.items()} for v in views]


def test_the_table_is_whole():
    kinds = {getattr(face, name) for name in face.__all__ if name[0].isupper()} - {BoxFusion}
    assert {type(fusion) for fusion in CONTRACT.values()} == kinds


@each
class TestContract:
    def test_is_a_frozen_value(self, fusion):
        copy = eval(repr(fusion), vars(face))
        assert copy == fusion
        assert hash(copy) == hash(fusion)
        with pytest.raises(FrozenInstanceError):
            fusion.iou = 0.1

    def test_inputs_stay(self, fusion):
        views = some_views()
        before = some_views()
        fusion(views, size=(60, 60))
        for view, old in zip(views, before, strict=True):
            for key in view:
                np.testing.assert_array_equal(view[key], old[key])

    @given(data=st.data())
    def test_scores_stay_in_bounds(self, fusion, data):
        count = data.draw(st.integers(1, 4))
        views = []
        for _ in range(count):
            n = data.draw(st.integers(0, 6))
            low = data.draw(arrays.arrays(np.float64, (n, 2), elements=st.integers(0, 5)))
            side = data.draw(arrays.arrays(np.float64, (n, 2), elements=st.integers(0, 4)))
            scores = data.draw(arrays.arrays(np.float64, n, elements=st.floats(0, 1)))
            rows = np.concatenate([low, low + side], axis=1)
            views.append({"boxes": rows, "scores": scores, "labels": np.zeros(n, np.int64)})
        weights = data.draw(st.none() | st.tuples(*[st.sampled_from([0.0, 0.3, 1.0, 7.0])] * count))
        if weights is None or any(weights):
            found = type(fusion)(**(vars(fusion) | {"weights": weights}))(views)
            assert np.isfinite(found["boxes"]).all()
            assert ((found["scores"] >= 0) & (found["scores"] <= 1)).all()

    def test_best_first(self, fusion):
        assert (np.diff(fusion(some_views())["scores"]) <= 0).all()

    def test_index_leads_to_the_best(self, fusion):
        views = some_views()
        found = fusion(views)
        labels = np.concatenate([view["labels"] for view in views])
        assert found["index"].dtype == np.int64
        assert len(set(found["index"].tolist())) == len(found["index"])
        np.testing.assert_array_equal(found["labels"], labels[found["index"]])

    def test_unit_does_not_matter(self, fusion):
        whole, part = fusion(some_views(size=1024)), fusion(some_views(size=1))
        np.testing.assert_allclose(whole["boxes"], part["boxes"] * 1024, rtol=1e-9)
        np.testing.assert_allclose(whole["scores"], part["scores"], rtol=1e-9)

    def test_place_does_not_matter(self, fusion):
        far = changed(some_views(), boxes=lambda b: b - 4096)
        np.testing.assert_allclose(
            fusion(far)["boxes"], fusion(some_views())["boxes"] - 4096, rtol=1e-9
        )

    def test_order_does_not_matter(self, fusion):
        views = some_views()
        found, turned = fusion(views), fusion(views[::-1])
        np.testing.assert_allclose(found["boxes"], turned["boxes"], rtol=1e-9)
        np.testing.assert_allclose(found["scores"], turned["scores"], rtol=1e-9)

    def test_scale_of_weights_does_not_matter(self, fusion):
        one, two = (
            type(fusion)(**(vars(fusion) | {"weights": w})) for w in ((1, 2, 4), (3, 6, 12))
        )
        for key, value in one(some_views()).items():
            np.testing.assert_allclose(two(some_views())[key], value, rtol=1e-9)

    def test_weight_zero_is_absence(self, fusion):
        views = some_views()
        without = type(fusion)(**(vars(fusion) | {"weights": (1, 1, 0)}))(views)
        for key, value in fusion(views[:2]).items():
            np.testing.assert_allclose(without[key], value, rtol=1e-9)

    @pytest.mark.parametrize("empty", [[], np.empty((0, 4), np.float32), torch.empty((0, 4))])
    def test_nothing_found(self, fusion, empty):
        kind = type(empty)
        scores = empty[:, 0] if kind is not list else []
        found = fusion([{"boxes": empty, "scores": scores}] * 2)
        assert tuple(found["boxes"].shape) == (0, 4)
        assert len(found["scores"]) == len(found["index"]) == 0

    def test_one_view_that_found_nothing(self, fusion):
        views = [*some_views(2), {"boxes": [], "scores": [], "labels": []}]
        found = fusion(views)
        assert found["labels"].dtype == np.int64
        assert len(found["boxes"])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_arrays_keep_their_types(self, fusion, dtype):
        views = changed(
            some_views(),
            boxes=lambda b: b.astype(dtype),
            scores=lambda s: s.astype(dtype),
            labels=lambda n: n.astype(np.uint8),
        )
        found = fusion(views)
        assert found["boxes"].dtype == found["scores"].dtype == dtype
        assert found["labels"].dtype == np.uint8

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_tensors_stay_tensors(self, fusion, dtype):
        views = changed(
            some_views(),
            boxes=lambda b: torch.tensor(b, dtype=dtype, requires_grad=True),
            scores=lambda s: torch.tensor(s, dtype=dtype),
            labels=lambda n: torch.tensor(n, dtype=torch.int32),
        )
        found = fusion(views)
        assert found["boxes"].dtype == found["scores"].dtype == dtype
        assert (found["labels"].dtype, found["index"].dtype) == (torch.int32, torch.int64)

    def test_tensors_say_what_arrays_say(self, fusion):
        found = fusion([{k: torch.from_numpy(v) for k, v in view.items()} for view in some_views()])
        for key, value in fusion(some_views()).items():
            np.testing.assert_array_equal(found[key].numpy(), value)

    def test_labels_may_be_names(self, fusion):
        names = np.array(["cat", "dog", "horse"])
        found = fusion(changed(some_views(), labels=lambda n: names[n]))
        np.testing.assert_array_equal(found["labels"], names[fusion(some_views())["labels"]])

    def test_whole_pixels_do_not_round_averages(self, fusion):
        views = changed(some_views(), boxes=lambda b: b.round().astype(np.int32))
        same = changed(some_views(), boxes=lambda b: b.round())
        np.testing.assert_array_equal(fusion(views)["boxes"], fusion(same)["boxes"])

    def test_classes_are_apart_unless_asked(self, fusion):
        twins = {"boxes": [[0, 0, 9, 9], [0, 0, 9, 9]], "scores": [0.9, 0.9], "labels": [1, 2]}
        assert len(fusion(twins)["boxes"]) == 2
        agnostic = type(fusion)(**(vars(fusion) | {"class_agnostic": True}))
        unlabelled = {key: twins[key] for key in ("boxes", "scores")}
        for found in (agnostic(twins), fusion(unlabelled)):
            assert len(found["boxes"]) == 1 or found["scores"][1] < 0.9 * found["scores"][0]

    def test_skips_low_scores_and_boxes_without_area(self, fusion):
        view = {
            "boxes": [[0, 0, 9, 9], [20, 20, 29, 29], [40, 40, 40, 50]],
            "scores": [0.3, 0.2, 0.9],
        }
        assert type(fusion)(**(vars(fusion) | {"skip": 0.25}))(view)["index"].tolist() == [0]

    def test_size_clips(self, fusion):
        view = {"boxes": [[-5, 2, 6, 30], [20, 2, 30, 8]], "scores": [0.8, 0.7]}
        found = fusion(view, size=(10, 16))
        assert found["boxes"].tolist() == [[0, 2, 6, 10]]
        assert found["index"].tolist() == [0]

    @pytest.mark.parametrize("form", ["xywh", "cxcywh"])
    def test_forms_say_the_same(self, fusion, form):
        to = {
            "xywh": lambda b: np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1),
            "cxcywh": lambda b: np.concatenate(
                [(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], axis=1
            ),
        }[form]
        other = type(fusion)(**(vars(fusion) | {"format": form}))
        found = other(changed(some_views(), boxes=to))
        np.testing.assert_allclose(found["boxes"], to(fusion(some_views())["boxes"]), rtol=1e-9)

    def test_what_has_a_row_a_box_comes_along(self, fusion):
        rng = np.random.default_rng(0)
        views = [view | {"keypoints": rng.random((12, 5, 3))} for view in some_views()]
        views = [view | {"masks": rng.random((12, 1, 4, 6)) > 0.5} for view in views]
        found = fusion(views)
        points = np.concatenate([view["keypoints"] for view in views])
        np.testing.assert_array_equal(found["keypoints"], points[found["index"]])
        assert found["masks"].shape == (len(found["index"]), 1, 4, 6)
        if getattr(fusion, "masks", "best") == "best":
            masks = np.concatenate([view["masks"] for view in views])
            np.testing.assert_array_equal(found["masks"], masks[found["index"]])


@pytest.mark.parametrize("fusion", [NMS(), NonMaximumWeighted(), WeightedBoxesFusion()])
def test_twice_is_once(fusion):
    """What is left of objects that lie apart does not change any more."""
    once = fusion(some_views())
    again = fusion(once)
    np.testing.assert_allclose(again["boxes"], once["boxes"])
    np.testing.assert_allclose(again["scores"], once["scores"])


def test_suppression_keeps_boxes_as_they_are():
    views = some_views()
    found = NMS()(views)
    for key in ("boxes", "scores"):
        np.testing.assert_array_equal(
            found[key], np.concatenate([v[key] for v in views])[found["index"]]
        )


@averaging
def test_mean_masks(kind):
    """The mean of what was put together, by score; of overlapping masks, in floating point."""
    left, right = np.zeros((1, 2, 4), np.uint8), np.zeros((1, 2, 4), np.uint8)
    left[..., :3], right[..., 1:] = 1, 1
    views = [
        {"boxes": [[0, 0, 4, 2]], "scores": [0.75], "masks": left},
        {"boxes": [[0, 0, 4, 2]], "scores": [0.25], "masks": right},
    ]
    found = kind(masks="mean")(views)["masks"]
    assert found[0, 0].tolist() == [0.75, 1.0, 1.0, 0.25]
    tensors = [view | {"masks": torch.from_numpy(view["masks"])} for view in views]
    assert torch.equal(kind(masks="mean")(tensors)["masks"], torch.from_numpy(found))
    assert kind()(views)["masks"].tolist() == left.tolist()


@averaging
def test_mean_masks_follow_the_order_of_the_results(kind):
    boxes = [[0, 0, 4, 4], [10, 10, 14, 14], [20, 20, 24, 24]]
    masks = np.arange(3, dtype=np.float32)[:, None, None] * np.ones((3, 2, 2), np.float32)
    view = {"boxes": boxes, "scores": [0.2, 0.9, 0.5], "masks": masks}
    assert kind(masks="mean")(view)["masks"][:, 0, 0].tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("confidence", "wanted"),
    [
        ("avg", (0.8 * 2 + 0.4) / 4),
        ("max", 0.8),
        ("box_and_model_avg", (0.8 * 2 + 0.4) / 3 * 3 / 4),
        ("absent_model_aware_avg", (0.8 * 2 + 0.4) / 4),
    ],
)
def test_confidences(confidence, wanted):
    """Two of three models see something; the first counts twice."""
    view = {"boxes": [[0, 0, 8, 8]], "scores": [0.8]}
    nothing = {"boxes": [], "scores": []}
    fusion = WeightedBoxesFusion(confidence=confidence, weights=(2, 1, 1))
    found = fusion([view, view | {"scores": [0.4]}, nothing])
    np.testing.assert_allclose(found["scores"], [wanted])


def test_scores_a_hair_above_one_pass():
    view = {"boxes": [[0, 0, 8, 8]], "scores": np.array([1.0000001], np.float32)}
    assert WeightedBoxesFusion()(view)["scores"].tolist() == [1.0]


BAD_PARAMETERS = {
    "NMS.iou = 1.5: it must be a number in [0, 1]": lambda: NMS(iou=1.5),
    "SoftNMS.decay = 'linar'": lambda: SoftNMS(decay="linar"),
    "did you mean linear": lambda: SoftNMS(decay="linar"),
    "SoftNMS.sigma = 0": lambda: SoftNMS(sigma=0),
    "WeightedBoxesFusion.confidence = 'mean'": lambda: WeightedBoxesFusion(confidence="mean"),
    "WeightedBoxesFusion.weights = (0, 0): one must be": lambda: WeightedBoxesFusion(
        weights=(0, 0)
    ),
    "NMS.weights = -1": lambda: NMS(weights=-1),
    "NMS.format = 'xyhw'": lambda: NMS(format="xyhw"),
    "soft_nms.method = 3": lambda: face.soft_nms([], [], [], method=3),
}


@pytest.mark.parametrize("sentence", BAD_PARAMETERS)
def test_bad_parameters(sentence):
    with pytest.raises(ParameterError) as caught:
        BAD_PARAMETERS[sentence]()
    assert sentence in str(caught.value)


ONE = {"boxes": [[0, 0, 8, 8]], "scores": [0.5]}
BAD_VIEWS = {
    "views is empty": [],
    "views[1] has no 'labels'": [ONE | {"labels": [1]}, ONE],
    "views[0] has no 'labels', which views[1] has": [ONE, ONE | {"labels": [1]}],
    "views[0] has no 'scores'": {"boxes": []},
    "views[0] is a list": [[1, 2]],
    "views[0]['boxes'] has shape (4,): as 'xyxy' it must be (N, 4)": ONE | {"boxes": [0, 0, 8, 8]},
    "views[0]['boxes'] has shape (1, 5)": ONE | {"boxes": [[0, 0, 8, 8, 1]]},
    "views[0]['boxes'][0] = [8, 0, 4, 8]: as 'xyxy'": ONE | {"boxes": [[8, 0, 4, 8]]},
    "it must be of finite numbers": ONE | {"boxes": [[0, 0, np.nan, 8]]},
    "views[0]['boxes'] has dtype <U1": ONE | {"boxes": [["a", "b", "c", "d"]]},
    "views[0]['scores'][0] = 1.5: it must be in [0, 1]": ONE | {"scores": [1.5]},
    "views[0]['scores'][0] = nan": ONE | {"scores": [np.nan]},
    "views[0]['scores'] has 2 rows: it must have one a box, 1": ONE | {"scores": [0.5, 0.6]},
    "views[0]['scores'] has shape (1, 1)": ONE | {"scores": [[0.5]]},
    "views[0]['image_id'] has no rows": ONE | {"image_id": 7},
}


@pytest.mark.parametrize("sentence", BAD_VIEWS)
def test_bad_views(sentence):
    with pytest.raises(AnamorphError) as caught:
        NMS()(BAD_VIEWS[sentence])
    assert sentence in str(caught.value)


def test_as_many_weights_as_views():
    with pytest.raises(ParameterError, match=r"weights = \(1, 2\): it must hold one a view, 1"):
        NMS(weights=(1, 2))(ONE)


def test_as_many_lists_of_scores_as_of_boxes():
    with pytest.raises(DataError, match="boxes of 1 models, scores of 0"):
        face.nms([[]], [], [[]])
    with pytest.raises(MissingDataError):
        NMS()([{}])


@pytest.mark.parametrize("size", [(10,), (0, 10), (10, -1), 10, "10"])
def test_bad_sizes(size):
    with pytest.raises(ParameterError, match=r"^size"):
        NMS()(ONE, size=size)


def test_pairs_of_boxes_without_area():
    """Twice the same point: nothing is divided by nothing."""
    points = np.array([[3.0, 3, 3, 3], [3, 3, 3, 3], [0, 0, 8, 8]])
    assert len(overlapping(points, np.zeros(3, np.int64), 0.0).iou) == 0


def test_torch_is_not_loaded_for_arrays():
    code = (
        "import sys\n"
        "from anamorph.nn.boxes import WeightedBoxesFusion\n"
        "WeightedBoxesFusion()({'boxes': [[0, 0, 8, 8]], 'scores': [0.5]})\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
