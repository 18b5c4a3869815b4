"""The training loop. `Trainer.run` is all of it; what it calls stands below."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, distributed, nn

from anamorph.core.rng import Rng, mix
from anamorph.data import Loader, LoaderError
from anamorph.tasks import optim
from anamorph.tasks.base import Scores, Task
from anamorph.tasks.board import Board
from anamorph.tasks.config.sections import Train
from anamorph.tasks.devices import World, casting, distributed_model
from anamorph.tasks.errors import TrainingError
from anamorph.tasks.keeper import Keeper
from anamorph.tasks.mixing import mixed
from anamorph.tasks.order import Batches
from anamorph.tasks.pictures import Pictures
from anamorph.tasks.signals import Watch
from anamorph.tasks.state import State

_STEP_TAG, _MIX_TAG = 0x57E9, 0x3117
_MOST_PARTS = 1 << 10


@dataclass(frozen=True)
class Where:
    """On what a fold is trained."""

    device: torch.device
    dtype: torch.dtype | None
    world: World


@final
class Trainer:
    """Trains one fold."""

    validate: Callable[[], Scores]
    board: Board
    watch: Watch
    keeper: Keeper
    where: Where
    seed: int
    pictures: Pictures
    loader: Loader
    state: State
    task: Task

    def __init__(  # noqa: PLR0913 - what a loop is made of
        self,
        task: Task,
        state: State,
        loader: Loader,
        *,
        pictures: Pictures,
        seed: int,
        where: Where,
        keeper: Keeper,
        watch: Watch,
        board: Board,
        validate: Callable[[], Scores],
    ) -> None:
        self.task, self.state, self.loader = task, state, loader
        self.pictures, self.seed, self.where = pictures, seed, where
        self.keeper, self.watch, self.board, self.validate = keeper, watch, board, validate
        self.train: Train = task.config.train
        batches: Batches = loader.batch_sampler
        self.steps: int = max(1, len(batches) // self.train.accumulate)
        self.total: int = self.steps * self.train.epochs
        self.called: nn.Module = state.model

    def run(self) -> None:
        """Train until all epochs are done, or nothing gets better any more."""
        at = self.state.progress
        while not at.done:
            self.begin(at.epoch)
            for batches in self.batches(at.epoch, at.at):
                rate = optim.set_rate(self.state.optimizer, at.step, self.total, self.train)
                loss = self.step(batches)
                if self.state.average is not None:
                    self.state.average.update(self.state.model)
                at.step, at.at = at.step + 1, at.at + 1
                at.loss_sum, at.loss_count = at.loss_sum + loss, at.loss_count + 1
                self.board.step(loss, rate)
                self.keeper.stepped(self.state)
            self.keeper.trained(self.state)
            self.keeper.validated(self.state, self.validate(), self.train)

    def begin(self, epoch: int) -> None:
        """Set what changes between epochs: who stands still."""
        freeze = epoch < self.train.freeze
        optim.set_mode(self.state.model, freeze=freeze)
        changed = epoch in {0, self.train.freeze} or self.called is self.state.model
        if changed and self.where.world.size > 1:
            self.called = distributed_model(self.state.model, self.where.device, self.where.world)
        elif self.train.compile and self.called is self.state.model:
            self.called = torch.compile(self.state.model)  # type: ignore[assignment]
        self.called.training = True

    def batches(self, epoch: int, done: int) -> Iterator[list[Any]]:
        """The batches of each step that is left of an epoch; what is done is not loaded again."""
        if done >= self.steps:
            return
        self.loader.set_epoch(epoch)
        state = {**self.loader.state_dict(), "epoch": epoch, "step": done * self.train.accumulate}
        self.loader.load_state_dict(state)
        found = iter(self.loader)
        try:
            for _ in range(done, self.steps):
                yield list(itertools.islice(found, self.train.accumulate))
        except LoaderError:
            self.watch.check()  # a signal to all processes ended the workers first
            raise
        finally:
            found.close("the epoch is over")

    # ------------------------------------------------------------ a step

    def step(self, batches: Sequence[Mapping[str, Any]]) -> float:
        """Move the weights once; a batch that does not fit into memory is cut in halves."""
        at = self.state.progress
        while True:
            try:
                loss = self.gradients(batches)
                break
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                self.cut(batches, error)
        loss = self.agreed(loss)
        if not math.isfinite(loss):
            raise self.told(batches, f"the loss is {loss}")
        self.move(batches)
        del at
        return loss

    def gradients(self, batches: Sequence[Mapping[str, Any]]) -> float:
        """Add up the gradients of all parts of all batches; gives the mean loss."""
        at, state = self.state.progress, self.state
        torch.manual_seed(mix(self.seed, at.step, self.where.world.rank, _STEP_TAG) >> 1)
        rng = Rng(mix(self.seed, at.step, self.where.world.rank, _MIX_TAG))
        state.optimizer.zero_grad(set_to_none=True)
        parts = [part for batch in batches for part in self.parts(batch, at.parts)]
        count = sum(share for _, share in parts)
        told = torch.zeros((), device=self.where.device)
        for number, (part, share) in enumerate(parts, 1):
            with self.together(last=number == len(parts)):
                loss = self.loss(part, rng) * (share / count)
                state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            told += loss.detach()
        return float(told)

    def loss(self, part: Mapping[str, Any], rng: Rng) -> Tensor:
        """The loss of some pictures, mixed with each other if that is wanted."""
        given = _moved(part, self.where.device)
        shares = None
        if self.state.progress.epoch < self.train.epochs - self.task.config.mix.off_last:
            given, shares = mixed(given, self.task.config.mix, rng)
        with casting(self.where.device, self.where.dtype):
            return self.task.loss(self.called, given, shares)

    def parts(self, batch: Mapping[str, Any], count: int) -> list[tuple[Mapping[str, Any], int]]:
        """A batch in so many parts, each with its number of pictures."""
        size = len(batch["index"])
        step = max(1, math.ceil(size / count))
        spans = [slice(start, min(start + step, size)) for start in range(0, size, step)]
        return [({k: v[span] for k, v in batch.items()}, span.stop - span.start) for span in spans]

    def together(self, *, last: bool) -> Any:
        """Processes exchange gradients once a step, after the last part."""
        if last or not isinstance(self.called, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        return self.called.no_sync()

    def agreed(self, loss: float) -> float:
        """The mean loss of all processes; a signal that one of them got is one to all."""
        self.keeper.asked = bool(self.watch)
        if self.where.world.size == 1:
            return loss
        told = torch.tensor([loss, float(bool(self.watch))], device=self.where.device)
        distributed.all_reduce(told)
        self.keeper.asked = bool(told[1] > 0)
        return float(told[0]) / self.where.world.size

    def move(self, batches: Sequence[Mapping[str, Any]]) -> None:
        """Clip the gradients, and let the optimizer take its step."""
        state, clip = self.state, self.train.clip
        state.scaler.unscale_(state.optimizer)
        held = [p for p in state.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(held, clip if clip is not None else math.inf)
        if not state.scaler.is_enabled() and not math.isfinite(float(norm)):
            raise self.told(batches, f"the gradient's norm is {float(norm)}")
        state.scaler.step(state.optimizer)
        state.scaler.update()

    def cut(self, batches: Sequence[Mapping[str, Any]], error: BaseException) -> None:
        """Let batches be computed in twice as many parts.

        Raises:
            TrainingError: there is but one picture a part already, or several processes.
        """
        at = self.state.progress
        self.state.optimizer.zero_grad(set_to_none=True)
        pictures = max(len(batch["index"]) for batch in batches)
        if at.parts >= pictures or self.where.world.size > 1:
            raise self.told(batches, "the memory is too small for it") from error
        at.parts *= 2
        if self.where.device.type == "cuda":
            torch.cuda.empty_cache()
        self.board.say(
            f"the memory is too small for a batch of {pictures} pictures: from step {at.step} on it "
            f"is computed in {at.parts} parts, whose gradients are added up"
        )

    def told(self, batches: Sequence[Mapping[str, Any]], what: str) -> TrainingError:
        """What is wrong, and with which pictures."""
        at = self.state.progress
        numbers = [int(index) for batch in batches for index in batch["index"]]
        names = ", ".join(self.pictures.ids[number] for number in numbers[:8])
        more = f" and {len(numbers) - 8} more" if len(numbers) > 8 else ""
        return TrainingError(
            f"{what} at step {at.step} (epoch {at.epoch}) with the pictures {names}{more}; "
            f"{self.keeper.kept()}"
        )


def _moved(batch: Mapping[str, Any], device: torch.device) -> Mapping[str, Any]:
    """What a model needs of a batch, on its device."""
    moved: dict[str, Any] = {}
    for key, value in batch.items():
        if isinstance(value, Tensor):
            moved[key] = value.to(device, non_blocking=True)
        elif isinstance(value, list) and value and isinstance(value[0], Tensor):
            moved[key] = [each.to(device, non_blocking=True) for each in value]
    if "mask" in moved:
        moved["mask"] = moved["mask"].long()
    return moved


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short; the CPU's allocator has no error of its own."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "not enough memory" in str(error) or "can't allocate memory" in str(error)
