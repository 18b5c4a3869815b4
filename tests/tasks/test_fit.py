"""Runs: what they leave, that they learn, that they go on, and what stops them."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

import anamorph.tasks.loop as loop_module  # noqa: E402 - after the skip
from anamorph import tasks  # noqa: E402
from anamorph.core.errors import DataError, UnknownNameError  # noqa: E402
from anamorph.ledger import Ledger  # noqa: E402
from anamorph.tasks.board import Board  # noqa: E402
from anamorph.tasks.errors import ResumeError, TrainingError  # noqa: E402
from anamorph.tasks.signals import StopRequested  # noqa: E402

TASKS = ("classify", "segment", "detect")
ONE = ("folds.use=[0]", "train.epochs=1")


class Told(Board):
    def __init__(self):
        self.sentences, self.epochs, self.losses = [], [], []

    def say(self, sentence):
        self.sentences.append(sentence)

    def epoch(self, fold, epoch, values):
        self.epochs.append((fold, epoch, values))

    def step(self, loss, rate):
        self.losses.append(loss)


@pytest.mark.parametrize("task", TASKS)
def test_what_a_run_leaves(config, tmp_path, task):
    chosen = config(task)
    board = Told()
    run = tasks.fit(chosen, tmp_path, board=board)
    assert [(fold, epoch) for fold, epoch, _ in board.epochs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert run.status == "done"
    assert tasks.load(run.config) == chosen
    record = json.loads((run.path / "run.json").read_text())
    task_ = tasks.Bundle.load(run.path).task
    assert (record["metric"], record["mode"]) == task_.metric
    assert len(record["scores"][record["metric"]]["folds"]) == 2
    events = list(run.metrics())
    assert {event.split for event in events} == {"train", "valid"}
    assert not (run.path / "checkpoints").exists()
    parts = [tasks.read_oof(run.path, fold) for fold in (0, 1)]
    assert sorted(name for part in parts for name in part.ids) == sorted(task_pictures(run.path))
    scores = tasks.evaluate(run)
    assert scores[record["metric"]] == pytest.approx(
        record["scores"][record["metric"]]["mean"], abs=0.02, nan_ok=True
    )
    assert Ledger(tmp_path).resolve(run.id).path == run.path


def task_pictures(path):
    return [name for name, _ in json.loads((path / "folds.json").read_text())["folds"]]


LEARNED = [
    ("classify", (), "accuracy", 0.95),
    ("segment", ("loss.name=bce",), "dice", 0.6),
]
LONGER = ("folds.use=[0]", "train.epochs=14", "train.encoder_lr=1", "train.lr=0.01")


@pytest.mark.parametrize(("task", "overrides", "name", "least"), LEARNED)
def test_they_learn(config, tmp_path, task, overrides, name, least):
    run = tasks.fit(config(task, *LONGER, *overrides), tmp_path)
    assert tasks.evaluate(run)[name] > least


MODES = [
    ("classify", ("mode=ordinal",), {}, "kappa_quadratic", 1),
    (
        "classify", ("mode=multilabel", "data.kind=table"),
        {"images": "images", "table": "labels.csv", "image_column": "file",
         "label_columns": ["red", "green"]}, "f1", 2,
    ),
    ("segment", ("mode=multiclass", "data.values=[0, 255]"), {}, "iou", 0),
    ("segment", ("mode=multilabel", "data.classes=[a, b]"), {"masks": "planes"}, "dice", 2),
]  # fmt: skip


@pytest.mark.parametrize("row", MODES)
def test_modes(config, tmp_path, row):
    task, overrides, places, metric, thresholds = row
    run = tasks.fit(config(task, *ONE, *overrides, **places), tmp_path)
    bundle = tasks.Bundle.load(run.path)
    assert bundle.task.metric[0] == metric
    assert len(bundle.decision.thresholds) == thresholds


def test_crops_and_tiles(config, tmp_path):
    run = tasks.fit(config("segment", *ONE, "input.fit=crop", "predict.tile=32"), tmp_path)
    part = tasks.read_oof(run.path, 0)
    assert part.predictions[0].shape == (32, 40, 1)
    assert part.targets[0].shape == (32, 40)


OPTIONS = [
    ("train.freeze=1", "train.accumulate=2", "train.balance=1"),
    ("train.precision=bf16", "train.ema=0", "train.clip=null"),
    ("train.keep=2", "train.average=true", "train.optimizer=sgd"),
    ("mix.mixup=0.4", "mix.cutmix=1.0", "mix.p=1", "train.schedule=cosine"),
]


@pytest.mark.parametrize("overrides", OPTIONS)
def test_options(config, tmp_path, overrides):
    board = Told()
    tasks.fit(config("classify", "folds.use=[0]", *overrides), tmp_path, board=board)
    assert all(np.isfinite(board.losses))
    assert len(board.epochs) == 2


@pytest.mark.parametrize("accumulate", [1, 2])
def test_each_picture_once_an_epoch(config, tmp_path, monkeypatch, accumulate):
    given, seen = loop_module.Trainer.gradients, []

    def noted(self, batches):
        assert len(batches) == accumulate
        seen.extend(int(index) for batch in batches for index in batch["index"])
        return given(self, batches)

    monkeypatch.setattr(loop_module.Trainer, "gradients", noted)
    tasks.fit(config("classify", "folds.use=[0]", f"train.accumulate={accumulate}"), tmp_path)
    assert len(seen) == 16
    assert len(set(seen[:8])) == 8
    assert set(seen[:8]) == set(seen[8:])
    assert seen[:8] != seen[8:]


def test_patience(config, tmp_path):
    board = Told()
    tasks.fit(
        config("classify", "folds.use=[0]", "train.epochs=6", "train.patience=1", "train.lr=1e-9"),
        tmp_path,
        board=board,
    )
    assert len(board.epochs) == 2


def test_a_wrong_metric_is_refused_at_once(config, tmp_path):
    for task, name in (("classify", "acuracy"), ("segment", "dise"), ("detect", "mapp")):
        with pytest.raises(UnknownNameError, match="did you mean"):
            tasks.fit(config(task, f"metric={name}"), tmp_path)
    assert not list(tmp_path.glob("2*"))


# ---------------------------------------------------------------------------- going on


class Killed(BaseException):
    """Ends a process as abruptly as can be within it."""


def weights_of(run):
    return json.loads((Path(run.path) / "run.json").read_text())["weights"]


class Killing(Board):
    """Dies at one of the steps."""

    def __init__(self, at):
        self.left = at

    def step(self, loss, rate):
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.fixture
def only_run(tmp_path):
    def find():
        (path,) = [p for p in tmp_path.iterdir() if (p / "run.json").exists()]
        return path.name

    return find


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_the_same_weights_after_an_end(config, tmp_path, tmp_path_factory, only_run, at):
    chosen = config("classify", "train.checkpoint_seconds=0", "mix.mixup=0.5", "folds.use=[0]")
    whole = tasks.fit(chosen, tmp_path_factory.mktemp("whole"))
    with pytest.raises(Killed):
        tasks.fit(chosen, tmp_path, board=Killing(at))
    again = tasks.fit(chosen, tmp_path, only_run())
    assert weights_of(again) == weights_of(whole)


def test_another_configuration_is_refused(config, tmp_path, only_run):
    with pytest.raises(Killed):
        tasks.fit(config("classify", "train.checkpoint_seconds=0"), tmp_path, board=Killing(2))
    with pytest.raises(ResumeError, match="written under another configuration"):
        tasks.fit(config("classify", "train.lr=0.5"), tmp_path, only_run())


def test_sigterm_leaves_a_checkpoint(config, tmp_path, tmp_path_factory, only_run):
    class Terminating(Board):
        sent = False

        def step(self, loss, rate):
            if not self.sent:
                self.sent = True
                os.kill(os.getpid(), signal.SIGTERM)

    chosen = config("classify", "folds.use=[0]")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StopRequested) as caught:
        tasks.fit(chosen, tmp_path, board=Terminating())
    assert caught.value.code == 143
    path = tmp_path / only_run()
    assert (path / "checkpoints/fold-0/last.pt").exists()
    assert json.loads((path / "run.json").read_text())["status"] == "stopped"
    assert signal.getsignal(signal.SIGTERM) == before
    again = tasks.fit(chosen, tmp_path, only_run())
    assert weights_of(again) == weights_of(tasks.fit(chosen, tmp_path_factory.mktemp("whole")))


# ---------------------------------------------------------------------------- what goes wrong


def test_a_loss_that_is_no_number(config, tmp_path, monkeypatch, only_run):
    given, count = loop_module.Trainer.gradients, [0]

    def broken(self, batches):
        count[0] += 1
        return float("nan") if count[0] == 3 else given(self, batches)

    monkeypatch.setattr(loop_module.Trainer, "gradients", broken)
    with pytest.raises(
        TrainingError,
        match=r"the loss is nan at step 2 \(epoch 1\) with the pictures .*png.*last good checkpoint is",
    ) as caught:
        tasks.fit(config("classify", "train.checkpoint_seconds=0"), tmp_path)
    assert (tmp_path / only_run() / "checkpoints/fold-0/last.pt").exists()
    assert str(caught.value).count(".png") == 4
    assert json.loads((tmp_path / only_run() / "run.json").read_text())["status"] == "failed"


def test_a_batch_that_does_not_fit(config, tmp_path, monkeypatch):
    given = loop_module.Trainer.loss

    def small(self, part, rng):
        if len(part["index"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return given(self, part, rng)

    monkeypatch.setattr(loop_module.Trainer, "loss", small)
    board = Told()
    tasks.fit(config("classify", *ONE), tmp_path, board=board)
    (sentence,) = board.sentences
    assert "the memory is too small for a batch of 4 pictures" in sentence
    assert "2 parts" in sentence
    monkeypatch.setattr(
        loop_module.Trainer, "loss", lambda *_: (_ for _ in ()).throw(MemoryError())
    )
    with pytest.raises(TrainingError, match="the memory is too small for it at step 0"):
        tasks.fit(config("classify", *ONE), tmp_path)


@pytest.fixture
def damaged(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged")
    for path in (data / "classes").rglob("*.png"):
        target = root / path.relative_to(data / "classes")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    (root / "green/03.png").write_bytes(b"\x89PNG nothing more")
    return root


@pytest.mark.parametrize("workers", [0, 1])
def test_a_corrupt_picture_is_named(config, tmp_path, damaged, workers):
    with pytest.raises(DataError) as caught:
        tasks.fit(
            config("classify", f"data.images={damaged}", f"train.workers={workers}"), tmp_path
        )
    assert "03.png" in str(caught.value)


def test_a_corrupt_picture_is_left_out(config, tmp_path, damaged):
    board = Told()
    chosen = config("classify", f"data.images={damaged}", "data.broken=skip")
    run = tasks.fit(chosen, tmp_path, board=board)
    assert any("green/03.png" in sentence for sentence in board.sentences)
    known = [name for fold in (0, 1) for name in tasks.read_oof(run.path, fold).ids]
    assert len(known) == 15
    assert "green/03.png" not in known


def test_a_full_disk(config, tmp_path, monkeypatch):
    import anamorph.tasks.state as state_module

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_module.torch, "save", full)
    with pytest.raises(TrainingError, match=r"last.pt cannot be written: the disk is full"):
        tasks.fit(config("classify"), tmp_path)


# ---------------------------------------------------------------------------- processes of their own


def forked(config, root, resume=None):
    """A process that trains; torch is loaded in it already."""
    process = multiprocessing.get_context("fork").Process(
        target=_trained, args=(config, root, resume)
    )
    process.start()
    return process


def _trained(config, root, resume):
    tasks.fit(config, root, resume)


@pytest.mark.parametrize("workers", [0, 2])
def test_sigkill(config, tmp_path, tmp_path_factory, only_run, workers):
    """Kills in the midst of training; the weights are those of a run that nobody killed."""
    chosen = config(
        "segment", f"train.workers={workers}", "train.checkpoint_seconds=0", "folds.use=[0]",
        "train.epochs=3",
    )  # fmt: skip
    whole = tasks.fit(chosen, tmp_path_factory.mktemp("whole"))
    resume = None
    for writes in (1, 3, 5):
        process = forked(chosen, tmp_path, resume)
        wait_for(process, tmp_path, writes)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        resume = only_run()
    process = forked(chosen, tmp_path, resume)
    process.join(120)
    assert process.exitcode == 0
    assert weights_of(Ledger(tmp_path).resolve(resume)) == weights_of(whole)


def wait_for(process, root, writes):
    """Wait until checkpoints were written so many times, or all is done."""
    seen, until = set(), time.monotonic() + 120
    while len(seen) < writes and process.is_alive():
        assert time.monotonic() < until
        for path in root.glob("*/checkpoints/fold-0/last.pt"):
            try:
                seen.add(path.stat().st_mtime_ns)
            except FileNotFoundError:
                continue
        time.sleep(0.002)


CHILD = """
import sys
import torch
from anamorph import tasks
torch.set_num_threads(1)
tasks.fit(sys.argv[1], sys.argv[2])
"""


def test_two_processes_are_as_one(config, tmp_path, tmp_path_factory):
    """Without batch norms, whose statistics are of the pictures that a process has."""
    chosen = config(
        "classify", "model.encoder=test_vit", "model.dropout=0", "train.ema=0",
        "input.size=[160, 160]", "train.lr=1e-4", "folds.use=[0]",
    )  # fmt: skip
    one = tasks.fit(chosen, tmp_path_factory.mktemp("one"))
    home = tmp_path_factory.mktemp("config")
    (home / "config.yaml").write_text(tasks.to_yaml(chosen), encoding="utf-8")
    (home / "child.py").write_text(CHILD, encoding="utf-8")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone",
        str(home / "child.py"), str(home / "config.yaml"), str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = [p for p in tmp_path.iterdir() if (p / "run.json").exists()]
    bundles = [tasks.Bundle.load(place) for place in (one.path, path)]
    first, second = (b.members[0].model(b.task).state_dict() for b in bundles)
    assert all(torch.allclose(value, second[name], atol=2e-5) for name, value in first.items())
