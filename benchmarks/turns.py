"""Libraries of any kind take turns on one piece of work, each in a process and environment of its own.

What `files.py` and `batches.py` share. A server answers `hello`, `prepare` and `turn` through
`worker.serve`; the driver asks one of them at a time, round by round, and whoever goes first changes.
"""

import gc
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
from client import ENVIRONMENTS, HERE, ROOT, Worker, WorkerError
from libraries import QUIET
from worker import serve

RESULTS = HERE / "results"
MOST_CALLS = 2000

Row = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """One line of a table."""

    key: str
    title: str
    environment: str
    """Name of the folder under .envs: peers may share one."""
    shown: tuple[str, ...]
    """Distributions whose versions are told."""
    rank: str = "usual"
    """One of ours, part (ours with something left out), usual (what most people run), extra (the
    fastest that is to be had) and aside (not the same work)."""
    tasks: tuple[str, ...] = ()
    """The pieces of work that it can do, where it cannot do all."""
    optional: bool = False
    """Whether it is left out where its environment lacks one of what is shown."""

    @property
    def ours(self) -> bool:
        return self.rank == "ours"

    def can(self, task: str) -> bool:
        return not self.tasks or task in self.tasks


class Server(ABC):
    """The worker's side: prepare a piece of work, then do it a number of times."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        single_threads()

    def hello(self) -> Row:
        told = {name: _version(name) for name in self.peer.shown}
        return {"python": platform.python_version(), **told}

    @abstractmethod
    def begin(self, *given: Any) -> int:
        """Make ready; say how many pictures a call is."""

    @abstractmethod
    def call(self) -> Any:
        """Do the work once."""

    @abstractmethod
    def reseed(self, seed: int) -> None:
        """Start the random numbers anew, where that can be done."""

    def clock(self) -> float:
        """Seconds of processor time, all threads together."""
        return time.process_time()

    def prepare(self, *given: Any) -> Row:
        """Make ready, warm up and say how long a call takes."""
        pictures = self.begin(*given)
        self.turn(1, 0)
        return {"pictures": pictures, "seconds": max(1e-7, self.turn(2, 1)["seconds"] / 2)}

    def turn(self, calls: int, seed: int) -> Row:
        """Time `calls` calls after reseeding."""
        self.reseed(seed)
        gc.collect()
        kept, start = None, self.clock()
        for _ in range(calls):
            # what was made lives until the next is there, as it does in a training loop
            kept = self.call()
        seconds = self.clock() - start
        del kept
        return {"seconds": seconds, "calls": calls}


def single_threads() -> None:
    """Hold the libraries that have threads to one each."""
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch").set_num_threads(1)


def answer(server: Server) -> None:
    """Serve the driver until it closes the pipe."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    serve(server, sys.stdin.buffer, answers)


def _version(name: str) -> str | None:
    if name == "anamorph":
        return importlib.import_module("anamorph").__version__
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


