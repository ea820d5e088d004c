import h5py
import numpy as np
import pytest

from merkhet.evaluate.cherenkov.images import images_of_event, images_of_file
from merkhet.io.cherenkov.cleaning import TailCuts
from merkhet.io.cherenkov.dl1_writer import Dl1Writer
from merkhet.io.cherenkov.reading import open_events
from tests.io.cherenkov.test_dl1_writer import RUNS
from tests.showers import array, events, image_table


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "events.h5"
    with h5py.File(path, "w") as file:
        writer = Dl1Writer(file, subarray=array().subarray)
        writer.write(events(60))
        writer.close(RUNS)
    return open_events(path)


@pytest.mark.parametrize("cuts", [None, TailCuts()])
def test_a_file_gives_the_parameters_of_its_events(source, cuts):
    found, known = images_of_file(source, cuts=cuts), image_table(60)
    np.testing.assert_array_equal(found.event, known.event)
    np.testing.assert_array_equal(found.slot, known.slot)
    np.testing.assert_array_equal(found.usable, known.usable)
    for name, values in known.parameters.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_one_event_has_its_own_images(source):
    table, charges = images_of_event(source, 7)
    known = image_table(60)
    np.testing.assert_array_equal(table.slot, known.slot[known.event == 7])
    np.testing.assert_allclose(table["hillas_length"], known["hillas_length"][known.event == 7])
    assert [len(charge) for charge in charges] == [
        array().subarray.types[kind].camera.n_pixels for kind in table.kind.tolist()
    ]
