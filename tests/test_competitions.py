"""Fetching data of packages, and the examples that begin with it, on tiny pictures made here."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from anamorph.core.errors import DataError, UnknownNameError
from anamorph.data import CocoDataset, read_mask, read_picture
from anamorph.data.fetch import SETS, FetchError, Package, cache_folder, fetch, fetching, packages
from anamorph.data.fetch.__main__ import main as command
from anamorph.data.fetch.scenes import TEST, TRAIN, starts

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SMALL = [
    "train.epochs=1",
    "train.workers=0",
    "train.batch=4",
    "model.weights=null",
    "train.device=cpu",
]


def png(array):
    return cv2.imencode(".png", array)[1].tobytes()


def noise(*shape, seed=0, kind=np.uint8):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(kind)


def wheel(path, files):
    """Write a wheel with a record of hashes."""
    lines = []
    with zipfile.ZipFile(path, "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
            digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}\n")
        out.writestr("some-1.dist-info/RECORD", "".join(lines) + "some-1.dist-info/RECORD,,\n")


def elpv_files():
    rows, files = [], {}
    for number, grade in enumerate(["0.0", "0.3333333333333333", "0.6666666666666666", "1.0"] * 4):
        for cell in (number + 1, number + 124):  # blocks 0 and 3
            name = f"images/cell{cell:04}.png"
            rows.append(f"{name}  {grade} mono")
            files[f"elpv_dataset/data/{name}"] = png(
                noise(48, 48, seed=cell) // 2 + 30 * (number % 4)
            )
    return {**files, "elpv_dataset/data/labels.csv": "\n".join(rows).encode()}


def nuclei_files():
    labels = np.zeros((40, 64), np.uint16)
    labels[10:22, 8:20], labels[5:15, 40:52] = 1, 2
    light = (labels > 0) * np.uint16(4000) + noise(40, 64, kind=np.uint16)
    pages = [*[light] * 10, *[light] * 10, *[labels] * 10, *[labels] * 10]

    def tiff(arrays):
        return cv2.imencodemulti(".tiff", arrays)[1].tobytes()

    root = "stardist/data/images/"
    return (
        {"ndev_sampledata/samples/scratch-assay-labeled-10T-2Ch.tiff": tiff(pages)},
        {f"{root}img2d.tif": tiff([light]), f"{root}mask2d.tif": tiff([labels])},
    )


def trees_files(side=450):
    boxes = [(20, 30, 60, 80), (380, 200, 430, 260), (100, 300, 150, 350)]
    inside = "".join(
        f"<object><name>Tree</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in boxes
    )
    files = {}
    for at, name in enumerate((*TRAIN, *TEST)):
        picture = noise(side, side, 3, seed=at) // 3
        for a, b, c, d in boxes:
            picture[b:d, a:c] = (40, 200, 60)
        files[f"deepforest/data/{name}.png"] = png(picture)
        files[f"deepforest/data/{name}.xml"] = f"<annotation>{inside}</annotation>".encode()
    return files


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Packages made here in place of the registry's; counts what is downloaded."""
    assay, stars = nuclei_files()
    contents = {
        "elpv-dataset": elpv_files(),
        "ndev-sampledata": assay,
        "stardist": stars,
        "deepforest": trees_files(),
    }
    asked = []
    made = dict(packages.PACKAGES)
    (tmp_path / "shop").mkdir()
    for name, files in contents.items():
        path = tmp_path / "shop" / made[name].file
        wheel(path, files)
        made[name] = replace(made[name], sha256=packages.sha256_of(path))

    def download(package, folder):
        asked.append(package.name)
        content = (tmp_path / "shop" / package.file).read_bytes()
        Path(folder, package.file).write_bytes(content)

    monkeypatch.setattr(fetching, "PACKAGES", made)
    monkeypatch.setattr(fetching, "download", download)
    monkeypatch.setenv("ANAMORPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return asked


def get(name, folder=None):
    lines = []
    return fetch(name, folder, tell=lines.append), lines


# ---------------------------------------------------------------------------- fetching


def test_pins():
    """Every set's packages are pinned, by a whole hash, and say their licence."""
    for each in SETS.values():
        for name in each.packages:
            package = packages.PACKAGES[name]
            assert len(package.sha256) == 64
            assert package.version in package.file
            assert package.license


def test_once(shop):
    folder, lines = get("elpv", "data/elpv")
    assert any("CC BY-NC-SA" in line for line in lines)
    assert get("elpv", "data/elpv") == (folder, [])
    assert get("elpv")[0] == cache_folder() / "sets" / "elpv"
    assert shop == ["elpv-dataset"]  # the third time from the cache


@pytest.mark.usefixtures("shop")
def test_damaged_is_made_again():
    folder, _ = get("nuclei")
    broken = folder / "test/masks/early_frame0.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-9])
    get("nuclei")
    assert broken.read_bytes() == whole
    broken.unlink()
    get("nuclei")
    assert broken.read_bytes() == whole
    assert sorted(p.name for p in folder.parent.iterdir()) == [
        "nuclei"
    ]  # nothing is left beside it


@pytest.mark.usefixtures("shop")
def test_other_hash_is_refused(tmp_path):
    (path,) = (tmp_path / "shop").glob("deepforest*")
    wheel(path, {**trees_files(), "more": b""})
    with pytest.raises(FetchError, match=r"deepforest-2\.1\.0.*has sha256 .*, but .* is pinned"):
        get("trees")
    assert not (cache_folder() / "sets" / "trees").exists()
    assert list((cache_folder() / "wheels").iterdir()) == []


def test_damaged_cache_is_fetched_again(shop):
    get("elpv", "one")
    (kept,) = (cache_folder() / "wheels").iterdir()
    kept.write_bytes(b"torn")
    get("elpv", "two")
    assert shop == ["elpv-dataset"] * 2


def test_never_over_other_files(shop, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="mine holds something else"):
        get("elpv", "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"
    assert shop == []


def test_record_is_checked(tmp_path):
    path = tmp_path / "some.whl"
    wheel(path, {"a/b.txt": b"true"})
    assert packages.Wheel(path).read("a/b.txt") == b"true"
    with pytest.raises(DataError, match=r"holds no a/c\.txt"):
        packages.Wheel(path).read("a/c.txt")
    with zipfile.ZipFile(path) as given:
        files = {name: given.read(name) for name in given.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for name, content in {**files, "a/b.txt": b"false"}.items():
            out.writestr(name, content)
    with pytest.raises(DataError, match="not what the package's record says"):
        packages.Wheel(path).read("a/b.txt")


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="trees"):
        fetch("tres")


def test_pip_says_why(tmp_path):
    wrong = Package("no such package", "1", "no.whl", "0" * 64, "none")
    with pytest.raises(FetchError, match="pip cannot download no such package 1: "):
        fetching.download(wrong, str(tmp_path))


@pytest.mark.usefixtures("shop")
def test_command(capsys):
    assert command(["trees", "out/trees"]) == 0
    told = capsys.readouterr()
    assert told.out == "out/trees\n"
    assert "MIT" in told.err
    assert command(["tree"]) == 2
    assert "there is no data set 'tree'" in capsys.readouterr().err


# ---------------------------------------------------------------------------- layouts


@pytest.mark.usefixtures("shop")
def test_elpv_layout():
    folder, _ = get("elpv")
    for side in ("train", "test"):
        assert sorted(p.name for p in (folder / side).iterdir()) == ["0.00", "0.33", "0.67", "1.00"]
        assert len(list((folder / side).rglob("*.png"))) == 16
    blocks = {path.name[:3] for path in (folder / "test").rglob("*.png")}
    assert blocks == {"b03"}


@pytest.mark.usefixtures("shop")
def test_nuclei_layout():
    folder, _ = get("nuclei")
    assert len(list((folder / "train" / "images").iterdir())) == 10
    picture = read_picture(folder / "test/images/late_frame7.png")
    mask = read_mask(folder / "test/masks/late_frame7.png").squeeze()
    assert picture.shape[:2] == mask.shape == (40, 32)
    assert picture.dtype == np.uint8
    assert picture.max() == 255
    assert np.unique(mask).tolist() == [0, 255]
    assert read_picture(folder / "elsewhere/images/img2d.png").shape[:2] == (40, 64)


@pytest.mark.usefixtures("shop")
def test_trees_layout():
    folder, _ = get("trees")
    train = CocoDataset(folder / "train/images", folder / "train/annotations.json")
    assert len(train) == 3 * 4  # tiles of 400 on 450 pixels
    corner = next(i for i in range(len(train)) if "SOAP_061_0050_0050" in train.sample(i)["image"])
    boxes = train.item(corner).boxes
    # The first is cut at 50, and seen by a fifth of its width and three fifths of its height: left out.
    assert boxes.tolist() == [[330, 150, 380, 210], [50, 250, 100, 300]]
    test = CocoDataset(folder / "test/images", folder / "test/annotations.json")
    assert len(test) == 1
    assert len(test.item(0).boxes) == 3


@pytest.mark.parametrize("side", [1, 399, 400, 401, 750, 751, 2299])
def test_tiles_cover(side):
    at = starts(side, 400)
    covered = np.zeros(side, bool)
    for start in at:
        covered[start : start + 400] = True
    assert covered.all()
    assert at == sorted(set(at))
    assert at[-1] == max(side - 400, 0)


# ---------------------------------------------------------------------------- examples


def example(name):
    path = EXAMPLES / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_they_are_short():
    files = sorted((EXAMPLES / "competitions").glob("*.py"))
    assert len(files) == 5
    assert all(len(path.read_text().splitlines()) < 120 for path in files)


@pytest.mark.usefixtures("shop")
def test_solar_cells(capsys):
    given = [*SMALL, "model.encoder=resnet10t", "input.size=[32,32]", "folds.group=null"]
    get("elpv", "data/elpv")
    example("competitions/solar_cells").main(*given)
    assert "views d4:" in capsys.readouterr().out
    rows = Path("out/solar_cells/submission.csv").read_text().splitlines()
    assert rows[0] == "id,0.00,0.33,0.67,1.00"
    assert len(rows) == 17


@pytest.mark.usefixtures("shop")
def test_nuclei(capsys):
    get("nuclei", "data/nuclei")
    tiny = ["model.encoder=resnet18", "input.size=[32,32]", "predict.tile=32", "folds.use=[1]"]
    example("competitions/nuclei").main(*SMALL, *tiny)
    assert "elsewhere: Dice" in capsys.readouterr().out
    assert len(Path("out/nuclei/test.csv").read_text().splitlines()) == 11
    assert Path("out/nuclei/test.png").exists()


@pytest.mark.usefixtures("shop")
def test_trees(capsys):
    get("trees", "data/trees")
    tiny = ["model.encoder=resnet10t", "input.size=[64,64]", "predict.tile=128"]
    example("competitions/trees").main(*SMALL, *tiny)
    assert "map50" in capsys.readouterr().out
    assert len(Path("out/trees/submission.csv").read_text().splitlines()) == 2


@pytest.mark.usefixtures("shop")
def test_ternaus():
    get("nuclei", "data/nuclei")
    tiny = ["model.encoder=resnet18", "input.size=[32,32]", "predict.tile=32", "train.epochs=2"]
    example("competitions/ternaus").main([*SMALL, *tiny], seeds=(0,))
    assert Path("out/ternaus/curves.png").stat().st_size < 100_000


@pytest.mark.usefixtures("shop")
def test_blend(capsys):
    get("elpv", "data/elpv")
    given = [
        *SMALL,
        "model.encoder=resnet10t",
        "input.size=[32,32]",
        "folds.group=null",
        "folds.n=2",
        "folds.use=null",
    ]
    example("competitions/blend").main(*given)
    assert "blend:" in capsys.readouterr().out
    assert json.loads(Path("out/blend/bundle/bundle.json").read_text())["task"] == "classify"


@pytest.mark.usefixtures("shop")
def test_large_picture(monkeypatch, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    module = example("large_picture")
    net = module.models.build("unet", "mobilenet_v2")
    weights = tmp_path / "weights.pth"
    torch.save(module.models.encoder_of(net).state_dict(), weights)
    trees = get("trees")[0]
    monkeypatch.setattr(module, "fetch", lambda name: trees if name == "trees" else weights)
    module.main(tmp_path / "out", steps=20)
    told = capsys.readouterr().out
    assert told.count("Dice") == 3
    assert len(list((tmp_path / "out").glob("*.png"))) == 3
