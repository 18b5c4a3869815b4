"""A contact sheet as one HTML page that needs nothing else: pictures inside, labels as vectors."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import cv2
import numpy as np

from anamorph.cli.draw import color_of, labels_of
from anamorph.cli.sheet import View, fitted
from anamorph.data import polygon
from anamorph.data.annotations import Category, Object, Polygons
from anamorph.data.write import encode_picture

_LARGEST = 640
_LAYERS = ("masks", "outlines", "boxes", "keypoints")

_STYLE = """
:root { color-scheme: light dark; --paper: #fafafa; --ink: #222; --faint: #777; --card: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #17181a; --ink: #e8e8e8; --faint: #999; --card: #212327; }
}
body { margin: 0; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.2rem; margin: 0 0 .25rem; }
pre { margin: 0 0 1rem; color: var(--faint); white-space: pre-wrap; font-size: .85rem; }
label { margin-right: 1rem; cursor: pointer; }
main { overflow-x: auto; }
.row { display: grid; gap: .75rem; margin-top: 1rem; align-items: start;
  grid-auto-flow: column; grid-auto-columns: minmax(10rem, 1fr); }
figure { margin: 0; background: var(--card); border-radius: .4rem; overflow: hidden; }
figure:first-child { box-shadow: inset 0 0 0 2px var(--faint); }
svg { display: block; width: 100%; height: auto; }
figcaption { padding: .3rem .5rem; color: var(--faint); font-size: .8rem; }
.shape { fill: none; pointer-events: all; stroke-width: 2px; vector-effect: non-scaling-stroke; }
"""


def html_page(
    title: str, text: str, rows: Sequence[Sequence[View]], categories: Sequence[Category]
) -> str:
    """Write the page.

    Args:
        title: its heading.
        text: shown below the heading, as it is.
        rows: the views, a row for each picture.
        categories: of the objects in the views.
    """
    numbered = {category.name: (at, category) for at, category in enumerate(categories)}
    hidden = "\n".join(
        f"#{name}:not(:checked) ~ main .{name} {{ display: none; }}" for name in _LAYERS
    )
    boxes = "".join(
        f'<input type="checkbox" id="{name}" checked><label for="{name}"> {name}</label>\n'
        for name in _LAYERS
    )
    body = "\n".join(
        '<div class="row">' + "".join(_figure(view, numbered) for view in row) + "</div>"
        for row in rows
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{hidden}\n</style></head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<pre>{escape(text)}</pre>\n{boxes}"
        f"<main>\n{body}\n</main>\n</body></html>\n"
    )


def _figure(view: View, categories: Mapping[str, tuple[int, Category]]) -> str:
    height, width = view.picture.shape[:2]
    layers = [_image(_jpeg(view), "jpeg", width, height)]
    if view.mask is not None:
        layers.append(_layer("masks", [_image(_tinted(view), "png", width, height)]))
    things = () if view.record is None else view.record.objects
    unit = max(height, width) / 100
    marks: dict[str, list[str]] = {"outlines": [], "boxes": [], "keypoints": []}
    for thing in things:
        number, category = categories.get(thing.category or "", (0, Category(0, "")))
        color = "#{:02x}{:02x}{:02x}".format(*color_of(number))
        marks["outlines"] += _outline(thing, color)
        marks["boxes"] += _box(thing, color, unit)
        marks["keypoints"] += _points(thing, category, unit)
    layers += [_layer(name, shapes) for name, shapes in marks.items() if shapes]
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(view.title, quote=True)}">{"".join(layers)}</svg>'
        f"<figcaption>{escape(view.title)}</figcaption></figure>"
    )


def _layer(name: str, shapes: Sequence[str]) -> str:
    return f'<g class="{name}">{"".join(shapes)}</g>'


def _jpeg(view: View) -> bytes:
    picture = view.picture
    if max(picture.shape[:2]) > _LARGEST:
        picture = fitted(picture, _LARGEST)[0]
    return encode_picture(picture, ".jpg", 88)


def _tinted(view: View) -> bytes:
    """The mask as colors over nothing."""
    labels = labels_of(view.mask)
    tint = np.zeros((*labels.shape, 4), np.uint8)
    for value in np.unique(labels[labels != 0]).tolist():
        tint[labels == value] = (*color_of(value - 1), 90)
    if max(labels.shape) > _LARGEST:
        scale = _LARGEST / max(labels.shape)
        smaller = cv2.resize(tint, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        tint = np.asarray(smaller, np.uint8)
    return encode_picture(tint, ".png")


def _image(data: bytes, kind: str, width: int, height: int) -> str:
    text = base64.b64encode(data).decode()
    return (
        f'<image width="{width}" height="{height}" preserveAspectRatio="none" '
        f'href="data:image/{kind};base64,{text}"/>'
    )


def _outline(thing: Object, color: str) -> list[str]:
    if thing.segmentation is None:
        return []
    if isinstance(thing.segmentation, Polygons):
        parts: Sequence[Any] = thing.segmentation.points()
    else:
        parts = polygon.trace(thing.segmentation.mask(thing.segmentation.size))
    texts = (" ".join(f"{x:.1f},{y:.1f}" for x, y in part) for part in parts)
    return [f'<polygon class="shape" stroke="{color}" points="{text}"/>' for text in texts]


def _box(thing: Object, color: str, unit: float) -> list[str]:
    if thing.box is None:
        return []
    left, top, right, bottom = thing.box
    name = escape(thing.category or "")
    rectangle = (
        f'<rect class="shape" stroke="{color}" x="{left:.1f}" y="{top:.1f}" '
        f'width="{right - left:.1f}" height="{bottom - top:.1f}"><title>{name}</title></rect>'
    )
    if right - left < 2.4 * unit * len(name) or bottom - top < 6 * unit:
        return [rectangle]  # where boxes crowd, names would hide them; the pointer still tells
    text = (
        f'<text x="{left + unit:.1f}" y="{max(top, 0) + 4 * unit:.1f}" font-size="{4 * unit:.1f}" '
        f'font-family="system-ui, sans-serif" fill="#fff" stroke="#000" '
        f'stroke-width="{unit:.2f}" paint-order="stroke">{name}</text>'
    )
    return [rectangle, text]


def _points(thing: Object, category: Category, unit: float) -> list[str]:
    """Keypoints, drawn at the centres of the pixels that they name, and the lines between them."""
    places = [(x + 0.5, y + 0.5) if seen else None for x, y, seen in thing.keypoints]
    shapes = []
    for a, b in category.skeleton:
        first, second = (places[at] if at < len(places) else None for at in (a, b))
        if first is not None and second is not None:
            shapes.append(
                f'<line class="shape" stroke="#fff" x1="{first[0]:.1f}" y1="{first[1]:.1f}" '
                f'x2="{second[0]:.1f}" y2="{second[1]:.1f}"/>'
            )
    for at, place in enumerate(places):
        if place is not None:
            name = category.keypoints[at] if at < len(category.keypoints) else str(at)
            color = "#{:02x}{:02x}{:02x}".format(*color_of(at))
            shapes.append(
                f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{unit:.1f}" fill="{color}" '
                f'stroke="#000" stroke-width="{unit / 3:.2f}"><title>{escape(name)}</title></circle>'
            )
    return shapes
