"""Kill training at random moments, dozens of times, and hold its weights to a run that nobody killed.

    python scripts/kill_test.py --kills 12

For each task, with 0 and with 2 worker processes, a run is killed by SIGKILL at moments drawn evenly
over the time that a whole run takes, and taken up again, until it has been killed so many times. Then
it may end. Its weights must be equal, bit by bit, to those of a run that was left alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anamorph import tasks
from anamorph.data import write_mask, write_picture
from anamorph.ledger import Ledger

SIDE, COUNT = 32, 16
MODELS = {
    "classify": {
        "model": {"encoder": "test_resnet", "dropout": 0.2},
        "mix": {"mixup": 0.4, "cutmix": 1.0},
    },
    "segment": {"model": {"encoder": "test_resnet"}},
    "detect": {"model": {"name": "fcos", "encoder": "test_resnet", "options": {"width": 64}}},
}
PLACES = {
    "classify": {"images": "classes"},
    "segment": {"images": "images", "masks": "masks"},
    "detect": {"images": "images", "annotations": "coco.json"},
}


def make(root: Path) -> None:
    """Write small pictures with classes, masks and boxes."""
    images, boxes = [], []
    for number in range(COUNT):
        rng = np.random.default_rng(number)
        image = rng.integers(0, 60, (SIDE, SIDE + 8, 3)).astype(np.uint8)
        mask = np.zeros(image.shape[:2], np.uint8)
        y, x = rng.integers(2, 14, 2).tolist()
        image[y : y + 14, x : x + 14, number % 2] += 180
        mask[y : y + 14, x : x + 14] = 255
        name = f"{number:02}.png"
        write_picture(root / "classes" / ("red", "green")[number % 2] / name, image)
        write_picture(root / "images" / name, image)
        write_mask(root / "masks" / name, mask)
        images.append({"id": number, "file_name": name, "height": SIDE, "width": SIDE + 8})
        box = [x, y, 14, 14]
        boxes.append({"id": number, "image_id": number, "category_id": number % 2, "bbox": box})
    kinds = [{"id": 0, "name": "red"}, {"id": 1, "name": "green"}]
    content = {"images": images, "annotations": boxes, "categories": kinds}
    (root / "coco.json").write_text(json.dumps(content), encoding="utf-8")


def configured(task: str, root: Path, workers: int) -> tasks.Config:
    """A configuration that takes a few seconds."""
    data = {key: os.fspath(root / value) for key, value in PLACES[task].items()}
    plain = {"task": task, "data": data, "input": {"size": [64, 64]}, **MODELS[task]}
    train = {"epochs": 6, "batch": 4, "workers": workers, "checkpoint_seconds": 0.02, "warmup": 0.2}
    folds = {"n": 2, "use": [0]}
    return tasks.load({**plain, "train": train, "folds": folds})


def trained(config: tasks.Config, root: Path, resume: str | None) -> None:
    """Train, in a process that may be killed."""
    tasks.fit(config, root, resume)


def started(config: tasks.Config, root: Path, resume: str | None) -> Any:
    """A process that trains."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=trained, args=(config, root, resume))
    process.start()
    return process


def only_run(root: Path) -> str | None:
    """Id of the run in a folder; None if it was killed before it had begun."""
    return next((path.name for path in root.glob("*") if (path / "folds.json").exists()), None)


def weights_of(root: Path) -> Any:
    """Hashes of the weights of the run in a folder."""
    return Ledger(root).resolve(only_run(root) or "").record["weights"]


def killed(config: tasks.Config, root: Path, most: int, seconds: float, rng: random.Random) -> int:
    """Train to the end with so many kills at most; gives how many there were."""
    done = 0
    while True:
        process = started(config, root, only_run(root))
        process.join(rng.uniform(0, seconds / 3) if done < most else None)
        if process.exitcode == 0:
            return done
        if process.exitcode is not None:
            sys.exit(f"the run ended with status {process.exitcode}")
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        done += 1


def case(task: str, workers: int, home: Path, kills: int, rng: random.Random) -> bool:
    """Kill runs of one kind until there were so many kills; tells whether all ended alike."""
    config = configured(task, home / "data", workers)
    begun = time.monotonic()
    whole = home / f"{task}-{workers}-whole"
    process = started(config, whole, None)
    process.join()
    seconds = time.monotonic() - begun
    done, runs, same = 0, 0, True
    while done < kills:
        root = home / f"{task}-{workers}-{runs}"
        done += killed(config, root, kills - done, seconds, rng)
        same &= weights_of(root) == weights_of(whole)
        runs += 1
    told = "bit-identical" if same else "DIFFERENT"
    print(
        f"{task:9} workers {workers}  {runs} runs of {seconds:.1f} s, {done} kills: {told}",
        flush=True,
    )
    return same


def main() -> None:
    """Run all of it and print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=12, help="of each case")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make(home / "data")
        cases = [(task, workers) for task in MODELS for workers in (0, 2)]
        same = [case(*each, home, given.kills, rng) for each in cases]
    sys.exit(not all(same))


if __name__ == "__main__":
    main()
