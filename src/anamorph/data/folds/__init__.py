"""Folds: which pictures train and which validate, frozen; and what leaks from one to the other."""

from anamorph.data.folds.leaks import find_leaks
from anamorph.data.folds.make import make_folds
from anamorph.data.folds.report import LeakReport, Pair
from anamorph.data.folds.value import Folds

__all__ = ["Folds", "LeakReport", "Pair", "find_leaks", "make_folds"]
