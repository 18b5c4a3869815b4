"""The driver's end of a worker: start it in its environment, ask it, give up on it in time."""

import os
import pickle
import selectors
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from libraries import LIBRARIES, QUIET

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENTS = HERE / ".envs"
PATIENCE = 240.0
"""Seconds after which a request counts as lost."""


class WorkerError(RuntimeError):
    """A library could not do what was asked, in its own words."""


def interpreter(key: str) -> Path:
    """Find a library's python: $BENCH_PYTHON_<ENV>, then benchmarks/.envs/<env>, then ours."""
    name = LIBRARIES[key].environment
    chosen = os.environ.get(f"BENCH_PYTHON_{name.upper()}")
    if chosen:
        return Path(chosen)
    made = ENVIRONMENTS / name / "bin" / "python"
    if made.exists() or name != "ours":
        return made
    return Path(sys.executable)


def environment(key: str) -> dict[str, str]:
    variables = os.environ | QUIET
    variables.pop("PYTHONPATH", None)
    if LIBRARIES[key].environment == "ours":
        variables["PYTHONPATH"] = str(ROOT / "src")
    return variables


class Worker:
    """A library's process; `ask` is the only way in."""

    def __init__(self, key: str) -> None:
        python = interpreter(key)
        if not python.exists():
            raise WorkerError(
                f"{LIBRARIES[key].title} has no environment: run benchmarks/setup_peers.sh, "
                f"or set BENCH_PYTHON_{LIBRARIES[key].environment.upper()}"
            )
        self.key = key
        self.process = subprocess.Popen(
            [str(python), str(HERE / "worker.py"), key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(key),
            bufsize=0,
        )
        self.about = self.ask("hello")

    def ask(self, method: str, *given: Any) -> Any:
        """Send a request and wait for its answer."""
        packed = pickle.dumps((method, given))
        try:
            self.process.stdin.write(struct.pack("<Q", len(packed)) + packed)
        except BrokenPipeError as error:
            raise WorkerError("the process ended") from error
        end = time.monotonic() + PATIENCE
        size = struct.unpack("<Q", self._read(8, end))[0]
        good, answer = pickle.loads(self._read(size, end))
        if not good:
            raise WorkerError(answer)
        return answer

    def _read(self, size: int, end: float) -> bytes:
        stream, parts, missing = self.process.stdout, [], size
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while missing:
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.close()
                    raise WorkerError(f"no answer within {PATIENCE:.0f} s")
                part = os.read(stream.fileno(), min(missing, 1 << 20))
                if not part:
                    raise WorkerError(f"the process ended with status {self.process.wait(10)}")
                parts.append(part)
                missing -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
