"""Giving a picture the look of another: by histogram, by spread of colors, by frequencies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, MissingDataError
from anamorph.core.params import Choice, FractionRange, Probability, Span, Words
from anamorph.core.rng import Rng
from anamorph.ir import adapt
from anamorph.ir.ops import Effect, Op, Picture
from anamorph.transforms.base import PixelTransform, Scene
from anamorph.transforms.reading import (
    PicturesRule,
    ReaderRule,
    array_of,
    check_readable,
    item_of,
    read_rgb_image,
    stamp_of,
)

__all__ = ["FDA", "HistogramMatching", "PixelDistributionAdaptation"]

References = Annotated[Any, PicturesRule()]
Reader = Annotated[Any, ReaderRule()]
Key = Annotated[str, Words()]
Beta = Annotated[Any, Span(0, 0.5, lone="from")]
Kind = Annotated[str, Choice(adapt.KINDS)]

_REMEMBERED = 128


class Adaptation(PixelTransform):
    """Base of transforms that need another picture: given once, or with each call.

    Of pictures given once, what was measured is kept; files are read again when they change.
    """

    reference_images: References = None
    read_fn: Reader = read_rgb_image
    metadata_key: Key = ""
    p: Probability = 0.5

    def check(self) -> None:
        place = f"{type(self).__name__}.reference_images"
        check_readable(place, self.reference_images, self.read_fn)

    @abstractmethod
    def measure(self, image: npt.NDArray[Any], detail: int) -> Picture:
        """Measure what the op needs of a reference (H, W, C).

        Args:
            image: the reference.
            detail: how much of it, where that depends on the picture.
        """

    def measured(self, rng: Rng, scene: Scene, detail: int = 0, ahead: int = 0) -> Picture:
        """Choose a reference and measure it.

        Args:
            rng: the source of chance.
            scene: what is known of the sample.
            detail: how much is needed.
            ahead: how much to measure if it is remembered, for calls that need more.

        Raises:
            MissingDataError: there is no reference, neither here nor in the call.
            DataError: it is no picture, or of another number of channels.
        """
        called = self._called(scene)
        if called is None:
            index = rng.integer(0, len(self.reference_images) - 1)
            place = f"{type(self).__name__}.reference_images[{index}]"
            stamp = stamp_of(self.reference_images[index], self.read_fn)
            if stamp is None:
                channels, found = self._find(index, stamp, detail)
            else:
                channels, found = self._known(index, stamp, max(detail, ahead))
        else:
            place = self.metadata_key
            image = array_of(place, called[rng.integer(0, len(called) - 1)], self.read_fn)
            channels, found = image.shape[2], self.measure(image, detail)
        if channels != scene.channels:
            raise DataError(
                f"{place} has {channels} channels and the picture has {scene.channels}: "
                f"{type(self).__name__} needs as many"
            )
        return found

    def _called(self, scene: Scene) -> Any:
        """The references of the call, which come before those given once."""
        try:
            called = scene.given(self.metadata_key)
        except MissingDataError:
            if self.reference_images is None:
                raise
            return None
        if isinstance(called, np.ndarray):
            return (called,) if called.ndim < 4 else called
        if not isinstance(called, list | tuple) or not called:
            raise DataError(
                f"{self.metadata_key} is {type(called).__name__}: it must be a sequence of at "
                f"least one array or path, for {type(self).__name__}"
            )
        return called

    def _find(self, index: int, _: Any, detail: int) -> tuple[int, Picture]:
        place = f"{type(self).__name__}.reference_images[{index}]"
        image = array_of(place, item_of(self.reference_images[index]), self.read_fn)
        return image.shape[2], self.measure(image, detail)

    @cached_property
    def _known(self) -> Callable[[int, Any, int], tuple[int, Picture]]:
        return lru_cache(maxsize=_REMEMBERED)(self._find)


class FDA(Adaptation):
    """Give the low frequencies the amplitudes of a reference; the phases, and so shapes, stay.

    The lowest frequencies are those of at most beta times the shorter side in waves a picture,
    down and across. Y. Yang and S. Soatto, "FDA: Fourier domain adaptation for semantic
    segmentation", CVPR 2020.

    >>> dark = photo // 4
    >>> adapted = A.FDA(beta_limit=(0.05, 0.05), p=1)(image=photo, fda_metadata=[dark])["image"]
    >>> bool(adapted.mean() < photo.mean() / 2)
    True
    """

    reference_images: References = None
    """Paths, arrays, or whatever ``read_fn`` takes; one is chosen at random."""
    beta_limit: Beta = (0, 0.1)
    """A lone number x means (0, x)."""
    read_fn: Reader = read_rgb_image
    """Function from an item to an array. What it gives is not remembered: it may differ."""
    metadata_key: Key = "fda_metadata"
    """Key of the call that holds a sequence of references, in place of ``reference_images``."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a reference and how far the frequencies reach; if less than one, nothing changes."""
        side = min(scene.size)
        reach = int(rng.uniform(*self.beta_limit) * side)
        if reach:
            found = self.measured(rng, scene, reach, int(self.beta_limit[1] * side))
            yield Effect("amplitudes", (adapt.slice_of(found, reach),))

    def measure(self, image: npt.NDArray[Any], detail: int) -> Picture:
        return adapt.amplitudes(image, detail)


