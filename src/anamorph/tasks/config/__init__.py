"""Configurations: frozen values, as YAML and back; none of them needs torch."""

from anamorph.tasks.config.configs import (
    CONFIGS,
    ClassifyConfig,
    Config,
    DetectConfig,
    SegmentConfig,
)
from anamorph.tasks.config.files import load, override, read, to_plain, to_yaml

__all__ = [
    "CONFIGS",
    "ClassifyConfig",
    "Config",
    "DetectConfig",
    "SegmentConfig",
    "load",
    "override",
    "read",
    "to_plain",
    "to_yaml",
]
