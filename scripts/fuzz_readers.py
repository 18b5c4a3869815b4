"""Damage picture files by the thousand and read them, in processes with little memory and time.

python scripts/fuzz_readers.py [--cases 10000] [--first 0] [--no-simplejpeg]

Counts how many were read and how many refused in one sentence. A crash, a hang, another exception
or a need for more memory than the limit allows is listed with its number, and fails the run;
``--show NUMBER`` writes that file to the standard output.
"""

import argparse
import io
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from anamorph.core.errors import DataError  # noqa: E402
from anamorph.sources import Limit, open_source, turbo  # noqa: E402
from sources.mutations import mutant  # noqa: E402 - found through the path above
from sources.samples import SAMPLES  # noqa: E402

BATCH = 500
SIDE = 160
LIMIT = Limit(pixels=1 << 23, bytes=1 << 26)
ROOM = 6 * LIMIT.bytes
"""Bytes of address space beyond what the process has when it starts."""
SLOW = 5.0
"""Seconds of work that one file may cost."""
PATIENCE = 300


def main() -> None:
    """Run batch after batch; say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--no-simplejpeg", action="store_true")
    parser.add_argument("--show", type=int)
    parser.add_argument("--batch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.show is not None:
        sys.stdout.buffer.write(mutant(files(), options.show)[1])
    elif options.batch:
        work(*map(int, options.batch.split(":")), plain=options.no_simplejpeg)
    else:
        sys.exit(supervise(options))


def files() -> dict[str, bytes]:
    """The samples, and the packaged photographs in every kind of file."""
    found = {name: sample.data for name, sample in SAMPLES.items()}
    for path in sorted((ROOT / "src/anamorph/assets/images").glob("*.jpg")):
        found[path.name] = path.read_bytes()
        small = cv2.resize(cv2.imread(str(path)), (SIDE, SIDE * 3 // 4))
        for suffix in (".jpg", ".png", ".webp", ".bmp", ".tiff"):
            found[path.stem + suffix + " small"] = cv2.imencode(suffix, small)[1].tobytes()
    return found


def supervise(options: argparse.Namespace) -> int:
    """Start a process for each batch, and go on behind the case that ended one."""
    total, bad, slowest, most = Counter(), [], (0.0, ""), 0
    at, end = options.first, options.first + options.cases
    started = time.monotonic()
    while at < end:
        stop = min(at + BATCH, end)
        lines, ended = batch(at, stop, options)
        for line in lines:
            total[line["outcome"]] += 1
            slowest = max(slowest, (line["seconds"], line["what"]))
            most = max(most, line["grown"])
            if line["outcome"] not in {"read", "refused"}:
                bad.append(f"{line['what']}: {line['outcome']}")
        at += len(lines)
        if at < stop:
            total[ended] += 1
            bad.append(f"{mutant(files(), at)[0]}: {ended}")
            at += 1
    print(f"{options.cases} files in {time.monotonic() - started:.0f} s: {dict(total)}")
    print(f"slowest {slowest[0]:.2f} s ({slowest[1]}); most memory {most / 2**20:.0f} MiB")
    print(*bad, sep="\n")
    return bool(bad)


def batch(first: int, last: int, options: argparse.Namespace) -> tuple[list[dict], str]:
    """What became of each case, and how the process ended if it did not do all."""
    command = [sys.executable, __file__, "--batch", f"{first}:{last}"]
    command += ["--no-simplejpeg"] if options.no_simplejpeg else []
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        out, ended = done.stdout, f"ended by {done.returncode}"
    except subprocess.TimeoutExpired as error:
        out, ended = error.stdout or b"", "hangs"
    lines = [line for line in out.split(b"\n") if line.endswith(b"}")]
    return [json.loads(line) for line in lines], ended


def work(first: int, last: int, *, plain: bool) -> None:
    """Read the mutants of a batch; a line of JSON each."""
    os.environ["OMP_NUM_THREADS"] = "1"
    cv2.setNumThreads(1)
    if plain:
        turbo.is_installed = lambda: False
    known = files()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    for number in range(first, last):
        what, data = mutant(known, number)
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        before, started = memory("VmRSS"), time.process_time()
        outcome = read(data)
        seconds = time.process_time() - started
        outcome = "slow" if seconds > SLOW else outcome
        grown = memory("VmHWM") - before
        line = {"what": what, "outcome": outcome, "seconds": seconds, "grown": grown}
        print(json.dumps(line), flush=True)


def memory(what: str) -> int:
    """Bytes that the process has, or had at most."""
    found = re.search(rf"{what}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024


def read(data: bytes) -> str:
    """How reading in all ways ends."""
    results = {attempt(call) for call in calls(data)}
    odd = results - {"read", "refused"}
    return odd.pop() if odd else ("read" if "read" in results else "refused")


def calls(data: bytes) -> Iterator[Callable[[], object]]:
    """All ways to read one file."""
    source = open_source(data, "the file", LIMIT)
    yield source.read
    yield source.read_mask
    yield lambda: open_source(io.BytesIO(data), "the file", LIMIT).size and None
    yield lambda: [source.decode(d, source.stored[0] // 2) for d in source.scales][-1]


def attempt(call: Callable[[], object]) -> str:
    """Whether pixels came, or one sentence, or what should not come."""
    try:
        found = call()
    except DataError as error:
        if isinstance(error.__cause__, MemoryError) or "alloc" in str(error):
            return f"memory: {error}"
        return "refused" if "\n" not in str(error) else f"lines: {error}"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    return "read" if found is None or isinstance(found, np.ndarray) else "no array"


if __name__ == "__main__":
    main()
