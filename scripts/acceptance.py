"""Run the cross-target suite over Anamorph, less the classes that are not built yet.

python scripts/acceptance.py DIR [pytest's own arguments]

The list of what is not built (tests/acceptance_not_yet.txt) cannot go stale: a name on it that
exists ends the run before it starts.
"""

import os
import sys
from pathlib import Path

import anamorph

NOT_YET = Path(__file__).resolve().parent.parent / "tests" / "acceptance_not_yet.txt"


def main() -> None:
    """Hand over to pytest."""
    suite = Path(sys.argv[1] if len(sys.argv) > 1 else "").resolve()
    if not (suite / "test_invariants.py").is_file():
        sys.exit(f"acceptance: the suite is not in {suite}: name its folder with ACCEPTANCE=DIR")
    lines = NOT_YET.read_text().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    if built := [name for name in names if hasattr(anamorph, name)]:
        sys.exit(f"acceptance: {', '.join(built)}: built, so take it off {NOT_YET.name}")

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--rootdir", str(suite), str(suite), *sys.argv[2:]]
    for name in names:
        command += ["--deselect", f"test_invariants.py::test_api_208_class_exists[{name}]"]
    # The suite's folder may be read-only, and is not ours to leave byte code in.
    environment = {**os.environ, "AUG_MODULE": "anamorph", "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
