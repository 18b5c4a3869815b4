"""Programs written for Albumentations 2.0.8: keys, containers, types and values they count on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
MASK = IMAGE[..., 0].copy()
FLIP = A.HorizontalFlip(p=1)
ROWS = [[10, 12, 30, 40], [50, 20, 90, 60]]
MIRRORED = [[66, 12, 86, 40], [6, 20, 46, 60]]


def same(found: Any, wanted: Any) -> bool:
    """Equal with types, element by element."""
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, np.ndarray):
        return found.dtype == wanted.dtype and np.array_equal(found, wanted)
    return found == wanted and list(map(type, found)) == list(map(type, wanted))


def negative(img: Any, **_: Any) -> Any:
    """A user's function."""
    return 255 - img


# ------------------------------------------------------------------------------ boxes and points


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "dog"], ["a", 1], [1, 2], [1.5, 2.0], [True, False], ("x", None), [2**40 + 1, 3],
        np.array([1, 2]), np.array(["a", "b"]), np.array([True, False]), [(1, 2), {"k": 3}],
    ],
    ids=repr,
)  # fmt: skip
def test_labels_keep_type_and_value(labels: Any) -> None:
    pipe = A.Compose([A.Crop(0, 0, 40, 64)], bbox_params=A.BboxParams("coco", label_fields=["l"]))
    out = pipe(image=IMAGE, bboxes=[[1, 2, 30, 40], [2, 2, 5, 5]], l=labels)
    assert same(out["l"], labels)
    assert len(pipe(image=IMAGE, bboxes=[[1, 2, 30, 40], [60, 2, 5, 5]], l=labels)["l"]) == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (ROWS, MIRRORED),
        ([tuple(r) for r in ROWS], MIRRORED),
        (tuple(map(tuple, ROWS)), MIRRORED),
        ([np.array(r) for r in ROWS], MIRRORED),
        ([[*r, 7] for r in ROWS], [[*r, 7] for r in MIRRORED]),
        ([(*r, "cat") for r in ROWS], [[*r, "cat"] for r in MIRRORED]),
        (np.array(ROWS, np.float64), np.array(MIRRORED, np.float64)),
        (np.array(ROWS), np.array(MIRRORED, np.float64)),
        ([], []),
        (np.zeros((0, 4)), np.zeros((0, 4))),
    ],
)
def test_boxes_come_back_as_lists_or_arrays(given: Any, wanted: Any) -> None:
    out = A.Compose([FLIP], bbox_params=A.BboxParams("pascal_voc"))(image=IMAGE, bboxes=given)
    assert list(out) == ["image", "bboxes"]
    assert same(out["bboxes"], wanted)
    if isinstance(wanted, list):
        assert all(type(row) is list for row in out["bboxes"])


@pytest.mark.parametrize(
    ("form", "given", "wanted"),
    [
        ("xy", (10, 12), [85, 12]),
        ("yx", (12, 10), [12, 85]),
        ("xya", (10, 12, 30), [85, 12, 150]),
        ("xys", (10, 12, 3.5), [85, 12, 3.5]),
        ("xyas", (10, 12, 30, 2), [85, 12, 150, 2]),
        ("xysa", (10, 12, 2, 30), [85, 12, 2, 150]),
        ("xyz", (10, 12, 5), [85, 12, 5]),
        ("xy", (10, 12, "eye"), [85, 12, "eye"]),
    ],
)
def test_keypoints_of_every_format(form: str, given: Any, wanted: Any) -> None:
    out = A.Compose([FLIP], keypoint_params={"format": form})(image=IMAGE, keypoints=[given])
    (row,) = out["keypoints"]
    assert row[: len(wanted)] == pytest.approx(wanted) if "eye" not in wanted else row == wanted


# ------------------------------------------------------------------------------ pictures


def test_containers_of_pictures() -> None:
    pipe = A.Compose([FLIP], additional_targets={"image2": "image", "depth": "mask"})
    out = pipe(
        image=IMAGE, image2=IMAGE, depth=MASK, masks=(MASK, MASK), images=np.stack([IMAGE, IMAGE]),
        path="a.png",
    )  # fmt: skip
    assert list(out) == ["image", "image2", "depth", "masks", "images", "path"]
    assert np.array_equal(out["image"], out["image2"])
    assert out["depth"].shape == MASK.shape
    assert isinstance(out["masks"], list)
    assert out["images"].shape == (2, 64, 96, 3)
    assert out["path"] == "a.png"
    pipe.add_targets({"third": "image"})
    assert np.array_equal(pipe(image=IMAGE, third=IMAGE)["third"], IMAGE[:, ::-1])


