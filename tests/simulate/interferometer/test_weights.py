"""Weights, point-spread function and noise against direct sums over samples and cells."""

import numpy as np
import pytest

from merkhet.simulate.interferometer.weights import Coverage, briggs_weights, natural_weights, uniform_weights

SIZE = 128
WEIGHTS = {
    "natural": natural_weights,
    "uniform": lambda tracks: uniform_weights(tracks, field_px=SIZE),
    "robust": lambda tracks: briggs_weights(tracks, robust=-1, field_px=SIZE),
}


@pytest.fixture(params=WEIGHTS)
def weighted(request, tracks):
    return Coverage.of(tracks, WEIGHTS[request.param](tracks), size_px=SIZE)


def psf_of(coverage):
    return coverage.grid.image(coverage.response.astype(np.complex64))


def test_robust_weights_are_those_of_the_formula(tracks):
    """Briggs (1995), cell by cell."""
    cells: dict[tuple[int, int], float] = {}
    keys = []
    for (x, y), weight in zip(np.rint(tracks.k.T * SIZE).astype(int), tracks.weight, strict=True):
        keys.append((x, y) if x > 0 else (-x, -y) if x < 0 else (0, y))
        cells[keys[-1]] = cells.get(keys[-1], 0) + weight
    density = np.array([cells[key] for key in keys])
    f_squared = (5 * 10**1.0) ** 2 / (sum(value**2 for value in cells.values()) / tracks.weight.sum())
    expected = tracks.weight / (1 + f_squared * density)
    np.testing.assert_allclose(briggs_weights(tracks, robust=-1, field_px=SIZE), expected, rtol=1e-12)
    np.testing.assert_allclose(uniform_weights(tracks, field_px=SIZE), tracks.weight / density, rtol=1e-12)


def test_robustness_leads_from_uniform_to_natural(tracks):
    def share(weights):
        return weights / weights.sum()

    natural, uniform = share(natural_weights(tracks)), share(uniform_weights(tracks, field_px=SIZE))
    np.testing.assert_allclose(share(briggs_weights(tracks, robust=6, field_px=SIZE)), natural, rtol=1e-4)
    np.testing.assert_allclose(share(briggs_weights(tracks, robust=-6, field_px=SIZE)), uniform, rtol=1e-4)


def test_the_point_spread_function_peaks_at_one_in_the_middle(weighted):
    psf = psf_of(weighted)
    assert psf[SIZE // 2, SIZE // 2] == pytest.approx(1, abs=1e-5)
    assert np.unravel_index(psf.argmax(), psf.shape) == (SIZE // 2, SIZE // 2)
    np.testing.assert_allclose(psf[1:, 1:], psf[:0:-1, :0:-1], atol=1e-5)  # that of a real sky


def test_the_point_spread_function_is_the_sum_of_cosines(weighted):
    """A direct sum over the cells that the samples fall into."""
    k = np.rint(weighted.tracks.k * 2 * SIZE) / (2 * SIZE)
    psf = psf_of(weighted)
    for x, y in ((0, 0), (3, -2), (-40, 17), (63, -64)):
        expected = weighted.weights @ np.cos(2 * np.pi * (k[0] * x + k[1] * y)) / weighted.weights.sum()
        assert psf[y + SIZE // 2, x + SIZE // 2] == pytest.approx(expected, abs=1e-5)


def test_a_unit_point_source_returns_the_point_spread_function(coverage):
    """At the phase center as it is; elsewhere moved, with nothing coming in from the far side."""
    sky = np.zeros((SIZE, SIZE), dtype=np.float32)
    sky[SIZE // 2, SIZE // 2] = 1
    np.testing.assert_allclose(
        coverage.grid.image(coverage.grid.spectrum(sky) * coverage.response), psf_of(coverage), atol=1e-6
    )
    sky[:] = 0
    sky[5, 110] = 2.5
    image = coverage.grid.image(coverage.grid.spectrum(sky) * coverage.response)
    k = np.rint(coverage.tracks.k * 2 * SIZE) / (2 * SIZE)
    for row, column in ((5, 110), (5, 0), (127, 3), (64, 64)):
        turns = k[0] * (column - 110) + k[1] * (row - 5)
        expected = 2.5 * (coverage.weights @ np.cos(2 * np.pi * turns)) / coverage.weights.sum()
        assert image[row, column] == pytest.approx(expected, abs=2e-5)


def test_visibilities_make_the_image_of_their_sum(coverage, rng):
    visibilities = rng.normal(size=(len(coverage.weights), 2)) @ [1, 1j]
    image = coverage.grid.image(coverage.spread(visibilities).astype(np.complex64))
    k = np.rint(coverage.tracks.k * 2 * SIZE) / (2 * SIZE)
    for x, y in ((0, 0), (-33, 21)):
        waves = (visibilities * np.exp(2j * np.pi * (k[0] * x + k[1] * y))).real
        expected = coverage.weights @ waves / coverage.weights.sum()
        assert image[y + SIZE // 2, x + SIZE // 2] == pytest.approx(expected, abs=1e-5)


def test_the_noise_has_the_rms_of_the_formula(weighted, rng):
    """Against noise drawn for each sample, put through the sum; and against the noise drawn in cells."""
    sigma, draws = 3.0, 60
    expected = weighted.noise_rms(sigma)
    share = weighted.weights / weighted.weights.sum()
    each = sigma / np.sqrt(weighted.tracks.weight)
    at_center = [share @ (each * rng.normal(size=len(share))) for _ in range(4000)]
    assert np.std(at_center) == pytest.approx(expected, rel=0.05)
    images = [weighted.grid.image(weighted.draw_noise(rng, rms=expected)) for _ in range(draws)]
    assert np.sqrt(np.mean(np.square(images))) == pytest.approx(expected, rel=0.02)


def test_natural_weights_have_the_least_noise(tracks):
    noise = {
        name: Coverage.of(tracks, weights(tracks), size_px=SIZE).noise_rms(1.0) for name, weights in WEIGHTS.items()
    }
    assert noise["natural"] == pytest.approx(1 / np.sqrt(tracks.weight.sum()))
    assert noise["natural"] < noise["robust"] < noise["uniform"]


def test_noise_stands_in_measured_cells_only_and_is_that_of_a_real_sky(coverage, rng):
    spectrum = coverage.draw_noise(rng, rms=1.0)
    np.testing.assert_array_equal(spectrum != 0, coverage.response != 0)
    first = spectrum[:, 0]
    np.testing.assert_allclose(first, np.roll(first[::-1], 1).conj(), rtol=1e-6)
