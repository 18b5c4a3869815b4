"""The index: never more than the folders are, whoever writes, whoever dies."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from anamorph.ledger import Ledger, RunBusyError
from anamorph.ledger.database import journal_of
from anamorph.ledger.index import Index


def dump(ledger):
    return Index(ledger.root).dump()


def python(code, *words, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}, **options,
    )  # fmt: skip


def test_filters_and_order(ledger, trained):
    runs = [
        trained(ledger, 0.7, tags=["a"]),
        trained(ledger, 0.9, tags=["a", "b"]),
        trained(ledger, 0.8),
        trained(ledger, 0.4, task="detect"),
    ]
    bare = ledger.start("segment", {})
    names = [run.id for run in runs]

    def ids(**options):
        return [row.id for row in ledger.runs(**options)]

    assert ids() == [*names, bare.id]
    assert ids(sort="-created") == [bare.id, *reversed(names)]
    assert ids(tags=["a"]) == names[:2]
    assert ids(tags=["a", "b"]) == names[1:2]
    assert ids(task="detect") == names[3:]
    assert ids(status="running") == [bare.id]
    assert ids(metric="iou") == names
    assert ids(sort="score") == [names[1], names[2], names[0], names[3], bare.id]
    assert ids(sort="dice") == [names[3], names[0], names[2], names[1], bare.id]
    assert ids(sort="-dice", limit=1) == names[1:2]
    assert ids(task="none") == []


def test_what_is_better_small_comes_first(ledger, trained):
    high, low = trained(ledger, 0.9, mode="min"), trained(ledger, 0.1, mode="min")
    assert [row.id for row in ledger.runs(sort="score")] == [low.id, high.id]


def test_rebuilt_is_what_it_was(ledger, trained):
    runs = [trained(ledger, 0.7 + at / 10, weight=at, tags=[str(at)]) for at in range(3)]
    runs[0].note("x")
    runs[1].leaderboard(0.5)
    before = dump(ledger)
    assert ledger.rebuild() == 3
    assert dump(ledger) == before
    (ledger.root / "index.sqlite").unlink()
    assert len(ledger.runs()) == 3
    assert dump(ledger) == before


def test_folders_that_come_go_and_change_are_seen(ledger, trained, tmp_path):
    one, two = trained(ledger), trained(ledger)
    away = Ledger(tmp_path / "away")
    away.root.mkdir()
    shutil.move(one.path, away.root / one.id)
    assert [row.id for row in ledger.runs()] == [two.id]
    assert [row.id for row in away.runs()] == [one.id]
    told = two.record
    told["tags"] = ["by hand"]
    (two.path / "run.json").write_text(json.dumps(told))
    assert [row.id for row in ledger.runs(tags=["by hand"])] == [two.id]


@pytest.mark.parametrize("damage", [b"nonsense" * 1000, b""])
def test_a_damaged_index_is_made_anew(damage, ledger, trained):
    trained(ledger)
    before = dump(ledger)
    (ledger.root / "index.sqlite").write_bytes(damage)
    assert len(ledger.runs()) == 1
    assert dump(ledger) == before


def test_an_index_with_damage_inside_is_made_anew(ledger, trained):
    for _ in range(3):
        run = trained(ledger)
    path = ledger.root / "index.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    run.tag("new")
    assert [row.id for row in ledger.runs(tags=["new"])] == [run.id]
    assert len(ledger.runs()) == 3


def test_an_index_of_another_version_is_made_anew(ledger, trained):
    trained(ledger)
    with sqlite3.connect(ledger.root / "index.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("ALTER TABLE runs ADD COLUMN more TEXT")
    connection.close()
    assert len(ledger.runs()) == 1


def test_a_ledger_that_cannot_be_written_to_is_read(ledger, trained, tmp_path):
    trained(ledger)
    shutil.copytree(ledger.root, tmp_path / "copy")
    away = Ledger(tmp_path / "copy")
    path = away.root / "index.sqlite"
    path.unlink()
    path.mkdir()  # as root, permissions stop nobody
    assert len(away.runs()) == 1


def test_a_run_does_not_end_for_want_of_an_index(ledger, trained):
    one = trained(ledger)
    (ledger.root / "index.sqlite").unlink()
    (ledger.root / "index.sqlite").mkdir()
    two = trained(ledger, weight=1)
    (ledger.root / "index.sqlite").rmdir()
    assert [row.id for row in ledger.runs(status="done")] == [one.id, two.id]


def test_others_that_take_too_long(ledger, trained, monkeypatch):
    run = trained(ledger)
    monkeypatch.setattr("anamorph.ledger.database._WAIT", 0.1)
    connection = sqlite3.connect(ledger.root / "index.sqlite", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    run.note("x")  # is written all the same
    with pytest.raises(RunBusyError, match="in use by other processes"):
        ledger.runs()
    connection.execute("COMMIT")
    connection.close()
    assert ledger.runs()[0].notes == ("x",)


def test_nothing_is_made_by_looking(tmp_path):
    assert Ledger(tmp_path / "none").runs() == []
    assert not (tmp_path / "none").exists()


def test_the_journal_fits_the_filesystem(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\nserver:/x /net nfs4 rw 0 0\n"
        "/dev/b /net/local\\040disk xfs rw 0 0\nserver:/y /net2 lustre rw 0 0\n"
    )
    found = {
        place: journal_of(tmp_path.__class__(place), mounts)
        for place in ("/runs", "/net/runs", "/net/local disk/runs", "/net2/a", "/network/a")
    }
    assert found == {
        "/runs": "wal", "/net/runs": "delete", "/net/local disk/runs": "wal",
        "/net2/a": "delete", "/network/a": "wal",
    }  # fmt: skip
    assert journal_of(tmp_path, tmp_path / "none") == "wal"


def test_without_shared_memory(ledger, trained, monkeypatch):
    monkeypatch.setattr("anamorph.ledger.database._filesystem", lambda *_: "nfs4")
    trained(ledger)
    with sqlite3.connect(ledger.root / "index.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


# ---------------------------------------------------------------- many at once

WRITER = """
import sys, anamorph.ledger as L
ledger = L.Ledger(sys.argv[1])
shared = ledger.resolve(sys.argv[2])
for at in range(int(sys.argv[3])):
    run = ledger.start("segment", {"at": at}, tags=[sys.argv[4]])
    run.log({"loss": at}, split="train", step=at)
    shared.log({"writer": int(sys.argv[4]), "at": at}, split="train", step=at)
    if at % 10 == 0:
        shared.tag(f"{sys.argv[4]}-{at}")
        run.scores("dice", "max", {0: {"dice": at / 100}})
    run.finish("done")
