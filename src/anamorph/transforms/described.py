"""What transforms tell of themselves to code written for Albumentations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Processor:
    """What a pipeline knows of one kind of labels."""

    default_data_name: str
    params: Any


class Described:
    """Questions that every transform answers: its parameters, its targets, its name."""

    @property
    def targets(self: Any) -> Mapping[str, Callable[..., Any]]:
        """Key of a call → function that transforms a value of that key by itself."""
        return {key: _alone(self, key) for key in sorted(self.available_keys)}

    @property
    def targets_as_params(self: Any) -> list[str]:
        """Keys of a call that the transform needs besides its targets."""
        values = self.values()
        return [
            value
            for name, value in values.items()
            if name.endswith("_key") and isinstance(value, str)
        ]

    def get_transform_init_args_names(self: Any) -> tuple[str, ...]:
        """Names of the parameters, in the order in which they are given."""
        return tuple(self.fields)

    def get_transform_init_args(self: Any) -> dict[str, Any]:
        """Parameters by name."""
        return dict(self.values())

    def get_base_init_args(self: Any) -> dict[str, Any]:
        """What every transform has: p."""
        return {"p": self.p}

    @classmethod
    def get_class_fullname(cls) -> str:
        """The name under which a saved pipeline knows the class."""
        own = cls.__module__.startswith("anamorph.")
        return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"

    @classmethod
    def is_serializable(cls) -> bool:
        """Whether it can be written as plain data; ``to_dict`` refuses what it cannot write."""
        return True


def _alone(transform: Any, key: str) -> Callable[..., Any]:
    def apply(value: Any) -> Any:
        always = transform.replace(p=1.0)
        vars(always).update({k: v for k, v in vars(transform).items() if k == "stream"})
        return always(**{key: value})[key]

    return apply
