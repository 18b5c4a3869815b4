"""A transform made of the user's own functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anamorph.core.params import Function, Words
from anamorph.transforms.legacy import DualTransform

__all__ = ["Lambda"]

Apply = Callable[..., Any]


class Lambda(DualTransform):
    """Apply the user's own functions, one a kind of target; a target without one stays.

    Each is called as ``function(value, **params)``, ``params["shape"]`` being the picture's shape.
    Boxes come as an array (N, 4+) of fractions of the sides, keypoints as an array (N, 5+) of
    x, y, z, angle, scale; further columns must be kept.

    Args:
        image: function of pictures.
        mask: function of masks.
        keypoints: function of keypoints.
        bboxes: function of boxes.
        name: by which a saved pipeline finds the functions again.
        p: probability of being applied.

    >>> A.Lambda(image=lambda x, **_: 255 - x, p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    def __init__(
        self,
        image: Apply | None = None,
        mask: Apply | None = None,
        keypoints: Apply | None = None,
        bboxes: Apply | None = None,
        name: str | None = None,
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        self.image: Apply | None = Function().check("Lambda.image", image)
        self.mask: Apply | None = Function().check("Lambda.mask", mask)
        self.keypoints: Apply | None = Function().check("Lambda.keypoints", keypoints)
        self.bboxes: Apply | None = Function().check("Lambda.bboxes", bboxes)
        self.name: str | None = Words(optional=True).check("Lambda.name", name)

    def apply(self, img: Any, *args: Any, **params: Any) -> Any:
        return self.image(img, **params) if self.image else img

    def apply_to_mask(self, mask: Any, *args: Any, **params: Any) -> Any:
        return self.mask(mask, **params) if self.mask else mask

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """The kinds that there are functions for; shapes and measurements stay."""
        return {
            "image": self.apply,
            "images": self.apply_to_images,
            "volume": self.apply_to_volume,
            "volumes": self.apply_to_volumes,
            "mask": self.apply_to_mask,
            "masks": self.apply_to_masks,
            "mask3d": self.apply_to_mask3d,
            "masks3d": self.apply_to_masks3d,
            "bboxes": self.apply_to_bboxes,
            "keypoints": self.apply_to_keypoints,
        }

    def apply_to_bboxes(self, bboxes: Any, *args: Any, **params: Any) -> Any:
        return self.bboxes(bboxes, **params) if self.bboxes else bboxes

    def apply_to_keypoints(self, keypoints: Any, *args: Any, **params: Any) -> Any:
        return self.keypoints(keypoints, **params) if self.keypoints else keypoints
