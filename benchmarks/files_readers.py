"""The ways from a file to a tensor that `files.py` compares: one function a library.

Each is made for a task and the files that it will read, and gives two functions: one reads all these
files into normalized CHW float32 pictures, one sets the seed. Libraries are imported when their own
process makes them.
"""

import importlib
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from turns import Peer

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALE = (0.08, 1.0)

Read = Callable[[list[str]], list[Any]]
Seed = Callable[[int], object]
Reader = tuple[Read, Seed]
Decode = Callable[[str], Any]

_OURS = ("anamorph", "numpy", "opencv-python-headless", "simplejpeg")

PEERS = (
    Peer("ours", "anamorph from the path", "ours", _OURS, "ours"),
    Peer("slot", "anamorph from the path, out=", "ours", (), "ours"),
    Peer("plain", "anamorph from the path, no simplejpeg", "ours", (), "part"),
    Peer("whole", "anamorph, read whole first", "ours", (), "part"),
    Peer("albu", "cv2.imread + albumentations", "albu", ("albumentations", *_OURS[1:])),
    Peer("pil", "Pillow + torchvision v2", "torch", ("torchvision", "torch", "pillow")),
    Peer("vision", "torchvision's decoder + v2", "torch", ()),
    Peer("simple", "simplejpeg + albumentations", "albu", (), "extra"),
    Peer("reduced", "simplejpeg at a scale + albumentations", "albu", (), "extra", ("validate",)),
    Peer("draft", "Pillow in draft mode + torchvision v2", "torch", (), "extra", ("validate",)),
    Peer("dali", "DALI on the CPU", "torch", ("nvidia-dali-cuda130",), "extra", optional=True),
)


def _albumentations_like(library: Any, tensor: Any, task: str) -> Any:
    head = {
        "train": [
            library.RandomResizedCrop(size=(224, 224), scale=SCALE),
            library.HorizontalFlip(p=0.5),
        ],
        "validate": [library.SmallestMaxSize(256), library.CenterCrop(224, 224)],
    }
    return library.Compose([*head[task], library.Normalize(mean=MEAN, std=STD), tensor()])


def anamorph(task: str, paths: list[str], way: str) -> Reader:
    """Hand over paths, and with `slot` the memory of the batch too; `whole` reads first."""
    if way == "plain":
        sys.modules["simplejpeg"] = None  # type: ignore[assignment] - as if it were not installed
    library = importlib.import_module("anamorph")
    tensor = importlib.import_module("anamorph.pytorch").ToTensorV2
    pipeline = _albumentations_like(library, tensor, task)
    batch = np.zeros((len(paths), 3, 224, 224), np.float32)
    picture = importlib.import_module("anamorph.data").read_picture

    def read(paths: list[str]) -> list[Any]:
        return [pipeline(image=path)["image"] for path in paths]

    def into(paths: list[str]) -> list[Any]:
        return [pipeline(image=path, out=batch[at])["image"] for at, path in enumerate(paths)]

    def whole(paths: list[str]) -> list[Any]:
        return [pipeline(image=picture(path))["image"] for path in paths]

    return {"slot": into, "whole": whole}.get(way, read), pipeline.set_random_seed


def albumentations(task: str, _: list[str], decoder: str) -> Reader:
    """Decode to an array; the arguments of `_decoder` name how."""
    library = importlib.import_module("albumentations")
    tensor = importlib.import_module("albumentations.pytorch").ToTensorV2
    pipeline = _albumentations_like(library, tensor, task)
    decode = _decoder(decoder)

    def read(paths: list[str]) -> list[Any]:
        return [pipeline(image=decode(path))["image"].contiguous() for path in paths]

    def reseed(seed: int) -> None:
        # a seed given to the whole makes all its members draw the same numbers
        for place, member in enumerate(pipeline.transforms, 1):
            member.set_random_seed(1000 * seed + place)

    return read, reseed


