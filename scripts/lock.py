"""Write requirements/*.lock: what the newest allowed versions resolve to, in an empty environment.

python scripts/lock.py
"""

import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
# What the editable install is built with, and (the tools only) the torch that the tests are held to.
BUILD = ["editables"]
HELD = ["torch==2.14.1", "torchvision==0.29.1"]
TESTED = ("files", "jpeg", "mlflow", "onnx", "parquet", "plots", "ray", "text", "tiff", "train")


def main() -> None:
    """Resolve the run-time set first, then what the tools add to it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    core = project["project"]["dependencies"]
    tools = [d for d in extras["dev"] if not d.startswith("anamorph")]
    tools += [d for name in TESTED for d in extras[name] if not d.startswith("anamorph")]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        run = install(python, [*core, *extras["cli"], *project["build-system"]["requires"], *BUILD])
        everything = install(python, [*run, *HELD, *tools])
    write(LOCKS / "run.lock", run)
    write(LOCKS / "dev.lock", [pin for pin in everything if pin not in run])


def install(python: str, requirements: list[str]) -> list[str]:
    """Install and say what is there: one exact pin a line, without local labels such as +cpu."""
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", *requirements], check=True)
    frozen = subprocess.run([*pip, "freeze"], check=True, stdout=subprocess.PIPE, text=True)
    return sorted((line.split("+")[0] for line in frozen.stdout.split()), key=str.lower)


def write(path: Path, pins: list[str]) -> None:
    """Keep the comment at the head of the file; replace the pins."""
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    path.write_text("\n".join([*head, *pins]) + "\n")
    print(f"{path.relative_to(ROOT)}: {len(pins)} pins")


if __name__ == "__main__":
    main()
