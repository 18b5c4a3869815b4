"""Every transform of the catalogue in a batch: labels exactly as in a pipeline, pixels within levels."""

from __future__ import annotations

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import BackendError
from contracts.table import ROWS, VARIANTS, build, label_mask, picture

torch = pytest.importorskip("torch")

from anamorph.nn import collate  # noqa: E402 - after the skip

ON_THE_HOST = frozenset({
    "AtmosphericFog", "CLAHE", "ChromaticAberration", "Downscale", "FDA",
    "GhostingArtifact", "GibbsRinging", "GlassBlur", "HEStain", "HistogramMatching", "ISONoise",
    "ImageCompression", "KSpaceSpikeNoise", "MaskDropout", "Mosaic", "MotionArtifact",
    "PixelDistributionAdaptation", "PlasmaBrightnessContrast", "PlasmaShadow", "RandomFog",
    "RandomGravel", "RandomRain", "RandomShadow", "RandomSnow", "RandomSunFlare", "Spatter",
    "Superpixels", "TemplateTransform", "TextImage",
})  # fmt: skip
"""Transforms that draw, or may draw, what has no kernel for batches yet, or never will."""
OWN = "Lambda"
LEVELS = 9.0
"""Levels of 255 that single pixels may be off: hue of 8 bits, and zooms that OpenCV reads coarsely."""
PARAMS = {
    "bbox_params": A.BboxParams("pascal_voc"),
    "keypoint_params": A.KeypointParams("xyas"),
}


def samples(name):
    return [
        {
            "image": picture(seed=seed),
            "mask": label_mask().astype(np.int64),
            "bboxes": [[20, 15, 60, 45.0]],
            "keypoints": [(40, 30, 30.0, 2.0), (0, 0, 0.0, 1.0)],
            **ROWS[name].extras(60, 80),
        }
        for seed in range(3)
    ]


def first(image):
    """Channels first, as a batch has them."""
    if isinstance(image, torch.Tensor):
        return image.numpy()
    return image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "variant"), [(n, v) for n, v in VARIANTS if n != OWN])
def test_a_batch_agrees_with_the_pipeline(name, variant):
    given = samples(name)
    transform = build(name, variant=variant)
    planner, renderer = (A.Compose([transform], seed=5, **PARAMS) for _ in range(2))
    plans = [planner.plan(**sample) for sample in given]
    wanted = [renderer(**sample) for sample in given]
    out = collate(plans, missing="host", **PARAMS).render(
        *([s[key] for s in given] for key in ("image", "mask", "bboxes", "keypoints")),
        ragged="list",
    )
    for k, want in enumerate(wanted):
        image = first(want["image"])
        got = out.images[k].numpy()
        assert (got.dtype, got.shape) == (image.dtype, image.shape)
        gap = np.abs(got.astype(np.float64) - image.astype(np.float64))
        white = 255 if image.dtype == np.uint8 else 5  # Normalize spans five or so
        assert gap.max() <= LEVELS * white / 255
        np.testing.assert_array_equal(out.masks[k][0].numpy(), np.asarray(want["mask"]))
        np.testing.assert_array_equal(
            np.reshape(out.boxes[k], (-1, 4)), want["bboxes"] or np.zeros((0, 4))
        )
        np.testing.assert_array_equal(
            np.reshape(out.points[k], (-1, 4)), want["keypoints"] or np.zeros((0, 4))
        )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_plans_on_some_channels(dtype):
    members = [A.GaussianBlur(p=0.7), A.RandomGamma(p=0.7), A.GaussNoise(p=0.7)]
    some = [A.SelectiveChannelTransform(members, channels=(2, 0), p=0.8)]
    images = [picture(seed=seed, dtype=dtype) for seed in range(6)]
    planner, renderer = (A.Compose(some, seed=5) for _ in range(2))
    plans = [planner.plan(image=image) for image in images]
    out = collate(plans).render(images).images
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    for image, got in zip(images, out, strict=True):
        want = np.moveaxis(renderer(image=image)["image"], -1, 0)
        gap = np.abs(got.numpy().astype(np.float64) - want.astype(np.float64))
        assert gap.max() * 255 / white <= 3


@pytest.mark.parametrize("name", sorted(ROWS))
def test_which_need_the_host_is_known(name):
    refused = False
    for variant in [v for n, v in VARIANTS if n == name]:
        planner = A.Compose([build(name, variant=variant)], seed=5, **PARAMS)
        plans = [planner.plan(**sample) for sample in samples(name)]
        try:
            collate(plans, **PARAMS)
        except BackendError:
            refused = True
    assert refused == (name in ON_THE_HOST or name == OWN)
