"""Configurations that are quick on the small data of these tests."""

QUICK = (
    "train.epochs=2", "train.batch=4", "train.workers=0", "folds.n=2", "train.warmup=0.2",
)  # fmt: skip

PLAIN = {
    "classify": {
        "task": "classify",
        "model": {"encoder": "test_resnet", "dropout": 0.2},
        "input": {"size": [32, 32]},
    },
    "segment": {
        "task": "segment",
        "model": {"encoder": "test_resnet"},
        "input": {"size": [32, 32]},
    },
    "detect": {
        "task": "detect",
        "model": {"name": "fcos", "encoder": "test_resnet", "options": {"width": 64}},
        "input": {"size": [64, 64]},
    },
}
FILES = {"images", "masks", "annotations", "table"}
PLACES = {
    "classify": {"images": "classes"},
    "segment": {"images": "images", "masks": "masks"},
    "detect": {"images": "images", "annotations": "coco.json"},
}
