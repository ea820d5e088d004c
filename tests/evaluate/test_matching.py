"""Detections against the truth: tolerance, one to one, what is ignored, what false alarms are."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.errors import InputError
from merkhet.evaluate.matching import Outcome, match, read_detections, read_truth
from tests.evaluate.detections import ARCSEC, make_catalog, make_tiling, make_truth

TILING = make_tiling()


def matched(catalog, truth, tiling=TILING):
    detections = read_detections(catalog, tiling, source="catalog")
    listed = read_truth(truth, tiling, source="truth")
    return match(detections, listed, separate=tiling.separate)


def outcomes(found):
    return [Outcome(value).name for value in found.outcome]


@pytest.mark.parametrize(
    ("size", "away", "outcome"),
    [(10.0, 59, "HIT"), (10.0, 61, "FALSE"), (400.0, 199, "HIT"), (400.0, 201, "FALSE"), (np.nan, 59, "HIT")],
)
def test_the_tolerance_is_an_arcminute_or_half_the_size(size, away, outcome):
    truth = make_truth((10.0, 0.0, "halo", "halo", 9.0, size))
    assert outcomes(matched(make_catalog((10.0, away * ARCSEC, 0.5)), truth)) == [outcome]


def test_one_to_one_the_most_probable_first():
    truth = make_truth((10.0, 0.0, "halo", "halo", 9.0, 100.0))
    found = matched(make_catalog((10.0, 0.0, 0.5), (10.0, 20 * ARCSEC, 0.9)), truth)
    assert outcomes(found) == ["FALSE", "HIT"]
    assert found.detection.tolist() == [1]
    assert found.cause.tolist() == ["duplicate", ""]
    assert found.separation_arcsec[1] == pytest.approx(20, rel=1e-6)


def test_what_is_ignored_is_neither_hit_nor_false():
    truth = make_truth(
        (9.8, 0.0, "halo", "unclear", 3.0, 100.0),
        (10.0, 0.0, "ring", "halo", 30.0, 900.0),
        (12.0, 0.0, "halo", "halo", 30.0, 7200.0),  # on no tile
    )
    truth["whole"] = [True, False, True]
    catalog = make_catalog((9.8, 0.0, 0.5), (9.8, 0.001, 0.4), (10.0, 0.0, 0.5), (11.3, 0.0, 0.5))
    assert outcomes(matched(catalog, truth)) == ["IGNORED"] * 4


def test_false_alarms_are_named():
    truth = make_truth(
        (9.8, 0.0, "cluster", "none", 0.0, np.nan),
        (10.0, 0.0, "halo", "none", 1.0, 100.0),
        (10.2, 0.0, "ring", "halo", 30.0, 100.0),
    )
    places = [9.8, 10.0, 10.2 + 70 * ARCSEC, 10.2 + 400 * ARCSEC, 10.2]
    catalog = make_catalog(*((ra, 0.0, 0.5) for ra in places), (40.0, 0.0, 0.5))
    found = matched(catalog, truth)
    assert outcomes(found) == ["FALSE"] * 4 + ["HIT", "OUTSIDE"]
    assert found.cause.tolist() == ["cluster", "faint halo", "part of a ring", "nothing listed", "", ""]


def test_a_confuser_nearby_does_not_pass_for_a_large_ring():
    truth = make_truth((10.0, 0.0, "ring", "halo", 30.0, 1000.0), (10.05, 0.0, "cluster", "none", 0.0, np.nan))
    assert outcomes(matched(make_catalog((10.05, 0.0, 0.9)), truth)) == ["FALSE"]


def test_copies_of_one_sky_are_kept_apart():
    tiling = make_tiling([(10.0, 0.0), (10.0, 0.0)], separate=True)
    truth = make_truth((10.0, 0.0, "halo", "halo", 9.0, 100.0))
    truth["image"] = ["0.fits"]
    catalog = make_catalog((10.0, 0.0, 0.9), (10.0, 0.0, 0.5))
    catalog["image"] = ["1.fits", "0.fits"]
    assert outcomes(matched(catalog, truth, tiling)) == ["FALSE", "HIT"]


ROWS = st.lists(
    st.tuples(st.floats(9.9, 10.1), st.floats(-0.1, 0.1), st.floats(0, 1)), max_size=12, unique_by=lambda row: row[2]
)
SOURCES = st.lists(
    st.tuples(st.floats(9.9, 10.1), st.floats(-0.1, 0.1), st.sampled_from(["halo", "none", "unclear"])), max_size=6
)


@settings(max_examples=30)
@given(rows=ROWS, sources=SOURCES.filter(len), threshold=st.floats(0, 1))
def test_a_threshold_changes_nothing_above_it(rows, sources, threshold):
    truth = make_truth(*((ra, dec, "halo", label, 9.0, 300.0) for ra, dec, label in sources))
    above = [row for row in rows if row[2] > threshold]
    both = matched(make_catalog(*rows), truth)
    alone = matched(make_catalog(*above), truth)
    kept = np.array([row[2] > threshold for row in rows], dtype=bool)
    np.testing.assert_array_equal(both.outcome[kept], alone.outcome)
    np.testing.assert_array_equal(both.truth[kept], alone.truth)


@settings(max_examples=30)
@given(rows=ROWS, sources=SOURCES.filter(len))
def test_hits_are_pairs_within_the_tolerance(rows, sources):
    truth = make_truth(*((ra, dec, "halo", label, 9.0, 300.0) for ra, dec, label in sources))
    catalog = make_catalog(*rows)
    found = matched(catalog, truth)
    hit = np.flatnonzero(found.outcome == Outcome.HIT)
    assert len(set(found.truth[hit].tolist())) == len(hit)
    np.testing.assert_array_equal(found.detection[found.truth[hit]], hit)
    if len(hit):
        a, b = (SkyCoord(t["ra"], t["dec"], unit="deg") for t in (catalog[hit], truth[found.truth[hit]]))
        np.testing.assert_allclose(a.separation(b).arcsec, found.separation_arcsec[hit], atol=1e-3)
        assert (found.separation_arcsec[hit] <= 150).all()
        assert (truth["label"][found.truth[hit]] == "halo").all()


def test_bad_tables_are_one_line():
    with pytest.raises(InputError, match=r"c\.csv: probability 1\.5; expected probabilities between 0 and 1"):
        read_detections(make_catalog((10.0, 0.0, 1.5)), TILING, source="c.csv")
    truth = make_truth((10.0, 0.0, "halo", "halo", 9.0, 1.0))
    del truth["snr"]
    with pytest.raises(InputError, match=r"t\.csv: has no column 'snr'"):
        read_truth(truth, TILING, source="t.csv")
