"""Text: where it is written, how words change, and what is refused."""

from collections import Counter

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, ParameterError
from anamorph.ir.text import background

BOX = (0.1, 0.2, 0.9, 0.5)
WORDS = "the quick brown fox jumps over the lazy dog"


def write(image, lines, backend="opencv", **more):
    transform = A.TextImage(None, p=1, **more)
    return A.Compose([transform], seed=1, backend=backend)(image=image, textimage_metadata=lines)


def flat(h=200, w=400, channels=3, value=200, dtype=np.uint8):
    return np.full((h, w, channels), value, dtype)


def touched(done, before):
    rows, columns = np.nonzero((done != before).any(axis=2))
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_written_at_the_corner_in_the_size_of_the_box():
    image = flat()
    for share in (0.3, 0.9):
        done = write(image, {"bbox": BOX, "text": "Hg"}, font_size_fraction_range=(share, share))[
            "image"
        ]
        x0, y0, _, y1 = touched(done, image)
        assert 40 <= x0 <= 46
        assert y0 >= 40
        assert 0.7 * share * 60 <= y1 - y0 <= 1.1 * share * 60
        assert done.min() == 0


def test_color_and_channels():
    line = {"bbox": BOX, "text": "HH"}
    done = write(flat(), line, font_color=(255, 0, 30))["image"]
    assert done.reshape(-1, 3).min(axis=0).tolist() == [200, 0, 30]
    assert done[..., 0].max() == 255
    assert write(flat(channels=1), line, font_color=(10, 60, 110))["image"].min() == 51
    assert write(flat(channels=5), line)["image"].min() == 0
    assert write(flat(value=0.8, dtype=np.float32), line, font_color=(51,))["image"].min() == (
        pytest.approx(0.2)
    )
    assert write(flat(value=9999, dtype=np.uint16), line, font_color=(1,))["image"].min() == 257
    with pytest.raises(DataError, match="one for each of the 5 channels"):
        write(flat(channels=5), line, font_color=(1, 2, 3))


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_backends_agree(clear, dtype):
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    image = (np.random.default_rng(0).random((30, 50, 4)) * white).astype(dtype)
    lines = [
        {"bbox": (0.0, 0.1, 0.6, 0.7), "text": "ab"},
        {"bbox": (0.5, 0.6, 1.0, 1.0), "text": "long beyond"},
        {"bbox": (0.0, 0.0, 1.0, 1.0), "text": ""},
    ]
    fast, slow = (
        write(image, lines, b, clear_bg=clear, font_color=(90,))["image"]
        for b in ("opencv", "reference")
    )
    assert np.abs(fast.astype(float) - slow).max() <= (1e-6 if dtype == "float32" else 1)


def test_a_cleared_box_goes_on_as_what_is_around_it():
    yy, xx = np.mgrid[0:40, 0:60].astype(np.float32)
    ramp = (2 * xx + 3 * yy)[..., None]
    for box in ((10, 8, 40, 30), (30, 20, 31, 21), (1, 1, 59, 39)):
        x0, y0, x1, y1 = box
        holed = ramp.copy()
        holed[y0:y1, x0:x1] = 0
        found = background(holed, box)
        assert found.shape == (y1 - y0, x1 - x0, 1)
        assert np.allclose(found, ramp[y0:y1, x0:x1], atol=0.01)


@pytest.mark.parametrize("box", [(0, 5, 9, 11), (3, 0, 9, 16), (0, 0, 9, 16), (0, 0, 14, 7)])
def test_a_cleared_box_at_the_border(box):
    image = np.random.default_rng(0).uniform(50, 200, (16, 14, 2)).astype(np.float32)
    found = background(image, box)
    assert found.shape == (box[3] - box[1], box[2] - box[0], 2)
    assert found.min() >= 49.9
    assert found.max() <= 200.1
    whole = background(image, (0, 0, 14, 16))
    assert np.allclose(whole, image.mean(axis=(0, 1)))


