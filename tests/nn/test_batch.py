"""Plans of a batch: against the pipelines that they came from, sample by sample."""

from __future__ import annotations

import itertools
import pickle

import cv2
import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import BackendError, DataError, DataTypeError, ParameterError

torch = pytest.importorskip("torch")

from anamorph.backends.torch import base  # noqa: E402 - after the skip
from anamorph.ir.ops import Curve, Warp  # noqa: E402 - after the skip
from anamorph.nn import BatchPlan, collate  # noqa: E402


@pytest.fixture(params=["one by one", "together"])
def order(request, monkeypatch):
    """Do samples as a CPU does them, and as other devices do."""
    together = request.param == "together"
    monkeypatch.setattr(base, "prefers_one_by_one", lambda _: not together)


SIZE = (60, 75)
FEW = A.Compose([])


def picture(seed=0, size=SIZE, channels=3, dtype="uint8"):
    rng = np.random.default_rng(seed)
    coarse = rng.random((6, 7, channels)).astype(np.float32)
    wide = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).reshape(*size, channels)
    wide = np.clip(wide + rng.normal(0, 0.02, wide.shape), 0, 1)
    return wide.astype(np.float32) if dtype == "float32" else np.rint(wide * 255).astype(dtype)


def labelled(seed=0, size=SIZE):
    """A sample with a mask, boxes and keypoints."""
    rng = np.random.default_rng(seed)
    mask = (picture(seed + 50, size, 1)[:, :, 0] // 64).astype(np.int64)
    corner = rng.random((5, 2)) * (size[1] - 20, size[0] - 20)
    boxes = np.concatenate([corner, corner + 4 + rng.random((5, 2)) * 15], 1)
    points = rng.random((6, 2)) * (size[1] - 1, size[0] - 1)
    return {"image": picture(seed, size), "mask": mask, "bboxes": boxes, "keypoints": points}


CLASSIC = [
    A.RandomResizedCrop((40, 48), scale=(0.3, 1)),
    A.HorizontalFlip(),
    A.RandomBrightnessContrast(p=0.7),
    A.HueSaturationValue(p=0.5),
    A.Normalize(),
    A.ToTensorV2(),
]
PIPELINES = {
    "classic": CLASSIC,
    "geometry": [
        A.Affine(rotate=(-40, 40), scale=(0.8, 1.2), shear=(-10, 10), p=0.8),
        A.Perspective(p=0.5),
        A.D4(p=0.5),
        A.Resize(50, 50),
    ],
    "crops and pads": [
        A.PadIfNeeded(90, 90, border_mode=cv2.BORDER_REFLECT_101),
        A.RandomCrop(56, 48),
        A.SafeRotate(limit=15, p=0.5),
        A.Resize(40, 40, interpolation=cv2.INTER_AREA),
    ],
    "distortions": [
        A.OneOf([A.ElasticTransform(alpha=20, sigma=5), A.GridDistortion(), A.OpticalDistortion()]),
        A.CenterCrop(40, 40),
    ],
    "tones": [
        A.ColorJitter(p=0.8),
        A.RandomGamma(p=0.5),
        A.ToGray(p=0.3),
        A.Solarize(p=0.2),
        A.Posterize(p=0.2),
        A.InvertImg(p=0.2),
        A.ChannelShuffle(p=0.3),
        A.RGBShift(p=0.3),
    ],
    "grain": [
        A.GaussNoise(p=0.6),
        A.GaussianBlur(p=0.5),
        A.MotionBlur(p=0.3),
        A.MedianBlur(p=0.2),
        A.Sharpen(p=0.3),
        A.MultiplicativeNoise(p=0.3),
        A.SaltAndPepper(p=0.3),
        A.CoarseDropout(p=0.7, fill_mask=0),
        A.GridDropout(p=0.3),
        A.RandomGridShuffle(p=0.3),
    ],
}
LEVELS = {"classic": 12 / 58, "tones": 18.0, "grain": 18.0}
"""Pipeline → how far single values may be off: a rounded hue is up to 9 levels, and what sharpens or
stretches contrast or posterises after it makes them more. On average it is 1.5 at most."""


def seeds(count):
    return range(10, 10 + count)


def both(members, samples, **options):
    """The plans of a pipeline, and what it makes of the samples by itself."""
    told = {
        "bbox_params": A.BboxParams("pascal_voc", filter_invalid_bboxes=True),
        "keypoint_params": A.KeypointParams("xy"),
    } | options
    planner, renderer = (A.Compose(members, seed=7, **told) for _ in range(2))
    return [planner.plan(**s) for s in samples], [renderer(**s) for s in samples]


def first(array):
    """Channels first, as a batch has them."""
    array = np.asarray(array)
    return np.moveaxis(array, -1, 0) if array.ndim == 3 and array.shape[0] > 5 else array


# ------------------------------------------------------------------- against the pipeline


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.usefixtures("order")
def test_batches_agree_with_their_pipeline(name):
    samples = [labelled(seed) for seed in seeds(16)]
    plans, want = both(PIPELINES[name], samples)
    batch = collate(plans)
    out = batch.render(
        np.stack([s["image"] for s in samples]),
        masks=np.stack([s["mask"] for s in samples]),
        boxes=[s["bboxes"] for s in samples],
        points=[s["keypoints"] for s in samples],
    )
    for k, wanted in enumerate(want):
        got = out.images[k].numpy()
        image = first(wanted["image"])
        assert got.dtype == image.dtype
        gap = np.abs(got.astype(float) - image.astype(float))
        assert gap.max() <= LEVELS.get(name, 2.0), f"sample {k}: {plans[k]}"
        assert gap.mean() <= 1.5
        assert out.masks[k].dtype == torch.int64
        np.testing.assert_array_equal(out.masks[k, 0].numpy(), np.asarray(wanted["mask"]))
        np.testing.assert_array_equal(out.boxes[k], wanted["bboxes"])
        np.testing.assert_array_equal(out.points[k], wanted["keypoints"])


@pytest.mark.usefixtures("order")
def test_samples_of_different_pipelines_make_one_batch():
    samples = [labelled(seed) for seed in seeds(len(PIPELINES) * 3)]
    resize = [A.Resize(32, 32), A.Normalize()]
    plans, want = [], []
    for sample, members in zip(samples, itertools.cycle(PIPELINES.values()), strict=False):
        moving = [m for m in members if not isinstance(m, A.Normalize | A.ToTensorV2)]
        plan, done = both([*moving, *resize], [sample])
        plans += plan
        want += done
    out = collate(plans).render([s["image"] for s in samples], boxes=[s["bboxes"] for s in samples])
    assert out.images.shape == (len(samples), 3, 32, 32)
    for k, wanted in enumerate(want):
        gap = np.abs(out.images[k].numpy() - first(wanted["image"]))
        assert gap.max() <= 18 / 58
        assert gap.mean() <= 1.5 / 58
        np.testing.assert_array_equal(out.boxes[k], wanted["bboxes"])


@pytest.mark.usefixtures("order")
def test_pictures_of_different_sizes_become_one_batch():
    sizes = [(60, 75), (33, 101), (80, 41), (60, 75), (50, 50)]
    samples = [labelled(k, size) for k, size in enumerate(sizes)]
    plans, want = both(CLASSIC, samples)
    out = collate(plans).render(
        [s["image"] for s in samples], masks=[torch.from_numpy(s["mask"]) for s in samples]
    )
    assert out.images.shape == (5, 3, 40, 48)
    for k, wanted in enumerate(want):
        assert np.abs(out.images[k].numpy() - wanted["image"].numpy()).max() <= 12 / 58
        np.testing.assert_array_equal(out.masks[k, 0].numpy(), wanted["mask"])


@pytest.mark.parametrize("dtype", ["uint8", "float32", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.usefixtures("order")
def test_dtypes_and_channels(dtype, channels):
    members = [A.Rotate(limit=30, p=0.7), A.RandomCrop(40, 40), A.RandomGamma(), A.GaussNoise()]
    samples = [{"image": picture(k, channels=channels, dtype=dtype)} for k in range(6)]
    if dtype == "uint16":
        samples = [{"image": s["image"] * 257} for s in samples]
    plans, want = both(members, samples)
    out = collate(plans).render([s["image"] for s in samples])
    white = {"uint8": 255, "float32": 1, "uint16": 65535}[dtype]
    for k, wanted in enumerate(want):
        got = out.images[k].numpy()
        assert got.dtype == wanted["image"].dtype
        gap = np.abs(got.astype(float) - np.moveaxis(wanted["image"], -1, 0).astype(float))
        assert gap.max() * 255 / white <= 3.0


# -------------------------------------------------------------------------------- options


def test_a_plan_moves_pickles_and_compares():
    samples = [{"image": picture(k)} for k in range(4)]
    plans, _ = both(CLASSIC, samples)
    batch = collate(plans, dtype=torch.float16)
    again = pickle.loads(pickle.dumps(batch))
    assert len({t.untyped_storage().data_ptr() for t in again.program.held()}) == 1
    assert [t.shape for t in again.program.held()] == [t.shape for t in batch.program.held()]
    assert again == batch
    assert hash(again) == hash(batch)
    assert batch != collate(plans)
    images = [s["image"] for s in samples]
    assert torch.equal(again.render(images).images, batch.render(images).images)
    moved = batch.to("cpu")
    assert moved.device == torch.device("cpu")
    assert torch.equal(moved.render(images).images, batch.render(images).images)
    assert all(t.device.type == "meta" for t in batch.to("meta").program.held())
    assert len(batch) == 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, "float32"])
def test_pictures_come_out_in_half_precision(dtype):
    samples = [{"image": picture(k)} for k in range(4)]
    plans, _ = both(CLASSIC, samples)
    images = [s["image"] for s in samples]
    want = collate(plans).render(images).images
    got = collate(plans, dtype=dtype).render(images).images
    assert str(got.dtype).endswith(str(dtype).rpartition(".")[2])
    assert (got.float() - want).abs().max() < 0.02
    plain, _ = both([A.HorizontalFlip()], [{"image": picture(dtype="float32")}])
    out = collate(plain, dtype=dtype).render([picture(dtype="float32")]).images
    assert out.dtype == got.dtype


@pytest.mark.parametrize("layout", ["auto", "channels_first", "channels_last"])
def test_layouts(layout):
    images = np.stack([picture(k) for k in range(3)])
    plans, want = both([A.HorizontalFlip(p=1)], [{"image": i} for i in images])
    batch = collate(plans)
    given = torch.from_numpy(images)
    given = given.permute(0, 3, 1, 2) if layout == "channels_first" else given
    out = batch.render(given, layout=layout).images
    out = out if layout == "channels_last" else out.permute(0, 2, 3, 1)
    np.testing.assert_array_equal(out.numpy(), np.stack([w["image"] for w in want]))
    gray = [i[:, :, 0] for i in images]
    assert batch.render(masks=gray, layout=layout).masks.shape == (
        (3, *SIZE, 1) if layout == "channels_last" else (3, 1, *SIZE)
    )


@pytest.mark.usefixtures("order")
def test_results_of_different_sizes_are_refused_or_listed():
    samples = [{"image": picture(k, (40 + 5 * k, 50))} for k in range(3)]
    plans, want = both([A.HorizontalFlip(p=1), A.Normalize()], samples)
    images = [s["image"] for s in samples]
    with pytest.raises(DataError, match=r'images come out in different shapes .* ragged="list"'):
        collate(plans).render(images)
    out = collate(plans).render(images, ragged="list").images
    for got, wanted in zip(out, want, strict=True):
        np.testing.assert_allclose(got.numpy(), first(wanted["image"]), atol=1e-5)
    even = collate(plans[:1] * 2).render(images[:1] * 2, ragged="list").images
    assert isinstance(even, list)
    assert [t.shape for t in even] == [(3, 40, 50)] * 2


@pytest.mark.parametrize("name", PIPELINES)
def test_all_is_done_where_the_pictures_are(name):
    """Tensors without memory do not mix with those of the CPU."""
    plans, _ = both(PIPELINES[name], [labelled(seed) for seed in seeds(16)])
    batch = collate(plans).to("meta")
    out = batch.render(np.stack([picture()] * 16), np.zeros((16, *SIZE), np.int64), ragged="list")
    assert all(image.device.type == "meta" for image in (*out.images, *out.masks))


@pytest.mark.usefixtures("order")
def test_what_has_no_kernel_is_refused_or_done_on_the_host():
    members = [A.HorizontalFlip(), A.CLAHE(p=1), A.ISONoise(p=1), A.ImageCompression(p=0.5)]
    samples = [{"image": picture(k)} for k in range(5)]
    plans, want = both([*members, A.Normalize()], samples)
    with pytest.raises(BackendError, match="effect 'clahe' on image; missing=\"host\" renders it"):
        collate(plans)
    out = collate(plans, missing="host").render([s["image"] for s in samples]).images
    for k, wanted in enumerate(want):
        np.testing.assert_allclose(out[k].numpy(), first(wanted["image"]), atol=1e-5)
    halves = torch.stack([torch.from_numpy(s["image"]) for s in samples]).half() / 255
    only, _ = both([A.CLAHE(p=1)], samples)
    assert collate(only, missing="host").render(halves).images.dtype == torch.float16


def test_other_pictures_than_the_plans_were_drawn_for():
    plans, _ = both([A.HorizontalFlip(p=1), A.InvertImg(p=1)], [{"image": picture()}])
    batch = collate(plans)
    floats = torch.from_numpy(picture()).movedim(-1, 0)[None].float() / 255
    np.testing.assert_allclose(
        batch.render(floats).images.numpy(), 1 - floats.flip(3).numpy(), atol=1e-6
    )
    five = torch.rand(1, 5, *SIZE, dtype=torch.float64)
    assert batch.render(five).images.shape == five.shape


def test_the_inputs_are_left_alone():
    sample = labelled()
    kept = {key: value.copy() for key, value in sample.items()}
    plans, _ = both([A.VerticalFlip(), A.InvertImg(), A.CoarseDropout(p=1)], [sample] * 8)
    collate(plans).render(
        [sample["image"]] * 8,
        [sample["mask"]] * 8,
        [sample["bboxes"]] * 8,
        [sample["keypoints"]] * 8,
    )
    for key, value in kept.items():
        np.testing.assert_array_equal(sample[key], value)
    still = [A.Compose([], seed=1).plan(image=sample["image"])]
    given = torch.from_numpy(sample["image"].copy())[None]
    assert torch.equal(collate(still).render(given).images, given.movedim(-1, 1))


@pytest.mark.usefixtures("order")
def test_gradients_reach_the_pictures():
    members = [A.Rotate(limit=30, p=1), A.GaussianBlur(p=1), A.Normalize()]
    plans, _ = both(members, [{"image": picture(k, dtype="float32")} for k in range(3)])
    images = torch.rand(3, 3, *SIZE, requires_grad=True)
    collate(plans).render(images).images.sum().backward()
    assert (images.grad != 0).float().mean() > 0.5


# --------------------------------------------------------------------------------- labels


def test_labels_on_the_device_are_the_same():
    members = [
        A.RandomResizedCrop((40, 48), scale=(0.3, 1)),
        A.D4(p=0.5),
        A.Affine(rotate=(-30, 30), p=0.5),
        A.Perspective(p=0.5),
    ]
    samples = [labelled(seed) for seed in seeds(12)]
    plans, want = both(members, samples)
    batch = collate(plans)
    labels = {
        "boxes": [torch.from_numpy(s["bboxes"]) for s in samples],
        "points": [torch.from_numpy(s["keypoints"]) for s in samples],
    }
    here, there = batch.render(**labels), batch.render(**labels, labels="device")
    assert sum(map(len, here.boxes)) < 60
    for k, wanted in enumerate(want):
        assert torch.equal(here.boxes[k], torch.from_numpy(wanted["bboxes"]))
        torch.testing.assert_close(there.boxes[k], here.boxes[k], atol=1e-9, rtol=0)
        torch.testing.assert_close(there.points[k], here.points[k], atol=1e-9, rtol=0)
        np.testing.assert_array_equal(here.box_index[k], there.box_index[k].numpy())
        np.testing.assert_array_equal(here.point_index[k], there.point_index[k].numpy())
    singles = batch.render(boxes=[b.float() for b in labels["boxes"]], labels="device")
    assert singles.boxes[0].dtype == torch.float32


def test_formats_thresholds_and_lists():
    params = A.BboxParams("coco", min_visibility=0.5, label_fields=["name"])
    sample = labelled() | {"name": [*"abcde"]}
    sample["bboxes"] = [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in sample["bboxes"].tolist()]
    points = A.KeypointParams("xya", remove_invisible=False, flip_pairs=[(0, 1), (2, 3)])
    sample["keypoints"] = [[x, y, 30.0] for x, y in sample["keypoints"].tolist()]
    told = {"bbox_params": params, "keypoint_params": points}
    members = [A.HorizontalFlip(p=1), A.RandomCrop(30, 40)]
    plans, want = both(members, [sample] * 6, **told)
    out = collate(plans, **told).render(
        boxes=[sample["bboxes"]] * 6, points=[sample["keypoints"]] * 6
    )
    for k, wanted in enumerate(want):
        assert out.boxes[k] == wanted["bboxes"]
        assert [sample["name"][i] for i in out.box_index[k]] == list(wanted["name"])
        np.testing.assert_array_equal(out.points[k], wanted["keypoints"])
        assert out.point_index[k].tolist() == [1, 0, 3, 2, 4, 5]


def test_no_boxes_are_no_boxes():
    plans, _ = both([A.HorizontalFlip(p=1)], [{"image": picture()}] * 2)
    for labels in ("host", "device"):
        none = [torch.zeros(0, 4), torch.zeros(0, 4)]
        out = collate(plans).render(boxes=none, points=[b[:, :2] for b in none], labels=labels)
        assert [tuple(b.shape) for b in out.boxes] == [(0, 4)] * 2
        assert [tuple(b.shape) for b in out.points] == [(0, 2)] * 2


@pytest.mark.parametrize(
    ("members", "options", "words"),
    [
        ([A.ElasticTransform(p=1)], {}, "more than a matrix"),
        ([A.CoarseDropout(p=1)], {}, "more than a matrix"),
        ([A.Rotate(p=1, border_mode=cv2.BORDER_REFLECT_101)], {}, "more than a matrix"),
        ([A.HorizontalFlip(p=1)], {"bbox_params": A.BboxParams("coco")}, "pascal_voc"),
        ([A.HorizontalFlip(p=1)], {"bbox_params": A.BboxParams("pascal_voc", min_area=4)}, "thr"),
    ],
)
def test_what_devices_do_not_follow(members, options, words):
    plans, _ = both(members, [{"image": picture()}])
    with pytest.raises(BackendError, match=words):
        collate(plans, **options).render(boxes=[torch.zeros(1, 4)], labels="device")


# ------------------------------------------------------------------------- across processes


class Plans(torch.utils.data.Dataset):
    """Pictures and their plans, keyed by nothing but the pipeline's stream."""

    def __init__(self):
        self.pipeline = A.Compose(CLASSIC, seed=3)

    def __len__(self):
        return 8

    def __getitem__(self, i):
        image = picture(i)
        return image, self.pipeline.plan(image=image)


def gathered(samples):
    images, plans = zip(*samples, strict=True)
    return list(images), collate(plans)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_workers_plan_and_the_caller_renders(workers):
    loader = torch.utils.data.DataLoader(
        Plans(), batch_size=4, num_workers=workers, collate_fn=gathered
    )
    for images, batch in loader:
        assert isinstance(batch, BatchPlan)
        assert batch.render(images).images.shape == (4, 3, 40, 48)


# --------------------------------------------------------------------------------- errors


def test_what_is_refused():
    plans, _ = both([A.HorizontalFlip(p=1)], [{"image": picture()}] * 2)
    batch = collate(plans)
    image = picture()
    with pytest.raises(DataError, match="one plan at least"):
        collate([])
    with pytest.raises(ParameterError, match=r"collate\.missing"):
        collate(plans, missing="skip")
    with pytest.raises(ParameterError, match=r"collate\.dtype"):
        collate(plans, dtype=torch.int8)
    with pytest.raises(ParameterError, match=r"render\.labels"):
        batch.render([image] * 2, labels="gpu")
    with pytest.raises(ParameterError, match="layout"):
        batch.render([image] * 2, layout="HWC")
    with pytest.raises(DataError, match="images holds 3 samples for 2 plans"):
        batch.render([image] * 3)
    with pytest.raises(DataError, match=r"images\[1\] has shape .* for a picture 60×75"):
        batch.render([image, image[:10]])
    with pytest.raises(DataTypeError, match=r"images\[0\] is a str"):
        batch.render(["a.jpg", "b.jpg"])


def test_what_labels_and_plans_are_refused():
    image = picture()
    plans, _ = both([A.HorizontalFlip(p=1)], [{"image": image}] * 2)
    batch = collate(plans)
    with pytest.raises(DataError, match="boxes holds 1 samples"):
        batch.render(boxes=[[]])
    with pytest.raises(DataTypeError, match="a list with the rows"):
        batch.render(boxes=np.zeros((2, 3, 4)))
    with pytest.raises(DataTypeError, match="labels on a device are tensors"):
        batch.render(boxes=[[], []], labels="device")
    volume = A.Compose([A.HorizontalFlip(p=1)]).plan(volume=np.zeros((4, 5, 6), np.uint8))
    with pytest.raises(DataError, match="volumes"):
        collate([volume])
    own = A.Compose([A.Lambda(image=lambda x, **_: x, p=1)]).plan(image=image)
    with pytest.raises(BackendError, match="one by one"):
        collate([own], missing="host")
    cube = A.Compose([]).plan(image=np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(DataError, match="leaves open where its channels are"):
        collate([cube]).render(np.zeros((1, 3, 3, 3), np.uint8))


def test_lines_are_few():
    from anamorph.nn.batch_packing import lined_up

    warp, tone = Warp.symmetry("h", (2, 2)), Curve((("invert",),))
    plans = [[warp, tone], [tone], [warp], [], [tone, warp]]
    lines = lined_up(plans)
    for row, ops in enumerate(plans):
        assert [line[row] for line in lines if row in line] == ops
    assert len(lines) == 3
