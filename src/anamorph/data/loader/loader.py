"""The loader: a drop-in for torch's, over a ring of shared slots."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, final

from anamorph.core.errors import ParameterError
from anamorph.core.params import Number
from anamorph.data.loader.gather import Gatherer
from anamorph.data.loader.options import Options, checked
from anamorph.data.loader.order import Order, skipped
from anamorph.data.loader.passes import LonePass, Pass, Progress, TeamPass
from anamorph.data.loader.pinning import can_pin
from anamorph.data.loader.ring import Ring
from anamorph.data.loader.team import Team
from anamorph.data.loader.worker import Job

_EPOCH = Number(0, whole=True)


@final
class Loader:
    """Batches of a dataset, as torch's ``DataLoader`` gives them, without the dear hand-off.

    Workers write samples straight into slots, batches of shared memory that are used again and
    again; a batch's tensors lie in its slot, which is free for another one when the last of them is
    gone. So a batch can be kept for as long as one likes; who keeps many makes the ring grow.

    A dataset with a method ``load(index, epoch, out)``, as those of `anamorph.data`, writes its
    pictures there by itself, and its samples depend on epoch and index alone: they are the same
    with any number of workers. Of any other dataset the samples are copied.

    >>> from anamorph.data import Loader
    >>> pictures = [np.full((4, 6, 3), i, np.uint8) for i in range(5)]
    >>> [batch.shape[0] for batch in Loader(pictures, batch_size=2)]
    [2, 2, 1]
    """

    __slots__ = (
        "__weakref__", "_epoch", "_gatherer", "_options", "_order", "_pass", "_progress", "_resume",
        "_ring", "_team", "_told",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - the interface of torch's DataLoader and three options
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,  # noqa: FBT001
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,  # noqa: FBT001, FBT002
        drop_last: bool = False,  # noqa: FBT001, FBT002
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        seed: int | None = None,
        slots: int | None = None,
        ragged: Iterable[Hashable] | None = None,
    ) -> None:
        """Check everything; no process is started and no sample loaded before the first pass.

        Args:
            dataset: gives a sample for an index; ``__getitems__`` is used where there is one.
            batch_size: samples a batch; None gives samples one by one.
            shuffle: new order in each epoch: by seed and epoch with a ``seed``, otherwise just as
                torch's ``DataLoader`` draws it.
            sampler: gives the indices, in place of ``shuffle``.
            batch_sampler: gives lists of indices.
            num_workers: processes that load; 0 loads in this one.
            collate_fn: makes a batch of a list of samples, in the worker.
            pin_memory: page-lock the slots, once. Without a CUDA device it does nothing.
            drop_last: leave out a last batch that is not full.
            timeout: seconds to wait for a batch; 0 waits for as long as the workers live.
            worker_init_fn: called in each worker with its number.
            multiprocessing_context: start method, or a context of multiprocessing.
            generator: torch's generator for the order and the seed of the workers.
            prefetch_factor: batches made ahead by each worker, 2 unless said.
            persistent_workers: keep workers from one epoch to the next.
            pin_memory_device: "" or a CUDA device; all have the same locked pages.
            seed: makes shuffling a function of seed and epoch.
            slots: slots that are kept: the batch in use, the one before it, and those made ahead.
                ``num_workers * prefetch_factor + 2`` unless said; fewer limit what is made ahead.
            ragged: keys of dictionaries, or places of a sample that is a tuple, under which each
                sample has its own number of things: boxes, labels. A batch has a list of tensors
                there, one a sample. None takes ``dataset.ragged``, or the boxes, keypoints and
                label fields of ``dataset.pipeline``.

        Raises:
            ParameterError: an argument is out of its bounds, or at odds with another.
            ParameterTypeError: the dataset has no number for each sample.
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        self._options: Options = checked(given)
        self._order: Order = self._options.order
        self._ring = Ring(self._options.slots, pinned=self._options.pin_memory and can_pin())
        self._told: Any = getattr(dataset, "epoch", None)
        self._epoch: int = self._told if type(self._told) is int else 0
        self._gatherer: Gatherer | None = None
        self._team: Team | None = None
        self._pass: weakref.ref[Pass] | None = None
        self._progress: Progress | None = None
        self._resume: Progress | None = None

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in Options.__dataclass_fields__:
            return getattr(self._options, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __len__(self) -> int:
        """How many batches a pass has."""
        return len(self._order.given)

    def __iter__(self) -> Pass:
        """Begin a pass: the next epoch, or where a loaded state left off."""
        progress = self._resume or Progress(self._following_epoch())
        self._resume = None
        self._tell(progress.epoch)
        drawn = self._order.draw(progress.epoch, progress.order)
        progress.order = drawn.state
        batches = skipped(drawn.batches, progress.step)
        self._progress, self._epoch = progress, progress.epoch + 1
        begun = (
            self._team_pass(batches, progress, drawn.seed)
            if self._options.num_workers
            else self._lone_pass(batches, progress)
        )
        self._pass = weakref.ref(begun)
        return begun

    def _lone_pass(self, batches: Any, progress: Progress) -> Pass:
        if self._gatherer is None:
            self._gatherer = Gatherer(self._options.source)
        return LonePass(batches, progress, self._ring, self._gatherer)

    def _team_pass(self, batches: Any, progress: Progress, seed: int) -> Pass:
        options = self._options
        lasting = options.persistent_workers
        running = None if self._pass is None else self._pass()
        if lasting and running is not None:
            running.close("another pass began, and persistent workers serve one at a time")
        team = self._team if lasting else None
        if team is None or team.over:
            source, count = options.source, options.num_workers
            jobs = [Job(source, i, count, seed, options.worker_init_fn) for i in range(count)]
            team = Team(options.multiprocessing_context, jobs, self._ring)
        self._team = team if lasting else None
        return TeamPass(
            batches, progress, team, ahead=options.ahead, timeout=options.timeout, lasting=lasting
        )

    # -------------------------------------------------------------- epochs

    @property
    def epoch(self) -> int:
        """The epoch of the next pass."""
        return self._resume.epoch if self._resume else self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass is; they are counted from 0 otherwise.

        A sampler that has ``set_epoch`` is told as well. An epoch that was set on the dataset itself
        counts too.
        """
        self._epoch = _EPOCH.check("Loader.set_epoch", epoch)
        self._told = getattr(self._options.dataset, "epoch", None)
        self._resume = None
        for sampler in (self._options.sampler, self._options.batch_sampler):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(self._epoch)

    def _following_epoch(self) -> int:
        own = getattr(self._options.dataset, "epoch", None)
        return own if type(own) is int and own != self._told else self._epoch

    def _tell(self, epoch: int) -> None:
        dataset = self._options.dataset
        if hasattr(dataset, "set_epoch"):
            dataset.set_epoch(epoch)
        self._told = getattr(dataset, "epoch", None)

    # -------------------------------------------------------------- where a pass is

    def state_dict(self) -> dict[str, Any]:
        """Where the last pass that was begun is: its epoch, the batches that it gave, its order.

        ``load_state_dict`` of a loader with the same arguments goes on with the batch after them;
        what came before is not loaded again. The order of a sampler is its own matter: it must give
        the same indices again.
        """
        now = self._resume or self._progress or Progress(self._epoch)
        return {
            "epoch": now.epoch,
            "step": now.step,
            "order": now.order,
            "seed": self._options.seed,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next pass go on where another one was.

        Raises:
            ParameterError: the state is of a loader with another seed, or none.
        """
        place = "Loader.load_state_dict"
        missing = [name for name in ("epoch", "step", "order", "seed") if name not in state]
        if missing:
            raise ParameterError(f"{place}: the state lacks {', '.join(missing)}")
        if state["seed"] != self._options.seed:
            raise ParameterError(
                f"{place}: the state is of a loader with seed = {state['seed']}, and this one has "
                f"seed = {self._options.seed}: they must agree"
            )
        epoch = _EPOCH.check(f"{place}: epoch", operator.index(state["epoch"]))
        step = _EPOCH.check(f"{place}: step", operator.index(state["step"]))
        self._resume = Progress(epoch, step, state["order"])
