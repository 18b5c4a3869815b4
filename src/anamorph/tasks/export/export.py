"""Convert, check, say what was found; nothing is written that does not hold."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from torch import nn

from anamorph.tasks.bundle import Bundle
from anamorph.tasks.export import checking, telling
from anamorph.tasks.export.checking import Trial
from anamorph.tasks.export.converting import ATTEMPTS, Dims, convert
from anamorph.tasks.export.errors import ConversionError
from anamorph.tasks.export.modules import module_of
from anamorph.tasks.predictor import bundle_from

File = str | os.PathLike[str]
_TOLERANCE = 1e-3


@final
@dataclass(frozen=True)
class Exported:
    """A file that was written: which dimensions may be any, and how far it is from torch."""

    path: Path
    dynamic: tuple[str, ...]
    differences: Mapping[str, float] = field(default_factory=dict)

    @property
    def difference(self) -> float:
        """The greatest."""
        return max(self.differences.values(), default=0.0)


def export(
    bundle: Any,
    out: File,
    *,
    pictures: Iterable[File] = (),
    tolerance: float = _TOLERANCE,
    root: File = "runs",
) -> Exported:
    """Write a bundle as ONNX, its models as one, with their preprocessing in the metadata.

    The file takes pictures that went through the preprocessing, and gives probabilities (maps of
    them, boxes). Batch, height and width are left open as far as the models allow. It is checked
    with onnxruntime against torch on noise of several sizes and on the given pictures.

    Args:
        bundle: what `predict` takes.
        out: file to write.
        pictures: files to check it with, besides noise.
        tolerance: the greatest difference of probabilities and scores, and of boxes as a share of
            the longer side.
        root: folder of the ledger.

    Raises:
        ConversionError: a model cannot be converted, or says something else then.
        ParameterError: the models of the bundle do not fit into one file.
        MissingFileError: onnx, onnxscript or onnxruntime is not installed.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        telling.library(name)
    loaded = bundle_from(bundle, root)
    job = _Job(
        loaded,
        module_of(loaded),
        tuple(checking.real(loaded, [os.fspath(each) for each in pictures])),
        tolerance,
    )
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.onnx")
    try:
        dynamic, differences = job.first_that_holds(temporary)
        telling.write(temporary, telling.metadata(loaded, dynamic, differences), dynamic)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, dynamic, differences)


@final
@dataclass(frozen=True)
class _Job:
    bundle: Bundle
    module: nn.Module
    trials: Sequence[Trial]
    tolerance: float

    def first_that_holds(self, path: Path) -> tuple[Dims, dict[str, float]]:
        """Convert with as much left open as holds."""
        task, reasons = self.bundle.task.name, []
        for dynamic in ATTEMPTS[task]:
            try:
                return dynamic, self._attempt(path, dynamic)
            except Exception as error:  # noqa: BLE001 - exporters raise whatever they meet
                reasons.append(_short(error))
        raise ConversionError(f"the model cannot be converted: {reasons[-1]}")

    def _attempt(self, path: Path, dynamic: Dims) -> dict[str, float]:
        task, size = self.bundle.task.name, telling.size_of(self.bundle)
        channels = self.bundle.members[0].config.input.channels
        image = torch.randn(2 if dynamic else 1, channels, *size)
        convert(self.module, image, path, task, dynamic)
        session = telling.library("onnxruntime").InferenceSession(
            os.fspath(path), providers=["CPUExecutionProvider"]
        )
        found = {}
        for trial in (*checking.drawn(size, channels, dynamic), *self.trials):
            far = checking.difference(self.module, session, trial, task)
            if far > self.tolerance:
                raise ConversionError(
                    f"on {trial.name} it differs by {far:.2g} from torch, and {self.tolerance:g} is "
                    "allowed"
                )
            found[trial.name] = far
        return found


def _short(error: Exception) -> str:
    """What an exporter says, without its pages of advice."""
    if isinstance(error, ConversionError):
        return str(error)
    cause = error.__cause__ or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {(lines or ['no reason is given'])[0][:200]}"
