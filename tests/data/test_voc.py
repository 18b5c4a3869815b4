from __future__ import annotations

import pytest

from anamorph.core.errors import DataError, UnknownNameError
from anamorph.data import read_annotations, write_annotations

SIZE = (60, 80)
XML = """<annotation verified="yes">
  <folder>VOC</folder>
  <filename>a.jpg</filename>
  <size>
    <width>80</width>
    <height>60</height>
    <depth>1</depth>
  </size>
  <source>
    <database>Unknown</database>
  </source>
  <segmented>0</segmented>
  <object>
    <name>Katze &amp; Hund</name>
    <pose>Left</pose>
    <difficult>1</difficult>
    <part>
      <name>head</name>
    </part>
    <part>
      <name>tail</name>
    </part>
    <bndbox>
      <xmin>10</xmin>
      <ymin>20</ymin>
      <xmax>30.5</xmax>
      <ymax>40</ymax>
    </bndbox>
  </object>
  <object>
    <name>Baum</name>
    <bndbox>
      <xmin>0</xmin>
      <ymin>0</ymin>
      <xmax>80</xmax>
      <ymax>60</ymax>
    </bndbox>
  </object>
</annotation>
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text(XML)
    return tmp_path


def test_the_common_form(folder):
    source = read_annotations(folder)
    assert [category.name for category in source.categories] == ["Baum", "Katze & Hund"]
    record = source.record("a.png", SIZE)
    cat = record.objects[0]
    assert cat.category == "Katze & Hund"
    assert cat.box == (10, 20, 30.5, 40)
    assert cat.extra["difficult"] == "1"
    assert record.extra["source"] == {"database": "Unknown"}
    assert source.record("b.png", SIZE).objects == ()
    assert source.unmatched(["b.png"]) == ("a",)


def test_round_trip_keeps_everything(folder, tmp_path):
    source = read_annotations(folder)
    record = source.record("a.jpg", SIZE)
    write_annotations(tmp_path / "out", [record], source.categories, "voc")
    assert (tmp_path / "out/annotations/a.xml").read_text() == XML
    assert read_annotations(tmp_path / "out").record("a.jpg", SIZE) == record


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<xmin>10</xmin>", "", "object 1: bndbox has"),
        ("<xmin>10</xmin>", "<xmin>x</xmin>", "object 1: bndbox has"),
        ("<xmin>10</xmin>", "<xmin>50</xmin>", "xmin <= xmax"),
        ("<xmin>10</xmin>", "<xmin>nan</xmin>", "xmin <= xmax"),
        ("<name>Baum</name>", "", "object 2 has no name"),
        ("<width>80</width>", "<width>60</width>", "is 80x60, but .* 60x60"),
        ("</annotation>", "", "is no XML"),
        ("<annotation", "<!DOCTYPE a><annotation", "document type"),
    ],
)
def test_errors_name_file_and_object(folder, old, new, reason):
    (folder / "Annotations/a.xml").write_text(XML.replace(old, new, 1))
    with pytest.raises(DataError, match=reason) as caught:
        read_annotations(folder).record("a.jpg", SIZE)
    assert "a.xml" in str(caught.value)


def test_another_kind_of_xml(tmp_path):
    (tmp_path / "a.xml").write_text("<html/>")
    with pytest.raises(DataError, match="holds <html>"):
        read_annotations(tmp_path).record("a.jpg", SIZE)


def test_size_that_a_tool_did_not_know(folder):
    text = XML.replace("<width>80", "<width>0").replace("<height>60", "<height>0")
    (folder / "Annotations/a.xml").write_text(text)
    assert len(read_annotations(folder).record("a.jpg", SIZE).objects) == 2


def test_formats_are_told_apart(tmp_path, folder):
    with pytest.raises(DataError, match="does not exist"):
        read_annotations(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither XML"):
        read_annotations(tmp_path / "empty")
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(DataError, match="neither a COCO file"):
        read_annotations(tmp_path / "x.csv")
    with pytest.raises(UnknownNameError, match="did you mean voc"):
        read_annotations(folder, "vocs")
    for name in ("yolo", "voc"):
        with pytest.raises(DataError, match="is no folder"):
            read_annotations(tmp_path / "x.csv", name)
