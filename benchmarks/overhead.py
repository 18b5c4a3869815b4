"""Measure what a call costs beside its pixels: drawing, planning, dispatch, boxes, import.

    python benchmarks/overhead.py --libs ours,albu,ax --write

The pictures are 16 pixels wide (64 where there are annotations), so that what is left is the
library's own work.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from typing import Any

import report
from cases import OVERHEAD
from client import Worker, WorkerError, environment, interpreter
from libraries import LIBRARIES
from run import Driver, Plan, save

PIPELINE = "pipelines/P5 heavy"
PROBE = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{statement}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
rss = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
import json
print(json.dumps([cpu, wall, int(rss.split()[1]) / 1024]))
"""


def imports(libs: tuple[str, ...], repeats: int) -> dict[str, Any]:
    """Time the import of each library in fresh processes, in turn; the least of each figure."""
    jobs = {"nothing": (libs[0], "pass"), "numpy and cv2": (libs[0], "import numpy, cv2")}
    for lib in libs:
        if LIBRARIES[lib].title not in jobs and lib != "unfused":
            jobs[LIBRARIES[lib].title] = (lib, f"import {LIBRARIES[lib].module}")
    taken: dict[str, list[list[float]]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, (lib, statement) in jobs.items():
            figures = _probe(lib, statement)
            # the first turn fills the caches of compiled files and of the disk
            taken[name] += [figures] if turn else []
    keys = ("cpu_s", "wall_s", "rss_mib")
    return {
        name: {
            key: round(statistics.median(column), 4)
            for key, column in zip(keys, zip(*rows, strict=True), strict=True)
        }
        for name, rows in taken.items()
    }


def _probe(lib: str, statement: str) -> list[float]:
    done = subprocess.run(
        [str(interpreter(lib)), "-c", PROBE.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(lib),
    )
    return json.loads(done.stdout.splitlines()[-1])


def weigh(workers: dict[str, Worker]) -> dict[str, Any]:
    """Ask every library what constructing and pickling a pipeline costs."""
    told = {}
    for lib, worker in workers.items():
        try:
            told[lib] = worker.ask("weigh", PIPELINE)
        except WorkerError as error:
            told[lib] = {"error": str(error)}
    return told


def added(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make rows of what masks, boxes and points add to the same call without them."""
    known = {row["case"]: row for row in rows}
    made = []
    for key, row in known.items():
        bare, plus, extra = key.partition("+")
        if not plus or bare not in known:
            continue
        times = {}
        for lib, time in row["times"].items():
            base = known[bare]["times"].get(lib, {})
            if "us" in time and "us" in base:
                extra_us = time["us"] - base["us"]
                times[lib] = {"us": round(extra_us, 3), "other_threads": False}
                times[lib] |= {"low": times[lib]["us"], "high": times[lib]["us"]}
        name = bare.partition("/")[2].removesuffix(" on small")
        made.append({"case": f"added/{extra} to {name}", "size": 64, "times": times})
    return made


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--libs", default="ours,albu,ax")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget-ms", type=float, default=15.0)
    parser.add_argument("--imports", type=int, default=5, help="fresh processes a library")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(words)
    libs = tuple(given.libs.split(","))
    keys = (f"{case.group}/{case.name}" for case in OVERHEAD)
    chosen = tuple(key for key in keys if re.search(given.only, key, re.IGNORECASE))
    plan = Plan(libs, chosen, (16,), given.rounds, given.budget_ms / 1000.0, 0, 0.0, given.write)
    try:
        driver = Driver(plan)
    except WorkerError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(report.heading(libs))
        rows = driver.rows()
        more = {"weights": weigh(driver.workers)}
    finally:
        driver.close()
    more["added"] = added(rows)
    for row in more["added"]:
        print(report.line(row, libs))
    more["imports"] = imports(libs, given.imports)
    print(json.dumps({key: more[key] for key in ("imports", "weights")}, indent=1))
    if given.write:
        print(save(rows, driver.about, "overhead", more).name)
        report.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
