"""Policies: magnitudes, ops, labels that follow, and what AugMix does with them."""

import collections

import numpy as np
import pytest

import anamorph as A
from anamorph.backends import BACKENDS
from anamorph.core.rng import Rng, generator
from anamorph.ir.ops import IMAGE, MIXTURE, PLAIN, Effect, Sampling, Warp
from anamorph.transforms.policy_ops import OPS, magnitude_of, op_of
from anamorph.transforms.policy_tables import AUGMIX, AUTO, POLICIES, RAND, TRIVIAL

NAMES = ["AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix"]
STRONG = [
    A.AutoAugment("svhn", p=1),
    A.AutoAugment("cifar10", p=1),
    A.RandAugment(num_ops=3, magnitude=20, p=1),
    A.TrivialAugmentWide(p=1),
    A.AugMix(severity=10, p=1),
]
each = pytest.mark.parametrize("transform", STRONG, ids=lambda t: type(t).__name__)


class Scene:
    """What an op asks of a sample."""

    def __init__(self, size=(40, 60), channels=3, dtype="uint8"):
        self.size, self.channels, self.dtype = size, channels, dtype


class Positive(Rng):
    """Chance that never negates."""

    def chance(self, p):
        return p >= 1


def magnitudes(space, name, count, scene):
    return [magnitude_of(Positive(0), space[name], i, count, scene) for i in range(count)]


# ------------------------------------------------------------------------------ the tables


def test_magnitudes_are_those_of_the_papers():
    scene = Scene((100, 331))
    assert magnitudes(RAND, "ShearX", 31, scene)[9::21] == pytest.approx([0.09, 0.3])
    assert magnitudes(RAND, "TranslateX", 31, scene)[::15] == pytest.approx([0, 75, 150])
    assert magnitudes(RAND, "TranslateY", 31, scene)[-1] == pytest.approx(150 / 331 * 100)
    assert magnitudes(RAND, "Rotate", 31, scene)[9] == pytest.approx(9)
    assert magnitudes(RAND, "Sharpness", 31, scene)[-1] == pytest.approx(0.9)
    bits = magnitudes(RAND, "Posterize", 31, scene)
    assert (bits[0], bits[15], bits[-1]) == (8, 6, 4)
    assert magnitudes(AUTO, "Posterize", 10, scene) == [8, 8, 7, 7, 6, 6, 5, 5, 4, 4]
    assert magnitudes(AUTO, "Solarize", 10, scene)[3] == pytest.approx(2 / 3)
    wide = {n: magnitudes(TRIVIAL, n, 31, scene)[-1] for n in TRIVIAL}
    assert (wide["ShearY"], wide["TranslateX"], wide["TranslateY"]) == (0.99, 32, 32)
    assert (wide["Rotate"], wide["Color"], wide["Posterize"]) == (135, 0.99, 2)
    assert magnitudes(AUGMIX, "Posterize", 10, scene)[-1] == 0
    assert magnitudes(AUGMIX, "TranslateX", 10, scene)[-1] == pytest.approx(331 / 3)


def test_sub_policies():
    assert {name: len(pairs) for name, pairs in POLICIES.items()} == {
        "imagenet": 25,
        "cifar10": 25,
        "svhn": 25,
    }
    for pairs in POLICIES.values():
        for name, probability, number in (op for pair in pairs for op in pair):
            assert name in AUTO
            assert 0 <= probability <= 1
            assert 0 <= number <= 9
    assert POLICIES["imagenet"][0] == (("Posterize", 0.4, 8), ("Rotate", 0.6, 9))
    assert POLICIES["cifar10"][1] == (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9))
    assert POLICIES["svhn"][-1] == (("ShearX", 0.7, 2), ("Invert", 0.1, 0))
    assert set(OPS) == set(AUTO) | set(RAND) | set(TRIVIAL) | set(AUGMIX)


def test_signs_are_drawn_evenly():
    rng = Rng(3)
    drawn = [magnitude_of(rng, RAND["Rotate"], 9, 31, Scene()) for _ in range(400)]
    assert set(map(round, drawn)) == {-9, 9}
    assert 160 < sum(m > 0 for m in drawn) < 240


