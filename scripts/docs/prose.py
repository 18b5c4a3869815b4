"""Docstrings as Markdown: prose, lists of arguments and errors, examples."""

from __future__ import annotations

import inspect
import re
from typing import Any

SECTIONS = ("Args", "Returns", "Raises")
_ENTRY = re.compile(r"^    (\w[\w ]*): (.*)$")


def markdown(thing: Any) -> str:
    """Write what a docstring says."""
    return "\n\n".join(_block(part) for part in _parts(inspect.getdoc(thing) or ""))


def first_sentence(thing: Any) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(thing) or "").split("\n", maxsplit=1)[0]


def _parts(doc: str) -> list[str]:
    """Paragraphs; an example is one with all that it prints."""
    return [part.rstrip() for part in re.split(r"\n\s*\n", doc) if part.strip()]


def _block(part: str) -> str:
    if part.startswith(">>>"):
        return f"```pycon\n{part}\n```"
    title, _, rest = part.partition(":\n")
    if title in SECTIONS:
        return f"**{title}**\n\n{_entries(rest)}"
    return (
        part.replace("\n- ", "\n\n- ", 1) if "\n- " in part and not part.startswith("- ") else part
    )


def _entries(text: str) -> str:
    """A list of what is named, each with what is said of it."""
    items: list[str] = []
    for line in text.splitlines():
        found = _ENTRY.match(line)
        if found:
            items.append(f"- `{found[1]}`: {found[2]}")
        elif items:
            items[-1] += f" {line.strip()}"
        else:
            items.append(line.strip())
    return "\n".join(items)
