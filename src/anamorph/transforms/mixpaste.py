"""Objects of other pictures pasted into this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from anamorph.core.constants import INTER_AREA
from anamorph.core.errors import DataError, DataTypeError, MissingDataError
from anamorph.core.params import Choice, Fraction, Number, Probability, Span, Words
from anamorph.core.rng import Rng
from anamorph.ir.collage import REACH, Collage, Member, Row, Shown
from anamorph.ir.ops import PLAIN, Op, Picture, Sampling, Warp
from anamorph.transforms.base import Scene, SpatialTransform
from anamorph.transforms.mix import Joined, listed
from anamorph.transforms.mixbank import BankRule, instances_of

__all__ = ["CopyAndPaste"]

BlendMode = Annotated[str, Choice(("hard", "gaussian", "poisson"))]
Sigmas = Annotated[Any, Span(0, lone="point", above=True, unit="pixels")]
Scales = Annotated[Any, Span(0, lone="point", above=True)]
Area = Annotated[int, Number(1, whole=True, unit="pixels")]
Count = Annotated[Any, Span(1, lone="point", whole=True)]
Bank = Annotated[Any, BankRule()]
Key = Annotated[str, Words()]
Flags = npt.NDArray[np.bool_]
Bounds = tuple[int, int, int, int]

_SHRINK = Sampling(interpolation=INTER_AREA)
_KNOWN = frozenset({
    "image", "mask", "bbox", "bbox_labels", "keypoints", "keypoint_labels", "semantic_mask",
    "mask_id",
})  # fmt: skip


class CopyAndPaste(SpatialTransform):
    """Paste objects of other pictures at random places, and keep all labels right.

    Under ``metadata_key`` the call holds a list of dictionaries, each an object that is pasted:

    - ``image``, and ``mask``, not zero where the object is; without, ``bbox`` is pasted whole;
    - ``bbox_labels``: field → its label, for each label field of boxes;
    - ``keypoints``, and ``keypoint_labels``: field → one label a keypoint;
    - ``semantic_mask`` or ``mask_id``: what the call's ``mask`` shows where it is pasted.

    A dictionary with ``masks`` or ``bboxes`` brings all its objects, each pasted for itself, as a
    sample of a call has them. With a ``bank`` objects are drawn from there.

    The box and mask of what is pasted join ``bboxes`` and ``masks``. Objects below lose what is
    covered: in their masks, and their boxes shrink to what is visible, by their masks if there are
    as many as boxes. Objects of which too little is left go; so do keypoints under what is pasted.
    Polygons stay. Source: Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method
    for Instance Segmentation, 2021.

    >>> mask = np.zeros((427, 640), np.uint8)
    >>> mask[60:160, 430:530] = 1
    >>> sun = {"image": photo, "mask": mask, "bbox_labels": {"name": "sun"}}
    >>> paste = A.Compose([A.CopyAndPaste(p=1)], bbox_params=A.BboxParams("coco", ["name"]))
    >>> paste(image=photo, bboxes=[], name=[], copy_paste_metadata=[sun])["name"]
    ['sun']
    """

    min_visibility_after_paste: Fraction = 0.05
    """Least part of an object that must stay visible."""
    blend_mode: BlendMode = "hard"
    """"gaussian" softens the edge (Dwibedi et al. 2017); "poisson" keeps the gradients of what is
    pasted and takes its level from what is around it (Pérez et al. 2003)."""
    blend_sigma_range: Sigmas = (1.0, 3.0)
    """Standard deviation of the softened edge."""
    scale_range: Scales = (1.0, 1.0)
    """What objects are scaled by; those too large for the picture are scaled to fit."""
    min_paste_area: Area = 1
    """Objects of fewer pixels are not pasted."""
    metadata_key: Key = "copy_paste_metadata"
    p: Probability = 0.5
    bank: Bank = None
    """Objects to draw from, in place of those that the call brings."""
    count_range: Count = (1, 3)
    """How many objects are drawn from the bank."""

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw objects, scales and places."""
        pasted = [self._pasted(rng, scene, *item) for item in self._items(rng, scene)]
        done = [one for one in pasted if one is not None]
        if done:
            yield _assembled(scene, done, self.min_visibility_after_paste)

    def _items(self, rng: Rng, scene: Scene) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What is to be pasted, each with how messages call it."""
        if self.bank is not None:
            for _ in range(rng.integer(*self.count_range)):
                yield "the bank's object", self.bank.draw(rng)
            return
        for i, item in enumerate(listed(self.metadata_key, scene.given(self.metadata_key))):
            place = f"{self.metadata_key}[{i}]"
            if not {"masks", "bboxes"}.isdisjoint(item if isinstance(item, Mapping) else ()):
                yield from ((place, part) for part in instances_of(place, item))
            else:
                yield place, item

    def _pasted(
        self, rng: Rng, scene: Scene, place: str, item: Mapping[str, Any]
    ) -> _Pasted | None:
        """Cut an object out, scale it and find it a place; None if there is nothing to paste."""
        sigma = rng.uniform(*self.blend_sigma_range) if self.blend_mode == "gaussian" else 0.0
        lies = _footprint(scene, place, item)
        found = bounds_of(lies)
        if found is None:
            return None
        scale = self._scale(rng, found, scene.size)
        donor = scene.donor(place, _data(scene, place, item, lies, found))
        donor.check_picture()
        _cut(donor, found, scale, _margin(self.blend_mode, sigma))
        shape = _marked(donor.picture("masks")[0])
        extent = bounds_of(shape)
        if extent is None or np.count_nonzero(shape) < self.min_paste_area:
            return None
        at, kept = _placed(rng, donor, extent, scene.size)
        return _Pasted(donor, at, shape[kept], sigma, self.blend_mode == "poisson", _mask_id(item))

    def _scale(self, rng: Rng, bounds: Bounds, size: tuple[int, int]) -> float:
        x0, y0, x1, y1 = bounds
        drawn = rng.uniform(*self.scale_range)
        return float(min(drawn, size[0] / (y1 - y0), size[1] / (x1 - x0)))


@dataclass(frozen=True, slots=True)
class _Pasted:
    """An object that has its place: x, y of its piece, and which pixels of that it covers."""

    donor: Any
    at: tuple[int, int]
    lies: Flags
    sigma: float
    seamless: bool
    mask_id: Any

    @property
    def region(self) -> tuple[slice, slice]:
        """Where its piece is."""
        (x, y), (h, w) = self.at, self.lies.shape
        return slice(y, y + h), slice(x, x + w)


# ------------------------------------------------------------------------------ one object


def bounds_of(flags: Flags) -> Bounds | None:
    """The least rectangle x0, y0, x1, y1 around what is marked; None if nothing is."""
    rows, columns = np.flatnonzero(flags.any(axis=1)), np.flatnonzero(flags.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _marked(mask: npt.NDArray[Any]) -> Flags:
    """Where a mask (H, W, C) is not zero."""
    flags: Flags = mask[:, :, 0] != 0
    for channel in range(1, mask.shape[2]):  # NumPy is slow to reduce an axis this short
        flags |= mask[:, :, channel] != 0
    return flags


def _footprint(scene: Scene, place: str, item: Any) -> Flags:
    """Where an object is in its picture."""
    if not isinstance(item, Mapping):
        raise DataTypeError(f"{place} is a {type(item).__name__}: it must be a dictionary")
    size = getattr(item.get("image"), "shape", (0, 0))[:2]
    mask = item.get("mask")
    if mask is not None:
        if not isinstance(mask, np.ndarray) or mask.shape[:2] != size:
            shape = getattr(mask, "shape", type(mask).__name__)
            raise DataError(f"{place}: mask is {shape} and image {size}: they must be of one size")
        return _marked(mask if mask.ndim == 3 else mask[:, :, None])
    if item.get("bbox") is None:
        raise MissingDataError(f"{place} has neither mask nor bbox, which say what is pasted")
    x0, y0, x1, y1 = scene.box_from(place, item["bbox"], size)
    lies = np.zeros(size, np.bool_)
    lies[int(y0) : ceil(y1), int(x0) : ceil(x1)] = True
    return lies


def _data(
    scene: Scene, place: str, item: Mapping[str, Any], lies: Flags, bounds: Bounds
) -> dict[str, Any]:
    """What a donor is read from: a sample with one object."""
    data: dict[str, Any] = {"image": item["image"], "masks": [lies.astype(np.uint8)]}
    if item.get("semantic_mask") is not None:
        data["mask"] = item["semantic_mask"]
    elif scene.has("mask") and _mask_id(item) is None:
        raise MissingDataError(
            f"{place} has no semantic_mask or mask_id: the call has a mask, and one of them must "
            "say what it shows where the object is pasted"
        )
    if scene.has("bboxes"):
        data["bboxes"] = [scene.box_row(place, bounds, item.get("bbox"), lies.shape)]
    if item.get("keypoints") is not None and scene.has("keypoints"):
        data["keypoints"] = item["keypoints"]
    for key, value in item.items():
        if key not in _KNOWN:
            listing = isinstance(value, list | tuple | np.ndarray)
            data[key] = value if listing or scene.has(key) else [value]
    data |= {key: [value] for key, value in (item.get("bbox_labels") or {}).items()}
    data |= dict(item.get("keypoint_labels") or {})
    if "keypoints" in data:
        data.setdefault("instance", [0] * len(data["keypoints"]))
    return data


def _mask_id(item: Mapping[str, Any]) -> Any:
    value = item.get("mask_id")
    return value.item() if isinstance(value, np.generic) else value


def _margin(mode: str, sigma: float) -> int:
    """Pixels around an object that are pasted with it or looked at."""
    return {"hard": 0, "gaussian": ceil(REACH * sigma), "poisson": 1}[mode]


def _cut(donor: Any, bounds: Bounds, scale: float, margin: int) -> None:
    """Cut an object out with a margin and its keypoints, as far as its picture goes; scale it."""
    around = ceil(margin / scale)
    x0, y0, x1, y1 = _with_points(bounds, donor.points())
    h, w = donor.size
    x0, y0, x1, y1 = (
        max(0, x0 - around),
        max(0, y0 - around),
        min(w, x1 + around),
        min(h, y1 + around),
    )
    donor.push(Warp.crop(x0, y0, x1, y1))
    to = max(1, round((y1 - y0) * scale)), max(1, round((x1 - x0) * scale))
    if to != donor.size:
        donor.push(Warp.resize(donor.size, to, _SHRINK if scale < 1 else PLAIN))


def _with_points(bounds: Bounds, points: npt.NDArray[np.float64] | None) -> Bounds:
    """The bounds of an object and of its keypoints, which need not be in its mask."""
    known = None if points is None else points[~np.isnan(points).any(axis=1)]
    if known is None or not len(known):
        return bounds
    (left, top), (right, bottom) = known.min(axis=0).tolist(), known.max(axis=0).tolist()
    x0, y0, x1, y1 = bounds
    return min(x0, int(left)), min(y0, int(top)), max(x1, ceil(right)), max(y1, ceil(bottom))


def _placed(
    rng: Rng, donor: Any, extent: Bounds, canvas: tuple[int, int]
) -> tuple[tuple[int, int], tuple[slice, slice]]:
    """Draw where an object goes; cut off what of its margin lies out of the picture."""
    (h, w), (high, wide) = donor.size, canvas
    x = rng.integer(0, max(0, wide - (extent[2] - extent[0]))) - extent[0]
    y = rng.integer(0, max(0, high - (extent[3] - extent[1]))) - extent[1]
    x0, y0, x1, y1 = max(0, -x), max(0, -y), min(w, wide - x), min(h, high - y)
    if (x0, y0, x1, y1) != (0, 0, w, h):
        donor.push(Warp.crop(x0, y0, x1, y1))
    return (x + x0, y + y0), (slice(y0, y1), slice(x0, x1))


# ----------------------------------------------------------------------------- all of them


def _assembled(scene: Scene, pasted: list[_Pasted], least: float) -> Collage:
    """Lay objects over the picture, and say what becomes of all labels."""
    owner = np.zeros(scene.size, np.uint8 if len(pasted) < 256 else np.uint32)
    for k, one in enumerate(pasted, 1):
        np.copyto(owner[one.region], k, where=one.lies)
    joined = Joined(scene, scene.size)
    pieces = []
    for k, one in enumerate(pasted, 1):
        seen: Flags = (owner[one.region] == k) & one.lies
        if np.count_nonzero(seen) >= max(1.0, least * np.count_nonzero(one.lies)):
            _join(joined, one, seen, owner, k)
        cover = Picture.of(one.lies.astype(np.uint8))
        pieces.append(
            one.donor.piece(
                one.at,
                mask=one.mask_id,
                member=0,
                cover=cover,
                sigma=one.sigma,
                seamless=one.seamless,
            )
        )
    lost, shown = left_under(scene, _covered(pasted, owner), least)
    return Collage(
        tuple(pieces), hides=True, min_visible=least, lost=lost, shown=shown, **joined.parts()
    )


def _join(joined: Joined, one: _Pasted, seen: Flags, owner: Any, k: int) -> None:
    """Let the labels of an object join those of the picture."""
    rows: dict[str, tuple[Row, ...]] = one.donor.rows(one.at, joined.canvas, joined.objects)
    (x, y), bounds = one.at, bounds_of(seen)
    boxes = rows.get("bboxes")
    if boxes == () or bounds is None:  # thresholds let no such box through: no object then
        return
    if boxes and len(boxes[0][0]) == 4:
        x0, y0, x1, y1 = map(float, bounds)
        _, given, labels = boxes[0]
        rows["bboxes"] = (((x + x0, y + y0, x + x1, y + y1), given, labels),)
    if "keypoints" in rows:
        rows["keypoints"] = tuple(row for row in rows["keypoints"] if _shows(row, owner, k))
    x0, y0, x1, y1 = bounds
    mask = Picture.of(seen[y0:y1, x0:x1].astype(np.uint8))
    joined.take(rows, (Member((x + x0, y + y0), mask),), 1)


def _shows(row: Row, owner: Any, k: int) -> bool:
    """Tell whether a keypoint of object k is not under one that was pasted later."""
    x, y = row[0][:2]
    h, w = owner.shape
    inside = 0 <= x < w and 0 <= y < h
    return not inside or int(owner[int(y), int(x)]) <= k


@dataclass(frozen=True, slots=True)
class Covered:
    """Which pixels of a region of the picture are covered."""

    region: tuple[slice, slice]
    pixels: Flags

    def left(self, mask: Any, least: float) -> tuple[Bounds, Bounds | None] | None:
        """What bounds an object was in, and is; the latter None if too little is left of it.

        None if nothing of it is covered.
        """
        hidden = np.count_nonzero(_marked(mask[self.region]) & self.pixels)
        if not hidden:
            return None
        whole = _marked(mask)
        area = np.count_nonzero(whole)
        before = bounds_of(whole) or (0, 0, 0, 0)
        if area - hidden < max(1.0, least * area):
            return before, None
        whole[self.region] &= ~self.pixels
        return before, bounds_of(whole)


def _covered(pasted: list[_Pasted], owner: Any) -> Covered:
    """The rectangle around all objects, and what they cover of it."""
    rows, columns = zip(*(one.region for one in pasted), strict=True)
    region = (
        slice(min(r.start for r in rows), max(r.stop for r in rows)),
        slice(min(c.start for c in columns), max(c.stop for c in columns)),
    )
    return Covered(region, owner[region] != 0)


def left_under(
    scene: Scene, cover: Covered, least: float
) -> tuple[tuple[int, ...], tuple[Shown, ...]]:
    """Which objects of the picture are lost, and the boxes of those that masks tell of."""
    masks = scene.members or []
    told = {i: found for i, mask in enumerate(masks) if (found := cover.left(mask, least))}
    lost = tuple(i for i, (_, bounds) in told.items() if bounds is None)
    if not scene.paired or scene.boxes is None:
        return lost, ()
    shown = []
    for row, (i, box) in enumerate(zip(scene.owners, scene.boxes.tolist(), strict=True)):
        if i in told:
            shown.append((row, *_shrunk(box, *told[i])))
        elif i < len(masks):
            shown.append((row, *box))
    return lost, tuple(shown)


def _shrunk(
    box: list[float], before: Bounds, after: Bounds | None
) -> tuple[float, float, float, float]:
    """The box, its sides moved in where what its mask shows has moved; zero if nothing is left."""
    if after is None:
        return 0.0, 0.0, 0.0, 0.0
    x0, y0, x1, y1 = (b if a == w else float(a) for b, w, a in zip(box, before, after, strict=True))
    return max(x0, box[0]), max(y0, box[1]), min(x1, box[2]), min(y1, box[3])
