"""Pages of runs: whole, half-finished, broken; nothing is fetched, nothing is left unescaped."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from anamorph.ledger import Ledger

pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph import tasks
from anamorph.cli.app import app
from anamorph.data import make_folds
from anamorph.tasks.base import Found
from anamorph.tasks.oof import write_oof
from anamorph.tasks.pictures import pictures_of
from anamorph.tasks.report import report
from anamorph.tasks.report.charts import Chart, Line, heat
from anamorph.tasks.table import task_of

VOID = {"meta", "img", "br"}


class Checked(HTMLParser):
    """Fails where tags do not close each other; collects text and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.addresses, self.seen = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(path):
    page = Checked()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.open == []
    return page


def predicted(task, truth, rng):
    if task.name == "classify":
        return rng.dirichlet(np.ones(len(task.classes))).astype(np.float32)
    if task.name == "segment":
        return rng.random((*truth.shape[:2], len(task.classes))).astype(np.float32)
    count = len(truth["labels"])
    return {**truth, "scores": rng.random(count).astype(np.float32)}


def begun(config, root):
    """A run that has begun: two epochs of its first fold are logged."""
    pictures = pictures_of(config)
    run = Ledger(root).start(config.task, tasks.to_plain(config), data=config.data.images, seed=0)
    folds = make_folds(list(pictures.ids), 2, seed=0)
    folds.save(run.path / "folds.json")
    for epoch in range(2):
        run.log({"loss": 1 / (epoch + 1)}, split="train", fold=0, epoch=epoch, step=epoch)
        name = task_of(config, pictures.classes).metric[0]
        run.log({name: 0.25 * (epoch + 1)}, split="valid", fold=0, epoch=epoch, step=epoch)
    return run, pictures, folds


def predict_fold(run, config, pictures, folds, fold):
    task, rng, found = task_of(config, pictures.classes), np.random.default_rng(fold), Found()
    for at in folds.split(fold, pictures.ids)[1].tolist():
        truth = task.truth(pictures, at)
        found.add(at, predicted(task, truth, rng), truth)
    write_oof(run.path / "oof", fold, task.name, pictures.ids, found)
    told = {"fold": fold, "epochs": [1], "weights": "", "scores": {}}
    (run.path / "oof" / f"fold-{fold}.json").write_text(json.dumps(told))


@pytest.fixture
def done(config, tmp_path):
    def make(name, *overrides, **places):
        chosen = config(name, *overrides, **places)
        run, pictures, folds = begun(chosen, tmp_path / "runs")
        for fold in (0, 1):
            predict_fold(run, chosen, pictures, folds, fold)
        metric, mode = task_of(chosen, pictures.classes).metric
        run.scores(metric, mode, {0: {metric: 0.5}, 1: {metric: 0.75}})
        run.finish("done")
        return run

    return make


WHOLE = ["Scores", "Learning curves", "Confusion", "Thresholds and calibration",
         "Worst predictions", "Best predictions", "What the model sees", "Data", "Settings"]  # fmt: skip
KINDS = [
    ("classify", (), {}, (2 + 2) * 1 + 20),
    ("classify", ("mode=multilabel", 'data.label_columns=["red","green"]', "data.image_column=file"),
     {"kind": "table", "images": "images", "table": "labels.csv"}, 24),
    ("classify", ("mode=ordinal",), {}, 24),
    ("segment", (), {}, (2 + 2) * 3 + 20),
    ("segment", ("mode=multilabel",), {"masks": "planes"}, 32),
    ("detect", (), {}, (2 + 2) * 2 + 20),
]  # fmt: skip


@pytest.mark.parametrize(("name", "overrides", "places", "images"), KINDS)
def test_a_run_that_is_done(done, name, overrides, places, images):
    run = done(name, *overrides, **places)
    path = report(run, shown=2)
    assert path == run.path / "report.html"
    page = parsed(path)
    text = " ".join(page.text)
    for title in WHOLE:
        assert title in text
    assert "0.625" in text
    assert page.seen.count("img") == images
    assert page.seen.count("svg") == 5  # loss, the metric, three of decisions
    assert "Not there" not in text


def test_nothing_is_fetched(done):
    page = parsed(report(done("classify")))
    assert all(each.startswith(("data:image/jpeg;base64,", "#")) for each in page.addresses)
    assert "script" not in page.seen
    assert not re.search(r"url\(|@import|https?://", "".join(page.text))


def test_what_was_typed_is_escaped(done):
    run = done("classify")
    run.note("<script>alert(1)</script> & more")
    run.tag("<b>bold")
    run.leaderboard(0.5)
    page = parsed(report(run.id, root=run.path.parent))
    assert "script" not in page.seen
    text = "".join(page.text)
    assert "<script>alert(1)</script> & more" in text
    assert "<b>bold" in text
    assert "Leaderboard and notes" in text


@pytest.mark.parametrize("name", ["classify", "segment", "detect"])
def test_a_run_that_goes_on(config, tmp_path, name):
    chosen = config(name)
    run, pictures, folds = begun(chosen, tmp_path / "runs")
    text = " ".join(parsed(report(run)).text)
    assert "the best so far" in text
    assert "no fold is done yet" in text
    assert "running" in text
    predict_fold(run, chosen, pictures, folds, 0)
    text = " ".join(parsed(report(run)).text)
    assert "no fold is done yet" not in text
    assert "Worst predictions" in text
    run.finish("stopped")


def test_a_run_that_has_only_begun(config, tmp_path):
    chosen = config("classify")
    run = Ledger(tmp_path).start(
        "classify", tasks.to_plain(chosen), data=chosen.data.images, seed=0
    )
    text = " ".join(parsed(report(run)).text)
    assert "Nothing has been scored yet" in text
    assert "No epoch is done yet" in text
    run.finish("failed")


def test_pictures_that_are_gone_cost_their_sections_only(done, tmp_path):
    run = done("segment")
    path = run.path / "config.yaml"
    here = re.search(r"images: (.*)", path.read_text()).group(1)
    path.write_text(path.read_text().replace(here, str(tmp_path / "gone")))
    (run.path / "bundle").mkdir()
    told = {"classes": ["foreground"], "thresholds": [0.3], "min_area": [2]}
    (run.path / "bundle" / "bundle.json").write_text(json.dumps(told))
    text = " ".join(parsed(report(run)).text)
    assert "Thresholds and calibration" in text
    assert "Not there" in text
    assert "gone" in text


def test_the_command(done, tmp_path):
    run = done("classify")
    out = tmp_path / "page.html"
    root = str(run.path.parent)
    told = CliRunner().invoke(app, ["report", run.id, "--root", root, "-o", str(out)])
    assert told.exit_code == 0, told.output
    assert str(out) in told.output
    parsed(out)


def test_charts_leave_out_what_is_no_number():
    nan = float("nan")
    drawn = Chart("t", [Line("a", [(0, 1), (1, nan), (2, 3)]), Line("b", [(0, nan)])], whole=True)
    text = drawn.svg()
    assert text.count(",") == 2  # two points
    assert ">b<" not in text
    assert Chart("t", [Line("b", [(nan, nan)])]).svg() == ""
    ticks = re.findall(r'class="tick" x="[\d.]+" y="\d+">([^<]*)<', text)
    assert ticks == ["0", "1", "2"]


def test_a_class_that_is_never_there_has_no_shares():
    assert "0%" in heat(("a", "b"), np.array([[0, 0], [1, 3]]))
