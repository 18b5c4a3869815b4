"""Detection as YOLO-style trainers do it: normalised boxes, colour, weather, letterboxing."""

import json
from pathlib import Path

import albumentations as A
import cv2
import numpy as np


def train_transform(size: int = 416) -> A.Compose:
    return A.Compose(
        [
            A.RandomSizedBBoxSafeCrop(height=size, width=size, erosion_rate=0.1, p=0.4),
            A.HorizontalFlip(p=0.5),
            A.Affine(scale=(0.8, 1.2), translate_percent=(-0.1, 0.1), rotate=(-5, 5), p=0.5),
            A.Perspective(scale=(0.02, 0.06), p=0.1),
            A.HueSaturationValue(hue_shift_limit=15, sat_shift_limit=70, val_shift_limit=40, p=0.8),
            A.OneOf([A.Blur(blur_limit=3), A.MedianBlur(blur_limit=3), A.MotionBlur()], p=0.05),
            A.OneOf([A.RandomRain(), A.RandomFog(), A.RandomSunFlare(src_radius=120)], p=0.1),
            A.ToGray(p=0.02),
            A.ImageCompression(quality_range=(60, 95), p=0.2),
            A.LongestMaxSize(max_size=size),
            A.PadIfNeeded(min_height=size, min_width=size, border_mode=0, fill=114),
        ],
        bbox_params=A.BboxParams(
            format="yolo", label_fields=["class_labels"], min_area=16, min_visibility=0.1, clip=True
        ),
        seed=3,
    )


def read(folder: Path) -> list[tuple[np.ndarray, list[list[float]], list[str]]]:
    content = json.loads((folder / "annotations.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    samples = []
    for entry in content["images"]:
        image = cv2.imread(str(folder / "images" / entry["file_name"]))
        boxes, labels = [], []
        for note in content["annotations"]:
            if note["image_id"] == entry["id"]:
                x, y, w, h = note["bbox"]
                width, height = entry["width"], entry["height"]
                boxes.append([(x + w / 2) / width, (y + h / 2) / height, w / width, h / height])
                labels.append(names[note["category_id"]])
        samples.append((cv2.cvtColor(image, cv2.COLOR_BGR2RGB), boxes, labels))
    return samples


def main(folder: Path) -> None:
    transform = train_transform()
    for image, boxes, labels in read(folder):
        for _ in range(5):
            out = transform(image=image, bboxes=boxes, class_labels=labels)
            found = np.asarray(out["bboxes"]).reshape(-1, 4)
            assert out["image"].shape == (416, 416, 3)
            assert len(found) == len(out["class_labels"])
            assert found.size == 0 or (found.min() >= -1e-6 and found.max() <= 1 + 1e-6)
        print(image.shape, "->", out["image"].shape, out["class_labels"])


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
