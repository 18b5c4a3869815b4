"""Converted bundles say what the bundles say, by their metadata alone, and are refused where not."""

import importlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from anamorph import tasks  # noqa: E402 - after the skips
from anamorph.cli.app import app  # noqa: E402
from anamorph.core.errors import DataError, ParameterError  # noqa: E402
from anamorph.tasks.export import ConversionError, checking, describe, export  # noqa: E402
from anamorph.tasks.export.modules import module_of  # noqa: E402

module = importlib.import_module("anamorph.tasks.export.export")


def prepared(path, told, *, resize=True):
    """A picture as the metadata says, by nothing but OpenCV and NumPy."""
    given = told["input"]
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    if resize:
        image = cv2.resize(image, given["size"][::-1])
    values = (image / given["white"] - np.array(given["mean"])) / np.array(given["std"])
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)


def asked(path, image):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})


def files(data):
    return sorted((data / "images").iterdir())[:2]


def test_classes_of_several_models(bundle, data, tmp_path):
    made = bundle("classify", models=2)
    out = tmp_path / "new" / "model.onnx"
    done = export(made, out, pictures=files(data))
    assert done.path == out
    assert done.dynamic == ("batch", "height", "width")
    assert len(done.differences) == 6
    assert done.difference < 1e-5
    told = describe(out)
    assert told["classes"] == ["green", "red"]
    assert told["input"]["fit"] == "resize"
    assert told["bundle"] == made.hash
    assert told["differences"] == done.differences
    for row in tasks.predict(made, files(data)):
        said = asked(out, prepared(row.file, told))[0][0]
        assert said == pytest.approx(row.prediction, abs=1e-4)
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["batch", 3, "height", "width"]
    assert [each.name for each in out.parent.iterdir()] == ["model.onnx"]


def test_masks_of_any_size(bundle, tuned, data, tmp_path):
    places = ("input.fit=crop", "predict.tile=32")
    made = tuned(bundle("segment", *places), thresholds=(0.3,), min_area=(4,))
    out = tmp_path / "model.onnx"
    done = export(made, out, pictures=files(data))
    told = describe(out)
    assert (told["tile"], told["thresholds"], told["min_area"]) == (32, [0.3], [4])
    assert told["input"]["fit"] == "tiles"
    assert done.difference < 1e-4
    assert "height" in done.dynamic
    image = np.zeros((2, 3, 64, 96), np.float32)
    assert asked(out, image)[0].shape == (2, 1, 64, 96)


def test_boxes(bundle, data, tmp_path):
    made = bundle("detect")
    out = tmp_path / "model.onnx"
    done = export(made, out, pictures=files(data))
    told = describe(out)
    assert done.dynamic == ()
    assert list(told["outputs"]) == ["boxes", "scores", "labels"]
    found = 0
    for row in tasks.predict(made, files(data)):
        boxes, scores, labels = asked(out, prepared(row.file, told))
        scale = np.array(row.size[::-1] * 2) / np.array(told["input"]["size"][::-1] * 2)
        found += len(row.prediction["scores"])
        assert len(scores) >= len(row.prediction["scores"])
        best = row.prediction["boxes"][0]
        near = np.abs(np.clip(boxes * scale, 0, None) - best).max(axis=1)
        at = int(near.argmin())
        assert near[at] < 0.05
        assert scores[at] == pytest.approx(row.prediction["scores"][0], abs=1e-3)
        assert labels[at] == row.prediction["labels"][0]
    assert found


def test_what_differs_is_refused_and_leaves_nothing(bundle, tmp_path):
    out = tmp_path / "here" / "model.onnx"
    out.parent.mkdir()
    out.write_bytes(b"before")
    with pytest.raises(ConversionError, match=r"differs by .* from torch"):
        export(bundle("detect"), out, tolerance=0)
    assert [each.name for each in out.parent.iterdir()] == ["model.onnx"]
    assert out.read_bytes() == b"before"


def test_less_is_left_open_until_it_holds(bundle, tmp_path, monkeypatch):
    tried = []

    def convert(*given):
        _, image, _, _, dynamic = given
        tried.append((dynamic, len(image)))
        raise ValueError("no such operator\nand pages of advice")

    monkeypatch.setattr(module, "convert", convert)
    with pytest.raises(ConversionError, match=r"ValueError: no such operator$"):
        export(bundle("classify"), tmp_path / "model.onnx")
    assert tried == [(("batch", "height", "width"), 2), (("batch",), 2), ((), 1)]
    assert not list(tmp_path.glob("*.onnx"))


