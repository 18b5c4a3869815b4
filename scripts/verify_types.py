"""Say how much of the public face is typed, and name what is not.

python scripts/verify_types.py --at-least 98
"""

import argparse
import json
import subprocess
import sys


def main() -> int:
    """Exit 1 when the share is below the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-least", type=float, default=0.0, metavar="PERCENT")
    limit = parser.parse_args().at_least

    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    command += ["--verifytypes", "anamorph", "--ignoreexternal", "--outputjson"]
    # pyright's own status is 1 below 100 %; ours is decided by the limit.
    answer = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    report = json.loads(answer.stdout).get("typeCompleteness")
    if not report or not report.get("pyTypedPath"):
        sys.stderr.write(f"pyright found no typed package anamorph:\n{answer.stdout}\n")
        return 1

    for symbol in report["symbols"]:
        if symbol["isExported"] and not symbol["isTypeKnown"]:
            messages = "; ".join(d["message"].replace("\n", " ") for d in symbol["diagnostics"])
            print(f"  {symbol['name']}: {messages}")
    share = 100 * report["completenessScore"]
    print(f"Public names fully typed: {share:.1f} % (wanted: {limit:g} %)")
    return int(share < limit)


if __name__ == "__main__":
    sys.exit(main())
