"""``anamorph show``: what a pipeline does, to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from anamorph.cli import options
from anamorph.cli.draw import viewable
from anamorph.cli.job import number_of
from anamorph.cli.page import html_page
from anamorph.cli.pipelines import brief, configured, load_pipeline
from anamorph.cli.sheet import View, contact_sheet
from anamorph.cli.work import quieten
from anamorph.core.errors import DataError
from anamorph.data import (
    Source,
    find_pictures,
    pair_masks,
    read_annotations,
    read_mask,
    read_picture,
    write_atomically,
    write_picture,
)
from anamorph.data.follow import Following, prepared


def show(  # noqa: PLR0913 - one parameter an option
    pipeline: options.Pipeline,
    *,
    images: Annotated[Path, typer.Option(help="Folder of pictures, or one picture.")],
    out: Annotated[
        Path, typer.Option(help="Where to write; the page and the PNG have this name.")
    ] = Path("anamorph-show"),
    masks: options.Masks = None,
    annotations: options.Annotations = None,
    annotation_format: options.Form = None,
    pictures: Annotated[int, typer.Option(min=1, help="How many pictures, at most.")] = 6,
    variants: Annotated[int, typer.Option(min=1, help="Variants beside each original.")] = 4,
    cell: Annotated[int, typer.Option(min=32, help="Pixels of a cell of the PNG.")] = 256,
    seed: options.Seed = None,
) -> None:
    """Draw pictures and their variants, with masks, boxes, outlines and keypoints.

    Writes a contact sheet (OUT.png) and a page for the browser (OUT.html) that holds everything in
    itself. The variants are those that augment writes with the same seed.
    """
    quieten()
    root, names = _places(images)
    pairs = {} if masks is None else pair_masks(names[:pictures], masks)
    source = None if annotations is None else read_annotations(annotations, annotation_format)
    loaded = load_pipeline(pipeline)
    ready = configured(loaded, seed=(loaded.seed or 0) if seed is None else seed)
    shown = Shown(ready, source, variants)
    rows = [shown.row(root, name, pairs.get(name)) for name in names[:pictures]]
    categories = () if source is None else source.categories
    sheet, page = out.with_name(f"{out.name}.png"), out.with_name(f"{out.name}.html")
    write_picture(sheet, contact_sheet(rows, categories, cell))
    text = html_page(
        f"Anamorph: {len(rows)} pictures, {variants} variants of each",
        brief(loaded),
        rows,
        categories,
    )
    write_atomically(page, text.encode())
    typer.echo(f"{sheet}\n{page}")


class Shown:
    """A pipeline, ready to make rows of views."""

    def __init__(self, pipeline: Any, source: Source | None, variants: int) -> None:
        """Prepare the pipeline for annotations, if there are any."""
        self.pipeline: Any = pipeline if source is None else prepared(pipeline)
        self.source = source
        self.variants = variants

    def row(self, root: Path, name: str, mask: Path | None) -> list[View]:
        """The original of a picture, and its variants."""
        image = read_picture(root / name)
        data: dict[str, Any] = {"image": image}
        if mask is not None:
            data["mask"] = read_mask(mask)
        following, record = None, None
        if self.source is not None:
            record = self.source.record(name, (image.shape[0], image.shape[1]))
            following = Following(record, self.source.categories)
            data |= following.arguments()
        views = [View(name, viewable(image), data.get("mask"), record)]
        for variant in range(self.variants):
            result = self.pipeline.keyed(variant, number_of(name))(**data)
            seen = viewable(result["image"])
            if following is not None:
                record = following.record({**result, "image": seen}, name)
            moved = None if mask is None else np.asarray(result["mask"])
            views.append(View(f"variant {variant}", seen, moved, record))
        return views


def _places(images: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder of pictures and the names in it; a single file is a folder of one."""
    if images.is_file():
        return images.parent, (images.name,)
    names = find_pictures(images)
    if not names:
        raise DataError(f"{images} holds no pictures")
    return images, names
