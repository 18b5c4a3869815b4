"""The ways to augment a batch that `batches.py` compares: one function a library.

Each is made for a piece of work and gives two functions: one augments the batch, one sets the seed.
All get the same pictures, uint8 on the device, and give N×3×H×W of the dtype asked for there. What
they do is said once, in `TASKS`; each spells it in its own words.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from turns import Peer

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
DEGREES, SHIFT, ZOOM, TONES = 30.0, 0.1, (0.8, 1.2), 0.2

TASKS = {
    "classify": (
        "RandomResizedCrop(224), HorizontalFlip, ColorJitter(0.4, 0.4, 0.4, 0.1), Normalize; "
        "from 500×375"
    ),
    "affine": "Affine(±30°, ±10 %, 0.8–1.2), brightness and contrast ±20 %, Normalize; 512×512",
}
SOURCES = {"classify": (375, 500), "affine": (512, 512)}
RESULTS = {"classify": (224, 224), "affine": (512, 512)}

_OURS = ("anamorph", "torch", "numpy")
PEERS = (
    Peer("ours", "anamorph: plan, collate, render", "torch", _OURS, "ours"),
    Peer("render", "anamorph: render, planned by the workers", "torch", (), "ours"),
    Peer(
        "opencv",
        "anamorph: each on the CPU with OpenCV",
        "torch",
        ("opencv-python-headless",),
        "ours",
    ),
    Peer("kornia", "kornia", "torch", ("kornia",)),
    Peer("vision", "torchvision v2, picture by picture", "torch", ("torchvision",)),
    Peer("together", "torchvision v2, one draw for all", "torch", (), "aside"),
    Peer("dali", "DALI", "torch", ("nvidia-dali-cuda130",), "extra", optional=True),
)

Way = tuple[Callable[[], Any], Callable[[int], object]]


@dataclass(frozen=True)
class Work:
    """A batch, and what is to become of it."""

    task: str
    pictures: NDArray[np.uint8]
    """N×H×W×3."""
    device: str
    dtype: str

    @cached_property
    def torch(self) -> Any:
        return importlib.import_module("torch")

    @cached_property
    def kind(self) -> Any:
        """The dtype as torch names it."""
        return getattr(self.torch, self.dtype)

    @cached_property
    def batch(self) -> Any:
        """The pictures as N×3×H×W on the device."""
        planes = np.ascontiguousarray(self.pictures.transpose(0, 3, 1, 2))
        return self.torch.from_numpy(planes).to(self.device)


def _pipeline(task: str) -> Any:
    library = importlib.import_module("anamorph")
    head = {
        "classify": lambda: [
            library.RandomResizedCrop(size=(224, 224), scale=AREA, ratio=RATIO),
            library.HorizontalFlip(p=0.5),
            library.ColorJitter(**JITTER, p=1),
        ],
        "affine": lambda: [
            library.Affine(
                rotate=(-DEGREES, DEGREES),
                translate_percent=(-SHIFT, SHIFT),
                scale=ZOOM,
                p=1,
            ),
            library.RandomBrightnessContrast(TONES, TONES, p=1),
        ],
    }
    tensor = importlib.import_module("anamorph.pytorch").ToTensorV2
    return library.Compose([*head[task](), library.Normalize(mean=MEAN, std=STD), tensor()])


def anamorph(work: Work, *, planned: bool) -> Way:
    """Draw plans on the CPU and render them on the device; or only render."""
    pipeline, nn = _pipeline(work.task), importlib.import_module("anamorph.nn")
    # a plan asks for the size of a picture, not for its pixels
    bare = np.broadcast_to(np.uint8(0), work.pictures.shape[1:])

    def collate() -> Any:
        plans = [pipeline.plan(image=bare) for _ in work.pictures]
        return nn.collate(plans, dtype=work.dtype)

    ready = collate()

    def render() -> Any:
        batch = ready if planned else collate()
        return batch.to(work.device).render(work.batch).images

    return render, pipeline.set_random_seed


def opencv(work: Work) -> Way:
    """Render each picture on the CPU into memory of the batch, and send that over."""
    pipeline = _pipeline(work.task)
    slot = np.zeros((len(work.pictures), 3, *RESULTS[work.task]), work.dtype)
    batch = work.torch.from_numpy(slot)

    def render() -> Any:
        for at, picture in enumerate(work.pictures):
            pipeline(image=picture, out=slot[at])
        return batch.to(work.device)

    return render, pipeline.set_random_seed


def kornia(work: Work) -> Way:
    """Floats in [0, 1] through a container of kornia."""
    library, torch = importlib.import_module("kornia.augmentation"), work.torch
    head = {
        "classify": lambda: [
            library.RandomResizedCrop((224, 224), scale=AREA, ratio=RATIO),
            library.RandomHorizontalFlip(p=0.5),
            library.ColorJitter(**JITTER, p=1.0),
        ],
        "affine": lambda: [
            library.RandomAffine(DEGREES, translate=(SHIFT, SHIFT), scale=ZOOM, p=1.0),
            library.ColorJiggle(TONES, TONES, 0.0, 0.0, p=1.0),
        ],
    }
    tail = library.Normalize(torch.tensor(MEAN), torch.tensor(STD))
    container = library.AugmentationSequential(*head[work.task](), tail, data_keys=["input"])
    container = container.to(work.device)
    return lambda: container(work.batch.float() / 255).to(work.kind), torch.manual_seed


def vision(work: Work, *, together: bool) -> Way:
    """Run torchvision's pipeline for each picture, or once over all: then all share the numbers."""
    v2, torch = importlib.import_module("torchvision.transforms.v2"), work.torch
    linear = v2.InterpolationMode.BILINEAR
    shift = (SHIFT, SHIFT)
    head = {
        "classify": lambda: [
            v2.RandomResizedCrop(224, scale=AREA, ratio=RATIO),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(**JITTER),
        ],
        "affine": lambda: [
            v2.RandomAffine(DEGREES, translate=shift, scale=ZOOM, interpolation=linear),
            v2.ColorJitter(TONES, TONES),
        ],
    }
    tail = [v2.ToDtype(work.kind, scale=True), v2.Normalize(MEAN, STD)]
    pipeline = v2.Compose([*head[work.task](), *tail])
    if together:
        return lambda: pipeline(work.batch), torch.manual_seed
    return lambda: torch.stack([pipeline(picture) for picture in work.batch]), torch.manual_seed


