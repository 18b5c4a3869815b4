"""Samples taken apart into leaves, and batches put together from columns of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from typing import Any, TypeAlias

Form: TypeAlias = Any
"""The containers of a sample: (type, keys, forms of the members), and a word for a leaf."""

LEAF, ITEM, RAGGED = "leaf", "item", "ragged"
"""A leaf; a leaf of a list or tuple; a leaf of which every sample has its own number."""


def flatten(sample: Any, ragged: Collection[Hashable]) -> tuple[Form, list[Any]]:
    """Take a sample apart: its form and its leaves.

    Dictionaries, lists, tuples and named tuples are taken apart, by their exact type; all else is a
    leaf. So is the whole of what stands under a ragged key, or at a ragged place of the outermost
    tuple.

    >>> flatten({"image": 1, "boxes": [2, 3]}, {"boxes"})
    ((<class 'dict'>, ('image', 'boxes'), ('leaf', 'ragged')), [1, [2, 3]])
    """
    leaves: list[Any] = []
    return _taken(sample, ragged, leaves, LEAF, top=True), leaves


def _taken(
    value: Any, ragged: Collection[Hashable], leaves: list[Any], word: str, *, top: bool = False
) -> Form:
    kind = type(value)
    if kind is dict:
        keys = tuple(value)
        return kind, keys, tuple([_member(k, value[k], ragged, leaves, LEAF) for k in keys])
    if kind is list or kind is tuple or (issubclass(kind, tuple) and hasattr(value, "_fields")):
        at = range(len(value)) if top else (None,) * len(value)
        members = zip(at, value, strict=True)
        return kind, (), tuple([_member(k, v, ragged, leaves, ITEM) for k, v in members])
    leaves.append(value)
    return word


def _member(
    key: Hashable, value: Any, ragged: Collection[Hashable], leaves: list[Any], word: str
) -> Form:
    if key in ragged:
        leaves.append(value)
        return RAGGED
    return _taken(value, ragged, leaves, word)


def follow(sample: Any, form: Form) -> list[Any] | None:
    """Take a sample apart by the form of another one; None if it lacks some of it.

    As for torch, dictionaries may be in another order, and have more.

    >>> form, _ = flatten({"a": 1, "b": 2}, ())
    >>> follow({"c": 5, "b": 4, "a": 3}, form)
    [3, 4]
    """
    leaves: list[Any] = []
    return leaves if _followed(sample, form, leaves) else None


def _followed(value: Any, form: Form, leaves: list[Any]) -> bool:
    if isinstance(form, str):
        leaves.append(value)
        return True
    kind, keys, members = form
    if type(value) is not kind or len(value) < len(members):
        return False
    if kind is dict:
        pairs = zip(keys, members, strict=True)
        return all(key in value and _followed(value[key], m, leaves) for key, m in pairs)
    if len(value) > len(members):
        return False
    return all(_followed(v, m, leaves) for v, m in zip(value, members, strict=True))


def rebuild(form: Form, leaves: Iterator[Any]) -> Any:
    """Put a batch together; as torch's ``default_collate`` does, a list where samples have a tuple.

    >>> rebuild(flatten((1, {"a": 2}), ())[0], iter("xy"))
    ['x', {'a': 'y'}]
    """
    if isinstance(form, str):
        return next(leaves)
    kind, keys, members = form
    built = [rebuild(member, leaves) for member in members]
    if kind is dict:
        return dict(zip(keys, built, strict=True))
    return built if kind is list or kind is tuple else kind(*built)


def words(form: Form) -> list[str]:
    """The words of the leaves, in order."""
    if isinstance(form, str):
        return [form]
    return [word for member in form[2] for word in words(member)]


def places(form: Form, place: str = "sample") -> list[str]:
    """Where the leaves stand, as one would write it.

    >>> places(flatten((1, {"a": 2}), ())[0])
    ['sample[0]', "sample[1]['a']"]
    """
    if isinstance(form, str):
        return [place]
    kind, keys, members = form
    named = keys if kind is dict else range(len(members))
    pairs = zip(named, members, strict=True)
    return [p for key, member in pairs for p in places(member, f"{place}[{key!r}]")]
