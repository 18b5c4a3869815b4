"""Sliced inference: a model that takes tiles, a picture of any size, memory for a row of tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from anamorph.core.errors import ParameterTypeError
from anamorph.core.params import Number
from anamorph.nn.tiles.band import frame_of
from anamorph.nn.tiles.finishing import Finish, Finisher, check_finish
from anamorph.nn.tiles.grid import Grid
from anamorph.nn.tiles.layout import layout_of
from anamorph.nn.tiles.reading import Prepare, Source, check_pad, check_size
from anamorph.nn.tiles.rows import Reader, Rows
from anamorph.nn.tiles.running import Activation, check_activation, runner
from anamorph.nn.tiles.sinks import sink_for
from anamorph.nn.tiles.windows import window as window_of

Progress = Callable[[int, int], object]


def predict(  # noqa: PLR0913 - one call, each parameter but three by its name
    model: Any,
    picture: Any,
    tile: Grid | int | Sequence[int],
    overlap: float | Sequence[float] | None = None,
    *,
    batch_size: int = 4,
    window: str | NDArray[Any] = "gaussian",
    activation: Activation = None,
    select: Any = None,
    prepare: Prepare | None = None,
    finish: Finish = None,
    out: Any = None,
    dtype: DTypeLike | None = None,
    layout: str | None = None,
    pad: str = "reflect",
    resize: bool = True,
    device: str | torch.device | None = None,
    sums_on: str | torch.device = "cpu",
    resume: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Run a model over a picture or volume in overlapping tiles, and blend what it gives.

    Tiles are read when their turn comes and rows are written when no tile can change them any more,
    so that memory holds one row of tiles of the result, whatever the size of the picture.

    Args:
        model: a module or function; takes a batch (N, C, *tile) of floats, gives (N, K, *map) or
            (N, *map). It runs on the device and in the floats of its parameters, without gradients.
        picture: H×W, H×W×C, D×H×W×C, … (arrays, mapped files, zarr: channels last; tensors:
            channels first). Unsigned integers reach the model as numbers in [0, 1].
        tile: side or sides of a tile (three for a volume without channels), or a ``Grid``.
        overlap: pixels or share of the tile that neighbours share; a quarter of it if None.
        batch_size: tiles in a batch.
        window: how pixels count where tiles overlap: a name in ``WINDOWS`` or an array.
        activation: ``"sigmoid"``, ``"softmax"`` or a function, applied before blending: logits of
            different tiles are on no common scale, so say it if the model gives logits.
        select: which output, if the model gives several: a key, a position, or a function.
        prepare: what is done with a tile before it is part of a batch; it takes an array with
            channels last (a tensor: first) and gives either, floats in what the model wants.
        finish: what is made of rows of means (K, rows, …) before they are written:
            ``"argmax"``, ``"uint8"``, ``Threshold(0.5)``, or a function, which may drop the
            channel axis.
        out: where the result goes: None for a new array, an array or what takes slices, or the
            path of a .npy file, which is there whole or not at all.
        dtype: type of the result; float32 if nothing else says it.
        layout: the picture's axes as letters, C for channels (``"CHW"``), if not as above.
        pad: what lies beyond the picture: ``"reflect"``, ``"symmetric"``, ``"edge"``, ``"zeros"``.
        resize: bring maps of another size to the tile's, so that the result has the picture's
            size; if False, the result is coarser or finer by the model's stride.
        device: where the model runs, if not where its parameters are.
        sums_on: where tiles are added up; the model's device saves copies and takes its memory.
        resume: go on with a file that a run with the same settings left behind.
        progress: called after each batch with the number of tiles that are done and of all.

    Returns:
        The result: the picture's size with the channels where the picture has them (arrays without
        any: last; tensors: first). A path gives the finished file, mapped read-only.

    Raises:
        ParameterError: a parameter is out of bounds, or the model is in training mode.
        DataError: the picture, the model's output or ``out`` has a shape that does not fit.
        DataTypeError: something is of a type that cannot be meant.

    >>> from anamorph.nn.tiles import predict
    >>> predict(lambda batch: batch.mean(1, keepdim=True), photo, 256, overlap=32).shape
    (427, 640, 1)
    """
    check_pad(pad)
    check_activation(activation)
    check_finish(finish)
    count = Number(1, whole=True).check("predict.batch_size", batch_size)
    found = layout_of(picture, layout, _axes(tile))
    grid = grid_for(tile, overlap, found.size(picture.shape))
    source = Source(picture, found, pad, prepare)
    reader = Reader(source, runner(model, device), select, activation, torch.device(sums_on))
    frame = frame_of(grid, grid.tile)
    if not resize:
        frame = reader.probe(grid, realign=not isinstance(tile, Grid))
    kind = window_of(window, frame.tile)
    told = ", ".join(map(_named, (frame, window, pad, select, activation, finish)))
    sink = sink_for(out, found, tensor=isinstance(picture, torch.Tensor), resume=resume, told=told)
    rows = Rows(frame, kind, sink, Finisher(found, finish, dtype))
    return run(reader, rows, count, progress)


def grid_for(tile: Any, overlap: Any, size: tuple[int, ...]) -> Grid:
    """The grid of a call: as given, or made of a tile and an overlap.

    Raises:
        ParameterTypeError: a grid is given, and an overlap.
        DataError: the grid is for a picture of another size.
    """
    if not isinstance(tile, Grid):
        return Grid(size, tile, overlap=overlap)
    if overlap is not None:
        raise ParameterTypeError(f"overlap = {overlap!r}: the grid has said it already")
    check_size(tile, size)
    return tile


def run(reader: Reader, rows: Rows, count: int, progress: Progress | None) -> Any:
    """Run all tiles that are still to be run, and give the result."""
    grid = rows.frame.grid
    tiles = [tile for tile in grid if rows.wants(tile)]
    done = len(grid) - len(tiles)
    try:
        with torch.no_grad():
            for some, batch in reader.source.batches(tiles, count):
                rows.add(some, reader(batch))
                done += len(some)
                if progress is not None:
                    progress(done, len(grid))
        return rows.close()
    except BaseException:
        rows.sink.abort()
        raise


def _axes(tile: Any) -> int | None:
    if isinstance(tile, Grid):
        return len(tile.shape)
    return None if np.ndim(tile) == 0 else len(tile)


def _named(told: Any) -> str:
    """A setting as a note on a file holds it; functions by their names."""
    if isinstance(told, np.ndarray):
        return f"an array of {told.shape}"
    return getattr(told, "__qualname__", None) or repr(told)
