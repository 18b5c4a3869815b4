"""The page of one transform: what it does, on a photograph; parameters; what it takes."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

from docs import prose, scenes, support
from docs.families import by_family, family_of
from docs.showcase import NEEDS, PHOTOS, written
from docs.strips import VOLUME

import anamorph as A
from anamorph.backends import BACKENDS
from anamorph.transforms.base import MISSING, Transform


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


def page(name: str) -> str:
    """Write the page of a transform in Markdown."""
    cls = A.catalogue()[name]
    parts = [
        f"# {name}",
        f"*{family_of(name)}*",
        prose.markdown(cls),
        f"![What {name} does](images/{name}.jpg)",
        _call(name),
        _parameters(cls),
        _support(name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _call(name: str) -> str:
    """The call that made the picture."""
    height, width = scenes.photo(PHOTOS.get(name, "cat")).shape[:2]
    size = VOLUME if support.solid(name) else (height, width)
    call = written(name, *size)
    needs = f"  # called with {NEEDS[name]}" if name in NEEDS else ""
    return f"```python\n{call}{needs}\n```"


def _parameters(cls: type[Transform]) -> str:
    if not cls.fields:
        return ""
    notes = parameter_notes(cls)
    rows = ["## Parameters\n", "| name | default | what it may be | |", "|---|---|---|---|"]
    for field in cls.fields.values():
        default = "needed" if field.default is MISSING else f"`{_plain(field.default)}`"
        cells = [f"`{field.name}`", default, field.rule.describe(), notes.get(field.name, "")]
        rows.append(_row(cells))
    return "\n".join(rows)


def _plain(value: object) -> str:
    return getattr(value, "__name__", None) or repr(value)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _support(name: str) -> str:
    rows = [
        "## What it takes\n",
        _row(["", *BACKENDS]),
        "|---|" + "---|" * len(BACKENDS),
        *(_row(cells) for cells in support.rows(name)),
        "",
        f"Inverse: {support.inverse(name)}.",
    ]
    return "\n".join(rows)


def index() -> str:
    """Write the gallery: every transform by family, with its first sentence."""
    lines = ["# Transforms\n", f"{len(A.catalogue())} transforms, by what they do.\n"]
    for title, names in by_family().items():
        lines.append(f"\n## {title}\n")
        lines += [f"- [`{n}`]({n}.md): {prose.first_sentence(A.catalogue()[n])}" for n in names]
    return "\n".join(lines) + "\n"