# --------------------------------------------------------------------------------- the ops


def applied(name, magnitude, image, sampling=PLAIN):
    scene = Scene(image.shape[:2], image.shape[2], image.dtype.name)
    op = op_of(name, magnitude, scene, sampling)
    if op is None:
        return image
    out = BACKENDS["opencv"].kernel(op, IMAGE)(op, image)
    return out[:, :, None] if out.ndim == 2 else out


def photo(channels=3, dtype="uint8", seed=1):
    values = generator(seed).random((40, 60, channels))
    return values.astype(dtype) if dtype == "float32" else (values * 255).astype(dtype)


def test_ops_do_what_they_say():
    image = photo()
    x = image.astype(np.float64)
    gray = x @ [0.299, 0.587, 0.114]
    wanted = {
        ("Brightness", 0.5): x * 1.5,
        ("Brightness", -0.5): x * 0.5,
        ("Contrast", 0.5): x * 1.5 - 0.5 * gray.mean(),
        ("Color", -0.9): x * 0.1 + 0.9 * gray[..., None],
        ("Solarize", 128 / 255): np.where(x >= 128, 255 - x, x),
        ("Solarize", 1.0): np.where(x >= 255, 255 - x, x),
        ("Posterize", 3): x // 32 * 32,
        ("Invert", 0.0): 255 - x,
    }
    for (name, m), want in wanted.items():
        got = applied(name, m, image)
        assert np.abs(got - np.clip(want, 0, 255)).max() <= 1, name


def test_sharpness_goes_from_a_smooth_picture():
    image = photo()
    x = image.astype(np.float64)
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = sum(kernel[j, i] * x[j : 38 + j, i : 58 + i] for j in range(3) for i in range(3))
    for m in (-0.9, 0.9):
        want = np.clip((1 + m) * x[1:-1, 1:-1] - m * smooth, 0, 255)
        got = applied("Sharpness", m, image)[1:-1, 1:-1]
        assert np.abs(got - want).max() <= 1


def test_geometry_goes_where_it_should():
    image = photo()
    assert np.array_equal(applied("TranslateX", 7.9, image)[:, 7:], image[:, :-7])
    assert np.array_equal(applied("TranslateY", -7.9, image)[:-7], image[7:])
    nearest = Sampling(0, 0, 0, 9, 0)
    sheared = applied("ShearX", 0.25, image, nearest)
    for y in (0, 10, 39):
        shift = round(0.25 * (y + 0.5))
        row, want = sheared[y, : 60 - shift], image[y, shift:]
        assert (row == want).mean() > 0.9
        assert (sheared[y, 60 - max(shift - 1, 0) :] == 9).all()
    turned = applied("Rotate", 90.0, photo()[:, :40])
    assert np.array_equal(turned, np.rot90(photo()[:, :40]))


