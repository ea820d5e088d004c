"""Header updates: only our cards change, and no failure, kill or concurrent update ever harms the file."""

import gzip
import itertools
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.errors import InputError
from merkhet.io.cards import format_card, read_card
from merkhet.io.headers import update_header

VALUES: dict[str, Any] = {"CNNVER": "1.0", "GOOD": 0.9, "RFI": (0.07, "probability"), "NSRC": 12, "CLEAN": True}


def card(text: str) -> bytes:
    return text.encode("latin-1").ljust(80)


def raw_header(*cards: bytes) -> bytes:
    text = b"".join(cards) + card("END")
    return text.ljust(-(-len(text) // 2880) * 2880)


def image_cards(*extra: bytes) -> list[bytes]:
    return [
        card("SIMPLE  =                    T / conforms"),
        card("BITPIX  =                  -32"),
        card("NAXIS   =                    1"),
        card("NAXIS1  =                  100"),
        *extra,
    ]


DATA = bytes(range(200)) * 2
DATA_UNIT = DATA.ljust(2880, b"\0")


def inflated(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def split_units(content: bytes) -> tuple[list[bytes], bytes]:
    """Cards of the first header and all that follows it, by slicing alone."""
    cards = [content[at : at + 80] for at in range(0, len(content), 80)]
    end = cards.index(card("END"))
    return cards[:end], content[-(-(end + 1) * 80 // 2880) * 2880 :]


def others(cards: list[bytes], names: set[str]) -> list[bytes]:
    """The cards that do not belong to ``names``, without the spare blanks at the end."""
    kept, ours = [], False
    for text in cards:
        if text[:8] != b"CONTINUE":
            ours = text[:8].strip().decode("latin-1") in names
        if not ours:
            kept.append(text)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def assert_only_ours_changed(before: bytes, after: bytes, names: set[str]) -> None:
    (cards_before, rest_before), (cards_after, rest_after) = split_units(before), split_units(after)
    assert rest_after == rest_before
    assert others(cards_after, names) == others(cards_before, names)
    assert len(after) % 2880 == len(before) % 2880


def assert_alone(path: Path) -> None:
    """No lock, no temporary file is left beside the file."""
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """An image whose header has what astropy refuses to write: a tab in a COMMENT card."""
    path = tmp_path / "image.fits"
    path.write_bytes(raw_header(*image_cards(card("COMMENT a\ttab"), card("OBJECT  = 'M 31'"))) + DATA_UNIT)
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Primary, image and table, each with checksums."""
    path = tmp_path / "many.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(1000))], name="EVENTS")
    image = fits.ImageHDU(np.arange(3000, dtype=np.int16).reshape(50, 60), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), image, table]).writeto(path, checksum=True)
    return path


def read(path: Path, hdu: int | str = 0) -> fits.Header:
    """Header by astropy, checksums verified (a bad one is a warning, hence an error here)."""
    with fits.open(path, checksum=True, disable_image_compression=True) as units:
        for unit in units:
            unit.data  # noqa: B018 (the sum is verified on reading)
        return units[hdu].header


# --- what changes and what does not -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_only_our_cards_change_and_read_back(plain: Path, suffix: str) -> None:
    if suffix:
        (path := plain.with_name("image.fits.gz")).write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    else:
        path = plain
    before = inflated(path)
    update_header(path, VALUES)
    assert_only_ours_changed(before, inflated(path), set(VALUES))
    header = read(path)
    assert {name: header[name] for name in VALUES} == {**VALUES, "RFI": 0.07}
    assert header.comments["RFI"] == "probability"
    assert_alone(path)


def test_a_card_is_replaced_where_it_stands_and_keeps_its_comment(plain: Path) -> None:
    update_header(plain, {"RFI": (0.5, "made by hand"), "GOOD": 1.0})
    place = [text[:8] for text in split_units(plain.read_bytes())[0]].index(b"RFI     ")
    update_header(plain, {"RFI": 0.25})
    assert split_units(plain.read_bytes())[0][place] == card("RFI     =                 0.25 / made by hand")
    update_header(plain, {"RFI": (0.25, "")})
    assert read(plain).comments["RFI"] == ""


def test_the_first_of_two_equal_keywords_is_updated(tmp_path: Path) -> None:
    path = tmp_path / "twice.fits"
    cards = image_cards(card("RFI     = 1"), card("COMMENT"), card("RFI     = 2"))
    path.write_bytes(raw_header(*cards) + DATA_UNIT)
    update_header(path, {"RFI": 3})
    expected = [*cards[:4], card("RFI     =                    3"), *cards[5:]]
    assert split_units(path.read_bytes())[0] == expected
    assert read(path)["RFI"] == 3


@pytest.mark.parametrize(
    "odd", ["rfi     = 1 / x", "RFI= 1", "RFI     = 'a\tb' / c\td", "HIERARCH RFI = 1", "RFI     = ??"]
)
def test_odd_cards_are_replaced_by_a_standard_one(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "odd.fits"
    path.write_bytes(raw_header(*image_cards(card(odd), card("COMMENT last"))) + DATA_UNIT)
    update_header(path, {"RFI": 0.5})
    cards = split_units(path.read_bytes())[0]
    assert len(cards) == 6
    assert cards[4].startswith(b"RFI     =                  0.5")
    assert read(path)["RFI"] == 0.5


@pytest.mark.parametrize("spare", [0, 1, 5])
def test_new_cards_use_spare_blanks_before_end_first(tmp_path: Path, spare: int) -> None:
    path = tmp_path / "spare.fits"
    path.write_bytes(raw_header(*image_cards(card("COMMENT"), *[card("")] * spare)) + DATA_UNIT)
    update_header(path, {"A": 1, "B": 2})
    cards = split_units(path.read_bytes())[0]
    assert [text[:8].strip() for text in cards[5:]] == [b"A", b"B", *[b""] * (spare - 2)]


@pytest.mark.parametrize("count", [30, 31, 32, 36])
def test_header_grows_past_a_block_and_shrinks_again(tmp_path: Path, count: int) -> None:
    path = tmp_path / "grow.fits"
    path.write_bytes(raw_header(*image_cards(*[card(f"COMMENT {n}") for n in range(count - 4)])) + DATA_UNIT + b"tail")
    before = path.read_bytes()
    update_header(path, {"NOTE": "x" * 300})
    assert len(path.read_bytes()) - len(before) == (2880 if count in (31, 32) else 0)
    assert_only_ours_changed(before, path.read_bytes(), {"NOTE"})
    update_header(path, {"NOTE": ""})
    assert len(path.read_bytes()) - len(before) == 0 if count < 35 else True
    assert_only_ours_changed(before, path.read_bytes(), {"NOTE"})


def test_what_is_there_already_is_not_written_again(plain: Path) -> None:
    update_header(plain, VALUES)
    before, content = plain.stat(), plain.read_bytes()
    update_header(plain, VALUES)
    update_header(plain, {})
    after = plain.stat()
    assert (after.st_ino, after.st_mtime_ns, plain.read_bytes()) == (before.st_ino, before.st_mtime_ns, content)
    update_header(plain, {"NSRC": 12.0})  # another type is another value
    assert plain.read_bytes() != content


# --- checksums, extensions, compression -------------------------------------------------------------------------------


@pytest.mark.parametrize("hdu", [0, 1, 2, "sci", "EVENTS", "PRIMARY"])
def test_only_checksum_of_that_hdu_changes(many: Path, hdu: int | str) -> None:
    with fits.open(many) as units:
        number = units.index_of(hdu)
        old = [unit.fileinfo() for unit in units]
    before = many.read_bytes()
    update_header(many, VALUES, hdu=hdu)
    after = many.read_bytes()
    start, stop = old[number]["hdrLoc"], old[number]["datLoc"]
    assert (after[:start], after[stop:]) == (before[:start], before[stop:])
    pairs = zip(*(split_units(content[start:])[0] for content in (before, after)), strict=False)
    assert [a[:8] for a, b in pairs if a != b] == [b"CHECKSUM"]
    assert read(many, hdu)["NSRC"] == 12


def total(content: bytes) -> int:
    """Sum of 32-bit words in ones' complement: all ones over an HDU with a valid CHECKSUM (FITS 4.0, 4.4.2.7)."""
    words = int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while words >> 32:
        words = (words & 0xFFFFFFFF) + (words >> 32)
    return words


@pytest.mark.parametrize("valid", [True, False])
def test_checksum_without_datasum_stays_as_true_as_it_was(tmp_path: Path, valid: bool) -> None:
    path = tmp_path / "sum.fits"
    unit = fits.PrimaryHDU(np.arange(1000, dtype=np.int16))
    unit.add_datasum()
    data_sum = int(unit.header.pop("DATASUM"))
    unit.header["CHECKSUM"] = "0" * 16
    unit.header["CHECKSUM"] = unit._calculate_checksum(data_sum if valid else data_sum + 1)
    unit.writeto(path)
    assert (total(path.read_bytes()) == 0xFFFFFFFF) is valid
    update_header(path, VALUES)
    assert (total(path.read_bytes()) == 0xFFFFFFFF) is valid
    assert b"DATASUM" not in path.read_bytes()


@pytest.mark.parametrize("stored", ["''", ""])
def test_checksum_declared_as_not_computed_is_left(tmp_path: Path, stored: str) -> None:
    path = tmp_path / "empty.fits"
    path.write_bytes(raw_header(*image_cards(card(f"CHECKSUM= {stored}"))) + DATA_UNIT)
    update_header(path, VALUES)
    assert split_units(path.read_bytes())[0][4] == card(f"CHECKSUM= {stored}")


def test_sum_left_stale_by_another_program_is_right_again_and_dated(many: Path) -> None:
    stamp = fits.getheader(many, 1).comments["CHECKSUM"].encode()
    head, middle, rest = many.read_bytes().partition(b"XTENSION= 'IMAGE")
    many.write_bytes(head + middle + rest.replace(stamp, b"HDU checksum updated 2001-01-01T00:00:00", 1))
    update_header(many, VALUES, hdu=1)
    comment = read(many, 1).comments["CHECKSUM"]
    assert comment.startswith("HDU checksum updated 2")
    assert "2001-01-01" not in comment


def test_damaged_data_are_still_found_after_an_update(many: Path) -> None:
    content = bytearray(many.read_bytes())
    with fits.open(many) as units:
        content[units[1].fileinfo()["datLoc"]] ^= 1
    many.write_bytes(content)
    update_header(many, VALUES, hdu=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with fits.open(many, checksum=True) as units:
            units[1].data  # noqa: B018
    text = " ".join(str(warning.message) for warning in caught)
    assert "Checksum verification failed" in text
    assert "Datasum verification failed" in text


def test_checksums_are_never_added(plain: Path) -> None:
    update_header(plain, VALUES)
    assert b"CHECKSUM" not in plain.read_bytes()
    assert b"DATASUM" not in plain.read_bytes()


def test_pixels_of_lossy_tile_compression_do_not_change(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "image.fits.fz"
    unit = fits.CompImageHDU(rng.normal(size=(100, 120)).astype(np.float32), compression_type="RICE_1", name="SCI")
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path)
    pixels = fits.getdata(path, 1)
    for hdu, name in ((1, "SCI"), (0, "PRIMARY")):
        before = path.read_bytes()
        update_header(path, VALUES, hdu=hdu)
        assert path.read_bytes().endswith(before[-8640:])
        with fits.open(path) as units:
            assert units[name].header["NSRC"] == 12
    assert np.array_equal(fits.getdata(path, 1), pixels)


def test_data_units_with_heaps_and_random_groups_are_stepped_over(tmp_path: Path) -> None:
    """An HDU is found behind a heap (tile compression) and behind random groups (NAXIS1 = 0)."""
    path = tmp_path / "heap.fits"
    tiles = fits.CompImageHDU(np.arange(90_000, dtype=np.int32).reshape(300, 300))
    after = fits.ImageHDU(np.arange(5), name="AFTER")
    fits.HDUList([fits.PrimaryHDU(), tiles, after]).writeto(path, checksum=True)
    update_header(path, VALUES, hdu="AFTER")
    assert read(path, 2)["NSRC"] == 12
    groups = ["SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 3", "NAXIS1  = 0", "NAXIS2  = 300", "NAXIS3  = 2"]
    groups += ["GROUPS  = T", "PCOUNT  = 3", "GCOUNT  = 10"]  # 2 x 10 x (3 + 600) bytes: five blocks
    extension = ["XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 0", "PCOUNT  = 0", "GCOUNT  = 1"]
    content = raw_header(*map(card, groups)) + bytes(5 * 2880) + raw_header(*map(card, extension))
    path.write_bytes(content)
    update_header(path, {"RFI": 1}, hdu=1)
    assert path.read_bytes()[:-2880] == content[:-2880]
    assert card("RFI     =                    1") in path.read_bytes()[-2880:]


def test_gzip_name_date_and_level_are_kept(plain: Path) -> None:
    """Two members, as ``cat a.gz b.gz`` makes them; the first with an extra field before the name."""
    path, content = plain.with_name("image.fits.gz"), plain.read_bytes()
    first, second = (gzip.compress(part, 1) for part in (content[:1000], content[1000:]))
    date = (1234567890).to_bytes(4, "little")
    head = b"\x1f\x8b\x08\x0c" + date + b"\x04\xff" + b"\x04\x00ab\x00\x00" + b"observed.fits\0"
    path.write_bytes(head + first[10:] + second)
    assert inflated(path) == content
    update_header(path, VALUES)
    after = path.read_bytes()
    assert after.startswith(b"\x1f\x8b\x08\x08" + date + b"\x04\xffobserved.fits\0")
    assert_only_ours_changed(content, gzip.decompress(after), set(VALUES))


# --- properties -------------------------------------------------------------------------------------------------------

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)
scalars = st.one_of(
    printable,
    st.text("'&", max_size=200),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
names = st.sampled_from(["A", "RFI", "GOOD-1", "NOTE_", "ABCDEFGH"])
comments = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=43)
value_cards = st.tuples(names, scalars, comments).map(
    lambda entry: format_card(entry[0], entry[1].rstrip() if isinstance(entry[1], str) else entry[1], entry[2])
)
odd_cards = st.binary(max_size=72).map(lambda text: [b"COMMENT " + text.ljust(72)])
blank_cards = st.just([card("")])
extra_cards = st.lists(st.one_of(value_cards, odd_cards, blank_cards), max_size=50).map(
    lambda runs: list(itertools.chain(*runs))
)
updates = st.dictionaries(names, st.one_of(scalars, st.tuples(scalars, comments)), max_size=5)


@settings(max_examples=150)
@given(extra=extra_cards, values=updates, data=st.binary(max_size=3000), zipped=st.booleans())
def test_any_header_any_values(extra, values, data, zipped) -> None:
    content = raw_header(*image_cards(*extra)) + data
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.fits"
        path.write_bytes(gzip.compress(content, 1) if zipped else content)
        update_header(path, values)
        first = path.read_bytes()
        update_header(path, values)
        assert path.read_bytes() == first
        after = inflated(path)
    cards, rest = split_units(after)
    assert rest == data
    assert others(cards, set(values)) == others(split_units(content)[0], set(values))
    for name, entry in values.items():
        value, comment = entry if isinstance(entry, tuple) else (entry, None)
        stored = read_card(cards, name)  # held against astropy and the standard in test_cards.py
        assert stored is not None
        assert stored[0] == (value.rstrip() if isinstance(value, str) else value)
        assert comment is None or stored[1] == comment.strip()


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{"NAXIS": 1}, {"bad": 1}, {"P": float("nan")}, {"P": (1, "x" * 50)}])
def test_bad_keywords_values_and_comments(plain: Path, values: dict[str, Any]) -> None:
    before = plain.read_bytes()
    with pytest.raises(InputError, match=r"image\.fits: "):
        update_header(plain, {"GOOD": 1.0, **values})
    assert plain.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a FITS file"),
        (b"PNG" * 2000, "is not a FITS file; expected SIMPLE"),
        (raw_header(*image_cards())[:240], "header of HDU 0 has no END card after 3 cards: it is truncated"),
        (raw_header(*image_cards())[:250], "no END card"),
        (b"".join(image_cards(*[card("COMMENT")] * 32)), "no END card after 36 cards"),
        (b"".join(image_cards(*[card("COMMENT")] * 32)) + b"\0" * 9000, "no END card after 36 cards"),
        (
            b"".join(image_cards(*[card("COMMENT")] * 32)) + raw_header(card("XTENSION= 'IMAGE'")),
            "no END card after 36 cards",
        ),
        (gzip.compress(raw_header(*image_cards()) + DATA_UNIT)[:-20], "cannot be read: "),
        (gzip.compress(os.urandom(5000)), "is not a FITS file"),
        (b"\x1f\x8b" + b"junk" * 100, "cannot be read: "),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.fits"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        update_header(path, VALUES)
    assert message in str(caught.value)
    assert path.read_bytes() == content
    assert_alone(path)


@pytest.mark.parametrize(
    ("hdu", "message"),
    [(3, "has no HDU 3; expected one of 0 PRIMARY, 1 SCI, 2 EVENTS"), ("ERR", "has no HDU 'ERR'"), (-1, "no HDU -1")],
)
def test_absent_hdu(many: Path, hdu: int | str, message: str) -> None:
    before = many.read_bytes()
    with pytest.raises(InputError, match=message):
        update_header(many, VALUES, hdu=hdu)
    assert many.read_bytes() == before


def test_unreadable_structure_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.fits"
    path.write_bytes(raw_header(*image_cards()[:3], card("NAXIS1  = 'ten'")) + DATA_UNIT)
    with pytest.raises(InputError, match="header of HDU 0 gives NAXIS1 as 'ten'; expected a whole number"):
        update_header(path, VALUES, hdu=1)


def test_absent_and_irregular_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.fits: does not exist"):
        update_header(tmp_path / "nothing.fits", VALUES)
    (tmp_path / "dangling.fits").symlink_to("nowhere.fits")
    with pytest.raises(InputError, match=r"dangling\.fits: does not exist"):
        update_header(tmp_path / "dangling.fits", VALUES)
    with pytest.raises(InputError, match="is not a regular file"):
        update_header(tmp_path, VALUES)


# --- real instruments -------------------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize("pattern", ["mirabest_original/*.fits", "radio/*.fits*", "xray/*.fits"])
def test_real_files(real_data: Path, tmp_path: Path, pattern: str) -> None:
    sources = sorted(real_data.glob(pattern))
    assert sources
    for source in sources:
        path = tmp_path / source.name
        shutil.copyfile(source, path)
        update_header(path, VALUES)
        before, after = inflated(source), inflated(path)
        assert_only_ours_changed(before, after, {*VALUES, "CHECKSUM"})
        with fits.open(path, checksum=True) as units:
            assert {name: units[0].header[name] for name in VALUES} == {**VALUES, "RFI": 0.07}
            if pattern.startswith("mirabest"):
                assert units[0].data.tobytes() == fits.getdata(source).tobytes()


@pytest.mark.real
def test_real_event_list_extension(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "xray" / "0201903501_mos1_clean_evts.fits"
    path = tmp_path / source.name
    shutil.copyfile(source, path)
    with fits.open(source) as units:
        info = units["STDGTI01"].fileinfo()
    update_header(path, VALUES, hdu="STDGTI01")
    before, after = source.read_bytes(), path.read_bytes()
    assert after[: info["hdrLoc"]] == before[: info["hdrLoc"]]
    assert_only_ours_changed(before[info["hdrLoc"] :], after[info["hdrLoc"] :], set(VALUES))
