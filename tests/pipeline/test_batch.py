"""MixUp and CutMix: pixels, labels and annotations of a batch, by exact weights."""

from __future__ import annotations

import multiprocessing
import pickle
from typing import Any

import numpy as np
import pytest

import anamorph as A

SIDES = (40, 50)


def samples(count: int = 4) -> list[dict[str, Any]]:
    out = []
    for i in range(count):
        mask = np.zeros(SIDES, np.uint8)
        mask[4 * i : 4 * i + 20, 10:40] = i + 1
        out.append(
            {
                "image": np.full((*SIDES, 3), 40 * i + 10, np.uint8),
                "mask": mask,
                "masks": [(mask > 0).astype(np.uint8)],
                "bboxes": [[10, 4 * i, 40, 4 * i + 20]],
                "name": [f"n{i}"],
                "keypoints": [[24.5, 4 * i + 9.5]],
                "joint": [i],
                "label": i,
                "path": f"p{i}",
            }
        )
    return out


def options(**more: Any) -> dict[str, Any]:
    return {
        "num_classes": 6,
        "bbox_params": A.BboxParams("pascal_voc", label_fields=["name"]),
        "keypoint_params": A.KeypointParams("xy", label_fields=["joint"]),
    } | more


def partner_of(label: Any, own: int) -> int:
    others = [k for k in np.flatnonzero(label).tolist() if k != own]
    assert len(others) <= 1
    return others[0] if others else own


