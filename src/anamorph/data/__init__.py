"""Pictures, masks and annotations from files, and back."""

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
from anamorph.data.folder import find_pictures, pair_masks
from anamorph.data.formats import (
    FORMATS,
    detect_format,
    format_named,
    read_annotations,
    write_annotations,
)
from anamorph.data.read import read_mask, read_picture, read_size
from anamorph.data.write import write_atomically, write_mask, write_picture

__all__ = [
    "FORMATS",
    "Box",
    "Category",
    "Format",
    "Keypoint",
    "Object",
    "Polygons",
    "Record",
    "Runs",
    "Source",
    "detect_format",
    "find_pictures",
    "format_named",
    "pair_masks",
    "read_annotations",
    "read_mask",
    "read_picture",
    "read_size",
    "write_annotations",
    "write_atomically",
    "write_mask",
    "write_picture",
]
