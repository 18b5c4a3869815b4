"""Dense distortions through a pipeline: parameters, fills, labels, determinism."""

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import ParameterError, ParameterTypeError

ALL = {
    "ElasticTransform": {"alpha": 60, "sigma": 8},
    "GridDistortion": {},
    "OpticalDistortion": {"distort_limit": 0.3},
    "GridElasticDeform": {"num_grid_xy": (4, 3), "magnitude": 5},
    "ThinPlateSpline": {"scale_range": (0.05, 0.1)},
    "PiecewiseAffine": {},
}


def _of(name, **more):
    return getattr(A, name)(**{**ALL[name], "p": 1, **more})


def _picture(size=(90, 130)):
    rng = np.random.default_rng(1)
    return rng.integers(40, 250, (*size, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_picture_and_another_another(name):
    image = _picture()
    one, same, other = (A.Compose([_of(name)], seed=s)(image=image)["image"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (one != image).any()


@pytest.mark.parametrize("name", ALL)
def test_a_plan_renders_the_same_again_after_a_round_trip_through_plain_data(name):
    image = _picture()
    pipeline = A.Compose([_of(name)], seed=3)
    plan = pipeline.plan(image=image)
    again = A.Plan.from_dict(plan.to_dict())
    assert again == plan


@pytest.mark.parametrize("method", ["mask", "direct"])
@pytest.mark.parametrize("name", [n for n in ALL if n != "GridElasticDeform"])
def test_both_ways_of_mapping_keypoints_are_exact(name, method):
    image = np.zeros((160, 200, 1), np.uint8)
    points = [(60.0, 50.0), (130.0, 90.0)]
    for x, y in points:
        image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 255
    pipeline = A.Compose(
        [_of(name, keypoint_remapping_method=method)],
        keypoint_params=A.KeypointParams("xy"),
        seed=5,
    )
    done = pipeline(image=image, keypoints=points)
    assert len(done["keypoints"]) == 2
    y, x = np.mgrid[0:160, 0:200]
    for px, py in done["keypoints"]:
        weight = done["image"][..., 0] * ((abs(x - px) < 8) & (abs(y - py) < 8)).astype(float)
        assert abs((weight * x).sum() / weight.sum() - px) < 0.5
        assert abs((weight * y).sum() / weight.sum() - py) < 0.5


@pytest.mark.parametrize("name", ALL)
def test_fixed_keypoints_all_come_back(name):
    points = [(0.0, 0.0), (129.0, 89.0), (64.0, 45.0), (500.0, -20.0)]
    params = A.KeypointParams("xy", remove_invisible=False)
    done = A.Compose([_of(name)], keypoint_params=params, seed=0)(
        image=_picture(), keypoints=points
    )
    assert np.isfinite(done["keypoints"]).all()
    assert len(done["keypoints"]) == 4


@pytest.mark.parametrize("name", ["GridDistortion", "PiecewiseAffine"])
@pytest.mark.parametrize("size", [(90, 130), (61, 83), (5, 7), (1, 9)])
def test_what_stays_in_the_picture_shows_no_fill(name, size):
    image = np.full((*size, 1), 200, np.uint8)
    pipeline = A.Compose([_of(name, fill=0)], seed=1)
    for _ in range(20):
        assert pipeline(image=image)["image"].min() == 200


def test_a_grid_that_is_not_normalized_may_show_fill():
    image = np.full((90, 130, 1), 200, np.uint8)
    t = A.GridDistortion(distort_limit=(0.3, 0.3), normalized=False, fill=7, p=1)
    done = A.Compose([t])(image=image)["image"]
    assert done.min() == 7
    t = A.GridDistortion(distort_limit=(0.3, 0.3), p=1)
    np.testing.assert_array_equal(A.Compose([t])(image=image)["image"], image)


@pytest.mark.parametrize("mode", ["camera", "fisheye"])
def test_lenses_leave_the_centre_and_are_symmetric(mode):
    image = _picture((81, 121))
    image = np.maximum(image, image[::-1])
    image = np.maximum(image, image[:, ::-1])
    done = A.Compose([A.OpticalDistortion((0.4, 0.4), mode=mode, p=1)])(image=image)["image"]
    np.testing.assert_array_equal(done[40, 60], image[40, 60])
    assert np.abs(done.astype(int) - done[::-1]).max() <= 12
    assert np.abs(done.astype(int) - done[:, ::-1]).max() <= 12
    assert not done[0, 0].any()
    done = A.Compose([A.OpticalDistortion((-0.4, -0.4), mode=mode, p=1)])(image=image)["image"]
    assert done[0, 0].all()


@pytest.mark.parametrize(
    "t",
    [
        A.ElasticTransform(alpha=0, p=1),
        A.OpticalDistortion(distort_limit=(0, 0), p=1),
        A.ThinPlateSpline(scale_range=(0, 0), p=1),
        A.PiecewiseAffine(scale=0, p=1),
        A.PiecewiseAffine(scale=(0, 0), absolute_scale=True, p=1),
        A.GridDistortion(distort_limit=(0, 0), p=1),
        A.GridElasticDeform((1, 1), 9),
    ],
)
def test_no_strength_is_no_change(t):
    image = _picture()
    params = A.KeypointParams("xy")
    done = A.Compose([t], keypoint_params=params)(image=image, keypoints=[(10.0, 20.0)])
    np.testing.assert_array_equal(done["image"], image)
    np.testing.assert_allclose(done["keypoints"], [(10, 20)], atol=1e-4)


def test_absolute_scale_counts_pixels():
    class Scene:
        size = (100, 200)

    from anamorph.core.rng import Rng

    (op,) = A.PiecewiseAffine(scale=(3, 3), absolute_scale=True).draw(Rng(0), Scene())
    assert op.params[2] == (3, 3)
    (op,) = A.PiecewiseAffine(scale=(0.1, 0.1)).draw(Rng(0), Scene())
    assert op.params[2] == pytest.approx((20, 10))


def test_ranges_of_nodes_are_drawn_from():
    class Scene:
        size = (100, 200)

    from anamorph.core.rng import Rng

    rng = Rng(0)
    t = A.PiecewiseAffine(nb_rows=(2, 4), nb_cols=7)
    drawn = [next(iter(t.draw(rng, Scene()))).params[:2] for _ in range(60)]
    assert {rows for rows, _ in drawn} == {2, 3, 4}
    assert {columns for _, columns in drawn} == {7}


def test_scalars_are_widened_as_in_albumentations():
    assert A.GridDistortion(distort_limit=0.2).distort_limit == (-0.2, 0.2)
    assert A.OpticalDistortion(distort_limit=0.2).distort_limit == (-0.2, 0.2)
    assert A.PiecewiseAffine(scale=0.1).scale == (0, 0.1)
    assert A.PiecewiseAffine(nb_rows=3).nb_rows == (3, 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: A.ElasticTransform(alpha=-1), "ElasticTransform.alpha = -1"),
        (lambda: A.ElasticTransform(sigma=0.5), "of at least 1"),
        (lambda: A.ElasticTransform(noise_distribution="normal"), "'gaussian', 'uniform'"),
        (lambda: A.ElasticTransform(keypoint_remapping_method="exact"), "'mask', 'direct'"),
        (lambda: A.GridDistortion(num_steps=0), "whole number of at least 1"),
        (lambda: A.GridDistortion(distort_limit=1.5), r"\[-1, 1\]"),
        (lambda: A.OpticalDistortion(mode="fish"), "did you mean fisheye"),
        (lambda: A.GridElasticDeform((0, 3), 4), "whole number of at least 1"),
        (lambda: A.GridElasticDeform((4, 3), 0), "magnitude = 0"),
        (lambda: A.ThinPlateSpline(scale_range=(0, 2)), r"\[0, 1\]"),
        (lambda: A.ThinPlateSpline(num_control_points=1), "of at least 2"),
        (lambda: A.PiecewiseAffine(scale=-1), "of at least 0"),
        (lambda: A.PiecewiseAffine(nb_rows=1), "of at least 2"),
    ],
)
def test_bad_values_are_refused_when_built(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: A.ElasticTransform(displacement_range=(0.02, 0.04)), "another algorithm"),
        (lambda: A.ElasticTransform(alpha_affine=10), "write Affine beside"),
        (
            lambda: A.GridDistortion(map_resolution_range=(0.5, 1)),
            "at the resolution that they need",
        ),
        (lambda: A.OpticalDistortion(shift_limit=0.05), "write Affine"),
        (lambda: A.PiecewiseAffine(keypoints_threshold=0.01), "mapped exactly"),
        (A.GridElasticDeform, "num_grid_xy is missing"),
    ],
)
def test_words_of_other_versions_are_refused_with_the_new_ones(make, words):
    with pytest.raises(ParameterTypeError, match=words):
        make()


