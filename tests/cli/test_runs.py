"""``anamorph runs``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from anamorph.ledger import Ledger

CONFIG = {"task": "segment", "train": {"epochs": 3}}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def runs(root):
    """Two runs that are done; the second is better."""
    ledger = Ledger(root)
    made = []
    for at in range(2):
        run = ledger.start("segment", {**CONFIG, "train": {"epochs": 3 + at}}, seed=at)
        (root.parent / "w.safetensors").write_bytes(bytes([at]) * 10)
        run.weights("fold-0/best", root.parent / "w.safetensors")
        run.scores("dice", "max", {0: {"dice": 0.8 + at / 10}, 1: {"dice": 0.82 + at / 10}})
        run.finish("done")
        made.append(run)
    return made


@pytest.fixture
def call(anamorph_run):
    return lambda *words: anamorph_run("runs", *words)


def words(text):
    return [line.split() for line in text.splitlines()]


def test_list(call, runs):
    one, two = runs
    told = call("list")
    assert told.status == 0
    assert words(told.out)[1] == [one.id, "done", "dice", "0.8100", "±", "0.0141"]
    assert [line[0] for line in words(call("list", "--sort", "score").out)[1:]] == [two.id, one.id]
    assert len(words(call("list", "--limit", 1).out)) == 2
    assert call("list", "--tag", "none").out == "there are no such runs\n"
    (first, _) = json.loads(call("list", "--json").out)
    assert first["scores"]["dice"]["folds"] == [0.8, 0.82]


def test_what_is_typed_in_is_listed(call, runs):
    one = runs[0].id.rsplit("-", 1)[1]
    for typed in (
        ("note", one, "[bold] idea"),
        ("tag", one, "keep", "x"),
        ("tag", one, "x", "--remove"),
        ("score", one, 0.75),
        ("score", one, 0.5, "--split", "private"),
        ("promote", one, "cells@best"),
    ):
        assert call(*typed).status == 0
    line = words(call("list").out)[1]
    assert line[6:] == ["0.75", "0.5", "cells@best", "keep", "[bold]", "idea"]
    shown = call("show", "cells@best").out
    assert ["path", str(runs[0].path)] in words(shown)
    assert "dice *" in shown
    assert json.loads(call("show", one, "--json").out)["config"]["train"] == {"epochs": 3}
    assert call("demote", "cells@best").status == 0
    assert call("show", "cells@best").err == "anamorph: nothing is promoted to cells@best\n"


def test_compare_and_diff(call, runs):
    one, two = (run.id for run in runs)
    rows = words(call("compare", one, two).out)
    assert rows[0] == [one, two]
    assert ["train.epochs", "3", "4"] in rows
    assert ["dice", "0.8100", "±", "0.0141", "0.9100", "±", "0.0141"] in rows
    assert ["config", "train.epochs", "3", "4"] in words(call("diff", one, two).out)
    assert call("diff", one, one).out == "they do not differ\n"
    assert json.loads(call("diff", one, two, "--json").out)[0]["section"] == "run"
    assert set(json.loads(call("compare", one, two, "--json").out)["config"]) == {"train.epochs"}


def test_plot(call, runs, root):
    pytest.importorskip("matplotlib")
    for run, board in zip(runs, (0.7, 0.8), strict=True):
        run.leaderboard(board)
    told = call("plot", root.parent / "cv.png")
    assert told.out.endswith("the correlation is 1.000, of ranks 1.000\n")
    assert (root.parent / "cv.png").stat().st_size > 1000


def test_gc_asks_first(call, runs):
    one, two = runs
    told = call("gc", "--best", 1)
    assert words(told.out)[:2] == [
        ["kept", two.id, "number", "1", "of", "segment", "by", "dice"], ["garbage", one.id],
    ]  # fmt: skip
    assert "give --delete to remove them" in told.out
    assert len(list((one.path / "weights").iterdir())) == 1
    assert "were removed" in call("gc", "--best", 1, "--delete").out
    assert list((one.path / "weights").iterdir()) == []
    assert json.loads(call("gc", "--best", 1, "--json").out)["files"] == []


@pytest.mark.usefixtures("runs")
def test_rebuild(call, root):
    (root / "index.sqlite").write_bytes(b"")
    assert call("rebuild").out == "2 runs\n"


def test_reproduce(call, runs, monkeypatch):
    def fit(config, root, parent, command):
        made = Ledger(root).start("segment", config, parent=parent, command=command)
        made.weights("fold-0/best", runs[0].path.parent.parent / "w.safetensors")
        made.scores("dice", "max", {0: {"dice": 0.8}, 1: {"dice": 0.82}})
        made.finish("done")
        return made

    monkeypatch.setitem(sys.modules, "anamorph.tasks", SimpleNamespace(fit=fit))
    assert call("reproduce", runs[1].id, "--check").status == 0
    told = call("reproduce", runs[1].id)
    assert told.status == 0
    assert told.out.startswith("code, data and environment are what they were\n")
    assert told.out.endswith("the weights are the same to the bit\n")
    assert "the weights are not the same" in call("reproduce", runs[0].id).out
    assert [row.parent for row in Ledger(runs[0].path.parent).runs()] == [
        None, None, runs[1].id, runs[0].id,
    ]  # fmt: skip


def test_drift_is_told(call, root, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.png").write_bytes(b"a")
    run = Ledger(root).start("segment", CONFIG, data=data)
    run.finish("done")
    (data / "a.png").write_bytes(b"b")
    told = call("reproduce", run.id, "--check")
    assert told.status == 1
    assert words(told.out)[0] == ["then", "now"]
    assert [line[:2] for line in words(told.out)[1:]] == [
        ["data", "fingerprint"],
        ["data", "a.png"],
    ]


def test_nothing_that_trains(call, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "anamorph.tasks", None)
    told = call("reproduce", runs[0].id)
    assert told.status == 2
    assert told.err.startswith(
        "anamorph: nothing can be trained here: anamorph.tasks.fit needs more"
    )


def test_export(call, runs, monkeypatch):
    asked = []

    def export(chosen, uri, experiment, *, weights):
        asked.append(([run.id for run in chosen], uri, experiment, weights))
        return {run.id: "key" for run in chosen}

    monkeypatch.setattr("anamorph.ledger.exporting.export", export)
    told = call("export", "--mlflow", "http://x")
    assert told.out == "".join(f"{run.id} is key\n" for run in sorted(runs, key=lambda r: r.id))
    call("export", runs[1].id, "--mlflow", "http://x", "--experiment", "e", "--no-weights")
    assert asked[1] == ([runs[1].id], "http://x", "e", False)


@pytest.mark.usefixtures("runs")
def test_another_root(anamorph_run, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert anamorph_run("runs", "list").out == "there are no such runs\n"
    assert len(words(anamorph_run("runs", "list", "--root", tmp_path / "runs").out)) == 3
    monkeypatch.setenv("ANAMORPH_RUNS", str(tmp_path / "runs"))
    assert len(words(anamorph_run("runs", "list").out)) == 3


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("show", "2020"), "there is no run '2020'"),
        (("compare", "cells@best"), "nothing is promoted to cells@best"),
        (("list", "--sort", "scor"), "did you mean score"),
        (("list", "--status", "dun"), "it must be one of running"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_mistakes_are_sentences(typed, told, call):
    got = call(*typed)
    assert got.status == 2
    assert got.err.startswith("anamorph: ")
    assert told in got.err
    assert len(got.err.splitlines()) == 1


def test_no_torch(root):
    code = (
        "import sys; sys.argv = ['anamorph', 'runs', 'list']\n"
        "from anamorph.cli.app import run\nrun(['runs', 'list'])\n"
        "print(sorted({'torch', 'matplotlib', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=root.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
    )
    assert done.stdout.splitlines()[-1] == "[]"
