from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from anamorph.data import read_annotations, read_mask, read_picture, write_picture

LINE = "HorizontalFlip(p=0.5) | Affine(rotate=(-20, 20), p=1) | GaussNoise(p=0.8)"
FLIP = "HorizontalFlip(p=1)"


def all_of(data, form="coco"):
    return [
        "--images", data.images, "--masks", data.masks, "--annotations", getattr(data, form),
    ]  # fmt: skip


def test_pictures_masks_and_coco(data, anamorph_run, coco_of):
    out = data.root / "out"
    told = anamorph_run("augment", FLIP, *all_of(data), "--out", out, "--copies", 2)
    assert told.status == 0
    assert "6 variants of 3 pictures" in told.out
    source = read_picture(data.images / "a.png")
    assert np.array_equal(read_picture(out / "images/a-0.png"), source[:, ::-1])
    assert np.array_equal(
        read_mask(out / "masks/sub/c-1.png"), read_mask(data.masks / "sub/c.png")[:, ::-1]
    )
    coco = coco_of(out)
    names = [image["file_name"] for image in coco["images"]]
    assert names == [
        "a-0.png", "a-1.png", "b-0.jpg", "b-1.jpg", "sub/c-0.png", "sub/c-1.png",
    ]  # fmt: skip
    face, thing = coco["annotations"][:2]
    assert face["bbox"] == [20, 10, 24, 20]
    assert sorted(zip(*[iter(face["segmentation"][0])] * 2, strict=True)) == [
        (20, 10), (20, 30), (44, 10), (44, 30),
    ]  # fmt: skip
    assert face["area"] == 480
    # Seen in a mirror, what was the left eye lies where the right one was.
    assert face["keypoints"] == [31, 22, 2, 37, 15, 1, 25, 15, 2]
    assert thing["bbox"] == [49, 30, 10, 10]
    assert thing["iscrowd"] == 1
    again = read_annotations(out / "annotations.json").record("a-0.png", (48, 64))
    blob = again.objects[1].segmentation.mask((48, 64))
    assert blob[30:40, 49:59].all()
    assert blob.sum() == 100


@pytest.mark.parametrize("form", ["yolo", "voc"])
def test_boxes_of_other_formats(data, anamorph_run, form):
    out = data.root / "out"
    told = anamorph_run("augment", FLIP, *all_of(data, form), "--out", out)
    assert told.status == 0
    again = read_annotations(out, form)
    for name in ("a-0.png", "b-0.jpg", "sub/c-0.png"):
        boxes = {thing.category: thing.box for thing in again.record(name, (48, 64)).objects}
        assert boxes["face"] == pytest.approx((20, 10, 44, 30))
        assert boxes["thing"] == pytest.approx((49, 30, 59, 40))


@pytest.mark.parametrize("form", ["coco", "yolo", "voc"])
def test_any_number_of_workers_gives_the_same_bytes(data, anamorph_run, tree, form):
    trees = []
    for workers in (0, 1, 2):
        out = data.root / f"out{workers}"
        options = ["--out", out, "--copies", 2, "--seed", 5, "--workers", workers]
        assert anamorph_run("augment", LINE, *all_of(data, form), *options).status == 0
        trees.append(tree(out))
    assert trees[0] == trees[1] == trees[2]
    assert not any(name.endswith((".part", ".jsonl")) for name in trees[0])


def test_the_seed_decides(data, anamorph_run, tree):
    trees = []
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        out = data.root / name
        anamorph_run("augment", LINE, "--images", data.images, "--out", out, "--seed", seed)
        trees.append(tree(out / "images"))
    assert trees[0] == trees[1]
    assert trees[0] != trees[2]


def test_copies_differ(data, anamorph_run, tree):
    out = data.root / "out"
    anamorph_run("augment", LINE, "--images", data.images, "--out", out, "--copies", 11)
    found = tree(out / "images")
    assert len({found[f"a-{copy:02}.png"] for copy in range(11)}) == 11


