"""From the bytes of a picture file to pixels, no more of them than are needed."""

from anamorph.core.files import is_source
from anamorph.sources.limit import Limit
from anamorph.sources.source import Source, open_source

__all__ = ["Limit", "Source", "is_source", "open_source"]
