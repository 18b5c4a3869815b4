"""Say what the figures were taken on."""

import datetime as dt
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ("avx2", "avx512f", "avx512_vbmi", "asimd")


def describe() -> dict[str, Any]:
    """Describe processor, memory, system and revision."""
    info = _cpuinfo()
    words = set(info.get("flags", info.get("Features", "")).split())
    words |= {"avx512_vbmi"} & {word.replace("avx512vbmi", "avx512_vbmi") for word in words}
    return {
        "cpu": info.get("model name", platform.processor() or platform.machine()),
        "family": info.get("cpu family", ""),
        "model": info.get("model", ""),
        "cores": os.cpu_count(),
        "flags": {flag: flag in words for flag in FLAGS},
        "hypervisor": "hypervisor" in words,
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": [round(value, 2) for value in os.getloadavg()],
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "revision": revision(),
    }


def slug(about: dict[str, Any]) -> str:
    """Name the machine in a file name."""
    words = f"{about['cpu']} {about['family']} {about['model']} {about['cores']}c"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def revision() -> str:
    """Name the commit, with a plus where the sources differ from it."""
    commit = _git("rev-parse", "--short", "HEAD")
    if not commit:
        return "none"
    return commit + ("+" if _git("status", "--porcelain", "--", "src") else "")


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    rows = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in rows}


def _memory() -> float | None:
    path = Path("/proc/meminfo")
    if not path.exists():
        return None
    found = re.search(r"MemTotal:\s+(\d+) kB", path.read_text())
    return round(int(found.group(1)) / 2**20, 1) if found else None
