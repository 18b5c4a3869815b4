"""The picture on a transform's page: what is given, and variants of it, at one scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from docs import scenes
from docs.showcase import PHOTOS, build, extras
from numpy.typing import NDArray

import anamorph as A
from anamorph.cli.draw import marked, shaded, viewable
from anamorph.data.annotations import Object, Record
from anamorph.data.follow import Following, prepared
from anamorph.data.write import encode_picture

Picture: TypeAlias = NDArray[np.uint8]
SEED = 3
VARIANTS, DRAWS = 3, 12
CELL = 240
GAP, TITLE = 8, 18
PAPER, INK = (250, 250, 250), (60, 60, 60)
FONT = cv2.FONT_HERSHEY_SIMPLEX
VOLUME = (64, 96, 96)
MINGLED = frozenset({"CopyAndPaste", "Mosaic", "OverlayElements"})
"""What brings in objects of other pictures: those are no objects of this one's files."""
SPECTRAL = frozenset({"FrequencyMasking", "TimeMasking", "TimeReverse", "XYMasking"})
MEDICAL = frozenset({
    "BiasField", "GhostingArtifact", "GibbsRinging", "KSpaceSpikeNoise", "MotionArtifact",
    "RicianNoise",
})  # fmt: skip


@dataclass(frozen=True)
class View:
    """One picture of a strip, drawn when its scale is known."""

    title: str
    size: tuple[int, int]
    draw: Callable[[float], Picture]


def strip(name: str) -> bytes:
    """Draw what a transform does, as JPEG."""
    return encode_picture(_sheet(list(views(name))), ".jpg", quality=88)


def views(name: str) -> Iterator[View]:
    """What is given, then what a transform makes of it."""
    if name == "UniformTemporalSubsample":
        yield from _clip(name)
    elif A.catalogue()[name].kind == "volume" or name == "ToTensor3D":
        yield from _volume(name)
    elif name in SPECTRAL or name in MEDICAL:
        yield from _plain(name, scenes.spectrogram() if name in SPECTRAL else _slice())
    elif A.catalogue()[name].kind != "dual":
        yield from _plain(name, _picture(name))
    elif name in MINGLED:
        yield from _mingled(name)
    else:
        yield from _followed(name)


def _picture(name: str) -> NDArray[Any]:
    """What a transform of pixels is shown on."""
    image = scenes.photo(PHOTOS.get(name, "cat"))
    if name == "FromFloat":
        return (image / 255).astype(np.float32)
    return image[..., 1] if name == "ToRGB" else image


def _slice() -> Picture:
    return np.ascontiguousarray(scenes.head(1 + 2 * 31, 240)[0][23])


def _sheet(row: Sequence[View]) -> Picture:
    """Put views side by side, at the scale at which the first fills its cell."""
    scale = CELL / max(row[0].size)
    pictures = [view.draw(scale) for view in row]
    height = max(picture.shape[0] for picture in pictures) + TITLE + GAP
    width = sum(picture.shape[1] + GAP for picture in pictures) + GAP
    sheet = np.full((height, width, 3), PAPER, np.uint8)
    x = GAP
    for view, picture in zip(row, pictures, strict=True):
        h, w = picture.shape[:2]
        cv2.putText(sheet, view.title, (x, TITLE - 6), FONT, 0.4, INK, 1, cv2.LINE_AA)
        sheet[TITLE : TITLE + h, x : x + w] = picture
        x += w + GAP
    return sheet


