"""Run the cross-target suite over Anamorph.

python scripts/acceptance.py DIR [pytest's own arguments]
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Hand over to pytest."""
    suite = Path(sys.argv[1] if len(sys.argv) > 1 else "").resolve()
    if not (suite / "test_invariants.py").is_file():
        sys.exit(f"acceptance: the suite is not in {suite}: name its folder with ACCEPTANCE=DIR")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--rootdir", str(suite), str(suite), *sys.argv[2:]]
    # The suite's folder may be read-only, and is not ours to leave byte code in.
    environment = {**os.environ, "AUG_MODULE": "anamorph", "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
