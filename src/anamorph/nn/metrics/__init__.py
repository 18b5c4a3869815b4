"""Metrics: of labels by torchmetrics, of masks by picture, of instances and boxes; thresholds.

What counts pixels and objects is NumPy and takes tensors or arrays; torch is not loaded for it.
"""

from anamorph.nn.metrics.components import components, drop_small
from anamorph.nn.metrics.counts import SCORES, Confusion, Counts, score
from anamorph.nn.metrics.detection import DetectionScores
from anamorph.nn.metrics.instances import InstanceScores, overlaps
from anamorph.nn.metrics.outlines import boundary, boundary_f, boundary_iou
from anamorph.nn.metrics.segmentation import SegmentationScores
from anamorph.nn.metrics.table import METRICS, build_metrics, mode_of
from anamorph.nn.metrics.thresholds import (
    Thresholds,
    ThresholdSearch,
    cross_fitted_score,
    search_thresholds,
)

__all__ = [
    "METRICS",
    "SCORES",
    "Confusion",
    "Counts",
    "DetectionScores",
    "InstanceScores",
    "SegmentationScores",
    "ThresholdSearch",
    "Thresholds",
    "boundary",
    "boundary_f",
    "boundary_iou",
    "build_metrics",
    "components",
    "cross_fitted_score",
    "drop_small",
    "mode_of",
    "overlaps",
    "score",
    "search_thresholds",
]
