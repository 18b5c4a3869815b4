"""What may stand for PIPELINE."""

from __future__ import annotations

import json

import pytest

import anamorph as A
from anamorph.cli.pipelines import described, load_pipeline
from anamorph.core.errors import AnamorphError

WANTED = A.Compose([A.HorizontalFlip(p=0.5), A.Rotate(limit=30, p=1)])


def members(pipeline):
    return list(pipeline.transforms)


def test_a_line_of_text():
    found = load_pipeline("HorizontalFlip(p=0.5) | Rotate(limit=30, p=1)")
    assert members(found) == members(WANTED)


def test_a_composition_in_text():
    found = load_pipeline("Compose([HorizontalFlip(), OneOf([Blur(), Rotate()], p=1)], seed=4)")
    assert found.seed == 4
    assert isinstance(found.transforms[1], A.OneOf)


def test_yaml_by_hand(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "seed: 7\n"
        "bbox_params: {format: coco, min_visibility: 0.1}\n"
        "transforms:\n"
        "  - HorizontalFlip: {p: 0.5}\n"
        "  - Rotate(limit=30, p=1)\n"
        "  - OneOf: [Blur, {GaussNoise: {p: 1}}]\n"
        "  - SomeOf: {transforms: [Blur, MedianBlur], n: 1}\n"
    )
    found = load_pipeline(str(path))
    assert found.seed == 7
    assert members(found)[:2] == members(WANTED)
    assert found.transforms[2] == A.OneOf([A.Blur(), A.GaussNoise(p=1)])
    assert found.transforms[3] == A.SomeOf([A.Blur(), A.MedianBlur()], n=1)
    assert found.bbox_params.min_visibility == 0.1


def test_opencvs_constants_in_yaml(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("- Rotate: {border_mode: cv2.BORDER_REFLECT, interpolation: 2}\n")
    assert members(load_pipeline(str(path))) == [A.Rotate(border_mode=2, interpolation=2)]
    path.write_text("- Rotate: {border_mode: cv2.BORDER_MIRROR}\n")
    with pytest.raises(AnamorphError, match="BORDER_"):
        load_pipeline(str(path))


def test_a_bare_list_in_yaml(tmp_path):
    path = tmp_path / "p.yml"
    path.write_text("- HorizontalFlip: {p: 0.5}\n- Rotate: {limit: 30, p: 1}\n")
    assert members(load_pipeline(str(path))) == members(WANTED)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_what_to_dict_wrote(tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    path.write_text(json.dumps(A.to_dict(WANTED)))  # JSON is YAML too
    assert members(load_pipeline(str(path))) == members(WANTED)


def test_a_python_object(tmp_path, monkeypatch):
    (tmp_path / "my_pipelines_module.py").write_text(
        "import anamorph as A\n"
        "flip = A.HorizontalFlip(p=0.5)\n"
        "both = [A.HorizontalFlip(p=0.5), A.Rotate(limit=30, p=1)]\n"
        "class Kept:\n"
        "    whole = A.Compose(both)\n"
        "def make():\n"
        "    return A.Compose(both)\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    for name in ("both", "Kept.whole", "make"):
        assert members(load_pipeline(f"my_pipelines_module:{name}")) == members(WANTED)
    assert members(load_pipeline("my_pipelines_module:flip")) == [A.HorizontalFlip(p=0.5)]
    with pytest.raises(AnamorphError, match="is a int"):
        load_pipeline("my_pipelines_module:number")
    with pytest.raises(AnamorphError, match="has no bath; did you mean both"):
        load_pipeline("my_pipelines_module:bath")
    with pytest.raises(AnamorphError, match="no module named my_missing_module"):
        load_pipeline("my_missing_module:both")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("transforms: 3", "holds no pipeline"),
        ("transforms: [", "p.yaml"),
        ("transforms:\n  - Rotat: {}", r"transforms\[0\]: there is no transform Rotat; did you"),
        ("transforms:\n  - Rotate: 3", r"transforms\[0\].Rotate = 3"),
        ("transforms:\n  - {Rotate: {}, Blur: {}}", r"Name: \{parameter: value\} is wanted"),
        ("transforms:\n  - OneOf: {transforms: 3}", r"OneOf.transforms = 3"),
        ("transforms: []\nsead: 3", "sead is no option; did you mean seed"),
        ("transforms:\n  - Rotate: {limt: 3}", "did you mean limit"),
    ],
)
def test_mistakes_in_a_file(tmp_path, text, reason):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(AnamorphError, match=reason):
        load_pipeline(str(path))


def test_a_file_that_is_not_there():
    with pytest.raises(AnamorphError, match=r"none\.yaml cannot be read"):
        load_pipeline("none.yaml")


def test_the_description_has_no_addresses():
    found = A.Compose([A.Lambda(image=lambda image, **_: image, p=1)])
    assert described(found) == described(A.Compose(list(found.transforms)))
    assert " at 0x" not in json.dumps(described(found))
