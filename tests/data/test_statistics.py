"""Statistics of datasets, against plain sums over everything at once."""

from __future__ import annotations

import json
import os
import signal
from fractions import Fraction

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, UndefinedError
from anamorph.data import (
    Category,
    ClassFolders,
    CocoDataset,
    MaskFolders,
    Object,
    Record,
    Statistics,
    TableDataset,
    measure,
    write_annotations,
    write_mask,
    write_picture,
)
from anamorph.data.datasets import Dataset, Item
from anamorph.data.statistics import Spread
from anamorph.data.statistics.channels import Counts, Moments


class Arrays(Dataset):
    """Pictures in memory."""

    def __init__(self, pictures, **more):
        super().__init__()
        self.pictures, self.more = pictures, more

    def __len__(self):
        return len(self.pictures)

    def sample(self, index):
        return {"image": self.pictures[index]}

    def item(self, index):
        return Item(self.pictures[index], **{k: v[index] for k, v in self.more.items()})


def pictures(dtype, channels, count=70):
    """Of different sizes and means, more than one part of a measurement."""
    rng = np.random.default_rng(7)
    found = []
    for at in range(count):
        shape = (int(rng.integers(1, 9)), int(rng.integers(1, 9)), channels)
        values = rng.random(shape) * (0.2 + 0.8 * at / count)
        top = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
        found.append((values * top).astype(dtype))
    return found


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 12])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_means_of_whole_numbers_are_exact(dtype, channels):
    given = pictures(dtype, channels)
    (found,) = measure(Arrays(given)).channels
    unit = 255 if dtype == "uint8" else 65535
    for at in range(channels):
        values = [int(v) for picture in given for v in picture[..., at].ravel()]
        mean = Fraction(sum(values), len(values))
        variance = Fraction(sum(v * v for v in values), len(values)) - mean**2
        assert found.mean[at] == float(mean / unit)
        assert abs(Fraction(found.std[at]) ** 2 / (variance / unit**2) - 1) < Fraction(1, 10**15)
        assert (found.least[at], found.most[at]) == (min(values) / unit, max(values) / unit)
        assert sum(found.histograms[at]) == found.pixels == len(values)
    assert (found.dtype, found.pictures, found.unit) == (dtype, len(given), unit)


@pytest.mark.parametrize("offset", [0, 1e4])
def test_means_of_floats(offset):
    """Far from 0 too, where a sum of squares would have lost everything."""
    given = [picture + np.float32(offset) for picture in pictures("float32", 3)]
    (found,) = measure(Arrays(given)).channels
    flat = np.concatenate([picture.reshape(-1, 3) for picture in given]).astype(np.float64)
    assert np.allclose(found.mean, flat.mean(axis=0), rtol=1e-13, atol=0)
    assert np.allclose(found.std, flat.std(axis=0), rtol=1e-11, atol=0)
    assert found.least == tuple(flat.min(axis=0))
    assert found.most == tuple(flat.max(axis=0))


def test_histograms_of_uint8():
    given = pictures("uint8", 1)
    (found,) = measure(Arrays(given)).channels
    every = np.concatenate([picture.ravel() for picture in given])
    assert list(found.histograms[0]) == np.bincount(every, minlength=256).tolist()


def test_counts_in_blocks(monkeypatch):
    """Pictures with more pixels than float32 can count are counted in strips."""
    monkeypatch.setattr("anamorph.data.statistics.channels._BLOCK", 10)
    picture = pictures("uint8", 3)[-1]
    whole = Counts(3, "uint8")
    whole.add(picture)
    for at in range(3):
        assert (
            whole.counts[at].tolist()
            == np.bincount(picture[..., at].ravel(), minlength=256).tolist()
        )


def test_the_mean_normalizes(photo):
    found = measure(Arrays([photo, photo[::-1], photo[:100]]))
    assert found.normalize["max_pixel_value"] == 255
    out = [
        A.Normalize(**found.normalize)(image=p)["image"] for p in (photo, photo[::-1], photo[:100])
    ]
    flat = np.concatenate([p.reshape(-1, 3) for p in out])
    assert np.allclose(flat.mean(axis=0), 0, atol=1e-3)
    assert np.allclose(flat.std(axis=0), 1, atol=1e-3)


def test_words_normalize():
    given = pictures("uint16", 3)
    found = measure(Arrays(given)).normalize
    out = [A.Normalize(**found)(image=picture)["image"].reshape(-1, 3) for picture in given]
    assert np.allclose(np.concatenate(out).std(axis=0), 1, atol=1e-3)


