"""Files where pictures may stand: decoded when the plan is known."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, DataTypeError
from anamorph.data import read_mask, read_picture, write_mask, write_picture
from anamorph.sources import Source
from data import exif

ASSETS = Path(A.__file__).parent / "assets"
CAT = ASSETS / "images" / "cat.jpg"
CAT_MASK = ASSETS / "masks" / "cat.png"
PICTURE = read_picture(CAT)

PIPELINES = {
    "nothing": [],
    "values": [A.GaussianBlur(p=1), A.InvertImg(p=1)],
    "crop": [A.RandomCrop(120, 90), A.HorizontalFlip(p=1)],
    "turn": [A.Transpose(p=1), A.CenterCrop(64, 64), A.Normalize()],
    "enlarge": [A.Resize(600, 700)],
    "rotate": [A.Rotate((30, 30), p=1), A.ToTensorV2()],
    "dense": [A.ElasticTransform(p=1)],
    "looks at pixels": [A.Equalize(p=1), A.RandomCrop(64, 64)],
}


def plain(value):
    return value if isinstance(value, np.ndarray) else value.numpy()


def forms(path):
    data = Path(path).read_bytes()
    return {
        "path": path,
        "text": str(path),
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(data),
        "file": io.BytesIO(data),
    }


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("fuse", ["all", "exact", "none"])
def test_a_file_gives_what_its_pixels_give(name, fuse):
    pipeline = A.Compose(PIPELINES[name], seed=3, fuse=fuse)
    want = plain(pipeline.keyed(0, 1)(image=PICTURE)["image"])
    got = plain(pipeline.keyed(0, 1)(image=CAT)["image"])
    assert got.dtype == want.dtype
    assert got.flags.c_contiguous
    # rows that are left out move where blocks of a warp begin
    np.testing.assert_allclose(got, want, rtol=0, atol=1 if got.dtype == np.uint8 else 1e-6)


@pytest.mark.parametrize("form", forms(CAT))
def test_forms_of_a_file(form):
    pipeline = A.Compose([A.RandomCrop(100, 100)], seed=1)
    want = pipeline.keyed(0, 0)(image=PICTURE)["image"]
    np.testing.assert_array_equal(pipeline.keyed(0, 0)(image=forms(CAT)[form])["image"], want)


def test_an_address_of_fsspec():
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://there/cat.jpg", "wb") as file:
        file.write(CAT.read_bytes())
    out = A.Compose([])(image="memory://there/cat.jpg")
    np.testing.assert_array_equal(out["image"], PICTURE)


def averaged(image, to):
    return cv2.resize(image, to[::-1], interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("side", [30, 60, 100, 140, 200])
def test_a_picture_that_shrinks_is_decoded_small_and_averaged(side):
    """Nearer to the average of all pixels than reading four of them is."""
    pipeline = A.Compose([A.Resize(side, side)])
    want = averaged(PICTURE, (side, side)).astype(float)
    got = np.abs(pipeline(image=CAT)["image"] - want).mean()
    skipping = np.abs(pipeline(image=PICTURE)["image"] - want).mean()
    assert got < 3.0
    assert got <= skipping + 0.25


def test_detail_survives_at_every_scale():
    """The finest stripes that the result can show keep their contrast."""
    for d in (2, 4, 8):
        h, w = 64 * d, 96 * d
        stripes = np.zeros((h, w), np.uint8)
        stripes[:, (np.arange(w) // (2 * d)) % 2 == 0] = 200  # two pixels of the result a stripe
        data = cv2.imencode(".jpg", stripes, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
        small = A.Compose([A.Resize(64, 96)])(image=data)["image"]
        assert small.std() > 95


def test_geometry_is_that_of_the_whole_picture():
    """A cross stays where its keypoint goes, at every scale, through a crop with odd edges."""
    h, w = 613, 811
    x, y = 502, 211
    picture = np.full((h, w), 30, np.uint8)
    cv2.circle(picture, (x, y), 24, 220, -1, cv2.LINE_AA)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    for side in (240, 120, 60):
        pipeline = A.Compose(
            [A.Crop(201, 33, 777, 609), A.Resize(side, side), A.HorizontalFlip(p=1)],
            keypoint_params=A.KeypointParams("xy"),
        )
        out = pipeline(image=data, keypoints=[(x, y)])
        weights = np.clip(out["image"].astype(float) - 60, 0, None)
        rows, columns = np.mgrid[:side, :side]
        seen = (weights * columns).sum() / weights.sum(), (weights * rows).sum() / weights.sum()
        np.testing.assert_allclose(seen, out["keypoints"][0], atol=0.15)


def test_only_what_is_needed_is_decoded(monkeypatch):
    asked = []
    decode = Source.decode

    def spy(self, denominator=1, bottom=None, *, lent=False):
        asked.append((denominator, bottom))
        return decode(self, denominator, bottom, lent=lent)

    monkeypatch.setattr(Source, "decode", spy)
    A.Compose([A.Crop(0, 0, 50, 40), A.HorizontalFlip(p=1)])(image=CAT)
    A.Compose([A.Resize(60, 70)])(image=CAT)
    assert asked[0] == (1, 40)
    assert asked[1][0] == 4
    A.Compose([A.Resize(60, 70)], fuse="exact")(image=CAT)
    assert asked[2][0] == 1
    plan = A.Compose([A.Resize(60, 70)]).plan(image=CAT)
    assert len(asked) == 3
    assert plan.size == PICTURE.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["nothing", "crop", "rotate", "looks at pixels", "small"])
def test_pictures_stand_upright_and_labels_with_them(orientation, name):
    data = exif.jpeg(PICTURE[:200, :312], orientation)
    upright = read_picture_of(data)
    transforms = {**PIPELINES, "small": [A.Resize(50, 60)]}[name]
    fuse = "exact" if name == "small" else "all"
    pipeline = A.Compose(transforms, seed=2, fuse=fuse)
    mask = upright[..., 0] // 16
    want = pipeline.keyed(0, 4)(image=upright, mask=mask)
    got = pipeline.keyed(0, 4)(image=data, mask=mask)
    difference = plain(got["image"]).astype(float) - plain(want["image"])
    assert np.abs(difference).max() <= 1
    np.testing.assert_array_equal(plain(got["mask"]), plain(want["mask"]))


def read_picture_of(data):
    return A.Compose([])(image=data)["image"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_readers_make_of_it(orientation, tmp_path):
    path = tmp_path / "turned.jpg"
    path.write_bytes(exif.jpeg(PICTURE[:60, :100], orientation))
    np.testing.assert_array_equal(A.Compose([])(image=path)["image"], read_picture(path))
    small = A.Compose([A.Resize(15, 10)])(image=path)["image"]
    want = averaged(read_picture(path), (15, 10))
    assert np.abs(small.astype(float) - want).mean() < 4


def test_masks_lists_and_stacks_of_files(tmp_path):
    gray = (PICTURE[..., 0] > 100).astype(np.uint8)
    write_mask(tmp_path / "mask.png", gray)
    wide = (np.arange(PICTURE.shape[0] * PICTURE.shape[1]) % 60000).reshape(gray.shape)
    write_picture(tmp_path / "wide.png", wide.astype(np.uint16))
    pipeline = A.Compose([A.RandomCrop(50, 60)], seed=1, additional_targets={"other": "image"})
    data = {"image": PICTURE, "mask": gray, "images": [PICTURE, PICTURE], "other": wide.astype(np.uint16)}  # fmt: skip
    files = {"image": CAT, "mask": tmp_path / "mask.png", "images": [CAT, str(CAT)], "other": tmp_path / "wide.png"}  # fmt: skip
    want, got = pipeline.keyed(0, 0)(**data), pipeline.keyed(0, 0)(**files)
    for key, value in want.items():
        np.testing.assert_array_equal(got[key], value)
    np.testing.assert_array_equal(
        A.Compose([])(image=CAT, mask=CAT_MASK)["mask"], read_mask(CAT_MASK)
    )


def test_a_declared_range_and_other_sizes(tmp_path):
    scan = np.random.default_rng(0).integers(0, 4000, (40, 50)).astype(np.uint16)
    write_picture(tmp_path / "scan.png", scan)
    pipeline = A.Compose([A.HorizontalFlip(p=1)], value_range=(0, 4000))
    np.testing.assert_array_equal(pipeline(image=tmp_path / "scan.png")["image"], scan[:, ::-1])
    loose = A.Compose([A.Resize(20, 25)], is_check_shapes=False)
    small = np.zeros((10, 12), np.uint8)
    out = loose(image=CAT, mask=small)
    np.testing.assert_array_equal(out["image"], loose(image=PICTURE, mask=small)["image"])


def test_slots_take_what_comes_from_files():
    pipeline = A.Compose([A.RandomResizedCrop((32, 32)), A.Normalize(), A.ToTensorV2()], seed=5)
    want = pipeline.keyed(0, 2)(image=CAT)["image"].numpy()
    slot = np.zeros((3, 32, 32), np.float32)
    pipeline.keyed(0, 2)(image=CAT, out=slot)
    np.testing.assert_array_equal(slot, want)


def test_two_files_of_one_call_do_not_share_memory():
    pipeline = A.Compose([A.Resize(60, 60)], additional_targets={"second": "image"})
    other = ASSETS / "images" / "coffee.jpg"
    whole = read_picture(other)
    out = pipeline(image=CAT, second=cv2.imencode(".jpg", cv2.resize(whole, PICTURE.shape[1::-1])[..., ::-1])[1].tobytes())  # fmt: skip
    np.testing.assert_array_equal(out["image"], pipeline(image=CAT)["image"])


def test_explain_tells_what_was_decoded():
    text = str(A.Compose([A.Resize(60, 70)]).explain(image=CAT))
    assert "jpeg at 1/4" in text


def test_what_is_no_picture_is_said_in_a_sentence(tmp_path):
    pipeline = A.Compose([A.Resize(8, 8)])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.jpg").write_bytes(CAT.read_bytes()[:5000])
    for path in (tmp_path / "absent.jpg", tmp_path / "text.jpg", tmp_path / "cut.jpg"):
        with pytest.raises(DataError, match=path.name):
            pipeline(image=path)
    with pytest.raises(DataError, match="image"):
        pipeline(image=b"")
    with pytest.raises(DataTypeError, match="NumPy array"):
        pipeline(image=3)
