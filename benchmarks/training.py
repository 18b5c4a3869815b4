"""How long a training loop waits for its pictures: this library, and albumentations in a DataLoader.

    python benchmarks/training.py data/elpv/train [--workers 2] [--side 128] [--write FILE.json]

The same MobileNetV2, optimizer, batches and augmentation in a loop of plain torch. Rows take turns, each
in a process of its own with one thread; the first batches are not counted. ``BENCH_ALBU_PATH`` names
a folder of packages that has albumentations 2.0.8, if the interpreter has not.

Of each row: pictures a second, share of the time in which the loop waits for the next batch, and
processor time a picture, workers included.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

ROWS = ("anamorph", "albumentations")
BATCH, WARM = 32, 2
REFLECT_101 = 4


class Cells:
    """Gray pictures of folders, one a class."""

    def __init__(self, files: list[str], pipeline: Any) -> None:
        self.files, self.pipeline = files, pipeline
        self.classes = sorted({Path(file).parent.name for file in files})

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        cv2 = import_module("cv2")
        file = self.files[index]
        picture = self.pipeline(image=cv2.imread(file, cv2.IMREAD_GRAYSCALE))["image"]
        return {"image": picture, "label": self.classes.index(Path(file).parent.name)}


def steps(library: str, side: int) -> list[Any]:
    """The pipeline of examples/competitions/solar_cells.yaml."""
    a = import_module(library)
    tensor = import_module(f"{library}.pytorch").ToTensorV2
    return [
        a.Resize(side, side),
        a.D4(),
        a.Affine(
            scale=(0.9, 1.1), rotate=(-4, 4), translate_percent=(-0.04, 0.04),
            border_mode=REFLECT_101, p=0.5,
        ),
        a.RandomBrightnessContrast(0.15, 0.15, p=0.5),
        a.Normalize(mean=(0.45,), std=(0.225,)),
        tensor(),
    ]  # fmt: skip


def ours(given: argparse.Namespace) -> Iterable[Any]:
    """The project's dataset of folders and its loader, keyed by epoch and index."""
    a, data = import_module("anamorph"), import_module("anamorph.data")
    dataset = data.ClassFolders(given.folder, a.Compose(steps("anamorph", given.side), seed=0))
    options = {
        "batch_size": BATCH,
        "num_workers": given.workers,
        "shuffle": True,
        "drop_last": True,
    }
    loader: Iterable[Any] = data.Loader(dataset, **options)
    return loader


def theirs(given: argparse.Namespace) -> Iterable[Any]:
    """Albumentations in torch's DataLoader, as its documentation has it."""
    import_module("cv2").setNumThreads(0)
    a = import_module("albumentations")
    files = sorted(map(str, Path(given.folder).rglob("*.png")))
    dataset: Any = Cells(files, a.Compose(steps("albumentations", given.side), seed=0))
    return torch.utils.data.DataLoader(
        dataset, BATCH, shuffle=True, drop_last=True, num_workers=given.workers
    )


def seconds() -> float:
    """Of processor time, of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(row: str, given: argparse.Namespace) -> dict[str, float]:
    """Train for some batches."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = import_module("anamorph.nn.models").classifier("mobilenet_v2", 4, in_channels=1).train()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    loader = {"anamorph": ours, "albumentations": theirs}[row](given)
    # Without workers all happens here: the processor's time is what a busy machine does not change.
    clock = time.perf_counter if given.workers else time.process_time
    used, waited, start, count = seconds(), 0.0, clock(), 0
    batches = iter(loader)
    for number in range(WARM + given.batches):
        if number == WARM:
            waited, start, count = 0.0, clock(), 0
        asked = clock()
        batch = next(batches)
        waited += clock() - asked
        loss = torch.nn.functional.cross_entropy(net(batch["image"]), batch["label"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        count += len(batch["label"])
    wall = clock() - start
    del batches, loader
    used = seconds() - used
    cpu = 1000 * used / (BATCH * (WARM + given.batches))
    return {"pictures/s": count / wall, "waiting": waited / wall, "cpu ms/picture": cpu}


def turns(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Medians of all rounds; each process is asked for one."""
    found: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS}
    for number in range(given.rounds):
        for row in ROWS if number % 2 == 0 else reversed(ROWS):
            done = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--row", row],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            found[row].append(json.loads(done.stdout.splitlines()[-1]))
    return {
        row: {key: statistics.median(each[key] for each in told) for key in told[0]}
        for row, told in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--write", help="file for the figures")
    given = parser.parse_args()
    if path := os.environ.get("BENCH_ALBU_PATH"):
        sys.path.append(path)  # last: NumPy, OpenCV and torch are the same for both
    if given.row:
        print(json.dumps(measure(given.row, given)))
        return
    told = turns(given)
    for row, values in told.items():
        print(f"{row:16}", "  ".join(f"{name} {value:.3f}" for name, value in values.items()))
    if given.write:
        Path(given.write).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
