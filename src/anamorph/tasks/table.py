"""The tasks, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anamorph.tasks.base import Task
from anamorph.tasks.classify import Classify
from anamorph.tasks.config.configs import Config
from anamorph.tasks.detect import Detect
from anamorph.tasks.segment import Segment

TASKS: Mapping[str, type[Task]] = {kind.name: kind for kind in (Classify, Segment, Detect)}
"""Name → what it does."""


def task_of(config: Config, classes: Sequence[str]) -> Task:
    """The task of a configuration."""
    return TASKS[config.task](config, classes)
