"""Where users of Albumentations look for the transform that makes tensors."""

from anamorph.transforms.tensor import ToTensorV2

__all__ = ["ToTensorV2"]
