"""Bundles as ONNX files that say what must be done to a picture, checked against torch.

>>> from anamorph.tasks.export import export
>>> export.__name__
'export'
"""

from anamorph.tasks.export.errors import ConversionError
from anamorph.tasks.export.export import Exported, export
from anamorph.tasks.export.telling import describe

__all__ = ["ConversionError", "Exported", "describe", "export"]
