"""Measure the table of cases, the libraries taking turns within one run.

    python benchmarks/run.py --libs ours,albu,ax --only 'Rotate|P4' --sizes 512 --rounds 9
    python benchmarks/run.py --quick            every row once, roughly
    python benchmarks/run.py --write            the full table into results/ and RESULTS.md

Each library runs single-threaded in its own process; only one of them works at a time. A round is
as many calls as fill the budget, after a reseeding; its figure is the CPU time of the thread that
calls, per call. The median over rounds is reported, with the quartiles.
"""

import argparse
import json
import re
import statistics
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import machine
import report
from agree import compare_drawn, compare_exact, compare_members
from cases import CASES
from client import Worker, WorkerError
from libraries import LIBRARIES
from pictures import BASES
from spec import Case

RESULTS = Path(__file__).resolve().parent / "results"
CHECK_SIZE = 256
MOST_CALLS = 4000
LONGEST = 4.0
"""Seconds after which a library's rounds on a row are cut."""
BRANCHES = 4.0
"""Pipelines draw what to run: their rounds are this many times longer, to meet every branch."""
FEW_HUNDRED = 200
"""Draws that meet each of a few results often enough to compare how often."""
HELPED = 1.15
"""Process time over thread time from which a library is said to use other threads."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a run was asked to do."""

    libs: tuple[str, ...]
    keys: tuple[str, ...]
    sizes: tuple[int, ...]
    rounds: int
    budget: float
    draws: int
    check_seconds: float
    write: bool


class Driver:
    """Keep the workers and walk the table."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.workers: dict[str, Worker] = {}
        for key in plan.libs:
            self.workers[key] = Worker(key)
        self.about = {key: worker.about for key, worker in self.workers.items()}

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()

    def rows(self) -> list[Row]:
        """Measure all that was asked for, telling each row as it comes."""
        rows = []
        for key in self.plan.keys:
            case = CASES[key]
            agreement = self.agreement(key, case)
            for size in self.plan.sizes if case.sized else (own_size(case),):
                row = {"case": key, "size": size, "times": self.measure(key, size)}
                row["agreement"] = agreement
                row["notes"] = case.notes
                row["sized"] = case.sized
                rows.append(row)
                print(report.line(row, self.plan.libs), flush=True)
        return rows

    def measure(self, key: str, size: int) -> dict[str, Any]:
        """Time one case at one size: every library in turn, round after round."""
        ready = self._ask_all("prepare", key, size)
        digests = {answer["digest"] for answer in ready.values() if "digest" in answer}
        if len(digests) > 1:
            raise SystemExit(f"{key} at {size}: the libraries did not get the same pictures")
        times: dict[str, Any] = {lib: answer for lib, answer in ready.items() if "error" in answer}
        running = [lib for lib in self.plan.libs if lib not in times]
        rounds: dict[str, list[Row]] = {lib: [] for lib in running}
        for turn in range(self.plan.rounds):
            # whoever goes first changes, so that none always follows the same neighbour
            start = turn % max(1, len(running))
            for lib in running[start:] + running[:start]:
                if self._wanted(rounds[lib]):
                    calls = self._calls(ready[lib]["seconds"], CASES[key])
                    rounds[lib].append(self._ask(lib, "round", calls, turn))
        for lib in running:
            times[lib] = summarise(rounds[lib])
            times[lib] |= self._ask(lib, "release")
        return times

    def agreement(self, key: str, case: Case) -> dict[str, Any]:
        """Compare every library with 2.0.8 on one case, or with the next best if it lacks it."""
        if not self.plan.draws or case.group not in {"transforms", "pipelines"}:
            return {}
        size = CHECK_SIZE if case.sized else own_size(case)
        draws, seconds = self.plan.draws, self.plan.check_seconds
        given = {
            "exact": (),
            "members": (max(draws, FEW_HUNDRED),),
            "drawn": (draws, seconds),
        }
        told = self._ask_all(case.check, key, size, *given[case.check])
        judge = next((lib for lib in ("albu", "ax") if _fine(told.get(lib))), None)
        if judge is None:
            return {}
        return {
            lib: _judged(case, answer, told[judge], judge)
            for lib, answer in told.items()
            if lib != judge and (lib != "albu" or _fine(answer))
        }

    def _calls(self, seconds: float, case: Case) -> int:
        budget = self.plan.budget * (BRANCHES if case.group == "pipelines" else 1.0)
        return max(1, min(MOST_CALLS, round(budget / seconds)))

    def _wanted(self, done: list[Row]) -> bool:
        if any("error" in each for each in done):
            return False
        return sum(each["thread"] for each in done) < LONGEST

    def _ask_all(self, method: str, *given: Any) -> dict[str, Any]:
        return {lib: self._ask(lib, method, *given) for lib in self.plan.libs}

    def _ask(self, lib: str, method: str, *given: Any) -> Any:
        try:
            return self.workers[lib].ask(method, *given)
        except WorkerError as error:
            if self.workers[lib].process.poll() is not None:
                self.workers[lib] = Worker(lib)
            return {"error": str(error).splitlines()[0][:200]}


def _fine(answer: Any) -> bool:
    return isinstance(answer, list) or (isinstance(answer, dict) and "error" not in answer)


def _judged(case: Case, answer: Any, truth: Any, judge: str) -> Row:
    if not _fine(answer):
        return {"verdict": "failed", "value": None, "detail": answer["error"]}
    compare = {
        "exact": partial(compare_exact, tolerance=case.tolerance, scale=case.scale),
        "members": compare_members,
        "drawn": partial(compare_drawn, tolerance=case.tolerance),
    }
    verdict = compare[case.check](answer, truth)
    return verdict | ({} if judge == "albu" else {"against": judge})


def own_size(case: Case) -> int:
    """Say how wide the pictures of a case are that does not follow the sizes asked for."""
    fixed = BASES[case.kind.partition("+")[0]][1]
    return fixed[1] if fixed else 512


def summarise(rounds: list[Row]) -> Row:
    """Reduce the rounds of one library to median and quartiles, in microseconds a call."""
    failed = next((each for each in rounds if "error" in each), None)
    if failed:
        return {"error": failed["error"]}
    figures = sorted(1e6 * each["thread"] / each["calls"] for each in rounds)
    low, _, high = statistics.quantiles(figures, n=4) if len(figures) > 1 else figures * 3
    thread = sum(each["thread"] for each in rounds)
    return {
        "us": round(statistics.median(figures), 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "least": round(figures[0], 3),
        "rounds": len(figures),
        "calls": rounds[0]["calls"],
        "other_threads": sum(each["process"] for each in rounds) > HELPED * thread + 0.002,
    }


def save(rows: list[Row], about: Row, name: str, more: Row | None = None) -> Path:
    """Merge rows into the machine's file: a new row replaces the old one of its case and size."""
    host = machine.describe()
    path = RESULTS / f"{machine.slug(host)}-{name}.json"
    known = json.loads(path.read_text())["rows"] if path.exists() else []
    for row in rows:
        row["revision"], row["date"] = host["revision"], host["date"]
    merged = {(row["case"], row["size"]): row for row in known}
    merged |= {(row["case"], row["size"]): row for row in rows}
    order = {key: place for place, key in enumerate(CASES)}
    kept = sorted(
        (row for row in merged.values() if row["case"] in order),
        key=lambda row: (order[row["case"]], row["size"]),
    )
    RESULTS.mkdir(exist_ok=True)
    text = {"machine": host, "libraries": about, "rows": kept} | (more or {})
    path.write_text(json.dumps(text, indent=1) + "\n")
    return path


