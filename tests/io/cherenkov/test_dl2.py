import h5py
import numpy as np
import pytest
from astropy.table import Table

from merkhet.errors import InputError, OutputError
from merkhet.io.cherenkov.dl2 import write_dl2
from merkhet.io.cherenkov.table import ChunkedTable
from tests.showers import array, events


def answers(block):
    n = len(block)
    return Table(
        {
            "obs_id": block.obs_id,
            "event_id": block.event_id,
            "gammaness": np.linspace(0, 1, n),
            "energy": block.truth["energy"],
            "alt": np.rad2deg(block.truth["alt"]),
            "az": np.rad2deg(block.truth["az"]),
            "is_valid": np.arange(n) % 4 > 0,
        }
    )


def of_images(block, triggered):
    event, slot = np.nonzero(triggered)
    table = answers(block)[event]
    table["tel_id"] = array().subarray.telescopes["tel_id"][slot]
    return table


@pytest.fixture
def written(tmp_path):
    block, subarray = events(60), array().subarray
    triggered = block.triggered(subarray)
    table = of_images(block, triggered)
    path = tmp_path / "a.dl2.h5"
    write_dl2(
        path,
        subarray=subarray,
        events=answers(block),
        telescopes=table,
        triggered=triggered,
        truth=block.truth,
    )
    return path


def test_answers_are_where_ctapipe_has_them(written):
    block, subarray = events(60), array().subarray
    with h5py.File(written) as file:
        home = "dl2/event/subarray"
        energy = ChunkedTable(file[f"{home}/energy/merkhet_energy"], path=written)
        columns = energy.read(energy.names)
        direction = ChunkedTable(file[f"{home}/geometry/merkhet_direction"], path=written)
        assert direction.unit("merkhet_direction_alt") == "deg"
        tel = ChunkedTable(file["dl2/event/telescope/classification/merkhet_particle/tel_005"], path=written)
        single = tel.read(tel.names)
    valid = np.arange(60) % 4 > 0
    np.testing.assert_array_equal(columns["merkhet_energy_is_valid"], valid)
    np.testing.assert_array_equal(columns["merkhet_energy_energy"], np.where(valid, block.truth["energy"], np.nan))
    triggered = block.triggered(subarray)
    np.testing.assert_array_equal(columns["merkhet_energy_telescopes"], triggered & valid[:, None])
    np.testing.assert_array_equal(single["event_id"], block.event_id[triggered[:, 4]])


def test_what_is_not_finite_is_not_valid(tmp_path):
    block, subarray = events(60), array().subarray
    table = answers(block)["obs_id", "event_id", "gammaness"]
    table["gammaness"][5] = np.nan
    path = write_dl2(tmp_path / "a.h5", subarray=subarray, events=table, triggered=block.triggered(subarray))
    with h5py.File(path) as file:
        assert list(file["dl2/event/subarray"]) == ["classification"]
        node = ChunkedTable(file["dl2/event/subarray/classification/merkhet_particle"], path=path)
        valid = node.read(["merkhet_particle_is_valid"])["merkhet_particle_is_valid"]
    assert np.flatnonzero(~valid.astype(bool)).tolist() == [5]


def test_masks_must_fit_and_files_are_not_replaced(tmp_path, written):
    block, subarray = events(60), array().subarray
    triggered = block.triggered(subarray)
    with pytest.raises(InputError, match="masks of shapes"):
        write_dl2(tmp_path / "b.h5", subarray=subarray, events=answers(block), triggered=triggered[:4])
    with pytest.raises(OutputError, match="exists already"):
        write_dl2(written, subarray=subarray, events=answers(block), triggered=triggered)


def test_ctapipe_reads_it(written):
    io = pytest.importorskip("ctapipe.io")
    with io.TableLoader(written) as loader:
        table, images = loader.read_subarray_events(), loader.read_telescope_events()
    assert {"merkhet_particle_prediction", "merkhet_energy_energy", "merkhet_direction_alt"} <= set(table.colnames)
    assert "merkhet_energy_tel_energy" in images.colnames
