"""Several models made one: their predictions, the models themselves, or their weights."""

from anamorph.nn.ensemble.averaging import EMA
from anamorph.nn.ensemble.models import Ensemble
from anamorph.nn.ensemble.pseudo import PseudoLabels, fold_pseudo_labels, pseudo_labels
from anamorph.nn.ensemble.search import METHODS, Blend, search_weights
from anamorph.nn.ensemble.soups import Soup, best_soup, greedy_soup, uniform_soup
from anamorph.nn.ensemble.stored import merge_predictions, ranked

__all__ = [
    "EMA",
    "METHODS",
    "Blend",
    "Ensemble",
    "PseudoLabels",
    "Soup",
    "best_soup",
    "fold_pseudo_labels",
    "greedy_soup",
    "merge_predictions",
    "pseudo_labels",
    "ranked",
    "search_weights",
    "uniform_soup",
]
