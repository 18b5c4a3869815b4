"""What a pipeline did to a sample: drawn, fused, by which primitive, at which cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anamorph.ir.frames import Frames
from anamorph.ir.ops import Size
from anamorph.ir.plan import Note, Plan
from anamorph.ir.rules import Step
from anamorph.ir.show import line

if TYPE_CHECKING:
    from anamorph.pipeline.sample import Sample


@dataclass(frozen=True, slots=True)
class Row:
    """One op as it was rendered for the picture."""

    text: str
    transforms: tuple[str, ...]
    label: str | None
    primitive: str
    microseconds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The plan of one call and the steps it was rendered in; ``str()`` gives a table."""

    plan: Plan
    rows: tuple[Row, ...]
    result: Size

    def __str__(self) -> str:
        h, w = self.plan.size
        head = f"{h}×{w}×{self.plan.channels} {self.plan.dtype}, {len(self.plan.ops)} ops drawn"
        out = [f"{head}, {len(self.rows)} steps rendered → {self.result[0]}×{self.result[1]}", ""]
        out.append("drawn")
        for note in self.plan.notes:
            out.extend(_drawn(note, self.plan))
        out.extend(["", "rendered for the picture"])
        for row in self.rows:
            label = f"  [{row.label}]" if row.label else ""
            source = " + ".join(row.transforms)
            out.append(f"  {row.microseconds:8.0f} µs  {row.primitive:<16} {row.text}")
            out.append(f"  {'':29} from {source}{label}")
        return "\n".join(out)


def _drawn(note: Note, plan: Plan) -> list[str]:
    if not note.applied:
        return [f"  {note.transform:<28} passed over by chance"]
    ops = plan.ops[note.start : note.stop]
    lines = [line(op) for op in ops] or ["nothing to do"]
    return [f"  {note.transform if i == 0 else '':<28} {text}" for i, text in enumerate(lines)]


def explain(sample: Sample, draw: Callable[[], None]) -> Explanation:
    """Draw and render a sample with a clock on every step of the picture."""
    sample.trace = []
    draw()
    sample.finish()
    plan = sample.planned()
    rows = [_row(sample, plan, *traced) for traced in sample.trace]
    if sample.decoded is not None:
        text, seconds = sample.decoded
        rows.insert(0, Row(text, ("the file",), None, "decode", 1e6 * seconds))
    return Explanation(plan, tuple(rows), sample.size)


def _row(sample: Sample, plan: Plan, step: Step, positions: list[int], seconds: float) -> Row:
    sources = dict.fromkeys(_source(plan, positions[i]) for i in step.origins)
    picked = isinstance(step.op, Frames)  # no pixel is touched
    primitive = "pick" if picked else sample.backend.primitive(step.op, step.source)
    return Row(line(step.op), tuple(sources), step.label, primitive, 1e6 * seconds)


def _source(plan: Plan, position: int) -> str:
    for note in plan.notes:
        if note.start <= position < note.stop:
            return note.transform
    return "?"