def test_targets_of_other_sizes_show_the_same_scene() -> None:
    half = MASK[::2, ::2].copy()
    flipped = A.Compose([FLIP], is_check_shapes=False)(image=IMAGE, mask=half)
    assert np.array_equal(flipped["mask"], half[:, ::-1])
    turned = A.Compose([A.Transpose(p=1)], is_check_shapes=False)(image=IMAGE, mask=half)
    assert np.array_equal(turned["mask"], half.T)
    resized = A.Compose([A.Resize(32, 48), FLIP], is_check_shapes=False)(image=IMAGE, mask=half)
    assert np.array_equal(resized["mask"], half[:, ::-1])
    cropped = A.Compose([A.Crop(0, 0, 48, 32)], is_check_shapes=False)(image=IMAGE, mask=half)
    assert np.array_equal(cropped["mask"], half[:16, :24].repeat(2, 0).repeat(2, 1))
    holes = A.Compose([A.CoarseDropout(fill_mask=0, p=1), FLIP], is_check_shapes=False)
    assert holes(image=IMAGE, mask=half)["mask"].shape == (64, 96)


@pytest.mark.parametrize("alone", [FLIP, A.OneOf([FLIP], p=1), A.Sequential([FLIP], p=1)], ids=repr)
def test_used_without_compose(alone: Any) -> None:
    out = alone(image=IMAGE, mask=MASK, name="x")
    assert list(out) == ["image", "mask", "name"]
    assert np.array_equal(out["mask"], MASK[:, ::-1])


# ------------------------------------------------------------------------------ users' transforms


class Dim(A.ImageOnlyTransform):
    """In the manner of 1.x."""

    def __init__(self, by: float = 2, always_apply: Any = False, p: float = 0.5) -> None:  # noqa: FBT002
        super().__init__(always_apply, p)
        self.by = by

    def get_params(self) -> dict[str, Any]:
        return {"share": self.py_random.random()}

    def apply(self, img: Any, share: float = 0.0, **params: Any) -> Any:
        return (img * share / self.by).astype(img.dtype)


class Rows(A.DualTransform):
    """Does to boxes and keypoints what it is told."""

    def __init__(self, change: Any, p: float = 1) -> None:
        super().__init__(p=p)
        self.change = change

    def apply(self, img: Any, **params: Any) -> Any:
        return img

    def apply_to_bboxes(self, bboxes: Any, **params: Any) -> Any:
        return self.change(bboxes)

    def apply_to_keypoints(self, keypoints: Any, **params: Any) -> Any:
        return self.change(keypoints)


def test_the_manner_of_1x() -> None:
    assert Dim(p=0.3).p == 0.3
    assert Dim(always_apply=True).p == 1
    assert Dim(3).get_transform_init_args_names() == ("by",)
    assert A.Compose([Dim(p=1)])(image=IMAGE, mask=MASK)["mask"] is MASK

    class Old(Dim):
        @property
        def targets_as_params(self) -> list[str]:
            return ["image", "factor"]

        def get_params_dependent_on_targets(self, params: Any) -> dict[str, Any]:
            return {"share": params["factor"]}

    out = A.Compose([Old(by=1, p=1)])(image=IMAGE, factor=1)
    assert np.array_equal(out["image"], IMAGE)
    with pytest.raises(A.AnamorphError, match="Old needs factor in the call"):
        A.Compose([Old(p=1)])(image=IMAGE)


def relabelled(rows: Any) -> Any:
    """Give every row the label of the first."""
    rows[:, -1] = rows[0, -1]
    return rows


def added(rows: Any) -> Any:
    """Add a box in the upper left quarter with the last row's label."""
    return np.vstack([rows, [0, 0, 0.5, 0.5, *rows[-1, 4:]]])