def test_a_picture_does_not_depend_on_its_neighbours(data, anamorph_run):
    anamorph_run("augment", LINE, "--images", data.images, "--out", data.root / "all")
    (data.images / "a.png").unlink()
    anamorph_run("augment", LINE, "--images", data.images, "--out", data.root / "two")
    for name in ("b-0.jpg", "sub/c-0.png"):
        both = [(data.root / out / "images" / name).read_bytes() for out in ("all", "two")]
        assert both[0] == both[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_corrupt_pictures_are_named_skipped_and_counted(data, anamorph_run, coco_of, workers):
    whole = (data.images / "a.png").read_bytes()
    (data.images / "a.png").write_bytes(whole[: len(whole) // 2])
    (data.images / "empty.png").touch()
    (data.masks / "empty.png").touch()
    out = data.root / "out"
    told = anamorph_run("augment", FLIP, *all_of(data), "--out", out, "--workers", workers)
    assert told.status == 1
    assert "skipped: a.png is truncated" in told.err
    assert "skipped: empty.png is empty" in told.err
    assert "2 of 4 pictures were skipped" in told.err
    assert "2 variants of 2 pictures" in told.out
    assert [image["file_name"] for image in coco_of(out)["images"]] == ["b-0.jpg", "sub/c-0.png"]
    (data.images / "a.png").write_bytes(whole)
    (data.images / "empty.png").unlink()
    told = anamorph_run("augment", FLIP, *all_of(data), "--out", out, "--workers", workers)
    assert told.status == 0
    assert len(coco_of(out)["images"]) == 3


def test_bad_annotations_of_one_picture_concern_no_other(data, anamorph_run):
    (data.yolo / "labels/a.txt").write_text("0 0.5 0.5 0.2\n")
    told = anamorph_run("augment", FLIP, *all_of(data, "yolo"), "--out", data.root / "out")
    assert told.status == 1
    assert "a.txt, line 1 has 4 values" in told.err
    assert "2 variants of 2 pictures" in told.out


def test_annotated_pictures_that_are_not_there(data, anamorph_run):
    (data.images / "b.jpg").unlink()
    told = anamorph_run("augment", FLIP, *all_of(data), "--out", data.root / "out")
    assert told.status == 1
    assert "though annotated: b.jpg" in told.err


def command(*words):
    return [sys.executable, "-m", "anamorph.cli", *map(str, words)]


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_continues_to_the_same_bytes(data, anamorph_run, tree, workers):
    for at in range(12):
        write_picture(data.images / f"more{at}.png", read_picture(data.images / "a.png"))
    words = ["augment", LINE, "--images", data.images, "--annotations", data.coco]
    words += ["--copies", 8, "--seed", 3]
    whole, killed = data.root / "whole", data.root / "killed"
    anamorph_run(*words, "--out", whole)
    started = [*words, "--out", killed, "--workers", workers]
    process = subprocess.Popen(command(*started), env=environment(), stderr=subprocess.DEVNULL)
    journal = killed / ".anamorph.jsonl"
    end = time.monotonic() + 60
    while not (journal.is_file() and journal.read_bytes().count(b"\n") > 2):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "anamorph.json").exists()
    with journal.open("ab") as stream:
        stream.write(b'{"name": "half a li')
    (killed / "images/.0123.part").write_bytes(b"half")
    before = {path: path.stat().st_mtime_ns for path in (killed / "images").glob("a-*.png")}
    told = anamorph_run(*started)
    assert told.status == 0
    assert tree(killed) == tree(whole)
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())


def test_ctrl_c_ends_clean_and_continues(data, anamorph_run, tree):
    for at in range(20):
        write_picture(data.images / f"more{at}.png", read_picture(data.images / "a.png"))
    words = ["augment", LINE, "--images", data.images, "--copies", 8]
    out = data.root / "stopped"
    process = subprocess.Popen(
        command(*words, "--out", out, "--workers", 2),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    journal = out / ".anamorph.jsonl"
    while not (journal.is_file() and journal.read_bytes().count(b"\n") > 1):
        assert process.poll() is None
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "the same command continues from there" in err
    assert "Traceback" not in err
    assert anamorph_run(*words, "--out", out).status == 0
    anamorph_run(*words, "--out", data.root / "whole")
    assert tree(out) == tree(data.root / "whole")


def test_a_finished_run_is_not_done_again(data, anamorph_run, tree):
    words = ["augment", LINE, *all_of(data), "--out", data.root / "out"]
    anamorph_run(*words)
    times = {path: path.stat().st_mtime_ns for path in (data.root / "out/images").rglob("*.png")}
    before = tree(data.root / "out")
    assert anamorph_run(*words).status == 0
    assert tree(data.root / "out") == before
    assert all(path.stat().st_mtime_ns == changed for path, changed in times.items())


def test_changed_and_removed_pictures_are_followed(data, anamorph_run, tree):
    words = ["augment", LINE, "--images", data.images]
    anamorph_run(*words, "--out", data.root / "out")
    (data.images / "a.png").unlink()
    write_picture(data.images / "b.jpg", read_picture(data.images / "sub/c.png"))
    anamorph_run(*words, "--out", data.root / "out")
    anamorph_run(*words, "--out", data.root / "fresh")
    assert tree(data.root / "out") == tree(data.root / "fresh")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (["--seed", 9], "holds a run with seed = 0, not 9"),
        (["--copies", 2], "copies = 1, not 2"),
        (["--quality", 50], "quality = 95, not 50"),
        (["--format", "png"], "format = None, not .png"),
    ],
)
def test_runs_are_not_mixed(data, anamorph_run, tree, changes, reason):
    words = ["augment", FLIP, "--images", data.images, "--out", data.root / "out"]
    anamorph_run(*words)
    before = tree(data.root / "out")
    told = anamorph_run(*words, *changes)
    assert told.status == 2
    assert reason in told.err
    assert tree(data.root / "out") == before
    told = anamorph_run(*words, *changes, "--overwrite")
    assert told.status == 0
    assert anamorph_run("augment", LINE, *words[2:], *changes).status == 2


