"""One line of text as a pipeline: ``HorizontalFlip(p=0.5) | Rotate(limit=30)``.

The text is Python's grammar, but nothing is evaluated: names of transforms and compositions, their
arguments (numbers, strings, True, False, None, lists, tuples, dictionaries, ``cv2.INTER_…`` and
``cv2.BORDER_…``) and ``|`` between steps are all there is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from anamorph.core import constants
from anamorph.core.errors import ParameterError, UnknownNameError, nearest

_PREFIXES = ("A", "anamorph", "albumentations", "alb")
_CONSTANT_PREFIXES = ("INTER_", "BORDER_")


def read_line(text: str, known: Mapping[str, Callable[..., Any]]) -> list[Any]:
    """Build the steps that a line describes.

    Args:
        text: the line.
        known: what its names stand for.

    Raises:
        ParameterError: when the line is no such text.
        UnknownNameError: when a name in it is unknown.
    """
    return _Reader(text, known).steps(_parsed(text))


def read_value(text: str) -> Any:
    """Read an argument of a transform, such as ``(1, 2)`` or ``cv2.INTER_CUBIC``.

    Raises:
        ParameterError: when the text is no value.
    """
    return _Reader(text, {}).value(_parsed(text))


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        place = f" at character {error.offset}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ParameterError(f"pipeline {text!r}: {reason}{place}") from error


class _Reader:
    """Walks the syntax tree of one line."""

    def __init__(self, text: str, known: Mapping[str, Callable[..., Any]]) -> None:
        self.text = text
        self.known = known
        self.kinds: Mapping[type[ast.expr], Callable[[Any], Any]] = {
            ast.Constant: self._constant,
            ast.Call: self._call,
            ast.List: lambda node: [self.value(item) for item in node.elts],
            ast.Tuple: lambda node: tuple(self.value(item) for item in node.elts),
            ast.Dict: self._dictionary,
            ast.UnaryOp: self._signed,
            ast.Attribute: self._attribute,
        }

    def steps(self, node: ast.expr) -> list[Any]:
        """The steps of a line: what stands between the bars, or the items of a list."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return [*self.steps(node.left), *self.steps(node.right)]
        if isinstance(node, ast.List):
            return [self._step(item) for item in node.elts]
        return [self._step(node)]

    def _step(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Call):
            return self._call(node)
        # A lone name stands for the transform with all its defaults.
        return self._named(node)()

    def value(self, node: ast.expr) -> Any:
        """An argument."""
        kind = self.kinds.get(type(node))
        if kind is None:
            raise self._refusal(node, "only transforms, numbers, texts and lists may stand here")
        return kind(node)

    def _call(self, node: ast.Call) -> Any:
        build = self._named(node.func)
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self._refusal(keyword.value, "** cannot be used here")
        return build(
            *(self.value(item) for item in node.args),
            **{str(keyword.arg): self.value(keyword.value) for keyword in node.keywords},
        )

    def _named(self, node: ast.expr) -> Callable[..., Any]:
        name = ast.unparse(node)
        parts = name.split(".")
        if len(parts) == 2 and parts[0] in _PREFIXES:
            name = parts[1]
        if name not in self.known:
            raise UnknownNameError(
                f"pipeline {self.text!r}: there is no transform {name}{nearest(name, self.known)}"
            )
        return self.known[name]

    def _constant(self, node: ast.Constant) -> Any:
        if node.value is None or isinstance(node.value, (bool, int, float, str)):
            return node.value
        raise self._refusal(node, "no such value can be an argument")

    def _dictionary(self, node: ast.Dict) -> dict[Any, Any]:
        pairs = {}
        for key, item in zip(node.keys, node.values, strict=True):
            if key is None:
                raise self._refusal(node, "** cannot be used here")
            pairs[self.value(key)] = self.value(item)
        return pairs

    def _signed(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float)):
            return -value
        if isinstance(node.op, ast.UAdd) and isinstance(value, (int, float)):
            return value
        raise self._refusal(node, "only + and - may stand before a number")

    def _attribute(self, node: ast.Attribute) -> Any:
        name = ast.unparse(node)
        if name.startswith("cv2.") and node.attr.startswith(_CONSTANT_PREFIXES):
            if hasattr(constants, node.attr):
                return getattr(constants, node.attr)
            raise self._refusal(node, "OpenCV's constants for this are INTER_… and BORDER_…")
        raise self._refusal(node, "it is no value")

    def _refusal(self, node: ast.AST, reason: str) -> ParameterError:
        return ParameterError(f"pipeline {self.text!r}: {ast.unparse(node)}: {reason}")