@pytest.mark.parametrize(
    ("change", "labels", "wanted"),
    [
        (lambda r: r, ["b", "a"], ["b", "a"]),
        (lambda r: r[::-1], ["b", "a"], ["a", "b"]),
        (lambda r: r[1:], [2**40 + 1, (3, 4)], [(3, 4)]),
        (lambda r: r[:0], ["b", "a"], []),
        (relabelled, ["b", "a"], ["b", "b"]),
        (relabelled, np.array([7, 8]), np.array([7, 7])),
        (added, ["b", "a"], ["b", "a", "a"]),
        (added, (5, 6), (5, 6, 6)),
        (added, [1.5, 2.5], [1.5, 2.5, 2.5]),
    ],
)
def test_labels_are_columns(change: Any, labels: Any, wanted: Any) -> None:
    pipe = A.Compose(
        [Rows(change), FLIP], bbox_params=A.BboxParams("pascal_voc", label_fields=["l"])
    )
    out = pipe(image=IMAGE, bboxes=ROWS, l=labels)
    assert same(out["l"], wanted)
    assert len(out["bboxes"]) == len(wanted)
    if change is added:
        assert out["bboxes"][2] == [48, 0, 96, 32]


def test_columns_as_in_2_0_8() -> None:
    seen: dict[str, Any] = {}

    class See(Rows):
        def get_params_dependent_on_data(self, params: Any, data: Any) -> dict[str, Any]:
            seen.update(data, shape=params["shape"])
            return {}

    pipe = A.Compose(
        [A.Crop(0, 0, 96, 32), See(lambda rows: rows)],
        bbox_params=A.BboxParams("coco", label_fields=["name", "id"]),
        keypoint_params=A.KeypointParams("xyas", label_fields=["part"]),
    )
    pipe(
        bboxes=[[0, 40, 9, 9, 1], [48, 8, 24, 8, 5]], name=["z", "k"], id=[9, 8],
        keypoints=[(3, 4, 90, 2, "t")], part=["eye"], image=IMAGE,
    )  # fmt: skip
    assert seen["bboxes"].tolist() == [[0.5, 0.25, 0.75, 0.5, 5, 0, 8]]
    assert seen["keypoints"] == pytest.approx(np.array([[3, 4, 0, np.pi / 2, 2, 0, 0]]))
    assert seen["shape"] == (32, 96, 3)


def test_further_targets_and_shapes() -> None:
    class Score(A.DualTransform):
        @property
        def targets(self) -> dict[str, Any]:
            return {**super().targets, "score": lambda score, **_: score + 1}

        def apply(self, img: Any, **params: Any) -> Any:
            return img.mean(axis=2).astype(np.uint8)

        def apply_to_mask(self, mask: Any, **params: Any) -> Any:
            return mask + 1

    out = A.Compose([Score(p=1), FLIP])(image=IMAGE, score=3, masks=[MASK, MASK], mask3d=MASK[None])
    assert out["score"] == 4
    assert out["image"].shape == (64, 96)
    assert np.array_equal(out["masks"][1], MASK[:, ::-1] + 1)
    assert out["mask3d"].shape == (1, 64, 96)


def test_own_transforms_on_some_channels() -> None:
    pipe = A.Compose([A.SelectiveChannelTransform([A.Lambda(image=negative)], channels=[1])])
    out = pipe(image=IMAGE, images=[IMAGE])
    assert np.array_equal(out["image"][..., 1], 255 - IMAGE[..., 1])
    assert np.array_equal(out["image"][..., ::2], IMAGE[..., ::2])
    assert np.array_equal(out["images"][0], out["image"])


def test_init_schema() -> None:
    pytest.importorskip("pydantic")

    class Power(A.ImageOnlyTransform):
        class InitSchema(A.ImageOnlyTransform.InitSchema):  # type: ignore[misc, name-defined]
            k: int

        def __init__(self, k: int = 2, p: float = 0.5) -> None:
            super().__init__(p=p)
            self.k = k

        def apply(self, img: Any, **params: Any) -> Any:
            return img // self.k

    assert Power("3", p=1).k == 3  # type: ignore[arg-type]
    for wrong in ({"k": "x"}, {"p": 2}):
        with pytest.raises(A.AnamorphError, match="Power: "):
            Power(**wrong)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ refusals


class Called(A.ImageOnlyTransform):
    """Overrides what pipelines do not use."""

    def __call__(self, **data: Any) -> Any:
        return data


class Hooked(A.HorizontalFlip):
    """Overrides what its base does not have."""

    def apply(self, img: Any, **params: Any) -> Any:
        return img


