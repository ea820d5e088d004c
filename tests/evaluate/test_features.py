"""Columns as numbers: what is missing is NaN, and what training does not know is missing."""

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from astropy.time import Time

from merkhet.errors import InputError
from merkhet.evaluate.features import MOST_CATEGORIES, encode


def both(train, rows, dtype=None):
    return encode(Table({"a": np.array(train, dtype=dtype)}), Table({"a": np.array(rows, dtype=dtype)}))


def test_numbers_stay_what_they_are():
    known, asked, is_text = both([1, 2, 3], [4, 5, 6])
    assert known.ravel().tolist() == [1, 2, 3]
    assert asked.ravel().tolist() == [4, 5, 6]
    assert known.dtype == np.float64
    assert not is_text[0]


def test_texts_become_categories_of_the_training_rows():
    known, asked, is_text = both(["VLA", "GMRT", "VLA", " GMRT "], ["GMRT", "MeerKAT", "VLA"])
    assert known.ravel().tolist() == [1, 0, 1, 0]
    np.testing.assert_array_equal(asked.ravel(), [0, np.nan, 1])
    assert is_text[0]


@pytest.mark.parametrize("missing", ["", None])
def test_empty_texts_are_missing(missing):
    known, asked, _ = both(["x", missing], [missing, "x"], dtype=object)
    np.testing.assert_array_equal(known.ravel(), [0, np.nan])
    np.testing.assert_array_equal(asked.ravel(), [np.nan, 0])


def test_masked_and_infinite_values_are_missing():
    numbers = MaskedColumn([1.0, 2.0, np.inf, np.nan], mask=[False, True, False, False])
    texts = MaskedColumn(["p", "q", "p", "q"], mask=[False, True, False, False])
    known, _, _ = encode(Table({"n": numbers, "t": texts}), Table({"n": numbers, "t": texts}))
    np.testing.assert_array_equal(known, [[1, 0], [np.nan, np.nan], [np.nan, 0], [np.nan, 1]])


def test_flags_bytes_and_quantities():
    table = Table({"flag": [True, False], "bytes": np.array([b"x", b"y"]), "flux": [1.0, 2.0] * np.array(1)})
    table["flux"].unit = "Jy"
    known, _, is_text = encode(table, table)
    assert known.tolist() == [[1, 0, 1], [0, 1, 2]]
    assert is_text.tolist() == [False, True, False]


def test_a_column_without_any_value():
    known, asked, _ = both(["", ""], ["x", ""])
    assert np.isnan(known).all()
    assert np.isnan(asked).all()


def test_the_rarest_of_too_many_texts_are_missing():
    names = [f"field {n:03d}" for n in range(MOST_CATEGORIES + 20)]
    known, asked, _ = both(names + names[20:], names)
    assert np.isnan(asked.ravel()[:20]).all()
    assert len(np.unique(known[np.isfinite(known)])) == MOST_CATEGORIES


@pytest.mark.parametrize(
    ("train", "rows", "message"),
    [
        (Table(), Table(), "none are named"),
        (Table({"a": [1]}), Table({"b": [1]}), "no column 'a'; expected the columns a"),
        (Table({"a": [1]}), Table({"a": ["x"]}), "column 'a' is text in one table and numbers in the other"),
        (Table({"a": [[1, 2]]}), Table({"a": [[1, 2]]}), r"column 'a' holds int64 of shape \(1, 2\)"),
        (Table({"a": [1j]}), Table({"a": [1j]}), "holds complex128"),
        (Table({"a": Time(["2020-01-01"])}), Table({"a": Time(["2020-01-01"])}), "column 'a' holds"),
    ],
)
def test_columns_that_cannot_be_used(train, rows, message):
    with pytest.raises(InputError, match=message):
        encode(train, rows)
