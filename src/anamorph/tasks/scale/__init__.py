"""Predictions and augmented pictures of millions of files, by the processes of a Ray cluster.

>>> from anamorph.tasks import scale
>>> scale.Summary(3, 1, {"a.png": "it is no picture"}).done
3

`predict` and `augment` write what their local namesakes write, and go on where either was stopped.
"""

from anamorph.tasks.scale.augmenting import augment
from anamorph.tasks.scale.engine import Engine, Local, Ray, Summary
from anamorph.tasks.scale.predicting import predict

__all__ = ["Engine", "Local", "Ray", "Summary", "augment", "predict"]
