"""The options that several commands share, described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Pipeline: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A YAML or JSON file, a Python module:object, or text such as "
        "'HorizontalFlip(p=0.5) | Rotate(limit=30)'.",
    ),
]
Masks: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder of masks, each with the path and name of its picture."),
]
Annotations: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="COCO file (.json), or folder of YOLO or Pascal VOC annotations."),
]
Form: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--annotation-format",
        metavar="coco|yolo|voc",
        help="Format of the annotations, if it is not to be told from the files.",
    ),
]
Seed: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0, help="Number that all chance comes from.", show_default="the pipeline's, or 0"
    ),
]
