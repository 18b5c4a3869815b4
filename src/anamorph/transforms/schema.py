"""``InitSchema``: a pydantic model beside a user's transform, which checks its arguments."""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from typing import Annotated, Any

from anamorph.core.errors import ParameterError, ParameterTypeError


@cache
def lazy_schema() -> Any:
    """Make the model that schemas derive from; it knows p. Needs pydantic."""
    try:
        pydantic = importlib.import_module("pydantic")
    except ModuleNotFoundError:
        raise ParameterTypeError("InitSchema needs pydantic: pip install pydantic") from None
    return pydantic.create_model(
        "InitSchema",
        __config__=pydantic.ConfigDict(arbitrary_types_allowed=True, extra="allow"),
        p=(Annotated[float, pydantic.Field(ge=0, le=1)], 0.5),
    )


def validated(
    cls: type, schema: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Check arguments by a schema, and give them as the schema made them.

    Raises:
        ParameterError: the schema refuses them.
    """
    bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)  # type: ignore[misc]
    bound.apply_defaults()
    given = {k: v for k, v in bound.arguments.items() if k in schema.model_fields}
    try:
        model = schema(**given)
    except ValueError as error:
        raise ParameterError(f"{cls.__name__}: {_first(error)}") from error
    bound.arguments.update({name: getattr(model, name) for name in given})
    return bound.args[1:], bound.kwargs


def _first(error: ValueError) -> str:
    """The first complaint of a schema as one line."""
    found = getattr(error, "errors", None)
    if not callable(found):
        return str(error).splitlines()[0]
    what = found()[0]
    return f"{'.'.join(map(str, what['loc']))} = {what.get('input')!r}: {what['msg']}"
