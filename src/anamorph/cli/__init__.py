"""The command line: ``anamorph augment | show | explain | check | stats | list | bench | init | fit | predict | evaluate | tta | ensemble | runs``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("typer", "rich", "yaml")


def main() -> None:
    """Run the command that the arguments name.

    The exit status is 0 if all went well, 1 if a picture had to be skipped, 2 for a mistake in the
    arguments, the pipeline or the annotations, and 130 after Ctrl-C.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.exit(f'The command line needs {", ".join(missing)}: run  pip install "anamorph[cli]"')
    from anamorph.cli.app import run  # noqa: PLC0415 - it needs what was just looked for

    sys.exit(run())
