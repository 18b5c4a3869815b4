"""The page of one transform: what it does, on a photograph; parameters; what it takes."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import replace
from itertools import pairwise
from typing import Any

from docs.families import by_family, family_of
from docs.showcase import ASSETS, build, extras
from docs.support import DTYPES, matrix

import anamorph as A
from anamorph.cli.sheet import contact_sheet
from anamorph.cli.show import Shown
from anamorph.data import read_annotations
from anamorph.data.write import encode_picture
from anamorph.transforms.base import MISSING, Transform

PHOTO = "cat.jpg"
VARIANTS = 3
CELL = 240

SPATIAL = (
    "image, images, mask, masks, bboxes, keypoints, polygons, polylines, depth, normals, flow, "
    "volume, volumes, mask3d, masks3d"
)
PIXELS = "image, images, volume, volumes"
SOLID = "volume, volumes, mask3d, masks3d, keypoints"


def parameter_notes(cls: type) -> dict[str, str]:
    """Read what stands under each parameter in the source of a class and of its bases."""
    notes: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is object or not base.__module__.startswith("anamorph.transforms"):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        body = tree.body[0].body  # type: ignore[attr-defined]
        for statement, after in pairwise(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                text = after.value.value if said else ""
                notes[statement.target.id] = " ".join(str(text).split())
    return notes


def targets_of(cls: type[Transform]) -> str:
    """Name the keys of a call that a transform changes."""
    if cls.kind == "dual":
        return SPATIAL
    return PIXELS if cls.kind == "image" else SOLID


def page(name: str) -> str:
    """Write the page of a transform in Markdown."""
    cls = A.catalogue()[name]
    doc = inspect.getdoc(cls) or ""
    prose, example = _split(doc)
    parts = [
        f"# {name}\n",
        f"*{family_of(name)}*\n",
        prose,
        f"\n![{name} on a photograph](images/{name}.jpg)\n",
        f"```python\n{build(name)!r}\n```\n" if _builds(name) else "",
        _parameters(cls),
        _support(name, cls),
        f"## Example\n\n```pycon\n{example}\n```\n" if example else "",
    ]
    return "\n".join(part for part in parts if part)


def _split(doc: str) -> tuple[str, str]:
    lines = doc.splitlines()
    at = next((i for i, line in enumerate(lines) if line.startswith(">>>")), len(lines))
    return "\n".join(lines[:at]).rstrip(), "\n".join(lines[at:]).rstrip()


def _builds(name: str) -> bool:
    return "at 0x" not in repr(build(name))


def _parameters(cls: type[Transform]) -> str:
    notes = parameter_notes(cls)
    rows = ["## Parameters\n", "| name | default | what it may be | |", "|---|---|---|---|"]
    for field in cls.fields.values():
        default = "needed" if field.default is MISSING else f"`{field.default!r}`"
        cells = [
            f"`{field.name}`",
            default,
            field.rule.describe(),
            notes.get(field.name, ""),
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _support(name: str, cls: type[Transform]) -> str:
    key = "volume" if cls.kind not in {"dual", "image", "basic"} else "image"
    table = matrix(lambda: build(name), key, _small(name))
    rows = [
        "## What it takes\n",
        f"Targets: {targets_of(cls)}.\n",
        "| backend | " + " | ".join(DTYPES) + " |",
        "|---|" + "---|" * len(DTYPES),
        *("| " + " | ".join(row) + " |" for row in table),
    ]
    return "\n".join(rows) + "\n"


def _small(name: str) -> dict[str, Any]:
    """What else a call on a small picture must hold."""
    return {**extras(name), "cropping_bbox": (5, 5, 30, 30)} if extras(name) else {}


class _Supplied:
    """A pipeline whose calls hold more than pictures and labels."""

    def __init__(self, pipeline: Any, extra: dict[str, Any]) -> None:
        self.pipeline = pipeline
        self.extra = extra

    def keyed(self, epoch: int, index: int) -> Any:
        """Act on one sample of one epoch."""
        return lambda **data: self.pipeline.keyed(epoch, index)(**data, **self.extra)


def strip(name: str) -> bytes:
    """Draw a photograph and variants of it, with labels where these move, as JPEG."""
    source = read_annotations(ASSETS / "annotations.json")
    moves = A.catalogue()[name].kind == "dual"
    shown = Shown(A.Compose([build(name)], seed=3), source if moves else None, VARIANTS)
    shown.pipeline = _Supplied(shown.pipeline, extras(name))  # type: ignore[assignment]
    mask = ASSETS / "masks" / PHOTO.replace(".jpg", ".png") if moves else None
    row = shown.row(ASSETS / "images", PHOTO, mask)
    titles = ["as given", *[""] * VARIANTS]
    row = [replace(view, title=title) for view, title in zip(row, titles, strict=True)]
    sheet = contact_sheet([row], source.categories, CELL)
    return encode_picture(sheet, ".jpg", quality=88)


def index() -> str:
    """Write the gallery: every transform by family, with its first sentence."""
    lines = ["# Transforms\n", f"{len(A.catalogue())} transforms, by what they do.\n"]
    for title, names in by_family().items():
        lines.append(f"\n## {title}\n")
        for name in names:
            first = (inspect.getdoc(A.catalogue()[name]) or "").split("\n")[0]
            lines.append(f"- [`{name}`]({name}.md): {first}")
    return "\n".join(lines) + "\n"