def test_format_and_quality(data, anamorph_run):
    words = ["augment", FLIP, "--images", data.images, "--out", data.root / "out"]
    assert anamorph_run(*words, "--format", "jpg", "--quality", 60).status == 0
    assert sorted(p.name for p in (data.root / "out/images").rglob("*.*")) == [
        "a-0.jpg", "b-0.jpg", "c-0.jpg",
    ]  # fmt: skip


def test_sixteen_bits_stay(data, anamorph_run):
    deep = (np.arange(48 * 64).reshape(48, 64) * 20).astype(np.uint16)
    write_picture(data.images / "deep.png", deep)
    anamorph_run("augment", FLIP, "--images", data.images, "--out", data.root / "out")
    assert np.array_equal(read_picture(data.root / "out/images/deep-0.png"), deep[:, ::-1])


def test_what_a_file_cannot_hold_is_said(data, anamorph_run):
    words = ["--images", data.images, "--out", data.root / "out"]
    told = anamorph_run("augment", "Normalize()", *words)
    assert told.status == 1
    assert "leave Normalize, ToFloat and ToTensorV2 to the training" in " ".join(told.err.split())
    assert not list((data.root / "out").rglob("*.png"))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["NoSuch()", "--images", "images", "--out", "out"], "no transform NoSuch"),
        (["Rotate(limt=3)", "--images", "images", "--out", "out"], "did you mean limit"),
        ([FLIP, "--images", "none", "--out", "out"], "is no folder"),
        ([FLIP, "--images", "images", "--out", "images/out"], "lies in --images"),
        ([FLIP, "--images", "images", "--out", "masks"], "is not empty"),
        ([FLIP, "--images", "images", "--out", "out", "--masks", "voc"], "has no mask for"),
        ([FLIP, "--images", "images", "--out", "out", "--annotations", "x"], "does not exist"),
        ([FLIP, "--images", "images", "--out", "out", "--format", "gif"], "are not written as"),
        ([FLIP, "--images", "images"], "--out"),
        ([FLIP, "--images", "images", "--out", "out", "--copies", "0"], "--copies"),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(
    data, anamorph_run, monkeypatch, words, reason
):
    monkeypatch.chdir(data.root)
    told = anamorph_run("augment", *words)
    assert told.status == 2
    assert reason in " ".join(told.err.split())
    assert not (data.root / "out").exists()


