"""What every test and doctest starts with: one OpenCV thread, and A, np and photo in doctests."""

import os

import cv2
import numpy as np
import pytest
from hypothesis import settings

cv2.setNumThreads(1)

# A slow machine is no failure; in CI the examples are the same in each run.
settings.register_profile("anamorph", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if "CI" in os.environ else "anamorph")


@pytest.fixture(scope="session")
def _photo() -> np.ndarray:
    """A photograph's likeness: sky, ground, a lit disk, fine texture; 427 x 640 RGB, no two alike corners."""
    height, width = 427, 640
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    sky = y < height * (0.55 + 0.05 * np.sin(x / 60))
    picture = np.where(
        sky[..., None],
        np.stack([90 + y / 4, 140 + y / 5, 230 - y / 6], -1),
        np.stack([70 + x / 9, 110 + y / 8, 40 + x / 20], -1),
    )
    picture[(x - 480) ** 2 + (y - 110) ** 2 < 55**2] = (250, 225, 140)
    texture = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    return np.clip(picture + texture, 0, 255).astype(np.uint8)


@pytest.fixture
def photo(_photo: np.ndarray) -> np.ndarray:
    """A picture of one's own: 427 x 640 x 3, uint8, RGB."""
    return _photo.copy()


@pytest.fixture(autouse=True)
def _doctest_names(request: pytest.FixtureRequest) -> None:
    """Give a doctest, and nothing else, the names that its reader has."""
    if isinstance(request.node, pytest.DoctestItem):
        import anamorph as A  # noqa: PLC0415

        names = request.getfixturevalue("doctest_namespace")
        names.update(A=A, np=np, photo=request.getfixturevalue("photo"))