def _decoder(name: str) -> Decode:
    if name == "cv2":
        cv2 = importlib.import_module("cv2")
        return partial(cv2.imread, flags=cv2.IMREAD_COLOR_RGB)
    decode = importlib.import_module("simplejpeg").decode_jpeg
    if name == "simplejpeg":
        return lambda path: decode(Path(path).read_bytes())
    # only where the crop is known before the picture is
    return lambda path: decode(Path(path).read_bytes(), min_height=256, min_width=256)


def _vision(task: str, *, image: bool) -> tuple[Any, Any]:
    torch = importlib.import_module("torch")
    v2 = importlib.import_module("torchvision.transforms.v2")
    head = {
        "train": [v2.RandomResizedCrop(224, scale=SCALE), v2.RandomHorizontalFlip()],
        "validate": [v2.Resize(256), v2.CenterCrop(224)],
    }
    tensor = [v2.ToImage()] if image else []
    tail = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    return torch, v2.Compose([*head[task], *tensor, *tail])


def pillow(task: str, _: list[str], way: str) -> Reader:
    """Open with Pillow; a draft lets the decoder choose a scale that is large enough."""
    torch, pipeline = _vision(task, image=True)
    image = importlib.import_module("PIL.Image")

    def read(paths: list[str]) -> list[Any]:
        return [pipeline(opened(path).convert("RGB")).contiguous() for path in paths]

    def opened(path: str) -> Any:
        picture = image.open(path)
        if way == "draft":
            picture.draft("RGB", (256, 256))
        return picture

    return read, torch.manual_seed


def vision(task: str, _: list[str]) -> Reader:
    """Decode with torchvision into tensors."""
    torch, pipeline = _vision(task, image=False)
    io = importlib.import_module("torchvision.io")
    mode = io.ImageReadMode.RGB

    def read(paths: list[str]) -> list[Any]:
        pictures = (io.decode_jpeg(io.read_file(path), mode=mode) for path in paths)
        return [pipeline(picture).contiguous() for picture in pictures]

    return read, torch.manual_seed


def dali(task: str, paths: list[str]) -> Reader:
    """Let DALI read, decode (only the crop, where there is one) and resize in one graph."""
    core = importlib.import_module("nvidia.dali")
    fn, types = (
        importlib.import_module("nvidia.dali.fn"),
        importlib.import_module("nvidia.dali.types"),
    )
    decoders = fn.decoders

    def graph() -> Any:
        files, _ = fn.readers.file(files=paths)
        if task == "train":
            ratios = (3 / 4, 4 / 3)
            cut = decoders.image_random_crop(files, random_area=SCALE, random_aspect_ratio=ratios)
            picture, mirror = fn.resize(cut, size=(224, 224)), fn.random.coin_flip()
        else:
            picture, mirror = fn.resize(decoders.image(files), resize_shorter=256), 0
        return fn.crop_mirror_normalize(
            picture,
            dtype=types.FLOAT,
            output_layout="CHW",
            crop=(224, 224),
            mean=[255 * value for value in MEAN],
            std=[255 * value for value in STD],
            mirror=mirror,
        )

    given = {"batch_size": len(paths), "num_threads": 1, "device_id": None, "seed": 1}
    lean = {"prefetch_queue_depth": 1, "exec_async": False, "exec_pipelined": False}
    pipeline = core.pipeline_def(graph)(**given, **lean)
    pipeline.build()

    def read(_: Iterable[str]) -> list[Any]:
        return list(pipeline.run()[0].as_array())

    return read, lambda _: None


READERS: dict[str, Callable[[str, list[str]], Reader]] = {
    "ours": partial(anamorph, way="path"),
    "slot": partial(anamorph, way="slot"),
    "plain": partial(anamorph, way="plain"),
    "whole": partial(anamorph, way="whole"),
    "albu": partial(albumentations, decoder="cv2"),
    "simple": partial(albumentations, decoder="simplejpeg"),
    "reduced": partial(albumentations, decoder="reduced"),
    "pil": partial(pillow, way="plain"),
    "draft": partial(pillow, way="draft"),
    "vision": vision,
    "dali": dali,
}
