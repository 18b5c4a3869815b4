"""``anamorph check``."""

from __future__ import annotations

import json


def test_it_tells_and_fails(anamorph_run):
    told = anamorph_run("check", "RandomCrop(512, 512) | HorizontalFlip", "--image-size", "427x640")
    assert told.status == 1
    assert told.out.startswith("error: transforms[0] RandomCrop: ")
    assert told.out.strip().endswith("1 errors, 0 warnings")


def test_nothing_found(anamorph_run):
    told = anamorph_run("check", "RandomCrop(256, 256) | HorizontalFlip", "--image-size", "427")
    assert (told.status, told.out) == (0, "nothing found\n")


def test_warnings_fail_only_if_wanted(anamorph_run):
    words = ["check", "Blur(p=0)", "--json"]
    told = anamorph_run(*words)
    assert told.status == 0
    assert json.loads(told.out)[0]["rule"] == "never"
    assert anamorph_run(*words, "--strict").status == 1


def test_wrong_words(anamorph_run):
    told = anamorph_run("check", "Blur", "--image-size", "wide")
    assert told.status == 2
    assert "--image-size = 'wide'" in told.err
    assert "--dtype = 'int3'" in anamorph_run("check", "Blur", "--dtype", "int3").err