def test_one_value_cannot_be_normalized():
    found = measure(Arrays([np.full((2, 2, 3), 9, np.uint8)]))
    assert found.channels[0].std == (0, 0, 0)
    with pytest.raises(UndefinedError, match="channel 0 is 9 in every pixel"):
        _ = found.normalize
    with pytest.raises(UndefinedError, match="no pictures"):
        _ = measure(Arrays([])).normalize


def test_tiny_deviations_keep_their_digits():
    picture = np.full((1000, 1000), 65535, np.uint16)
    picture[0, 0] = 65534
    (found,) = measure(Arrays([picture])).channels
    expected = (1e-6 - 1e-12) ** 0.5 / 65535
    assert abs(found.std[0] / expected - 1) < 1e-14


def test_kinds_of_pictures_are_told_apart():
    gray, color = np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.uint8)
    found = measure(Arrays([gray, color, color.astype(np.uint16), color]))
    kinds = [(c.dtype, len(c.mean), c.pictures) for c in found.channels]
    assert kinds == [("uint8", 3, 2), ("uint16", 3, 1), ("uint8", 1, 1)]


def test_sizes():
    shapes = [(4, 8), (4, 8), (6, 3)]
    found = measure(Arrays([np.zeros(shape, np.uint8) for shape in shapes]))
    assert found.sizes == ((4, 8, 2), (6, 3, 1))
    assert (found.height.least, found.height.most, found.width.median) == (4, 6, 8)
    assert (found.aspect.least, found.aspect.most) == (0.5, 2)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_workers_change_nothing(dtype):
    given = Arrays(pictures(dtype, 3, count=100))
    steps = []
    assert measure(given, workers=2, advance=steps.append) == measure(given)
    assert steps == [32, 32, 32, 4]


class Deadly(Arrays):
    def item(self, index):
        if index == 40:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().item(index)


def test_a_killed_worker_is_told():
    with pytest.raises(DataError, match="a worker process died"):
        measure(Deadly(pictures("uint8", 3)), workers=1)


def test_moments_merge_with_nothing():
    one, none = Moments(2), Moments(2)
    one.add(np.ones((3, 3, 2), np.float32))
    none.merge(one)
    assert none.result() == one.result()


# ------------------------------------------------------------------ files that are not what they should


def test_broken_files_are_listed(tmp_path):
    for at in range(3):
        write_picture(tmp_path / f"cat/{at}.png", np.full((5, 5, 3), at, np.uint8))
    (tmp_path / "cat/1.png").write_bytes((tmp_path / "cat/1.png").read_bytes()[:40])
    (tmp_path / "cat/3.jpg").write_bytes(b"")
    found = measure(ClassFolders(tmp_path))
    assert found.pictures == 2
    assert found.channels[0].mean == (1 / 255,) * 3
    assert len(found.broken) == 2
    assert all(name in told for name, told in zip(("1.png", "3.jpg"), found.broken, strict=True))
    assert found.classes[0].pictures == 2


def _failing(path):
    raise RuntimeError(f"out of\n tape at {path}")


def test_readers_may_fail_in_any_way(tmp_path):
    write_picture(tmp_path / "cat/1.png", np.zeros((5, 5, 3), np.uint8))
    (told,) = measure(ClassFolders(tmp_path, reader=_failing)).broken
    assert told.startswith(f"{tmp_path}/cat/1.png: RuntimeError: out of tape at")


def test_arrays_that_are_no_pictures():
    bad = np.array([[[np.nan]]], np.float32)
    given = [
        bad,
        np.zeros((0, 3), np.uint8),
        np.zeros((2, 2), np.int64),
        np.zeros((2, 2), np.uint8),
    ]
    found = measure(Arrays(given))
    assert found.pictures == 1
    assert found.broken == (
        "sample 0 holds numbers that are not finite",
        "sample 1 is an array of 0×3: H×W or H×W×C is wanted",
        "sample 2 holds int64 pixels: uint8, uint16 or float32 are measured",
    )
    assert [c.dtype for c in found.channels] == ["uint8"]


# ------------------------------------------------------------------ annotations


def test_classes_of_folders(tmp_path):
    for name, count in (("cat", 3), ("dog", 1)):
        for at in range(count):
            write_picture(tmp_path / f"{name}/{at}.png", np.zeros((5, 5, 3), np.uint8))
    found = measure(ClassFolders(tmp_path))
    assert [(c.name, c.pictures, c.objects) for c in found.classes] == [
        ("cat", 3, 0),
        ("dog", 1, 0),
    ]
    assert found.boxes is None
    assert found.masks == ()


