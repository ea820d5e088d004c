"""The periodic grid: Hermitian planes, and transforms against numpy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from merkhet.simulate.interferometer.grids import Grid, mirror

GRID = Grid(size_px=16, columns=9)
wavenumbers = arrays(np.float64, (2, 12), elements=st.floats(-0.24, 0.24))


def whole(half, side):
    """Return the whole plane of a half one."""
    full = np.zeros((side, side), dtype=complex)
    rows, columns = np.indices(half.shape)
    full[rows, columns] = half
    full[-rows[:, 1:] % side, -columns[:, 1:] % side] = half[:, 1:].conj()
    return full


@given(k=wavenumbers, seed=st.integers(0, 99))
def test_a_plane_of_visibilities_is_hermitian_and_sums_both_sides(k, seed):
    values = np.random.default_rng(seed).normal(size=(12, 2)) @ [1, 1j]
    full = np.zeros((32, 32), dtype=complex)
    for (x, y), value in zip(np.rint(k.T * 32).astype(int), values, strict=True):
        full[y % 32, x % 32] += value
        full[-y % 32, -x % 32] += np.conj(value)
    np.testing.assert_allclose(whole(GRID.add_up(k, values), 32), full, atol=1e-12)
    np.testing.assert_allclose(np.fft.ifft2(full).imag, 0, atol=1e-12)


def test_an_image_is_the_middle_of_the_inverse_transform(rng):
    spectrum = np.zeros((32, 9), dtype=np.complex64)
    spectrum[:] = rng.normal(size=(32, 9, 2)) @ [1, 1j]
    spectrum[:, 0] += mirror(spectrum[:, 0]).conj()
    full = np.fft.fftshift(np.fft.ifft2(whole(spectrum, 32)).real)
    np.testing.assert_allclose(GRID.image(spectrum), full[8:24, 8:24], atol=1e-6)


def test_the_spectrum_of_an_image_is_that_of_the_image_with_a_margin(rng):
    image = rng.normal(size=(16, 16)).astype(np.float32)
    padded = np.fft.ifftshift(np.pad(image, 8))
    np.testing.assert_allclose(GRID.spectrum(image), np.fft.rfft2(padded)[:, :9], atol=1e-4)


def test_the_phase_center_is_the_pixel_at_half_the_side():
    image = GRID.image(np.ones((32, 9), dtype=np.complex64))
    assert image[8, 8] == image.max() > np.partition(image.ravel(), -2)[-2]


def test_a_grid_reaches_its_baselines():
    k = np.array([[0.1, -0.2], [0.45, 0.0]])
    grid = Grid.reaching(k, size_px=32)
    assert grid.shape == (64, round(0.2 * 64) + 4)
    with pytest.raises(ValueError, match="pixels are too large"):
        Grid.reaching(np.array([[0.5], [0.0]]), size_px=32)
