import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Column, MaskedColumn, QTable, Table
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from merkhet.config.data import Between
from merkhet.errors import InputError, OutputError
from merkhet.io.tables import read_table, require_columns, select_rows, write_table

SUFFIXES = (".csv", ".ecsv", ".fits", ".fit", ".fits.gz", ".vot", ".xml", ".votable", ".parquet")
TYPED = [".ecsv", ".fits", ".vot", ".parquet"]

# -- round trips ----------------------------------------------------------------------------------------------------

_INTEGERS = {".vot": ["uint8", "int16", "int32", "int64"], ".csv": ["int16", "int64", "uint32"]}
_ALL_INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]


@st.composite
def _columns(draw: Any, suffix: str, rows: int, name: str) -> Column:
    kind = draw(st.sampled_from("bifU"))
    mask = draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    cells: st.SearchStrategy[Any]
    if kind == "i":
        info = np.iinfo(draw(st.sampled_from(_INTEGERS.get(suffix, _ALL_INTEGERS))))
        cells, dtype = st.integers(int(info.min), int(info.max)), info.dtype
    elif kind == "f":
        dtype = np.dtype(draw(st.sampled_from(["float32", "float64"])))
        cells = st.floats(width=32 if dtype.itemsize == 4 else 64, allow_subnormal=False)
    elif kind == "U":
        cells, dtype = _texts(suffix), np.dtype(str)
    else:
        cells, dtype = st.booleans(), np.dtype(bool)
    values = np.array(draw(st.lists(cells, min_size=rows, max_size=rows)), dtype=dtype)
    gaps = kind in ("i" if suffix == ".fits" else "bi") and draw(st.booleans()) and any(mask)
    return MaskedColumn(values, name=name, mask=mask) if gaps else Column(values, name=name)


def _texts(suffix: str) -> st.SearchStrategy[str]:
    characters = st.characters(min_codepoint=32, max_codepoint=126)
    if suffix != ".fits":
        characters |= st.sampled_from("éßΩ中🔭\n")
    texts = st.text(characters, max_size=8).map(str.strip)
    if suffix == ".ecsv":
        texts = texts.filter(lambda text: "#" not in text)
    return texts.map(lambda text: "x" + text) if suffix == ".csv" else texts  # text like '12' is a number in CSV


@st.composite
def _tables(draw: Any, suffix: str) -> Table:
    rows = draw(st.integers(0, 5))
    names = draw(st.lists(st.sampled_from(["a", "b b", "C-1", "d.e", "_f"]), min_size=1, max_size=4, unique=True))
    columns = [draw(_columns(suffix, rows, name)) for name in names]
    for column in columns:
        column.unit = draw(st.sampled_from([None, "deg", "Jy / beam", "arcsec"]))
        column.description = draw(st.sampled_from([None, "what it is", "probability of 'x', if any"]))
    return Table(columns)


def assert_same(seen: Table, expected: Table, *, exact: bool = True) -> None:
    assert seen.colnames == expected.colnames
    assert len(seen) == len(expected)
    for name in expected.colnames:
        was, now = expected[name], seen[name]
        mask = np.ma.getmaskarray(was.data)
        np.testing.assert_array_equal(np.ma.getmaskarray(now.data), mask)
        np.testing.assert_array_equal(np.ma.getdata(now.data)[~mask], np.ma.getdata(was.data)[~mask].astype(now.dtype))
        if exact:
            assert now.dtype.kind == was.dtype.kind and now.dtype.isnative
            assert (now.unit, now.description) == (was.unit, was.description)


@pytest.mark.parametrize("suffix", TYPED)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_typed_formats_give_back_what_was_written(tmp_path, suffix, data):
    table = data.draw(_tables(suffix))
    path = write_table(table, tmp_path / f"t{suffix}", overwrite=True)
    assert_same(read_table(path), table)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=_tables(".csv"))