def _view(image: Any, given: tuple[int, int], mask: Any = None, record: Any = None) -> View:
    """See a picture with its mask, boxes, outlines and keypoints."""
    seen = viewable(image)
    size = seen.shape[0], seen.shape[1]
    base = seen if mask is None else shaded(seen, np.asarray(mask))
    categories = scenes.source().categories
    numbered = {each.name: (at, each) for at, each in enumerate(categories)}

    def draw(scale: float) -> Picture:
        to = max(1, round(size[1] * scale)), max(1, round(size[0] * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        out = np.asarray(cv2.resize(base, to, interpolation=way), np.uint8)
        return out if record is None else marked(out, record, numbered, scale)

    return View("" if size == given else f"{size[0]} x {size[1]}", size, draw)


def _first(view: View) -> View:
    return View(f"as given: {view.size[0]} x {view.size[1]}", view.size, view.draw)


def _results(pipeline: Any, data: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Draw until there are enough results that differ, from one another and from what is given."""
    seen = {np.asarray(data[key]).tobytes()}
    found = []
    for epoch in range(DRAWS):
        result = pipeline.keyed(epoch, 0)(**data)
        picture = np.asarray(result[key]).tobytes()
        if picture not in seen:
            seen.add(picture)
            found.append(result)
        if len(found) == VARIANTS:
            break
    return iter(found or [pipeline.keyed(0, 0)(**data)])


def _plain(name: str, image: Any) -> Iterator[View]:
    """A transform that leaves places as they are: no labels are shown."""
    height, width = image.shape[:2]
    pipeline = A.Compose([build(name, height, width)], seed=SEED)
    data = {"image": image, **extras(name, height, width)}
    yield _first(_view(image, (height, width)))
    for result in _results(pipeline, data, "image"):
        yield _view(result["image"], (height, width))


def _followed(name: str) -> Iterator[View]:
    """A transform that moves things, with the annotations of a file of COCO."""
    photo = PHOTOS.get(name, "cat")
    image, mask = scenes.photo(photo), scenes.mask(photo)
    height, width = size = image.shape[0], image.shape[1]
    source = scenes.source()
    record = source.record(f"{photo}.jpg", size)
    following = Following(record, source.categories)
    labels = following.arguments()
    pipeline = prepared(A.Compose([build(name, height, width)], seed=SEED))
    rest = extras(name, height, width)
    yield _first(_view(image, size, mask, record))
    for result in _results(pipeline, {"image": image, "mask": mask, **labels, **rest}, "image"):
        after = following.record({**result, "image": viewable(result["image"])}, photo)
        yield _view(result["image"], size, result["mask"], after)


def _mingled(name: str) -> Iterator[View]:
    """A transform that brings in objects: boxes and keypoints as they come out."""
    photo = PHOTOS.get(name, "cat")
    data = scenes.sample(photo)
    height, width = size = data["image"].shape[0], data["image"].shape[1]
    pipeline = A.Compose(
        [build(name, height, width)],
        bbox_params=A.BboxParams("pascal_voc", ["names"], min_area=100),
        keypoint_params=A.KeypointParams("xy"),
        seed=SEED,
    )
    yield _first(_view(data["image"], size, data["mask"], _record(data, size)))
    for result in _results(pipeline, {**data, **extras(name, height, width)}, "image"):
        shape = result["image"].shape[:2]
        yield _view(result["image"], size, result["mask"], _record(result, shape))


def _record(data: Mapping[str, Any], size: tuple[int, int]) -> Record:
    boxes = zip(data["bboxes"], data["names"], strict=True)
    objects = [Object(name, tuple(map(float, box[:4]))) for box, name in boxes]
    points = tuple((float(x), float(y), 2) for x, y, *_ in data["keypoints"])
    return Record("", size, (*objects, Object(keypoints=points)))


def _volume(name: str) -> Iterator[View]:
    """A transform of volumes: three cuts through the middle, each across another axis."""
    scan, labels = scenes.head(*VOLUME[:2])
    pipeline = A.Compose([build(name, *VOLUME)], seed=SEED)
    yield _cuts(scan, labels, "as given: ")
    for result in _results(pipeline, {"volume": scan, "mask3d": labels}, "volume"):
        yield _cuts(*(np.asarray(result[key]) for key in ("volume", "mask3d")))


def _cuts(scan: Any, labels: Any, before: str = "") -> View:
    """The axial cut, and below each other the coronal and the sagittal one."""
    scan, labels = (part[0] if part.ndim == 4 else part for part in (scan, labels))
    depth, height, width = scan.shape
    axial, coronal, sagittal = (
        shaded(viewable(np.ascontiguousarray(scan[at])), labels[at])
        for at in (np.s_[depth * 2 // 5], np.s_[::-1, height // 2], np.s_[::-1, :, width // 2])
    )
    canvas = np.full((max(height, 2 * depth + 4), width + max(width, height) + 4, 3), 250, np.uint8)
    for part, y, x in ((axial, 0, 0), (coronal, 0, width + 4), (sagittal, depth + 4, width + 4)):
        canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
    size = canvas.shape[0], canvas.shape[1]

    def draw(scale: float) -> Picture:
        to = round(size[1] * scale * 1.3), round(size[0] * scale * 1.3)
        return np.asarray(cv2.resize(canvas, to, interpolation=cv2.INTER_LINEAR), np.uint8)

    return View(f"{before}{depth} x {height} x {width}", size, draw)


def _clip(name: str) -> Iterator[View]:
    """A transform of clips: the frames before, and those after."""
    frames, times = scenes.clip(), list(range(len(scenes.clip())))
    pick = build(name, *frames.shape[1:3]).replace(frame_keys=("images", "times"))
    result = A.Compose([pick])(images=frames, times=times)
    yield _reel(frames, f"as given: {len(frames)} frames")
    yield _reel(result["images"], f"frames {', '.join(map(str, result['times']))}")


def _reel(frames: Any, title: str) -> View:
    edge = ((2, 2), (2, 2), (0, 0))
    tiles = [np.pad(cv2.resize(frame, (70, 70)), edge, constant_values=250) for frame in frames]
    reel = np.hstack(tiles)
    return View(title, (reel.shape[0], reel.shape[1]), lambda _: reel)
