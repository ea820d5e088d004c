"""Sources that are put into a tile: as strong as asked for, in their place, with the photons of the truth."""

import numpy as np
import pytest

from merkhet.errors import ConfigError, InputError
from merkhet.scan.injected import LEAST_MARGIN_ARCSEC, Canvas, Injection, draw_source, sensible_number
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.sphere import ARCSEC, ra_dec
from tests.scan.halo_tiles import tile_of
from tests.scan.surveys import make_tile, make_wcs


@pytest.fixture(scope="module")
def canvas():
    return Canvas(tile_of(np.random.default_rng(1), side=400, rate=0.01))


@pytest.mark.parametrize("kind", ["halo", "ring"])
def test_sources_are_as_strong_as_asked_for(rng, canvas, kind):
    injection = Injection(snr=(12.0, 14.0), kind=kind)
    for _ in range(3):
        drawn = draw_source(rng, canvas, injection=injection, taken=[])
        signal = drawn.signal
        assert 11.9 < signal.snr < 14.1
        assert signal.snr == pytest.approx(signal.halo / np.sqrt(signal.halo + signal.psf + signal.background))
        assert drawn.source.kind == kind
        assert signal.label == "halo"


def test_the_photons_are_those_of_the_truth(rng, canvas):
    drawn = draw_source(rng, canvas, injection=Injection(snr=(25.0, 30.0), psf=King(5.0, 1.6)), taken=[])
    ra, dec = ra_dec(drawn.position)
    x, y = canvas.tile.wcs.world_to_pixel_values(ra, dec)
    counts = np.sum([canvas.count(rng, drawn) for _ in range(20)], axis=0) / 20
    row, column = np.mgrid[:400, :400]
    radius = np.hypot(column - x, row - y) * canvas.tile.pixel_arcsec
    within = (radius > drawn.signal.inner_arcsec) & (radius < drawn.signal.outer_arcsec)
    assert counts[within].sum() == pytest.approx(drawn.signal.halo + drawn.signal.psf, rel=0.1)


def test_sources_keep_away_from_the_edge_and_from_each_other(rng, canvas):
    taken: list[np.ndarray] = []
    for _ in range(4):
        drawn = draw_source(rng, canvas, injection=Injection(), taken=taken)
        x, y = canvas.tile.wcs.world_to_pixel_values(*ra_dec(drawn.position))
        room = min(x, y, 399 - x, 399 - y) * canvas.tile.pixel_arcsec
        assert room > max(LEAST_MARGIN_ARCSEC, drawn.source.size_arcsec) - 40  # blocks of pixels
        for other in taken:
            assert np.arccos(drawn.position @ other) / ARCSEC > LEAST_MARGIN_ARCSEC
        taken.append(drawn.position)


def test_a_gap_between_chips_is_no_edge():
    counts = np.zeros((256, 256), dtype=np.float32)
    valid = np.ones_like(counts, dtype=bool)
    valid[124:132, 40:200] = False
    canvas = Canvas(make_tile(counts, valid=valid, wcs=make_wcs(shape=(256, 256))))
    assert canvas.room_arcsec.max() > 100 * canvas.tile.pixel_arcsec


def test_no_photon_falls_where_nothing_was_exposed(rng):
    valid = np.ones((400, 400), dtype=bool)
    valid[:, 200:] = False
    canvas = Canvas(make_tile(np.zeros((400, 400), dtype=np.float32), valid=valid, wcs=make_wcs(shape=(400, 400))))
    drawn = draw_source(rng, canvas, injection=Injection(), taken=[])
    counts = canvas.count(rng, drawn)
    assert counts[:, :200].sum() > 0
    assert counts[:, 200:].sum() == 0


def test_a_tile_without_room_or_wcs_is_one_line(rng):
    small = Canvas(tile_of(rng, side=32))
    with pytest.raises(InputError, match="no room for a halo"):
        draw_source(rng, small, injection=Injection(), taken=[])
    with pytest.raises(InputError, match="has no celestial WCS"):
        Canvas(make_tile(np.zeros((32, 32))))


def test_a_tenth_of_a_square_degree_bears_one(canvas):
    assert sensible_number(canvas) == int(10 * (400 * 4 / 3600) ** 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": 0}, "number 0"),
        ({"per_image": 0}, "per image 0"),
        ({"snr": (30.0, 10.0)}, "snr is 30 to 10; expected rising"),
        ({"psf": King(5.0, 1.0)}, "alpha above 1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Injection(**options)
