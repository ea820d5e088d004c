"""Lists of images without column names, told from tables that have them."""

import csv

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.image_lists import LABELS, NOTES, PROBLEM, is_image_list, name_parts, read_image_list
from merkhet.io.tables import read_table, write_table

NAME = "1131456789_XX_147-154MHz_clean.fits"


def write(folder, text, name="list.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_list_is_read_with_labels_and_what_names_say(tmp_path):
    path = write(tmp_path, f"a/{NAME},0\n/data/1131456912_YY_72-80MHz.fits.gz,3\nb.fits,\nc.fits\n\n")
    table = read_table(path)
    assert table.colnames == [
        *("id", "path", "label", "rfi", "sis"),
        *("observation", "polarization", "subband", "suffix"),
    ]
    assert table["path"].tolist() == [f"a/{NAME}", "/data/1131456912_YY_72-80MHz.fits.gz", "b.fits", "c.fits"]
    assert table["label"].tolist() == [0, 3, None, None]
    assert table["id"].tolist() == table["path"].tolist()
    assert table["observation"].tolist() == ["1131456789", "1131456912", "", ""]
    assert table["suffix"].tolist() == ["clean", "", "", ""]
    assert NOTES not in table.meta


def test_labels_are_two_bits(tmp_path):
    table = read_table(write(tmp_path, "".join(f"{code}.fits,{code}\n" for code in LABELS)))
    flags = [(bool(rfi), bool(sis)) for rfi, sis in zip(table["rfi"], table["sis"], strict=True)]
    assert flags == [("rfi" in name, "sis" in name) for name in LABELS.values()]


def test_a_trailing_comma_loses_no_label_and_is_noted_in_one_line(tmp_path):
    path = write(tmp_path, "a.fits,1,\nb.fits,2,\nc.fits,0\n")
    table = read_table(path)
    assert table["label"].tolist() == [1, 2, 0]
    assert table.meta[NOTES] == [f"{path}: 2 of 3 lines end with a comma; the empty field is left out"]
    assert PROBLEM not in table.colnames


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("b.fits,4", "label '4'; expected 0 (good), 1 (rfi), 2 (sis), 3 (rfisis)"),
        ("b.fits,-1", "label '-1'"),
        ("b.fits,1.0", "label '1.0'"),
        ("b.fits,rfi", "label 'rfi'"),
        ("b.fits,1,2", "a line of 3 fields in a list; expected path,label"),
        ("b.fits,4,", "label '4'"),
    ],
)
def test_a_broken_line_is_kept_with_its_reason(tmp_path, line, problem):
    table = read_table(write(tmp_path, f"a.fits,1\n{line}\n"))
    assert table[PROBLEM][0] == ""
    assert str(table[PROBLEM][1]).startswith(problem)
    assert np.ma.getmaskarray(table["label"])[1] == problem.startswith("label")


@pytest.mark.parametrize(
    ("first", "is_list"),
    [
        ("a.fits", True),
        ("a.fits,1", True),
        (" a.FITS , 1 ,", True),
        ("\ufeffa.fits,0", True),
        ("sky/a.fits.gz,", True),
        ("a.fits.fz,0", True),
        ("/data/folder,0", True),
        ("path", False),
        ("path,label", False),
        ("id,path", False),
        ("fits,label", False),
        ("file.fits_name,label", False),
        ("s/n,path", False),
        ("label,a.fits", False),
    ],
)
def test_a_list_is_told_by_its_first_field(tmp_path, first, is_list):
    path = write(tmp_path, f"\n{first}\nb.fits{',' * first.count(',')}\n")
    assert is_image_list(path) == is_list
    assert ("rfi" in read_table(path).colnames) == is_list


def test_a_table_of_ours_is_never_taken_for_a_list(tmp_path):
    write_table(Table({"path": ["a.fits", "b.fits"], "label": [0, 1]}), tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv").colnames == ["path", "label"]


def test_an_empty_file_is_still_a_clear_error(tmp_path):
    assert not is_image_list(write(tmp_path, "\n\n"))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (NAME, ("1131456789", "XX", "147-154MHz", "clean")),
        ("1131456789_147-154MHz_YY_r-1.0.fits", ("1131456789", "YY", "147-154MHz", "r-1.0")),
        ("1131456789_deep-0003-XX-image-pb_warp.fits", ("1131456789", "XX", "0003", "image-pb_warp")),
        ("1131456789_deep-MFS-I-image.fits.fz", ("1131456789", "I", "MFS", "image")),
        ("1131456789.fits.gz", ("1131456789", "", "", "")),
        ("0149+710.u.2017_01_28.icn.fits.gz", ("0149", "", "", "+710.u.2017_01_28.icn")),
        ("mosaic.fits", ("", "", "", "")),
        ("1131456789_72.32-80.0MHz_XXL.fits", ("1131456789", "", "72.32-80.0MHz", "XXL")),
    ],
)
def test_names_are_taken_apart(name, parts):
    assert name_parts(f"/some_XX_folder/{name}") == parts


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12),
            st.sampled_from(["", *LABELS]),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_names_come_back_with_their_labels(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([f"{name}.fits", label, *([""] if comma else [])] for name, label, comma in rows)
    table = read_image_list(path)
    assert [str(name) for name in table["path"]] == [f"{name}.fits" for name, _, _ in rows]
    assert ["" if code is None else str(code) for code in table["label"].tolist()] == [label for _, label, _ in rows]
    assert PROBLEM not in table.colnames
