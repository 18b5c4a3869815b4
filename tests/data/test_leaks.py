"""Leaks: copies are found, others are not, and what is found becomes groups."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, ParameterError
from anamorph.data import Folds, find_leaks, make_folds, read, write_picture
from anamorph.data.folds.hashes import VIEWS, hashed, likeness, seen_as
from anamorph.data.folds.radius import ones, pairs_within
from anamorph.data.folds.report import united

ASSETS = sorted((Path(A.__file__).parent / "assets" / "images").glob("*.jpg"))


def _scene(seed):
    """A random picture of large and small structure."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((6, 7, 3)), (128, 96), interpolation=cv2.INTER_CUBIC)
    return np.clip(coarse * 200 + rng.normal(0, 8, (96, 128, 3)), 0, 255).astype(np.uint8)


def _jpeg(picture):
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)


COPIES = {
    "compressed": _jpeg,
    "halved": lambda x: cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "stretched": lambda x: cv2.resize(x, (200, 100)),
    "brighter": lambda x: np.clip(x.astype(np.float32) * 1.15 + 8, 0, 255).astype(np.uint8),
    "gray": lambda x: x.mean(axis=2).astype(np.uint8),
    "float": lambda x: (x / 255).astype(np.float32),
    "16 bits": lambda x: x.astype(np.uint16) * 257,
    "blurred": lambda x: cv2.GaussianBlur(x, (0, 0), 1.5),
    "cropped": lambda x: x[1:, 1:],
    "alpha": lambda x: np.dstack([x, np.full(x.shape[:2], 255, np.uint8)]),
}


@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_found(kind):
    items = {f"scene {seed}": _scene(seed) for seed in range(12)}
    items["copy"] = np.ascontiguousarray(COPIES[kind](_scene(7)))
    report = find_leaks(items)
    assert [(pair.first, pair.second) for pair in report.pairs] == [("scene 7", "copy")]
    assert report.pairs[0].kind == "near"


def _turned(picture, view):
    mirrored, quarters = VIEWS[view]
    return np.ascontiguousarray(np.rot90(picture[:, ::-1] if mirrored else picture, quarters))


@pytest.mark.parametrize("view", VIEWS)
def test_turned_copies_are_found_when_asked_for(view):
    items = {str(seed): _scene(seed) for seed in range(6)}
    back = {"turned by 90°": "turned by 270°", "turned by 270°": "turned by 90°"}
    items["copy"] = _turned(_scene(3), view)
    found = find_leaks(items, turned=True).pairs
    assert [(pair.first, pair.second) for pair in found] == [("3", "copy")]
    assert found[0].view == back.get(view, view)
    assert found[0].kind == ("bytes" if view == "as it is" else "near")
    if view != "as it is":
        assert find_leaks(items).pairs == ()


def test_pictures_of_the_package_are_all_different():
    report = find_leaks(ASSETS, turned=True, alike=0.9)
    assert report.pairs == ()
    assert not report.broken


def test_files(tmp_path):
    """Equal bytes, equal pixels in other files, and recompressed ones are told apart."""
    scenes = [_scene(seed) for seed in range(4)]
    for at, scene in enumerate(scenes):
        write_picture(tmp_path / f"{at}.png", scene)
    (tmp_path / "0 again.png").write_bytes((tmp_path / "0.png").read_bytes())
    write_picture(tmp_path / "1 again.bmp", scenes[1])
    write_picture(tmp_path / "2 again.jpg", scenes[2], quality=60)
    (tmp_path / "torn.png").write_bytes((tmp_path / "3.png").read_bytes()[:200])
    files = sorted(tmp_path.iterdir())
    items = {path.name: path for path in files}
    folds = Folds(tuple(items), tuple(int("again" in name) for name in items), 2)
    report = find_leaks(items, folds, workers=2)
    kinds = {(pair.first, pair.second): pair.kind for pair in report.pairs}
    assert kinds == {
        ("0 again.png", "0.png"): "bytes",
        ("1 again.bmp", "1.png"): "pixels",
        ("2 again.jpg", "2.png"): "near",
    }
    assert report.leaks == report.pairs
    assert [
        sentence.startswith("torn.png") or "torn.png" in sentence for sentence in report.broken
    ] == [True]
    assert "3 of them lie in different folds" in str(report)
    assert json.loads(report.to_json())["counts"] == {"bytes": 1, "pixels": 1, "near": 1}
    apart = make_folds(list(items), 2, groups=report.groups())
    assert find_leaks(items, apart).leaks == ()


