"""Predictions come home to the picture, whole or in tiles, alone or several together."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph.tasks.base import Decision  # noqa: E402 - after the skip
from anamorph.tasks.pictures import pictures_of  # noqa: E402
from anamorph.tasks.pipelines import preparing  # noqa: E402
from anamorph.tasks.samples import Views  # noqa: E402
from anamorph.tasks.seeing import Manner, Seer  # noqa: E402
from anamorph.tasks.table import task_of  # noqa: E402

PLAIN = ("input.mean=[0.0]", "input.std=[1.0]")


class Bright(torch.nn.Module):
    """Logits that say where the picture is bright."""

    def forward(self, images):
        return (images.amax(1, keepdim=True) - 0.6) * 50


class Squares(torch.nn.Module):
    """The box around what is bright, as detectors tell it."""

    def forward(self, pictures):
        told = []
        for picture in pictures:
            y, x = torch.nonzero(picture.amax(0) > 0.6, as_tuple=True)
            box = [x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0, 0, 1, 1]
            label = 1 + int(len(x) and picture[1, y, x].mean() > picture[0, y, x].mean())
            told.append(
                {
                    "boxes": torch.tensor([[float(v) for v in box], [5.0, 5.0, 5.0, 9.0]]),
                    "scores": torch.tensor([0.9 if len(x) else 0.0, 0.1]),
                    "labels": torch.tensor([label, 1]),
                }
            )
        return told


def seen(config, model, **options):
    pictures = pictures_of(config)
    task = task_of(config, pictures.classes)
    prepare = preparing(config)
    manner = Manner(torch.device("cpu"), batch=3, tile=config.predict.tile, **options)
    seer = Seer(task, [model] * 2, [1.0, 3.0], prepare, manner)
    views = Views(
        [pictures.path(at) for at in range(4)],
        prepare,
        3,
        truth=lambda at: task.truth(pictures, at),
        whole=config.predict.tile is None,
    )
    return task, list(seer.over(views, [3, 1, 0, 2]))


MANNERS = [
    (("input.size=[64, 80]",), {}),
    (("input.size=[64, 64]", "input.fit=letterbox"), {}),
    (("input.size=[64, 64]", "input.fit=letterbox"), {"tta": "d4"}),
    (("predict.tile=32",), {}),
    (("predict.tile=24",), {"tta": "hflip", "workers": 1}),
]


@pytest.mark.parametrize(("overrides", "options"), MANNERS)
def test_masks_come_home(config, overrides, options):
    task, found = seen(config("segment", *PLAIN, *overrides), Bright(), **options)
    assert [each.index for each in found] == [3, 1, 0, 2]
    for each in found:
        assert each.prediction.shape == (32, 40, 1)
        mask = task.decided(each.prediction, Decision((0.5,)))
        both = (mask & (each.truth > 0)).sum()
        assert both / ((mask > 0) | (each.truth > 0)).sum() > 0.85


@pytest.mark.parametrize(("overrides", "options"), MANNERS)
def test_boxes_come_home(config, overrides, options):
    _, found = seen(config("detect", *PLAIN, *overrides), Squares(), **options)
    for each in found:
        best = each.prediction["scores"].argmax()
        assert np.abs(each.prediction["boxes"][best] - each.truth["boxes"][0]).max() < 1.5
        assert each.prediction["labels"][best] == each.truth["labels"][0]
        sides = each.prediction["boxes"][:, 2:] - each.prediction["boxes"][:, :2]
        assert (sides > 0).all()
