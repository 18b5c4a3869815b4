"""Losses by name and options, as configurations have them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from anamorph.core.errors import ParameterError, ParameterTypeError, UnknownNameError, nearest
from anamorph.nn.losses.base import Loss, Sum
from anamorph.nn.losses.boundary import Boundary, Hausdorff
from anamorph.nn.losses.combine import DeepSupervision, TopK
from anamorph.nn.losses.entropy import BCE, CE, BalancedBCE, BiTempered
from anamorph.nn.losses.focal import Focal, FocalCosine, QualityFocal
from anamorph.nn.losses.lovasz import Lovasz
from anamorph.nn.losses.overlap import BCEJaccard, Dice, FocalTversky, Jaccard, SoftF1, Tversky
from anamorph.nn.losses.regression import AdaptiveWing, LogCosh, Wing

LOSSES: Mapping[str, type[Loss]] = {
    "bce": BCE,
    "ce": CE,
    "balanced_bce": BalancedBCE,
    "bi_tempered": BiTempered,
    "focal": Focal,
    "quality_focal": QualityFocal,
    "focal_cosine": FocalCosine,
    "dice": Dice,
    "jaccard": Jaccard,
    "tversky": Tversky,
    "focal_tversky": FocalTversky,
    "soft_f1": SoftF1,
    "bce_jaccard": BCEJaccard,
    "lovasz": Lovasz,
    "boundary": Boundary,
    "hausdorff": Hausdorff,
    "log_cosh": LogCosh,
    "wing": Wing,
    "adaptive_wing": AdaptiveWing,
    "topk": TopK,
    "deep": DeepSupervision,
    "sum": Sum,
}
"""Name → loss: all that there are."""

Spec = Any
"""A text, a mapping, a list of these, or a loss."""


def build(spec: Spec, **defaults: Any) -> Loss:
    """Make a loss of what a configuration says.

    A text is a sum of names, with factors and options: ``"bce + 0.5 * dice(smooth=0)"``,
    ``"topk(ce(smoothing=0.1), share=0.3)"``. A mapping has the name and the options:
    ``{"name": "dice", "smooth": 0, "factor": 0.5}``. A sequence is a sum of any of these.

    Args:
        spec: what to make; a loss is given back as it is.
        defaults: options, as mode and ignore_index, of all losses that have them and do not say
            otherwise; None stands for the loss's own default.

    Raises:
        ParameterError: an option has a value that it may not have, or the text cannot be read.
        ParameterTypeError: a loss has no option of that name.
        UnknownNameError: there is no loss of that name.

    >>> build("bce + 0.5 * dice(smooth=0)", ignore_index=255).terms[1]
    (0.5, Dice(mode='binary', ignore_index=255, smooth=0, per_image=False, classes=None,
    skip_empty=False, weights=None, reduction='mean'))
    """
    known = {key: value for key, value in defaults.items() if value is not None}
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, str):
        return _written(spec, known)
    if isinstance(spec, Mapping):
        return _mapped(spec, known)
    if isinstance(spec, list | tuple):
        return Sum(tuple((1.0, build(each, **known)) for each in spec))
    raise ParameterTypeError(f"loss = {spec!r}: it must be a text, a mapping or a list of these")


def make(
    name: str, positional: Sequence[Any], options: Mapping[str, Any], known: Mapping[str, Any]
) -> Loss:
    """Make one loss of its name, options and defaults."""
    if name not in LOSSES:
        raise UnknownNameError(
            f"loss = {name!r}: there is none of this name{nearest(name, LOSSES)}"
        )
    kind = LOSSES[name]
    names = [field.name for field in fields(kind) if field.init]
    for option in options:
        if option not in names:
            hint = nearest(option, names)
            raise ParameterTypeError(f"{name} has no option {option!r}{hint}")
    own = {key: value for key, value in known.items() if key in names} | dict(options)
    try:
        return kind(*positional, **own)
    except TypeError as error:
        if isinstance(error, ParameterTypeError):
            raise
        raise ParameterTypeError(f"{name}: {error}") from error


def _mapped(spec: Mapping[str, Any], known: Mapping[str, Any]) -> Loss:
    options = dict(spec)
    name, factor = options.pop("name", None), options.pop("factor", 1.0)
    if not isinstance(name, str):
        raise ParameterTypeError(f"loss = {dict(spec)!r}: it must have a name")
    if "loss" in options:
        options["loss"] = build(options["loss"], **known)
    loss = make(name, (), options, known)
    return loss if factor == 1 else Sum(((factor, loss),))


# ------------------------------------------------------------------------------------ texts


def _written(text: str, known: Mapping[str, Any]) -> Loss:
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ParameterError(f"loss = {text!r}: it cannot be read: {error.msg}") from error
    terms = tuple(_terms(tree, text, known))
    return terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else Sum(terms)


def _terms(node: ast.expr, text: str, known: Mapping[str, Any]) -> Iterator[tuple[float, Loss]]:
    """Walk down a sum of products."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _terms(node.left, text, known)
        yield from _terms(node.right, text, known)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        factor, rest = (node.left, node.right) if _is_number(node.left) else (node.right, node.left)
        for weight, loss in _terms(rest, text, known):
            yield weight * _value(factor, text), loss
    else:
        yield 1.0, _called(node, text, known)


def _is_number(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, ast.Constant)


def _value(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        part = ast.unparse(node)
        raise ParameterError(f"loss = {text!r}: {part!r} must be a number or a literal") from error


def _called(node: ast.expr, text: str, known: Mapping[str, Any]) -> Loss:
    """A name, or a call of it with options; losses are given first, options by name."""
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not isinstance(call.func, ast.Name) or any(k.arg is None for k in call.keywords):
        part = ast.unparse(node)
        raise ParameterError(f"loss = {text!r}: {part!r} must be a name, or name(option=value)")
    inner = [_written(ast.unparse(each), known) for each in call.args]
    options = {str(k.arg): _value(k.value, text) for k in call.keywords}
    return make(call.func.id, inner, options, known)
