"""What goes wrong in workers is told at once, in the parent, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from anamorph.core.errors import AnamorphError
from anamorph.data import Loader, LoaderError, WorkerError
from data.loader_datasets import Failing, Keyed, Made, numbered, pid_of, ring_of, same, team_of

SRC = Path(__file__).resolve().parents[2] / "src"


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids: list[int], seconds: float = 10) -> bool:
    """Whether processes end within some time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(map(alive, pids)):
            return True
        time.sleep(0.02)
    return False


def script(text: str, **options: Any) -> subprocess.Popen[str]:
    """A program of its own, with the datasets of the tests."""
    code = "from data.loader_datasets import *\nfrom anamorph.data import Loader\n"
    env = {**os.environ, "PYTHONPATH": f"{SRC}{os.pathsep}{SRC.parent / 'tests'}"}
    command = [sys.executable, "-W", "error", "-c", code + textwrap.dedent(text)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=env, text=True, **pipes, **options)


# ------------------------------------------------------------------------------ errors of datasets


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_raised_as_it_is_with_its_sample(workers):
    loader = iter(Loader(Failing("key"), 3, num_workers=workers))
    same(next(loader)["label"], torch.arange(3))
    with pytest.raises(KeyError, match="lost") as told:
        next(loader)
    assert "sample 5" in told.value.__notes__[-1]
    if workers:
        assert "in key" in str(told.value.__cause__)
    same([b["label"] for b in loader], [torch.arange(6, 9), torch.arange(9, 12)])


@pytest.mark.parametrize("what", ["odd", "local"])
def test_an_error_that_cannot_travel_is_told_in_words(what):
    with pytest.raises(WorkerError, match=r"(1 and 2|not to be found)") as told:
        list(Loader(Failing(what), 3, num_workers=1))
    assert f"in {what}" in str(told.value.__cause__)
    assert "sample 5" in told.value.__notes__[-1]
    assert isinstance(told.value, AnamorphError)
    assert isinstance(told.value, RuntimeError)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_collate_function(workers):
    def collate(items: list[Any]) -> Any:
        raise ZeroDivisionError(len(items))

    with pytest.raises(ZeroDivisionError) as told:
        list(Loader(Made(int), 3, num_workers=workers, collate_fn=collate))
    assert "making a batch" in told.value.__notes__[-1]


def test_what_cannot_be_pickled_is_an_error():
    loader = Loader(Made(int), 3, num_workers=1, collate_fn=lambda items: lambda: items)
    with pytest.raises((AttributeError, WorkerError), match=r"pickle|lambda"):
        list(loader)


def test_an_error_of_worker_init_fn():
    def init(worker: int) -> None:
        raise OSError(f"no disk for {worker}")

    with pytest.raises(OSError, match="no disk for 0"):
        list(Loader(Made(int), 3, num_workers=2, worker_init_fn=init))


def test_a_dataset_that_cannot_be_sent_is_refused_by_pickle():
    data = Made(lambda i: i)
    with pytest.raises(Exception, match=r"pickle|lambda"):
        iter(Loader(data, num_workers=2, multiprocessing_context="spawn"))


# ------------------------------------------------------------------------------ deaths


@pytest.mark.parametrize("workers", [1, 3])
def test_a_killed_worker_is_noticed_at_once(workers):
    loader = iter(Loader(Failing("kill"), 2, num_workers=workers))
    team = [worker.process.pid for worker in team_of(loader).workers]
    begun = time.monotonic()
    with pytest.raises(WorkerError, match=r"pid \d+\) was killed by SIGKILL.*samples 4, 5") as told:
        list(loader)
    assert time.monotonic() - begun < 20
    assert any(f"pid {pid})" in str(told.value) for pid in team)
    assert gone(team)
    with pytest.raises(LoaderError, match="were ended"):
        next(loader)


def test_a_worker_that_leaves_is_noticed_too():
    with pytest.raises(WorkerError, match=r"ended with exit code 3.*samples 4, 5"):
        list(Loader(Failing("leave"), 2, num_workers=2))


def test_a_worker_killed_from_outside_in_a_long_sample():
    loader = iter(Loader(Failing("sleep", at=0), 2, num_workers=1))
    os.kill(team_of(loader).workers[0].process.pid, signal.SIGKILL)
    begun = time.monotonic()
    with pytest.raises(WorkerError, match=r"SIGKILL.*samples 0, 1"):
        next(loader)
    assert time.monotonic() - begun < 20


def test_persistent_workers_come_again_after_a_death():
    loader = Loader(Made(numbered), 3, num_workers=2, persistent_workers=True)
    wanted = [b["label"].clone() for b in loader]
    os.kill(team_of(loader).workers[1].process.pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"worker 1 .*SIGKILL"):
        list(loader)
    same([b["label"] for b in loader], wanted)


def test_time_is_limited_if_asked(monkeypatch):
    monkeypatch.setattr("anamorph.data.loader.team.GRACE", 0.2)
    loader = Loader(Failing("sleep", at=3), 2, num_workers=1, timeout=0.3)
    batches = iter(loader)
    workers = [worker.process.pid for worker in team_of(batches).workers]
    next(batches)
    with pytest.raises(LoaderError, match=r"0.3 s.*samples 2, 3"):
        next(batches)
    assert gone(workers)


