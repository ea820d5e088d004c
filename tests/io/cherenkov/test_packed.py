"""A pack gives what its file gives."""

import json

import numpy as np
import pytest

from merkhet.errors import InputError, OutputError
from merkhet.io.cherenkov.packed import open_pack, pack_events
from merkhet.io.cherenkov.reading import open_event_file, open_events
from tests.io.cherenkov.files import draw, write_data_handler, write_dl1, write_image_extractor, write_lstchain


@pytest.mark.parametrize("write", [write_dl1, write_data_handler, write_image_extractor, write_lstchain])
def test_a_pack_gives_what_its_file_gives(tmp_path, write, monkeypatch):
    monkeypatch.setattr("merkhet.io.cherenkov.packed._EVENTS_AT_A_TIME", 7)
    file = open_event_file(write(tmp_path / "a.h5", draw()))
    seen = []
    pack_events(file, tmp_path / "pack", progress=lambda done, total: seen.append((done, total)))
    pack = open_events(tmp_path / "pack")
    assert seen[-1] == (len(file.index), len(file.index))
    assert (pack.format, pack.model_version) == (file.format, file.model_version)
    assert pack.subarray.difference(file.subarray) == ""
    for kind in file.subarray.type_names:
        assert pack.fields(kind) == file.fields(kind)
        images = np.random.default_rng(0).permutation(file.images_of_type(kind))
        expected = file.images(kind, images, fields=file.fields(kind))
        for name, values in pack.images(kind, images, fields=file.fields(kind)).items():
            np.testing.assert_array_equal(values, expected[name])
            assert values.dtype == expected[name].dtype
    for label, values in file.index.labels.items():
        np.testing.assert_array_equal(pack.index.labels[label], values)
    here = np.arange(len(file.index))
    np.testing.assert_array_equal(pack.index.pointing_of(here), file.index.pointing_of(here))
    np.testing.assert_array_equal(pack.index.event_id, file.index.event_id)


@pytest.mark.parametrize("write", [write_dl1, write_lstchain])
def test_a_pack_keeps_what_events_are_selected_by(tmp_path, write):
    file = open_event_file(write(tmp_path / "a.h5", draw()))
    pack = pack_events(file, tmp_path / "pack")
    for slot in np.unique(file.index.slot):
        expected = file.read_parameters(slot, ["hillas_intensity"])["hillas_intensity"]
        mine = np.flatnonzero(pack.index.slot == slot)
        read = pack.read_parameters(slot, ["hillas_intensity"])["hillas_intensity"][pack.index.row[mine]]
        np.testing.assert_allclose(read, expected[file.index.row[mine]], rtol=1e-6)
    with pytest.raises(InputError, match="holds no hillas_width of images"):
        pack.read_parameters(0, ["hillas_width"])


def test_outputs_are_not_written_over(tmp_path):
    file = open_event_file(write_dl1(tmp_path / "a.h5", draw()))
    pack_events(file, tmp_path / "pack")
    with pytest.raises(OutputError, match="it exists already"):
        pack_events(file, tmp_path / "pack")
    pack_events(file, tmp_path / "pack", overwrite=True)


def test_an_unfinished_or_damaged_pack(tmp_path):
    file = open_event_file(write_dl1(tmp_path / "a.h5", draw()))
    pack = pack_events(file, tmp_path / "pack")
    (tmp_path / "pack" / "0_charge.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"0_charge\.npy: cannot be read as a packed array: "):
        pack.images(file.subarray.type_names[0], np.array([0]), fields=["charge"])
    index = tmp_path / "pack" / "index.npz"
    index.write_bytes(index.read_bytes()[:500])
    with pytest.raises(InputError, match=r"pack: cannot be read as a pack of events: "):
        open_pack(tmp_path / "pack")
    marker = tmp_path / "pack" / "events.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"finished": False}))
    with pytest.raises(InputError, match="is an unfinished pack"):
        open_pack(tmp_path / "pack")
