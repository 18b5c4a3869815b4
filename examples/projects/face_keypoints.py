"""Facial landmarks: every point must come back, in order, wherever it went."""

from pathlib import Path

import albumentations as A
import cv2
import numpy as np

NAMES = ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"]


def train_transform(size: int = 128) -> A.Compose:
    return A.Compose(
        [
            A.Rotate(limit=30, border_mode=cv2.BORDER_CONSTANT, p=0.7),
            A.RandomScale(scale_limit=0.15, p=0.5),
            A.Resize(size, size),
            A.Transpose(p=0.05),
            A.OneOf([A.GaussianBlur(), A.Defocus(radius=(2, 4)), A.Downscale((0.4, 0.6))], p=0.3),
            A.RandomShadow(p=0.2),
            A.RandomBrightnessContrast(p=0.5),
            A.CoarseDropout(
                num_holes_range=(1, 2), hole_height_range=(0.1, 0.25), hole_width_range=(0.1, 0.25), p=0.3
            ),
            A.ImageCompression(quality_range=(40, 90), p=0.3),
            A.ToFloat(max_value=255),
        ],
        keypoint_params=A.KeypointParams(format="xy", label_fields=["names"], remove_invisible=False),
        seed=11,
    )  # fmt: skip


def main(folder: Path) -> None:
    image = cv2.cvtColor(cv2.imread(str(folder / "images" / "astronaut.jpg")), cv2.COLOR_BGR2RGB)
    points = np.array([[208.0, 100], [250, 102], [228, 130], [210, 150], [246, 152]], np.float32)
    transform = train_transform()
    for _ in range(20):
        out = transform(image=image, keypoints=points, names=NAMES)
        assert out["image"].dtype == np.float32
        assert len(out["keypoints"]) == len(points)
        assert list(out["names"]) == NAMES
    print(image.shape, "->", out["image"].shape, np.asarray(out["keypoints"]).shape)


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
