"""Pictures and masks of a batch as callers have them, and as they are handed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph.backends.torch import Spec, base
from anamorph.core.errors import DataError, DataTypeError, ParameterError, sides
from anamorph.ir.ops import Size

FIRST, LAST, AUTO = "channels_first", "channels_last", "auto"
LAYOUTS = (AUTO, FIRST, LAST)
Device = torch.device | str | None


def check_layout(layout: str) -> str:
    """Check the name of a layout.

    Raises:
        ParameterError: there is no such layout.
    """
    if layout not in LAYOUTS:
        raise ParameterError(f"layout = {layout!r}: it must be one of {', '.join(LAYOUTS)}")
    return layout


def taken_in(
    given: Any, sizes: Sequence[Size], place: str, *, layout: str, device: Device
) -> Tensor | list[Tensor]:
    """Bring pictures or masks to a batch, or to a list where their shapes differ.

    Args:
        given: a tensor or array (N, C, H, W), (N, H, W, C) or (N, H, W), or a list of N of them
            without the first axis.
        sizes: height and width that each sample must have.
        place: name of the argument in messages.
        layout: where the channels are; "auto" tells it by the sizes.
        device: where to; None leaves them where they are.

    Raises:
        DataTypeError, DataError: they are no tensors or arrays, or not as many or as large as the
            plans say.
    """
    if isinstance(given, list | tuple):
        return _many(given, sizes, place, layout, device)
    whole = _tensor(given, place)
    if whole.ndim not in {3, 4}:
        raise DataError(
            f"{place} has shape {tuple(whole.shape)}: it must be (N, C, H, W), (N, H, W, C) or "
            "(N, H, W)"
        )
    _check_count(len(whole), sizes, place)
    if len(set(sizes)) > 1:
        raise DataError(
            f"{place} is one tensor and the plans are for pictures of different sizes: pass a list"
        )
    return _channels_first(whole, sizes[0], place, layout, 1).to(_or(device, whole))


def _check_count(count: int, sizes: Sequence[Size], place: str) -> None:
    if count != len(sizes):
        raise DataError(f"{place} holds {count} samples for {len(sizes)} plans")


def _many(
    given: Sequence[Any], sizes: Sequence[Size], place: str, layout: str, device: Device
) -> Tensor | list[Tensor]:
    _check_count(len(given), sizes, place)
    shaped = []
    for i, (item, size) in enumerate(zip(given, sizes, strict=True)):
        name = f"{place}[{i}]"
        shaped.append(_channels_first(_tensor(item, name), size, name, layout, 0)[None])
    there = _or(device, shaped[0])
    alike = {(tuple(p.shape), p.dtype, p.device) for p in shaped}
    if len(alike) > 1 or base.prefers_one_by_one(there):  # which would only take them apart again
        return [piece.to(there) for piece in shaped]
    return torch.cat(shaped).to(there)


def _or(device: Device, tensor: Tensor) -> torch.device:
    return tensor.device if device is None else torch.device(device)


def _tensor(value: Any, place: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        held = value if value.flags.c_contiguous and value.flags.writeable else value.copy()
        return torch.from_numpy(held)
    raise DataTypeError(
        f"{place} is a {type(value).__name__}: it must be a tensor, an array, or a list of these"
    )


def _channels_first(tensor: Tensor, size: Size, place: str, layout: str, lead: int) -> Tensor:
    """Bring (…, H, W), (…, H, W, C) or (…, C, H, W) to (…, C, H, W), ``lead`` axes being before."""
    shape = tuple(tensor.shape[lead:])
    if len(shape) == 2 and shape == size:
        return tensor.unsqueeze(lead)
    first, last = shape[1:] == size, shape[:2] == size
    if len(shape) == 3 and first and (layout == FIRST or (layout == AUTO and not last)):
        return tensor
    if len(shape) == 3 and last and (layout == LAST or (layout == AUTO and not first)):
        return tensor.movedim(-1, lead)
    if first and last:
        raise DataError(
            f"{place} has shape {tuple(tensor.shape)}, which leaves open where its channels are: "
            f"pass layout={FIRST!r} or {LAST!r}"
        )
    raise DataError(
        f"{place} has shape {tuple(tensor.shape)}, and its plan is for a picture {sides(size)} "
        f"(height×width)"
    )


def specs_of(state: Tensor | list[Tensor]) -> list[Spec]:
    """Read what the samples are."""
    if isinstance(state, Tensor):
        return [Spec.of(state)] * len(state)
    return [Spec.of(piece) for piece in state]


# ------------------------------------------------------------------------------- going out


def handed_out(
    state: Tensor | list[Tensor], place: str, *, ragged: str, layout: str
) -> Tensor | list[Tensor]:
    """Hand out one tensor, or a list where the caller wants one.

    Raises:
        DataError: the samples differ, and the caller did not ask for a list.
    """
    turn = _OUT[layout]
    if isinstance(state, Tensor):
        out = turn(state)
        return [sample for sample in out] if ragged == "list" else out  # noqa: C416 - of tensors
    if ragged == "list":
        return [turn(piece)[0] for piece in state]
    shapes = sorted({tuple(piece.shape[1:]) for piece in state})
    told = ", ".join("×".join(map(str, shape)) for shape in shapes[:4])
    raise DataError(
        f"the {place} come out in different shapes (C×H×W: {told}), which make no batch: end the "
        'pipeline with a Resize or a crop, or pass ragged="list"'
    )


_OUT: Mapping[str, Callable[[Tensor], Tensor]] = {
    AUTO: lambda batch: batch,
    FIRST: lambda batch: batch,
    LAST: lambda batch: batch.permute(0, 2, 3, 1),
}
