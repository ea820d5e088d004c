import numpy as np
import pytest

from merkhet.io.cherenkov.older_writers import CHARGE_SCALE, pixel_grid, write_data_handler, write_image_extractor
from merkhet.io.cherenkov.reading import open_events
from tests.showers import POINTING, array, events


def test_data_handler_files_are_read(tmp_path):
    block, subarray = events(60), array().subarray
    write_data_handler(tmp_path / "a.h5", block, subarray=subarray, pointing=tuple(POINTING))
    found = open_events(tmp_path / "a.h5")
    assert found.format == "DL1-Data-Handler"
    np.testing.assert_allclose(found.index.labels["energy"], block.truth["energy"], rtol=1e-6)
    for name in subarray.type_names:
        read = found.images(name, found.images_of_type(name), fields=("charge", "time"))
        np.testing.assert_array_equal(read["charge"], block.images[name].charge)
        np.testing.assert_array_equal(read["time"], block.images[name].time)


def test_image_extractor_files_are_read(tmp_path):
    block, subarray = events(60), array().subarray
    name = subarray.type_names[2]
    mine = block.images[name]
    write_image_extractor(tmp_path / "a.h5", block, subarray=subarray, kind=name, pointing=tuple(POINTING))
    found = open_events(tmp_path / "a.h5")
    assert found.format == "ImageExtractor"
    assert len(found.index) == len(np.unique(mine.event))
    charge = found.images(name, np.arange(found.index.n_images), fields=("charge",))["charge"]
    np.testing.assert_allclose(charge.sum(axis=1), mine.charge.sum(axis=1), atol=2048 / CHARGE_SCALE)


def test_square_pixels_fill_a_grid_and_others_have_none():
    types = array().subarray.types
    row, column = pixel_grid(types[2].camera)
    assert (row.max() + 1, column.max() + 1) == (48, 48)
    assert len(set(zip(row.tolist(), column.tolist(), strict=True))) == 2048
    with pytest.raises(ValueError, match="hexagonal"):
        pixel_grid(types[0].camera)