class Seat(Worker):
    """The driver's end of a server that `SCRIPT --serve KEY` runs."""

    def __init__(self, script: str, peer: Peer, words: Sequence[str] = ()) -> None:
        python = interpreter(peer)
        if not python.exists():
            raise WorkerError(
                f"{peer.title} has no environment: run benchmarks/peers_torch.sh, "
                f"or set BENCH_PYTHON_{peer.environment.upper()}"
            )
        variables = os.environ | QUIET | {"PYTHONPATH": str(ROOT / "src")}
        self.key, self.peer = peer.key, peer
        self.process = subprocess.Popen(
            [str(python), str(HERE / script), "--serve", peer.key, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            bufsize=0,
        )
        self.about = self.ask("hello")


def interpreter(peer: Peer) -> Path:
    """Find a peer's python: $BENCH_PYTHON_<ENV>, then benchmarks/.envs/<env>."""
    chosen = os.environ.get(f"BENCH_PYTHON_{peer.environment.upper()}")
    return Path(chosen) if chosen else ENVIRONMENTS / peer.environment / "bin" / "python"


def seats(script: str, peers: Iterable[Peer], words: Sequence[str] = ()) -> dict[str, Seat]:
    """Start the peers; those that are optional may be missing from their environment."""
    started: dict[str, Seat] = {}
    for peer in peers:
        seat = Seat(script, peer, words)
        if peer.optional and None in seat.about.values():
            print(f"{peer.title}: left out, it is not installed", file=sys.stderr)
            seat.close()
            continue
        started[peer.key] = seat
    return started


def race(seats: dict[str, Seat], given: Sequence[Any], rounds: int, budget: float) -> Row:
    """Time one piece of work: everybody in turn, round after round.

    Returns:
        By key: milliseconds a picture (median, quartiles), or the error.
    """
    ready = {key: ask(seat, "prepare", *given) for key, seat in seats.items()}
    running = [key for key in ready if "error" not in ready[key]]
    taken: dict[str, list[Row]] = {key: [] for key in running}
    for turn in range(rounds):
        start = turn % max(1, len(running))
        for key in running[start:] + running[:start]:
            calls = max(1, min(MOST_CALLS, round(budget / ready[key]["seconds"])))
            taken[key].append(ask(seats[key], "turn", calls, turn))
    times = {key: told for key, told in ready.items() if "error" in told}
    return times | {key: summarise(taken[key], ready[key]["pictures"]) for key in running}


def ask(seat: Seat, method: str, *given: Any) -> Any:
    try:
        return seat.ask(method, *given)
    except WorkerError as error:
        return {"error": str(error).splitlines()[0][:300]}


def summarise(rounds: list[Row], pictures: int) -> Row:
    """Reduce the rounds of one peer to median and quartiles, in milliseconds a picture."""
    failed = next((each for each in rounds if "error" in each), None)
    if failed:
        return {"error": failed["error"]}
    figures = sorted(1e3 * each["seconds"] / each["calls"] / pictures for each in rounds)
    low, _, high = statistics.quantiles(figures, n=4) if len(figures) > 1 else figures * 3
    return {
        "ms": round(statistics.median(figures), 5),
        "low": round(low, 5),
        "high": round(high, 5),
        "least": round(figures[0], 5),
        "rounds": len(figures),
        "pictures": pictures * rounds[0]["calls"],
    }


def best(times: Row, peers: Iterable[Peer], ranks: Sequence[str]) -> Peer | None:
    """Find the fastest peer of some ranks."""
    known = [peer for peer in peers if peer.rank in ranks and "ms" in times.get(peer.key, {})]
    return min(known, key=lambda peer: times[peer.key]["ms"]) if known else None


def save(kind: str, rows: list[Row], about: Row, more: Row, name: str = "") -> Path:
    """Write the results of a run into results/<kind>/; a new row replaces the old one of its key."""
    host = machine.describe()
    path = RESULTS / kind / f"{_slug(host, name)}.json"
    known = json.loads(path.read_text())["rows"] if path.exists() else []
    for row in rows:
        row["revision"], row["date"] = host["revision"], host["date"]
    merged = {row["key"]: row for row in known} | {row["key"]: row for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {"machine": host | more, "libraries": about, "rows": list(merged.values())}
    path.write_text(json.dumps(text, indent=1) + "\n")
    return path


def _slug(host: Row, name: str) -> str:
    return (
        machine.slug(host | {"cores": f"{host['cores']}c {name}"}) if name else machine.slug(host)
    )


def known(kind: str) -> list[Row]:
    """Read all results of a kind."""
    return [json.loads(path.read_text()) for path in sorted((RESULTS / kind).glob("*.json"))]


def table(rows: Sequence[Row], columns: Sequence[str], peers: Iterable[Peer]) -> list[str]:
    """Write pictures a second as a table: a line a peer, a column a row of the results."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for peer in peers:
        cells = [_cell(row, peer) for row in rows]
        if any(cells):
            lines.append(f"| {peer.title} | " + " | ".join(cell or "–" for cell in cells) + " |")
    return lines


def ratios(rows: Sequence[Row], columns: Sequence[str], peers: Sequence[Peer]) -> list[str]:
    """Write how many times faster ours is than the best usual way, and than the best of all."""
    lines = [
        "| times faster than | " + " | ".join(columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for peer in (peer for peer in peers if peer.ours):
        for word, ranks in (("the best usual way", ["usual"]), ("any", ["usual", "extra"])):
            cells = [_ratio(row["times"], peer, best(row["times"], peers, ranks)) for row in rows]
            if any(cells):
                lines.append(f"| {peer.title}: {word} | " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def _ratio(times: Row, peer: Peer, rival: Peer | None) -> str:
    if rival is None or "ms" not in times.get(peer.key, {}):
        return ""
    return f"{times[rival.key]['ms'] / times[peer.key]['ms']:.2f} ({rival.title})"


def _cell(row: Row, peer: Peer) -> str:
    told = row["times"].get(peer.key, {})
    return rate(told["ms"]) if "ms" in told else ("failed" if "error" in told else "")


def rate(ms: float) -> str:
    """Write pictures a second with three digits that count."""
    value = 1e3 / ms
    digits = 0 if value >= 100 else 1
    return f"{value:,.{digits}f}"


def about_lines(told: Row, peers: Iterable[Peer]) -> list[str]:
    """Say what figures were taken on, and with which versions."""
    host = told["machine"]
    runs = sorted({f"{row['date']} at {row['revision']}" for row in told["rows"]})
    words = (
        f"{host['cpu']} (family {host['family']}, model {host['model']}), {host['cores']} cores, "
        f"{host['memory_gib']} GiB; load {host['load'][0]} at the end; taken {', '.join(runs)}."
    )
    lines = [words, ""]
    for peer in peers:
        if peer.shown and peer.key in told["libraries"]:
            versions = told["libraries"][peer.key].items()
            said = ", ".join(f"{name} {version}" for name, version in versions if version)
            lines.append(f"- {peer.title}: {said}")
    return lines
