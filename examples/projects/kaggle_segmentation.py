"""Segmentation as in a Kaggle competition: crops about objects, elastic, tones, tensors."""

from pathlib import Path

import albumentations as A
import cv2
import numpy as np
from albumentations.pytorch import ToTensorV2

SIZE = 256


def train_transform(size: int = SIZE) -> A.Compose:
    return A.Compose(
        [
            A.PadIfNeeded(min_height=size, min_width=size, border_mode=cv2.BORDER_REFLECT_101),
            A.OneOf(
                [
                    A.CropNonEmptyMaskIfExists(height=size, width=size, p=0.7),
                    A.RandomResizedCrop(size=(size, size), scale=(0.5, 1.0), p=0.3),
                ],
                p=1,
            ),
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.5),
            A.RandomRotate90(p=0.5),
            A.ShiftScaleRotate(
                shift_limit=0.0625, scale_limit=0.1, rotate_limit=15,
                border_mode=cv2.BORDER_REFLECT, p=0.5,
            ),
            A.OneOf(
                [
                    A.ElasticTransform(alpha=120, sigma=120 * 0.05, p=0.5),
                    A.GridDistortion(p=0.5),
                    A.OpticalDistortion(distort_limit=0.5, p=1),
                ],
                p=0.3,
            ),
            A.OneOf(
                [
                    A.CLAHE(clip_limit=2),
                    A.RandomBrightnessContrast(),
                    A.RandomGamma(),
                    A.HueSaturationValue(),
                ],
                p=0.5,
            ),
            A.OneOf([A.GaussNoise(std_range=(0.05, 0.15)), A.GaussianBlur(blur_limit=(3, 5))], p=0.3),
            A.CoarseDropout(
                num_holes_range=(1, 6), hole_height_range=(8, 32), hole_width_range=(8, 32), p=0.3
            ),
            A.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
            ToTensorV2(),
        ],
        seed=7,
    )  # fmt: skip


def valid_transform(size: int = SIZE) -> A.Compose:
    return A.Compose(
        [
            A.LongestMaxSize(max_size=size),
            A.PadIfNeeded(min_height=size, min_width=size, border_mode=cv2.BORDER_CONSTANT),
            A.Normalize(),
            ToTensorV2(),
        ]
    )


class Photos:
    """A dataset of pictures and masks."""

    def __init__(self, images: list[Path], masks: list[Path], transform: A.Compose) -> None:
        self.images, self.masks, self.transform = images, masks, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[object, object]:
        image = cv2.cvtColor(cv2.imread(str(self.images[index])), cv2.COLOR_BGR2RGB)
        mask = (cv2.imread(str(self.masks[index]), cv2.IMREAD_GRAYSCALE) > 0).astype(np.float32)
        sample = self.transform(image=image, mask=mask)
        return sample["image"], sample["mask"].unsqueeze(0)


def main(folder: Path) -> None:
    images = sorted((folder / "images").glob("*.jpg"))
    masks = [folder / "masks" / f"{path.stem}.png" for path in images]
    for transform in (train_transform(), valid_transform()):
        for image, mask in map(Photos(images, masks, transform).__getitem__, range(len(images))):
            print(tuple(image.shape), image.dtype, tuple(mask.shape), mask.dtype)


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
