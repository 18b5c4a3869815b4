"""Eight bands of a satellite as float32 reflectances, with a mask of classes."""

from pathlib import Path

import albumentations as A
import cv2
import numpy as np


def train_transform(size: int = 192) -> A.Compose:
    return A.Compose(
        [
            A.RandomCrop(size, size),
            A.D4(p=1),
            A.ShiftScaleRotate(
                shift_limit=0.05, scale_limit=0.2, rotate_limit=45, border_mode=cv2.BORDER_REFLECT, p=0.7
            ),
            A.GridDistortion(p=0.2),
            A.RandomBrightnessContrast(brightness_limit=0.1, contrast_limit=0.1, p=0.5),
            A.GaussNoise(std_range=(0.01, 0.03), p=0.3),
            A.ChannelDropout(channel_drop_range=(1, 2), fill=0, p=0.2),
            A.PixelDropout(dropout_prob=0.01, p=0.2),
            A.CoarseDropout(num_holes_range=(1, 4), fill_mask=255, p=0.3),
            A.Normalize(mean=[0.3] * 8, std=[0.2] * 8, max_pixel_value=1.0),
        ],
        seed=2,
    )  # fmt: skip


def scene(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Make bands out of photographs, and classes out of their brightness."""
    names = ("coffee", "rocket", "cat")
    photos = [cv2.imread(str(folder / "images" / f"{name}.jpg")) for name in names]
    planes = np.concatenate([cv2.resize(photo, (320, 256)) for photo in photos], axis=2)
    bands = planes[:, :, :8].astype(np.float32) / 255
    return bands, (bands[:, :, 0] * 4).astype(np.uint8)


def main(folder: Path) -> None:
    bands, classes = scene(folder)
    transform = train_transform()
    for _ in range(10):
        out = transform(image=bands, mask=classes)
        assert out["image"].shape == (192, 192, 8)
        assert out["image"].dtype == np.float32
        assert set(np.unique(out["mask"])) <= {0, 1, 2, 3, 4, 255}
    print(bands.shape, "->", out["image"].shape, out["mask"].dtype)


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
