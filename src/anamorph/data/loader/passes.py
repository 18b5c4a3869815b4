"""One pass over the data: in this process, or by a team of workers, in exact order."""

from __future__ import annotations

import collections
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from anamorph.data.loader.errors import LoaderError
from anamorph.data.loader.gather import Gatherer
from anamorph.data.loader.leaves import Arena, Batch
from anamorph.data.loader.messages import Done, Failed
from anamorph.data.loader.opening import Opener, lies_in_slot
from anamorph.data.loader.ring import Ring, Slot
from anamorph.data.loader.team import Team, error_of, where


@dataclass
class Progress:
    """Where a pass is: its epoch, how many batches it has given out, and what its order is from."""

    epoch: int
    step: int = 0
    order: Any = None


class Pass(ABC):
    """An iterator over the batches of an epoch."""

    def __init__(self, batches: Iterator[Any], progress: Progress, ring: Ring) -> None:
        self._batches = batches
        self._progress = progress
        self._ring = ring
        self._end: str | None = None

    def __iter__(self) -> Pass:
        return self

    def __next__(self) -> Any:
        if self._end is not None:
            if self._end:
                raise LoaderError(self._end)
            raise StopIteration
        try:
            batch = self._following()
        except StopIteration:
            self._progress.epoch += 1
            self._progress.step, self._progress.order = 0, None
            self.close("")
            raise
        except Exception:
            self._progress.step += 1  # the batch is passed over
            raise
        self._progress.step += 1
        return batch

    @abstractmethod
    def _following(self) -> Any:
        """The next batch.

        Raises:
            StopIteration: there is none.
        """

    def close(self, why: str) -> None:
        """End the pass; a ``why`` is told to who still asks for batches."""
        if self._end is None:
            self._end = why

    def _opened(self, batch: Batch, slot: Slot | None) -> Any:
        """The batch as the user sees it, over the slot, which comes back by itself."""
        pinned = self._ring.pinned
        if slot is None or not lies_in_slot(batch):
            if slot is not None:
                self._ring.give_back(slot)
            return Opener(None, pinned=pinned).open(batch)
        opener = Opener(self._ring.lend(slot), copied=self._ring.full, pinned=pinned)
        return opener.open(batch)


@final
class LonePass(Pass):
    """A pass without workers."""

    def __init__(
        self, batches: Iterator[Any], progress: Progress, ring: Ring, gatherer: Gatherer
    ) -> None:
        super().__init__(batches, progress, ring)
        self._gatherer = gatherer

    def _following(self) -> Any:
        indices = next(self._batches)
        slot = self._ring.take()
        arena = Arena(None if slot is None else slot.segment, self._ring.room)
        self._gatherer.at = None
        try:
            batch = self._gatherer.batch(indices, self._progress.epoch, arena)
        except BaseException as error:
            if slot is not None:
                self._ring.give_back(slot)
            error.add_note(where(self._gatherer.at, "in this process"))
            raise
        if arena.made and arena.segment is not None:
            if slot is not None:
                self._ring.drop(slot)
            slot = self._ring.adopt(self._ring.number(), arena.segment)
        return self._opened(batch, slot)


@final
class TeamPass(Pass):
    """A pass by worker processes, some batches ahead."""

    def __init__(
        self,
        batches: Iterator[Any],
        progress: Progress,
        team: Team,
        *,
        ahead: int,
        timeout: float,
        lasting: bool,
    ) -> None:
        """Let the team begin, ``ahead`` batches; end it with the pass unless it is ``lasting``."""
        super().__init__(batches, progress, team.ring)
        self._team = team
        self._ahead = ahead
        self._timeout = timeout or None
        self._lasting = lasting
        self._asked = progress.step
        self._wanted: collections.deque[int] = collections.deque()
        self._done: dict[int, tuple[Any, Slot | None]] = {}
        self._fill()

    def _fill(self) -> None:
        """Have batches made until so many are under way; one worker after the other is asked."""
        while len(self._wanted) < self._ahead:
            try:
                indices = next(self._batches)
            except StopIteration:
                return
            worker = self._team.workers[self._asked % len(self._team.workers)]
            number = self._ring.number()
            self._team.assign(worker, number, indices, self._progress.epoch)
            self._wanted.append(number)
            self._asked += 1

    def _following(self) -> Any:
        try:
            self._fill()
            message, slot = self._awaited(self._wanted[0]) if self._wanted else (None, None)
            if message is not None:
                self._wanted.popleft()
                self._fill()
        except BaseException as error:
            self._team.stop()  # an interrupt may have cut a message in two
            self.close(f"the workers were ended: {error}")
            raise
        if message is None:
            raise StopIteration
        if isinstance(message, Failed):
            raise error_of(message)
        return self._opened(message.batch, slot)

    def _awaited(self, number: int) -> tuple[Any, Slot | None]:
        """The answer to a task, when it has come; what comes for others is kept for them."""
        while number not in self._done:
            for message, slot in self._team.answers(self._timeout):
                if message.number in self._wanted:
                    self._done[message.number] = message, slot
                elif isinstance(message, Done) and slot is not None:
                    self._ring.give_back(slot)  # of a pass that was given up
        return self._done.pop(number)

    def close(self, why: str) -> None:
        """End the pass: its workers too, or what they do for it."""
        if self._end is not None:
            return
        super().close(why)
        for message, slot in self._done.values():
            if isinstance(message, Done) and slot is not None:
                self._ring.give_back(slot)
        self._done.clear()
        if not self._lasting:
            self._team.stop()
        elif self._wanted:
            self._team.cancel(self._ring.number())
        self._wanted.clear()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close("")
