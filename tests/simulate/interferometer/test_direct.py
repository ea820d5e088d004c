"""Sources outside the image against the direct sum over samples."""

import numpy as np
import pytest

from merkhet.simulate.interferometer.direct import direct_image, kernel_transform, outside_source, point_visibilities
from merkhet.simulate.interferometer.grids import Grid

SIZE = 128


def exact(coverage, values, x, y):
    k = coverage.tracks.k
    return (values * np.exp(2j * np.pi * (k[0] * x + k[1] * y))).real.sum()


@pytest.mark.parametrize("place", [(20.3, -41.7), (400.0, 150.0), (-90.0, -1700.0)])
def test_the_image_is_the_direct_sum(coverage, rng, place):
    image = outside_source(coverage, x=place[0], y=place[1])
    values = point_visibilities(coverage.tracks, x=place[0], y=place[1]) * coverage.weights / coverage.weights.sum()
    for x, y in rng.integers(-SIZE // 2, SIZE // 2, size=(30, 2)):
        found = image[y + SIZE // 2, x + SIZE // 2]
        assert found == pytest.approx(exact(coverage, values, x, y), abs=2e-3 * float(image.std()))


def test_a_source_inside_peaks_where_it_is(coverage):
    image = outside_source(coverage, x=20.0, y=-40.0)
    assert image[SIZE // 2 - 40, SIZE // 2 + 20] == image.max()
    assert image.max() == pytest.approx(1, abs=0.02)  # but for some smearing


def test_a_source_outside_leaves_no_ghost(coverage):
    """Where a periodic grid would put it back: 2 x 128 pixels to the left."""
    image = outside_source(coverage, x=2.0 * SIZE + 10, y=0.0)
    assert abs(image[SIZE // 2, SIZE // 2 + 10]) < 5 * image.std()


def test_far_sources_are_smeared_and_their_fringes_point_at_them(coverage):
    """Baselines along the direction of the source lose their signal, those across it keep it."""
    k, window = np.fft.fftfreq(SIZE), np.outer(np.hanning(SIZE), np.hanning(SIZE))

    def rms_and_direction(x):
        image = outside_source(coverage, x=x, y=0.0)
        power = np.abs(np.fft.fft2(image * window)) ** 2
        return image.std(), (power * k[:, None] ** 2).sum() / (power * k**2).sum()

    (near, round_), (far, pointed) = rms_and_direction(140.0), rms_and_direction(3000.0)
    assert far < 0.6 * near
    assert pointed > max(10, 2 * round_)


def test_a_wide_source_loses_its_long_baselines(coverage):
    point, wide = (outside_source(coverage, x=300.0, y=80.0, sigma_px=sigma) for sigma in (0.0, 4.0))
    values = point_visibilities(coverage.tracks, x=300.0, y=80.0) * coverage.weights / coverage.weights.sum()
    values = values * np.exp(-2 * (np.pi * 4.0) ** 2 * (coverage.tracks.k**2).sum(axis=0))
    assert wide[10, 20] == pytest.approx(
        exact(coverage, values, 20 - SIZE // 2, 10 - SIZE // 2), abs=2e-3 * float(wide.std())
    )
    assert wide.std() < 0.7 * point.std()


def test_one_visibility_is_one_wave(rng):
    """To a thousandth, also on column zero and its neighbors, where a kernel reaches over to the conjugates."""
    grid = Grid(size_px=64, columns=40)
    y, x = np.indices((64, 64)) - 32
    for kx, ky in ((0.0, 0.1), (0.004, -0.2), (-0.013, 0.0), (0.211, -0.307), *rng.uniform(-0.25, 0.25, size=(5, 2))):
        value = 1.3 - 0.4j
        expected = (value * np.exp(2j * np.pi * (kx * x + ky * y))).real
        found = direct_image(grid, np.array([[kx], [ky]]), np.array([value]))
        np.testing.assert_allclose(found, expected, atol=1.5e-3)


def test_the_kernel_transforms_to_its_integral():
    z = np.linspace(-1, 1, 20001)
    kernel = np.exp(11.5 * (np.sqrt(1 - z**2) - 1))
    expected = np.trapezoid(kernel * np.cos(2 * np.pi * 0.2 * 2.5 * z), z) * 2.5
    assert kernel_transform(np.array([0.2]))[0] == pytest.approx(expected, rel=1e-6)
