"""Configurations: as YAML and back, overridden, and what they refuse."""

import subprocess
import sys

import pytest
import yaml

from anamorph import tasks
from anamorph.core.errors import AnamorphError, DataError, ParameterError, UnknownNameError
from anamorph.tasks.config import CONFIGS, override

NAMES = sorted(CONFIGS)


@pytest.mark.parametrize("task", NAMES)
def test_yaml_and_back(task):
    config = tasks.load({"task": task, "train": {"lr": "1e-4"}, "augment": ["HorizontalFlip"]})
    text = tasks.to_yaml(config)
    assert tasks.load(yaml.safe_load(text)) == config
    assert config.train.lr == 1e-4
    assert all("#" in line for line in text.splitlines() if line.startswith("  "))


@pytest.mark.parametrize("task", NAMES)
def test_plain_and_back(task, tmp_path):
    config = tasks.load({"task": task})
    path = tmp_path / "c.yaml"
    path.write_text(tasks.to_yaml(config), encoding="utf-8")
    assert tasks.load(path) == tasks.load(tasks.to_plain(config)) == tasks.load(config)


def test_overrides():
    texts = ["train.epochs=3", "train.lr=5e-4", "input.size=[64, 96]", "train.patience=null"]
    config = tasks.load({"task": "classify", "train": {"epochs": 7, "batch": 2}}, texts)
    assert (config.train.epochs, config.train.batch, config.train.lr) == (3, 2, 5e-4)
    assert config.input.size == (64, 96)
    assert config.train.patience is None


def test_overrides_leave_the_given_alone():
    given = {"train": {"epochs": 7}}
    assert override(given, "train.epochs=1") == {"train": {"epochs": 1}}
    assert given == {"train": {"epochs": 7}}


REFUSED = [
    ("train.epocs=3", UnknownNameError, "train.epocs: .*did you mean epochs"),
    ("trian.epochs=3", UnknownNameError, "trian: .*did you mean train"),
    ("train.epochs=0", ParameterError, r"train.epochs = 0: it must be a whole number"),
    ("train.epochs=many", ParameterError, r"train.epochs = 'many'"),
    ("train.optimizer=adamv", ParameterError, "did you mean adam"),
    ("mode=binray", ParameterError, "mode = 'binray'"),
    ("train=3", AnamorphError, "train = 3: options by name"),
    ("input.size=[64]", ParameterError, "input.size"),
    ("input.mean=[0.5, 0.5]", ParameterError, "input.mean"),
    ("train.epochs", ParameterError, "section.option=value"),
    ("train.lr.x=3", ParameterError, "lr is no section"),
    ("input.fit=crop", ParameterError, "predict.tile must be a side"),
]


@pytest.mark.parametrize(("text", "error", "words"), REFUSED)
def test_refused(text, error, words):
    with pytest.raises(error, match=words):
        tasks.load({"task": "segment", "train": {"lr": 0.1}}, [text])


def test_unknown_task():
    with pytest.raises(UnknownNameError, match="did you mean segment"):
        tasks.load({"task": "segmnt"})


def test_boxes_are_not_mixed():
    with pytest.raises(ParameterError, match="boxes are not mixed"):
        tasks.load({"task": "detect", "mix": {"mixup": 0.2}})


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        tasks.load(tmp_path / "no.yaml")
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="options by name"):
        tasks.load(path)
    path.write_text("a: [1", encoding="utf-8")
    with pytest.raises(DataError, match=r"list.yaml"):
        tasks.load(path)


def test_configurations_need_no_torch():
    code = "import sys; from anamorph import tasks; tasks.load({'task': 'segment'}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_option_says_what_it_is_for():
    import dataclasses

    def walk(section):
        for each in dataclasses.fields(section):
            assert each.metadata.get("about"), each.name
            value = getattr(section, each.name)
            if dataclasses.is_dataclass(value):
                walk(value)
            else:
                assert "rule" in each.metadata, each.name

    for kind in CONFIGS.values():
        walk(kind(mode=kind.modes[0]))
