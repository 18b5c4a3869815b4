"""Pictures as the loop and the predictor take them."""

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph.core.errors import DataError, ParameterError  # noqa: E402 - after the skip
from anamorph.data import Loader, write_picture  # noqa: E402
from anamorph.tasks.pictures import pictures_of  # noqa: E402
from anamorph.tasks.pipelines import preparing, steps_of, training  # noqa: E402
from anamorph.tasks.samples import TrainingSamples, Views, as_channels, shown  # noqa: E402
from anamorph.tasks.table import task_of  # noqa: E402

TASKS = ("classify", "segment", "detect")


def samples_of(config, **options):
    pictures = pictures_of(config)
    task = task_of(config, pictures.classes)
    return TrainingSamples(pictures, task, training(config), 3, **{"skip": False, **options})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_workers(config, task, workers):
    samples = samples_of(config(task))
    given = [samples.load(index, 3) for index in range(4)]
    loader = Loader(samples, batch_size=4, num_workers=workers)
    loader.set_epoch(3)
    batch = next(iter(loader))
    assert batch["index"].tolist() == [0, 1, 2, 3]
    assert all(
        torch.equal(row, each["image"]) for row, each in zip(batch["image"], given, strict=True)
    )
    assert batch["image"].dtype == torch.float32
    assert batch["broken"] == [""] * 4


@pytest.fixture
def damaged(data, tmp_path):
    """The pictures of classes, one of them cut off."""
    for path in (data / "classes").rglob("*.png"):
        target = tmp_path / path.relative_to(data / "classes")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    broken = tmp_path / "green/03.png"
    broken.write_bytes(broken.read_bytes()[:200])
    return tmp_path


def test_a_broken_picture_is_named(config, damaged):
    samples = samples_of(config("classify", f"data.images={damaged}"))
    at = samples.pictures.ids.index("green/03.png")
    with pytest.raises(DataError) as caught:
        samples.load(at, 0)
    assert "green/03.png" in str(caught.value) + "".join(caught.value.__notes__)


def test_a_broken_picture_is_skipped(config, damaged):
    samples = samples_of(config("classify", f"data.images={damaged}"), skip=True)
    at = samples.pictures.ids.index("green/03.png")
    first, again = samples.load(at, 0), samples.load(at, 0)
    assert first["broken"].startswith("green/03.png: ")
    assert first["index"] == again["index"] != at
    assert torch.equal(first["image"], samples.load(first["index"], 0)["image"])
    assert len({samples.load(at, epoch)["index"] for epoch in range(8)}) > 1


def test_views_skip_and_tell(config, damaged):
    chosen = config("classify")
    paths = [os.fspath(damaged / "green/03.png"), os.fspath(damaged / "red/00.png")]
    views = Views(paths, preparing(chosen), 3, skip=True)
    assert "03.png" in views.load(0, 0)["error"]
    assert views.load(1, 0)["size"] == (32, 40)
    with pytest.raises(DataError):
        Views(paths, preparing(chosen), 3).load(0, 0)


@pytest.mark.parametrize(("given", "wanted"), [(1, 3), (4, 3), (3, 1), (4, 1), (3, 3), (1, 1)])
def test_channels(tmp_path, given, wanted):
    shape = (5, 7) if given == 1 else (5, 7, given)
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    done = as_channels(picture, wanted)
    assert done.shape == ((5, 7) if wanted == 1 else (5, 7, wanted))
    assert done.dtype == np.uint8
    write_picture(tmp_path / "a.png", picture)
    found = shown(os.fspath(tmp_path / "a.png"), wanted)
    assert isinstance(found, str) if given == wanted else np.array_equal(found, done)


def test_channels_that_nothing_is_known_of():
    with pytest.raises(DataError, match=r"has 3 channels, and input.channels = 5"):
        as_channels(np.zeros((2, 2, 3), np.uint8), 5)


STEPS = [
    (None, []),
    ("", []),
    ("HorizontalFlip(p=1) | Blur", ["HorizontalFlip", "Blur"]),
    (["HorizontalFlip", {"Rotate": {"limit": 10}}], ["HorizontalFlip", "Rotate"]),
    ([{"OneOf": {"transforms": ["Blur", {"GaussNoise": {"p": 1}}], "p": 0.3}}], ["OneOf"]),
    ([{"OneOf": ["Blur(p=1)", "Sharpen"]}], ["OneOf"]),
    ({"transforms": [{"Rotate": {"border_mode": "cv2.BORDER_REFLECT"}}]}, ["Rotate"]),
]


@pytest.mark.parametrize(("given", "names"), STEPS)
def test_augment_in_all_its_forms(given, names):
    assert [type(step).__name__ for step in steps_of(given)] == names


def test_augment_as_data():
    import anamorph as A

    pipeline = A.Compose([A.HorizontalFlip(p=1), A.Blur()])
    assert steps_of(A.to_dict(pipeline)) == list(pipeline.transforms)


def test_groups_by_a_pattern(config):
    pictures = pictures_of(config("classify", r"folds.group=/(\d)"))
    assert set(pictures.groups) == {"0", "1"}
    with pytest.raises(ParameterError, match="finds nothing in"):
        pictures_of(config("classify", "folds.group=xyz"))
    with pytest.raises(ParameterError, match=r"folds.group = '\('"):
        pictures_of(config("classify", "folds.group=("))


def test_a_table(config):
    chosen = config(
        "classify", "mode=multilabel", images="images", table="labels.csv", kind="table",
        image_column="file", label_columns=["red", "green"], group_column="car",
    )  # fmt: skip
    pictures = pictures_of(chosen)
    assert pictures.classes == ("red", "green")
    assert pictures.labels.sum(1).tolist() == [1] * 16
    assert pictures.groups[:4] == ("c0", "c0", "c1", "c1")


def test_what_a_kind_needs(config):
    with pytest.raises(ParameterError, match=r"data.masks is empty: data.kind = 'masks' needs it"):
        pictures_of(config("segment", masks=None))
    with pytest.raises(ParameterError, match="has no labels for task 'segment'"):
        pictures_of(config("segment", "data.kind=folders"))
