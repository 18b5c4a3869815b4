"""What is collected, and what never is."""

from __future__ import annotations

import contextlib
import os
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anamorph.ledger import Ledger, garbage


def weights(run):
    return sorted(path.stem for path in (run.path / "weights").glob("*"))


def age(path):
    old = time.time() - 7200
    os.utime(path, (old, old))


def test_asked_first_then_done(ledger, trained):
    runs = [trained(ledger, 0.5 + at / 10, weight=at) for at in range(4)]
    told = ledger.collect(best=1)
    assert told.runs == tuple(run.id for run in runs[:3])
    assert told.kept == {runs[3].id: "number 1 of segment by dice"}
    assert all(path.exists() for path in told.files)
    assert len(told.files) == 6  # in the bundle too
    assert told.freed == sum(
        path.stat().st_size for run in runs[:3] for path in (run.path / "weights").glob("*")
    )
    done = ledger.collect(best=1, dry_run=False)
    assert done == told
    assert not any(path.exists() for path in told.files)
    assert weights(runs[3]) == list(runs[3].record["weights"].values())
    assert len(runs[0].record["collected"]["files"]) == 2
    assert len(list(runs[0].metrics())) == 4
    assert ledger.collect(best=1).files == ()


KEPT = {
    "promoted to a@b": lambda at: at.ledger.promote(at.run.id, "a@b"),
    "tagged keep": lambda at: at.run.tag("keep"),
    "has a score of a leaderboard": lambda at: at.run.leaderboard(0.5),
    "stopped: may be gone on with": lambda at: at.run.finish("stopped"),
    "failed: may be gone on with": lambda at: at.run.finish("failed"),
    "it goes on": lambda at: at.ledger.resume(at.run.id),
}


@pytest.mark.parametrize("why", KEPT)
def test_what_is_kept(why, ledger, trained):
    run = trained(ledger, weight=1)
    KEPT[why](SimpleNamespace(ledger=ledger, run=run))
    told = ledger.collect(dry_run=False, best=0)
    assert (told.kept, told.files) == ({run.id: why}, ())
    assert len(weights(run)) == 1


def test_what_is_not_done_may_go_if_that_is_wanted(ledger, trained):
    stopped, live = trained(ledger, weight=1), trained(ledger, weight=2)
    stopped.finish("stopped")
    checkpoint = stopped.path / "checkpoints" / "fold-0" / "last.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"x")
    ledger.resume(live.id)
    told = ledger.collect(dry_run=False, best=0, unfinished=True)
    assert told.runs == (stopped.id,)
    assert not checkpoint.exists()
    assert len(weights(live)) == 1


def test_weights_that_a_kept_run_names_stay_wherever_they_lie(ledger, trained):
    one, two, other = (trained(ledger, weight=weight) for weight in (1, 1, 2))
    ledger.promote(two.id, "a@b")
    told = ledger.collect(dry_run=False, best=0)
    assert told.runs == (other.id,)
    assert weights(one) == weights(two) == list(two.record["weights"].values())
    assert weights(other) == []


def test_the_best_by_the_way_that_is_better(ledger, trained):
    runs = [trained(ledger, value, mode="min") for value in (0.5, 0.1, 0.3)]
    runs += [trained(ledger, value, task="detect") for value in (0.5, float("nan"))]
    kept = ledger.collect(best=1).kept
    assert set(kept) == {runs[1].id, runs[3].id}


def test_what_crashes_left(ledger, trained):
    run = trained(ledger, weight=1)
    run.tag("keep")
    old, new = run.path / "weights" / ".a.part", run.path / "oof" / ".b.part"
    new.parent.mkdir()
    for path in (old, new):
        path.write_bytes(b"x")
    age(old)
    never = ledger.root / "20260101-000000-segment-aaaa"
    recent = ledger.root / "20260101-000000-segment-bbbb"
    mine = ledger.root / "20260101-notes-of-mine"
    for folder in (never, recent, mine):
        folder.mkdir()
        (folder / "config.yaml").write_text("{}")
    age(never)
    age(mine)
    told = ledger.collect(dry_run=False)
    assert set(told.files) == {old, never}
    assert [path.exists() for path in (old, new, never, recent, mine)] == [
        False, True, False, True, True,
    ]  # fmt: skip