def test_words_of_other_versions_that_mean_the_same_are_taken():
    assert A.ElasticTransform(value=3, mask_value=2, always_apply=True) == A.ElasticTransform(
        fill=3, fill_mask=2, p=1.0
    )
    assert A.GridDistortion(distort_range=(-0.1, 0.1)) == A.GridDistortion(distort_limit=0.1)
    assert A.PiecewiseAffine(nb_rows_range=(2, 3), cval=4) == A.PiecewiseAffine(
        nb_rows=(2, 3), fill=4
    )


@pytest.mark.parametrize("name", ALL)
def test_neighbouring_warps_join_the_field_and_show_the_same(name):
    image = A.Compose([A.GaussianBlur(sigma_limit=(2, 2), p=1)])(image=_picture((120, 160)))[
        "image"
    ]
    steps = [A.HorizontalFlip(p=1), _of(name), A.Rotate((20, 20), p=1), A.CenterCrop(50, 60)]
    params = A.KeypointParams("xy")
    fused, plain = (
        A.Compose(steps, seed=2, fuse=mode, keypoint_params=params)(
            image=image, keypoints=[(80.0, 60.0)]
        )
        for mode in ("all", "none")
    )
    apart = np.abs(fused["image"].astype(int) - plain["image"])
    assert np.percentile(apart, 95) <= 12
    np.testing.assert_allclose(fused["keypoints"], plain["keypoints"], atol=0.05)


@pytest.mark.parametrize("name", ALL)
def test_64_bit_masks_and_wide_pictures(name):
    mask = np.arange(3 * 33000, dtype=np.int64).reshape(3, 33000) + 2**50
    image = np.zeros((3, 33000), np.uint8)
    done = A.Compose([_of(name)], seed=1)(image=image, mask=mask)
    assert done["image"].shape == image.shape
    assert done["mask"].dtype == np.int64
    known = done["mask"][done["mask"] > 0]
    assert len(known) > 30000
    assert known.min() >= 2**50
