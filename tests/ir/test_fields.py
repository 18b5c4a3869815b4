"""Fields of displacements: their strength, their shape, and how they are interpolated."""

import numpy as np
import pytest

from anamorph.ir.fields import FIELDS, Field, field_of

SIZE = (120, 160)
STEPS = (0.7, 1.3, 1.1, 0.8, 1.0, 0.9)
KINDS = {
    "elastic": (100, 6, "gaussian", False, False, 1),
    "camera": (0.3,),
    "fisheye": (-0.3,),
    "thin_plate": (4, 0.05, 1),
    "grid": (STEPS, STEPS[::-1], True),
    "piecewise": (4, 5, (4.0, 3.0), 1),
    "mesh": (4, 5, 6, 1),
}


def _centres(size):
    y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def _full(kind, params, size=SIZE):
    return field_of(kind, params, size).at(_centres(size)).reshape(*size, 2)


def test_every_kind_is_tried():
    assert set(KINDS) == set(FIELDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (7, 513), SIZE])
def test_nodes_ascend_and_cover_the_canvas(kind, size):
    field = field_of(kind, KINDS[kind], size)
    assert (np.diff(field.xs) > 0).all()
    assert (np.diff(field.ys) > 0).all()
    assert field.shift.shape == (len(field.ys), len(field.xs), 2)
    assert np.isfinite(field.shift).all()
    if not field.creased:
        assert field.xs[0] <= 0.5
        assert field.xs[-1] >= size[1] - 0.5
        assert field.ys[-1] >= size[0] - 0.5
        np.testing.assert_allclose(np.diff(field.xs), field.step[0])
        np.testing.assert_allclose(np.diff(field.ys), field.step[1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_params_make_the_same_field_that_nobody_can_change(kind):
    made = [FIELDS[kind](KINDS[kind], SIZE) for _ in range(2)]
    np.testing.assert_array_equal(made[0].shift, made[1].shift)
    with pytest.raises(ValueError, match="read-only"):
        field_of(kind, KINDS[kind], SIZE).shift[0, 0] = 1


@pytest.mark.parametrize("kind", ["elastic", "thin_plate", "piecewise", "mesh"])
def test_another_key_makes_another_field(kind):
    other = (*KINDS[kind][:-1], 2)
    assert np.abs(_full(kind, KINDS[kind]) - _full(kind, other)).max() > 1


def test_interpolation_is_bilinear_between_nodes_and_constant_outside():
    shift = np.array([[[0.0, 0], [2, 0]], [[0, 4], [2, 8]]])
    field = Field(np.array([10.0, 20.0]), np.array([0.0, 40.0]), shift)
    places = np.array([[15.0, 0], [15, 20], [12.5, 10], [5, 20], [99, 99]])
    expected = [[1, 0], [1, 3], [0.5, 1.25], [0, 2], [2, 8]]
    np.testing.assert_allclose(field.at(places), expected)
    np.testing.assert_allclose(field.ringed(7).at(places), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_the_differences_of_displacements(kind):
    field = field_of(kind, KINDS[kind], SIZE)
    places = np.random.default_rng(0).random((50, 2)) * (160, 120)
    shift, slopes = field.with_slopes(places)
    np.testing.assert_allclose(shift, field.at(places))
    for k, step in enumerate(([1e-6, 0], [0, 1e-6])):
        changed = (field.at(places + step) - shift) / 1e-6
        np.testing.assert_allclose(slopes[:, :, k], changed, atol=1e-4)


# ------------------------------------------------------------------------------- elastic


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize(("alpha", "sigma"), [(40, 2), (100, 6), (200, 12)])
def test_elastic_is_as_strong_and_as_smooth_as_filtered_noise(distribution, alpha, sigma):
    size = (200, 300)
    margin = 3 * sigma
    fields = [
        _full("elastic", (alpha, sigma, distribution, False, False, k), size) for k in range(6)
    ]
    inner = np.stack(fields)[:, margin:-margin, margin:-margin]
    noise = 1 / 3**0.5 if distribution == "uniform" else 0.214  # 1 over the largest of 120,000
    deviation = alpha * noise / (2 * np.pi**0.5 * sigma)
    assert inner.std() == pytest.approx(deviation, rel=0.12)
    alike = (inner[:, :, sigma:] * inner[:, :, :-sigma]).mean() / (inner**2).mean()
    assert alike == pytest.approx(np.exp(-1 / 4), abs=0.08)
    assert abs(np.corrcoef(inner[..., 0].ravel(), inner[..., 1].ravel())[0, 1]) < 0.2


def test_elastic_with_one_noise_moves_along_the_diagonal():
    field = field_of("elastic", (100, 6, "gaussian", True, False, 1), SIZE)
    np.testing.assert_array_equal(field.shift[..., 0], field.shift[..., 1])


def test_elastic_cut_to_17_taps_averages_17_pixels_for_large_sigmas():
    size = (200, 300)
    fields = [_full("elastic", (1000, 50, "uniform", False, True, k), size) for k in range(6)]
    inner = np.stack(fields)[:, 20:-20, 20:-20]
    assert inner.std() == pytest.approx(1000 / 3**0.5 / 17, rel=0.1)
    alike = (inner[:, :, 17:] * inner[:, :, :-17]).mean() / (inner**2).mean()
    assert abs(alike) < 0.1


def test_elastic_equals_the_filtering_of_its_own_noise_pixel_by_pixel():
    """With a step of one pixel the noise can be taken out, filtered plainly, and compared."""
    from anamorph.ir import elastic

    size, sigma = (23, 31), 2
    field = field_of("elastic", (1, sigma, "uniform", True, False, 5), size)
    assert field.step == (1, 1)
    rng = np.random.Generator(np.random.PCG64(5))
    cells = elastic._noise(rng, size, 1, uniform=True).astype(float)  # noqa: SLF001
    rows, columns = np.arange(25).clip(1, 23) - 1, np.arange(33).clip(1, 31) - 1
    picture = np.zeros(
        size
    )  # the noise of the border's pixels stands in rows and columns of its own
    np.add.at(picture, (rows[:, None], columns), cells)
    taps = np.exp(-(np.arange(-8, 9) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    padded = np.pad(picture, 8, mode="edge")
    for axis in (0, 1):
        padded = np.apply_along_axis(np.convolve, axis, padded, taps, mode="valid")
    np.testing.assert_allclose(field.shift[1:-1, 1:-1, 0], padded / 3**0.5, atol=1e-5)


# ---------------------------------------------------------------------------------- lenses


@pytest.mark.parametrize("k", [-0.9, -0.3, 0.05, 0.3, 1.5])
@pytest.mark.parametrize("size", [(120, 160), (300, 90)])
def test_lenses_lie_close_to_their_formulas(k, size):
    x, y = (_centres(size) - (size[1] / 2, size[0] / 2)).T
    square = (x / size[1]) ** 2 + (y / size[0]) ** 2
    camera = k * (square + square**2)
    fisheye = k * (x**2 + y**2) / ((size[0] / 2) ** 2 + (size[1] / 2) ** 2)
    for kind, factor in (("camera", camera), ("fisheye", fisheye)):
        expected = np.stack([x * factor, y * factor], axis=-1).reshape(*size, 2)
        assert np.abs(_full(kind, (k,), size) - expected).max() < 0.2


# ----------------------------------------------------------------------------------- plates


@pytest.mark.parametrize("side", [2, 3, 4, 7])
def test_a_thin_plate_goes_through_its_control_points(side):
    size = (1024, 1536)
    moves = np.random.Generator(np.random.PCG64(9)).standard_normal((side * side, 2)) * 0.02
    line = np.linspace(0, 1, side)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2) * (1536, 1024)
    found = field_of("thin_plate", (side, 0.02, 9), size).at(points)
    np.testing.assert_allclose(found, moves * (1536, 1024), atol=1.5)


# ------------------------------------------------------------------------------------ grids


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (61, 83), (512, 512)])
def test_a_normalized_grid_maps_the_picture_onto_itself(size):
    field = field_of("grid", KINDS["grid"], size)
    read = _centres(size) + field.at(_centres(size))
    assert read.min() >= 0.5 - 1e-9
    assert (read.max(axis=0) <= (size[1] - 0.5 + 1e-9, size[0] - 0.5 + 1e-9)).all()
    if min(size) > 1:
        np.testing.assert_allclose(read[0], (0.5, 0.5))
        np.testing.assert_allclose(read[-1], (size[1] - 0.5, size[0] - 0.5))


def test_a_grid_stretches_each_cell_by_its_factor():
    field = field_of("grid", ((1.5, 0.5, 1.0), (1.0, 1.0, 1.0), False), (20, 40))
    read = field.xs + field.shift[0, :, 0]
    np.testing.assert_allclose(field.xs, [0.5, 20.5, 39.5])
    np.testing.assert_allclose(np.diff(read), [30, 9.5])


def test_a_grid_of_zero_width_everywhere_stays_as_it_is():
    field = field_of("grid", ((0.0, 0.0), (0.0, 0.0), True), (20, 40))
    np.testing.assert_allclose(field.shift, 0, atol=1e-12)


def test_more_cells_than_pixels_are_as_many_as_pixels():
    field = field_of("grid", ((1.2, 0.8) * 50, (1.0,) * 100, True), (20, 40))
    assert len(field.xs) == 40
    assert not field.folded


def test_piecewise_nodes_stay_in_the_picture():
    field = field_of("piecewise", (6, 6, (60.0, 60.0), 3), SIZE)
    read = field.shift + np.stack(np.meshgrid(field.xs, field.ys), axis=-1)
    assert read.min() >= 0.5
    assert read[..., 0].max() <= 159.5
    assert read[..., 1].max() <= 119.5
    assert field.folded


def test_a_mesh_moves_inner_nodes_by_whole_pixels():
    field = field_of("mesh", (4, 5, 6, 1), SIZE)
    assert np.abs(field.shift).max() == 6
    np.testing.assert_array_equal(field.shift, np.rint(field.shift))
    border = np.ones((5, 6), bool)
    border[1:-1, 1:-1] = False
    assert not field.shift[border].any()
    assert not field.folded
