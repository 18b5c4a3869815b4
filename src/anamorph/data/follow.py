"""Annotations that follow their picture through a pipeline.

An object's box, keypoints and outline are handed to the pipeline together and put together again
afterwards: what is left of an object is one object, and what vanishes, vanishes whole. Outlines
travel twice, as a mask and as polygons, each part by itself as COCO unites them: if the polygons
still describe the mask, they stay exact and short; if something cut into it, the mask is traced
anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, final

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.boxes import BboxParams
from anamorph.core.errors import DataError
from anamorph.core.keypoints import KeypointParams
from anamorph.core.polygons import PolygonParams
from anamorph.data import polygon
from anamorph.data.annotations import (
    Box,
    Category,
    Keypoint,
    Object,
    Polygons,
    Record,
    Runs,
    Segmentation,
)
from anamorph.pipeline.compose import Compose

BOX_OWNERS = "box_owners"
POINT_OWNERS = "point_owners"
PART_OWNERS = "part_owners"

Owner: TypeAlias = tuple[int, str, int]
"""Whose point it is: number of the object, "key" or "probe", number in it."""

Point: TypeAlias = tuple[float, float]
Corners: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

BoxOwner: TypeAlias = tuple[int, str]
"""Whose box it is: number of the object, and "box", or "hull" for the bounds of its outline."""

_STALE = ("id", "part", "polygon", "points", "mask", "rle", "path", "coco_url", "flickr_url")
"""Fields of formats that would be wrong beside a transformed picture: ids, further geometry that
nobody moved, and where the original lies."""

_SLACK = 2.0
"""By how many pixels a box may differ from its outline's bounds and still be meant as them."""


def prepared(pipeline: Any) -> Any:
    """The pipeline, told of boxes and keypoints as :class:`Following` hands them over.

    Its own settings of when a box is dropped stay; its formats and label fields do not matter here.
    Without settings, what is left of an object must be a pixel wide and high.
    """
    given = pipeline.values()
    return Compose(
        list(pipeline.transforms),
        **{
            **given,
            "bbox_params": _box_params(given.get("bbox_params")),
            "keypoint_params": KeypointParams(
                format="xy", label_fields=(POINT_OWNERS,), remove_invisible=False
            ),
            "polygon_params": PolygonParams(label_fields=(PART_OWNERS,)),
            "instance_binding": None,
        },
    )


def _box_params(given: Any) -> Any:
    fields: dict[str, Any] = {"format": "pascal_voc", "label_fields": (BOX_OWNERS,)}
    if given is None:
        return BboxParams(**fields, min_width=1, min_height=1)
    return replace(given, **fields, bbox_type="hbb")


