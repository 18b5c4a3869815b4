"""What a pipeline would do to a picture that nobody has seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import MissingDataError
from anamorph.core.rng import Rng
from anamorph.ir.plan import Plan
from anamorph.pipeline.compose import Compose
from anamorph.pipeline.sample import Sample


class Blank(Sample):
    """A picture of which only size, channels and dtype are known."""

    @property
    def image(self) -> npt.NDArray[Any]:
        """There is none: the views of a batch are decided before its pixels are looked at."""
        raise MissingDataError(
            "a pipeline for views holds a transform that looks at pixels before it decides: it "
            "must be left out, or its plan for one picture be given"
        )


def drawn(pipeline: Any, rng: Rng, empty: Plan) -> Plan:
    """Draw what a pipeline or a transform does to a picture like that of an empty plan.

    Raises:
        MissingDataError: it looks at pixels.
    """
    compose = pipeline if isinstance(pipeline, Compose) else Compose([pipeline])
    dtype = "uint8" if empty.dtype == "uint8" else "float32"
    stand_in = np.broadcast_to(np.zeros((), dtype), (*empty.size, empty.channels))
    sample: Blank = compose.begin({"image": stand_in}, Blank)
    compose.decide(rng, sample)
    return replace(empty, ops=tuple(sample.ops))
