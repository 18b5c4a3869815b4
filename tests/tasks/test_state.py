"""Checkpoints: whole or not at all, and only for the run that wrote them."""

import errno
import os

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph.core.errors import DataError  # noqa: E402 - after the skip
from anamorph.nn import models  # noqa: E402
from anamorph.nn.ensemble import EMA  # noqa: E402
from anamorph.tasks import optim  # noqa: E402
from anamorph.tasks.config.sections import Train  # noqa: E402
from anamorph.tasks.errors import ResumeError, TrainingError  # noqa: E402
from anamorph.tasks.state import (  # noqa: E402
    Progress,
    State,
    read_checkpoint,
    write_checkpoint,
)

MARK = {"configuration": "a", "data": "b"}


def state(seed=0):
    torch.manual_seed(seed)
    model = models.classifier("test_resnet", 2)
    optimizer = optim.optimizer_of(model, Train())
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return State(model, optimizer, scaler, EMA(model, 0.9), Progress())


def stepped(given):
    given.model(torch.rand(2, 3, 32, 32)).sum().backward()
    given.optimizer.step()
    given.average.update(given.model)
    given.progress.ranking = [(0.5, 3), (0.25, 1)]
    given.progress.step = 7
    return given


def test_all_of_it_comes_back(tmp_path):
    first, path = stepped(state()), tmp_path / "fold/last.pt"
    write_checkpoint(path, first.pack(MARK))
    second = state(seed=1)
    second.unpack(read_checkpoint(path), MARK, path)
    assert second.progress == first.progress
    for one, other in (
        (first.model.state_dict(), second.model.state_dict()),
        (first.average.state_dict(), second.average.state_dict()),
    ):
        assert all(torch.equal(one[name], other[name]) for name in one)
    moments = [s.optimizer.state_dict()["state"] for s in (first, second)]
    assert all(
        torch.equal(moments[0][k][name], moments[1][k][name])
        for k in moments[0]
        for name in ("exp_avg", "exp_avg_sq", "step")
    )
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]


def test_another_run_is_refused(tmp_path):
    given = state()
    path = tmp_path / "last.pt"
    write_checkpoint(path, given.pack(MARK))
    with pytest.raises(ResumeError, match="written under another data"):
        given.unpack(read_checkpoint(path), {**MARK, "data": "c"}, path)


def test_what_is_no_checkpoint(tmp_path):
    path = tmp_path / "last.pt"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"last.pt is no checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(tmp_path, monkeypatch, code):
    path = tmp_path / "last.pt"
    write_checkpoint(path, {"kept": torch.ones(1)})

    def full(_handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match="the disk is full; the one before it is kept"):
        write_checkpoint(path, {"lost": torch.ones(1)})
    monkeypatch.undo()
    assert list(read_checkpoint(path)) == ["kept"]
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_a_file_that_grows_too_large(tmp_path):
    """The limit is the system's own: what is written beyond it fails as on a full disk."""
    resource = pytest.importorskip("resource")
    import signal

    path = tmp_path / "last.pt"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(TrainingError, match="the disk is full; there is none before it"):
            write_checkpoint(path, {"large": torch.ones(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())
