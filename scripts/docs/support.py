"""What a transform takes, found by running it: targets, dtypes, channels, backends, inverse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from docs.showcase import build, extras
from numpy.typing import NDArray

import anamorph as A
from anamorph.backends import BACKENDS
from anamorph.core.errors import BackendError, DataError, NotInvertibleError
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Target
from anamorph.ir.plan import Plan

DTYPES = ("uint8", "uint16", "float32")
CHANNELS = (1, 3, 8)
ANY = "any channels"
NO = "–"
DEPTH, HEIGHT, WIDTH = 8, 32, 44
DRAWS = 20
CLIPS = frozenset({"UniformTemporalSubsample"})
TENSORS = frozenset({"ToTensorV2", "ToTensor3D"})
MASKED = frozenset({"ConstrainedCoarseDropout", "CropNonEmptyMaskIfExists", "MaskDropout"})
"""What needs a mask in the call."""

KEYS: Mapping[str, tuple[Target, str]] = {
    "mask": (Target.MASK, "`mask`, `masks`, `mask3d`, `masks3d`, any dtype"),
    "bboxes": (Target.BOXES, "`bboxes`"),
    "keypoints": (Target.POINTS, "`keypoints`"),
    "polygons": (Target.POLYGONS, "`polygons`"),
    "polylines": (Target.POLYLINES, "`polylines`"),
    "depth": (Target.DEPTH, "`depth`"),
    "normals": (Target.NORMALS, "`normals`"),
    "flow": (Target.FLOW, "`flow`"),
}
"""Key of a call → its target, and how the table calls it."""
SOLID_KEYS: Mapping[str, tuple[Target, str]] = {
    "mask3d": (Target.MASK, "`mask3d`, `masks3d`, any dtype"),
    "keypoints": (Target.POINTS, "`keypoints` of format `xyz`"),
}
PLAIN: Mapping[str, Mapping[str, Any]] = {
    "Normalize": {"mean": 0.5, "std": 0.2},
    "Pad": {"fill": 0},
    "TemplateTransform": {"templates": None},
    "TextImage": {"font_color": (90,)},
}
"""Transform → arguments that fit any number of channels, where those it is shown with do not."""


def solid(name: str) -> bool:
    """Whether a transform acts on whole volumes alone."""
    return A.catalogue()[name].kind == "volume" or name == "ToTensor3D"


def rows(name: str) -> list[list[str]]:
    """Rows of the table: what a key holds, then what each backend does with it."""
    subject = "`volume`, `volumes`" if solid(name) else "`image`, `images`, `volume`, `volumes`"
    found = [
        [f"{subject}, {dtype}", *(_taken(name, dtype, backend) for backend in BACKENDS)]
        for dtype in DTYPES
    ]
    moved = moves(name)
    for key, (target, said) in _keys(name).items():
        what = _fate(name, key) if target in moved else _stay(name, target)
        found.append([said, *(what if _runs(name, key, each) else NO for each in BACKENDS)])
    return found


def _fate(name: str, key: str) -> str:
    if name == "Lambda":
        return "as your function does" if key in {"mask", "bboxes", "keypoints"} else "stay"
    return "become tensors" if name in TENSORS else "follow"


def _stay(name: str, target: Target) -> str:
    """Masks may be overwritten with what is dropped, if the caller says with what."""
    option = {"fill_mask", "mask_drop_value"} & set(A.catalogue()[name].fields)
    return f"stay, unless `{option.pop()}` is given" if option and target is Target.MASK else "stay"


def moves(name: str) -> frozenset[Target]:
    """The targets that a transform, as it is shown, changes."""
    return frozenset(target for plan in _plans(name) for op in plan.ops for target in op.targets)


def inverse(name: str) -> str:
    """Say whether the plans of a transform can be inverted."""
    if name == "Lambda":
        return "none: a function of your own has no inverse"
    try:
        back = [op for plan in _plans(name) for op in plan.inverse().ops]
    except NotInvertibleError as error:
        return f"none: {error}"
    if any(getattr(op, "matrix", None) != mx.IDENTITY for op in back):
        return "`Plan.inverse()` brings masks, boxes and keypoints home"
    return "places stay, so there is nothing to bring home"


def _keys(name: str) -> Mapping[str, tuple[Target, str]]:
    return SOLID_KEYS if solid(name) else KEYS


def _pipeline(name: str, **options: Any) -> A.Compose:
    size = (DEPTH, HEIGHT, WIDTH) if solid(name) else (HEIGHT, WIDTH)
    boxes = None if solid(name) else A.BboxParams("pascal_voc", ["names"])
    return A.Compose(
        [build(name, *size).replace(**PLAIN.get(name, {}))],
        bbox_params=boxes,
        keypoint_params=A.KeypointParams("xyz" if solid(name) else "xy"),
        seed=0,
        **options,
    )


def _plans(name: str) -> Iterator[Plan]:
    data = data_of(name, 3, "float32")
    for key in _keys(name):
        data |= _given(name, key)
    pipeline = _pipeline(name)
    for _ in range(DRAWS):
        yield pipeline.plan(**data)


def _taken(name: str, dtype: str, backend: str) -> str:
    """The numbers of channels that are taken."""
    taken = [c for c in CHANNELS if _defined(name, data_of(name, c, dtype), backend)]
    if len(taken) == len(CHANNELS):
        return ANY
    return f"{' or '.join(map(str, taken))} channel{'s' * (taken != [1])}" if taken else NO


def _runs(name: str, key: str, backend: str) -> bool:
    return _defined(name, data_of(name, 3, "float32") | _given(name, key), backend)


def _defined(name: str, data: dict[str, Any], backend: str) -> bool:
    """Tell whether a transform takes such data on such a backend."""
    try:
        _pipeline(name, backend=backend)(**data)
    except (DataError, BackendError):
        return False
    return True


def picture(channels: int, dtype: str) -> NDArray[Any]:
    """Make a picture with structure in it."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    planes = [0.5 + 0.4 * np.sin(7 * x + (3 + c) * y + c) for c in range(channels)]
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (np.stack(planes, -1) * white).astype(dtype)


