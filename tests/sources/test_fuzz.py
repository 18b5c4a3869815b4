"""Damaged files: pixels as the header promises, or one sentence; never anything else."""

from __future__ import annotations

import re

import pytest

from anamorph.core.errors import AnamorphError, DataError
from anamorph.sources import Limit, open_source
from sources.mutations import MUTATIONS, mutant
from sources.samples import SAMPLES

FILES = {name: sample.data for name, sample in SAMPLES.items()}
LIMIT = Limit(pixels=1 << 22, bytes=1 << 26)


def outcome(call):
    """The pixels, or None where one sentence refuses them."""
    try:
        return call()
    except AnamorphError as error:
        sentence = str(error)
        right = isinstance(error, DataError) and re.fullmatch(r"the file [^\n]+", sentence)
    assert right, sentence
    return None


@pytest.mark.parametrize("round_", range(len(MUTATIONS)), ids=[m.__name__ for m in MUTATIONS])
def test_a_damaged_file_is_read_or_refused(round_, capfd):
    for step in range(len(FILES)):
        what, data = mutant(FILES, round_ * len(FILES) + step)
        source = open_source(data, "the file", LIMIT)
        pixels = outcome(source.read)
        if pixels is not None:
            assert pixels.shape[:2] == source.size, what
            assert pixels.dtype.name == source.dtype, what
            assert pixels.ndim == (2 if source.channels == 1 else 3), what
        mask = outcome(source.read_mask)
        assert mask is None or mask.shape[:2] == source.size, what
        for denominator in outcome(lambda s=source: s.scales) or ():
            part = outcome(lambda s=source, d=denominator: s.decode(d, s.stored[0] // 2))
            assert part is None or part.shape[1] == -(-source.stored[1] // denominator), what
    capfd.readouterr()  # OpenCV's decoders say what they think on stderr