"""


def test_eight_processes(ledger, config, tmp_path):
    shared = ledger.start("segment", config)
    writers = [
        python(WRITER, ledger.root, shared.id, 50, number, cwd=tmp_path) for number in range(8)
    ]
    assert [writer.wait() for writer in writers] == [0] * 8
    for writer in writers:
        writer.stdout.close()
    live = dump(ledger)
    rows = ledger.runs()
    assert len(rows) == 401
    assert sum(row.status == "done" for row in rows) == 400
    assert [len(ledger.runs(tags=[str(number)])) for number in range(8)] == [50] * 8
    lines = {(event.values["writer"], event.values["at"]) for event in shared.metrics()}
    assert lines == {(writer, at) for writer in range(8) for at in range(50)}
    assert len(shared.record["tags"]) == 40
    ledger.rebuild()
    assert dump(ledger) == live


# ---------------------------------------------------------------- sudden death

VICTIMS = """
import os, random, signal, sys, time
import numpy as np
import anamorph.ledger as L

def work(ledger, told, count):
    for at in range(count):
        run = ledger.start("segment", {"at": at}, tags=["t"])
        for step in range(5):
            run.log({"loss": step}, split="train", step=step)
        run.weights("best", {"w": np.full(256, at)})
        run.scores("dice", "max", {0: {"dice": 0.5}, 1: {"dice": 0.6}})
        run.note("n")
        run.finish("done")
        os.write(told, (run.id + "\\n").encode())

ledger = L.Ledger(sys.argv[1])
told = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
rng = random.Random(0)
begun = time.monotonic()
work(ledger, told, 3)
seconds = (time.monotonic() - begun) / 3
for _ in range(int(sys.argv[3])):
    child = os.fork()
    if child == 0:
        work(ledger, told, 10**6)
    time.sleep(rng.uniform(0, 2.5 * seconds))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def test_killed_while_writing(ledger, tmp_path):
    victims = python(VICTIMS, ledger.root, tmp_path / "done", 30, cwd=tmp_path)
    assert victims.wait() == 0
    victims.stdout.close()
    done = (tmp_path / "done").read_text().split()
    assert len(done) > 3
    rows = {row.id: row for row in ledger.runs()}
    assert {rows[name].status for name in done} == {"done"}
    for name in done:
        run = ledger.resolve(name)
        assert [event.values["loss"] for event in run.metrics()] == [0, 1, 2, 3, 4]
        (digest,) = run.record["weights"].values()
        assert (run.path / "weights" / f"{digest}.safetensors").stat().st_size > 0
        assert rows[name].notes == ("n",)
    assert {row.status for row in rows.values()} <= {"done", "killed"}
    live = dump(ledger)
    ledger.rebuild()
    assert dump(ledger) == live
    for name, row in rows.items():  # what was killed can be gone on with
        if row.status == "killed":
            ledger.resume(name).finish("stopped")
    assert {row.status for row in ledger.runs()} <= {"done", "stopped"}
