"""Laying a template over the picture."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError
from anamorph.core.params import FractionRange, Function, Probability, Words
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op, Picture
from anamorph.transforms.base import PixelTransform, Scene
from anamorph.transforms.reading import PicturesRule, array_of, held, item_of, stamp_of

__all__ = ["TemplateTransform"]

_READER = "read_rgb_image"
_REMEMBERED = 8
_GRAY = Picture(b"\x80", "uint8", (1, 1, 1))


class TemplatesRule(PicturesRule):
    """One path or array, a sequence of them, or None."""

    def check(self, place: str, value: Any) -> Any:
        alone = isinstance(value, str) or hasattr(value, "__fspath__")
        alone = alone or (isinstance(value, np.ndarray) and value.ndim < 4)
        return super().check(place, (value,) if alone else value)

    def describe(self) -> str:
        return "a path or array, a sequence of them, or None"


Templates = Annotated[Any, TemplatesRule()]
Changer = Annotated[Any, Function()]
Name = Annotated[Any, Words(optional=True)]


class TemplateTransform(PixelTransform):
    """Lay a template over the picture: the weighted sum of both, clipped.

    The template is brought to the size of the picture; one of one channel serves all.

    >>> laid = A.TemplateTransform(255 - photo, p=1)(image=photo)["image"]
    >>> int(laid.max()) - int(laid.min()) <= 1
    True
    """

    templates: Templates = None
    """Paths or arrays, of which one is chosen; None for plain middle gray."""
    img_weight: FractionRange = (0.5, 0.5)
    template_weight: FractionRange = (0.5, 0.5)
    template_transform: Changer = None
    """A transform or pipeline that changes the template first; it draws from the same chance."""
    name: Name = None
    """By which a saved pipeline finds the templates again, see ``nonserializable`` of `load`."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Choose a template and draw both weights.

        Raises:
            DataError: the template has neither one channel nor as many as the picture.
        """
        template = self._template(rng)
        channels = template.shape[2]
        if channels not in (1, scene.channels):
            raise DataError(
                f"TemplateTransform: the template has {channels} channels and the picture has "
                f"{scene.channels}: it must have as many, or one"
            )
        weights = rng.uniform(*self.img_weight), rng.uniform(*self.template_weight)
        yield Effect("template", (*weights, template))

    def _template(self, rng: Rng) -> Picture:
        if self.templates is None:
            found = _GRAY
        else:
            index = rng.integer(0, len(self.templates) - 1)
            stamp = stamp_of(self.templates[index], _READER)
            find = self._find if stamp is None else self._known
            found = find(index, stamp)
        return found if self.template_transform is None else self._changed(rng, found)

    def _find(self, index: int, _: Any) -> Picture:
        place = f"TemplateTransform.templates[{index}]"
        return held(array_of(place, item_of(self.templates[index]), _READER))

    @cached_property
    def _known(self) -> Callable[[int, Any], Picture]:
        return lru_cache(maxsize=_REMEMBERED)(self._find)

    def _changed(self, rng: Rng, template: Picture) -> Picture:
        """Run the template's own transform, on a copy of it whose chance is drawn here."""
        change = copy.deepcopy(self.template_transform)
        if hasattr(change, "set_random_seed"):
            change.set_random_seed(rng.key())
        image: npt.NDArray[Any] = change(image=template.array)["image"]
        return held(array_of("the changed template", image, None))
