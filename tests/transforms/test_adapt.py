"""References: where they come from, how they are read, remembered, refused and saved."""

from pathlib import Path

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, MissingDataError, ParameterError

CAT = Path(A.__file__).parent / "assets" / "images" / "cat.jpg"
FAMILY = {
    "FDA": ("fda_metadata", {"beta_limit": (0.2, 0.2)}),
    "HistogramMatching": ("hm_metadata", {"blend_ratio": (1, 1)}),
    "PixelDistributionAdaptation": ("pda_metadata", {"blend_ratio": (1, 1)}),
}
each = pytest.mark.parametrize("name", FAMILY)


def colors(h=40, w=48, low=0, high=255, seed=0, channels=3):
    g = np.random.default_rng(seed)
    return g.integers(low, high, (h, w, channels), dtype=np.uint8)


def build(name, references=None, **more):
    return getattr(A, name)(references, p=1, **FAMILY[name][1], **more)


@each
def test_references_given_once_or_with_the_call(name):
    image, dark, light = colors(), colors(30, 20, 0, 60, 1), colors(30, 20, 200, 255, 2)
    key = FAMILY[name][0]
    once = build(name, [dark])(image=image)["image"]
    called = build(name)(image=image, **{key: [dark]})["image"]
    assert np.array_equal(once, called)
    assert np.array_equal(once, build(name)(image=image, **{key: dark})["image"])
    assert np.array_equal(once, build(name, read_fn=None)(image=image, **{key: [dark]})["image"])
    over = build(name, [light])(image=image, **{key: [dark]})["image"]
    assert np.array_equal(once, over)
    renamed = build(name, metadata_key="others")(image=image, others=[dark])["image"]
    assert np.array_equal(once, renamed)
    assert once.mean() < 60


@each
def test_files_are_read_and_followed(name, tmp_path):
    image = colors()
    by_path = build(name, [CAT])
    by_array = build(name, [A.read_rgb_image(CAT)])
    wanted = by_array(image=image)["image"]
    for _ in range(2):
        assert np.array_equal(by_path(image=image)["image"], wanted)
    path = tmp_path / "picture.jpg"
    path.write_bytes(CAT.read_bytes())
    copied = build(name, [str(path)])
    assert np.array_equal(copied(image=image)["image"], wanted)
    path.write_bytes(CAT.with_name("rocket.jpg").read_bytes())
    assert not np.array_equal(copied(image=image)["image"], wanted)
    path.unlink()
    with pytest.raises(DataError, match=r"picture\.jpg cannot be read: no such file"):
        copied(image=image)


@each
def test_a_reader_of_the_users_is_called_each_time(name):
    seen = []

    def read(item):
        seen.append(item)
        return colors(20, 20, 0, 50, item["number"])

    transform = build(name, [{"number": 3}], read_fn=read)
    outs = [transform(image=colors())["image"] for _ in range(2)]
    assert seen == [{"number": 3}] * 2
    assert np.array_equal(*outs)
    array = colors(20, 20)
    build(name, [array], read_fn=lambda x: seen.append(x) or x)(image=colors())
    assert np.array_equal(seen[-1], array)


@each
def test_other_dtypes_count_by_intensity(name):
    image, dark = colors(), colors(30, 20, 0, 60, 1)
    wanted = build(name, [dark])(image=image)["image"].astype(float)
    for reference in (dark.astype(np.uint16) * 257, (dark / 255).astype(np.float32)):
        found = build(name, [reference])(image=image)["image"]
        assert np.abs(found - wanted).max() <= (4 if name == "HistogramMatching" else 1)


@each
def test_arrays_are_kept_as_they_were(name):
    dark = colors(30, 20, 0, 60, 1)
    transform = build(name, [dark])
    wanted = transform(image=colors())["image"]
    same = build(name, [dark])
    assert same == transform
    dark[:] = 255
    assert not np.array_equal(build(name, [dark])(image=colors())["image"], wanted)
    assert np.array_equal(transform.replace(p=1)(image=colors())["image"], wanted)
    assert build(name, [dark]) != transform


@each
def test_refusals(name):
    key = FAMILY[name][0]
    with pytest.raises(MissingDataError, match=f"the call has no {key}="):
        build(name)(image=colors())
    with pytest.raises(DataError, match=f"{key} has 1 channels and the picture has 3"):
        build(name)(image=colors(), **{key: [colors(channels=1)]})
    with pytest.raises(DataError, match=r"reference_images\[0\] has 3 channels"):
        build(name, [CAT])(image=colors()[..., 0])
    with pytest.raises(DataError, match=f"{key} is list: it must be a sequence of at least one"):
        build(name)(image=colors(), **{key: []})
    with pytest.raises(DataError, match=f"{key} is of int64"):
        build(name)(image=colors(), **{key: [colors().astype(int)]})
    with pytest.raises(DataError, match=f"{key} is a dict: it must be an array, or a path"):
        build(name)(image=colors(), **{key: [{"image": colors()}]})
    with pytest.raises(ParameterError, match=r"reference_images\[1\] is no array, and read_fn is"):
        build(name, [colors(), CAT], read_fn=None)
    with pytest.raises(ParameterError, match=r"read_fn = 'x': it must be a function"):
        build(name, read_fn="x")


@each
def test_paths_are_saved_and_arrays_refused(name):
    for transform in (
        build(name),
        build(name, [CAT, str(CAT)], read_fn=A.read_rgb_image),
        build(name, [str(CAT)], read_fn=A.read_grayscale),
    ):
        assert A.from_dict(A.to_dict(transform)) == transform
    with pytest.raises(ParameterError, match=r"reference_images = .* cannot be written as plain"):
        A.to_dict(build(name, [colors()]))
    with pytest.raises(ParameterError, match=r"read_fn = .* cannot be written as plain data"):
        A.to_dict(build(name, [str(CAT)], read_fn=lambda path: path))


def test_no_low_frequency_is_within_reach():
    image = colors(20, 30)
    pipe = A.Compose([A.FDA([colors(seed=1)], beta_limit=(0, 0.04), p=1)], seed=1)
    assert pipe(image=image)["image"] is image
    assert A.FDA(beta_limit=0.3).beta_limit == (0, 0.3)


def test_remembered_frequencies_serve_every_reach():
    image, other = colors(60, 60), colors(seed=1)
    once = A.Compose([A.FDA([other], beta_limit=(0, 0.3), p=1)], seed=1)
    called = A.Compose([A.FDA(beta_limit=(0, 0.3), p=1)], seed=1)
    for _ in range(5):
        wanted = called(image=image, fda_metadata=[other])["image"]
        assert np.array_equal(once(image=image)["image"], wanted)


def test_a_plan_stays_small():
    image = colors(200, 200)
    for name, (key, _) in FAMILY.items():
        plan = A.Compose([build(name)]).plan(image=image, **{key: [colors(900, 900)]})
        assert sum(len(p.data) for p in plan.ops[0].params if hasattr(p, "data")) < 50_000


def test_readers(tmp_path):
    rgb = A.read_rgb_image(str(CAT))
    assert rgb.dtype == np.uint8
    assert rgb.shape[2] == 3
    assert np.array_equal(A.read_bgr_image(CAT), rgb[..., ::-1])
    gray = A.read_grayscale(CAT)
    assert gray.shape == rgb.shape[:2]
    assert np.abs(gray - rgb @ [0.299, 0.587, 0.114]).max() <= 0.51
    with pytest.raises(DataError, match=r"nowhere\.png cannot be read"):
        A.read_rgb_image(tmp_path / "nowhere.png")
