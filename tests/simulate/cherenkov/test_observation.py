import numpy as np
import pytest

from merkhet.errors import ConfigError
from merkhet.simulate.cherenkov import Observation


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy_min_tev": 0.0}, "energy_min_tev is 0.0; expected 0.01 to 1000"),
        ({"energy_min_tev": 5.0, "energy_max_tev": 1.0}, "below energy_max_tev"),
        ({"gamma_share": 0.8, "electron_share": 0.5}, "sum to 1.3"),
        ({"gammas": "ring"}, "expected diffuse or point"),
        ({"core_radius_m": float("nan")}, "core_radius_m is nan"),
    ],
)
def test_options_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        Observation(**changes)


def test_shares_are_those_of_three_primaries():
    assert Observation(gamma_share=0.5, electron_share=0.2).shares() == pytest.approx(
        {"gamma": 0.5, "electron": 0.2, "proton": 0.3}
    )
    np.testing.assert_allclose(np.rad2deg(Observation().pointing), [70, 180])