def test_csv_gives_back_the_values(tmp_path, table):
    assume(len(table))
    path = write_table(table, tmp_path / "t.csv", overwrite=True)
    seen = read_table(path)
    for name in table.colnames:
        if np.ma.getmaskarray(table[name].data).all():  # a column of empty cells has lost its kind
            assert set(seen[name]) == {""}
            del seen[name], table[name]
    assert_same(seen, table, exact=False)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_rows_is_written_and_read(tmp_path, suffix):
    table = Table(names=("id", "ra", "n", "good"), dtype=(str, float, int, bool))
    seen = read_table(write_table(table, tmp_path / f"t{suffix}"))
    assert len(seen) == 0 and seen.colnames == table.colnames
    if suffix != ".csv":
        assert [seen[name].dtype.kind for name in seen.colnames] == ["U", "f", "i", "b"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_values_take_one_form_whatever_the_format(tmp_path, suffix):
    gaps = [False, True, False]
    table = Table(
        {
            "f": MaskedColumn([1.5, 2.5, np.nan], mask=gaps),
            "s": MaskedColumn(["x", "y", ""], mask=gaps),
            "i": MaskedColumn([1, 999999, -(2**63)], mask=gaps),
        }
    )
    seen = read_table(write_table(table, tmp_path / f"t{suffix}"))
    np.testing.assert_array_equal(np.asarray(seen["f"]), [1.5, np.nan, np.nan])
    assert list(seen["s"]) == ["x", "", ""] and not isinstance(seen["s"], MaskedColumn)
    assert list(seen["i"].mask) == gaps and seen["i"][2] == -(2**63)


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot", ".parquet"])
def test_vectors_are_kept(tmp_path, rng, suffix):
    table = Table({"p": rng.random((4, 3)).astype("f4")})
    if suffix != ".vot":
        table["q"] = rng.integers(0, 9, (4, 2, 3))
    seen = read_table(write_table(table, tmp_path / f"t{suffix}"))
    for name in table.colnames:
        np.testing.assert_array_equal(seen[name], table[name])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("break_", ["\r", "\r\n", "\x07", "\x1c", "\x85", "\u2028", "\t", "\n"])
def test_text_that_would_break_a_line_or_a_file_does_not(tmp_path, suffix, break_):
    if not break_.isascii() and ".fit" in suffix:
        pytest.skip("FITS refuses text beyond ASCII")
    table = Table({"first": [f"a{break_}b", "x"], "n": [1, 2]})
    seen = read_table(write_table(table, tmp_path / f"t{suffix}"))
    assert [cell.split() for cell in seen["first"]] == [["a", "b"], ["x"]] and list(seen["n"]) == [1, 2]
    if break_ in "\t\n":
        assert seen["first"][0] == f"a{break_}b"
    assert table["first"][0] == f"a{break_}b"


@pytest.mark.parametrize("suffix", [".ecsv", ".parquet"])
def test_meta_is_kept(tmp_path, suffix):
    table = Table({"a": [1]}, meta={"seed": 3, "model": {"hash": "ab"}, "bands": [1, 2]})
    assert read_table(write_table(table, tmp_path / f"t{suffix}")).meta == table.meta


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_quantities_bytes_and_display_formats_are_written_exactly(tmp_path, suffix):
    table = QTable({"ra": [10.123456789, 20.0] * u.deg, "name": np.array([b"a", b"bc"])})
    table["ra"].info.format = ".1f"
    seen = read_table(write_table(table, tmp_path / f"t{suffix}"))
    assert list(seen["ra"]) == [10.123456789, 20.0] and list(seen["name"]) == ["a", "bc"]
    assert seen["ra"].unit == (None if suffix == ".csv" else u.deg)
    assert isinstance(table["ra"], u.Quantity) and table["ra"].info.format == ".1f" and table["name"].dtype.kind == "S"


def test_parquet_keeps_units_between_us_and_astropy(tmp_path):
    table = Table({"ra": Column([1.0], unit="deg", description="right ascension"), "name": ["ab"]})
    write_table(table, tmp_path / "ours.parquet")
    schema = pq.read_schema(tmp_path / "ours.parquet")
    assert b"unit: deg" in schema.metadata[b"table_meta_yaml"] and schema.metadata[b"table::len::name"] == b"2"
    table.write(tmp_path / "theirs.parquet", format="parquet")
    assert_same(read_table(tmp_path / "theirs.parquet"), table)


# -- reading CSV ----------------------------------------------------------------------------------------------------


def csv(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2", ""], [1, -2, None]),
        (["1", "2.5", ""], [1.0, 2.5, np.nan]),
        (["nan", "inf", "1e3"], [np.nan, np.inf, 1000.0]),
        (["true", "False", ""], [True, False, None]),
        (["0201903501", "0201901401"], ["0201903501", "0201901401"]),
        (["0", "10", "05"], ["0", "10", "05"]),
        (["05.5", "10.25"], [5.5, 10.25]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["0x10", "1"], ["0x10", "1"]),
        (["2020-01-01", "2021-05-05"], ["2020-01-01", "2021-05-05"]),
        (["12:34:56", "01:02"], ["12:34:56", "01:02"]),
        ([" 1", "2 "], [1, 2]),
        (["NA", "x"], ["NA", "x"]),
        (["", ""], ["", ""]),
        (["1", "x"], ["1", "x"]),
    ],
)
def test_csv_kinds(tmp_path, cells, values):
    content = "k,other\n" + "".join(f"{cell},z\n" for cell in cells)
    column = read_table(csv(tmp_path, content))["k"]
    assert [None if cell is np.ma.masked else cell for cell in column] == pytest.approx(values, nan_ok=True)
    assert {type(cell.item()) for cell in column if cell is not np.ma.masked} == {
        type(value) for value in values if value is not None
    }


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x\n2,y\n",
        "\ufeffa,b\r\n1,x\r\n2,y",
        "\n\na , b\n1, x\n\n2,y\n\n",
        '"a","b"\n"1","x"\n"2","y"\n',
    ],
)
def test_csv_dialects(tmp_path, content):
    table = read_table(csv(tmp_path, content))
    assert table.colnames == ["a", "b"] and list(table["a"]) == [1, 2] and list(table["b"]) == ["x", "y"]


