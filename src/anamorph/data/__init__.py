"""Pictures, masks and annotations from files, and back."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anamorph.core.errors import BackendError
from anamorph.data.annotations import (
    Box,
    Category,
    Format,
    Keypoint,
    Object,
    Polygons,
    Record,
    Runs,
    Source,
)
from anamorph.data.datasets import (
    AnnotatedDataset,
    ClassFolders,
    CocoDataset,
    Dataset,
    Item,
    MaskFolders,
    Subset,
    TableDataset,
    VocDataset,
    YoloDataset,
    read_bands,
    read_pages,
    worker_init,
)
from anamorph.data.folder import find_pictures, pair_masks
from anamorph.data.folds import Folds, LeakReport, Pair, find_leaks, make_folds
from anamorph.data.formats import (
    FORMATS,
    detect_format,
    format_named,
    read_annotations,
    write_annotations,
)
from anamorph.data.reading import read, read_mask, read_picture, read_size
from anamorph.data.statistics import Statistics, measure
from anamorph.data.tables import read_table
from anamorph.data.write import write_atomically, write_mask, write_picture
from anamorph.sources import Limit

if TYPE_CHECKING:
    from anamorph.data.loader import Loader, LoaderError, WorkerError

__all__ = [
    "FORMATS",
    "AnnotatedDataset",
    "Box",
    "Category",
    "ClassFolders",
    "CocoDataset",
    "Dataset",
    "Folds",
    "Format",
    "Item",
    "Keypoint",
    "LeakReport",
    "Limit",
    "Loader",
    "LoaderError",
    "MaskFolders",
    "Object",
    "Pair",
    "Polygons",
    "Record",
    "Runs",
    "Source",
    "Statistics",
    "Subset",
    "TableDataset",
    "VocDataset",
    "WorkerError",
    "YoloDataset",
    "detect_format",
    "find_leaks",
    "find_pictures",
    "format_named",
    "make_folds",
    "measure",
    "pair_masks",
    "read",
    "read_annotations",
    "read_bands",
    "read_mask",
    "read_pages",
    "read_picture",
    "read_size",
    "read_table",
    "worker_init",
    "write_annotations",
    "write_atomically",
    "write_mask",
    "write_picture",
]


def __getattr__(name: str) -> Any:
    """The loader's names, with which torch is loaded."""
    if name not in {"Loader", "LoaderError", "WorkerError"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module("anamorph.data.loader"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        raise BackendError(
            f"anamorph.data.{name} needs PyTorch: pip install anamorph[torch]"
        ) from error