def test_the_film_is_flat_in_the_mean():
    image = np.random.default_rng(0).uniform(0, 1, (20, 30, 1)).astype(np.float32)
    image[5:15, 4:26] = background(image, (4, 5, 26, 15))
    inner = image[5:15, 4:26, 0]
    around = image[4:14, 4:26] + image[6:16, 4:26] + image[5:15, 3:25] + image[5:15, 5:27]
    assert np.allclose(inner, around[..., 0] / 4, atol=1e-5)


def drawn_words(way, text=WORDS, count=40):
    transform = A.TextImage(None, augmentations=(way,), p=1)
    pipe = A.Compose([transform], seed=1)
    plans = [
        pipe.plan(image=flat(), textimage_metadata={"bbox": BOX, "text": text})
        for _ in range(count)
    ]
    return [plan.ops[0].params[1][0][1].split() for plan in plans]


def test_words_change():
    words = Counter(WORDS.split())
    for found in drawn_words("deletion"):
        assert len(found) == 5
        assert Counter(found) <= words
    for found in drawn_words("insertion"):
        assert len(found) == 13
        assert set(Counter(found) - words) <= {"the", "is", "in", "at", "of"}
    swapped = drawn_words("swap")
    assert all(Counter(found) == words for found in swapped)
    assert sum(found != WORDS.split() for found in swapped) > 35
    assert drawn_words(None, count=2) == [WORDS.split()] * 2
    for way in ("deletion", "insertion", "swap"):
        assert drawn_words(way, "alone", 1) == [["alone"]]


def test_a_share_of_the_lines_is_written():
    lines = [{"bbox": (0.1, 0.1 * i, 0.9, 0.1 * i + 0.05), "text": "hello"} for i in range(5)]
    for share, count in ((0.1, 0), (0.5, 2), (1.0, 5)):
        pipe = A.Compose([A.TextImage(None, fraction_range=(share, share), p=1)], seed=1)
        ops = pipe.plan(image=flat(), textimage_metadata=lines).ops
        assert sum(len(op.params[1]) for op in ops) == count
    assert write(flat(), [])["image"].shape == flat().shape


def test_the_result_tells_what_was_written():
    lines = [{"bbox": BOX, "text": "one two three four"}, {"bbox": BOX, "text": "alone"}]
    pipe = A.ReplayCompose([A.TextImage(None, augmentations=("deletion",), p=1)], seed=2)
    out = pipe(image=flat(), textimage_metadata=lines)
    first, second = sorted(out["overlay_data"], key=lambda told: told["bbox_index"])
    assert len(first["text"].split()) == 2
    assert set(first["text"].split()) < set(first["original_text"].split())
    assert (second["text"], second["original_text"]) == ("alone", "alone")
    h, w = flat().shape[:2]
    x0, y0, x1, y1 = BOX
    assert first["bbox_coords"] == (int(x0 * w), int(y0 * h), int(x1 * w), int(y1 * h))
    again = A.ReplayCompose.replay(out["replay"], image=flat(), textimage_metadata=lines)
    assert again["overlay_data"] == out["overlay_data"]
    out["replay"]["transforms"][0]["applied"] = False
    left_out = A.ReplayCompose.replay(out["replay"], image=flat(), textimage_metadata=lines)
    assert "overlay_data" not in left_out


def test_refusals(monkeypatch):
    for line in ({"bbox": BOX}, {"text": "x", "bbox": (0.9, 0, 0.1, 1)}, "x", {"text": "x"}):
        with pytest.raises(DataError, match=r"textimage_metadata\[0\]"):
            write(flat(), [line])
    with pytest.raises(DataError, match="textimage_metadata is a str"):
        write(flat(), "x")
    with pytest.raises(
        ParameterError, match=r"font_path = 'x\.ttf': it must be the path of a font"
    ):
        A.TextImage("x.ttf")
    with pytest.raises(ParameterError, match="insertion needs at least one"):
        A.TextImage(None, stopwords=(), augmentations=("insertion",))
    transform = A.TextImage(__file__, p=1)
    with pytest.raises(DataError, match="is no font that can be read"):
        transform(image=flat(), textimage_metadata={"bbox": BOX, "text": "x"})
    monkeypatch.setattr("anamorph.transforms.text.find_spec", lambda _: None)
    with pytest.raises(ParameterError, match=r'needs Pillow: pip install "anamorph\[text\]"'):
        A.TextImage(None)