class Nothing(A.ImageOnlyTransform):
    """Gives no picture."""

    def apply(self, img: Any, **params: Any) -> Any:
        """Forget to return."""


BOXES = {"bbox_params": A.BboxParams("pascal_voc", label_fields=["l"])}


@pytest.mark.parametrize(
    ("members", "data", "sentence"),
    [
        ([FLIP], {"image": None}, "image is None.*cv2.imread"),
        ([Called(p=1)], {"image": IMAGE}, "Called defines __call__"),
        ([Nothing(p=1)], {"image": IMAGE}, "Nothing: image came back as a NoneType"),
        ([A.ToTensorV2(), FLIP], {"image": IMAGE}, "must be the last transform"),
        ([Rows(added)], {"image": IMAGE, "bboxes": {}, "l": []}, "bboxes is a dict"),
        ([Rows(lambda r: r[:, :4])], {"image": IMAGE, "bboxes": ROWS, "l": [1, 2]}, r"\(N, 5\)"),
        ([Rows(lambda r: r + 9)], {"image": IMAGE, "bboxes": ROWS, "l": "ab"}, "l: a transform gave"),
        ([Rows(lambda _: None)], {"image": IMAGE, "bboxes": ROWS, "l": [1, 2]}, "array of"),
    ],
)  # fmt: skip
def test_one_sentence(members: Any, data: Any, sentence: str) -> None:
    with pytest.raises(A.AnamorphError, match=sentence) as error:
        A.Compose(members, **BOXES)(**data)
    assert "\n" not in str(error.value)


def test_options_of_an_inner_compose_are_not_ignored() -> None:
    inner = A.Compose([FLIP], **BOXES)
    data = {"image": IMAGE, "bboxes": ROWS, "l": [1, 2]}
    assert A.Compose([inner, FLIP], **BOXES)(**data)["bboxes"] == ROWS
    assert A.Compose([A.Compose([FLIP]), FLIP], **BOXES)(**data)["bboxes"] == ROWS
    for outer in (A.Compose, lambda t: A.Compose([A.OneOf(t)])):
        with pytest.raises(A.AnamorphError, match=r"sets bbox_params.* the outermost"):
            outer([inner])


def test_overrides_that_would_never_run() -> None:
    with pytest.raises(A.AnamorphError, match=r"Hooked\.apply would never be called"):
        A.Compose([Hooked(p=1)])


def test_tensors_where_people_look_for_them() -> None:
    pytest.importorskip("torch")
    from anamorph.pytorch import ToTensorV2

    out = A.Compose([A.Normalize(), ToTensorV2()])(image=IMAGE, mask=MASK, masks=[MASK])
    assert tuple(out["image"].shape) == (3, 64, 96)
    assert tuple(out["mask"].shape) == (64, 96)
    assert isinstance(out["masks"], list)


def test_names_of_older_versions_lead_to_the_new_ones() -> None:
    with pytest.raises(AttributeError, match="Flip is gone: write HorizontalFlip"):
        A.Flip  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean HorizontalFlip"):
        A.HorizontalFlop  # noqa: B018
    assert not hasattr(A, "Cutout")


@pytest.mark.parametrize(
    ("name", "arguments", "stored"),
    [
        ("AdvancedBlur", {"beta_limit": 2}, (0, 2)),
        ("AdvancedBlur", {"sigma_x_limit": (1, 0.3)}, (0.3, 1)),
        ("Blur", {"blur_limit": (7, 3)}, (3, 7)),
        ("Erasing", {"scale": (0, 0.4)}, (0, 0.4)),
        ("RandomGamma", {"gamma_limit": (120, 80)}, (80, 120)),
        ("Rotate", {"crop_border": 1}, True),
        ("Affine", {"fit_output": 0}, False),
    ],
)
def test_spellings_that_2_0_8_takes(name: str, arguments: dict[str, Any], stored: Any) -> None:
    transform = getattr(A, name)(**arguments, p=1)
    assert getattr(transform, next(iter(arguments))) == stored
    assert transform(image=np.zeros((50, 60, 3), np.uint8))["image"].dtype == np.uint8


def test_a_lone_height_is_the_highest() -> None:
    assert A.RandomSizedCrop(30, (9, 9)).min_max_height == (1, 30)
