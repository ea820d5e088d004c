"""What the user names, as a list of samples."""

import pytest

from merkhet.config.data import Columns
from merkhet.errors import InputError
from merkhet.infer.inputs import expand_inputs


def names(items):
    return [item.paths[0].name for item in items]


def test_files_folders_patterns_and_tables(sky):
    images = sky.parent / "images"
    assert names(expand_inputs([images / "s003.fits"])) == ["s003.fits"]
    assert len(expand_inputs([images])) == 48
    assert names(expand_inputs([f"{images}/s00[0-2].fits"])) == ["s000.fits", "s001.fits", "s002.fits"]
    items = expand_inputs([sky], columns=Columns(id="id"))
    assert (items[4].id, items[4].paths[0]) == ("s004", images / "s004.fits")


def test_a_file_named_twice_is_read_once(sky):
    images = sky.parent / "images"
    assert len(expand_inputs([images / "s003.fits", images, images])) == 48


def test_a_missing_file_stays_so_that_it_can_be_rejected(tmp_path):
    assert names(expand_inputs([tmp_path / "gone.fits"])) == ["gone.fits"]


def test_names_with_brackets_are_files_first(tmp_path):
    path = tmp_path / "a[1].fits"
    path.write_bytes(b"")
    assert names(expand_inputs([path])) == ["a[1].fits"]


def test_hidden_files_and_other_files_are_left_alone(tmp_path):
    for name in (".hidden.fits", "notes.txt", "deep/a.fits.gz", "b.FITS"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert names(expand_inputs([tmp_path])) == ["b.FITS", "a.fits.gz"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "no input was given"),
        (["{}/none/*.fits"], "the pattern matches no file"),
        (["{}"], "a folder without FITS images"),
        (["{}/missing.csv"], r"missing\.csv"),
    ],
)
def test_what_stands_for_nothing_is_refused(tmp_path, entries, message):
    with pytest.raises(InputError, match=message):
        expand_inputs([entry.format(tmp_path) for entry in entries])


def test_a_table_without_the_path_column_is_refused(sky):
    with pytest.raises(InputError, match="file_name"):
        expand_inputs([sky], columns=Columns(path="file_name"))
