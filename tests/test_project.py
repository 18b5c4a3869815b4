"""What the packaging files owe each other."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import anamorph

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(*locks):
    lines = [x for lock in locks for x in (ROOT / "requirements" / lock).read_text().splitlines()]
    exact = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in exact}


def test_one_version():
    assert anamorph.__version__ == PROJECT["version"]
    assert f"{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("extra", [None, *PROJECT["optional-dependencies"]])
def test_locked(extra):
    """The locks hold a version that the project allows, for whatever it names."""
    extras = PROJECT["optional-dependencies"]
    named = PROJECT["dependencies"] if extra is None else extras[extra]
    locked = pins("run.lock") if extra in {None, "cli"} else pins("run.lock", "dev.lock")
    for requirement in map(Requirement, named):
        if requirement.name != PROJECT["name"]:
            assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
def test_lock_is_exact(lock):
    """Plain exact pins: no index, no address, no range."""
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    odd = [x for x in lines if not x.startswith("#") and not re.fullmatch(r"[\w.-]+==[\w.]+", x)]
    assert odd == []


def test_command():
    """The console script names something that can be called."""
    module, _, name = PROJECT["scripts"]["anamorph"].partition(":")
    assert callable(getattr(import_module(module), name))
