"""Box fusion beside ensemble-boxes 1.0.9: the same detections, in turns, CPU time of one thread.

    python benchmarks/boxes.py                      # needs: pip install ensemble-boxes==1.0.9
    python benchmarks/boxes.py --write-cases tests/nn/ensemble_boxes.json

The second form writes small random scenes and what ensemble-boxes makes of them, which the tests
compare with.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import ensemble_boxes as peer
import numpy as np

from anamorph.nn import boxes as ours

Scene = tuple[list[Any], list[Any], list[Any]]

CALLS = ("nms", "soft_nms", "non_maximum_weighted", "weighted_boxes_fusion")
CONFIDENCES = ("avg", "max", "box_and_model_avg", "absent_model_aware_avg")
ROUNDS = 9
TIMED = {  # models, boxes a model, classes, least and greatest side
    "5 × 1000, 20 classes": (5, 1000, 20, (0.05, 0.3)),
    "5 × 200, 20 classes": (5, 200, 20, (0.05, 0.3)),
    "5 × 1000, 80 classes": (5, 1000, 80, (0.05, 0.3)),
    "5 × 1000 small, 1 class": (5, 1000, 1, (0.01, 0.03)),
    "5 × 1000 crowded, 1 class": (5, 1000, 1, (0.05, 0.3)),
    "2 × 20, 5 classes": (2, 20, 5, (0.05, 0.3)),
}
SMALL = ((1, 12, 2), (2, 9, 2), (3, 11, 2), (5, 7, 3), (4, 14, 5), (2, 3, 9))


def scene(rng: np.random.Generator, models: int, count: int, classes: int, sides: Any) -> Scene:
    """Objects that most models see, each a little differently, and boxes that only one sees."""
    objects = count * 7 // 10
    center, side = rng.uniform(0.1, 0.9, (objects, 2)), rng.uniform(*sides, (objects, 2))
    kinds = rng.integers(0, classes, objects)
    views: list[tuple[Any, Any, Any]] = []
    for _ in range(models):
        seen = rng.random(objects) < 0.9
        alone = count - int(seen.sum())
        where = center[seen] + rng.normal(0, 0.1, (int(seen.sum()), 2)) * side[seen]
        size = side[seen] * rng.uniform(0.85, 1.15, (int(seen.sum()), 2))
        where = np.concatenate([where, rng.uniform(0.1, 0.9, (alone, 2))])
        size = np.concatenate([size, rng.uniform(*sides, (alone, 2))])
        rows = np.concatenate([where - size / 2, where + size / 2], axis=1).clip(0, 1).round(5)
        labels = np.concatenate([kinds[seen], rng.integers(0, classes, alone)])
        views.append((rows, rng.uniform(0.05, 0.99, count).round(6), labels))
    boxes, scores, labels_ = (list(column) for column in zip(*views, strict=True))
    return boxes, scores, labels_


def timed(call: str, given: Scene) -> tuple[float, float]:
    """Median milliseconds of ensemble-boxes and of ours."""
    spent: dict[Any, list[float]] = {peer: [], ours: []}
    for turn in range(ROUNDS + 1):
        for library in (peer, ours) if turn % 2 else (ours, peer):
            arguments = [[column.copy() for column in columns] for columns in given]
            start = time.thread_time()
            getattr(library, call)(*arguments)
            spent[library].append((time.thread_time() - start) * 1e3)
    theirs, mine = (statistics.median(spent[library][1:]) for library in (peer, ours))
    return theirs, mine


def measure() -> None:
    """Print the table."""
    print("| detections | call | ensemble-boxes ms | ours ms | ratio |\n|---|---|--:|--:|--:|")
    for name, (models, count, classes, sides) in TIMED.items():
        given = scene(np.random.default_rng(0), models, count, classes, sides)
        for call in CALLS:
            theirs, mine = timed(call, given)
            print(f"| {name} | `{call}` | {theirs:.2f} | {mine:.2f} | {theirs / mine:.1f} |")


def options(models: int) -> list[tuple[str, dict[str, Any]]]:
    """The calls whose results are kept."""
    weights = [1 + i % 3 for i in range(models)]
    rows: list[tuple[str, dict[str, Any]]] = []
    for each in (None, weights):
        common = {"weights": each, "skip_box_thr": 0.1}
        rows += [
            ("weighted_boxes_fusion", common | {"conf_type": conf, "iou_thr": 0.55})
            for conf in CONFIDENCES
        ]
        rows += [("non_maximum_weighted", common | {"iou_thr": t}) for t in (0.3, 0.55)]
        rows += [("nms", {"weights": each, "iou_thr": t}) for t in (0.3, 0.5)]
    # Without weights: with them, two boxes of a heavy model in a cluster are where it goes wrong.
    rows.append(("weighted_boxes_fusion", {"iou_thr": 0.3}))
    soft = {"iou_thr": 0.4, "sigma": 0.4}
    rows += [("soft_nms", soft | {"method": m, "thresh": t}) for m in (1, 2) for t in (0.1, 0.3)]
    return rows


def write_cases(path: Path) -> None:
    """Write small scenes and what ensemble-boxes makes of them."""
    rng = np.random.default_rng(7)
    scenes, cases = [], []
    for models, count, classes in SMALL:
        given = scene(rng, models, count, classes, (0.05, 0.3))
        scenes.append([[column.tolist() for column in columns] for columns in given])
        for call, chosen in options(models):
            arguments = [[column.copy() for column in columns] for columns in given]
            found = getattr(peer, call)(*arguments, **chosen)
            rows = np.column_stack(found).astype(float).round(5).tolist()
            cases.append({"call": call, "scene": len(scenes) - 1, "options": chosen, "rows": rows})
    path.write_text(json.dumps({"scenes": scenes, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-cases", type=Path)
    given_path = parser.parse_args().write_cases
    if given_path:
        write_cases(given_path)
    else:
        measure()