def dali(work: Work) -> Way:
    """A graph of DALI's, fed with pictures that lie on the device."""
    core, fn = importlib.import_module("nvidia.dali"), importlib.import_module("nvidia.dali.fn")
    types = importlib.import_module("nvidia.dali.types")
    device = "gpu" if work.device != "cpu" else "cpu"
    source = work.torch.from_numpy(work.pictures).to(work.device)
    fed = source if device == "gpu" else work.pictures

    def near(x: float) -> Any:
        return fn.random.uniform(range=(1 - x, 1 + x))

    def classify(pictures: Any) -> Any:
        cut = fn.random_resized_crop(
            pictures, size=RESULTS["classify"], random_area=AREA, random_aspect_ratio=RATIO
        )
        turn = fn.random.uniform(range=(-360 * JITTER["hue"], 360 * JITTER["hue"]))
        jitter = {name: near(x) for name, x in JITTER.items() if name != "hue"}
        return fn.color_twist(cut, hue=turn, **jitter)

    def affine(pictures: Any) -> Any:
        center = (256.0, 256.0)
        shift = fn.random.uniform(range=(-512 * SHIFT, 512 * SHIFT), shape=2)
        zoom = fn.random.uniform(range=ZOOM)
        matrix = fn.transforms.combine(
            fn.transforms.scale(scale=fn.stack(zoom, zoom), center=center),
            fn.transforms.rotation(
                angle=fn.random.uniform(range=(-DEGREES, DEGREES)), center=center
            ),
            fn.transforms.translation(offset=shift),
        )
        moved = fn.warp_affine(pictures, matrix=matrix, fill_value=0, inverse_map=False)
        return fn.brightness_contrast(moved, brightness=near(TONES), contrast=near(TONES))

    def graph() -> Any:
        pictures = fn.external_source(source=lambda: fed, batch=True, device=device, layout="HWC")
        return fn.crop_mirror_normalize(
            {"classify": classify, "affine": affine}[work.task](pictures),
            dtype={"float32": types.FLOAT, "float16": types.FLOAT16}[work.dtype],
            output_layout="CHW",
            mean=[255 * value for value in MEAN],
            std=[255 * value for value in STD],
            mirror=fn.random.coin_flip() if work.task == "classify" else 0,
        )

    number = None if device == "cpu" else 0
    given = {"batch_size": len(fed), "num_threads": 1, "device_id": number, "seed": 1}
    lean = {"prefetch_queue_depth": 1, "exec_async": False, "exec_pipelined": False}
    pipeline = core.pipeline_def(graph)(**given, **lean)
    pipeline.build()
    torch = work.torch
    return lambda: torch.from_dlpack(pipeline.run()[0].as_tensor()), lambda _: None


WAYS: dict[str, Callable[[Work], Way]] = {
    "ours": partial(anamorph, planned=False),
    "render": partial(anamorph, planned=True),
    "opencv": opencv,
    "kornia": kornia,
    "vision": partial(vision, together=False),
    "together": partial(vision, together=True),
    "dali": dali,
}