@pytest.fixture
def detection(tmp_path):
    size = (200, 100)
    things = [
        (Object("a", (0, 0, 10, 20)), Object("b", (10, 10, 60, 70)), Object("a", (-5, 0, 99, 190))),
        (Object("a", (5, 5, 5, 9)),),
        (),
    ]
    records = [Record(f"{at}.png", size, own) for at, own in enumerate(things)]
    for record in records:
        write_picture(tmp_path / "images" / record.file, np.zeros((*size, 3), np.uint8))
    categories = [Category(1, "a"), Category(2, "b"), Category(3, "c")]
    write_annotations(tmp_path, records, categories, "coco")
    return CocoDataset(tmp_path / "images", tmp_path / "annotations.json")


def test_boxes(detection):
    found = measure(detection)
    assert [(c.name, c.pictures, c.objects) for c in found.classes] == [
        ("a", 2, 3), ("b", 1, 1), ("c", 0, 0),
    ]  # fmt: skip
    boxes = found.boxes
    assert (boxes.count, boxes.empty, boxes.outside) == (4, 1, 1)
    assert (boxes.small, boxes.medium, boxes.large) == (1, 1, 1)
    assert (boxes.per_picture.least, boxes.per_picture.median, boxes.per_picture.most) == (0, 1, 3)
    assert (boxes.width.least, boxes.width.most, boxes.height.most) == (10, 104, 190)
    assert boxes.side.least == pytest.approx(200**0.5)
    assert boxes.part.least == pytest.approx(200 / 20000)
    assert boxes.aspect.least == pytest.approx(0.5)
    assert measure(detection, workers=1) == found


def test_a_dataset_without_a_single_box(tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((5, 5, 3), np.uint8))
    table = [{"image": "a.png", "x0": None, "y0": None, "x1": None, "y1": None}]
    rows = {key: [np.nan if row[key] is None else row[key] for row in table] for key in table[0]}
    found = measure(TableDataset(rows, box=("x0", "y0", "x1", "y1"), root=tmp_path))
    assert (found.boxes.count, found.boxes.width, found.boxes.small) == (0, None, 0)
    assert found.broken == ()


def test_masks(tmp_path):
    for at in range(3):
        write_picture(tmp_path / f"images/{at}.png", np.zeros((10, 10, 3), np.uint8))
        mask = np.zeros((10, 10), np.uint8)
        mask[: at * 3] = at
        mask[9] = 255
        write_mask(tmp_path / f"masks/{at}.png", mask)
    given = MaskFolders(tmp_path / "images", tmp_path / "masks", classes=["ground", "tree", "road"])
    found = measure(given).masks
    assert [(v.value, v.name, v.masks, v.pixels) for v in found] == [
        (0, "ground", 3, 180), (1, "tree", 1, 30), (2, "road", 1, 60), (255, "255", 3, 30),
    ]  # fmt: skip
    assert sum(value.part for value in found) == pytest.approx(1)


def test_masks_of_another_size(tmp_path):
    write_picture(tmp_path / "images/a.png", np.zeros((10, 10, 3), np.uint8))
    write_mask(tmp_path / "masks/a.png", np.zeros((10, 11), np.uint8))
    (told,) = measure(MaskFolders(tmp_path / "images", tmp_path / "masks")).broken
    assert told.endswith("masks/a.png is 10×11, but the picture is 10×10")


# ------------------------------------------------------------------ the value


def test_it_becomes_json(detection):
    found = measure(detection)
    plain = json.loads(found.to_json(indent=2))
    assert plain == found.to_dict()
    assert plain["boxes"]["count"] == 4
    assert plain["channels"][0]["mean"] == [0.0, 0.0, 0.0]
    assert isinstance(found, Statistics)
    assert hash(found) == hash(measure(detection))


@pytest.mark.parametrize("values", [[3.0], [0, 0, 5], [1, 10, 100, 1000], [-2, 2], range(1, 9)])
def test_spreads(values):
    found = Spread.of(list(values))
    assert (found.least, found.most) == (min(values), max(values))
    assert found.mean == pytest.approx(sum(values) / len(values))
    assert found.median == np.median(list(values))
    assert sum(found.counts) == found.count == len(values)
    assert len(found.edges) == len(found.counts) + 1


def test_a_spread_of_nothing():
    assert Spread.of([]) is None
