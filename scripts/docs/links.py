"""Links that hold on a code host as well as on the site, where files lie elsewhere."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

CARRIED: Mapping[str, str] = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks-how.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
    "examples/pipeline.yaml": "examples/pipeline.yaml",
    "examples/projects/README.md": "examples/projects.md",
    "src/anamorph/transforms": "transforms/index.md",
}
"""What the site has too, though not from its folder of pages → where; of folders, a page on them."""

_LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)]*)?\))")


def rehomed(text: str, path: str, uri: str) -> str:
    """Point the links of a page at where their targets are on the site.

    Args:
        text: the page.
        path: where it lies in the repository.
        uri: where it lies on the site.
    """

    def moved(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
        there = CARRIED.get(target, target.removeprefix("docs/"))
        return f"{found[1]}{posixpath.relpath(there, posixpath.dirname(uri) or '.')}{found[3]}"

    return _LINK.sub(moved, text)