def test_csv_quoted_commas_newlines_and_unnamed_columns(tmp_path):
    table = read_table(csv(tmp_path, ',"b\nc"\n0,"x, ""y""\nz"\n'))
    assert table.colnames == ["column_1", "b\nc"] and table[1 - 1]["b\nc"] == 'x, "y"\nz'


# -- damaged and foreign files --------------------------------------------------------------------------------------


def refused(path: Path, match: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=match) as caught:
            read_table(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b"\n\n", "empty lines"),
        (b"a,a\n1,2\n", "'a' stands there twice"),
        (b"a,b\n1,2\n3\n", r"Row #3: Expected 2 columns, got 1"),
        (b"a,b\n1,2,3\n", r"Row #2: Expected 2 columns, got 3"),
        (b"a,b\n1,\xff\xfe\n", "UTF-?8|utf-8"),
        (b"a,\xe9\n1,2\n", "utf-8"),
    ],
)
def test_bad_csv(tmp_path, content, match):
    refused(csv(tmp_path, content), match)


@pytest.mark.parametrize("suffix", TYPED)
def test_truncated_empty_and_foreign_files(tmp_path, rng, suffix):
    path = tmp_path / f"t{suffix}"
    write_table(Table({"a": rng.normal(size=2000), "b": [f"name {n}" for n in range(2000)]}), path)
    content = path.read_bytes()
    for part in (content[: len(content) // 2], content[:-3000], b"<html><body>404</body></html>", b"\xff" * 100):
        path.write_bytes(part)
        refused(path, "cannot be read as|has no")
    path.write_bytes(b"")
    refused(path, "empty")


def test_missing_folder_and_unknown_suffix(tmp_path):
    refused(tmp_path / "none.csv", "no such file")
    (tmp_path / "folder.csv").mkdir()
    refused(tmp_path / "folder.csv", "is a folder")
    refused(tmp_path / "t.xlsx", r"'\.xlsx' is no table format; expected one of \.csv, .*\.parquet")


def test_names_that_stand_twice_are_refused_in_every_format(tmp_path):
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", "'a' stands there twice")
    for suffix, old, new in ((".vot", b'"b"', b'"a"'), (".fits", b"TTYPE2  = 'b", b"TTYPE2  = 'a"),
                             (".ecsv", b"name: b", b"name: a")):  # fmt: skip
        path = write_table(Table({"a": [1], "b": [2]}), tmp_path / f"t{suffix}")
        path.write_bytes(path.read_bytes().replace(old, new).replace(b"\na b\n", b"\na a\n"))
        refused(path, "twice|already used|[Dd]uplicate")


def test_fits_without_a_table(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    refused(tmp_path / "image.fits", "No table found")


def test_parquet_of_other_makers(tmp_path):
    arrow = pa.table(
        {
            "category": pa.array(["x", "y", None]).dictionary_encode(),
            "day": pa.array([0, 1, None], pa.date32()),
            "money": pa.array([1, 2, None]).cast(pa.decimal128(25, 2)),
            "nothing": pa.nulls(3),
            "f": pa.array([1.5, None, 2.5], pa.float32()),
        }
    )
    pq.write_table(arrow, tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert list(table["category"]) == ["x", "y", ""] and list(table["day"]) == ["1970-01-01", "1970-01-02", ""]
    np.testing.assert_array_equal(table["money"], [1, 2, np.nan])
    np.testing.assert_array_equal(table["f"], np.array([1.5, np.nan, 2.5], "f4"))
    assert list(table["nothing"]) == ["", "", ""]
    pq.write_table(pa.table({"list": [[1], [2, 3]]}), tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", "'list' holds list<")


# -- writing --------------------------------------------------------------------------------------------------------


def test_an_existing_file_is_refused_and_survives_a_failed_write(tmp_path):
    path = write_table(Table({"a": [1]}), tmp_path / "t.csv")
    with pytest.raises(OutputError, match="exists already"):
        write_table(Table({"a": [2]}), path)
    with pytest.raises(OutputError, match="'c' is a SkyCoord"):
        write_table(Table({"c": SkyCoord([1], [2], unit="deg")}), path, overwrite=True)
    assert list(read_table(path)["a"]) == [1] and [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]
    write_table(Table({"a": [2]}), path, overwrite=True)
    assert list(read_table(path)["a"]) == [2]


@pytest.mark.parametrize(
    ("suffix", "column", "match"),
    [
        (".csv", np.zeros((2, 3)), r"'k' holds arrays of shape \(3,\); expected what CSV can hold"),
        (".fits", ["é", "x"], "text beyond ASCII"),
        (".fits", MaskedColumn([True, False], mask=[0, 1]), "bool has masked cells"),
        (".vot", np.array([1, 2], dtype="u8"), "holds uint64"),
        (".vot", np.zeros((2, 3, 4)), "holds arrays of shape"),
        (".ecsv", np.array([1j, 2]), "holds complex128"),
        (".parquet", np.array([{}, 3], dtype=object), "holds object"),
        (".ecsv", ["#1", "x"], "begins a line with '#'"),
        (".ecsv", ["x\n #1", "x"], "begins a line with '#'"),
        (".xyz", [1, 2], "is no table format"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_by_name(tmp_path, suffix, column, match):
    with pytest.raises(OutputError, match=match):
        write_table(Table({"k": column}), tmp_path / f"t{suffix}")
    assert not list(tmp_path.iterdir())


def test_no_columns_and_metadata_that_cannot_be_expressed(tmp_path):
    with pytest.raises(OutputError, match="no columns"):
        write_table(Table(), tmp_path / "t.csv")
    with pytest.raises(OutputError, match="cannot be written as Parquet"):
        write_table(Table({"a": [1]}, meta={"x": object()}), tmp_path / "t.parquet")


def test_a_masked_byte_column_without_a_free_value_is_refused(tmp_path):
    full = MaskedColumn(np.arange(257).astype("u1"), mask=[False] * 256 + [True])
    with pytest.raises(OutputError, match="uses every uint8"):
        write_table(Table({"k": full}), tmp_path / "t.fits")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_views_of_other_tables_and_text_of_no_width_are_written(tmp_path, suffix):
    table = Table({"s": [f"name {n}\r" for n in range(6)], "e": np.zeros(6, dtype="U0"), "x": np.arange(6.0)})
    seen = read_table(write_table(table[::-2], tmp_path / f"t{suffix}"))
    assert [cell.strip() for cell in seen["s"]] == ["name 5", "name 3", "name 1"]
    assert list(seen["e"]) == [""] * 3 and list(seen["x"]) == [5, 3, 1]


def test_writing_leaves_the_table_alone(tmp_path):
    table = Table({"i": MaskedColumn([1, 2], mask=[0, 1]), "b": np.array([1, 2], dtype="i1")})
    table["b"].format = "%03d"
    fill = table["i"].fill_value
    for suffix in (".csv", ".fits"):
        write_table(table, tmp_path / f"t{suffix}")
    assert table["i"].fill_value == fill and table["b"].dtype == "i1" and table["b"].format == "%03d"


# -- columns and rows -----------------------------------------------------------------------------------------------


def test_a_missing_column_names_the_nearest_and_all():
    table = Table({"path": ["a"], "label": ["x"]})
    require_columns(table, ["path", "label"], source="t.csv")
    with pytest.raises(InputError, match=r"t\.csv: has no column 'Labels'; expected one of path, label\. .*'label'\?"):
        require_columns(table, ["path", "Labels"], source="t.csv")
    with pytest.raises(InputError, match=r"one of path, label$"):
        require_columns(table, ["redshift"], source="t.csv")


@pytest.fixture
def sample():
    return Table(
        {
            "n": MaskedColumn([1, 2, 3, 4], mask=[0, 0, 0, 1]),
            "x": [0.5, np.nan, 2.0, 3.0],
            "label": ["FRI", "FRII", "", "1"],
            "good": [True, False, True, True],
            "truth": ["true", "False", "TRUE", "x"],
        }
    )


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({}, [0, 1, 2, 3]),
        ({"n": 1}, [0]),
        ({"n": "1"}, [0]),
        ({"n": "1.0"}, [0]),
        ({"n": 4}, []),
        ({"n": (1, "3")}, [0, 2]),
        ({"n": 10**30}, []),
        ({"n": 1.5}, []),
        ({"n": True}, [0]),
        ({"x": "2"}, [2]),
        ({"x": Between(min=1)}, [2, 3]),
        ({"x": Between(max=0.5)}, [0]),
        ({"x": Between(min=0.5, max=2)}, [0, 2]),
        ({"x": Between()}, [0, 2, 3]),
        ({"n": Between()}, [0, 1, 2]),
        ({"label": "FRI"}, [0]),
        ({"label": ("FRI", "FRII")}, [0, 1]),
        ({"label": 1}, [3]),
        ({"label": 1.0}, [3]),
        ({"label": "fri"}, []),
        ({"good": True}, [0, 2, 3]),
        ({"good": "true"}, [0, 2, 3]),
        ({"good": 0}, [1]),
        ({"good": "0"}, [1]),
        ({"truth": True}, [0, 2]),
        ({"truth": False}, [1]),
        ({"good": True, "n": Between(min=2)}, [2]),
        ({"n": ()}, []),
    ],
)
def test_select_rows(sample, where, rows):
    sample["row"] = np.arange(4)
    assert list(select_rows(sample, where, source="t")["row"]) == rows


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ({"nn": 1}, "no column 'nn'"),
        ({"n": "one"}, r"'n' holds numbers; expected text, for where asks for 'one'"),
        ({"good": "yes"}, "'good' holds true and false"),
        ({"label": Between(min=1)}, "'label' holds text; expected numbers, for where asks for a range"),
        ({"v": 1}, "'v' holds more than one value a row"),
    ],
)
def test_a_condition_that_cannot_hold_is_refused(sample, where, match):
    sample["v"] = np.zeros((4, 2))
    with pytest.raises(InputError, match=match):
        select_rows(sample, where, source="t.csv")


@given(
    values=st.lists(st.floats(allow_infinity=False) | st.none(), max_size=20),
    low=st.none() | st.floats(-1e3, 1e3),
    high=st.none() | st.floats(-1e3, 1e3),
)
def test_a_range_agrees_with_the_definition(values, low, high):
    table = Table({"x": np.array([np.nan if value is None else value for value in values], dtype=float)})
    kept = select_rows(table, {"x": Between(min=low, max=high)}, source="t")["x"]
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    assert list(kept) == [value for value in values if value is not None and low <= value <= high]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reading_chooses_rows_of_every_format(tmp_path, sample, suffix):
    path = write_table(sample["n", "x", "label"], tmp_path / f"t{suffix}")
    kept = read_table(path, where={"n": ("1", 3, 4), "x": Between(min=0), "label": ("FRI", "1")})
    assert list(kept["n"]) == [1]


# -- real data ------------------------------------------------------------------------------------------------------


@pytest.mark.real
def test_real_tables(real_data):
    catalog = read_table(real_data / "mirabest/catalogue.csv", where={"confident": 1, "label": ("FRI", "FRII")})
    assert 500 < len(catalog) < 1004 and set(catalog["label"]) == {"FRI", "FRII"}
    assert catalog["ra"].dtype == float and catalog["path"].dtype.kind == "U"
    events = read_table(real_data / "xray/0201903501_mos1_clean_evts.fits")
    assert len(events) == 31607
    components = read_table(real_data / "radio/1904_comp.fits")
    assert len(components) == 51 and all(components[name].dtype.isnative for name in components.colnames)
