"""What is collected, and what never is."""

from __future__ import annotations

import os
import time

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
    "promoted to a@b": lambda ledger, run: ledger.promote(run.id, "a@b"),
    "tagged keep": lambda ledger, run: run.tag("keep"),
    "has a score of a leaderboard": lambda ledger, run: run.leaderboard(0.5),
    "stopped: may be gone on with": lambda ledger, run: run.finish("stopped"),
    "failed: may be gone on with": lambda ledger, run: run.finish("failed"),
    "it goes on": lambda ledger, run: ledger.resume(run.id),
}


@pytest.mark.parametrize("why", KEPT)
def test_what_is_kept(why, ledger, trained):
    run = trained(ledger, weight=1)
    KEPT[why](ledger, run)
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


ACTS = st.lists(
    st.tuples(
        st.integers(0, 3),  # weights that runs may share
        st.sampled_from(["", "keep", "promote", "board", "stop", "live", "name"]),
        st.integers(0, 9),  # score
    ),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=ACTS, best=st.integers(0, 2), unfinished=st.booleans(), crash=st.integers(0, 8))
def test_nothing_that_is_named_by_what_is_kept_goes(
    acts, best, unfinished, crash, tmp_path_factory, monkeypatch
):
    ledger = Ledger(tmp_path_factory.mktemp("runs"))
    made = []
    for value, act, score in acts:
        run = ledger.start("segment", {})
        run.weights("best", {"w": np.full(8, value)})
        run.scores("dice", "max", {0: {"dice": score}})
        if act != "live":
            run.finish("stopped" if act == "stop" else "done")
        {
            "keep": lambda run=run: run.tag("keep"),
            "promote": lambda run=run: ledger.promote(run.id, "a@b"),
            "name": lambda run=run: ledger.promote(run.id, f"n@{len(made)}"),
            "board": lambda run=run: run.leaderboard(1),
        }.get(act, lambda: None)()
        made.append((run, act, score))
    there = {run.id: weights(run) for run, _, _ in made}
    kept = set(ledger.names.values())
    acts_kept = {"keep", "board", "live", *([] if unfinished else ["stop"])}
    kept |= {run.id for run, act, _ in made if act in acts_kept}
    ranked = sorted(made, key=lambda entry: (entry[2], entry[0].id), reverse=True)
    kept |= {run.id for run, _, _ in ranked[:best]}
    safe = {digest for name in kept for digest in there[name]}

    erased = []

    def erase(path, real=garbage._erase):
        if len(erased) == crash:
            raise Crash
        erased.append(path)
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(garbage, "_erase", erase)
        try:
            ledger.collect(dry_run=False, best=best, unfinished=unfinished)
            whole = True
        except Crash:
            whole = False
    for run, _, _ in made:
        assert set(weights(run)) >= set(there[run.id]) & safe
        assert len(run.record["scores"]) == 1
        if set(weights(run)) != set(there[run.id]):
            assert run.record["collected"]
    if not whole:  # the next time the rest goes
        ledger.collect(dry_run=False, best=best, unfinished=unfinished)
    for run, _, _ in made:
        assert set(weights(run)) == set(there[run.id]) & safe
    for run, _, _ in made:
        run._change(lambda told: told)
        if run.alive:
            run.finish("done")
