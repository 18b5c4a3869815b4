"""What a run's folder holds, and what is refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from anamorph.core.errors import (
    DataError,
    MissingFileError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
)
from anamorph.ledger import Ledger, RunBusyError


def test_the_folder_describes_the_run(ledger, config, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(b"a")
    run = ledger.start(
        "segment", config, command=["anamorph", "fit"], data=tmp_path / "data", seed=7,
        parent="p", tags=["b", "a", "b"],
    )  # fmt: skip
    assert re.fullmatch(r"\d{8}-\d{6}-segment-[a-z0-9]{4}", run.id)
    told = json.loads((run.path / "run.json").read_text())
    assert told["id"] == run.path.name == run.id
    assert (told["task"], told["seed"], told["parent"]) == ("segment", 7, "p")
    assert (told["status"], told["finished"], told["tags"]) == ("running", None, ["a", "b"])
    assert told["command"] == ["anamorph", "fit"]
    assert told["data"]["files"] == 1
    assert told["data"]["path"] == str(tmp_path / "data")
    assert len(told["data"]["fingerprint"]) == 64
    assert told["environment"]["packages"]["numpy"] == np.__version__
    assert set(told["code"]) >= {"version", "commit", "dirty", "diff"}
    assert run.config == config
    assert run.status == "running"


def test_a_run_that_ends(ledger, trained):
    run = trained(ledger)
    assert (run.status, run.alive) == ("done", False)
    assert run.record["finished"] >= run.record["created"]
    assert [event.values for event in run.metrics() if event.split == "train"] == [
        {"loss": 1.0}, {"loss": 0.5},
    ]  # fmt: skip
    event = list(run.metrics())[-1]
    assert (event.fold, event.epoch, event.step, event.split) == (0, 1, 10, "valid")


def test_folds_become_mean_and_deviation(ledger, trained):
    told = trained(ledger, 0.8).record["scores"]
    assert told["dice"] == {
        "mean": pytest.approx(0.81), "std": pytest.approx(0.02 / math.sqrt(2)),
        "folds": [0.8, pytest.approx(0.82)], "numbers": [0, 1],
    }  # fmt: skip
    assert told["iou"] == {"mean": 0.5, "std": None, "folds": [0.5], "numbers": [1]}
    row = ledger.runs()[0]
    assert str(row.score) == "0.8100 ± 0.0141"
    assert str(row.scores["iou"]) == "0.5000"


def test_scores_that_are_no_numbers_stay_what_they_are(ledger, config):
    run = ledger.start("segment", config)
    run.log({"loss": float("nan")}, split="train")
    run.scores("dice", "max", {0: {"dice": float("nan")}, 1: {"dice": float("inf")}})
    assert math.isnan(next(run.metrics()).values["loss"])
    assert math.isnan(ledger.runs(sort="score")[0].score.mean)


def test_a_torn_line_is_left_out_and_what_follows_is_whole(ledger, config):
    run = ledger.start("segment", config)
    run.log({"loss": 1.0}, split="train")
    run.finish("stopped")
    with (run.path / "metrics.jsonl").open("ab") as stream:
        stream.write(b'{"time": "2026", "fold": nul')
    assert [event.values for event in run.metrics()] == [{"loss": 1.0}]
    again = ledger.resume(run.id)
    again.log({"loss": 0.5}, split="train")
    assert [event.values["loss"] for event in again.metrics()] == [1.0, 0.5]


def test_numbers_of_other_kinds_are_logged(ledger, config):
    run = ledger.start("segment", config)
    run.log({"a": np.float32(0.5), "b": np.array(2), "c": True}, split="train")
    assert next(run.metrics()).values == {"a": 0.5, "b": 2.0, "c": 1.0}
    with pytest.raises(ParameterTypeError, match="log: a = 'much': it must be a number"):
        run.log({"a": "much"}, split="train")
    assert len(list(run.metrics())) == 1


# ---------------------------------------------------------------- weights


def test_weights_lie_under_their_hash(ledger, config, tmp_path):
    run = ledger.start("segment", config)
    source = tmp_path / "best.safetensors"
    source.write_bytes(b"weights")
    digest = run.weights("fold-0/best", source)
    source.write_bytes(b"others!")  # the caller's file is the caller's
    stored = run.path / "weights" / f"{digest}.safetensors"
    assert stored.read_bytes() == b"weights"
    assert digest == hashlib.sha256(b"weights").hexdigest()
    assert run.record["weights"] == {"fold-0/best": digest}
    assert not stored.stat().st_mode & 0o222


def test_equal_weights_are_stored_once(ledger, config):
    one, two = ledger.start("segment", config), ledger.start("segment", config)
    state = {"w": np.arange(5.0)}
    digests = {one.weights("a", state), one.weights("b", state), two.weights("c", state)}
    assert len(digests) == 1
    name = f"{digests.pop()}.safetensors"
    assert [path.name for path in (one.path / "weights").iterdir()] == [name]
    assert (one.path / "weights" / name).samefile(two.path / "weights" / name)


def test_damaged_weights_are_not_shared(ledger, config):
    one, two = ledger.start("segment", config), ledger.start("segment", config)
    digest = one.weights("a", {"w": np.arange(5.0)})
    path = one.path / "weights" / f"{digest}.safetensors"
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    two.weights("a", {"w": np.arange(5.0)})
    assert (two.path / "weights" / path.name).read_bytes() == whole
    one.weights("a", {"w": np.arange(5.0)})  # what is damaged is replaced
    assert path.read_bytes() == whole


def test_tensors_are_weights(ledger, config):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    tied = torch.arange(4.0, requires_grad=True)
    run = ledger.start("segment", config)
    digest = run.weights("x", {"a": tied, "b": tied})
    found = load_file(run.path / "weights" / f"{digest}.safetensors")
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": [0, 1, 2, 3], "b": [0, 1, 2, 3],
    }  # fmt: skip


# ---------------------------------------------------------------- what is typed in later


def test_notes_tags_and_leaderboard(ledger, trained):
    run = trained(ledger)
    other = Ledger(ledger.root).resolve(run.id)
    other.note("more epochs")
    other.note("less of them")
    other.tag("keep", "a")
    other.untag("a", "never there")
    other.leaderboard(0.7)
    other.leaderboard(0.71)
    other.leaderboard(0.6, "private")
    row = ledger.runs()[0]
    assert (row.notes, row.tags) == (("more epochs", "less of them"), ("keep",))
    assert (row.board(), row.board("private"), row.board("none")) == (0.71, 0.6, None)


def test_what_is_typed_in_while_it_trains_stays(ledger, config):
    run = ledger.start("segment", config)
    Ledger(ledger.root).resolve(run.id).note("looks good")
    run.scores("dice", "max", {0: {"dice": 0.5}})
    run.finish("done")
    assert [note["text"] for note in run.record["notes"]] == ["looks good"]


BAD = {
    "task": (lambda at: at.ledger.start("Segment it", {}), ParameterError, "task = 'Segment it'"),
    "config": (
        lambda at: at.ledger.start("x", {"a": {1, 2}}),
        ParameterTypeError,
        "of plain values",
    ),
    "data": (
        lambda at: at.ledger.start("x", {}, data="/none"),
        MissingFileError,
        "/none is not there",
    ),
    "status": (lambda at: at.run.finish("over"), ParameterError, "must be done, failed, stopped"),
    "mode": (
        lambda at: at.run.scores("a", "up", {0: {"a": 1}}),
        ParameterError,
        "must be max or min",
    ),
    "metric": (
        lambda at: at.run.scores("dce", "max", {0: {"dice": 1}}),
        UnknownNameError,
        "mean dice",
    ),
    "note": (lambda at: at.run.note("  "), ParameterError, "it is empty"),
    "tag": (lambda at: at.run.tag("a", " b"), ParameterError, "tag ' b'"),
    "score": (
        lambda at: at.run.leaderboard(float("nan")),
        ParameterError,
        "must be a finite number",
    ),
    "file": (lambda at: at.run.weights("a", "/none.pt"), FileNotFoundError, "none.pt"),
    "sort": (lambda at: at.ledger.runs(sort="creatd"), UnknownNameError, "did you mean created"),
    "state": (lambda at: at.ledger.runs(status="don"), UnknownNameError, "did you mean done"),
    "name": (lambda at: at.ledger.promote(at.run.id, "best"), ParameterError, "must be NAME@ALIAS"),
    "alias": (lambda at: at.ledger.resolve("a@b"), UnknownNameError, "nothing is promoted to a@b"),
    "run": (lambda at: at.ledger.resolve("2020"), UnknownNameError, "there is no run '2020'"),
    "empty": (lambda at: at.ledger.resolve(""), UnknownNameError, "there is no run ''"),
    "up": (lambda at: at.ledger.resolve("../runs"), UnknownNameError, "there is no run"),
    "best": (lambda at: at.ledger.collect(best=-1), ParameterError, "must be 0 or more"),
    "one": (lambda at: at.ledger.compare([at.run.id]), ParameterError, "two at least"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name, ledger, config):
    call, error, told = BAD[name]
    run = ledger.start("segment", config)
    before = {path: path.read_bytes() for path in ledger.root.rglob("*.json*")}
    with pytest.raises(error, match=re.escape(told)):
        call(SimpleNamespace(ledger=ledger, run=run))
    assert {path: path.read_bytes() for path in ledger.root.rglob("*.json*")} == before
    assert [row.id for row in ledger.runs()] == [run.id]
    assert sum(path.is_dir() and path.name != "names" for path in ledger.root.iterdir()) == 1


def test_a_damaged_record_is_named(ledger, trained):
    run = trained(ledger)
    (run.path / "run.json").write_text('{"id": ')
    with pytest.raises(DataError, match=rf"{run.id}.*is damaged.*remove or repair"):
        ledger.runs()


# ---------------------------------------------------------------- names


def test_parts_of_ids(ledger, trained):
    one, two = trained(ledger), trained(ledger, task="classify")
    assert ledger.resolve(one.id).path == one.path
    assert ledger.resolve(one.id.rsplit("-", 1)[1]).id == one.id
    assert ledger.resolve(two.id[: two.id.index("classify") + 2]).id == two.id
    with pytest.raises(UnknownNameError, match=rf"may be 2 runs: {min(one.id, two.id)}, "):
        ledger.resolve(one.id[:4])
    assert [ledger.resolve(row.id[:-1]).id for row in ledger.runs()] == [one.id, two.id]


def test_promotion_moves_a_name(ledger, trained):
    one, two = trained(ledger, weight=1), trained(ledger, weight=2)
    ledger.promote(one.id, "cells@best")
    ledger.promote(two.id, "cells@best")
    ledger.promote("cells@best", "cells@shipped")
    assert ledger.names == {"cells@best": two.id, "cells@shipped": two.id}
    assert ledger.resolve("cells@best").id == two.id
    assert {row.id: row.names for row in ledger.runs()} == {
        one.id: (), two.id: ("cells@best", "cells@shipped"),
    }  # fmt: skip
    history = json.loads((ledger.root / "names" / "cells@best.json").read_text())["history"]
    assert [entry["run"] for entry in history] == [one.id, two.id]
    ledger.demote("cells@best")
    with pytest.raises(UnknownNameError, match="did you mean cells@shipped"):
        ledger.demote("cells@ship")
    assert ledger.names == {"cells@shipped": two.id}


def test_a_run_without_its_weights_is_not_promoted(ledger, trained):
    run = trained(ledger, weight=1)
    next((run.path / "weights").iterdir()).unlink()
    with pytest.raises(ParameterError, match=r"has no weights .* any more"):
        ledger.promote(run.id, "cells@best")


# ---------------------------------------------------------------- who is at it

HOLD = """
import sys, anamorph.ledger as L
run = L.Ledger(sys.argv[1]).start("segment", {})
print(run.id, flush=True)
if len(sys.argv) > 2:
    import os
    if os.fork() == 0:          # a worker that outlives its parent
        import time
        time.sleep(60)
sys.stdin.read()
"""


@pytest.fixture
def other():
    """Another process that begins a run and waits."""
    started = []

    def begin(root, *words):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(root), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process, process.stdout.readline().strip()

    yield begin
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_run_is_taken_up_when_its_process_is_gone_and_not_before(ledger, other):
    process, name = other(ledger.root)
    assert ledger.runs()[0].status == "running"
    with pytest.raises(RunBusyError, match=rf"{name} goes on already, in process {process.pid} on"):
        ledger.resume(name)
    process.kill()
    process.wait()
    assert [row.id for row in ledger.runs(status="killed")] == [name]
    run = ledger.resume(name)
    assert run.status == "running"
    run.finish("done")
    assert [row.status for row in ledger.runs()] == ["done"]


def test_workers_that_live_on_do_not_hold_the_run(ledger, other):
    process, name = other(ledger.root, "fork")
    process.kill()
    process.wait()
    assert ledger.resolve(name).status == "killed"
    ledger.resume(name).finish("done")
