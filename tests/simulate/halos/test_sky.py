"""The sky: cells that fill it, counts of sources and background, and that all depends on the seed and place alone."""

import numpy as np
import pytest

from merkhet.simulate.halos.exposure import Coverage
from merkhet.simulate.halos.sky import (
    BANDS,
    BRIGHTEST_COUNTS,
    FAINTEST_COUNTS,
    FIELD_SLOPE,
    LISTED_COUNTS,
    Cell,
    cells_in_band,
    cells_near,
    draw_power_law,
    field_density,
    galactic_column_cm2,
)
from merkhet.simulate.halos.sources import POPULATIONS
from merkhet.simulate.halos.sphere import ra_dec, unit_vectors
from merkhet.simulate.halos.survey import Survey

COVERAGE = Coverage(Survey(), 4)
ALWAYS = Coverage(Survey(), 4)
object.__setattr__(ALWAYS, "activity", np.ones_like(ALWAYS.activity))


def test_cells_fill_the_sphere():
    total = sum(cells_in_band(band) * Cell(band, 0, COVERAGE).square_degrees for band in range(BANDS))
    assert total == pytest.approx(4 * np.pi * (180 / np.pi) ** 2)


@pytest.mark.parametrize(("ra", "dec"), [(0.2, 3.0), (200.0, -59.0), (10.0, 88.0)])
def test_no_cell_is_forgotten_near_a_position(ra, dec, rng):
    center = unit_vectors(ra, dec)
    near = {(cell.band, cell.place) for cell in cells_near(center, radius_deg=3.0, coverage=COVERAGE)}
    points = center + 0.0523 * rng.normal(size=(2000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points = points[points @ center > np.cos(np.deg2rad(3.0))]
    some_ra, some_dec = ra_dec(points)
    bands = np.floor(some_dec + 90).astype(int)
    places = [int(a / 360 * cells_in_band(int(b))) for a, b in zip(some_ra, bands, strict=True)]
    assert set(zip(bands.tolist(), places, strict=True)) <= near


def test_unrelated_sources_have_the_density_of_the_catalog_and_its_slope(rng):
    assert field_density(7.0) == 45.0
    counts = draw_power_law(rng, 20_000, (FAINTEST_COUNTS, LISTED_COUNTS))
    assert counts.min() >= FAINTEST_COUNTS
    assert counts.max() <= LISTED_COUNTS
    above = np.mean(counts > 10)
    expected = (10**-FIELD_SLOPE - 100**-FIELD_SLOPE) / (3**-FIELD_SLOPE - 100**-FIELD_SLOPE)
    assert above == pytest.approx(expected, abs=0.01)


def test_background_photons_are_as_many_as_the_map_says():
    cell = Cell(95, 40, ALWAYS)
    photons = cell.background_photons()
    inside = cell._positions(np.random.default_rng(0), 4000)
    expected = ALWAYS.background(inside).mean() * cell.square_degrees * 3600**2 / 16
    assert len(photons) == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_photons_of_unrelated_sources_are_as_many_as_their_counts():
    cells = [Cell(80, place, ALWAYS) for place in range(12)]
    seen = sum(len(cell.field_photons()) for cell in cells)
    slope, area = FIELD_SLOPE, sum(cell.square_degrees for cell in cells)
    mean = field_density(1.0) * slope / (slope - 1) * (FAINTEST_COUNTS ** (1 - slope) - LISTED_COUNTS ** (1 - slope))
    middles = np.stack([cell.middle for cell in cells])
    expected = mean * area * ALWAYS.exposure(middles).mean() / 120
    assert seen == pytest.approx(expected, rel=0.12)


def test_listed_sources_have_their_densities_and_unique_names():
    cells = [Cell(band, place, COVERAGE) for band in (70, 90) for place in range(120)]
    placed = [entry for cell in cells for entry in cell.sources()]
    area = sum(cell.square_degrees for cell in cells)
    assert len({entry.name for entry in placed}) == len(placed)
    kinds = [entry.source.kind for entry in placed]
    expected = {kind: population.per_square_degree for kind, population in POPULATIONS.items()}
    expected["point"] = field_density(LISTED_COUNTS) - field_density(BRIGHTEST_COUNTS)
    for kind, density in expected.items():
        assert kinds.count(kind) == pytest.approx(density * area, abs=4 * np.sqrt(density * area))


def test_crowding_multiplies_what_is_looked_for_and_what_is_taken_for_it():
    crowded = Coverage(Survey(crowding=4.0), 4)
    count = {
        coverage: [entry.source.kind for place in range(60) for entry in Cell(90, place, coverage).sources()]
        for coverage in (COVERAGE, crowded)
    }
    listed = {name: sum(kind != "point" for kind in kinds) for name, kinds in count.items()}
    points = {name: kinds.count("point") for name, kinds in count.items()}
    assert listed[crowded] == pytest.approx(4 * listed[COVERAGE], rel=0.35)
    assert points[crowded] == pytest.approx(points[COVERAGE], rel=0.35)


def test_a_source_has_the_counts_of_its_rate_and_exposure():
    cell = next(cell for cell in (Cell(90, place, ALWAYS) for place in range(50)) if cell.sources())
    for number, placed in enumerate(cell.sources()):
        if placed.source.kind in ("halo", "point"):
            seconds = float(ALWAYS.exposure(placed.position[None])[0])
            expected = seconds * sum(layer.rate for layer in placed.source.layers)
            assert len(cell.source_photons(number, placed)) == pytest.approx(expected, rel=0.05, abs=5 * expected**0.5)


def test_a_cell_is_a_function_of_seed_and_place_alone():
    one, again, other = Cell(90, 5, COVERAGE), Cell(90, 5, Coverage(Survey(), 4)), Cell(90, 5, Coverage(Survey(), 5))
    np.testing.assert_array_equal(one.field_photons(), again.field_photons())
    np.testing.assert_array_equal(one.background_photons(), again.background_photons())
    assert [entry.name for entry in one.sources()] == [entry.name for entry in again.sources()]
    assert len(one.background_photons()) != len(other.background_photons())


def test_the_galaxy_absorbs_least_towards_its_poles():
    pole, plane = unit_vectors(192.85948, 27.12825), unit_vectors(266.4, -28.9)
    assert galactic_column_cm2(pole) == pytest.approx(2.5e20)
    assert galactic_column_cm2(plane) == 1e22