@final
class Following:
    """The annotations of one picture on their way through a pipeline, as often as wanted."""

    def __init__(self, given: Record, categories: Sequence[Category]) -> None:
        """Take what is known of the picture before."""
        self.given = given
        self._swaps = {
            category.name: category.mirrored() for category in categories if category.keypoints
        }
        self._masks = {
            number: thing.segmentation.mask(given.size)
            for number, thing in enumerate(given.objects)
            if thing.segmentation is not None
        }
        self._hulls = {
            number: hull
            for number, mask in self._masks.items()
            if (hull := _tight(mask)) is not None
        }
        self._parts = {
            number: [part for part in thing.segmentation.points() if len(part) >= 3]
            for number, thing in enumerate(given.objects)
            if isinstance(thing.segmentation, Polygons)
        }

    def arguments(self) -> dict[str, Any]:
        """What to call the pipeline with, besides the picture and its mask."""
        boxes = self._boxes()
        points = self._points()
        data: dict[str, Any] = {
            "bboxes": np.array([box for _, box in boxes], np.float64).reshape(-1, 4),
            BOX_OWNERS: [owner for owner, _ in boxes],
            "keypoints": np.array([point for _, point in points], np.float64).reshape(-1, 2),
            POINT_OWNERS: [owner for owner, _ in points],
            "polygons": [part for parts in self._parts.values() for part in parts],
            PART_OWNERS: [number for number, parts in self._parts.items() for _ in parts],
        }
        if self._masks:
            data["masks"] = [mask.astype(np.uint8) for mask in self._masks.values()]
        return data

    def record(self, result: Mapping[str, Any], file: str) -> Record:
        """Put the annotations of a result together.

        Args:
            result: what the pipeline returned, its image H×W or H×W×C.
            file: the name of the new picture.
        """
        height, width = result["image"].shape[:2]
        after = _After(result, list(self._masks), (height, width))
        objects = [
            kept
            for number, thing in enumerate(self.given.objects)
            for kept in self._kept(number, thing, after)
        ]
        return Record(file, (height, width), tuple(objects), _fresh(self.given.extra))

    def _boxes(self) -> list[tuple[BoxOwner, Box]]:
        """The bounds of each outline, and each box that is not as good as its outline's bounds."""
        boxes: list[tuple[BoxOwner, Box]] = []
        for number, thing in enumerate(self.given.objects):
            hull = self._hulls.get(number)
            if hull is not None:
                boxes.append(((number, "hull"), hull))
            if thing.box is not None and not _close(thing.box, hull):
                boxes.append(((number, "box"), self._cut(number, thing.box)))
        return boxes

    def _cut(self, number: int, box: Box) -> Box:
        """The part of a box that is in the picture."""
        height, width = self.given.size
        left, top, right, bottom = np.clip(box, 0, (width, height, width, height)).tolist()
        if right <= left or bottom <= top:
            raise DataError(
                f"{self.given.file}: object {number + 1} has the box {box}, of which nothing "
                f"is in the picture of {width}x{height}"
            )
        return left, top, right, bottom

    def _points(self) -> list[tuple[Owner, Point]]:
        points: list[tuple[Owner, Point]] = []
        for number, thing in enumerate(self.given.objects):
            seen = [(at, (x, y)) for at, (x, y, flag) in enumerate(thing.keypoints) if flag]
            points += [((number, "key", at), point) for at, point in seen]
            if seen:
                points += _probes(number, [point for _, point in seen])
        return points

    def _kept(self, number: int, thing: Object, after: _After) -> list[Object]:
        """What is left of an object: nothing, itself, or several where a border mirrors it."""
        if number in self._hulls:
            hulls = after.boxes[number, "hull"]
            copies = [self._outlined(number, thing, after, hull, len(hulls)) for hull in hulls]
            return [copy for copy in copies if copy is not None]
        if thing.box is None:
            return self._pointed(number, thing, after)
        boxes = after.boxes[number, "box"]
        return [
            replace(
                thing,
                box=box,
                segmentation=None,  # if there was one, it was too small for a single pixel
                keypoints=self._keypoints(number, thing, after, box if len(boxes) > 1 else None),
                extra=_fresh(thing.extra, _area(thing, box, None, after.size)),
            )
            for box in boxes
        ]

    def _pointed(self, number: int, thing: Object, after: _After) -> list[Object]:
        """An object without extent: it stays while one of its points, if it has any, is seen."""
        keypoints = self._keypoints(number, thing, after, None)
        if thing.keypoints and not any(seen for _, _, seen in keypoints):
            return []
        return [replace(thing, keypoints=keypoints, extra=_fresh(thing.extra))]

    def _outlined(
        self, number: int, thing: Object, after: _After, hull: Box, count: int
    ) -> Object | None:
        mask = after.mask(number, hull)
        if thing.segmentation is None or not mask.any():
            return None
        within = hull if count > 1 else None
        outline = _traced(thing.segmentation, mask, after.parts(number, within))
        box: Box | None = None
        if thing.box is not None:
            tight = _close(thing.box, self._hulls[number])
            box = _bounds(outline) if tight else after.around((number, "box"), hull)
            if box is None:
                return None
        return replace(
            thing,
            box=box,
            segmentation=outline,
            keypoints=self._keypoints(number, thing, after, within),
            extra=_fresh(thing.extra, _area(thing, box, outline, after.size)),
        )

    def _keypoints(
        self, number: int, thing: Object, after: _After, within: Box | None
    ) -> tuple[Keypoint, ...]:
        moved = [
            after.keypoint((number, "key", at), within, seen)
            for at, (_, _, seen) in enumerate(thing.keypoints)
        ]
        swap = self._swaps.get(thing.category or "", ())
        if len(swap) == len(moved) and after.mirrored(number, within):
            moved = [moved[at] for at in swap]
        return tuple(moved)