class HistogramMatching(Adaptation):
    """Give each channel the histogram of a reference's.

    A value goes to the one below which as great a share of the reference lies. R. C. Gonzalez and
    R. E. Woods, "Digital image processing", on histogram specification. Words and floats are told
    apart on 65,536 levels.

    >>> dark = photo // 4
    >>> matched = A.HistogramMatching((dark,), (1, 1), p=1)(image=photo)["image"]
    >>> bool(abs(matched.mean() - dark.mean()) < 2)
    True
    """

    reference_images: References = None
    """Paths, arrays, or whatever ``read_fn`` takes; one is chosen at random."""
    blend_ratio: FractionRange = (0.5, 1.0)
    """Weight of the matched picture; the rest is the picture as it was."""
    read_fn: Reader = read_rgb_image
    """Function from an item to an array. What it gives is not remembered: it may differ."""
    metadata_key: Key = "hm_metadata"
    """Key of the call that holds a sequence of references, in place of ``reference_images``."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a reference and a weight."""
        found = self.measured(rng, scene)
        yield Effect("match_histogram", (found, rng.uniform(*self.blend_ratio)))

    def measure(self, image: npt.NDArray[Any], detail: int) -> Picture:
        return adapt.histogram(image)


class PixelDistributionAdaptation(Adaptation):
    """Give the colors the spread of a reference's.

    ``pca`` turns the principal axes of the colors to those of the reference and moves the mean,
    ``standard`` brings mean and standard deviation of each channel to the reference's, ``minmax``
    its least and greatest value.

    >>> dark = photo // 4
    >>> adapt = A.PixelDistributionAdaptation((dark,), (1, 1), transform_type="standard", p=1)
    >>> bool(abs(adapt(image=photo)["image"].std() - dark.std()) < 4)
    True
    """

    reference_images: References = None
    """Paths, arrays, or whatever ``read_fn`` takes; one is chosen at random."""
    blend_ratio: FractionRange = (0.25, 1.0)
    """Weight of the adapted picture; the rest is the picture as it was."""
    read_fn: Reader = read_rgb_image
    """Function from an item to an array. What it gives is not remembered: it may differ."""
    transform_type: Kind = "pca"
    metadata_key: Key = "pda_metadata"
    """Key of the call that holds a sequence of references, in place of ``reference_images``."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a reference and a weight."""
        found = self.measured(rng, scene)
        weight = rng.uniform(*self.blend_ratio)
        yield Effect("adapt_colors", (self.transform_type, found, weight))

    def measure(self, image: npt.NDArray[Any], detail: int) -> Picture:
        return adapt.moments(image, self.transform_type)
