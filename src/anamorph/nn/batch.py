"""Plans of a batch, stacked: workers draw them, a device renders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from anamorph.backends.torch import Spec
from anamorph.backends.torch.cast import DTYPES
from anamorph.backends.torch.tail import Tail, canonical, rendered
from anamorph.backends.torch.window import windowed
from anamorph.core.boxes import BboxParams, as_bbox_params
from anamorph.core.errors import DataError
from anamorph.core.keypoints import KeypointParams, as_keypoint_params
from anamorph.core.params import Choice
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Cast, Op, Target
from anamorph.ir.plan import Plan
from anamorph.ir.rules import check_mode, fuse
from anamorph.nn import batch_labels
from anamorph.nn.batch_inputs import AUTO, check_layout, handed_out, specs_of, taken_in
from anamorph.nn.batch_labels import Labels, check_count
from anamorph.nn.batch_program import Program, programmed

__all__ = ["BatchPlan", "BatchResult", "collate"]

_BOXES = BboxParams("pascal_voc")
_POINTS = KeypointParams("xy")
_MISSING = Choice(("refuse", "host"))
_RAGGED = Choice(("refuse", "list"))
_LABELS = Choice(("host", "device"))
_TAILS = Choice(("auto", "plain", "stages"))
_HALVES = Choice(("float16", "bfloat16", "float32"), optional=True)


@dataclass(slots=True)
class BatchResult:
    """What comes out of a batch; what did not go in is None.

    ``images`` and ``masks`` are (N, C, H, W), or lists of N where that was asked for. ``boxes`` and
    ``points`` hold the rows of each sample, ``box_index`` and ``point_index`` which of its own rows
    each came from: labels are picked by them.
    """

    images: Tensor | list[Tensor] | None = None
    masks: Tensor | list[Tensor] | None = None
    boxes: list[Any] | None = None
    points: list[Any] | None = None
    box_index: list[Any] | None = None
    point_index: list[Any] | None = None


@dataclass(frozen=True)
class Options:
    """How a batch is rendered, see `collate`."""

    fuse: str = "all"
    missing: str = "refuse"
    dtype: str | None = None
    bbox_params: BboxParams = _BOXES
    keypoint_params: KeypointParams = _POINTS


@dataclass(frozen=True)
class BatchPlan:
    """The plans of a batch with their numbers stacked: a value that pickles and moves to a device.

    Made by `collate`. Two are equal if their plans and options are.
    """

    plans: tuple[Plan, ...]
    options: Options = field(default_factory=Options)
    device: torch.device | None = None
    program: Program | None = field(default=None, compare=False, repr=False)
    """The stages for pictures, packed for what the plans were drawn for."""
    tail: Tail | None = field(default=None, compare=False, repr=False)
    """The same in one go, if all plans are canonical (see `anamorph.backends.torch.tail`)."""

    def __len__(self) -> int:
        return len(self.plans)

    def to(self, device: torch.device | str) -> BatchPlan:
        """Move the stacked numbers to a device, in one copy; pictures are brought there too."""
        program = None if self.program is None else self.program.to(device)
        tail = None if self.tail is None else self.tail.to(device)
        return replace(self, device=torch.device(device), program=program, tail=tail)

    def render(
        self,
        images: Any = None,
        masks: Any = None,
        boxes: Any = None,
        points: Any = None,
        **how: Any,
    ) -> BatchResult:
        """Render pictures, masks, boxes and keypoints of the batch.

        Pictures and masks come as one tensor or array (N, C, H, W), (N, H, W, C) or (N, H, W), or,
        where their sizes differ, as a list of N. Those of different sizes become one batch in the
        warp that brings them to one size. Boxes and keypoints come as a list with the rows of each
        sample, in the formats that `collate` was told.

        Args:
            images: uint8, uint16, or floats in [0, 1].
            masks: of any dtype; without an axis of channels they have one in the result.
            boxes: rows of each sample.
            points: rows of each sample.
            how: ``labels`` "host" (the kernels of the CPU, default) or "device" (matrices, where
                the rows are; they must be tensors); ``ragged`` "refuse" (default) or "list", for
                results whose sizes differ; ``layout`` "auto", "channels_first" or "channels_last":
                where channels are, in and out. "auto" tells it by the sizes of the plans, and hands
                out channels first; ``tail`` "auto" (canonical plans of bytes go through one kernel
                where CUDA and Triton are), "plain" (the same in plain torch, for compilers) or
                "stages" (never).

        Raises:
            DataError: something is not what the plans were drawn for.
            BackendError: an op has no kernel for batches, see ``missing`` of `collate`.
        """
        told = _Way(**how)
        out = BatchResult()
        if images is not None:
            out.images = self._pictures(images, IMAGE, told)
        if masks is not None:
            out.masks = self._pictures(masks, MASK, told)
        if boxes is not None:
            found = self._labels(boxes, BOXES, told)
            out.boxes, out.box_index = found.rows, found.index
        if points is not None:
            found = self._labels(points, POINTS, told)
            out.points, out.point_index = found.rows, found.index
        return out

    def _pictures(self, given: Any, target: Target, way: _Way) -> Tensor | list[Tensor]:
        place = _PLACES[target]
        sizes = [plan.size for plan in self.plans]
        state = taken_in(given, sizes, place, layout=way.layout, device=self.device)
        done = self._rendered(state, target, way)
        if target is IMAGE and self.options.dtype is not None:
            done = _as_floats(done, DTYPES[self.options.dtype])
        return handed_out(done, place, ragged=way.ragged, layout=way.layout)

    def _rendered(
        self, state: Tensor | list[Tensor], target: Target, way: _Way
    ) -> Tensor | list[Tensor]:
        if target is IMAGE and self.tail is not None and way.tail != "stages":
            done = rendered(self.tail, state, always=way.tail == "plain")
            if done is not None:
                return done
        return self._program_for(state, target)(state)

    def _program_for(self, state: Tensor | list[Tensor], target: Target) -> Program:
        specs = specs_of(state)
        there = (state if isinstance(state, Tensor) else state[0]).device
        if target is IMAGE and self.program is not None and self.program.before == tuple(specs):
            ready = self.device is not None or there.type == "cpu"
            return self.program if ready else self.program.to(there)
        host = self.options.missing == "host"
        ops = _fused(self.plans, target, self.options)
        return programmed(ops, specs, target, host=host).to(there)

    def _labels(self, given: Any, target: Target, way: _Way) -> Labels:
        rows = check_count(given, self.plans, "boxes" if target is BOXES else "points")
        options = self.options
        params = options.bbox_params if target is BOXES else options.keypoint_params
        run = batch_labels.on_host if way.labels == "host" else batch_labels.on_device
        return run(self.plans, rows, target, params, options.fuse)


_PLACES = {IMAGE: "images", MASK: "masks"}


class _Way:
    """The options of one rendering."""

    __slots__ = ("labels", "layout", "ragged", "tail")

    def __init__(
        self,
        *,
        labels: str = "host",
        ragged: str = "refuse",
        layout: str = AUTO,
        tail: str = "auto",
    ) -> None:
        self.labels: str = _LABELS.check("render.labels", labels)
        self.ragged: str = _RAGGED.check("render.ragged", ragged)
        self.layout = check_layout(layout)
        self.tail: str = _TAILS.check("render.tail", tail)


def collate(
    plans: Sequence[Plan],
    *,
    fuse: str = "all",
    missing: str = "refuse",
    dtype: torch.dtype | str | None = None,
    bbox_params: Any = None,
    keypoint_params: Any = None,
) -> BatchPlan:
    """Stack the plans of a batch, each sample with its own, whatever its transforms and size.

    Nothing is rendered and no pixel is needed: workers do this, and hand the result on.

    Args:
        plans: of `Compose.plan`, one a sample.
        fuse: "all", "exact" or "none", as in `Compose`.
        missing: what becomes of ops that have no kernel for batches: "refuse", or "host" to render
            them on the CPU.
        dtype: dtype of pictures that come out as floats: torch.float16, bfloat16 or float32; None
            for that of the plans.
        bbox_params: format of boxes and when to drop them; "pascal_voc" if it is not given.
        keypoint_params: format of keypoints; "xy" if it is not given.

    Raises:
        DataError: there is no plan, or one of a volume.
        BackendError: an op has no kernel for batches.

    >>> pipeline = A.Compose([A.RandomCrop(64, 64), A.HorizontalFlip(), A.Normalize()], seed=1)
    >>> plans = [pipeline.plan(image=photo) for _ in range(4)]
    >>> batch = collate(plans).render([photo] * 4)
    >>> batch.images.shape
    torch.Size([4, 3, 64, 64])
    """
    told = Options(
        check_mode(fuse),
        _MISSING.check("collate.missing", missing),
        _HALVES.check("collate.dtype", _name_of(dtype)),
        as_bbox_params(bbox_params) or _BOXES,
        as_keypoint_params(keypoint_params) or _POINTS,
    )
    held = tuple(plans)
    if not held:
        raise DataError("collate needs one plan at least")
    if any(plan.depth for plan in held):
        raise DataError("plans of volumes make no batch: render them one by one")
    specs = [Spec(plan.size, plan.channels, DTYPES[plan.dtype]) for plan in held]
    ops = _fused(held, IMAGE, told)
    program = programmed(ops, specs, IMAGE, host=told.missing == "host")
    return BatchPlan(held, told, program=program, tail=canonical(ops, specs))


def _name_of(dtype: torch.dtype | str | None) -> str | None:
    return str(dtype).removeprefix("torch.") if isinstance(dtype, torch.dtype) else dtype


def _fused(plans: Sequence[Plan], target: Target, options: Options) -> list[list[Op]]:
    done = []
    for plan in plans:
        touching = [op for op in plan.ops if target in op.targets]
        steps = fuse(touching, plan.size, options.fuse)
        ops = windowed([step.op for step in steps], plan.size)
        done.append(_ending(ops, target, options))
    return done


def _ending(ops: list[Op], target: Target, options: Options) -> list[Op]:
    """Let the last conversion write what was asked for, without a pass of its own."""
    if target is IMAGE and options.dtype and ops and isinstance(ops[-1], Cast):
        last = ops[-1]
        if last.dtype == "float32":
            return [*ops[:-1], replace(last, dtype=options.dtype)]
    return ops


def _as_floats(state: Tensor | list[Tensor], dtype: torch.dtype) -> Tensor | list[Tensor]:
    if isinstance(state, Tensor):
        return state.to(dtype) if state.is_floating_point() else state
    return [piece.to(dtype) if piece.is_floating_point() else piece for piece in state]