# ------------------------------------------------------------------------------ ends


@pytest.mark.parametrize("given", [{}, {"multiprocessing_context": "spawn"}])
def test_no_process_outlives_a_pass(given):
    pids = sorted({pid for b in Loader(Made(pid_of, 8), 2, num_workers=2, **given) for pid in b})
    assert len({int(pid) for pid in pids}) == 2
    assert gone([int(pid) for pid in pids], 1)


def test_no_process_outlives_a_pass_that_is_left():
    for _ in range(3):
        for batch in Loader(Made(pid_of, 100), 2, num_workers=2):
            left = [int(pid) for pid in batch]
            break
        assert gone(left, 3)


def test_persistent_workers_stay_until_the_loader_goes():
    loader = Loader(Made(pid_of, 8), 2, num_workers=2, persistent_workers=True)
    first = {int(pid) for b in loader for pid in b}
    assert first == {int(pid) for b in loader for pid in b}
    assert all(map(alive, first))
    del loader
    assert gone(list(first), 3)


def test_persistent_workers_begin_anew_after_a_pass_that_is_left():
    loader = Loader(Made(numbered, 40), 2, num_workers=2, persistent_workers=True)
    for count in (1, 3, 0):
        left = iter(loader)
        for _ in range(count):
            next(left)
        found = [b["label"].tolist() for b in loader]
        assert found == [[i, i + 1] for i in range(0, 40, 2)]
        with pytest.raises(LoaderError, match="one at a time"):
            next(left)
    assert len(ring_of(loader).slots) <= 2 * loader.slots


def test_an_iterator_that_is_over_stays_over():
    batches = iter(Loader(Made(int, 3), num_workers=1))
    assert len(list(batches)) == 3
    assert list(batches) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_two_passes_at_once_are_two(workers):
    loader = Loader(Keyed(), 3, num_workers=workers)
    pairs = list(zip(loader, loader, strict=True))
    assert {(a["epoch"][0].item(), b["epoch"][0].item()) for a, b in pairs} == {(0, 1)}
    again = list(Loader(Keyed(), 3))
    same([a["image"] for a, _ in pairs], [b["image"] for b in again])


def test_a_long_sample_is_not_waited_for_when_a_pass_is_left(monkeypatch):
    monkeypatch.setattr("anamorph.data.loader.team.GRACE", 0.2)
    batches = iter(Loader(Failing("sleep", at=2), 1, num_workers=1))
    pid = team_of(batches).workers[0].process.pid
    next(batches)
    begun = time.monotonic()
    del batches
    assert time.monotonic() - begun < 3
    assert gone([pid], 1)


def test_an_interrupt_ends_the_workers(monkeypatch):
    batches = iter(Loader(Made(numbered, 40), 2, num_workers=2))
    pids = [worker.process.pid for worker in team_of(batches).workers]

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(team_of(batches)), "answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    assert gone(pids, 3)


# ------------------------------------------------------------------------------ whole programs

BEGUN = """
loader = Loader(Failing("sleep", at=9, count=40), 2, num_workers=2{options})
batches = iter(loader)
next(batches), next(batches)  # of either worker
print(*[worker.process.pid for worker in team_of(batches).workers], flush=True)
"""


def begun(rest: str, options: str = "", **given: Any) -> tuple[subprocess.Popen[str], list[int]]:
    program = script(BEGUN.format(options=options) + textwrap.dedent(rest), **given)
    return program, [int(pid) for pid in program.stdout.readline().split()]


def test_workers_do_not_outlive_a_killed_parent():
    program, pids = begun("import time; time.sleep(60)")
    assert len(pids) == 2
    assert all(map(alive, pids))
    program.kill()
    assert gone(pids, 20)  # one of them sleeps in a sample for much longer
    program.communicate()
    assert not list(Path("/dev/shm").glob("*anamorph*"))


@pytest.mark.parametrize("options", ["", ", persistent_workers=True"])
def test_a_program_may_end_in_the_middle(options):
    """Nothing is said at the end, neither by processes nor by trackers of resources."""
    program, pids = begun("import sys; sys.exit(0)", options)
    out, err = program.communicate(timeout=60)
    assert (program.returncode, out, err) == (0, "", "")
    assert gone(pids, 3)


def test_ctrl_c_ends_everything_with_one_traceback():
    rest = """
    try:
        for batch in batches: pass
    except KeyboardInterrupt:
        print("interrupted")
    """
    program, pids = begun(rest, start_new_session=True)
    time.sleep(0.5)
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=60)
    assert (out, err) == ("interrupted\n", "")
    assert gone(pids, 3)


LIGHT = """
import sys

class Light:
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return int("torch" in sys.modules)

if __name__ == "__main__":
    from anamorph.data import Loader
    loader = Loader(Light(), 2, num_workers=1, multiprocessing_context="spawn")
    print([batch.tolist() for batch in loader])
"""


def test_a_spawned_worker_does_not_load_torch(tmp_path):
    path = tmp_path / "light.py"
    path.write_text(LIGHT)
    env = {**os.environ, "PYTHONPATH": str(SRC)}
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[[0, 0], [0, 0]]\n", "")
