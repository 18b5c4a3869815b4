"""Results in the caller's memory: the tail of a plan is written straight into a slot of a batch.

Fresh memory of a picture's size costs more than what fills it, and a copy into a batch costs it
again. With ``pipeline(image=photo, out=slot)`` the last step (tones, normalisation, layout) writes
to where the picture is wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, DataTypeError, UnknownNameError, nearest, sides
from anamorph.ir.ops import Cast
from anamorph.pipeline.render import run_op
from anamorph.pipeline.targets import PICTURES, Entry

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """Memory for the result of one key: what the caller gave, and the array over it."""

    key: str
    given: Any
    array: Array


def slots_of(out: Any, entries: Mapping[str, Entry]) -> dict[str, Slot]:
    """Read ``out``: an array for the picture, or a mapping from keys to arrays.

    Raises:
        UnknownNameError: a key is none of the call's pictures or masks.
        DataTypeError: what is there is no array.
        DataError: it cannot be written to in one piece, or is an input of the call.
    """
    if out is None:
        return {}
    given = out if isinstance(out, Mapping) else {"image": out}
    pictures = {key: e for key, e in entries.items() if e.kind.target in PICTURES}
    found = {}
    for key, memory in given.items():
        if key not in pictures:
            raise UnknownNameError(
                f"out has {key!r}, which is no picture or mask of the call{nearest(key, pictures)}"
            )
        array = _array_of(key, memory)
        entered = pictures[key].given
        if isinstance(entered, np.ndarray) and np.may_share_memory(array, entered):
            raise DataError(f"out[{key!r}] is memory of the input, which is never changed")
        found[key] = Slot(key, memory, array)
    return found


def _array_of(key: str, memory: Any) -> Array:
    """See memory as an array; a tensor of the CPU shows its own."""
    array = memory if isinstance(memory, np.ndarray) else _numpy_of(memory)
    if not isinstance(array, np.ndarray):
        raise DataTypeError(
            f"out[{key!r}] is a {type(memory).__name__}: it must be a NumPy array or a tensor of "
            "the CPU, of a dtype that NumPy has"
        )
    if not (array.flags.c_contiguous and array.flags.writeable):
        raise DataError(f"out[{key!r}] must be contiguous and writeable")
    return array


def _numpy_of(memory: Any) -> Any:
    try:
        return memory.numpy()
    except (AttributeError, TypeError, RuntimeError):
        return None


def filled_slots(sample: Any) -> frozenset[str]:
    """Render the targets whose end can be written straight to their slots, and tell which."""
    slots: Mapping[str, Slot] = sample.slots
    return frozenset(k for k, slot in slots.items() if _fill(sample, sample.entries[k], slot))


def _fill(sample: Any, entry: Entry, slot: Slot) -> bool:
    """Render what is pending for a picture with its end in the slot; False if that cannot be.

    Raises:
        DataError: the slot is of another shape or dtype than the result.
    """
    into = sample.backend.into.get((Cast, entry.kind.target))
    if into is None or entry.kind.stacks or sample.declared is not None:
        return False
    steps = sample.pending(entry)  # a list that other targets may share
    ends = bool(steps) and type(steps[-1].op) is Cast
    tail = steps[-1].op if ends else Cast()
    for step in steps[: len(steps) - ends]:
        run_op(sample, entry, step.op, step.source)
    entry.cursor, entry.size = len(sample.ops), sample.size
    value = entry.value
    if not isinstance(value, np.ndarray):
        return False
    layout, shaped = _laid(slot, value.shape, tail.layout)
    _check_dtype(slot, np.dtype(tail.dtype or value.dtype))
    into(replace(tail, layout=layout, tensor=False), value, shaped)
    return True


def hand_out(slots: Mapping[str, Slot], filled: Collection[str], results: dict[str, Any]) -> None:
    """Copy the results that are not in their slots yet, and put the slots in their places."""
    for key, slot in slots.items():
        if key not in filled:
            _copy_to(slot, results[key])
        results[key] = slot.given


def _copy_to(slot: Slot, result: Any) -> None:
    array = result if isinstance(result, np.ndarray) else _numpy_of(result)
    if array is None:  # a list of pictures
        array = np.stack([r if isinstance(r, np.ndarray) else _numpy_of(r) for r in result])
    _check_dtype(slot, array.dtype)
    if array.shape == slot.array.shape:
        np.copyto(slot.array, array, casting="same_kind")
        return
    pixels = array[..., None] if array.ndim == 2 else array
    layout, shaped = _laid(slot, pixels.shape, "HWC")
    laid = pixels if layout == "HWC" else np.moveaxis(pixels, -1, -3)
    np.copyto(shaped, laid, casting="same_kind")


def _laid(slot: Slot, shape: tuple[int, ...], wanted: str) -> tuple[str, Array]:
    """The layout that the slot has, the plan's own if both fit, and the slot with all its axes."""
    *lead, height, width, channels = shape
    shapes = {"HWC": (*lead, height, width, channels), "CHW": (*lead, channels, height, width)}
    array = slot.array
    for layout in (wanted, *shapes):
        flat = channels == 1 and array.shape == (*lead, height, width)
        if array.shape == shapes[layout] or flat:
            return layout, array.reshape(shapes[layout])
    size = sides(shape[:-1] if channels == 1 else shape)
    raise DataError(
        f"out[{slot.key!r}] has shape {array.shape} and the pipeline gives {size}: it must be of "
        f"that shape, or {sides(shapes['CHW'])} for channels first"
    )


def _check_dtype(slot: Slot, dtype: np.dtype[Any]) -> None:
    """Let floats be shortened, and nothing else."""
    found = slot.array.dtype
    if found == dtype or (found.kind == "f" == dtype.kind):
        return
    end = "; end it with ToFloat or Normalize" if found.kind == "f" else ""
    raise DataError(
        f"out[{slot.key!r}] is {found} and the pipeline gives {dtype}: they must agree{end}"
    )
