"""Sliced detection: a detector that takes tiles, a picture of any size, every object once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from anamorph.core.errors import DataError, DataTypeError, MissingDataError
from anamorph.core.labels import Ints
from anamorph.core.params import Number
from anamorph.nn.boxes import NMS
from anamorph.nn.tiles.findings import Findings, Patch, united
from anamorph.nn.tiles.grid import Grid, Tile
from anamorph.nn.tiles.layout import layout_of
from anamorph.nn.tiles.predict import Progress, grid_for
from anamorph.nn.tiles.reading import Prepare, Source, check_pad
from anamorph.nn.tiles.running import runner
from anamorph.nn.tiles.seams import Seen, cut, owners, together, unions

Detections = dict[str, Any]
Merge = Callable[..., Mapping[str, Any]]

_SAME = 0.5


def detect(  # noqa: PLR0913 - one call, each parameter but three by its name
    model: Any,
    picture: Any,
    tile: Grid | int | Sequence[int],
    overlap: float | Sequence[float] | None = None,
    *,
    merge_boxes: Merge | None = None,
    agree: float = _SAME,
    batch_size: int = 4,
    prepare: Prepare | None = None,
    layout: str | None = None,
    pad: str = "reflect",
    device: str | torch.device | None = None,
    progress: Progress | None = None,
) -> Detections:
    """Run a detector over a picture in overlapping tiles; objects at borders come out whole, once.

    A box that a tile's border cuts is dropped where another tile shows the object whole; pieces of
    an object that no tile shows whole become the box around them, with the best of their scores.
    To be known as one, pieces must overlap: the more the tiles do, the surer. What is then found
    twice is merged by ``merge_boxes``.

    Args:
        model: takes a batch (N, C, height, width) of floats, gives for each tile a dictionary as
            torchvision's detectors do: ``boxes`` (M, 4) x0, y0, x1, y1 in pixels of the tile,
            ``scores`` (M,), and if there are ``labels`` (M,) and ``masks`` (M, 1, height, width).
        picture: as in `predict`, with two axes to tile.
        tile: side or sides of a tile, or a ``Grid``.
        overlap: pixels or share of the tile that neighbours share; objects up to that size are
            seen whole by one tile. A quarter of the tile if None.
        merge_boxes: what is called with one dictionary of all boxes and ``size=``, as the classes
            of ``anamorph.nn.boxes`` are; ``NMS(iou=0.5)`` if None.
        agree: how well boxes must agree on what both tiles show to be of one object: their
            intersection over union there, or the share of a piece that a whole box covers.
        batch_size: tiles in a batch.
        prepare: as in `predict`.
        layout: as in `predict`.
        pad: as in `predict`.
        device: where the model runs, if not where its parameters are.
        progress: called after each batch with the number of tiles that are done and of all.

    Returns:
        What ``merge_boxes`` gives: ``boxes``, ``scores``, ``labels`` in pixels of the picture, as
        tensors on the CPU. If the model gives masks, ``masks`` is a list of `Patch`, each a mask
        cut to its object, for whole ones of every object would not fit in memory.

    Raises:
        ParameterError: a parameter is out of bounds, or the model is in training mode.
        DataError: what the model gives, or the picture, has a shape that does not fit.
        MissingDataError: the model gives no boxes or scores, or a merge no ``index`` for masks.

    >>> import torch
    >>> from anamorph.nn.tiles import detect
    >>> def brightest(batch):  # one box a tile
    ...     corner = torch.tensor([[8.0, 8.0, 24.0, 24.0]])
    ...     return [{"boxes": corner, "scores": tile.amax()[None]} for tile in batch]
    >>> detect(brightest, np.zeros((32, 64, 3), np.uint8), 32, overlap=0)["boxes"].tolist()
    [[8.0, 8.0, 24.0, 24.0], [40.0, 8.0, 56.0, 24.0]]
    """
    check_pad(pad)
    count = Number(1, whole=True).check("detect.batch_size", batch_size)
    Number(0, 1, above=True).check("detect.agree", agree)
    found = layout_of(picture, layout, 2)
    grid = grid_for(tile, overlap, found.size(picture.shape))
    run = runner(model, device)
    source = Source(picture, found, pad, prepare)
    findings, done = Findings(grid.shape), 0
    with torch.no_grad():
        for some, batch in source.batches(grid, count):
            _collect(findings, some, run(batch))
            done += len(some)
            if progress is not None:
                progress(done, len(grid))
    return _merged(findings, agree, merge_boxes or NMS(iou=_SAME))


def _collect(findings: Findings, tiles: list[Tile], output: Any) -> None:
    if isinstance(output, Mapping) or not isinstance(output, Sequence):
        raise DataTypeError(
            f"the model gives {type(output).__name__}: a list of dictionaries, one a tile, is wanted"
        )
    if len(output) != len(tiles):
        raise DataError(f"the model gives {len(output)} results for {len(tiles)} tiles")
    for tile, each in zip(tiles, output, strict=True):
        findings.add(tile, each)


def _merged(findings: Findings, agree: float, merge_boxes: Merge) -> Detections:
    boxes, views, scores, labels = findings.joined()
    groups = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    owner = owners(Seen(boxes, views, groups, cut(boxes, views, findings.size)), agree)
    kept, around = unions(boxes, owner)
    view = {
        "boxes": around.astype(np.float32),
        "scores": together(boxes, scores, owner)[kept].astype(scores.dtype),
        "labels": labels[kept],
    }
    result = dict(
        merge_boxes(
            {key: torch.from_numpy(value) for key, value in view.items()}, size=findings.size
        )
    )
    index = result.pop("index", None)
    if findings.masked:
        result["masks"] = _masks(findings.masks, owner, kept, index)
    return result


def _masks(patches: list[Patch], owner: Ints, kept: Ints, index: Any) -> list[Patch]:
    """The mask of each result, that of its pieces together."""
    if index is None:
        raise MissingDataError("merge_boxes gives no index, by which masks would be found")
    pieces: dict[int, list[Patch]] = {int(row): [] for row in kept}
    for row in np.flatnonzero(owner >= 0):
        pieces[int(owner[row])].append(patches[row])
    return [united(pieces[int(kept[at])]) for at in torch.as_tensor(index).tolist()]
