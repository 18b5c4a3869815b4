"""Training over folds: what is needed is made, trained, predicted, scored and bundled."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.core.errors import ParameterError
from anamorph.core.rng import mix
from anamorph.data import Folds, Loader, write_atomically
from anamorph.ledger import Ledger, Run
from anamorph.nn.ensemble import EMA, uniform_soup
from anamorph.pipeline.compose import Compose
from anamorph.tasks import devices, optim, splitting
from anamorph.tasks.base import Found, Scores, Task
from anamorph.tasks.board import Board
from anamorph.tasks.closing import Finished, close, marker
from anamorph.tasks.config import Config, load, to_plain
from anamorph.tasks.devices import World
from anamorph.tasks.keeper import Keeper
from anamorph.tasks.loop import Trainer, Where
from anamorph.tasks.oof import write_oof
from anamorph.tasks.order import Batches, balanced
from anamorph.tasks.pictures import Pictures, pictures_of
from anamorph.tasks.pipelines import preparing, training
from anamorph.tasks.samples import TrainingSamples, Views
from anamorph.tasks.seeing import Manner, Seer
from anamorph.tasks.signals import StopRequested, Watch, watching
from anamorph.tasks.state import Progress, State, read_checkpoint
from anamorph.tasks.table import task_of

_ORDER_TAG, _MODEL_TAG = 0x0EDE, 0x30DE
File = str | os.PathLike[str]


def fit(
    config: File | Mapping[str, Any] | Config,
    root: File = "runs",
    resume: str | None = None,
    *,
    parent: str | None = None,
    board: Board | None = None,
    command: Sequence[str] = (),
) -> Run | None:
    """Train the folds of a configuration.

    A run that was killed at any moment goes on with ``resume`` and ends with the same weights, bit
    for bit on the CPU. SIGTERM and Ctrl-C end it after its step, with a checkpoint.

    Args:
        config: what `load` takes.
        root: folder of runs.
        resume: id of a run that was not finished.
        parent: id of the run that this one came of.
        board: is told how it goes.
        command: what was typed, to be kept.

    Returns:
        The run of the ledger, in the first process; None in others. Its folder has the weights, out-of-fold predictions, scores, and a
        bundle for `predict`.

    Raises:
        ResumeError: the run to go on with was begun with something else.
        TrainingError: it cannot go on: the loss is no number, the disk is full.
        StopRequested: a signal came; its ``code`` is the exit status.
    """
    chosen = load(config)
    device = devices.device_of(chosen.train.device)
    with devices.processes(device) as world, watching() as watch:
        told = {"command": list(command), "parent": parent}
        job = _begin(chosen, Path(root), world, resume, told)
        shown = board if board is not None and world.first else Board()
        job = replace(job, device=device, watch=watch, board=shown)
        seed = mix(chosen.seed, _MODEL_TAG) >> 1
        try:
            with devices.exact(chosen.train, device, seed):
                job.all_folds()
        except (StopRequested, KeyboardInterrupt):
            job.finish("stopped")
            raise
        except BaseException:
            job.finish("failed")
            raise
        return job.run


def _begin(
    config: Config,
    root: Path,
    world: World,
    resume: str | None,
    told: Mapping[str, Any],
) -> Job:
    """Begin a run, or take one up again; the first process does, the others are told."""
    pictures, given = pictures_of(config), config.data
    task = task_of(config, pictures.classes)
    _ = task.metric  # a wrong one is refused before a run begins
    ledger = Ledger(root)
    if not world.first:
        run, path = None, Path(world.told(None))
        folds = Folds.load(path / "folds.json")
    elif resume is None:
        folds = splitting.folds_of(config, task, pictures)
        places = [p for p in (given.images, given.masks, given.annotations, given.table) if p]
        run = ledger.start(config.task, to_plain(config), data=places, seed=config.seed, **told)
        path = Path(run.path)
        folds.save(path / "folds.json")
        world.told(str(path))
    else:
        run = ledger.resume(resume)
        path = Path(run.path)
        folds = Folds.load(path / "folds.json")
        world.told(str(path))
    mark = splitting.mark_of(config, pictures, folds)
    return Job(config, task, pictures, folds, mark, run, path, world)


@final
@dataclass(frozen=True)
class Job:
    """A run, and what is the same for its folds."""

    config: Config
    task: Task
    pictures: Pictures
    split: Folds
    mark: Mapping[str, str]
    run: Run | None
    path: Path
    world: World
    device: torch.device = dataclasses.field(default_factory=lambda: torch.device("cpu"))
    watch: Watch = dataclasses.field(default_factory=Watch)
    board: Board = dataclasses.field(default_factory=Board)

    @property
    def folds(self) -> list[int]:
        """The folds that are trained."""
        there = sorted(set(self.split.numbers) - {-1})
        used = self.config.folds.use
        wrong = sorted(set(used or ()) - set(there))
        if wrong:
            raise ParameterError(f"folds.use has {wrong[0]}: the folds are {there}")
        return there if used is None else sorted(set(used))

    @property
    def manner(self) -> Manner:
        """How pictures are seen in validation."""
        given, train = self.config.predict, self.config.train
        dtype = devices.precision_of(train.precision, self.device)
        batch = given.batch or max(1, train.batch // self.world.size)
        return Manner(self.device, dtype, batch, train.workers, given.tile, given.overlap)

    def all_folds(self) -> None:
        """Train what is not trained yet, then score and bundle all of it."""
        for fold in self.folds:
            if not marker(self.path, fold).exists():
                Fold(self, fold).run()
            self.world.wait()
        if self.run is not None:
            close(Finished(self.config, self.task, self.run, tuple(self.folds)))

    def finish(self, status: str) -> None:
        """Say in the run how it ended."""
        if self.run is not None:
            self.run.finish(status)


@final
class Fold:
    """One fold of a run."""

    valid: NDArray[np.int64]
    train: NDArray[np.int64]
    fold: int
    job: Job

    def __init__(self, job: Job, fold: int) -> None:
        self.job, self.fold = job, fold
        self.train, self.valid = job.split.split(fold, job.pictures.ids)
        config = job.config
        self.seed: int = mix(config.seed, fold)
        self.folder: Path = job.path / "checkpoints" / f"fold-{fold}"
        self.prepare: Compose = preparing(config)
        self.shadow: Any = job.task.model().to(job.device)
        """The model that validates, with the averaged weights."""

    def run(self) -> None:
        """Train, predict what was left out, keep weights and predictions."""
        job, config = self.job, self.job.config
        keeper = Keeper(
            self.folder,
            self.fold,
            mark=job.mark,
            metric=job.task.metric,
            run=job.run,
            world=job.world,
            watch=job.watch,
            board=job.board,
            seconds=config.train.checkpoint_seconds,
        )
        state = self.state()
        if keeper.restore(state, job.device):
            torch.set_num_threads(state.progress.threads)
        trainer = Trainer(
            job.task,
            state,
            self.loader(),
            pictures=job.pictures,
            seed=self.seed,
            where=Where(job.device, job.manner.dtype, job.world),
            keeper=keeper,
            watch=job.watch,
            board=job.board,
            validate=lambda: self.score(self.found(state.weights())),
        )
        job.board.fold(self.fold, trainer.total, state.progress.step)
        trainer.run()
        self.close(state, keeper)

    def state(self) -> State:
        """A new model and what moves it: the same in every process."""
        job, train = self.job, self.job.config.train
        torch.manual_seed(mix(self.seed, _MODEL_TAG) >> 1)
        model = job.task.model().to(job.device)
        average = EMA(model, train.ema) if train.ema > 0 else None
        half = job.manner.dtype is torch.float16
        scaler = torch.amp.GradScaler(job.device.type, enabled=half)
        progress = Progress(threads=torch.get_num_threads())
        return State(model, optim.optimizer_of(model, train), scaler, average, progress)

    def loader(self) -> Loader:
        """Training pictures in the order of seed and epoch, this process' share of them."""
        job, config = self.job, self.job.config
        weights = None
        if config.train.balance > 0:
            weights = balanced(job.task.strata(job.pictures)[self.train], config.train.balance)
        samples = TrainingSamples(
            job.pictures,
            job.task,
            training(config),
            config.input.channels,
            skip=config.data.broken == "skip",
        )
        batches = Batches(
            self.train,
            config.train.batch,
            seed=mix(self.seed, _ORDER_TAG),
            weights=weights,
            rank=job.world.rank,
            world=job.world.size,
        )
        return Loader(
            samples,
            batch_sampler=batches,
            num_workers=config.train.workers,
            pin_memory=job.device.type == "cuda",
        )

    # ------------------------------------------------------------ validation

    def found(self, weights: Mapping[str, Any]) -> Found:
        """What these weights say of the pictures that were left out, from all processes."""
        job = self.job
        self.shadow.load_state_dict(weights)
        views = Views(
            [job.pictures.path(at) for at in range(len(job.pictures))],
            self.prepare,
            job.config.input.channels,
            truth=partial(job.task.truth, job.pictures),
            skip=job.config.data.broken == "skip",
            whole=job.manner.tile is None,
        )
        seer = Seer(job.task, [self.shadow], [1.0], self.prepare, job.manner)
        mine = self.valid[job.world.rank :: job.world.size].tolist()
        found = Found()
        for seen in seer.over(views, mine):
            if job.world.size == 1:
                job.watch.check()
            if seen.error is not None:
                job.board.say(f"left out: {seen.error}")
            else:
                found.add(seen.index, seen.prediction, seen.truth)
            job.board.seen(len(found.entries), len(mine))
        for other in job.world.gathered(found):
            found.update(other)
        return found

    def score(self, found: Found) -> Scores:
        """Scores under the usual decision."""
        return self.job.task.scores(found, self.job.task.usual())

    def close(self, state: State, keeper: Keeper) -> None:
        """Predict with the best weights, write it all, and forget the checkpoints."""
        job = self.job
        kept = [
            read_checkpoint(keeper.best(epoch))["weights"] for _, epoch in state.progress.ranking
        ]
        weights = uniform_soup(kept) if job.config.train.average else kept[0]
        found = self.found(weights)
        if job.run is None:
            return
        write_oof(job.path / "oof", self.fold, job.task.name, job.pictures.ids, found)
        told = {
            "fold": self.fold,
            "weights": job.run.weights(f"fold-{self.fold}/best", weights),
            "scores": self.score(found),
            "epochs": [epoch for _, epoch in state.progress.ranking],
            "stopped": state.progress.epoch,
        }
        write_atomically(marker(job.path, self.fold), (json.dumps(told, indent=1) + "\n").encode())
        shutil.rmtree(self.folder, ignore_errors=True)