OWN = """
import os
import anamorph as A


class Brighter(A.ImageOnlyTransform):
    def apply(self, img, **params):
        return img // 2 + 100


class Fatal(A.ImageOnlyTransform):
    def apply(self, img, **params):
        os.kill(os.getpid(), 9)


class Picky(A.ImageOnlyTransform):
    def apply(self, img, **params):
        raise ZeroDivisionError("no such luck")


pipeline = [A.HorizontalFlip(p=1), Brighter(p=1)]
fatal = [Fatal(p=1)]
picky = [Picky(p=1)]
"""


@pytest.fixture
def own(data, monkeypatch):
    (data.root / "own_transforms_for_test.py").write_text(OWN)
    monkeypatch.chdir(data.root)
    return data


@pytest.mark.parametrize("workers", [0, 1])
def test_users_own_transforms(own, anamorph_run, workers):
    words = ["--images", own.images, "--out", own.root / "out", "--workers", workers]
    assert anamorph_run("augment", "own_transforms_for_test:pipeline", *words).status == 0
    wanted = read_picture(own.images / "a.png")[:, ::-1] // 2 + 100
    assert np.array_equal(read_picture(own.root / "out/images/a-0.png"), wanted)


def test_a_users_mistake_is_named_for_each_picture(own, anamorph_run):
    words = ["--images", own.images, "--out", own.root / "out"]
    told = anamorph_run("augment", "own_transforms_for_test:picky", *words)
    assert told.status == 1
    assert "skipped: a.png: ZeroDivisionError: no such luck" in told.err
    assert "3 of 3 pictures were skipped" in told.err


def test_a_worker_that_dies_ends_the_run_with_a_sentence(own, anamorph_run):
    words = ["--images", own.images, "--out", own.root / "out", "--workers", 1]
    told = anamorph_run("augment", "own_transforms_for_test:fatal", *words)
    assert told.status == 1
    assert "a worker process died" in told.err
    assert "the same command continues from there" in told.err


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_record_of_a_run_is_said(data, anamorph_run, content):
    words = ["augment", FLIP, "--images", data.images, "--out", data.root / "out"]
    anamorph_run(*words)
    (data.root / "out/anamorph.json").write_bytes(content)
    told = anamorph_run(*words)
    assert told.status == 2
    assert "anamorph.json is damaged" in told.err


def test_no_pictures_and_no_folder_are_said(data, anamorph_run):
    (data.root / "empty").mkdir()
    (data.root / "file").touch()
    told = anamorph_run("augment", FLIP, "--images", data.root / "empty", "--out", data.root / "o")
    assert told.status == 2
    assert "holds no pictures" in told.err
    told = anamorph_run("augment", FLIP, "--images", data.images, "--out", data.root / "file")
    assert told.status == 2
    assert "is no folder" in told.err


def test_floats_are_written_as_tiff_if_asked(data, anamorph_run):
    words = ["--images", data.images, "--out", data.root / "out", "--format", "tiff"]
    assert anamorph_run("augment", "ToFloat()", *words).status == 0
    assert read_picture(data.root / "out/images/a-0.tiff").dtype == np.float32