def test_a_model_of_one_size_takes_any_batch(bundle, tmp_path, monkeypatch):
    layers = torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 2), torch.nn.Softmax(1)
    monkeypatch.setattr(module, "module_of", lambda _: torch.nn.Sequential(*layers).eval())
    done = export(bundle("classify"), tmp_path / "model.onnx")
    assert done.dynamic == ("batch",)
    assert list(done.differences) == ["noise 1×3×32×32", "noise 3×3×32×32"]
    assert describe(done.path)["input"]["dynamic"] == ["batch"]


@pytest.mark.parametrize("mode", ["ordinal", "multiclass"])
def test_the_module_says_what_the_task_says(bundle, mode):
    made = bundle("classify", f"mode={mode}", models=2, classes=("a", "b", "c"))
    images = torch.randn(5, 3, 32, 32)
    models = [member.model(made.task) for member in made.members]
    viewer = made.task.viewer(models, [member.weight for member in made.members]).eval()
    with torch.no_grad():
        expected = np.stack(made.task.split(viewer(images)))
        said = module_of(made)(images).numpy()
    assert said == pytest.approx(expected, abs=1e-6)
    assert said.sum(axis=1) == pytest.approx(1)


def test_models_that_do_not_go_into_one_file(bundle):
    with pytest.raises(ParameterError, match="2 detectors"):
        module_of(bundle("detect", models=2))
    one, other = bundle("classify", models=2).members
    given = replace(other.config, input=replace(other.config.input, size=(48, 48)))
    made = tasks.Bundle(
        ("green", "red"),
        (one, replace(other, config=given)),
        tasks.TASKS["classify"](one.config, ("green", "red")).usual(),
        {},
    )
    with pytest.raises(ParameterError, match="different preprocessing"):
        module_of(made)


def test_a_picture_that_is_smaller_than_a_tile(bundle, data):
    made = bundle("segment", "predict.tile=64")
    with pytest.raises(DataError, match="smaller than a tile of 64"):
        list(checking.real(made, [str(files(data)[0])]))


def test_a_file_of_others(tmp_path):
    path = tmp_path / "other.onnx"
    graph = onnx.helper.make_graph([], "none", [], [])
    onnx.save(onnx.helper.make_model(graph), path)
    with pytest.raises(DataError, match="does not say"):
        describe(path)


def test_boxes_are_compared_in_any_order():
    boxes = np.array([[0, 0, 10, 10], [5, 5, 20, 20]], np.float32)
    said = [boxes, np.array([0.5, 0.5], np.float32), np.array([0, 1])]
    turned = [each[::-1] for each in said]
    far = checking.DIFFERENCES["detect"]
    assert far(said, turned, 32) == 0
    moved = [boxes + np.array([[0, 0, 0, 3.2], [0, 0, 0, 0]]), *said[1:]]
    assert far(said, moved, 32) == pytest.approx(0.1)
    assert far(said, [each[:1] for each in said], 32) > 0.1
    assert far(said, [each[:0] for each in said], 32) == float("inf")
    assert far([each[:0] for each in said], [each[:0] for each in said], 32) == 0


def test_numbers_that_are_none_are_far():
    far = checking.DIFFERENCES["classify"]
    assert far([np.array([np.nan])], [np.array([np.nan])], 1) == float("inf")
    assert far([np.zeros((1, 2))], [np.zeros((1, 3))], 1) == float("inf")


def test_the_command(bundle, data, tmp_path):
    made = bundle("detect", models=2)
    folder, out = made.save(tmp_path / "saved"), tmp_path / "model.onnx"
    call = ["export", str(folder), str(out), "--check", str(data / "images"), "--most", "1"]
    refused = CliRunner().invoke(app, call)
    assert isinstance(refused.exception, ParameterError)
    told = CliRunner().invoke(app, [*call, "--only", "fold-1"])
    assert told.exit_code == 0, told.output
    assert "differs by" in told.output
    assert "00.png" in told.output
    assert out.exists()
