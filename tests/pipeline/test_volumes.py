"""Volumes in a pipeline: transforms of pictures on slices, users' own 3-D transforms, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A

G = np.random.default_rng(0)
VOLUME = G.integers(0, 256, (6, 20, 24), np.uint8)
COLORS = G.integers(0, 256, (6, 20, 24, 3), np.uint8)
MASK = (VOLUME // 64 * 3).astype(np.int64)
FLAT: dict[str, Any] = {
    "HorizontalFlip": A.HorizontalFlip(p=1),
    "Transpose": A.Transpose(p=1),
    "D4": A.D4(p=1),
    "RandomCrop": A.RandomCrop(9, 11, p=1),
    "PadIfNeeded": A.PadIfNeeded(30, 31, fill=9, fill_mask=4, p=1),
    "Pad reflect": A.Pad((1, 2, 3, 4), border_mode=4, p=1),
    "Resize": A.Resize(31, 17, p=1),
    "RandomResizedCrop": A.RandomResizedCrop((13, 15), p=1),
    "RandomSizedCrop": A.RandomSizedCrop((8, 15), (13, 15), p=1),
    "Rotate": A.Rotate((30, 40), fill=200, fill_mask=3, p=1),
    "ElasticTransform": A.ElasticTransform(alpha=40, sigma=5, p=1),
    "CoarseDropout": A.CoarseDropout(fill=1, fill_mask=3, p=1),
    "RandomBrightnessContrast": A.RandomBrightnessContrast(p=1),
    "GaussNoise": A.GaussNoise(p=1),
    "PixelDropout": A.PixelDropout(0.3, mask_drop_value=3, p=1),
}


@pytest.mark.parametrize("name", FLAT)
def test_slices_become_what_pictures_become(name: str) -> None:
    for volume in (VOLUME, COLORS, (COLORS / 255).astype(np.float32)):
        data = {
            "volume": volume,
            "mask3d": MASK,
            "volumes": np.stack([volume, volume[::-1]]),
            "masks3d": np.stack([MASK, MASK]),
            "images": volume,
        }
        out = A.Compose([FLAT[name]], seed=3)(**data)
        for i in range(6):
            one = A.Compose([FLAT[name]], seed=3)(image=volume[i], mask=MASK[i])
            assert np.array_equal(out["volume"][i], one["image"])
            assert np.array_equal(out["images"][i], one["image"])
            assert np.array_equal(out["volumes"][1, 5 - i], one["image"])
            assert np.array_equal(out["mask3d"][i], one["mask"])
            assert np.array_equal(out["masks3d"][0, i], one["mask"])
        for key, value in out.items():
            assert value.flags.c_contiguous
            assert value.dtype == data[key].dtype
            assert value is data[key] or not np.shares_memory(value, data[key])


@pytest.mark.parametrize("name", [n for n in FLAT if "Crop" in n or n in ("Resize", "Rotate")])
def test_labels_of_volumes_are_not_mixed(name: str) -> None:
    labels = np.where(VOLUME > 99, 9, 0).astype(np.uint8)
    out = A.Compose([FLAT[name]], seed=3)(volume=VOLUME, mask3d=labels)
    assert set(np.unique(out["mask3d"])) <= {0, 9, 3}


@pytest.mark.parametrize("transform", [A.Pad(2, fill_mask=(1, 2)), A.Pad3D(2, fill_mask=(1, 2))])
def test_a_fill_for_each_channel_of_masks(transform: Any) -> None:
    mask = np.zeros((4, 5, 6, 2), np.int32)
    out = A.Compose([transform])(volume=VOLUME[:4, :5, :6], mask3d=mask)["mask3d"]
    assert out[2, 0, 0].tolist() == [1, 2]
    assert not out[2, 2, 2].any()


def test_pictures_and_volumes_take_turns() -> None:
    members = [
        A.HorizontalFlip(p=1),
        A.CubicSymmetry(),
        A.RandomBrightnessContrast(p=1),
        A.RandomCrop3D((5, 5, 5)),
        A.Resize(9, 9),
        A.GaussNoise(p=1),
        A.Pad3D(1),
    ]
    data = {"volume": COLORS, "mask3d": MASK, "keypoints": [(12, 10, 3)]}
    for seed in range(5):
        outs = [
            A.Compose(members, keypoint_params=A.KeypointParams("xyz"), seed=seed, fuse=mode)(
                **data
            )
            for mode in ("all", "none")
        ]
        assert outs[0]["volume"].shape == (7, 11, 11, 3)
        assert outs[0]["mask3d"].shape == (7, 11, 11)
        assert np.array_equal(outs[0]["mask3d"], outs[1]["mask3d"])
        assert np.abs(outs[0]["volume"].astype(int) - outs[1]["volume"]).max() <= 2
        assert np.allclose(outs[0]["keypoints"], outs[1]["keypoints"])


def test_the_whole_way_to_tensors() -> None:
    pipe = A.Compose([A.RandomCrop3D((4, 8, 8)), A.Normalize((0.5,), (0.2,)), A.ToTensor3D()])
    out = pipe(volume=VOLUME[..., None], mask3d=MASK)
    assert out["volume"].shape == (1, 4, 8, 8)
    assert str(out["volume"].dtype) == "torch.float32"
    assert out["mask3d"].shape == (1, 4, 8, 8)
    with pytest.raises(A.AnamorphError, match="last transform"):
        A.Compose([A.ToTensor3D(), A.Pad3D(1)])(volume=VOLUME)
    with pytest.raises(A.AnamorphError, match="last transform"):
        A.Compose([A.ToTensor3D(), A.HorizontalFlip(p=1)])(volume=VOLUME)


class Thin(A.Transform3D):
    """Take every other slice, as a user of Albumentations would write it."""

    def apply_to_volume(self, volume: Any, step: int = 1, **params: Any) -> Any:
        assert params["shape"][:2] == (20, 24)
        return volume[::step]

    def apply_to_keypoints(self, keypoints: Any, step: int = 1, **params: Any) -> Any:
        return keypoints / [1, 1, step, 1, 1]

    def get_params(self) -> dict[str, Any]:
        return {"step": self.py_random.choice([2])}


def test_users_own_transforms_of_volumes() -> None:
    pipe = A.Compose(
        [A.HorizontalFlip(p=1), Thin(p=1), A.Flip3D(flip_axes=(0,)), A.Pad3D((1, 0, 0))],
        keypoint_params=A.KeypointParams("xyz"),
    )
    out = pipe(
        volume=COLORS,
        mask3d=MASK,
        volumes=np.stack([COLORS] * 2),
        image=COLORS[0],
        keypoints=[(3, 4, 4)],
    )
    wanted = np.pad(COLORS[:, :, ::-1][::2][::-1], ((1, 1), (0, 0), (0, 0), (0, 0)))
    assert np.array_equal(out["volume"], wanted)
    assert np.array_equal(out["volumes"][1], wanted)
    assert out["mask3d"].shape == (5, 20, 24)
    assert np.array_equal(out["image"], COLORS[0][:, ::-1])
    assert np.allclose(out["keypoints"], [(20, 4, 1)])
    assert issubclass(Thin, A.DualTransform)
    empty = A.Compose([type("Nothing", (A.Transform3D,), {})(p=1)])
    with pytest.raises(A.AnamorphError, match="must define apply_to_volume"):
        empty(volume=VOLUME)


def test_depths_must_agree() -> None:
    flip = A.Compose([A.HorizontalFlip(p=1)])
    with pytest.raises(A.AnamorphError, match="mask3d has 4 slices and volume has 6"):
        flip(volume=VOLUME, mask3d=MASK[:4])
    loose = A.Compose([A.HorizontalFlip(p=1)], is_check_shapes=False)
    assert loose(volume=VOLUME, mask3d=MASK[:4])["mask3d"].shape == (4, 20, 24)
    with pytest.raises(A.AnamorphError, match="must be of one size for 3-D transforms"):
        A.Compose([A.Pad3D(1)], is_check_shapes=False)(volume=VOLUME, mask3d=MASK[:4])
    with pytest.raises(A.AnamorphError, match="volume has no slices"):
        flip(volume=VOLUME[:0])


def test_points_lie_within_the_depth() -> None:
    params = A.KeypointParams("xyz")
    pipe = A.Compose([A.NoOp()], keypoint_params=params)
    with pytest.raises(A.AnamorphError, match=r"keypoints\[1\] .* outside of the volume of 6 slic"):
        pipe(volume=VOLUME, keypoints=[(1, 2, 3), (1, 2, 6)])
    assert pipe(image=COLORS[0], keypoints=[(1, 2, 60)])["keypoints"] == [[1, 2, 60]]
    loose = A.Compose([A.NoOp()], keypoint_params=A.KeypointParams("xyz", remove_invisible=False))
    assert loose(volume=VOLUME, keypoints=[(1, 2, 60)])["keypoints"] == [[1, 2, 60]]


def test_pictures_beside_a_cropped_volume_go_on_with_it() -> None:
    image = COLORS[0]
    pipe = A.Compose([A.CenterCrop3D((4, 10, 12)), A.HorizontalFlip(p=1), A.Resize(5, 6)])
    out = pipe(volume=VOLUME, image=image, mask=MASK[0])
    assert out["volume"].shape == (4, 5, 6)
    assert out["image"].shape == (5, 6, 3)
    assert out["mask"].shape == (5, 6)


def test_other_names_for_volumes() -> None:
    pipe = A.Compose(
        [A.RandomCrop3D((3, 4, 5))], additional_targets={"ct": "volume", "organs": "mask3d"}, seed=1
    )
    out = pipe(volume=VOLUME, ct=VOLUME, organs=MASK)
    assert np.array_equal(out["ct"], out["volume"])
    assert out["organs"].shape == (3, 4, 5)
