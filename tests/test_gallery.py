"""The pages that are made from the catalogue: none is missing, and each says what is true."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import anamorph as A
from anamorph.backends import BACKENDS

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from docs import (
    families,
    links,
    pages,
    reference,
    showcase,
    strips,
    support,
)

each = pytest.mark.parametrize("name", A.catalogue())
UNSEEN = {"FromFloat", "NoOp", "Normalize", "ToFloat", "ToRGB", "ToTensor3D", "ToTensorV2"}
"""What changes nothing that a picture shows."""


def test_families_cover_the_catalogue_once():
    grouped = [name for names in families.by_family().values() for name in names]
    assert sorted(grouped) == list(A.catalogue())
    assert [title for title, names in families.by_family().items() if not names] == []


def test_families_name_only_modules_that_are_there():
    named = [module for modules in families.FAMILIES.values() for module in modules]
    assert len(named) == len(set(named))
    for module in named:
        importlib.import_module(f"anamorph.transforms.{module}")
    assert set(families.ELSEWHERE) <= set(A.catalogue())
    assert set(families.ELSEWHERE.values()) <= set(families.FAMILIES)


def test_tables_of_the_gallery_name_only_what_is_there():
    tables = (
        showcase.ARGUMENTS, showcase.SIZED, showcase.IN_WORDS, showcase.NEEDS, showcase.EXTRAS,
        showcase.PHOTOS, support.PLAIN, support.CLIPS, support.TENSORS, support.MASKED,
        strips.MINGLED, strips.SPECTRAL, strips.MEDICAL,
    )  # fmt: skip
    assert {name for table in tables for name in table} - set(A.catalogue()) == set()
    assert set(showcase.NEEDS) == set(showcase.EXTRAS)


@each
def test_page(name):
    """A page has every parameter, the call that was drawn, and no gap in what is supported."""
    text = pages.page(name)
    assert text.startswith(f"# {name}\n")
    for field in A.catalogue()[name].fields:
        assert f"\n| `{field}` |" in text
    assert "0x" not in re.sub(r"0x[0-9A-F]+\b", "", text), "an address says nothing"
    table = text.split("## What it takes")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) >= 3 + len(support.SOLID_KEYS)
    assert "float32 | any channels" in table or re.search(r"float32 \| .*3.* channels", table)
    assert [row for row in rows[len(support.DTYPES) :] if support.NO in row] == []
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert {len(row) for row in cells} == {1 + len(BACKENDS)}
    assert [row for row in cells if len(set(row[1:])) > 1] == [], "a backend lacks a kernel"


@each
def test_picture(name):
    """What is shown differs from what is given, or is of a kind that cannot be seen."""
    given, *after = strips.views(name)
    assert after
    first = given.draw(1)
    seen = [view.draw(1) for view in after]
    differ = [not np.array_equal(first, picture) for picture in seen]
    assert all(differ) or name in UNSEEN
    assert len(strips.strip(name)) < 150_000


@each
def test_written_call_is_what_was_built(name):
    size = (64, 96, 96) if support.solid(name) else (300, 400)
    if name not in showcase.IN_WORDS:
        made = eval(showcase.written(name, *size), {"A": A})
        assert made == showcase.build(name, *size)


def test_index_names_all():
    text = pages.index()
    assert re.findall(r"^- \[`(\w+)`\]\(\1\.md\): \S", text, re.MULTILINE) == [
        name for names in families.by_family().values() for name in names
    ]


def test_reference_names_what_is_public():
    text = reference.page()
    assert reference.unlisted() == set()
    for names in reference.SECTIONS.values():
        for name in names:
            assert f"\n### {name}\n" in text
            assert hasattr(A, name)


def test_links_lead_to_where_pages_are_on_the_site():
    moved = links.rehomed(
        "[a](../examples/pipeline.yaml) [b](fusion.md#rules)", "docs/x.md", "x.md"
    )
    assert moved == "[a](examples/pipeline.yaml) [b](fusion.md#rules)"
    deep = links.rehomed("[a](../../CONTRIBUTING.md)", "docs/guides/x.md", "guides/x.md")
    assert deep == "[a](../contributing.md)"
    root = links.rehomed("[a](docs/fusion.md) [b](https://x.org)", "README.md", "about/readme.md")
    assert root == "[a](../fusion.md) [b](https://x.org)"
