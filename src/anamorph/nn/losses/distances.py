"""Exact Euclidean distances on tensors: by OpenCV on a CPU, by torch on a device."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_FAR = 1e12
"""A squared distance beyond any picture, which float32 adds to without overflow."""


def distance_inside(mask: Tensor) -> Tensor:
    """How far each place of a mask is from the nearest place outside it, in pixels.

    Lower envelopes of parabolas axis by axis (Felzenszwalb & Huttenlocher 2012). Zero outside, and
    everywhere if nothing is outside.

    Args:
        mask: (R, ...) bool; each row is a picture, or a volume.

    >>> distance_inside(torch.tensor([[[0, 1, 1, 1, 0]]]).bool())
    tensor([[[0., 1., 2., 1., 0.]]])
    """
    if mask.device.type == "cpu" and mask.ndim == 3:
        return _by_opencv(mask)
    return compared(mask)


def _by_opencv(masks: Tensor) -> Tensor:
    out = torch.zeros(masks.shape)
    for place, mask in enumerate(masks.numpy().astype(np.uint8)):
        if mask.any() and not mask.all():
            far = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            out[place] = torch.from_numpy(far)
    return out


def compared(mask: Tensor) -> Tensor:
    """As `distance_inside`, on any device, by comparing all places of a line: P·(H + W) steps.

    >>> compared(torch.tensor([[0, 1, 1, 1, 0]]).bool())
    tensor([[0., 1., 2., 1., 0.]])
    """
    squared = torch.where(mask, _FAR, 0.0)
    for axis in range(1, mask.ndim):
        squared = _envelope(squared.transpose(axis, -1)).transpose(axis, -1)
    return torch.where(squared < _FAR / 2, squared, 0.0).sqrt()


def signed_distance(mask: Tensor) -> Tensor:
    """How far each place is from a region's boundary: negative inside, positive outside.

    The boundary runs between the pixels: the nearest have ±0.5. It is zero where a picture lies
    wholly inside or outside.

    >>> signed_distance(torch.tensor([[[0, 0, 1, 1, 0]]]).bool())
    tensor([[[ 1.5000,  0.5000, -0.5000, -0.5000,  0.5000]]])
    """
    inside, outside = distance_inside(mask), distance_inside(~mask)
    return (outside - 0.5).clamp_min(0) - (inside - 0.5).clamp_min(0)


def _envelope(values: Tensor) -> Tensor:
    """Min over j of values[..., j] + (i − j)² for each i, a few i at a time to bound the memory."""
    length = values.shape[-1]
    places = torch.arange(length, device=values.device, dtype=values.dtype)
    together = max(1, (1 << 24) // max(1, values.numel()))
    parts = [
        (values[..., None, :] + (some[:, None] - places).square()).amin(-1)
        for some in torch.split(places, together)
    ]
    return torch.cat(parts, -1) if parts else values
