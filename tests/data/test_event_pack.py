"""Packing folders of files of events."""

import json

import pytest

from merkhet.config.events import EventData
from merkhet.data.event_pack import pack_event_files
from merkhet.data.events import list_events
from merkhet.errors import OutputError
from merkhet.io.tables import read_table
from tests.io.cherenkov.files import draw, write_dl1


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(3):
        write_dl1(folder / f"{number}.h5", draw(events=20, seed=number))
    return folder


def test_a_folder_becomes_a_folder_of_packs_that_stands_for_it(files, tmp_path):
    found = pack_event_files([files], tmp_path / "packs")
    assert (len(found.packs), found.kept, found.rejects) == (3, 0, ())
    mine, theirs = (list_events(EventData(files=(folder,))) for folder in (tmp_path / "packs", files))
    assert (mine.event_id == theirs.event_id).all()


def test_a_killed_job_goes_on_with_what_is_not_finished(files, tmp_path):
    out = tmp_path / "packs"
    pack_event_files([files], out)
    marker = out / "1" / "events.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"finished": False}))
    (out / "1" / "index.npz").unlink()
    first = (out / "0" / "index.npz").stat().st_mtime_ns
    again = pack_event_files([files], out)
    assert (len(again.packs), again.kept) == (3, 2)
    assert (out / "0" / "index.npz").stat().st_mtime_ns == first
    assert (out / "1" / "index.npz").is_file()


def test_a_pack_of_another_file_is_not_taken_for_this_one(files, tmp_path):
    pack_event_files([files], tmp_path / "packs")
    (files / "2.h5").unlink()
    write_dl1(files / "2.h5", draw(events=21, seed=9))
    with pytest.raises(OutputError, match="2: it exists already"):
        pack_event_files([files], tmp_path / "packs")
    assert pack_event_files([files], tmp_path / "packs", overwrite=True).kept == 0


def test_a_bad_file_is_rejected_and_the_others_go_on(files, tmp_path):
    (files / "1.h5").write_bytes((files / "1.h5").read_bytes()[:4000])
    found = pack_event_files([files], tmp_path / "packs")
    assert len(found.packs) == 2
    assert "truncated" in found.rejects[0].reason
    assert len(read_table(tmp_path / "packs" / "rejects.csv")) == 1


def test_two_files_of_one_name_are_refused(files, tmp_path):
    with pytest.raises(OutputError, match="two files bear one name"):
        pack_event_files([files, write_dl1(tmp_path / "0.h5", draw(events=5))], tmp_path / "packs")
