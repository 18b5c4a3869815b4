"""A small U-Net on an ImageNet encoder, and a picture that is larger than it can see at once.

    python examples/large_picture.py OUT [STEPS]

Trees are learned from three small aerial scenes and the upper quarter of a large one (boxes as
ellipses), and found in all of it, 2299 × 2472 pixels: in tiles without overlap, in overlapping tiles,
and with test-time augmentation. The lower three quarters are what is scored. The model sees pictures at half
their size; tiles are shrunk on the way in, and maps enlarged on the way out.
"""

from __future__ import annotations

import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import anamorph as A
from anamorph.data import read_picture, write_picture
from anamorph.data.fetch import fetch
from anamorph.nn import models, tiles
from anamorph.nn.losses import build as loss_of
from anamorph.nn.tta import TTA

LARGE = "2019_YELL_2_528000_4978000_image_crop2"
SHARES = {LARGE: 4, "2019_YELL_2_541000_4977000_image_crop": 4, "OSBS_029": 1, "SOAP_061": 1}
"""Scene → how often it is drawn."""
CROP, TILE, HALF = 256, 512, 0.5
BATCH, STEPS, LR = 6, 200, 2e-3
Array = NDArray[Any]

NORMAL = [A.Normalize(), A.ToTensorV2()]
TRAIN = A.Compose(
    [
        A.RandomCrop(CROP, CROP, pad_if_needed=True),
        A.D4(),
        A.Affine(scale=(0.8, 1.25), rotate=(-20, 20), border_mode=cv2.BORDER_REFLECT_101, p=0.5),
        A.Resize(int(CROP * HALF), int(CROP * HALF), interpolation=cv2.INTER_AREA),
        A.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.03, p=0.7),
        *NORMAL,
    ],
    seed=1,
)
SEE = A.Compose(
    [A.Resize(int(TILE * HALF), int(TILE * HALF), interpolation=cv2.INTER_AREA), *NORMAL]
)


def scene(folder: Path, name: str) -> tuple[Array, Array]:
    """A picture, and its mask of crowns: a tree is the ellipse in its box."""
    picture = read_picture(folder / "scenes" / f"{name}.png")[..., :3]
    mask = np.zeros(picture.shape[:2], np.uint8)
    for box in ET.parse(folder / "scenes" / f"{name}.xml").iter("bndbox"):  # noqa: S314 - pinned by hash
        x0, y0, x1, y1 = (float(box.findtext(k, "")) for k in ("xmin", "ymin", "xmax", "ymax"))
        centre, axes = (round((x0 + x1) / 2), round((y0 + y1) / 2)), ((x1 - x0) / 2, (y1 - y0) / 2)
        cv2.ellipse(mask, centre, tuple(map(round, axes)), 0, 0, 360, 1, -1)
    return picture, mask


def train(folder: Path, steps: int) -> torch.nn.Module:
    """Train on random parts of the small scenes."""
    torch.manual_seed(1)
    weights = fetch("mobilenet_v2")
    options = {"decoder_channels": (128, 64, 32, 16, 16)}
    model = models.build("unet", "mobilenet_v2", weights=weights, **options)
    model = model.to(memory_format=torch.channels_last)  # a third faster on a processor
    loss = loss_of("bce + dice", mode="binary")
    encoder = list(models.encoder_of(model).parameters())
    rest = [p for p in model.parameters() if all(p is not each for each in encoder)]
    groups = [{"params": rest}, {"params": encoder, "lr": LR / 3}]
    optimizer = torch.optim.AdamW(groups, lr=LR, weight_decay=0.01)
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=steps, pct_start=0.1
    )
    known = {name: scene(folder, name) for name in SHARES}
    known[LARGE] = tuple(part[: len(part) // 4] for part in known[LARGE])
    scenes = [known[name] for name, count in SHARES.items() for _ in range(count)]
    for step in range(steps):
        batch = []
        for at in range(BATCH):
            number = step * BATCH + at
            picture, mask = scenes[number % len(scenes)]
            batch.append(TRAIN.keyed(0, number)(image=picture, mask=mask))
        pictures, masks = (torch.stack([each[key] for each in batch]) for key in ("image", "mask"))
        pictures = pictures.to(memory_format=torch.channels_last)
        found = loss(model(pictures), masks[:, None].long())
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
        schedule.step()
        if step % 25 == 24:
            print(
                f"step {step + 1}: loss {found.item():.3f}, {time.process_time():.0f} s of processor",
                flush=True,
            )
    return model.eval()


def scores(found: Array, mask: Array) -> str:
    """Dice and IoU of probabilities at 0.5."""
    seen, both = found >= 0.5, (found >= 0.5) & (mask > 0)
    either = (seen | (mask > 0)).sum()
    return f"Dice {2 * both.sum() / (seen.sum() + mask.sum()):.4f}, IoU {both.sum() / either:.4f}"


def overlay(picture: Array, found: Array, mask: Array) -> Array:
    """What was found in green, the outlines of what is true in red."""
    green = np.array([60, 255, 60], np.float32)
    share = 0.45 * (found[..., None] >= 0.5)
    shown = (picture * (1 - share) + green * share).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, outlines, -1, (255, 40, 40), 2)
    return shown


def main(out: Path, steps: int = STEPS) -> None:
    """Fetch, train, predict in three ways, and save what is seen."""
    folder = fetch("trees")
    start = time.perf_counter()
    model = train(folder, steps)
    print(f"trained in {time.perf_counter() - start:.0f} s")
    picture, mask = scene(folder, LARGE)
    rest = slice(len(mask) // 4, None)
    ways = {
        "tiles side by side": (model, {"overlap": 0, "window": "mean"}),
        "overlapping tiles": (model, {"overlap": 0.25, "window": "gaussian"}),
        "overlapping tiles, d4": (
            TTA(model, "d4", "dense", activation="sigmoid"),
            {"overlap": 0.25},
        ),
    }
    found: Array = np.zeros(0)
    for name, (net, options) in ways.items():
        start = time.perf_counter()
        ending = None if isinstance(net, TTA) else "sigmoid"
        prepare = lambda tile: SEE(image=tile)["image"]  # noqa: E731 - one line, used once
        found = tiles.predict(net, picture, TILE, prepare=prepare, activation=ending, **options)
        found = found[..., 0]
        print(
            f"{name}: {scores(found[rest], mask[rest])}, {time.perf_counter() - start:.0f} s",
            flush=True,
        )
        write_picture(out / f"{name.replace(' ', '-')}.png", overlay(picture, found, mask))
    np.save(out / "probabilities.npy", found.astype(np.float16))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
