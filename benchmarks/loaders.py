"""Measure loaders: samples per second from pictures in memory to batches of normalised tensors.

    python benchmarks/loaders.py
    BENCH_PYTHON_OURS=env/bin/python BENCH_PYTHON_ALBU=env/bin/python python benchmarks/loaders.py

Each row is a process of its own that runs a pass when it is its turn, in turns with the others; the
first pass of each warms up and is not counted. All decode nothing, keep their workers, and give
workers one thread. ``--workers 0`` loads in the process itself.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from client import environment, interpreter
from machine import describe

HERE = Path(__file__).resolve().parent
PICTURES = 32
HEIGHT, WIDTH = 375, 500
ROWS: dict[str, tuple[str, str]] = {
    "Loader, anamorph": ("ours", "Loader"),
    "DataLoader, anamorph": ("ours", "DataLoader"),
    "Loader, albumentations": ("albu", "Loader"),
    "DataLoader, albumentations": ("albu", "DataLoader"),
}
"""Row → library that augments, and loader."""
BASE = "DataLoader, albumentations"


class Pictures:
    """Some pictures, over and over, through a pipeline."""

    def __init__(self, pictures: list[Any], pipeline: Any, count: int) -> None:
        self.pictures, self.pipeline, self.count = pictures, pipeline, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.pipeline(image=self.pictures[index % PICTURES])


class KeyedPictures(Pictures):
    """The same by epoch and index, into given memory."""

    def load(self, index: int, epoch: int, out: Any = None) -> dict[str, Any]:
        return self.pipeline.keyed(epoch, index)(image=self.pictures[index % PICTURES], out=out)


def pipeline(library: str, size: int) -> Any:
    name = {"ours": "anamorph", "albu": "albumentations"}[library]
    module = import_module(name)
    tensor = import_module(f"{name}.pytorch").ToTensorV2()
    crop = module.RandomResizedCrop((size, size))
    return module.Compose([crop, module.HorizontalFlip(p=0.5), module.Normalize(), tensor])


def one_thread(worker: int = 0) -> None:
    del worker
    import_module("cv2").setNumThreads(0)


def loader(row: str, given: argparse.Namespace) -> Iterable[Any]:
    """Build what a row is about."""
    library, kind = ROWS[row]
    dataset = KeyedPictures if row == "Loader, anamorph" else Pictures
    photo = import_module("pictures").photo
    photos = [photo(HEIGHT, WIDTH, seed) for seed in range(PICTURES)]
    data = dataset(photos, pipeline(library, given.size), given.samples)
    options: dict[str, Any] = {"batch_size": given.batch, "num_workers": given.workers}
    if given.workers:
        options |= {"worker_init_fn": one_thread, "persistent_workers": True}
    sys.path.insert(0, str(HERE.parent / "src"))
    made = {"Loader": "anamorph.data", "DataLoader": "torch.utils.data"}[kind]
    return getattr(import_module(made), kind)(data, **options)


def cpu() -> float:
    """CPU seconds of this process and its workers so far."""
    tick = os.sysconf("SC_CLK_TCK")
    total = time.process_time()
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")")[-1].split()
        total += (int(fields[11]) + int(fields[12])) / tick
    return total


def serve(row: str, given: argparse.Namespace) -> None:
    """Run a pass for each line that comes in; answer with samples a second, CPU µs a sample."""
    import_module("torch").set_num_threads(1)
    one_thread()
    batches = loader(row, given)
    for _ in sys.stdin:
        begun, spent = time.perf_counter(), cpu()
        count = sum(len(batch["image"]) for batch in batches)
        rate = count / (time.perf_counter() - begun)
        print(json.dumps([rate, (cpu() - spent) / count * 1e6]), flush=True)


def started(row: str, given: argparse.Namespace) -> subprocess.Popen[str]:
    library = ROWS[row][0]
    command = [str(interpreter(library)), "-W", "ignore", __file__, "--serve", row]
    for name in ("samples", "batch", "size", "workers"):
        command += [f"--{name}", str(getattr(given, name))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment(library), **pipes)


def ask(process: subprocess.Popen[str]) -> list[float]:
    process.stdin.write("go\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def measure(given: argparse.Namespace) -> dict[str, list[list[float]]]:
    """Let the rows take turns."""
    processes = {row: started(row, given) for row in ROWS if given.only in row}
    found: dict[str, list[list[float]]] = {row: [] for row in processes}
    for turn in range(given.rounds + 1):
        for row in processes if turn % 2 else reversed(processes):
            figures = ask(processes[row])
            found[row] += [figures] if turn else []
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return found


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.serve:
        serve(given.serve, given)
        return 0
    found = measure(given)
    rates = {row: statistics.median(rate for rate, _ in pairs) for row, pairs in found.items()}
    costs = {row: statistics.median(cost for _, cost in pairs) for row, pairs in found.items()}
    for row in found:
        line = f"{row:28} {rates[row]:7.0f} samples/s {costs[row]:7.0f} µs of CPU a sample"
        if BASE in found:
            line += f" {rates[row] / rates[BASE]:6.2f}× {costs[BASE] / costs[row]:6.2f}×"
        print(line)
    about = describe()
    print(json.dumps({name: about[name] for name in ("cpu", "cores", "load", "revision")}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
