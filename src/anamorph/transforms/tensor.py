"""Tensors for PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

from anamorph.core.params import Boolean, Probability
from anamorph.core.rng import Rng
from anamorph.ir.ops import Cast, Op
from anamorph.transforms.base import Scene, Transform

__all__ = ["ToTensorV2"]


class ToTensorV2(Transform):
    """Hand out torch tensors: the picture as (C, H, W), the mask as it is.

    Values and dtype stay as they are. Needs PyTorch.

    >>> out = A.Compose([A.Normalize(), A.ToTensorV2()])(image=photo)["image"]
    >>> out.shape, out.dtype
    (torch.Size([3, 427, 640]), torch.float32)
    """

    transpose_mask: Boolean = False
    """Whether masks (H, W, C) become (C, H, W) too."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing."""
        yield Cast(layout="CHW", tensor=True, transpose_mask=self.transpose_mask)
