"""Results stream: to arrays, mapped files and .npy files, in bounded memory, and go on after a stop."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from anamorph.core.errors import DataError, ParameterError
from anamorph.nn.tiles import Grid, Threshold, predict
from anamorph.nn.tiles.band import Band, frame_of
from anamorph.nn.tiles.reading import release
from anamorph.nn.tiles.windows import window

CASES = [
    ((50, 40, 3), "HWC"),
    ((3, 50, 40), "CHW"),
    ((50, 3, 40), "HCW"),
    ((50, 40), "HW"),
    ((20, 24, 17), "DHW"),
    ((2, 20, 24, 17), "CDHW"),
]


def noise(shape, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, 200, shape).astype(dtype)


def same(batch):
    return batch


class StoppedError(Exception):
    pass


class Stopping:
    """A model that stops after some batches, and counts them."""

    def __init__(self, after=10**6):
        self.calls, self.after = 0, after

    def __call__(self, batch):
        self.calls += 1
        if self.calls > self.after:
            raise StoppedError
        return batch


@pytest.mark.parametrize(("shape", "layout"), CASES)
@pytest.mark.parametrize("finish", [None, "uint8", lambda rows: rows.sum(0)])
def test_a_file_holds_what_an_array_holds(shape, layout, finish, tmp_path):
    picture = noise(shape)
    options = {"layout": layout, "finish": finish, "batch_size": 3}
    right = predict(same, picture, 16, 5, **options)
    path = tmp_path / "new" / "result.npy"
    found = predict(same, picture, 16, 5, out=path, **options)
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, right)
    assert np.array_equal(np.load(path), right)
    assert np.load(path).dtype == right.dtype
    assert [p.name for p in path.parent.iterdir()] == ["result.npy"]


def test_a_tensor_s_result_goes_to_a_file_channels_first(tmp_path):
    picture = torch.from_numpy(noise((40, 30)))
    found = predict(same, picture, 16, out=str(tmp_path / "a.npy"))
    assert np.allclose(found[0] * 255, picture.numpy(), atol=1e-3)


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(b"what was there before")
    with pytest.raises(StoppedError):
        predict(Stopping(after=3), noise((60, 60)), 16, 4, out=path, batch_size=4)
    assert path.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("shape", [(100, 40, 3), (3, 100, 40)])
@pytest.mark.parametrize("after", [1, 7, 12, 20])
def test_a_run_goes_on_where_it_was_stopped(after, shape, tmp_path):
    picture, path = noise(shape), tmp_path / "a.npy"
    options = {"layout": "HWC" if shape[-1] == 3 else "CHW", "out": path, "resume": True}
    grid = Grid((100, 40), 16, overlap=5)
    whole = Stopping()
    right = predict(whole, picture, grid, batch_size=1, layout=options["layout"])
    with pytest.raises(StoppedError):
        predict(Stopping(after), picture, grid, batch_size=1, **options)
    assert not path.exists()
    rest, told = Stopping(), []
    found = predict(
        rest, picture, grid, batch_size=1, **options, progress=lambda *n: told.append(n)
    )
    assert np.allclose(found, right, atol=1e-6)
    rows_done = max(0, (after - 1) // grid.counts[1])
    again = grid.counts[1]  # the row of tiles that reaches into what is left
    assert rest.calls <= whole.calls - (rows_done - 1) * again
    assert told[-1] == (len(grid), len(grid))
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_was_stopped_at_its_very_end(tmp_path):
    picture, path = noise((60, 30)), tmp_path / "a.npy"

    def stop(done, total):
        if done == total:
            raise StoppedError

    with pytest.raises(StoppedError):
        predict(same, picture, 16, out=path, resume=True, progress=stop)
    found = predict(same, picture, 16, out=path, resume=True)
    assert np.allclose(found[..., 0] * 255, picture, atol=1e-3)


def test_a_run_with_other_settings_does_not_go_on(tmp_path):
    picture, path = noise((60, 30)), tmp_path / "a.npy"
    options = {"out": path, "resume": True, "batch_size": 1}
    with pytest.raises(StoppedError):
        predict(Stopping(10), picture, 16, **options)
    for other in (
        {"overlap": 5},
        {"window": "pyramid"},
        {"activation": "sigmoid"},
        {"finish": Threshold(0.5)},
        {"pad": "edge"},
    ):
        with pytest.raises(DataError, match="other settings"):
            predict(same, picture, 16, **options, **other)
    with pytest.raises(DataError, match="holds"):
        predict(lambda b: torch.cat([b, b], 1), picture, 16, **options)
    found = predict(same, picture, 16, **options)
    assert np.allclose(found[..., 0] * 255, picture, atol=1e-3)


def test_without_resume_what_was_left_behind_is_begun_anew(tmp_path):
    picture, path = noise((60, 30)), tmp_path / "a.npy"
    with pytest.raises(StoppedError):
        predict(Stopping(10), picture, 16, out=path, resume=True, batch_size=1)
    model = Stopping()
    predict(model, picture, 16, out=path, batch_size=1)
    assert model.calls == len(Grid((60, 30), 16))
    assert list(tmp_path.iterdir()) == [path]


OUTS = [
    lambda shape, _: np.zeros(shape, np.float32),
    lambda shape, _: np.zeros(shape, np.float64),
    lambda shape, _: np.zeros((*shape, 1), np.float16),
    lambda shape, _: torch.zeros(shape),
    lambda shape, path: np.lib.format.open_memmap(path / "m.npy", "w+", np.float32, shape),
]


@pytest.mark.parametrize("make", OUTS)
def test_the_caller_s_array_is_filled(make, tmp_path):
    picture = noise((50, 40))
    out = make(picture.shape, tmp_path)
    assert predict(same, picture, 16, out=out) is out
    found = np.asarray(out, np.float32).reshape(50, 40)
    assert np.allclose(found * 255, picture, atol=0.2 if out.dtype == np.float16 else 1e-3)


def test_a_lone_channel_in_front_fits_a_flat_array():
    out = np.zeros((50, 40), np.float32)
    predict(same, noise((1, 50, 40)), 16, out=out, layout="CHW")
    assert np.allclose(out * 255, noise((50, 40)), atol=1e-3)


class Zarr:
    """What has shape, dtype and slices, and keeps a log of them."""

    def __init__(self, shape, log, word):
        self.held = noise(shape)
        self.shape, self.dtype, self.log, self.word = shape, self.held.dtype, log, word

    def __getitem__(self, index):
        self.log.append((self.word, index))
        return self.held[index].tolist()

    def __setitem__(self, index, value):
        self.log.append((self.word, index))
        self.held[index] = value


def test_tiles_are_read_and_rows_are_written_in_their_turn():
    log = []
    picture, out = Zarr((90, 40), log, "read"), Zarr((90, 40), log, "write")
    out.held[:] = 0
    grid = Grid((90, 40), 20, overlap=5)
    predict(lambda b: b / 255, picture, grid, out=out, finish="uint8", batch_size=1)
    assert np.array_equal(out.held, picture.held)
    reads = [index for word, index in log if word == "read"]
    assert len(reads) == len(grid)
    assert all(part.stop - part.start <= 20 for index in reads for part in index)
    rows = [index[0] for word, index in log if word == "write"]
    assert [r.start for r in rows[1:]] == [r.stop for r in rows[:-1]]
    assert (rows[0].start, rows[-1].stop) == (0, 90)
    at, ahead = (
        0,
        0,
    )  # no row waits for more than the tiles that touch it, and one that is read ahead
    for word, index in log:
        at = index[0].stop if word == "write" else at
        ahead = 0 if word == "write" else ahead + (index[0].start > at)
        assert ahead <= 2


def test_the_next_tiles_are_read_while_the_model_runs():
    turn = threading.Event()

    class Slow(Zarr):
        def __getitem__(self, index):
            if index[0].start:
                turn.set()
            return super().__getitem__(index)

    def model(batch):
        assert turn.wait(60), "the second tile is read before the first is done"
        return batch

    predict(model, Slow((30, 10), [], "read"), Grid((30, 10), 10, overlap=0), batch_size=1)


def test_memory_is_that_of_one_row_of_tiles():
    grid = Grid((40_000, 300), 64, overlap=8)
    band = Band(frame_of(grid, (64, 64)), window("mean", (64, 64)), torch.zeros(5, 64, 64), 0)
    assert tuple(band.sums.shape) == (5, 64, 300)
    assert tuple(band.norm.shape) == (64, 300)


def test_pieces_of_a_row_of_tiles_are_the_row(monkeypatch):
    """A wide band is averaged in pieces."""
    monkeypatch.setattr("anamorph.nn.tiles.band._PIECE", 100)
    heights = []
    finish = lambda rows: heights.append(rows.shape[1]) or rows  # noqa: E731 - it also takes note
    picture = noise((50, 40))
    found = predict(same, picture, 16, 4, finish=finish)
    assert max(heights) == 2
    assert np.allclose(found[..., 0] * 255, picture, atol=1e-3)


def test_pages_that_were_read_are_released_and_changes_stay(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, noise((60, 60)))
    for mode in ("r", "r+", "c"):
        mapped = np.load(path, mmap_mode=mode)
        if mode != "r":
            mapped[:] = 7
        before = mapped.copy()
        found = predict(same, mapped[:, 1:], 16)
        release(mapped)
        assert np.array_equal(mapped, before)
        assert np.allclose(found[..., 0] * 255, before[:, 1:], atol=1e-3)


def test_a_view_of_a_private_mapping_keeps_its_changes(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, noise((60, 60)))
    view = np.asarray(np.load(path, mmap_mode="c"))
    view[:] = 9
    release(view)
    assert (view == 9).all()


def test_only_npy_files_are_written(tmp_path):
    with pytest.raises(ParameterError, match=r"\.npy"):
        predict(same, noise((20, 20)), 16, out=tmp_path / "a.tif")
