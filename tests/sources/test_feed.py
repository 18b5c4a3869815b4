"""All that a source may be given, how much of it is read, and when."""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from anamorph.core.errors import DataError, DataTypeError, MissingFileError
from anamorph.sources import Limit, is_source, open_source
from sources.samples import HEIGHT, SAMPLES, WIDTH

PNG = SAMPLES["png"]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a picture é.png"
    file.write_bytes(PNG.data)
    return file


def in_memory(path):
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/shelf/a.png", path.read_bytes())
    return "memory://shelf/a.png"


GIVEN = {
    "Path": lambda path: path,
    "str": os.fspath,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "array": lambda path: memoryview(np.frombuffer(path.read_bytes(), np.uint8)),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "file": lambda path: path.open("rb"),
    "address": in_memory,
    "local address": lambda path: (pytest.importorskip("fsspec"), f"file://{path}")[1],
}


@pytest.mark.parametrize("given", GIVEN)
def test_whatever_holds_a_file_is_read(given, path):
    thing = GIVEN[given](path)
    assert is_source(thing)
    source = open_source(thing)
    assert source.size == (HEIGHT, WIDTH)
    assert np.array_equal(source.read(), PNG.pixels())
    assert np.array_equal(source.read(), PNG.pixels())
    if hasattr(thing, "close"):
        thing.close()


@pytest.mark.parametrize("given", [None, 3, [1], np.zeros((4, 4, 3), np.uint8), {"a": 1}, object()])
def test_nothing_else_is_a_source(given):
    assert not is_source(given)
    with pytest.raises(DataTypeError, match=r"^photo is of type .*: it must be a path"):
        open_source(given, "photo")


def test_a_text_file_is_refused(path):
    with path.open(encoding="latin-1") as file, pytest.raises(DataTypeError, match="gives str"):
        open_source(file, "photo").read()


def test_nothing_is_read_before_it_is_needed(tmp_path):
    source = open_source(tmp_path / "later.png")
    (tmp_path / "later.png").write_bytes(PNG.data)
    assert source.size == (HEIGHT, WIDTH)


def test_a_file_is_read_once(path):
    source = open_source(path)
    source.decode()
    path.unlink()
    assert np.array_equal(source.read(), PNG.pixels())


@pytest.mark.parametrize("given", ["Path", "str", "bytes", "bytearray"])
def test_sources_travel(given, path):
    source = open_source(GIVEN[given](path), "photo", Limit(pixels=1000))
    source.read()
    twin = pickle.loads(pickle.dumps(source))
    assert twin.name == source.name
    assert np.array_equal(twin.read(), PNG.pixels())


def test_a_path_travels_without_its_bytes(path):
    path.write_bytes(PNG.data + bytes(100_000))
    source = open_source(path)
    source.read()
    assert len(pickle.dumps(source)) < 2000


def test_of_a_large_file_the_size_costs_little(tmp_path):
    large = tmp_path / "large.jpg"
    large.write_bytes(SAMPLES["jpeg"].data)
    os.truncate(large, 1 << 33)  # a file with a hole: reading it all would need 8 GiB
    assert open_source(large).size == (HEIGHT, WIDTH)
    with pytest.raises(DataError, match=r"large\.jpg has more than 2147483648 bytes"):
        open_source(large).read()


def test_a_header_behind_large_segments_is_found(tmp_path):
    data = SAMPLES["jpeg"].data
    segment = b"\xff\xe2\xff\xff" + bytes(0xFFFD)
    path = tmp_path / "profiles.jpg"
    path.write_bytes(data[:2] + segment * 9 + data[2:])
    source = open_source(path)
    assert source.size == (HEIGHT, WIDTH)
    assert np.array_equal(source.read(), open_source(data).read())


@pytest.mark.parametrize("name", ["tiff", "tiff-big", "png", "webp", "bmp"])
def test_every_kind_is_parsed_from_disk_as_in_memory(name, tmp_path):
    """Larger than what is read at once: the directory of a TIFF stands behind its pixels."""
    data = SAMPLES[name].data
    path = tmp_path / "padded"
    path.write_bytes(data + bytes(1 << 19))
    assert open_source(path).header == open_source(data).header


def test_a_pipe_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(PNG.data,))
    writer.start()
    source = open_source(pipe)
    assert source.size == (HEIGHT, WIDTH)
    assert np.array_equal(source.read(), PNG.pixels())
    writer.join()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("absent.png", r"^absent\.png cannot be read: no such file"),
        (Path(), r"^\. cannot be read: "),
        ("bad\0name.png", "cannot be read: "),
        ("memory://shelf/absent.png", r"^memory://shelf/absent\.png cannot be read: "),
        ("nosuch://shelf/absent.png", "cannot be read: "),
    ],
)
def test_what_cannot_be_read_is_one_sentence(given, message):
    pytest.importorskip("fsspec")
    for ask in (lambda s: s.size, lambda s: s.read()):
        with pytest.raises(DataError, match=message) as caught:
            ask(open_source(given))
        assert "\n" not in str(caught.value)


def test_an_address_without_fsspec(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingFileError, match="pip install fsspec"):
        open_source("s3://shelf/a.png").read()


def test_a_broken_file_object_is_one_sentence():
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, _):
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match=r"^photo cannot be read: input/output error"):
        open_source(Broken(), "photo").read()


def test_streams_without_end_are_stopped():
    class Endless:
        def read(self, count):
            return PNG.data[:8].ljust(count, b"\0")

    with pytest.raises(DataError, match="more than 10000000 bytes"):
        open_source(Endless(), "photo", Limit(bytes=10_000_000)).read()


def test_paths_of_bytes(path):
    class Odd(os.PathLike):
        def __fspath__(self):
            return os.fsencode(path)

    source = open_source(Odd())
    assert source.name == os.fspath(path)
    assert np.array_equal(source.read(), PNG.pixels())
