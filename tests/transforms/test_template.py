"""Templates: chosen, changed, laid over, saved by name."""

from pathlib import Path

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, ParameterError

CAT = Path(A.__file__).parent / "assets" / "images" / "cat.jpg"


def picture(h=20, w=30, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (h, w, channels), dtype=np.uint8)


@pytest.mark.parametrize("backend", ["opencv", "reference"])
@pytest.mark.parametrize("scale", [1, 257, 1 / 255])
def test_a_weighted_sum(backend, scale):
    image, other = picture(), picture(seed=1)
    dtype = {1: np.uint8, 257: np.uint16}.get(scale, np.float32)
    image = (image.astype(np.float64) * scale).astype(dtype)
    laid = A.TemplateTransform([other], (0.3, 0.3), (0.9, 0.9), p=1)
    done = A.Compose([laid], backend=backend)(image=image)["image"]
    wanted = np.clip(0.3 * image + 0.9 * scale * other, 0, 255 * scale)
    assert done.dtype == dtype
    assert np.abs(done - wanted).max() <= (0.51 if scale >= 1 else 1e-5)


def test_templates_fit():
    gray = A.TemplateTransform(picture(7, 9, 1), p=1)(image=picture())["image"]
    assert gray.shape == (20, 30, 3)
    plain = A.TemplateTransform(p=1)(image=picture())["image"]
    assert np.abs(plain - (picture() / 2 + 64)).max() <= 0.5
    fast, slow = (
        A.Compose([A.TemplateTransform(CAT, p=1)], backend=b)(image=picture())["image"]
        for b in ("opencv", "reference")
    )
    assert np.abs(fast.astype(int) - slow).max() <= 1
    with pytest.raises(DataError, match="the template has 3 channels and the picture has 5"):
        A.TemplateTransform(picture(), p=1)(image=picture(channels=5))


def test_a_template_has_a_transform_of_its_own():
    image, other = picture(40, 40), picture(60, 60, seed=1)
    crop = A.Compose([A.RandomCrop(40, 40)])
    laid = A.Compose([A.TemplateTransform([other], 0.0, 1.0, crop, p=1)], seed=3)
    first, second = (laid(image=image)["image"] for _ in range(2))
    assert not np.array_equal(first, second)
    laid.set_random_seed(3)
    assert np.array_equal(laid(image=image)["image"], first)
    views = np.lib.stride_tricks.sliding_window_view(other, (40, 40), (0, 1))
    assert (views.transpose(0, 1, 3, 4, 2) == first).all(axis=(2, 3, 4)).any()


def test_saved_by_path_or_by_name():
    by_path = A.Compose([A.TemplateTransform([CAT], p=1)])
    assert A.from_dict(A.to_dict(by_path)) == by_path
    named = A.TemplateTransform([picture()], name="mine", p=1)
    data = A.to_dict(A.Compose([named]))
    assert A.from_dict(data, nonserializable={"mine": named}).transforms[0] == named
    for held in (
        A.TemplateTransform([picture()]),
        A.TemplateTransform(template_transform=A.HorizontalFlip(p=1)),
    ):
        with pytest.raises(ParameterError, match=r"TemplateTransform holds .* give it a name"):
            A.to_dict(held)
