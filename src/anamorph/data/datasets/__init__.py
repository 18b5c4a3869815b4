"""Datasets by number, for torch's ``DataLoader`` and Anamorph's; none of them needs torch."""

from anamorph.data.datasets.annotated import (
    AnnotatedDataset,
    CocoDataset,
    VocDataset,
    YoloDataset,
)
from anamorph.data.datasets.base import Dataset, Item, Subset
from anamorph.data.datasets.folders import ClassFolders, MaskFolders
from anamorph.data.datasets.table import TableDataset
from anamorph.data.datasets.tiff import read_bands, read_pages
from anamorph.data.datasets.workers import worker_init

__all__ = [
    "AnnotatedDataset",
    "ClassFolders",
    "CocoDataset",
    "Dataset",
    "Item",
    "MaskFolders",
    "Subset",
    "TableDataset",
    "VocDataset",
    "YoloDataset",
    "read_bands",
    "read_pages",
    "worker_init",
]
