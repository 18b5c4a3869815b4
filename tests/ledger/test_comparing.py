"""What runs differ in, what has changed since, and running again."""

from __future__ import annotations

import subprocess

import pytest

from anamorph.ledger import Difference, Ledger


def git(folder, *words):
    name = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *name, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A project with a commit, in which the process is."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.py").write_text("print(1)\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    monkeypatch.chdir(project)
    return project


def found(differences):
    return {(entry.section, entry.name): (entry.a, entry.b) for entry in differences}


def test_compare(ledger, trained, config):
    other = {**config, "train": {"epochs": 9, "lr": 1e-3, "ema": 0.99}}
    a, b = trained(ledger, 0.8, weight=1), trained(ledger, 0.9, weight=1, config=other)
    c = trained(ledger, 0.7, weight=2)
    got = ledger.compare([a.id, b.id, c.id])
    assert got.config == {"train.epochs": (3, 9, 3), "train.ema": (None, 0.99, None)}
    assert [str(score) for score in got.scores["dice"]] == [
        "0.8100 ± 0.0141", "0.9100 ± 0.0141", "0.7100 ± 0.0141",
    ]  # fmt: skip
    assert got.weights == {"fold-0/best": False}
    assert ledger.compare([a.id, b.id]).weights == {"fold-0/best": True}


def test_diff(ledger, trained, repository, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.png").write_bytes(b"a")
    a = trained(ledger, seed=1, data=data)
    (repository / "train.py").write_text("print(2)\n")
    (data / "a.png").write_bytes(b"b")
    (data / "b.png").write_bytes(b"b")
    b = trained(ledger, seed=2, data=data)
    got = found(ledger.diff(a.id, b.id))
    assert got["run", "seed"] == (1, 2)
    assert got["code", "not committed"][0] is None
    assert set(got) == {
        ("run", "seed"), ("code", "not committed"), ("data", "fingerprint"),
        ("data", "a.png"), ("data", "b.png"),
    }  # fmt: skip
    assert got["data", "b.png"][0] is None
    assert ledger.diff(a.id, a.id) == []


def test_code_is_kept(ledger, config, repository):
    clean = ledger.start("segment", config).record["code"]
    assert (clean["dirty"], clean["diff"], clean["untracked"]) == (False, None, [])
    assert len(clean["commit"]) == 40
    (repository / "train.py").write_text("print('changed')\n")
    (repository / "new.py").write_text("")
    inside = Ledger(repository / "runs")
    run = inside.start("segment", config)
    again = inside.start("segment", config)
    for code in (run.record["code"], again.record["code"]):
        assert (code["dirty"], code["diff"], code["untracked"]) == (True, "code.diff", ["new.py"])
    diff = run.path / "code.diff"
    assert "+print('changed')" in diff.read_text()
    (repository / "train.py").write_text("print(1)\n")
    git(repository, "apply", str(diff))
    assert (repository / "train.py").read_text() == "print('changed')\n"


def test_no_git(ledger, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert ledger.start("segment", config).record["code"]["commit"] is None


def test_a_repository_without_commits(ledger, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q")
    assert ledger.start("segment", config).record["code"]["commit"] is None


def test_drift(ledger, trained, repository, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.png").write_bytes(b"a")
    run = trained(ledger, data=data)
    assert ledger.drift(run.id) == []
    (data / "a.png").write_bytes(b"b")
    (repository / "train.py").write_text("print(2)\n")
    assert set(found(ledger.drift(run.id))) == {
        ("code", "not committed"), ("data", "fingerprint"), ("data", "a.png"),
    }  # fmt: skip
    git(repository, "commit", "-qam", "second")
    (data / "a.png").write_bytes(b"a")
    assert set(found(ledger.drift(run.id))) == {("code", "commit")}
    data.rename(tmp_path / "moved")
    assert Difference("data", "path", str(data), None) in ledger.drift(run.id)
    assert set(found(ledger.drift(run.id, tmp_path / "moved"))) == {("code", "commit")}


def test_reproduce(ledger, trained, config):
    calls = []

    def fit(given, **options):
        calls.append((given, options))
        return trained(Ledger(options["root"]), weight=1, parent=options["parent"])

    old = trained(ledger, weight=1, command=["anamorph", "fit", "c.yaml"])
    new, comparison = ledger.reproduce(old.id, fit)
    assert calls == [
        (config, {"root": ledger.root, "parent": old.id, "command": ("anamorph", "fit", "c.yaml")})
    ]
    assert new.record["parent"] == old.id
    assert comparison.weights == {"fold-0/best": True}
    assert comparison.config == {}


def test_a_configuration_without_yaml_is_json(ledger, config, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    run = ledger.start("segment", config)
    assert run.config == config


def test_a_configuration_comes_back_as_it_was(ledger):
    odd = {
        "a": [1, 2.5, None, True], "b": {}, "c": "yes", "d": 1e-5, "e": "1.0", "ü": "ß: #",
        "f": [], "g": "", "h": "2026-11-30", "i": "null",
    }  # fmt: skip
    assert ledger.start("segment", odd).config == odd
