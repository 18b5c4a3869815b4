"""A pipeline in one line of text: read, never evaluated."""

from __future__ import annotations

import pytest

from anamorph.cli.text import read_line
from anamorph.core.constants import INTER_CUBIC
from anamorph.core.errors import AnamorphError


def known():
    def maker(name):
        return lambda *args, **kwargs: (name, args, kwargs)

    return {name: maker(name) for name in ("HorizontalFlip", "Rotate", "OneOf")}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("HorizontalFlip", [("HorizontalFlip", (), {})]),
        ("A.HorizontalFlip()", [("HorizontalFlip", (), {})]),
        (
            "HorizontalFlip(p=0.5) | Rotate(limit=(-30, +30), p=1)",
            [("HorizontalFlip", (), {"p": 0.5}), ("Rotate", (), {"limit": (-30, 30), "p": 1})],
        ),
        ("[HorizontalFlip, Rotate(5)]", [("HorizontalFlip", (), {}), ("Rotate", (5,), {})]),
        (
            "OneOf([HorizontalFlip(), Rotate(interpolation=cv2.INTER_CUBIC)], p=.3)",
            [
                (
                    "OneOf",
                    (
                        [
                            ("HorizontalFlip", (), {}),
                            ("Rotate", (), {"interpolation": INTER_CUBIC}),
                        ],
                    ),
                    {"p": 0.3},
                )
            ],
        ),
        (
            "Rotate(a={'x': None, 'y': [True, 'z']})",
            [("Rotate", (), {"a": {"x": None, "y": [True, "z"]}})],
        ),
    ],
)
def test_what_may_be_said(text, steps):
    assert read_line(text, known()) == steps


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("HorizontalFlop()", "there is no transform HorizontalFlop; did you mean HorizontalFlip"),
        ("HorizontalFlip(", "at character"),
        ("", "pipeline ''"),
        ("Rotate(limit=open('x'))", "there is no transform open"),
        ("__import__('os').system('true')", "there is no transform"),
        ("Rotate(limit=(lambda: 3)())", "there is no transform"),
        ("Rotate(limit=3 + 4)", "only transforms, numbers"),
        ("Rotate(limit=x)", "only transforms, numbers"),
        ("Rotate(limit=[i for i in (1, 2)])", "only transforms, numbers"),
        ("Rotate(limit=f'{1}')", "only transforms, numbers"),
        ("Rotate(limit=b'x')", "no such value"),
        ("Rotate(limit=1j)", "no such value"),
        ("Rotate(limit=-'x')", r"only \+ and -"),
        ("Rotate(limit=~3)", r"only \+ and -"),
        ("Rotate(**{'limit': 3})", r"\*\* cannot"),
        ("Rotate(limit={**{}})", r"\*\* cannot"),
        ("Rotate(limit=cv2.INTER_BEST)", "INTER_"),
        ("Rotate(limit=os.sep)", "it is no value"),
        ("Rotate(limit=Rotate.__class__)", "it is no value"),
    ],
)
def test_what_is_refused(text, reason):
    with pytest.raises(AnamorphError, match=reason):
        read_line(text, known())


def test_starred_arguments_are_refused():
    with pytest.raises(AnamorphError, match="only transforms, numbers"):
        read_line("Rotate(*[1, 2])", known())
