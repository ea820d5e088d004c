"""Cross-match with known sources."""

import numpy as np
import pytest
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.scan.known import Known


def write(tmp_path, **columns):
    path = tmp_path / "known.ecsv"
    Table(columns).write(path, format="ascii.ecsv")
    return path


def catalog(ra, dec, size):
    return Table({"ra": ra, "dec": dec, "size_arcsec": size})


def test_the_nearest_known_source_within_the_radius_is_named(tmp_path):
    dec = np.array([10.0, 10.0, 10.02, 40.0])
    path = write(tmp_path, Name=["a", "b", "c", "d"], RAJ2000=[359.999, 20.0, 20.0, np.nan], DEJ2000=dec)
    found = catalog([0.001, 20.0, 20.0, 60.0, np.nan], [10.0, 10.011, 10.002, 10.0, 10.0], [10.0, 50.0, np.nan, 900, 9])
    matched = Known(path).match(found)
    assert matched["known_id"].tolist() == ["a", "c", "b", "", ""]
    assert matched["known_separation"][0] == pytest.approx(0.002 * 3600 * np.cos(np.deg2rad(10)), rel=1e-5)
    assert matched["known_separation"][1] == pytest.approx(0.009 * 3600, rel=1e-5)
    assert np.isnan(matched["known_separation"][3:]).all()
    assert matched["known_separation"].unit == "arcsec"
    assert found.colnames == ["ra", "dec", "size_arcsec"]


def test_units_count_and_rows_are_numbered_without_names(tmp_path):
    table = Table({"RA": [1.0, 2.0], "Dec": [5.0, 5.0]})
    table["RA"].unit = "hourangle"
    table.write(tmp_path / "k.ecsv", format="ascii.ecsv")
    matched = Known(tmp_path / "k.ecsv").match(catalog([30.0, 31.0], [5.0, 5.0], [60.0, 60.0]))
    assert matched["known_id"].tolist() == ["2", ""]


def test_none_known_and_none_found_are_tables_too(tmp_path):
    path = write(tmp_path, ra=np.empty(0), dec=np.empty(0))
    assert Known(path).match(catalog([1.0], [1.0], [60.0]))["known_id"].tolist() == [""]
    empty = Known(path).match(catalog(np.empty(0), np.empty(0), np.empty(0)))
    assert empty.colnames[-2:] == ["known_id", "known_separation"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1.0], "dec": [1.0]}, "has no column for ra; there are x, dec; expected one of ra, raj2000"),
        ({"ra": [1.0]}, "has no column for dec"),
        ({"ra": ["05:35:17"], "dec": [1.0]}, "column 'ra' holds text; expected degrees"),
    ],
)
def test_what_is_no_list_of_positions_is_refused(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        Known(write(tmp_path, **columns))


def test_a_unit_that_is_no_angle_is_refused(tmp_path):
    table = Table({"ra": [1.0], "dec": [5.0]})
    table["ra"].unit = "Jy"
    table.write(tmp_path / "k.ecsv", format="ascii.ecsv")
    with pytest.raises(InputError, match="column 'ra' is in Jy; expected an angle"):
        Known(tmp_path / "k.ecsv")