def parse(words: list[str]) -> Plan:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--libs", default="ours,albu,ax", help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--only", default="", help="a regular expression on group/name")
    parser.add_argument("--group", default="transforms,pipelines")
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget-ms", type=float, default=30.0, help="of one round")
    parser.add_argument("--draws", type=int, default=160, help="for agreement; 0: no check")
    parser.add_argument("--check-seconds", type=float, default=4.0, help="of drawing, a library")
    parser.add_argument("--quick", action="store_true", help="512 pixels, 3 short rounds")
    parser.add_argument("--write", action="store_true", help="keep the results")
    given = parser.parse_args(words)
    groups = given.group.split(",")
    keys = tuple(
        key
        for key, case in CASES.items()
        if case.group in groups and re.search(given.only, key, re.IGNORECASE)
    )
    if not keys:
        parser.error(f"--only {given.only!r} matches no case of {given.group}")
    unknown = [lib for lib in given.libs.split(",") if lib not in LIBRARIES]
    if unknown:
        parser.error(f"--libs {unknown[0]!r}: it must be of {', '.join(LIBRARIES)}")
    quick = given.quick
    return Plan(
        libs=tuple(given.libs.split(",")),
        keys=keys,
        sizes=(512,) if quick else tuple(int(size) for size in given.sizes.split(",")),
        rounds=3 if quick else given.rounds,
        budget=0.01 if quick else given.budget_ms / 1000.0,
        draws=min(given.draws, 64) if quick else given.draws,
        check_seconds=1.5 if quick else given.check_seconds,
        write=given.write,
    )


def main(words: list[str]) -> int:
    plan = parse(words)
    try:
        driver = Driver(plan)
    except WorkerError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(report.heading(plan.libs))
        rows = driver.rows()
    finally:
        driver.close()
    print("\n".join(report.summary(rows)))
    if plan.write:
        print(save(rows, driver.about, "table").name)
        report.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
