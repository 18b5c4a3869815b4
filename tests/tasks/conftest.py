"""Small folders of data for the three tasks, and configurations that are quick on them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from anamorph import tasks
from anamorph.data import write_mask, write_picture
from tasks.quick import FILES, PLACES, PLAIN, QUICK

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

SIDE = 32
COUNT = 16


def picture(number: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    """A dark picture with a bright square, red or green in turn; its mask; the square's box."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 60, (SIDE, SIDE + 8, 3)).astype(np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    y, x = rng.integers(2, 14, 2).tolist()
    image[y : y + 14, x : x + 14, number % 2] += 180
    mask[y : y + 14, x : x + 14] = 255
    return image, mask, (x, y, 14, 14)


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """``classes/NAME/…``, ``images`` with ``masks`` and ``planes`` (a channel a class), ``coco.json``, ``labels.csv``."""
    root = tmp_path_factory.mktemp("data")
    entries, images = [], []
    rows = ["file,red,green,car"]
    for number in range(COUNT):
        image, mask, box = picture(number)
        name = f"{number:02}.png"
        kind = ("red", "green")[number % 2]
        write_picture(root / "classes" / kind / name, image)
        write_picture(root / "images" / name, image)
        write_mask(root / "masks" / name, mask)
        planes = np.zeros((*mask.shape, 3), np.uint8)
        planes[..., number % 2] = mask
        write_mask(root / "planes" / name, planes)
        size = {"height": image.shape[0], "width": image.shape[1]}
        images.append({"id": number, "file_name": name, **size})
        entries.append(
            {"id": number, "image_id": number, "category_id": number % 2 + 1, "bbox": list(box)}
        )
        rows.append(f"{name},{int(kind == 'red')},{int(kind == 'green')},c{number // 2}")
    categories = [{"id": 1, "name": "red"}, {"id": 2, "name": "green"}]
    content = {"images": images, "annotations": entries, "categories": categories}
    (root / "coco.json").write_text(json.dumps(content), encoding="utf-8")
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


@pytest.fixture
def config(data):
    """A quick configuration of a task, with some options in place of others."""

    def make(task, *overrides, **places):
        named = {**PLACES[task], **places}
        where = {
            key: os.fspath(data / value) if value and key in FILES else value
            for key, value in named.items()
        }
        return tasks.load({**PLAIN[task], "data": where}, [*QUICK, *overrides])

    return make


@pytest.fixture(autouse=True)
def one_thread():
    """As many threads in each test: results do not depend on who ran before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
