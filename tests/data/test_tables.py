"""Tables of every kind, and datasets over them."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, DataTypeError, ParameterError, UnknownNameError
from anamorph.data import TableDataset, read_table, write_picture
from anamorph.data.tables import Pickles, Texts, packed

ROWS = [
    {"file": "a.jpg", "age": 3, "part": 0.5, "note": "x"},
    {"file": "b.jpg", "age": 5, "part": 0.25, "note": None},
]
CSV = "file,age,part,note\na.jpg,3,0.5,x\nb.jpg,5,0.25,\n"


def from_csv(tmp_path):
    (tmp_path / "t.csv").write_text(CSV)
    return tmp_path / "t.csv"


def from_tsv(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbf" + CSV.replace(",", "\t").encode())
    return tmp_path / "t.tsv"


def from_semicolons(tmp_path):
    (tmp_path / "t.csv").write_text(CSV.replace(",", ";").replace("\n", "\r\n"))
    return str(tmp_path / "t.csv")


def from_columns(_folder):
    return {key: [row[key] for row in ROWS] for key in ROWS[0]}


def from_pandas(_folder):
    return pytest.importorskip("pandas").DataFrame(ROWS)


def from_polars(_folder):
    return pytest.importorskip("polars").DataFrame(ROWS)


def from_arrow(_folder):
    return pytest.importorskip("pyarrow").Table.from_pylist(ROWS)


def from_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(from_arrow(tmp_path), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


KINDS = (
    lambda _folder: ROWS, from_columns, from_csv, from_tsv, from_semicolons, from_pandas,
    from_polars, from_arrow, from_parquet,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_table_says_the_same(kind, tmp_path):
    table = read_table(kind(tmp_path))
    assert len(table) == 2
    assert list(table.columns) == ["file", "age", "part", "note"]
    assert isinstance(table.columns["file"], Texts)
    assert list(table.columns["file"]) == ["a.jpg", "b.jpg"]
    assert table.columns["age"].dtype == np.int64
    assert table.columns["age"].tolist() == [3, 5]
    assert table.columns["part"].tolist() == [0.5, 0.25]
    assert [value or None for value in table.columns["note"]] == ["x", None]


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        (["1", "-2"], [1, -2]),
        (["1", "", "2.5"], [1, None, 2.5]),
        (["007", "010"], ["007", "010"]),
        (["0", "10"], [0, 10]),
        (["1", "x"], ["1", "x"]),
        (["", ""], ["", ""]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["12345678901234567", ""], ["12345678901234567", ""]),
        (["1_000"], ["1_000"]),
        (["-1e3", "inf"], [-1000.0, float("inf")]),
        (['"a, b"', "c"], ["a, b", "c"]),
    ],
)
def test_fields_of_csv(fields, values, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("k,v\n" + "".join(f"{at},{field}\n" for at, field in enumerate(fields)))
    found = list(read_table(path).columns["v"])
    assert [None if isinstance(v, float) and isnan(v) else v for v in found] == values


WRONG = {
    "nothing.csv": (None, "cannot be read"),
    "picture.jpg": ("", "is no table: one of .csv, .tsv, .parquet is wanted"),
    "empty.csv": ("", "is empty"),
    "twice.csv": ("a,a\n1,2\n", "names two columns alike"),
    "short.csv": ("a,b\n1,2\n1\n", "row 2 has 1 fields where the first line names 2"),
    "quote.csv": ('a,b\n1,"2\n', "is no CSV"),
    "latin.csv": ("caf\xe9,b\n1,2\n", "is no text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_files_that_are_no_tables(name, tmp_path):
    content, told = WRONG[name]
    if content is not None:
        (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=told):
        read_table(tmp_path / name)


def test_broken_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match="is no Parquet"):
        read_table(tmp_path / "t.parquet")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    (tmp_path / "t.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"install pyarrow .*anamorph\[parquet\]"):
        read_table(tmp_path / "t.parquet")


def test_things_that_are_no_tables():
    for given in (3, "", ["a"], None):
        with pytest.raises((DataTypeError, DataError)):
            read_table(given)
    with pytest.raises(DataError, match="columns of different lengths: a 1, b 2"):
        read_table({"a": [1], "b": [1, 2]})
    with pytest.raises(DataError, match="row 1 differs from the first in b"):
        read_table([{"a": 1, "b": 2}, {"a": 1}])


def test_gaps_of_frames():
    pandas = pytest.importorskip("pandas")
    gaps = pandas.Series([1, pandas.NA], dtype=object)
    table = read_table(pandas.DataFrame({"n": gaps, "s": ["x", None]}))
    assert list(table.columns["n"]) == [1, None]
    assert list(table.columns["s"]) == ["x", None]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "", "ü"], Texts),
        ([1, 2**70], Pickles),
        ([1, "a", None, (2, 3)], Pickles),
        ([], Texts),
        ([True, False], np.ndarray),
        ([1, 2.5], np.ndarray),
        ([True, 2], Pickles),
        (np.array([1, 2], np.int8), np.ndarray),
        (np.array(["2024-01-01"], "datetime64[D]"), np.ndarray),
        (np.array([[1, 2], [3, 4]]), np.ndarray),
    ],
)
def test_columns_give_back_what_they_took(values, kind):
    column = packed(values)
    assert isinstance(column, kind)
    assert len(column) == len(values)
    assert all(np.array_equal(a, b) for a, b in zip(column, values, strict=True))
    if len(values):
        assert np.array_equal(column[-1], values[-1])
        assert len(column[0:1]) == 1
    with pytest.raises(IndexError):
        column[len(values)]


OBJECTS = [
    {"file": "a.png", "x0": 1.0, "y0": 2.0, "x1": 5.0, "y1": 8.0, "kind": "nut", "id": 1},
    {"file": "b.png", "x0": None, "y0": None, "x1": None, "y1": None, "kind": "", "id": 0},
    {"file": "a.png", "x0": 3.0, "y0": 3.0, "x1": 9.0, "y1": 6.0, "kind": "bolt", "id": 2},
]
BOX = ("x0", "y0", "x1", "y1")


@pytest.fixture
def place(tmp_path):
    for at, name in enumerate(("a.png", "b.png")):
        write_picture(tmp_path / name, np.full((10, 12, 3), at, np.uint8))
    return tmp_path


def csv_of(rows, path):
    lines = [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
    path.write_text("\n".join([",".join(rows[0]), *lines]))
    return path


def things(place, given=OBJECTS, **options):
    table = csv_of(given, place / "table.csv")
    columns = {"image": "file", "labels": ["kind", "id"], "box": BOX, "root": place}
    return TableDataset(table, **{**columns, **options})


def test_rows_of_a_picture_are_its_objects(place):
    told = A.BboxParams("pascal_voc", label_fields=["kind", "id"])
    found = things(place, pipeline=A.Compose([A.HorizontalFlip(p=1)], bbox_params=told))
    assert len(found) == 2
    assert found.classes == ("bolt", "nut")
    first, second = found
    assert np.allclose(first["bboxes"], [[7, 2, 11, 8], [3, 3, 9, 6]])
    assert list(first["kind"]) == ["nut", "bolt"]
    assert list(first["id"]) == [1, 2]
    assert (len(second["bboxes"]), len(second["kind"])) == (0, 0)
    assert second["image"].max() == 1


def test_boxes_for_statistics_are_in_pixels(place):
    item = things(place, box_format="coco").item(0)
    assert item.boxes.tolist() == [[1, 2, 6, 10], [3, 3, 12, 9]]
    assert item.labels.tolist() == [1, 0]
    assert item.size == (10, 12)


def test_formats_must_agree(place):
    wrong = A.Compose([], bbox_params=A.BboxParams("coco", label_fields=["kind"]))
    with pytest.raises(ParameterError, match="is 'coco', but the table gives 'pascal_voc'"):
        things(place, pipeline=wrong)
    with pytest.raises(ParameterError, match="is None, but"):
        things(place, pipeline=A.Compose([]))
    wrong = A.Compose([], bbox_params=A.BboxParams("pascal_voc", label_fields=["kin"]))
    with pytest.raises(UnknownNameError, match="did you mean kind"):
        things(place, pipeline=wrong)


REFUSED = {
    "no column": ({"image": "name"}, "TableDataset.image = 'name': .* has the columns file, x0"),
    "no label": ({"labels": ["kinds"]}, "did you mean kind"),
    "three columns": ({"box": BOX[:3]}, "four columns are wanted"),
    "words": ({"box": (*BOX[:3], "kind")}, "column kind has something else than numbers"),
    "a format": ({"box_format": "vok"}, "box_format = 'vok'"),
    "numbers": ({"image": "id"}, "column id has 1 as path"),
    "masks": ({"mask": "kind"}, "rows of a.png differ in kind"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case, place):
    options, told = REFUSED[case]
    with pytest.raises((DataError, ParameterError, UnknownNameError), match=told):
        things(place, **options)


def test_boxes_with_gaps(place):
    rows = [{**OBJECTS[0], "x1": None}, OBJECTS[2]]
    with pytest.raises(DataError, match=r"row 1: the box \[1\.0, 2\.0, nan, 8\.0\] has a gap"):
        things(place, rows)


def test_labels_that_are_keys_of_targets():
    rows = [{"file": "a.png", "mask": "b.png"}]
    with pytest.raises(ParameterError, match="labels has 'mask', which is a target's key"):
        TableDataset(rows, image="file", labels=["mask"])


def test_numbers_as_classes(place):
    found = TableDataset(
        [{"image": "a.png", "grade": 30}, {"image": "b.png", "grade": 10}],
        labels="grade",
        root=place,
    )
    assert found.classes == ("10", "30")
    assert [found.item(at).label for at in (0, 1)] == [1, 0]
    assert found[0]["grade"] == 30
    assert type(found[0]["grade"]) is int


def test_an_empty_table(tmp_path):
    (tmp_path / "t.csv").write_text("image,kind\n")
    assert len(TableDataset(tmp_path / "t.csv", labels=["kind"])) == 0


def test_addresses(place):
    """A table may name what fsspec knows."""
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.pipe("/pictures/a.png", (place / "a.png").read_bytes())
    whole = TableDataset([{"image": "memory://pictures/a.png"}], root=place)
    below = TableDataset([{"image": "a.png"}], A.Compose([A.NoOp()]), root="memory://pictures/")
    assert np.array_equal(whole[0]["image"], below[0]["image"])
    assert whole[0]["image"].shape == (10, 12, 3)
