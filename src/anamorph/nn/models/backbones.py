"""Networks of timm that give maps of features, for decoders and detectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, final

from torch import Tensor, nn

from anamorph.core.errors import ParameterError, UnknownNameError, nearest
from anamorph.nn.models.optional import need

ALIASES: dict[str, str] = {
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
    "efficientnet_lite0": "tf_efficientnet_lite0",
    "efficientnet_v2_s": "tf_efficientnetv2_s",
    "efficientnet_v2_m": "tf_efficientnetv2_m",
    "efficientnet_v2_l": "tf_efficientnetv2_l",
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_s": "swin_small_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
    "vit_b_16": "vit_base_patch16_224",
    "vit_b_32": "vit_base_patch32_224",
    "vit_l_16": "vit_large_patch16_224",
}
"""torchvision's name → timm's for the same network, where they differ."""


def timm_name(name: str) -> str:
    """Find a network of timm by its own name, with ``timm/`` or ``tu-`` before it, or torchvision's.

    Raises:
        UnknownNameError: there is none.
    """
    timm = need("timm", "to build encoders")
    bare = name.removeprefix("tu-").removeprefix("timm/")
    bare = ALIASES.get(bare, bare)
    if not timm.is_model(bare.partition(".")[0]):
        known = [*timm.list_models(), *ALIASES]
        raise UnknownNameError(f"encoder = {name!r}: timm has none of it{nearest(bare, known)}")
    return bare


_FREE: tuple[dict[str, bool], ...] = (
    {"dynamic_img_size": True, "dynamic_img_pad": True},
    {"dynamic_img_size": True},
)
"""What frees networks of timm from one size of pictures; the first that a network knows is taken."""


def any_size(name: str, make: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Build a network of timm so that it takes pictures of any size, if it can.

    Args:
        name: as timm has it.
        make: what builds it of options.
        options: if they say ``img_size``, that is the only one.
    """
    settings = need("timm.models", "to build encoders").get_pretrained_cfg(name)
    if "img_size" in options or not getattr(settings, "fixed_input_size", False):
        return make(**options)
    for free in _FREE:
        try:
            return make(**{**free, **options})
        except TypeError:  # it has no such option
            continue
    return make(**options)


@final
class Pyramid(nn.Module):
    """Maps of a network of timm, N × channels × H × W each, the finest first.

    Raises:
        UnknownNameError: timm has no such network.
        ParameterError: it has no maps at one of the strides.
    """

    def __init__(
        self, name: str, *, in_channels: int, strides: tuple[int, ...], options: dict[str, Any]
    ) -> None:
        """Build it with random weights.

        Args:
            name: as `timm_name` takes it.
            in_channels: of pictures.
            strides: pixels of the picture a pixel of the map.
            options: more that ``timm.create_model`` takes.
        """
        super().__init__()
        timm, known = need("timm", "to build detectors"), timm_name(name)
        make = partial(
            timm.create_model, known, pretrained=False, features_only=True, in_chans=in_channels
        )
        try:
            whole = any_size(known, make, options)
        except (RuntimeError, TypeError, AttributeError, AssertionError) as error:
            raise ParameterError(f"backbone = {name!r} gives no maps: {error}") from error
        there = whole.feature_info.reduction()
        if any(there.count(stride) == 0 for stride in strides):
            raise ParameterError(
                f"backbone = {name!r} has maps at strides {_listed(there)}: "
                f"{_listed(strides)} are wanted"
            )
        indices = tuple(len(there) - 1 - there[::-1].index(stride) for stride in strides)
        self.network: Any = any_size(known, partial(make, out_indices=indices), options)
        self.channels: tuple[Any, ...] = tuple(self.network.feature_info.channels())
        self.strides = strides
        self.last: bool = str(getattr(self.network, "output_fmt", "NCHW")).endswith("NHWC")

    def forward(self, pictures: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.network(pictures)
        return [m.permute(0, 3, 1, 2).contiguous() for m in maps] if self.last else maps


def _listed(strides: Any) -> str:
    return ", ".join(map(str, strides))
