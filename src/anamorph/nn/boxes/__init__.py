"""Detections of several models or views made one: suppression and fusion of boxes."""

from anamorph.nn.boxes.calls import nms, non_maximum_weighted, soft_nms, weighted_boxes_fusion
from anamorph.nn.boxes.fusion import BoxFusion
from anamorph.nn.boxes.methods import NMS, NonMaximumWeighted, SoftNMS, WeightedBoxesFusion

__all__ = [
    "NMS",
    "BoxFusion",
    "NonMaximumWeighted",
    "SoftNMS",
    "WeightedBoxesFusion",
    "nms",
    "non_maximum_weighted",
    "soft_nms",
    "weighted_boxes_fusion",
]
