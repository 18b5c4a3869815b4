"""Volumes with masks: crops and symmetries in 3-D, then slice-wise elastic, tones and noise."""

from pathlib import Path

import albumentations as A
import numpy as np


def train_transform() -> A.Compose:
    return A.Compose(
        [
            A.PadIfNeeded3D(min_zyx=(32, 64, 64), position="center"),
            A.RandomCrop3D(size=(32, 64, 64)),
            A.CubicSymmetry(p=0.5),
            A.CoarseDropout3D(
                num_holes_range=(1, 3), hole_depth_range=(0.1, 0.2), hole_height_range=(0.1, 0.2),
                hole_width_range=(0.1, 0.2), p=0.5,
            ),
            A.ElasticTransform(alpha=40, sigma=6, p=0.3),
            A.Affine(rotate=(-15, 15), scale=(0.9, 1.1), p=0.5),
            A.RandomGamma(gamma_limit=(80, 120), p=0.5),
            A.GaussNoise(std_range=(0.02, 0.06), p=0.3),
        ],
        keypoint_params=A.KeypointParams(format="xyz", remove_invisible=False),
        seed=5,
    )  # fmt: skip


def head(depth: int = 28, height: int = 72, width: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Make a scan with a bright lesion, and the mask of it."""
    z, y, x = np.mgrid[-1 : 1 : depth * 1j, -1 : 1 : height * 1j, -1 : 1 : width * 1j]
    skull = (x**2 + y**2 + z**2 < 0.9).astype(np.float32) * 0.5
    lesion = (x - 0.2) ** 2 + (y + 0.1) ** 2 + z**2 < 0.05
    return (skull + 0.4 * lesion).astype(np.float32), lesion.astype(np.uint8)


def main(_: Path) -> None:
    scan, mask = head()
    transform = train_transform()
    for _ in range(5):
        out = transform(volume=scan, mask3d=mask, keypoints=[(30.0, 36.0, 14.0)])
        assert out["volume"].shape == out["mask3d"].shape
        assert sorted(out["volume"].shape) == [32, 64, 64]
        assert set(np.unique(out["mask3d"])) <= {0, 1}
    print(scan.shape, "->", out["volume"].shape, out["volume"].dtype, np.shape(out["keypoints"]))


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
