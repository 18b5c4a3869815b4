"""Submissions: run lengths as competitions write them, tables, and what is wrong with one."""

from anamorph.data.submissions.checks import Finding, check_submission
from anamorph.data.submissions.masks import (
    from_coco,
    instances_of,
    labels_of,
    to_coco,
    without_overlaps,
)
from anamorph.data.submissions.runs import EMPTIES, mask_of, runs_of
from anamorph.data.submissions.tables import (
    Submission,
    class_submission,
    coco_results,
    detection_submission,
    mask_submission,
    probability_submission,
)

__all__ = [
    "EMPTIES",
    "Finding",
    "Submission",
    "check_submission",
    "class_submission",
    "coco_results",
    "detection_submission",
    "from_coco",
    "instances_of",
    "labels_of",
    "mask_of",
    "mask_submission",
    "probability_submission",
    "runs_of",
    "to_coco",
    "without_overlaps",
]
