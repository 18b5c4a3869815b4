"""What every dataset owes: one table, one test over it."""

from __future__ import annotations

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import (
    AnamorphError,
    DataError,
    ParameterError,
    ParameterTypeError,
)
from anamorph.data import (
    Category,
    ClassFolders,
    CocoDataset,
    Dataset,
    MaskFolders,
    Object,
    Record,
    TableDataset,
    VocDataset,
    YoloDataset,
    worker_init,
    write_annotations,
    write_mask,
    write_picture,
)
from anamorph.data import datasets as face

SIZE = (24, 36)
BOXES = A.BboxParams("pascal_voc", label_fields=["labels"])


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Six pictures in two folders, with masks and annotations of every format."""
    root = tmp_path_factory.mktemp("data")
    names = [f"{kind}/{at}.png" for kind in ("cat", "dog") for at in range(3)]
    records = []
    for at, name in enumerate(names):
        write_picture(root / "images" / name, picture(at))
        write_mask(root / "masks" / name, np.full(SIZE, at, np.uint8))
        things = [Object("dog", (2, 3, 12, 13)), Object("cat", (10, 4, 30, 20))][: at % 3]
        records.append(Record(name, SIZE, tuple(things)))
    categories = [Category(1, "cat"), Category(7, "dog")]
    for form in ("coco", "voc", "yolo"):
        write_annotations(root / form, records, categories, form)
    lines = [f"{name},{name},{at % 2}" for at, name in enumerate(names)]
    (root / "table.csv").write_text("\n".join(["image,mask,kind", *lines]))
    return root


def _coco(root, pipeline=None, **options):
    return CocoDataset(root / "images", root / "coco/annotations.json", pipeline, **options)


def _table(root, pipeline=None, **options):
    places = {"root": root / "images", "mask_root": root / "masks"}
    columns = {"mask": "mask", "labels": ["kind"]}
    return TableDataset(root / "table.csv", pipeline, **columns, **places, **options)


def _beside(kind, folder):
    return lambda root, *given, **options: kind(root / "images", root / folder, *given, **options)


MAKERS = {
    ClassFolders: lambda root, *given, **options: ClassFolders(root / "images", *given, **options),
    MaskFolders: _beside(MaskFolders, "masks"),
    CocoDataset: _coco,
    VocDataset: _beside(VocDataset, "voc"),
    YoloDataset: _beside(YoloDataset, "yolo"),
    TableDataset: _table,
    face.Subset: lambda root, *given, **options: _coco(root, *given, **options).subset(range(6)),
}

each = pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)


def pipeline(**options):
    steps = [A.RandomCrop(16, 16), A.HorizontalFlip(p=0.5), A.RandomBrightnessContrast(p=1)]
    return A.Compose(steps, bbox_params=BOXES, seed=4, **options)


def equal(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def test_the_table_is_whole():
    public = [getattr(face, name) for name in face.__all__]
    kinds = {kind for kind in public if isinstance(kind, type) and issubclass(kind, Dataset)}
    assert kinds - {Dataset, face.AnnotatedDataset} == set(MAKERS)


@each
def test_a_sample_is_decoded(kind, place):
    """Without a pipeline pictures and masks are arrays; the raw sample has paths."""
    found = MAKERS[kind](place)
    assert len(found) == 6
    raw, sample = found.sample(4), found[4]
    assert isinstance(raw["image"], str)
    assert raw["image"].endswith("dog/1.png")
    assert np.array_equal(sample["image"], picture(4))
    if "mask" in sample:
        assert np.array_equal(sample["mask"], np.full(SIZE, 4))
    assert sample.keys() == raw.keys()


@each
def test_it_is_keyed_by_epoch_and_number(kind, place):
    found = MAKERS[kind](place, pipeline())
    first = [found[at] for at in range(len(found))]
    assert all(equal(found[at], first[at]) for at in reversed(range(len(found))))
    assert equal(found.load(3, 0), first[3])
    found.set_epoch(1)
    assert found.epoch == 1
    assert not any(equal(found[at], first[at]) for at in range(len(found)))
    assert equal(found.load(3, 0), first[3])
    found.set_epoch(0)
    assert all(map(equal, found, first))


@each
def test_the_key_is_epoch_and_number(kind, place):
    drawn = pipeline()
    found = MAKERS[kind](place, drawn)
    for epoch, at in ((0, 0), (0, 3), (2, 3)):
        given = found.sample(at)
        assert equal(found.load(at, epoch), drawn.keyed(epoch, at)(**given))


@each
def test_it_pickles(kind, place):
    found = MAKERS[kind](place, pipeline())
    found.set_epoch(2)
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert again.epoch == 2
        assert repr(again) == repr(found)
        assert again.classes == found.classes
        assert all(map(equal, again, found))
        again.set_epoch(3)
        assert found.epoch == 2


@each
def test_numbers_of_samples(kind, place):
    found = MAKERS[kind](place)
    assert equal(found[-1], found[5])
    assert equal(found[np.int64(2)], found[2])
    for index in (6, -7):
        with pytest.raises(IndexError, match=rf"sample {index}: there are 6"):
            found[index]
    with pytest.raises(ParameterTypeError, match="whole number"):
        found["1"]
    assert len(list(found)) == 6


@each
def test_results_go_into_slots(kind, place):
    steps = [A.RandomCrop(16, 16), A.HorizontalFlip()]
    found = MAKERS[kind](place, A.Compose(steps, bbox_params=BOXES, seed=1))
    slot = np.zeros((16, 16, 3), np.uint8)
    sample = found.load(2, 5, out={"image": slot})
    assert np.shares_memory(sample["image"], slot)
    assert np.array_equal(slot, found.load(2, 5)["image"])


@each
def test_slots_without_a_pipeline(kind, place):
    found = MAKERS[kind](place)
    slot = np.zeros((*SIZE, 3), np.uint8)
    sample = found.load(1, 0, out={"image": slot})
    assert sample["image"] is slot
    assert np.array_equal(slot, picture(1))
    with pytest.raises(DataError, match=r"out\['image'\] is 3×3×3 uint8, but the sample is 24×36"):
        found.load(1, 0, out={"image": np.zeros((3, 3, 3), np.uint8)})
    with pytest.raises(ParameterError, match="out has 'pic', which the sample lacks"):
        found.load(1, 0, out={"pic": slot})


@each
def test_a_strict_pipeline_gets_what_it_knows(kind, place):
    """And the result has the rest all the same."""
    loose, strict = (MAKERS[kind](place, pipeline(strict=s)) for s in (False, True))
    assert all(map(equal, loose, strict))


@each
def test_a_pipeline_is_wanted(kind, place):
    with pytest.raises(ParameterTypeError, match="pipeline is a HorizontalFlip: a Compose"):
        MAKERS[kind](place, A.HorizontalFlip())


@each
def test_epochs_are_checked(kind, place):
    found = MAKERS[kind](place)
    with pytest.raises(ParameterError, match="epoch = -1"):
        found.set_epoch(-1)
    with pytest.raises(ParameterTypeError, match=r"epoch = 1\.5"):
        found.load(0, 1.5)


@each
def test_subsets_keep_keys(kind, place):
    whole = MAKERS[kind](place, pipeline())
    part = whole.subset([4, -1, 0])
    assert len(part) == 3
    assert all(map(equal, part, [whole[4], whole[5], whole[0]]))
    assert equal(part.subset([1])[0], whole[5])
    assert part.classes == whole.classes
    with pytest.raises(IndexError):
        whole.subset([6])


@each
def test_subsets_have_a_pipeline_of_their_own(kind, place):
    whole = MAKERS[kind](place, pipeline())
    plain = whole.subset(range(6), A.Compose([], bbox_params=BOXES))
    assert plain[3]["image"].shape == (*SIZE, 3)
    assert whole[3]["image"].shape == (16, 16, 3)


@each
def test_a_reader_of_ones_own(kind, place):
    flip = A.Compose([A.HorizontalFlip(p=1)], bbox_params=BOXES)
    found = MAKERS[kind](place, flip, reader=_five_bands)
    assert found[0]["image"].shape == (*SIZE, 5)


def _five_bands(path):
    assert isinstance(path, str)
    return np.zeros((*SIZE, 5), np.uint16)


@each
def test_errors_name_the_sample(kind, place):
    found = MAKERS[kind](place, pipeline(), reader=_broken)
    with pytest.raises(AnamorphError) as caught:
        found[1]
    (note,) = caught.value.__notes__
    assert note.startswith("sample 1 of ")
    assert note.endswith("cat/1.png")


def _broken(path):
    raise DataError(f"nothing in {path}")


def _epoch_and_pixels(found, begin, queue):
    for _ in range(2):
        begin.acquire()
        queue.put((found.epoch, int(found[1]["image"].sum())))


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_running_workers_see_the_epoch(way, place):
    context = multiprocessing.get_context(way)
    begin, queue = context.Semaphore(0), context.Queue()
    found = MAKERS[ClassFolders](place, pipeline())
    process = context.Process(target=_epoch_and_pixels, args=(found, begin, queue))
    process.start()
    for epoch in (0, 5):
        found.set_epoch(epoch)
        begin.release()
        assert queue.get(timeout=60) == (epoch, int(found[1]["image"].sum()))
    process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_torch_loader(workers, place):
    from torch.utils.data import DataLoader

    found = MAKERS[ClassFolders](place, A.Compose([A.RandomCrop(16, 16)], seed=4))
    loader = DataLoader(found, 4, num_workers=workers, worker_init_fn=worker_init)
    batches = list(loader)
    assert [tuple(batch["image"].shape) for batch in batches] == [(4, 16, 16, 3), (2, 16, 16, 3)]
    pictures = [image for batch in batches for image in batch["image"].numpy()]
    assert all(np.array_equal(a, b["image"]) for a, b in zip(pictures, found, strict=True))
    assert [label for batch in batches for label in batch["label"].tolist()] == [0, 0, 0, 1, 1, 1]


def test_worker_init_leaves_one_thread():
    import cv2

    worker_init(3)
    assert cv2.getNumThreads() == 1