def data_of(name: str, channels: int, dtype: str) -> dict[str, Any]:
    """Make a call for a transform: a picture, a clip or a volume, and what else it needs."""
    image = picture(channels, dtype)
    if solid(name) or name in CLIPS:
        return {"volume" if solid(name) else "images": np.stack([image] * DEPTH)}
    rest = {key: _like(value, image) for key, value in extras(name, HEIGHT, WIDTH).items()}
    return {"image": image, **(_given(name, "mask") if name in MASKED else {}), **rest}


def _like(value: Any, image: NDArray[Any]) -> Any:
    """Give what a call brings the dtype and channels of its picture."""
    if isinstance(value, list):
        return [_like(item, image) for item in value]
    if isinstance(value, dict) and "image" in value:
        return {**value, "image": np.resize(image, (*value["image"].shape[:2], image.shape[2]))}
    return image if isinstance(value, np.ndarray) else value


def _given(name: str, key: str) -> dict[str, Any]:
    """Something small of each kind, as a call has it."""
    plane = np.zeros((HEIGHT, WIDTH), np.uint8)
    plane[8:24, 10:34] = 6
    if name in CLIPS and key == "mask":
        return {"masks": [plane] * DEPTH}
    made: dict[str, Any] = {
        "mask": plane,
        "mask3d": np.stack([plane] * DEPTH),
        "bboxes": [[10.0, 8.0, 34.0, 24.0]],
        "keypoints": [(16.0, 20.0, 5.0)],
        "polygons": [[10, 8, 34, 8, 34, 24]],
        "polylines": [[10, 8, 34, 8, 34, 24]],
        "depth": plane.astype(np.float32),
        "normals": np.full((HEIGHT, WIDTH, 3), (0.0, 0.0, 1.0), np.float32),
        "flow": np.ones((HEIGHT, WIDTH, 2), np.float32),
    }
    return {key: made[key], **({"names": ["cup"]} if key == "bboxes" else {})}
