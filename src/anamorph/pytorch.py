"""Where users of Albumentations look for the transform that makes tensors."""

from anamorph.transforms.tensor import ToTensorV2
from anamorph.transforms.volume import ToTensor3D

__all__ = ["ToTensor3D", "ToTensorV2"]
