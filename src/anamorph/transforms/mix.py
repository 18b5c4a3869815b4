"""Mosaics: the picture among other pictures on a grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from anamorph.core.constants import INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import DataTypeError, ParameterError
from anamorph.core.params import (
    Choice,
    Fill,
    Fixed,
    FractionRange,
    Interpolation,
    Number,
    Probability,
    Size,
    Words,
)
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.collage import Collage, Member, Row
from anamorph.ir.ops import Op, Warp
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = ["Mosaic"]

Grid = Annotated[Any, Fixed(Number(1, whole=True), 2)]
FitMode = Annotated[str, Choice(("cover", "contain"))]
Key = Annotated[str, Words()]
Extent = tuple[int, int]
Window = tuple[Extent, Extent]
"""Where something begins (x, y), and its height and width."""


class Mosaic(SpatialTransform):
    """Cut a window out of a grid of pictures: this one and others that the call brings.

    Under ``metadata_key`` the call holds a list of dictionaries, each a sample of its own: image
    and, where the call has such, mask, masks, bboxes, keypoints and their label fields, in the
    formats of the call. Each fills a cell; the picture itself has the cell of which most is seen,
    and more than one if there are too few others. Boxes and keypoints join the call's, with their
    own labels; a mask is ``fill_mask`` where a picture brings none; masks of objects are appended.
    As in YOLOv4 (Bochkovskiy et al. 2020), to which it goes back.

    >>> others = [{"image": photo[:, ::-1]}, {"image": photo[::-1]}, {"image": photo}]
    >>> mosaic = A.Mosaic(target_size=(256, 256), cell_shape=(200, 200), p=1)
    >>> mosaic(image=photo, mosaic_metadata=others)["image"].shape
    (256, 256, 3)
    """

    grid_yx: Grid = (2, 2)
    """Rows and columns of the grid."""
    target_size: Size = (512, 512)
    """Height and width of the window, which is the result."""
    cell_shape: Size = (512, 512)
    """Height and width of a cell."""
    center_range: FractionRange = (0.3, 0.7)
    """Where the window's centre is between the outermost places it can have; drawn for each axis."""
    fit_mode: FitMode = "cover"
    """"cover" fills the cell and cuts off what juts out on the right or below, "contain" shows the
    whole picture in the middle of the cell."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    fill: Fill = 0
    fill_mask: Fill = 0
    metadata_key: Key = "mosaic_metadata"
    p: Probability = 0.5

    def check(self) -> None:
        """Let the window fit into the grid."""
        for axis, name in enumerate(("high", "wide")):
            most = self.grid_yx[axis] * self.cell_shape[axis]
            if self.target_size[axis] > most:
                raise ParameterError(
                    f"Mosaic.target_size = {self.target_size!r}: it must be at most {most} pixels "
                    f"{name}, which is what grid_yx and cell_shape make"
                )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the window, and who is in which cell."""
        others = listed(self.metadata_key, scene.given(self.metadata_key))
        cells = self._cells(rng)
        first = max(cells, key=lambda cell: cell[1][0] * cell[1][1])
        cells.remove(first)
        guests: list[int | None] = [*rng.sample(range(len(others)), min(len(others), len(cells)))]
        guests += [None] * (len(cells) - len(guests))
        rng.shuffle(guests)
        joined = Joined(scene, self.target_size)
        pieces = []
        for guest, (at, extent) in zip(guests, cells, strict=True):
            if guest is None:
                donor = scene.donor("Mosaic: the call")
            else:
                donor = scene.donor(f"{self.metadata_key}[{guest}]", others[guest])
            donor.check_picture()
            donor.push(*self._fit(donor.size, (at, extent)))
            pieces.append(donor.piece(at, mask=self.fill_mask, member=self.fill_mask))
            joined.add(donor, at)
        yield from self._fit(scene.size, first)
        yield Collage(
            tuple(pieces),
            canvas=self.target_size,
            place=first[0],
            fill=self.fill,
            fill_mask=self.fill_mask,
            **joined.parts(),
        )

    def _cells(self, rng: Rng) -> list[Window]:
        """What the window shows of each cell, as places in the window."""
        rows, columns = (
            list(_spans(rng.uniform(*self.center_range), *lengths))
            for lengths in zip(self.grid_yx, self.cell_shape, self.target_size, strict=True)
        )
        return [((x, y), (y1 - y, x1 - x)) for y, y1 in rows for x, x1 in columns]

    def _fit(self, size: Extent, window: Window) -> Iterator[Op]:
        """Scale a picture for its cell, and cut out what the window shows of the cell."""
        (x, y), extent = window
        factors = [c / s for c, s in zip(self.cell_shape, size, strict=True)]
        contain = self.fit_mode == "contain"
        factor = min(factors) if contain else max(factors)
        to = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
        if to != size:
            yield Warp.resize(size, to, self._sampling)
        top, left = self._corner((x, y), extent)
        if contain:
            top -= max(0, (self.cell_shape[0] - to[0]) // 2)
            left -= max(0, (self.cell_shape[1] - to[1]) // 2)
        if (top, left) != (0, 0) or to != extent:
            yield Warp(mx.translation(-left, -top), extent, self._sampling)

    def _corner(self, at: Extent, extent: Extent) -> Extent:
        """Where in its cell what is seen of it begins: towards the middle of the window."""
        room = self.cell_shape[0] - extent[0], self.cell_shape[1] - extent[1]
        sides = [
            2 * start + length - whole
            for start, length, whole in zip(at[::-1], extent, self.target_size, strict=True)
        ]
        if 0 in sides:
            return room[0] // 2, room[1] // 2
        return room[0] * (sides[0] < 0), room[1] * (sides[1] < 0)


def _spans(part: float, cells: int, cell: int, target: int) -> Iterator[Extent]:
    """Where cells begin and end in a window along one axis, of those that it shows."""
    room = cells * cell - target
    start = min(int(part * (room + 1)), room)
    for k in range(cells):
        low, high = max(0, k * cell - start), min(target, (k + 1) * cell - start)
        if low < high:
            yield low, high


def listed(key: str, value: Any) -> Sequence[Any]:
    """Check that what a call brings is a list.

    Raises:
        DataTypeError: it is not.
    """
    if not isinstance(value, list | tuple):
        raise DataTypeError(
            f"{key} is a {type(value).__name__}: it must be a list of dictionaries, each with an "
            "image and its labels"
        )
    return value


class Joined:
    """What the donors of a collage bring besides pixels."""

    __slots__ = ("_members", "_objects", "_rows", "canvas")

    def __init__(self, scene: Scene, canvas: Extent) -> None:
        self.canvas: Extent = canvas
        self._objects: int = scene.objects
        self._rows: dict[str, tuple[Row, ...]] = {}
        self._members: tuple[Member, ...] = ()

    def add(self, donor: Any, at: Extent) -> None:
        """Take the rows and members of a donor whose top left pixel is at a place."""
        rows = donor.rows(at, self.canvas, self._objects)
        members = donor.members(at)
        self.take(rows, members, len(members) or len(rows.get("bboxes", ())))

    def take(
        self, rows: Mapping[str, tuple[Row, ...]], members: tuple[Member, ...], objects: int
    ) -> None:
        """Take rows by key, and masks of objects."""
        for key, found in rows.items():
            self._rows[key] = self._rows.get(key, ()) + found
        self._members += members
        self._objects += objects

    @property
    def objects(self) -> int:
        """How many objects there are by now."""
        return self._objects

    def parts(self) -> dict[str, Any]:
        """Fields of the collage."""
        rows = tuple((key, found) for key, found in self._rows.items() if found)
        return {"rows": rows, "members": (("masks", self._members),) if self._members else ()}
