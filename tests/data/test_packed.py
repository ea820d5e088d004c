"""A pack remembers what it holds, and refuses to pass for something else."""

import json
import re

import pytest

from merkhet.config.data import Columns, Data
from merkhet.config.inputs import Band, InputSpec
from merkhet.data.pack import pack
from merkhet.data.packed import read_header
from merkhet.data.samples import load_samples
from merkhet.errors import InputError
from tests.skies import make_image, write_image

PATHS = ("g_path", "r_path")


def bands(*names, unit=None):
    return tuple(Band(name=name, unit=unit) for name in names)


@pytest.fixture
def folder(tmp_path, rng):
    """A pack of two bands, cropped to 16 px."""
    for name in ("g", "r"):
        write_image(tmp_path / f"{name}.fits", make_image("single", rng))
    (tmp_path / "t.csv").write_text("path,g_path,r_path\na,g.fits,r.fits\n")
    spec = InputSpec(bands=bands("g", "r", unit="Jy/beam"), shape=(16, 16), fit="center")
    pack(Data(table=tmp_path / "t.csv", columns=Columns(path=PATHS)), tmp_path / "pack", spec=spec)
    return tmp_path / "pack"


def load(folder, *, paths=PATHS, **options):
    options = {"bands": bands("g", "r"), **options}
    return load_samples(Data(table=folder, columns=Columns(path=paths)), InputSpec(**options))


@pytest.mark.parametrize("options", [{}, {"bands": bands("one", "two")}, {"shape": (12, 16), "fit": "center"}])
def test_what_was_packed_is_given(folder, options):
    assert len(load(folder, **options)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"paths": PATHS[::-1]},
            "was packed from column g_path, r_path; expected r_path, g_path as in data.columns.path. "
            "Set data.columns.path=[g_path,r_path], or pack anew",
        ),
        ({"paths": "path"}, "was packed from column g_path, r_path; expected path"),
        ({"bands": bands("r", "g")}, "holds bands g, r; expected r, g as in input.bands"),
        ({"bands": bands("r", "i")}, "holds bands g, r; expected r, i as in input.bands"),
        ({"bands": bands("g")}, "holds 2 bands in 2 dimensions; expected 1 in 2"),
        ({"dims": 3}, "holds 2 bands in 2 dimensions; expected 2 in 3"),
        ({"bands": bands("g", "r", unit="K")}, "holds band g in Jy/beam; expected K"),
        (
            {"shape": (16, 24), "fit": "center"},
            "holds images that were cropped or padded to 16 x 16 px; expected no more, but input.shape asks for "
            "16 x 24 px. Leave out input.shape, or pack anew",
        ),
    ],
)
def test_what_was_not_packed_is_refused_in_one_line(folder, options, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load(folder, **options)
    assert str(caught.value).startswith(f"{folder}: ")


def test_a_pack_that_was_not_cropped_may_be_padded(sky, tmp_path):
    pack(Data(table=sky, columns=Columns(id="id")), tmp_path / "pack")
    spec = InputSpec(shape=(30, 30), fit="center")
    assert len(load_samples(Data(table=tmp_path / "pack", columns=Columns(id="id")), spec)) == 48


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:50], "cannot be read"),
        (lambda text: "[1]", "format None; expected 2"),
        (lambda text: json.dumps({**json.loads(text), "format": 1}), "format 1; expected 2. Pack the table again"),
        (lambda text: text.replace('"rows":', '"raws":'), "is damaged: rows is missing or wrong"),
    ],
)
def test_a_damaged_header_is_one_line(folder, change, message):
    path = folder / "pack.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=message) as caught:
        read_header(folder)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        load(folder)