def test_a_tag_that_comes_in_between(ledger, trained, monkeypatch):
    """Runs are listed, then one is tagged by another process, then it is its turn."""
    run = trained(ledger, weight=1)
    real = garbage.locks.hold

    def hold(path):
        Ledger(ledger.root).resolve(run.id).tag("keep")
        return real(path)

    monkeypatch.setattr(garbage.locks, "hold", hold)
    ledger.collect(dry_run=False, best=0)
    assert len(weights(run)) == 1


class Crash(BaseException):
    """The end of the process, as far as this can be had inside of one."""


ACTS = {
    "done": lambda _, run: run.finish("done"),
    "keep": lambda _, run: (run.finish("done"), run.tag("keep")),
    "board": lambda _, run: (run.finish("done"), run.leaderboard(1)),
    "promote": lambda ledger, run: (run.finish("done"), ledger.promote(run.id, "a@b")),
    "stop": lambda _, run: run.finish("stopped"),
    "live": lambda *_: None,
}
MADE = st.lists(
    st.tuples(
        st.integers(0, 3),  # weights, which runs may share
        st.sampled_from(sorted(ACTS)),
        st.integers(0, 9),  # score
    ),
    min_size=1,
    max_size=6,
)


def make(ledger, made):
    """Runs, each with what was done to it and its score."""
    runs = []
    for value, act, score in made:
        run = ledger.start("segment", {})
        run.weights("best", {"w": np.full(8, value)})
        run.scores("dice", "max", {0: {"dice": score}})
        ACTS[act](ledger, run)
        runs.append((run, act, score))
    return runs


def expected(ledger, runs, rules):
    """Ids of what is kept, found in another way."""
    kept = set(ledger.names.values())
    acts = {"keep", "board", "live", *([] if rules["unfinished"] else ["stop"])}
    kept |= {run.id for run, act, _ in runs if act in acts}
    ranked = sorted(runs, key=lambda entry: (entry[2], entry[0].id), reverse=True)
    return kept | {run.id for run, _, _ in ranked[: rules["best"]]}


def collect_until(crash, ledger, rules, monkeypatch):
    """Collect, but the process ends after so many files."""
    erased = []

    def erase(path, real=garbage.erase):
        if len(erased) == crash:
            raise Crash
        erased.append(path)
        real(path)

    with monkeypatch.context() as patch, contextlib.suppress(Crash):
        patch.setattr(garbage, "erase", erase)
        ledger.collect(dry_run=False, **rules)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    made=MADE,
    rules=st.fixed_dictionaries({"best": st.integers(0, 2), "unfinished": st.booleans()}),
    crash=st.integers(0, 6),
)
def test_nothing_that_is_named_by_what_is_kept_goes(
    made, rules, crash, tmp_path_factory, monkeypatch
):
    ledger = Ledger(tmp_path_factory.mktemp("runs"))
    runs = make(ledger, made)
    there = {run.id: set(weights(run)) for run, _, _ in runs}
    kept = expected(ledger, runs, rules)
    safe = {digest for name in kept for digest in there[name]}
    collect_until(crash, ledger, rules, monkeypatch)
    for run, _, _ in runs:
        assert set(weights(run)) >= there[run.id] & safe
        assert set(run.record["scores"]) == {"dice"}
        assert set(weights(run)) == there[run.id] or run.record["collected"]
    ledger.collect(dry_run=False, **rules)  # the rest goes
    for run, act, _ in runs:
        assert set(weights(run)) == there[run.id] & safe
        if act == "live":
            run.finish("done")
