"""The catalog's columns and flags say what they mean."""

import numpy as np

from merkhet.io.catalog import Flag, flags_description, make_catalog


def test_every_flag_is_a_bit_of_its_own_and_described():
    assert [flag.value for flag in Flag] == [2**bit for bit in range(13)]
    assert flags_description().startswith("sum of 1: invalid_pixels, 2: no_wcs, 4: reshaped, 8: other_scale, 16: unl")
    assert flags_description().endswith(", 2048: no_exposure, 4096: bad_counts")


def test_known_columns_carry_unit_and_description():
    table = make_catalog(
        {"ra": np.array([1.0]), "p_FRI": np.array([0.5]), "novelty": np.array([0.4]), "x1": np.ones(1)}
    )
    assert (str(table["ra"].unit), table["p_FRI"].description) == ("deg", "probability of FRI")
    assert "above 1: unlike them" in table["novelty"].description
    assert table["x1"].description is None
