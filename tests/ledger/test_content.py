"""The fingerprint of data: by content, in any order, and read no oftener than need be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anamorph.core.errors import MissingFileError
from anamorph.ledger import Ledger, content, fingerprint


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for at, name in enumerate(("a.png", "b.png", "sub/c.png", "ü/d.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([at]) * 100)
        os.utime(path, (1e9, 1e9))
    return folder


@pytest.fixture
def reads(monkeypatch):
    """The names of files that were read."""
    names = []
    real = content.sha256_of
    monkeypatch.setattr(content, "sha256_of", lambda path: names.append(path.name) or real(path))
    return names


@pytest.fixture
def later(monkeypatch):
    """A clock that is an hour ahead: what was just written has settled."""
    real = content.time.time_ns
    monkeypatch.setattr(content.time, "time_ns", lambda: real() + 3600 * 10**9)


def test_the_order_of_files_means_nothing(data, tmp_path):
    again = tmp_path / "again"
    for name in ("ü/d.png", "sub/c.png", "b.png", "a.png"):
        path = again / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((data / name).read_bytes())
    assert fingerprint(again).sha256 == fingerprint(data).sha256
    assert sorted(fingerprint(data).files) == ["a.png", "b.png", "sub/c.png", "ü/d.png"]


CHANGES = {
    "content": lambda data: (data / "a.png").write_bytes(b"x" * 100),
    "name": lambda data: (data / "a.png").rename(data / "z.png"),
    "folder": lambda data: (data / "a.png").rename(data / "sub" / "a.png"),
    "more": lambda data: (data / "e.png").write_bytes(b""),
    "less": lambda data: (data / "a.png").unlink(),
}


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_seen(name, data, tmp_path):
    cache = tmp_path / "cache.sqlite"
    before = fingerprint(data, cache)
    CHANGES[name](data)
    assert fingerprint(data, cache).sha256 == fingerprint(data).sha256 != before.sha256


@pytest.mark.usefixtures("later")
def test_only_what_changed_is_read_again(data, tmp_path, reads):
    cache = tmp_path / "cache.sqlite"
    first = fingerprint(data, cache)
    assert len(reads) == 4
    reads.clear()
    assert fingerprint(data, cache) == first
    assert reads == []
    (data / "b.png").write_bytes(b"new")
    assert fingerprint(data, cache) != first
    assert reads == ["b.png"]


@pytest.mark.usefixtures("later")
def test_a_change_that_keeps_size_and_time_is_seen(data, tmp_path):
    cache = tmp_path / "cache.sqlite"
    first = fingerprint(data, cache)
    (data / "a.png").write_bytes(b"x" * 100)
    os.utime(data / "a.png", (1e9, 1e9))
    assert fingerprint(data, cache) != first


def test_what_was_just_written_is_read_again(data, tmp_path, reads):
    """Within the ticks of the clock a file may change again and look the same."""
    cache = tmp_path / "cache.sqlite"
    fingerprint(data, cache)
    reads.clear()
    fingerprint(data, cache)
    assert len(reads) == 4


@pytest.mark.usefixtures("later")
def test_a_damaged_cache_costs_time_alone(data, tmp_path):
    cache = tmp_path / "cache.sqlite"
    first = fingerprint(data, cache)
    cache.write_bytes(b"nonsense" * 999)
    assert fingerprint(data, cache) == first
    assert fingerprint(data, cache) == first


def test_hidden_files_and_loops_of_links(data):
    before = fingerprint(data).sha256
    (data / ".DS_Store").write_bytes(b"x")
    (data / "sub" / "loop").symlink_to(data)
    assert fingerprint(data).sha256 == before
    (data / "gone.png").symlink_to(data / "nothing")
    assert fingerprint(data).files["gone.png"] == "-"


def test_several_places_and_files(data):
    both = fingerprint([data / "a.png", data / "sub"])
    assert sorted(both.files) == ["0/a.png", "1/c.png"]
    assert list(fingerprint(data / "a.png").files) == ["a.png"]
    with pytest.raises(MissingFileError, match="none is not there"):
        fingerprint(data / "none")


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    found = fingerprint(tmp_path / "empty", tmp_path / "cache.sqlite")
    assert (len(found.sha256), found.files) == (64, {})


def test_the_ledger_is_no_data(config, data):
    inside = Ledger(data / "runs")
    one = inside.start("segment", config, data=data)
    two = inside.start("segment", config, data=data)
    assert one.record["data"] == two.record["data"]
    assert one.record["data"]["files"] == 4


def test_names_that_are_no_utf8(data, tmp_path):
    name = os.fsencode(data) + b"/\xff.png"
    Path(os.fsdecode(name)).write_bytes(b"x")
    found = fingerprint(data, tmp_path / "cache.sqlite")
    found.save(tmp_path)
    assert content.saved(tmp_path) == {n: digest[:16] for n, digest in found.files.items()}
