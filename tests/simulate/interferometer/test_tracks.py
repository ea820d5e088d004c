"""Samples of the Fourier plane: where they lie, how much they weigh, and what they smear."""

from dataclasses import replace

import numpy as np
import pytest

from merkhet.simulate.interferometer.arrays import SPEED_OF_LIGHT
from merkhet.simulate.interferometer.direct import point_visibilities
from merkhet.simulate.interferometer.tracks import EARTH_ROTATION, sample_tracks

SIZE = 128


def test_each_baseline_weighs_as_much_as_another(tracks, array):
    np.testing.assert_allclose(np.bincount(tracks.baseline, weights=tracks.weight), 1)
    assert tracks.weight.sum() == pytest.approx(len(array.baselines))


def test_wavenumbers_are_baselines_in_wavelengths_times_the_pixel(tracks, array, pointing, subband):
    east, north = array.baselines[30]
    axes = pointing.axes()
    u, v = (axes[axis, 0] * east + axes[axis, 1] * north for axis in (0, 1))
    pixel = np.deg2rad(4.0 / subband.channel)
    expected = np.array([-u, v]) * pixel * subband.frequency_hz / SPEED_OF_LIGHT
    np.testing.assert_allclose(tracks.k[:, tracks.baseline == 30].mean(axis=1), expected, rtol=1e-4)


def test_no_sample_is_wider_than_the_step(tracks):
    for arcs in tracks.arcs:
        _, times, channels = arcs.shape
        assert np.hypot(*arcs.k).max() * arcs.relative_width / channels < 0.5 / SIZE * 1.03
        assert np.hypot(*arcs.motion).max() / times < 0.5 / SIZE


def test_smearing_is_the_average_over_band_and_time(array, pointing, subband):
    """One coarse sample per baseline against the mean over many fine ones."""
    width = subband.bandwidth_hz / subband.frequency_hz
    coarse = sample_tracks(array, pointing=pointing, subband=subband, duration_s=112, step=1.0)
    fine = sample_tracks(array, pointing=pointing, subband=subband, duration_s=112, step=1e-4)
    assert len(coarse.weight) == len(array.baselines)
    x, y = 90.0, 160.0
    mean = np.bincount(fine.baseline, weights=fine.weight * point_visibilities(fine, x=x, y=y).real) + 1j * np.bincount(
        fine.baseline, weights=fine.weight * point_visibilities(fine, x=x, y=y).imag
    )
    found = np.empty(len(mean), dtype=complex)
    found[coarse.baseline] = point_visibilities(coarse, x=x, y=y)
    np.testing.assert_allclose(np.abs(found), np.abs(mean), atol=0.02)
    assert np.abs(found).min() < 0.3  # and something is smeared
    order = np.argsort(coarse.baseline)
    turns = (coarse.k[0] * x + coarse.k[1] * y)[order] * width
    slow = (
        np.hypot(*coarse.arcs[-1].motion).max() * np.hypot(x, y) < 0.02
    )  # where the rotation of the Earth does nothing
    assert slow
    short = coarse.arcs[-1].baseline
    np.testing.assert_allclose(np.abs(found[short]), np.abs(np.sinc(turns[short])), atol=2e-3)


def test_a_longer_snapshot_turns_further(array, pointing, subband):
    """At the pole, tracks are arcs of a circle that the Earth turns."""
    polar = replace(pointing, declination=-np.pi / 2, latitude=-np.pi / 2)
    (arcs, *_) = sample_tracks(array, pointing=polar, subband=subband, duration_s=600, step=1.0).arcs
    chord = np.hypot(*arcs.motion) / np.hypot(*arcs.k[:, :, 0, 0])
    np.testing.assert_allclose(chord, 2 * np.sin(EARTH_ROTATION * 300), rtol=1e-6)
