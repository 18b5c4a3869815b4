"""What the pages say is true: their code runs and prints what they show, their lists are whole."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import pytest

import anamorph as A
from anamorph.cli.app import run
from anamorph.ir.collage import Collage
from anamorph.ir.frames import Frames
from anamorph.ir.ops import OPS
from anamorph.ir.rules import MODES, RULES
from anamorph.ir.volume import VOLUME_OPS
from anamorph.transforms import dialects

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ASSETS = Path(A.__file__).parent / "assets"
MODULE = "import anamorph as A\n\ntrain = A.Compose([A.HorizontalFlip(p=0.5)], seed=1)\n"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Fenced blocks of a page, as (language, text)."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [(language, textwrap.dedent(text)) for language, text in found]


def commands() -> list[str]:
    """Lines of shell blocks that call the command, continued lines joined, comments dropped."""
    found = []
    for page in PAGES:
        for language, text in blocks(page):
            lines = text.replace("\\\n", " ").splitlines() if language == "sh" else ()
            found += [line for line in lines if line.startswith("anamorph ")]
    return found


def section(page: Path, title: str) -> str:
    """The text under a heading of the second level."""
    return page.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def settled(text: str) -> list[str]:
    """Words of an output, less what a clock measured."""
    return re.sub(r"\d+ µs", "µs", text).split()


@each_page
def test_code_runs_and_prints_what_is_shown(page, tmp_path, monkeypatch):
    """The blocks of a page run in order, in one namespace; a text block is what the last printed."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    printed = ""
    for language, text in blocks(page):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, page.name, "exec", dont_inherit=True), names)
            printed = out.getvalue()
        elif language == "text":
            assert settled(printed) == settled(text)


@pytest.mark.parametrize("line", commands(), ids=lambda line: " ".join(line.split()[1:3]))
def test_commands_run(line, tmp_path, monkeypatch):
    shutil.copytree(ASSETS / "images", tmp_path / "photos")
    shutil.copytree(ASSETS / "masks", tmp_path / "masks")
    shutil.copy(ASSETS / "annotations.json", tmp_path)
    shutil.copy(ROOT / "examples" / "pipeline.yaml", tmp_path)
    (tmp_path / "my_pipelines.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert run(shlex.split(line, comments=True)[1:]) == 0


def test_all_commands_are_shown():
    from anamorph.cli.app import app

    page = (ROOT / "docs" / "command-line.md").read_text()
    assert [c.name for c in app.registered_commands if f"\n## {c.name}\n" not in page] == []
    assert {line.split()[1] for line in commands()} == {c.name for c in app.registered_commands}


@each_page
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [t for t in targets if not (page.parent / t).exists()] == []


@each_page
def test_names_are_there(page):
    """What a page says of the package's face exists, but for what it shows to be refused."""
    named = set(re.findall(r"\bA\.([A-Za-z]\w*)", page.read_text()))
    own = set(re.findall(r"^ *class (\w+)", page.read_text(), re.MULTILINE))
    assert sorted(n for n in named - own - set(dialects.GONE) if not hasattr(A, n)) == []


def test_readme_lists_the_transforms():
    listed = re.findall(r"`(\w+)`", section(README, "The transforms there are"))
    assert sorted(listed) == sorted(A.catalogue())
    assert f"{len(A.catalogue())} transforms" in README.read_text()


def test_readme_lists_nothing_as_missing_that_is_there():
    missing = re.findall(r"`(\w+)`", section(README, "Not yet"))
    assert missing
    assert [name for name in missing if hasattr(A, name)] == []


def test_migration_lists_every_name_of_another_dialect():
    page = (ROOT / "docs" / "migration.md").read_text()
    words = set(re.findall(r"\w+", page))
    tables = (dialects.RENAMED, dialects.CONVERTED, dialects.REFUSED)
    wanted = {(t, name) for table in tables for t, names in table.items() for name in names}
    wanted |= {(t, n) for t, w in dialects.JOINED.items() for names in w.values() for n in names}
    assert sorted(pair for pair in wanted if not set(pair) <= words) == []


def test_fusion_names_every_op_mode_and_rule():
    page = (ROOT / "docs" / "fusion.md").read_text()
    ops = [*OPS, *VOLUME_OPS, Collage.__name__, Frames.__name__]
    assert [op for op in ops if f"| `{op}` |" not in page] == []
    assert [mode for mode in MODES if f'`"{mode}"`' not in page] == []
    rows = set(re.findall(r"^\| (\w+), (\w+) \|", page, re.MULTILINE))
    assert rows - {("first", "second")} == {(a.__name__, b.__name__) for a, b in RULES}


def test_annotations_name_every_format():
    from anamorph.core import boxes, keypoints

    page = (ROOT / "docs" / "annotations.md").read_text()
    formats = (*boxes.FORMATS, boxes.OBB, *keypoints.FORMATS)
    assert [name for name in formats if f"`{name}`" not in page] == []


def test_the_picture_is_small():
    assert 0 < (ROOT / "docs" / "images" / "variants.png").stat().st_size <= 250_000
