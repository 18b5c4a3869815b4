"""A bundle that nobody trained, and a cluster of two processes on this machine."""

import os
from pathlib import Path

import pytest

from anamorph import tasks

torch = pytest.importorskip("torch")
files = pytest.importorskip("safetensors.torch")

CLASSES = {"classify": ("green", "red"), "segment": ("foreground",), "detect": ("red", "green")}


@pytest.fixture
def bundle(config, tmp_path):
    def make(name, *overrides):
        from anamorph.tasks.bundle import sha256_of

        chosen = config(name, *overrides)
        task = tasks.TASKS[name](chosen, CLASSES[name])
        torch.manual_seed(0)
        path = tmp_path / "weights.safetensors"
        files.save_file(task.model().state_dict(), path)
        member = tasks.Member(chosen, path, sha256_of(path), name="fold-0")
        tasks.Bundle(CLASSES[name], (member,), task.usual(), {}).save(tmp_path / "bundle")
        return tasks.Bundle.load(tmp_path / "bundle")

    return make


@pytest.fixture(scope="module")
def cluster():
    """Two processes; they find the package, and these tests, where this process does."""
    ray = pytest.importorskip("ray")
    here = Path(__file__).parent
    paths = [str(Path(tasks.__file__).parents[2]), str(here), os.environ.get("PYTHONPATH", "")]
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        object_store_memory=100 * 1024 * 1024,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(paths)}},
    )
    yield ray
    ray.shutdown()
