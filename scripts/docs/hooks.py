"""What MkDocs calls while it builds: pages and pictures that come from the registry itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "src", ROOT / "scripts"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from docs import pages, reference, strips  # noqa: E402 - found on the path that was just made
from docs.families import by_family  # noqa: E402
from docs.links import CARRIED, rehomed  # noqa: E402

import anamorph as A  # noqa: E402


def on_config(config: Any) -> Any:
    """Put the transforms into the navigation, by family."""
    families = [{"All": "transforms/index.md"}]
    families += [
        {title: [{name: f"transforms/{name}.md"} for name in names]}
        for title, names in by_family().items()
    ]
    at = next(i for i, entry in enumerate(config.nav) if "Transforms" in entry)
    config.nav[at] = {"Transforms": families}
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages that are made, and those that lie elsewhere in the repository."""
    made: dict[str, str | bytes] = {
        "transforms/index.md": pages.index(),
        "reference.md": reference.page(),
    }
    for name in A.catalogue():
        made[f"transforms/{name}.md"] = pages.page(name)
        made[f"transforms/images/{name}.jpg"] = strips.strip(name)
    for path, uri in CARRIED.items():
        if (ROOT / path).is_dir():
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        made[uri] = rehomed(text, path, uri) if uri.endswith(".md") else text
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Mend the links of pages that lead out of their folder."""
    uri = page.file.src_uri
    return markdown if page.file.generated_by else rehomed(markdown, f"docs/{uri}", uri)
