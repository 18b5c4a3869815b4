"""Pictures cut into tiles and put together otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import Fixed, Number, Probability
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op, Tiles
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = ["RandomGridShuffle"]

Grid = Annotated[Any, Fixed(Number(1, whole=True), 2)]


def uneven_cuts(length: int, parts: int, rng: Rng) -> list[tuple[int, int]]:
    """Cut a length into parts that differ by a pixel at most, the longer ones anywhere.

    A part has at least one pixel, so there may be fewer than asked for.
    """
    parts = max(1, min(parts, length))
    short, longer = divmod(length, parts)
    sizes = [short + 1] * longer + [short] * (parts - longer)
    if longer:
        rng.shuffle(sizes)
    cuts = []
    start = 0
    for size in sizes:
        cuts.append((start, size))
        start += size
    return cuts


class RandomGridShuffle(SpatialTransform):
    """Cut the picture into a grid and shuffle the tiles.

    Where the grid does not divide the picture evenly, tiles of equal size change places. A box
    whose pieces end up apart becomes several boxes with the same labels.

    >>> shuffled = A.RandomGridShuffle(grid=(2, 2), p=1)(image=photo)["image"]
    >>> bool(shuffled.sum() == photo.sum())
    True
    """

    grid: Grid = (3, 3)
    """Number of rows and columns."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Shuffle the tiles of each size."""
        rows = uneven_cuts(scene.size[0], self.grid[0], rng)
        columns = uneven_cuts(scene.size[1], self.grid[1], rng)
        alike: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for y, h in rows:
            for x, w in columns:
                alike.setdefault((w, h), []).append((x, y))
        moves = []
        for (w, h), sources in alike.items():
            targets = sources.copy()
            rng.shuffle(targets)
            moves += [(*s, *t, w, h) for s, t in zip(sources, targets, strict=True)]
        yield Tiles(tuple(moves))
