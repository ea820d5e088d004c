"""Fixed-point columns against a writer made of the description of ctapipe's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.cherenkov.columns import FixedPoint
from tests.io.cherenkov.files import stored_as_integers

KINDS = [np.uint16, np.int16, np.int32, np.uint8]


@given(
    st.lists(st.floats(-30, 30), min_size=1),
    st.sampled_from(KINDS[:3]),
    st.sampled_from([1, 10, 100]),
    st.integers(3000, 5000),
)
def test_values_come_back_to_half_a_step(values, kind, scale, offset):
    values = np.array(values, dtype=np.float32)
    stored, attributes = stored_as_integers(values, 3, scale=scale, offset=offset, dtype=kind)
    transform = FixedPoint.of(attributes, 3, np.dtype(kind))
    assert transform is not None
    decoded = transform.decode(stored)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, values, atol=0.5 / scale + 1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written", [True, False])
def test_what_is_not_a_number_has_its_own_integers(kind, written):
    values = np.array([np.nan, np.inf, -np.inf, 2.0])
    stored, attributes = stored_as_integers(values, 0, scale=10, offset=100, dtype=kind)
    if not written:  # as older versions do: the integers follow from the type
        attributes = {key: value for key, value in attributes.items() if "VALUE" not in key}
    transform = FixedPoint.of(attributes, 0, np.dtype(kind))
    assert transform is not None
    np.testing.assert_array_equal(transform.decode(stored), values)


def test_long_integers_keep_their_digits():
    transform = FixedPoint(scale=1000.0, offset=2.0**30, nan=-1, posinf=-2, neginf=-3)
    assert transform.decode(np.array([2**30 + 1], dtype=np.int32))[0] == np.float32(0.001)


def test_a_column_of_another_place_is_as_it_is():
    _, attributes = stored_as_integers(np.zeros(1), 3, scale=10, offset=0, dtype=np.uint16)
    assert FixedPoint.of(attributes, 2, np.dtype(np.uint16)) is None
    assert FixedPoint.of({**attributes, "CTAFIELD_33_TRANSFORM_SCALE": 2.0}, 4, np.dtype(np.uint16)) is None