def test_equalize_is_that_of_pillow():
    levels = np.array([10] * 300 + [20] * 300 + [200] * 1800, np.uint8)
    image = levels.reshape(40, 60, 1)
    step = 600 // 255
    table = {10: (step // 2) // step, 20: (step // 2 + 300) // step, 200: 255}
    got = applied("Equalize", 0.0, image)
    assert {int(v): int(got[image == v][0]) for v in (10, 20, 200)} == table


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_every_op_takes_every_picture(dtype, channels):
    image = photo(channels, dtype)
    for name in OPS:
        out = applied(name, 3 if name == "Posterize" else 0.4, image)
        assert out.shape == image.shape
        assert out.dtype == image.dtype
        if name == "Color" and channels != 3:
            assert out is image


@pytest.mark.parametrize("name", sorted(set(RAND) - {"Solarize", "AutoContrast", "Equalize"}))
def test_a_magnitude_of_nothing_is_nothing(name):
    magnitude = 8 if name == "Posterize" else 0.0
    assert op_of(name, magnitude, Scene(), PLAIN) is None


# ---------------------------------------------------------------------------- the policies


def plans(transform, count=400, **data):
    data = data or {"image": photo()}
    pipe = A.Compose([transform], seed=5)
    return [pipe.plan(**data).ops for _ in range(count)]


def test_rand_augment_draws_ops_evenly_and_with_repetition():
    lengths = collections.Counter(len(ops) for ops in plans(A.RandAugment(2)))
    assert lengths[2] > lengths[1] > lengths[0] > 0
    warps = sum(isinstance(op, Warp) for ops in plans(A.RandAugment(1), 1400) for op in ops)
    assert 400 < warps < 600  # 5 of 14
    assert all(len(ops) == 0 for ops in plans(A.RandAugment(0), 5))


def test_trivial_augment_does_one_thing():
    assert {len(ops) for ops in plans(A.TrivialAugmentWide())} == {0, 1}


def test_auto_augment_takes_pairs():
    sizes = collections.Counter(len(ops) for ops in plans(A.AutoAugment("svhn")))
    assert set(sizes) <= {0, 1, 2}
    assert sizes[2] > 150


def test_neighbours_fuse():
    pipe = A.Compose([A.RandAugment(8, p=1), A.Normalize(p=1)], seed=3)
    drawn = fused = 0
    for _ in range(20):
        plan = pipe.plan(image=photo())
        drawn += len(plan.ops)
        fused += len(plan.fused())
    assert fused < 0.95 * drawn


def test_fill_and_interpolation_reach_the_picture():
    image, mask = photo(), np.ones((40, 60), np.uint8)
    t = A.RandAugment(4, 30, fill=(1, 2, 3), fill_mask=7, interpolation=1, p=1)
    pipe = A.Compose([t], seed=1)
    warps = [op for _ in range(20) for op in pipe.plan(image=image, mask=mask).ops]
    samplings = {op.sampling for op in warps if isinstance(op, Warp)}
    assert samplings == {Sampling(1, 0, 0, (1, 2, 3), 7)}
    masks = [pipe(image=image, mask=mask)["mask"] for _ in range(10)]
    assert set(np.unique(masks)) == {1, 7}


@each
def test_labels_follow(transform):
    """Blocks of one level are found again where the labels are."""
    image = np.full((90, 120, 3), 90, np.uint8)
    mask = np.zeros((90, 120), np.int64)
    mask[35:55, 50:80] = 2**40 + 1
    image[mask > 0] = 200
    pipe = A.Compose(
        [transform],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        keypoint_params=A.KeypointParams("xy"),
        seed=2,
    )
    moved = 0
    for _ in range(40):
        out = pipe(
            image=image, mask=mask, bboxes=[[50, 35, 80, 55]], kinds=["block"], keypoints=[(64, 44)]
        )
        shown = out["mask"] > 0
        assert set(np.unique(out["mask"])) <= {0, 2**40 + 1}
        if not shown.any():
            assert out["kinds"] == []
            continue
        ys, xs = np.nonzero(shown)
        ((x0, y0, x1, y1),) = out["bboxes"]
        assert x0 <= xs.min() + 1
        assert y0 <= ys.min() + 1
        assert x1 >= xs.max()
        assert y1 >= ys.max()
        for x, y in out["keypoints"]:
            assert shown[round(float(y)), round(float(x))]
        inner = shown  # but its edge, where sharpening mixes in the other tone
        for _ in range(4):
            for axis in (0, 1):
                inner = inner & np.roll(inner, 1, axis) & np.roll(inner, -1, axis)
        if inner.any():  # the block is of one tone wherever its mask is
            assert np.ptp(out["image"][inner].astype(int), axis=0).max() <= 1
        moved += not np.array_equal(shown, mask > 0)
    assert moved > 3


# ----------------------------------------------------------------------------------- AugMix


def mixtures(ops):
    return [op for op in ops if isinstance(op, Effect) and op.name == MIXTURE]


def test_aug_mix_moves_chains_apart_only_where_nothing_is_located():
    image, mask = photo(), np.zeros((40, 60), np.uint8)
    t = A.AugMix(severity=10, mixture_width=4)
    alone = [op for ops in plans(t, 100, image=image) for op in ops]
    assert all(isinstance(op, Effect) for op in alone)
    inner = [op for mix in mixtures(alone) for _, *ops in mix.params for op in ops]
    assert any(isinstance(op, Warp) for op in inner)
    together = plans(t, 100, image=image, mask=mask)
    assert any(isinstance(op, Warp) for ops in together for op in ops)
    for ops in together:
        assert [isinstance(op, Warp) for op in ops] == sorted(
            (isinstance(op, Warp) for op in ops), reverse=True
        )
        inner = [op for mix in mixtures(ops) for _, *chain in mix.params for op in chain]
        assert not any(isinstance(op, Warp) for op in inner)


@pytest.mark.parametrize("width", [1, 3, 7])
@pytest.mark.parametrize("alpha", [0.01, 1.0, 50.0])
def test_weights_add_up_to_one(width, alpha):
    t = A.AugMix(mixture_width=width, alpha=alpha, chain_depth=2)
    found = [m for ops in plans(t, 50) for m in mixtures(ops)]
    assert len(found) > 30
    for mix in found:
        weights = [weight for weight, *_ in mix.params]
        assert sum(weights) == pytest.approx(1, abs=1e-6)
        assert min(weights) >= 0
        assert len(weights) <= width + 1


def test_a_mixture_is_the_sum_of_its_chains():
    image = photo()
    t = A.AugMix(severity=10, all_ops=False, p=1)
    pipe = A.Compose([t], seed=4)
    reference = A.Compose([t], backend="reference", seed=4)
    for _ in range(8):
        plan = pipe.plan(image=image)
        got = pipe.render(plan, image=image)["image"]
        want = sum(
            weight * A.Compose([], fuse="none").render(_of(plan, ops), image=image)["image"]
            for mix in mixtures(plan.ops)
            for weight, *ops in mix.params
        )
        if mixtures(plan.ops):
            assert np.abs(got - want).max() <= 1.5
            slow = reference.render(plan, image=image)["image"]
            assert (np.abs(got.astype(int) - slow) > 1).mean() < 0.01


def _of(plan, ops):
    return A.Plan(tuple(ops), plan.size, plan.channels, plan.dtype)


def test_a_mixture_within_chosen_channels():
    image = photo(5)
    t = A.SelectiveChannelTransform([A.AugMix(severity=10, p=1)], channels=(0, 2, 4))
    out = A.Compose([t], seed=1)(image=image)["image"]
    assert np.array_equal(out[..., [1, 3]], image[..., [1, 3]])
    assert (out[..., [0, 2, 4]] != image[..., [0, 2, 4]]).any()


def test_chains_have_their_depth():
    t = A.AugMix(chain_depth=5, mixture_width=2, severity=10, all_ops=False)
    chains = [c for ops in plans(t, 30) for m in mixtures(ops) for c in m.params[1:]]
    assert max(len(c) - 1 for c in chains) == 5
    kinds = {type(op).__name__ for chain in chains for op in chain[1:]}
    assert kinds == {"Warp", "Curve", "Effect"}  # no Color, no Sharpness


@pytest.mark.parametrize(
    ("name", "bad", "words"),
    [
        ("RandAugment", {"magnitude": 40}, "RandAugment.magnitude = 40: it must be below"),
        ("AugMix", {"chain_depth": 0}, "AugMix.chain_depth = 0: it must be a number of ops"),
        ("AutoAugment", {"policy": "imagent"}, "imagenet"),
        ("TrivialAugmentWide", {"fill": "random"}, "TrivialAugmentWide.fill"),
    ],
)
def test_refusals(name, bad, words):
    with pytest.raises(A.AnamorphError) as error:
        getattr(A, name)(**bad)
    assert words in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_positions_are_those_of_torchvision(name):
    first = {
        "AutoAugment": ["policy", "interpolation", "fill"],
        "RandAugment": ["num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill"],
        "TrivialAugmentWide": ["num_magnitude_bins", "interpolation", "fill"],
        "AugMix": [
            "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill",
        ],
    }[name]  # fmt: skip
    fields = list(getattr(A, name).fields)
    assert fields[: len(first)] == first
    assert getattr(A, name)().p == 1
