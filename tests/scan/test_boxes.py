"""The detector without learning: halos and rings are found, what is none is not."""

from dataclasses import replace

import numpy as np
import pytest

from merkhet.errors import InputError
from merkhet.scan.box_profiles import find_profiles, fit_halos
from merkhet.scan.box_sky import find_sky
from merkhet.scan.boxes import BoxDetector
from merkhet.scan.detectors import find_detector
from merkhet.scan.field import Field
from merkhet.simulate.halos.psf import King
from tests.scan.halo_tiles import field_of, halo, ring, star, tile_of


def best(field):
    candidates = BoxDetector().detect(field).candidates
    return candidates[np.argmax(candidates["score"])] if len(candidates) else None


def test_a_halo_is_found(rng):
    found = best(field_of(rng, (200.0, 300.0, halo(6000.0))))
    assert found["label"] == "halo"
    assert found["probability"] > 0.9
    assert np.hypot(found["x"] - 200, found["y"] - 300) < 2
    assert 60 < found["size_arcsec"] < 400  # half of it lies within 154 arcsec at 1 keV


@pytest.mark.parametrize("alpha", [1.45, 1.7])
def test_a_point_source_is_no_halo_whatever_its_wings(rng, alpha):
    found = best(field_of(rng, (200.0, 300.0, star(6000.0, psf=King(9.5, alpha)))))
    assert found is None or found["probability"] < 0.3


def test_a_cluster_of_galaxies_is_no_halo(rng):
    found = best(field_of(rng, (200.0, 300.0, star(1500.0, psf=King(45.0, 1.5)))))
    assert found is None or found["probability"] < 0.3


def test_a_ring_is_found(rng):
    found = best(field_of(rng, (250.0, 260.0, ring(rng, 500, radius=400.0))))
    assert found["label"] == "ring"
    assert found["probability"] > 0.9
    assert np.hypot(found["x"] - 250, found["y"] - 260) < 15
    assert found["size_arcsec"] == pytest.approx(400, rel=0.2)


def test_an_arc_is_no_ring(rng):
    found = best(field_of(rng, (250.0, 260.0, ring(rng, 300, radius=500.0, share=0.2))))
    assert found is None or found["probability"] < 0.5


def test_the_empty_sky_is_empty(rng):
    candidates = BoxDetector().detect(field_of(rng)).candidates
    assert {"x", "y", "size_arcsec", "score", "probability", "label", "scale_px", "flags"} <= set(candidates.colnames)
    assert (candidates["probability"] < 0.5).all()


def test_significance_rises_with_the_halo(rng):
    sigma = []
    for photons in (1000.0, 4000.0, 16000.0):
        level = field_of(rng, (256.0, 256.0, halo(photons))).level(1)
        sky = find_sky(level, psf=King())
        at = np.argmax(sky.sources.counts)
        x, y, counts = (values[at : at + 1] for values in (sky.sources.x, sky.sources.y, sky.sources.counts))
        sigma.append(fit_halos(find_profiles(sky, x, y, own=counts, psf=King())).sigma[0])
    assert sigma == sorted(sigma)
    assert sigma[-1] > 10


def test_candidates_lie_on_the_tile_and_apart(rng):
    things = [(x, 60.0, halo(3000.0)) for x in (5.0, 250.0, 500.0)]
    candidates = BoxDetector().detect(field_of(rng, *things)).candidates
    x, y = np.asarray(candidates["x"]), np.asarray(candidates["y"])
    assert ((x >= -0.5) & (x < 511.5) & (y >= -0.5) & (y < 511.5)).all()
    away = np.hypot(x[:, None] - x, y[:, None] - y)[~np.eye(len(x), dtype=bool)]
    assert away.min() > 2


def test_a_tile_without_a_scale_is_refused(rng):
    tile = replace(tile_of(rng, side=64), pixel_arcsec=np.nan)
    with pytest.raises(InputError, match=r"tile\.fits: its pixel scale is not known"):
        BoxDetector().detect(Field(tile))


def test_it_has_a_name_of_its_own():
    assert isinstance(find_detector("boxes"), BoxDetector)


def test_a_bright_ring_is_not_a_crowd_of_faint_ones(rng):
    candidates = BoxDetector().detect(field_of(rng, (256.0, 256.0, ring(rng, 8000, radius=600.0)))).candidates
    assert (candidates["probability"] > 0.5).sum() == 1
