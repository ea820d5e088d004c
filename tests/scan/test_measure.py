"""Measured counts against the simulator's truth, the Poisson tail against scipy's, profiles against direct sums."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from merkhet.scan.decompose import PsfFamily
from merkhet.scan.images import list_tiles, read_tile
from merkhet.scan.measure import COLUMNS, measure, poisson_sigma, radial_profile
from merkhet.simulate.halos.psf import King
from tests.scan.fields import make_tile
from tests.scan.photons import BACKGROUND, PIXEL_ARCSEC, draw_tile, echo, star, steady, truth

MIDDLE = 249.5


def candidate(size_arcsec, label="halo", x=MIDDLE, y=MIDDLE):
    return Table({"x": [x], "y": [y], "size_arcsec": [size_arcsec], "label": [label]})


def measured(layers, *, label="halo", draws=4, offset_px=0.0, **options):
    """Return the rows of several draws of one source."""
    tiles = [draw_tile(np.random.default_rng(seed), layers, **options) for seed in range(draws)]
    place = candidate(layers[-1].half_arcsec, label, MIDDLE + offset_px)
    return [measure(tile, place)[0] for tile in tiles]


@pytest.mark.parametrize("rate", [3.0, 30.0])
def test_a_halo_is_measured_as_the_truth_tells(rate):
    layers = steady(rate)
    expected, rows = truth(layers), measured(layers)
    ratio = np.mean([row["snr"] for row in rows]) / expected.snr
    assert ratio == pytest.approx(1, abs=0.2), ratio
    for row in rows:
        assert row["inner_arcsec"] == 30
        # Any radius near the best one is as good: the truth in the radius that was chosen.
        within = np.array([row["inner_arcsec"], row["outer_arcsec"]])
        halo, psf = (100 * layer.rate * float(np.diff(layer.enclosed(within))[0]) for layer in layers[::-1])
        noise = np.sqrt(halo + psf + row["counts_background"])
        assert row["counts_halo"] == pytest.approx(halo, rel=0.15, abs=4 * noise)
        assert row["counts_psf"] == pytest.approx(psf, rel=0.15, abs=4 * noise)


def test_a_ring_is_measured_as_the_truth_tells():
    layers = echo(6.0)
    expected, rows = truth(layers), measured(layers, label="ring")
    for row in rows:
        assert row["snr"] == pytest.approx(expected.snr, rel=0.15)
        assert row["inner_arcsec"] < layers[0].half_arcsec < row["outer_arcsec"]
        assert row["counts_halo"] == pytest.approx(expected.halo, rel=0.15)
        assert row["significance"] > expected.snr  # a tail is thinner than a root of all counts suggests


def test_a_point_source_has_no_halo():
    tiles = [draw_tile(np.random.default_rng(seed), star(100.0)) for seed in range(6)]
    snr = np.array([measure(tile, candidate(200.0))["snr"][0] for tile in tiles])
    assert abs(np.mean(snr)) < 2
    assert np.all(snr < 5)


def test_empty_sky_gives_nothing_on_average():
    tiles = [draw_tile(np.random.default_rng(seed), ()) for seed in range(12)]
    for label in ("halo", "ring"):
        snr = np.array([measure(tile, candidate(200.0, label))["snr"][0] for tile in tiles])
        assert abs(snr.mean()) < 1, label
        assert 0.2 < snr.std() < 2, label


def test_the_position_may_be_off_by_some_pixels():
    layers = steady(30.0)
    there, beside = (measured(layers, draws=1, offset_px=offset)[0] for offset in (0.0, 5.0))
    assert beside["counts_psf"] == pytest.approx(there["counts_psf"], rel=1e-6)
    assert beside["snr"] == pytest.approx(there["snr"], rel=1e-6)


def test_unrelated_sources_do_not_count():
    layers = steady(3.0)
    alone = measured(layers, draws=1)[0]
    others = [(200.0, 280.0, 60), (310.0, 200.0, 100), (260.0, 320.0, 30)]
    crowded = measured(layers, draws=1, others=others)[0]
    assert crowded["snr"] == pytest.approx(alone["snr"], abs=1)


def test_a_background_map_of_another_level_is_scaled():
    layers = echo(6.0)
    tile = draw_tile(np.random.default_rng(0), layers, side=900, level=1.5)
    for row in measure(tile, candidate(layers[0].half_arcsec, "ring", 449.5, 449.5)):
        area = np.pi * (row["outer_arcsec"] ** 2 - row["inner_arcsec"] ** 2) / PIXEL_ARCSEC**2
        assert row["counts_background"] == pytest.approx(1.5 * BACKGROUND * area, rel=0.15)


def test_columns_have_units_and_none_is_lost(rng):
    tile = draw_tile(rng, ())
    both = Table({"x": [100.0], "y": [90.0], "size_arcsec": [100.0], "label": ["halo"], "other": [3]})
    table = measure(tile, both)
    assert table.colnames == [*both.colnames, *(name for name, _, _ in COLUMNS)]
    assert table["counts_halo"].unit == "ct"
    assert all(table[name].description for name, _, _ in COLUMNS)
    assert len(measure(tile, both[:0])) == 0
    assert "snr" in measure(tile, both[:0]).colnames


def test_what_cannot_be_measured_is_not_a_number(rng):
    tile = draw_tile(rng, steady(3.0))
    off = measure(tile, candidate(50.0, x=-5000.0))
    unknown = measure(tile, candidate(np.nan))
    for row in (off[0], unknown[0]):
        assert all(np.isnan(row[name]) for name, _, _ in COLUMNS)


def test_no_pixel_scale_no_measurement(rng):
    tile = make_tile(rng.poisson(0.1, (60, 60)), sky=False)
    assert np.isnan(measure(tile, candidate(50.0, x=30.0, y=30.0))["snr"][0])


def test_pixels_that_were_not_observed_do_not_count(rng):
    layers = echo(6.0)
    tile = draw_tile(rng, layers)
    whole = measure(tile, candidate(layers[0].half_arcsec, "ring"))[0]
    for values in (tile.counts, tile.exposure, tile.background, tile.valid):
        values[:, 250:] = 0
    half = measure(tile, candidate(layers[0].half_arcsec, "ring"))[0]
    assert half["counts_halo"] == pytest.approx(whole["counts_halo"] / 2, rel=0.25)
    assert half["snr"] == pytest.approx(whole["snr"] / np.sqrt(2), rel=0.25)


@given(st.integers(1, 400), st.floats(0.01, 400))
def test_sigma_is_that_of_the_poisson_tail(counts, mean):
    chance = poisson.sf(counts - 1, mean)
    if 1e-250 < chance < 0.5:
        assert poisson_sigma(counts, mean) == pytest.approx(norm.isf(chance), rel=1e-6, abs=1e-6)


@given(st.floats(0.01, 1e5), st.floats(1, 50))
def test_sigma_grows_with_the_counts_and_stays_finite(mean, sigma):
    counts = np.arange(0, 5) * (1 + sigma * np.sqrt(mean)) + mean
    found = poisson_sigma(counts, mean)
    assert np.all(np.isfinite(found))
    assert np.all(np.diff(found) > 0) or found[0] == 0
    assert found[0] == pytest.approx(0, abs=0.2)


def test_sigma_of_many_counts_is_that_of_a_normal_distribution():
    assert poisson_sigma(1_010_000, 1_000_000) == pytest.approx(10.0, rel=0.01)
    assert poisson_sigma(100_000, 1_000) > 300  # where the chance itself is 0 in floating point
    assert poisson_sigma(0, 3.0) == 0
    assert poisson_sigma(3, 3.5) == 0


def test_profile_counts_the_photons(rng):
    tile = draw_tile(rng, steady(30.0))
    profile = radial_profile(tile, MIDDLE, MIDDLE, reach_arcsec=600.0)
    y, x = np.indices(tile.counts.shape)
    row, column = np.average(
        np.stack([y, x]).reshape(2, -1), axis=1, weights=(tile.counts * (np.hypot(x - MIDDLE, y - MIDDLE) < 5)).ravel()
    )
    radius = PIXEL_ARCSEC * np.hypot(x - column, y - row)
    direct, _ = np.histogram(radius, profile.edges_arcsec, weights=tile.counts)
    assert profile.counts[:10].sum() == pytest.approx(direct[:10].sum(), rel=0.03)
    assert np.all(profile.counts <= direct.cumsum()[-1])
    assert profile.edges_arcsec[-1] == pytest.approx(600)
    area = np.pi * np.diff(profile.edges_arcsec**2) / 3600
    assert profile.area_arcmin2[-5:] == pytest.approx(area[-5:], rel=0.05)
    assert profile.background[-5:].sum() == pytest.approx(BACKGROUND * area[-5:].sum() * 225, rel=0.2)


def test_profile_of_a_point_source_follows_its_point_spread_function():
    psf = King(8.7, 1.6)
    tile = draw_tile(np.random.default_rng(3), star(300.0, psf=psf))
    profile = radial_profile(tile, MIDDLE, MIDDLE, reach_arcsec=300.0, psf=PsfFamily())
    expected = 300.0 * 100 * np.diff(psf.enclosed(profile.edges_arcsec))
    inner = expected > 200
    assert profile.psf[inner] == pytest.approx(expected[inner], rel=0.25)


def test_limits_of_the_mean_are_those_of_gehrels(rng):
    tile = draw_tile(rng, ())
    profile = radial_profile(tile, 100.0, 100.0, reach_arcsec=300.0)
    for counts, low, high in zip(profile.counts, profile.low, profile.high, strict=True):
        assert poisson.cdf(counts, high) == pytest.approx(0.158655, rel=1e-4)
        assert low == 0 if counts == 0 else poisson.sf(counts - 1, low) == pytest.approx(0.158655, rel=1e-4)


@pytest.mark.real
def test_real_images_are_measured_everywhere(real_data):
    for files in list_tiles(sorted((real_data / "xray").glob("*merged_img.fits"))):
        tile = read_tile(files)
        rows, columns = np.nonzero(tile.valid)
        chosen = np.linspace(0, len(rows) - 1, 12).astype(int)
        places = Table({"x": columns[chosen].astype(float), "y": rows[chosen].astype(float)})
        places["size_arcsec"], places["label"] = 90.0, ["halo", "ring"] * 6
        table = measure(tile, places, psf=PsfFamily(half_energy_width_arcsec=15.0))
        for name, _, _ in COLUMNS:
            assert np.isfinite(table[name]).all(), name
        assert np.all(table["counts_halo"] + table["counts_psf"] + table["counts_background"] > -1e-3)
        profile = radial_profile(tile, *(float(places[axis][0]) for axis in "xy"), reach_arcsec=300.0)
        assert np.all(profile.high > profile.low)