@pytest.mark.parametrize("mode", ["batch", "sample"])
@pytest.mark.parametrize("seed", range(8))
def test_cutmix_of_samples(seed: int, mode: str) -> None:
    given = samples()
    out = A.CutMix(seed=seed, mode=mode, min_visibility=0.2, **options())(given)
    assert [s["label"] for s in given] == [0, 1, 2, 3]
    for i, sample in enumerate(out):
        assert sample["path"] == f"p{i}"
        label = sample["label"]
        assert label.dtype == np.float32
        seen = np.bincount((sample["image"][..., 0].ravel() - 10) // 40, minlength=6) / 2000
        assert np.allclose(label, seen, atol=1e-6)
        assert len(sample["bboxes"]) == len(sample["masks"]) == len(sample["name"])
        for box, mask, name in zip(sample["bboxes"], sample["masks"], sample["name"], strict=True):
            who = int(name[1])
            assert np.array_equal(mask > 0, sample["mask"] == who + 1)
            ys, xs = np.nonzero(mask)
            assert box == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        part = {k: (sample["mask"] == k + 1).sum() / 600 for k in (i, partner_of(label, i))}
        assert set(sample["name"]) == {f"n{k}" for k, seen in part.items() if seen >= 0.2}
        for (x, y), joint in zip(sample["keypoints"], sample["joint"], strict=True):
            assert sample["mask"][int(y + 0.5), int(x + 0.5)] == joint + 1


@pytest.mark.parametrize("seed", range(4))
def test_mixup_of_samples(seed: int) -> None:
    given = samples()
    out = A.MixUp(seed=seed, mode="sample", mask_mode="dominant", **options())(given)
    assert {partner_of(s["label"], i) for i, s in enumerate(out)} == {0, 1, 2, 3}
    for i, sample in enumerate(out):
        label, other = sample["label"], partner_of(sample["label"], i)
        assert label.sum() == pytest.approx(1)
        wanted = label[i] * given[i]["image"] + (1 - label[i]) * given[other]["image"]
        assert np.abs(sample["image"] - wanted).max() <= 0.51
        assert sample["bboxes"] == given[i]["bboxes"] + given[other]["bboxes"]
        assert sample["name"] == [f"n{i}", f"n{other}"]
        assert sample["bbox_weights"] == pytest.approx([label[i], label[other]])
        assert sample["keypoint_weights"] == pytest.approx([label[i], label[other]])
        assert [m.sum() for m in sample["masks"]] == [600, 600]
        stronger = i if label[i] >= 0.5 else other
        assert np.array_equal(sample["mask"], given[stronger]["mask"])


def test_soft_masks_are_weights_of_classes() -> None:
    given = samples()
    out = A.MixUp(seed=1, mask_mode="soft", mask_classes=5, num_classes=4)(
        [{k: s[k] for k in ("image", "mask", "label")} for s in given]
    )
    for i, sample in enumerate(out):
        weight, other = sample["label"][i], partner_of(sample["label"], i)
        assert sample["mask"].shape == (*SIDES, 5)
        assert np.allclose(sample["mask"].sum(-1), 1)
        both = (given[i]["mask"] > 0) & (given[other]["mask"] > 0)
        assert np.allclose(sample["mask"][both][:, i + 1], weight)
        assert np.allclose(sample["mask"][both][:, other + 1], 1 - weight)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("mixer", [A.MixUp, A.CutMix])
@pytest.mark.parametrize("mode", ["batch", "sample"])
def test_arrays(mixer: Any, mode: str, dtype: str) -> None:
    g = np.random.default_rng(0)
    images = (g.random((5, 12, 14, 3)) * (1000 if dtype == "uint16" else 200)).astype(dtype)
    kept = images.copy()
    labels = np.arange(5)
    mix = mixer(num_classes=5, seed=3, mode=mode)
    out, soft = mix(images, labels)
    assert np.array_equal(images, kept)
    assert (out.dtype, out.shape, soft.dtype, soft.shape) == (
        images.dtype,
        images.shape,
        np.float32,
        (5, 5),
    )
    mean = out.astype(float)
    for i in range(5):
        other = partner_of(soft[i], i)
        if mixer is A.CutMix:
            same = (out[i] == images[i]).all(-1)
            assert np.array_equal(out[i][~same], images[other][~same])
            assert abs(same.mean() - soft[i, i]) < 0.01
        else:
            wanted = soft[i, i] * images[i].astype(float) + soft[i, other] * images[other]
            assert np.abs(mean[i] - wanted).max() <= (0.51 if dtype[0] == "u" else 1e-3)
    mix.set_random_seed(3)
    named = mix(images=images, labels=labels)
    assert np.array_equal(named["images"], out)
    assert np.array_equal(named["labels"], soft)
    mix.set_random_seed(3)
    firsts = np.moveaxis(images, -1, 1)
    again = mixer(num_classes=5, seed=3, mode=mode, layout="NCHW")(firsts, labels)[0]
    assert np.array_equal(np.moveaxis(again, 1, -1), out)


@pytest.mark.parametrize("mixer", [A.MixUp, A.CutMix])
@pytest.mark.parametrize("mode", ["batch", "sample"])
def test_tensors(mixer: Any, mode: str) -> None:
    torch = pytest.importorskip("torch")
    images = np.random.default_rng(0).random((4, 12, 14, 3), np.float32)
    labels = np.arange(4)
    wanted, soft = mixer(num_classes=4, seed=5, mode=mode)(images, labels)
    batch = {
        "image": torch.from_numpy(images).permute(0, 3, 1, 2),
        "label": torch.from_numpy(labels),
    }
    out = mixer(num_classes=4, seed=5, mode=mode)(batch)
    assert torch.allclose(out["image"], torch.from_numpy(wanted).permute(0, 3, 1, 2), atol=1e-6)
    assert out["label"].dtype == torch.float32
    assert torch.allclose(out["label"], torch.from_numpy(soft))
    whole = mixer(num_classes=4, seed=5, mode=mode)(
        (batch["image"] * 200).to(torch.uint8), batch["label"]
    )
    assert whole[0].dtype == torch.uint8


def test_masks_of_a_batch() -> None:
    images, masks = (
        np.zeros((3, 9, 9, 3), np.uint8),
        np.arange(3)[:, None, None] * np.ones((3, 9, 9), np.int64),
    )
    images += masks[..., None].astype(np.uint8)
    out = A.CutMix(seed=1)(images=images, masks=masks)
    assert np.array_equal(out["masks"], out["images"][..., 0])
    assert out["masks"].dtype == np.int64


def test_in_a_loader() -> None:
    torch = pytest.importorskip("torch")
    data = torch.utils.data

    class Photos(data.Dataset):  # type: ignore[misc,name-defined]
        pipe = A.Compose([A.RandomCrop(32, 32), A.Normalize(), A.ToTensorV2()], seed=0)

        def __len__(self) -> int:
            return 8

        def __getitem__(self, i: int) -> dict[str, Any]:
            given = samples()[i % 4]
            return {**self.pipe(image=given["image"], mask=given["mask"]), "label": i % 4}

    mix = A.CutMix(num_classes=4, seed=0)
    loader = data.DataLoader(Photos(), 4, collate_fn=lambda batch: data.default_collate(mix(batch)))
    for batch in loader:
        assert batch["image"].shape == (4, 3, 32, 32)
        assert batch["label"].shape == (4, 4)
        assert batch["mask"].shape == (4, 32, 32)
        assert torch.allclose(batch["label"].sum(1), torch.ones(4))


def test_labels_are_vectors_in_any_case() -> None:
    for mix in (A.MixUp(p=0, **options(), mask_mode="dominant"), A.CutMix(p=0, **options())):
        given = samples()
        out = mix(given)
        assert out[2]["label"].tolist() == [0, 0, 1, 0, 0, 0]
        assert out[2]["image"] is given[2]["image"]
        assert out[2]["bboxes"] == given[2]["bboxes"]
    assert A.MixUp(p=0, mask_mode="dominant", **options())(samples())[0]["bbox_weights"] == [1.0]
    single = A.CutMix(**options())(samples(1))
    assert single[0]["label"].tolist() == [1, 0, 0, 0, 0, 0]
    soft = np.array([[0.2, 0.8], [0.5, 0.5]], np.float32)
    mixed = A.MixUp(seed=0)(np.zeros((2, 4, 4, 1), np.uint8), soft)[1]
    assert np.allclose(mixed.sum(1), 1)


def _mixed(mix: Any) -> Any:
    return mix(np.arange(4 * 9 * 9, dtype=np.float32).reshape(4, 9, 9, 1), np.arange(4))[1]


def test_chance_is_reproducible_and_apart_in_workers() -> None:
    a, b = (A.CutMix(num_classes=4, seed=7) for _ in range(2))
    assert a == b
    assert hash(a) == hash(b)
    assert np.array_equal(_mixed(a), _mixed(b))
    assert not np.array_equal(_mixed(a), _mixed(A.CutMix(num_classes=4, seed=8)))
    a.set_random_seed(7)
    first = _mixed(a)
    assert not np.array_equal(first, _mixed(a))
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as one, context.Pool(1) as two:
        apart = [pool.apply(_mixed, (a,)) for pool in (one, two)]
    assert not np.array_equal(apart[0], apart[1])
    assert pickle.loads(pickle.dumps(a)) == a
    with pytest.raises(AttributeError):
        a.alpha = 3  # type: ignore[misc]


def test_lambda_is_of_beta() -> None:
    mix = A.MixUp(alpha=0.4, num_classes=2, seed=0, mode="sample")
    labels = np.zeros(2000, np.int64)
    labels[1::2] = 1
    soft = mix(np.zeros((2000, 1, 1, 1), np.uint8), labels)[1]
    weights = soft[np.arange(2000), labels]
    mixed = weights[(soft > 0).all(1)]
    assert abs(mixed.mean() - 0.5) < 0.04
    assert abs(mixed.var() - 0.25 / 1.8) < 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: A.MixUp(alpha=0), "MixUp.alpha = 0: it must be a number above 0"),
        (lambda: A.CutMix(mode="pair"), "CutMix.mode = 'pair'"),
        (lambda: A.MixUp(mask_mode="soft"), "soft masks need a number of classes"),
        (lambda: A.MixUp(num_classes=6)(samples()), "MixUp cannot mix mask by weights"),
        (
            lambda: A.CutMix(num_classes=3, **_no_classes())(samples()),
            "label must hold whole numbers from 0 to 2",
        ),
        (lambda: A.CutMix(**_no_classes())(samples()), "label are whole numbers: say num_classes"),
        (lambda: A.CutMix(num_classes=6)(samples()), "say their format with"),
        (lambda: A.CutMix()(3), "CutMix takes a list of samples"),
        (A.CutMix(), "CutMix takes a list of samples"),
        (lambda: A.CutMix()(images=np.zeros((2, 3, 3, 1)), bboxes=[]), "pass a list of samples"),
        (
            lambda: A.CutMix()(images=np.zeros((2, 3, 3, 1)), labels=[1]),
            "labels has 1 members and images 2",
        ),
        (lambda: A.CutMix()([{"image": np.zeros((3, 3))}, {}]), r"samples\[1\] has the keys \[\]"),
        (
            lambda: A.CutMix()([{"image": np.zeros((3, 3))}, {"image": np.zeros((3, 4))}]),
            r"pictures of different sizes \[\(3, 3\), \(3, 4\)\]",
        ),
        (
            lambda: A.MixUp()(images=np.zeros((2, 3, 3, 1), np.int64)),
            "pictures of int64 cannot be mixed",
        ),
        (lambda: A.CutMix()(np.zeros((2, 3, 3)), np.zeros((2, 2, 2))), "labels has shape"),
    ],
)
def test_what_is_wrong_is_named(make: Any, message: str) -> None:
    with pytest.raises(A.AnamorphError, match=message):
        make()


def _no_classes() -> dict[str, Any]:
    given = options()
    del given["num_classes"]
    return given
