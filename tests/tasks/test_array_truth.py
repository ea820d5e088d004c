import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.data import Columns
from merkhet.errors import InputError
from merkhet.tasks.array_truth import ArrayTruth


def make_table(n=60, *, seed=0):
    rng = np.random.default_rng(seed)
    return Table(
        {
            "shower_primary_id": rng.choice([0, 101], n),
            "energy": 10 ** rng.normal(0, 0.7, n),
            "alt": rng.uniform(1.1, 1.3, n),
            "az": rng.uniform(0.1, 0.5, n),
            "pointing_alt": np.full(n, 1.2),
            "pointing_az": np.full(n, 0.3),
        }
    )


def truth_of(**options):
    return ArrayTruth(ArrayEvents(**options), Columns())


def test_targets_are_codes_logarithms_and_offsets_of_astropy():
    table = make_table()
    targets = {name: source.fetch(np.arange(60)) for name, source in truth_of().targets(table).items()}
    np.testing.assert_array_equal(targets["particle"].value, np.asarray(table["shower_primary_id"]) == 0)
    np.testing.assert_allclose(10 ** targets["energy"].value[:, 0].numpy(), table["energy"], rtol=1e-5)
    true = SkyCoord(az=table["az"] * u.rad, alt=table["alt"] * u.rad, frame="altaz")
    pointing = SkyCoord(az=table["pointing_az"] * u.rad, alt=table["pointing_alt"] * u.rad, frame="altaz")
    expected = np.array(
        [[lon.deg, lat.deg] for lon, lat in (p.spherical_offsets_to(t) for p, t in zip(pointing, true, strict=True))]
    )
    np.testing.assert_allclose(targets["direction"].value.numpy(), expected, atol=1e-4)
    assert (targets["particle"].kind, targets["energy"].kind) == ("label", "vector")


def test_what_is_fitted_comes_from_the_signal_alone():
    table = make_table()
    signal = np.asarray(table["shower_primary_id"]) == 0
    table["energy"][~signal] = 1e5
    config = truth_of().resolve(table)
    logarithm = np.log10(np.asarray(table["energy"])[signal])
    assert config.energy_mean == pytest.approx(logarithm.mean(), rel=1e-5)
    assert config.energy_std == pytest.approx(logarithm.std(), rel=1e-5)
    assert config.direction_std is not None


def test_unusable_events_say_why():
    table = make_table(6)
    table["shower_primary_id"][:] = [0, 14, 0, 0, 101, 0]
    table["energy"][2], table["energy"][3], table["alt"][4] = np.nan, 0.0, np.inf
    bad, reasons = truth_of().unusable(table)
    assert bad.tolist() == [False, True, True, True, True, False]
    assert reasons == [
        "shower_primary_id is none of 1, 100, 101, 0",
        "energy is not finite",
        "energy is not positive",
        "alt is not finite",
    ]


def test_a_class_without_training_events_is_refused():
    table = make_table(10)
    table["shower_primary_id"][:] = 0
    with pytest.raises(InputError, match="no training event of class background"):
        truth_of().resolve(table)
    assert truth_of(heads=("energy",)).resolve(table).energy_std > 0


def test_columns_are_those_of_the_heads():
    assert truth_of(heads=("particle",)).needed == ("shower_primary_id",)
    columns = truth_of().truth_columns(make_table(3))
    assert set(columns) == {"true_particle", "true_energy", "true_alt", "true_az"}
    assert columns["true_alt"].max() > 60
    assert truth_of().train_counts(make_table()) == {
        "background": int((make_table()["shower_primary_id"] == 101).sum()),
        "gamma": int((make_table()["shower_primary_id"] == 0).sum()),
    }