@final
class _After:
    """The result of a pipeline, sorted by the objects that its parts belong to."""

    def __init__(
        self, result: Mapping[str, Any], masked: Sequence[int], size: tuple[int, int]
    ) -> None:
        self.size = size
        self.boxes: dict[BoxOwner, list[Box]] = defaultdict(list)
        for box, owner in zip(result["bboxes"], result[BOX_OWNERS], strict=True):
            left, top, right, bottom = map(float, box[:4])
            self.boxes[owner].append((left, top, right, bottom))
        self._points: dict[Owner, list[Point]] = defaultdict(list)
        for point, label in zip(result["keypoints"], result[POINT_OWNERS], strict=True):
            self._points[label].append((float(point[0]), float(point[1])))
        self._parts: dict[int, list[Corners]] = defaultdict(list)
        for part, number in zip(result["polygons"], result[PART_OWNERS], strict=True):
            self._parts[number] += [part] if isinstance(part, np.ndarray) else part
        # A fill of the border may have any value; the object itself kept its 1.
        self._masks = {
            number: np.asarray(mask) == 1
            for number, mask in zip(masked, result.get("masks", ()), strict=True)
        }

    def mask(self, number: int, hull: Box) -> Mask:
        """The pixels of an object within its bounds; beyond them a border may have mirrored it."""
        mask: Mask = self._masks[number]
        left, top = (max(0, int(np.floor(side)) - 1) for side in hull[:2])
        right, bottom = (int(np.ceil(side)) + 1 for side in hull[2:])
        part: Mask = np.zeros_like(mask)
        part[top:bottom, left:right] = mask[top:bottom, left:right]
        return part

    def around(self, owner: BoxOwner, hull: Box) -> Box | None:
        """Of the copies of a box the one whose middle is nearest to that of an outline."""
        middle = np.add(hull[:2], hull[2:])
        near = [(float(np.abs(np.add(b[:2], b[2:]) - middle).sum()), b) for b in self.boxes[owner]]
        return min(near)[1] if near else None

    def keypoint(self, owner: Owner, within: Box | None, seen: int) -> Keypoint:
        """Where a keypoint is now; one that has left the picture is not labelled any more."""
        point = self._point(owner, within)
        height, width = self.size
        if point is None or not _inside(point, (-0.5, -0.5, width - 0.5, height - 0.5)):
            return 0.0, 0.0, 0
        return (*point, seen)

    def mirrored(self, number: int, within: Box | None) -> bool:
        """Whether the surroundings of an object's keypoints are seen as in a mirror."""
        corners = [self._point((number, "probe", at), within) for at in range(3)]
        known = [corner for corner in corners if corner is not None]
        if len(known) < 3:
            return False
        (x0, y0), (x1, y1), (x2, y2) = known
        return (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) < 0

    def parts(self, number: int, within: Box | None) -> list[Corners]:
        """The polygons of an object, or of its mirrored copies those in a box."""
        parts = self._parts[number]
        if within is None:
            return parts
        return [part for part in parts if _inside(_middle(part), within)]

    def _point(self, owner: Owner, within: Box | None) -> Point | None:
        """A point, or of its mirrored copies the one in a box."""
        found = self._points.get(owner, [])
        if within is not None:
            found = [point for point in found if _inside(point, within)]
        return found[0] if found else None


def _middle(part: Corners) -> Point:
    x, y = ((part.min(axis=0) + part.max(axis=0)) / 2).tolist()
    return x, y


def _inside(point: Point, box: Box) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def _probes(number: int, points: Sequence[Point]) -> list[tuple[Owner, Point]]:
    """Three points by an object's keypoints: their sense of turning tells a mirror."""
    x, y = np.mean(np.array(points), axis=0).tolist()
    corners = ((x, y), (x + 2, y), (x, y + 2))
    return [((number, "probe", at), corner) for at, corner in enumerate(corners)]


def _traced(was: Segmentation, mask: Mask, parts: list[Corners]) -> Segmentation:
    """What an outline has become: the polygons, unless something else cut into the mask."""
    if isinstance(was, Runs):
        return Runs.of(mask, packed=was.packed)
    return Polygons.of(parts if parts and _agree(parts, mask) else polygon.trace(mask))


def _agree(corners: Sequence[Corners], mask: Mask) -> bool:
    """Whether polygons and a mask differ by less than a pixel along the edge."""
    filled = polygon.fill(corners, (mask.shape[0], mask.shape[1])).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    core, rim = cv2.erode(filled, cross), cv2.dilate(filled, cross)
    return bool(mask[core != 0].all() and not mask[rim == 0].any())


def _close(box: Box, hull: Box | None) -> bool:
    """Whether a box was drawn as the bounds of an outline."""
    return hull is not None and bool(np.allclose(box, hull, rtol=0, atol=_SLACK))


def _bounds(outline: Segmentation) -> Box | None:
    if isinstance(outline, Polygons):
        return polygon.bounds(outline.points())
    return _tight(outline.mask(outline.size))


def _tight(mask: Mask) -> Box | None:
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _area(
    thing: Object, box: Box | None, outline: Segmentation | None, size: tuple[int, int]
) -> dict[str, float]:
    """The area, for an object that states it: of the outline, else of the box."""
    if "area" not in thing.extra or (outline is None and box is None):
        return {}
    if isinstance(outline, Polygons):
        area = polygon.area(outline.points())
    elif outline is not None:
        area = float(outline.mask(size).sum())
    else:
        left, top, right, bottom = box or (0.0, 0.0, 0.0, 0.0)
        area = (right - left) * (bottom - top)
    return {"area": round(area, 6)}


def _fresh(extra: Mapping[str, Any], now: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A format's own fields, less those that would be wrong beside another picture."""
    kept = {name: value for name, value in extra.items() if name not in _STALE}
    return {**kept, **(now or {})}
