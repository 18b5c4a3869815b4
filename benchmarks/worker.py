"""One library in a process of its own, answering the driver's requests over a pipe.

Runs in the library's environment: only the standard library, NumPy, OpenCV and the library itself.
A message is its length in eight bytes and a pickle: in, the name of a method of `Server` with its
arguments; out, `(True, answer)` or `(False, sentence)`.
"""

import gc
import importlib
import importlib.metadata
import importlib.util
import os
import pickle
import platform
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import cv2
import numpy as np
from agree import member, plain, statistics
from cases import CASES
from libraries import LIBRARIES, arguments
from pictures import ANNOTATED, digest, inputs
from spec import Case, Step, resolve

VARIANTS = 3
"""Different pictures taken in turn, so that no library is measured on one it has just seen."""
WARM_UP = 3
SLOW = 0.25
"""Seconds of a call from which one warm-up is enough."""

Answer = dict[str, Any]


class Server:
    """Build, warm and time the cases of one library."""

    def __init__(self, key: str) -> None:
        cv2.setNumThreads(1)
        self.library = LIBRARIES[key]
        self.module = importlib.import_module(self.library.module)
        self.case: Case | None = None
        self.compose: Any = None
        self.samples: list[dict[str, Any]] = []
        self.digest = ""

    def hello(self) -> Answer:
        torch = importlib.util.find_spec("torch") is not None
        return {
            "version": importlib.metadata.version(self.library.distribution)
            if self.library.key not in {"ours", "unfused"}
            else getattr(self.module, "__version__", "unreleased"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "torch": importlib.metadata.version("torch") if torch else None,
            "threads": cv2.getNumThreads(),
        }

    def prepare(self, key: str, size: int) -> Answer:
        """Build a case, warm it and say how long a call takes."""
        self.case = _runnable(CASES[key])
        self.compose = self.build(self.case, size, self.case.kind, pinned=False)
        self.samples = [inputs(self.case.kind, size, seed) for seed in range(VARIANTS)]
        self.digest = digest(self.samples)
        seconds = self._calls(1)["thread"]
        if seconds >= SLOW:  # or it imported something at its first call
            seconds = min(seconds, self._calls(1)["thread"])
        if seconds < SLOW:
            self._calls(WARM_UP)
            seconds = self._calls(WARM_UP)["thread"] / WARM_UP
        return {"seconds": max(seconds, 1e-7), "digest": self.digest}

    def round(self, calls: int, seed: int) -> Answer:
        """Time `calls` calls after reseeding."""
        self._reseed(self.compose, seed)
        gc.collect()
        return self._calls(calls)

    def release(self) -> Answer:
        """Forget the case; say whether its inputs are still what they were."""
        changed = digest(self.samples) != self.digest
        self.compose, self.samples = None, []
        return {"changed_inputs": changed}

    def exact(self, key: str, size: int) -> list[dict[str, Any]]:
        """Return the results of a case with its chance pinned, annotations included."""
        compose, kind = self._for_agreement(key, size, pinned=True)
        self._reseed(compose, 0)
        return [plain(compose(**inputs(kind, size, seed))) for seed in range(VARIANTS)]

    def drawn(self, key: str, size: int, draws: int, seconds: float) -> Answer:
        """Return the statistics of up to `draws` results, at least eight, in about `seconds`."""
        compose, kind = self._for_agreement(key, size, pinned=True)
        self._reseed(compose, 137)
        data = inputs(kind, size, 0)
        scale, end, rows = CASES[key].scale, time.monotonic() + seconds, []
        while len(rows) < draws and (len(rows) < 8 or time.monotonic() < end):
            rows.append(statistics(data, plain(compose(**data)), scale))
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = np.array([[row.get(name, np.nan) for name in names] for row in rows])
        return {"names": names, "table": table}

    def members(self, key: str, size: int, draws: int) -> dict[str, int]:
        """Count the different results among `draws`."""
        compose, kind = self._for_agreement(key, size, pinned=True)
        self._reseed(compose, 137)
        data = inputs(kind, size, 0)
        return dict(Counter(member(plain(compose(**data))) for _ in range(draws)))

    def weigh(self, key: str) -> Answer:
        """Say what it costs to construct a pipeline, to pickle it and to load it again."""
        case = CASES[key]
        repeats, start = 20, time.thread_time()
        for _ in range(repeats):
            compose = self.build(case, 512, case.kind, pinned=False)
        built = time.thread_time()
        for _ in range(repeats):
            packed = pickle.dumps(compose)
        dumped = time.thread_time()
        for _ in range(repeats):
            pickle.loads(packed)
        loaded = time.thread_time()
        return {
            "construct_us": 1e6 * (built - start) / repeats,
            "dumps_us": 1e6 * (dumped - built) / repeats,
            "loads_us": 1e6 * (loaded - dumped) / repeats,
            "pickle_bytes": len(packed),
        }

    def build(self, case: Case, size: int, kind: str, *, pinned: bool) -> Any:
        """Make the library's own pipeline of a case."""
        steps = [self._make(step, pinned=pinned) for step in case.steps(size)]
        extra = dict(self.library.compose)
        if "boxes" in kind:
            given = {"format": "pascal_voc", "label_fields": ["labels"]}
            extra["bbox_params"] = self._class("BboxParams", given)
        if "points" in kind:
            given = {"format": "xy", "label_fields": ["names"]}
            extra["keypoint_params"] = self._class("KeypointParams", given)
        return self.module.Compose(steps, seed=0, **extra)

    def _reseed(self, compose: Any, seed: int) -> None:
        compose.set_random_seed(seed)
        if self.library.equal_streams:
            for place, child in enumerate(_descendants(compose), 1):
                child.set_random_seed(1000 * seed + place)

    def _make(self, step: Step, *, pinned: bool) -> Any:
        given = resolve(step.arguments, pinned=pinned)
        if step.children:
            given["transforms"] = [self._make(child, pinned=pinned) for child in step.children]
        return self._class(step.name, given)

    def _class(self, name: str, given: dict[str, Any]) -> Any:
        cls = getattr(self.module, name, None)
        if cls is None:
            raise LookupError(f"{name} does not exist here")
        return cls(**arguments(self.library, name, given))

    def _for_agreement(self, key: str, size: int, *, pinned: bool) -> tuple[Any, str]:
        case = _runnable(CASES[key])
        kind = case.kind
        if case.group == "transforms":
            kind += "".join(
                f"+{extra}" for extra in ANNOTATED.split("+")[1:] if extra not in kind.split("+")
            )
        return self.build(case, size, kind, pinned=pinned), kind

    def _calls(self, calls: int) -> Answer:
        compose, samples = self.compose, self.samples
        keys = [key for key in ("image", "mask", "volume") if key in samples[0]]
        many = len(samples)
        wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
        for turn in range(calls):
            result = compose(**samples[turn % many])
            for key in keys:
                result[key] = _settle(result[key])  # held as long as what was contiguous at once
        return {
            "thread": time.thread_time() - thread,
            "process": time.process_time() - process,
            "wall": time.perf_counter() - wall,
            "calls": calls,
        }


def _descendants(parent: Any) -> Iterator[Any]:
    for child in getattr(parent, "transforms", ()):
        # some transforms keep plain functions under the same name
        if hasattr(child, "set_random_seed"):
            yield child
            yield from _descendants(child)


def _runnable(case: Case) -> Case:
    if case.needs and importlib.util.find_spec(case.needs) is None:
        raise LookupError(f"needs {case.needs}, which this environment lacks")
    return case


def _settle(value: Any) -> Any:
    """Make a result contiguous, as whoever stacks a batch must."""
    if isinstance(value, np.ndarray):
        return value if value.flags.c_contiguous else np.ascontiguousarray(value)
    return value.contiguous()


def serve(server: Server, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the driver closes the pipe."""
    while head := requests.read(8):
        method, given = pickle.loads(requests.read(struct.unpack("<Q", head)[0]))
        try:
            reply = (True, getattr(server, method)(*given))
        except Exception as error:  # noqa: BLE001 - every failure of a library is a result
            reply = (False, f"{type(error).__name__}: {error}")
        packed = pickle.dumps(reply, protocol=5)
        answers.write(struct.pack("<Q", len(packed)) + packed)
        answers.flush()


def main() -> None:
    # whatever a library prints must not end up among the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(Server(sys.argv[1]), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