def test_groups_join_those_that_are_known():
    items = {"a": _scene(0), "b": _scene(1), "c": _scene(0), "d": _scene(2), "e": _scene(1)}
    report = find_leaks(items)
    assert report.groups() == (0, 1, 0, 2, 1)
    assert report.groups(also=["x", "y", "z", "x", "w"]) == (0, 1, 0, 0, 1)
    with pytest.raises(DataError, match="5 ids have 2 groups"):
        report.groups(also=[1, 2])


def test_flat_pictures_are_no_copies_of_each_other():
    items = {f"flat {at}": np.full((40, 40), 20 * at, np.uint8) for at in range(4)}
    items |= {"flat again": items["flat 2"].copy(), "scene": _scene(0)}
    report = find_leaks(items)
    assert set(report.flat) == set(items) - {"scene"}
    assert [(pair.first, pair.second, pair.kind) for pair in report.pairs] == [
        ("flat 2", "flat again", "bytes")
    ]


def test_a_crowd_of_one_picture_is_one_group():
    scene = _scene(0)
    items = {
        str(at): np.clip(scene.astype(int) + at % 3, 0, 255).astype(np.uint8) for at in range(150)
    }
    report = find_leaks(items)
    assert set(report.groups()) == {0}
    assert len(report.pairs) < 2000


def test_pictures_that_are_all_alike_are_told(monkeypatch):
    items = {
        str(at): np.clip(_scene(0).astype(int) + at, 0, 255).astype(np.uint8) for at in range(20)
    }
    monkeypatch.setattr("anamorph.data.folds.leaks._PAIRS", 50)
    with pytest.raises(DataError, match="190 pairs of pictures look alike: a greater alike"):
        find_leaks(items)
    monkeypatch.setattr("anamorph.data.folds.radius._FOUND", 1)
    with pytest.raises(DataError, match="more than 1 pairs of hashes"):
        find_leaks(items)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2), (33, 31)])
def test_small_pictures(size):
    rng = np.random.default_rng(0)
    items = {"a": rng.integers(0, 256, (*size, 3), np.uint8)}
    items |= {"b": items["a"].copy()}
    assert [pair.kind for pair in find_leaks(items).pairs] == ["bytes"]


def test_refuses():
    with pytest.raises(ParameterError, match="radius = 12"):
        find_leaks({}, radius=12)
    with pytest.raises(DataError, match="twice"):
        find_leaks(["a.png", "a.png"])
    with pytest.raises(DataError, match="in no fold"):
        find_leaks({"x": _scene(0)}, Folds(("a", "b"), (0, 1), 2))
    assert find_leaks({}).pairs == ()
    assert find_leaks(["none.png"]).broken == (
        "none.png cannot be read: no such file or directory",
    )


# ------------------------------------------------------------------------------- hashes


def test_hashes_of_turned_likenesses_are_those_of_turned_pictures():
    scene = _scene(5)[:96, :96]
    for view in VIEWS:
        small = likeness(np.ascontiguousarray(_turned(scene, view))).gray
        assert np.abs(seen_as(likeness(scene).gray[None], view)[0].astype(int) - small).max() <= 1


def test_half_of_the_bits_are_set():
    grays = np.stack([likeness(_scene(seed)).gray for seed in range(40)])
    assert np.array([int(code).bit_count() for code in hashed(grays)]).mean() == 32


def test_bits_are_counted():
    words = np.random.default_rng(0).integers(0, 2**64, 500, dtype=np.uint64)
    words[:2] = 0, 2**64 - 1
    assert ones(words).tolist() == [int(word).bit_count() for word in words]


@pytest.mark.parametrize("radius", [0, 1, 3, 4, 7, 9, 11])
def test_pairs_are_those_of_comparing_all_with_all(radius):
    rng = np.random.default_rng(radius)
    known = rng.integers(0, 2**64, 120, dtype=np.uint64)
    queries = known[rng.integers(0, 120, 150)].copy()
    for at in range(150):
        for bit in rng.choice(64, rng.integers(0, 14), replace=False).tolist():
            queries[at] ^= np.uint64(1 << bit)
    left, right = pairs_within(queries, known, radius)
    found = set(zip(left.tolist(), right.tolist(), strict=True))
    wanted = {
        (a, b)
        for a, query in enumerate(queries.tolist())
        for b, code in enumerate(known.tolist())
        if (query ^ code).bit_count() <= radius
    }
    assert found == wanted
    assert len(found) == len(left)


def test_united():
    assert united(5, [(3, 1), (4, 3)]) == (0, 1, 2, 1, 1)
    assert united(0, []) == ()


def test_reading_of_a_file_is_that_of_its_pixels(tmp_path):
    write_picture(tmp_path / "a.png", _scene(1))
    assert np.array_equal(
        likeness(tmp_path / "a.png").gray, likeness(read(tmp_path / "a.png")).gray
    )
