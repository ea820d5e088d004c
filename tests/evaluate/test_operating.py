"""Operating points against a direct count over every threshold."""

import numpy as np
import pytest

from merkhet.evaluate.detection import match_catalog
from merkhet.evaluate.operating import completeness, operate, thresholds_at
from tests.evaluate.detections import make_catalog, make_tiling, make_truth

TILING = make_tiling([(10.0 + 1.5 * n, 0.0) for n in range(5)])


def survey(rng, *, skill=2.0, sources=40, false=60):
    """Sources on five tiles, found with a probability that rises with their ratio, and false alarms."""
    tile = rng.integers(5, size=sources)
    ra, dec = 10.0 + 1.5 * tile + rng.uniform(-0.4, 0.4, sources), rng.uniform(-0.4, 0.4, sources)
    snr = np.exp(rng.uniform(np.log(5), np.log(100), sources))
    kind = rng.choice(["halo", "ring"], sources)
    truth = make_truth(*((*row, "halo", ratio, 30.0) for *row, ratio in zip(ra, dec, kind, snr, strict=True)))
    sure = 1 / (1 + np.exp(-skill * (np.log(snr) - 3) - rng.normal(size=sources)))
    found = rng.uniform(size=sources) < 0.9
    away = 10.0 + 1.5 * rng.integers(5, size=false) + rng.uniform(-0.4, 0.4, false), rng.uniform(-0.4, 0.4, false)
    wrong = rng.beta(1, 3, false)
    rows = [*zip(ra[found], dec[found], sure[found], strict=True), *zip(*away, wrong, strict=True)]
    return match_catalog(make_catalog(*rows), truth, tiling=TILING, source="c", of="t")


@pytest.fixture
def matched(rng):
    return survey(rng)


def repeated(matched, weights, threshold):
    """Count a survey in which each tile stands as often as its weight says."""
    found = total = false = 0
    for tile, times in enumerate(weights):
        mine = matched.truth.tile[matched.truth.positive] == tile
        total += times * mine.sum()
        found += times * (matched.found[mine] > threshold).sum()
        probability, where = matched.false_alarms
        false += times * ((where == tile) & (probability > threshold)).sum()
    return found, total, false


def test_rates_are_those_of_a_direct_count(rng, matched):
    weights = rng.multinomial(5, np.full(5, 0.2), size=20).T.astype(float)
    threshold = rng.uniform(0, 1, 20)
    scored = operate(matched, threshold=threshold, weights=weights)
    for draw in range(20):
        found, total, false = repeated(matched, weights[:, draw], threshold[draw])
        assert scored["completeness all"][draw] == pytest.approx(found / total)
        purity = found / (found + false) if found + false else np.nan
        assert scored["purity"][draw] == pytest.approx(purity, nan_ok=True)
        assert scored["false_alarms_per_tile"][draw] == pytest.approx(false / 5)
        area = matched.areas @ weights[:, draw]
        assert scored["false_alarms_per_square_degree"][draw] == pytest.approx(false / area)


def test_the_threshold_is_the_lowest_that_keeps_the_rate(rng, matched):
    weights = rng.multinomial(5, np.full(5, 0.2), size=10).T.astype(float)
    rates = [0.0, 0.2, 1.0, 3.3, 100.0]
    found = thresholds_at(matched, per_tile=rates, weights=weights)
    candidates = np.append(matched.false_alarms[0], -np.inf)
    for k, rate in enumerate(rates):
        for draw in range(10):
            counts = np.array([repeated(matched, weights[:, draw], t)[2] for t in candidates])
            allowed = candidates[counts <= rate * 5]
            reached = [repeated(matched, weights[:, draw], t)[0] for t in (found[k, draw], allowed.min())]
            assert repeated(matched, weights[:, draw], found[k, draw])[2] <= rate * 5
            assert reached[0] == reached[1]


def test_a_catalog_without_false_alarms_counts_as_a_whole():
    truth = make_truth((10.0, 0.0, "halo", "halo", 9.0, 30.0))
    matched = match_catalog(make_catalog((10.0, 0.0, 0.5)), truth, tiling=TILING, source="c", of="t")
    once = np.ones((5, 1))
    threshold = thresholds_at(matched, per_tile=[0.1], weights=once)[0]
    assert threshold.tolist() == [-np.inf]
    scored = operate(matched, threshold=threshold, weights=once)
    assert scored["completeness all"][0] == scored["purity"][0] == 1
    assert scored["false_alarms_per_tile"][0] == 0


def test_an_empty_catalog_has_no_purity_and_finds_nothing():
    truth = make_truth((10.0, 0.0, "halo", "halo", 9.0, 30.0))
    matched = match_catalog(make_catalog(), truth, tiling=TILING, source="c", of="t")
    scored = operate(matched, threshold=np.full(1, -np.inf), weights=np.ones((5, 1)))
    assert scored["completeness all"][0] == 0
    assert np.isnan(scored["purity"][0])


def test_samples_part_the_sources(matched):
    for name in ("snr", "size", "kind"):
        whole = ("snr >= 10", "snr 5-20")
        parts = [which for sample, which in matched.samples.items() if sample.startswith(name) and sample not in whole]
        np.testing.assert_array_equal(np.sum(parts, axis=0), 1)
    shares = completeness(matched, threshold=np.zeros(1), weights=np.ones((5, 1)), samples=["kind halo"])
    halo = matched.truth.kind[matched.truth.positive] == "halo"
    assert shares["kind halo"][0] == pytest.approx(np.isfinite(matched.found[halo]).mean())
