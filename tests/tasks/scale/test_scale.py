"""The same files as the local commands write, from wherever either stopped; nothing bad ends it."""

import importlib
import shutil
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph import tasks
from anamorph.cli.app import app
from anamorph.core.errors import DataError, MissingFileError
from anamorph.tasks.board import Board
from anamorph.tasks.scale import Local, Ray, Summary, augment, predict
from anamorph.tasks.scale import engine as engines

HERE = Local(files=8)  # two batches of a model: rounding is the same then


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.fixture
def images(data, tmp_path):
    return shutil.copytree(data / "images", tmp_path / "images")


@pytest.mark.parametrize("name", ["classify", "segment", "detect"])
def test_predictions_are_those_of_the_local_command(bundle, images, tmp_path, name):
    made = bundle(name)
    tasks.predict(made, images, tmp_path / "local", device="cpu")
    told = predict(made, images, tmp_path / "scaled", engine=HERE, device="cpu")
    assert told == Summary(16, 0, {})
    assert content(tmp_path / "scaled") == content(tmp_path / "local")


def test_predicting_goes_on(bundle, images, tmp_path):
    made, out = bundle("segment"), tmp_path / "out"
    names = sorted(images.iterdir())
    assert predict(made, names[:6], out, engine=HERE, device="cpu").done == 6
    assert predict(made, names, out, engine=HERE, device="cpu") == Summary(10, 6, {})
    names[0].touch()
    changed = predict(made, names, out, engine=HERE, device="cpu")
    assert (changed.done, changed.before) == (1, 15)
    seen = []

    class Told(Board):
        def seen(self, done, total):
            seen.append((done, total))

    tasks.predict(made, names, out, device="cpu", board=Told())
    assert seen == []  # the local command finds all of it done
    with pytest.raises(DataError, match="other settings"):
        predict(made, names, out, engine=HERE, device="cpu", tta="hflip")


def test_a_bad_picture_costs_itself(bundle, images, tmp_path):
    (images / "03.png").write_bytes(b"no picture")
    (images / "05.png").write_bytes(b"")
    out = tmp_path / "out"
    told = predict(bundle("classify"), images, out, engine=HERE, device="cpu")
    assert told.done == 14
    assert sorted(told.failed) == ["03.png", "05.png"]
    assert len((out / "predictions.csv").read_text().splitlines()) == 15
    again = predict(bundle("classify"), images, out, engine=HERE, device="cpu")
    assert (again.done, again.before, len(again.failed)) == (0, 14, 2)


def test_whatever_a_picture_raises(bundle, images, tmp_path, monkeypatch):
    from anamorph.tasks.predictor import Predictor

    over = Predictor.over

    def stumbling(self, paths, **options):
        for row in over(self, paths, **options):
            if row.file.endswith("07.png"):
                raise MemoryError("too large")
            yield row

    monkeypatch.setattr(Predictor, "over", stumbling)
    told = predict(bundle("classify"), images, tmp_path / "out", engine=HERE, device="cpu")
    assert told.done == 15
    assert told.failed == {"07.png": "07.png: MemoryError: too large"}


def test_what_is_lost_is_told(bundle, images, tmp_path):
    class Losing:
        def over(self, make, given, entries):
            yield from Local().over(make, given, entries[:-2])

    made, out = bundle("classify"), tmp_path / "out"
    told = predict(made, images, out, engine=Losing(), device="cpu")
    assert told == Summary(14, 0, {"14.png": engines.DIED, "15.png": engines.DIED})
    assert predict(made, images, out, engine=HERE, device="cpu") == Summary(2, 14, {})
    assert len((out / "predictions.csv").read_text().splitlines()) == 17


LINE = "HorizontalFlip(p=0.5) | Rotate(limit=30)"


def local_augment(images, out, *more):
    call = ["augment", LINE, "--images", str(images), "--out", str(out), "--seed", "3", *more]
    return CliRunner().invoke(app, call)


@pytest.mark.parametrize("masks", [False, True])
def test_variants_are_those_of_the_local_command(data, images, tmp_path, masks):
    more = ["--masks", str(data / "masks")] if masks else []
    assert local_augment(images, tmp_path / "local", "--copies", "2", *more).exit_code == 0
    places = {"masks": data / "masks"} if masks else {}
    told = augment(LINE, images, tmp_path / "out", copies=2, seed=3, engine=HERE, **places)
    assert told == Summary(16, 0, {})
    assert content(tmp_path / "out") == content(tmp_path / "local")
    again = augment(LINE, images, tmp_path / "out", copies=2, seed=3, engine=HERE, **places)
    assert again == Summary(0, 16, {})
    assert content(tmp_path / "out") == content(tmp_path / "local")


def test_augmenting_goes_on_with_what_changed(images, tmp_path):
    out = tmp_path / "out"
    augment(LINE, images, out, seed=3, engine=HERE)
    shutil.copyfile(images / "01.png", images / "02.png")
    (images / "04.png").unlink()
    (images / "06.png").write_bytes(b"no picture")
    next((out / "images").glob("08*")).unlink()
    told = augment(LINE, images, out, seed=3, engine=HERE)
    assert (told.done, told.before, list(told.failed)) == (2, 12, ["06.png"])
    assert local_augment(images, tmp_path / "local").exit_code == 1
    assert content(out) == content(tmp_path / "local")
    with pytest.raises(DataError, match="seed"):
        augment(LINE, images, out, seed=4, engine=HERE)


def test_a_picture_without_a_mask_is_told_at_once(images, tmp_path):
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="no mask"):
        augment(LINE, images, tmp_path / "out", masks=tmp_path / "masks", engine=HERE)
    assert not (tmp_path / "out").exists()


def test_without_ray(images, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingFileError, match=r"anamorph\[ray\]"):
        augment(LINE, images, tmp_path / "out")


# ---------------------------------------------------------------------------- Ray

RAY = Ray(workers=1, files=8)
quiet = pytest.mark.filterwarnings(
    # Ray's own: sockets that it leaves to the collector, options that it is about to rename.
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)  # fmt: skip


@quiet
@pytest.mark.usefixtures("cluster")
def test_a_cluster_writes_the_same(bundle, images, tmp_path):
    made = bundle("segment")
    (images / "03.png").write_bytes(b"no picture")
    here = predict(made, images, tmp_path / "here", engine=HERE, device="cpu")
    there = predict(made, images, tmp_path / "there", engine=RAY, device="cpu")
    assert there == here
    assert there.done == 15
    assert content(tmp_path / "there") == content(tmp_path / "here")
    again = predict(made, images, tmp_path / "there", engine=RAY, device="cpu")
    assert (again.done, again.before) == (0, 15)
    augment(LINE, images, tmp_path / "mine", seed=3, engine=HERE)
    told = augment(LINE, images, tmp_path / "theirs", seed=3, engine=RAY)
    assert (told.done, list(told.failed)) == (15, ["03.png"])
    assert content(tmp_path / "theirs") == content(tmp_path / "mine")


@quiet
@pytest.mark.usefixtures("cluster")
def test_a_process_that_dies_costs_its_batch(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    make = importlib.import_module("dying").Dying
    entries = [{"number": at} for at in range(12)]
    found = sorted(told["number"] for told in Ray(workers=1, files=4).over(make, (), entries))
    assert found == list(range(8))


def test_ray_does_not_take_the_signals_of_this_process():
    before = signal.getsignal(signal.SIGTERM)
    with engines.own_signals():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) == before
