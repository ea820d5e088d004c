"""Tiles are found with the maps that belong to them, and refused with those that do not."""

import pytest
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.scan.listing import TileFiles, list_tiles
from tests.io.test_events import write_events

IMAGE = "em01_203150_024_Image_c010.fits.gz"
EXPOSURE = "em01_203150_024_ExposureMap_c010.fits.gz"
BACKGROUND = "em01_203150_024_BackgrImage_c010.fits.gz"


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_the_maps_of_a_survey_tile_lie_beside_it(tmp_path):
    touch(tmp_path, IMAGE, EXPOSURE, BACKGROUND)
    files = TileFiles("em01_203150_024_Image_c010", tmp_path / IMAGE, tmp_path / EXPOSURE, tmp_path / BACKGROUND)
    assert list_tiles([tmp_path / IMAGE]) == [files]
    assert list_tiles([tmp_path]) == [files], "maps in a folder are no images"
    assert list_tiles([f"{tmp_path}/*.gz", tmp_path]) == [files], "each image once"


def test_the_exposure_map_of_an_xmm_image_lies_beside_it(tmp_path):
    touch(tmp_path, "0201-0.50-2.00keVmerged_img.fits", "0201-0.50-2.00keVmerged_expmap.fits")
    (files,) = list_tiles([tmp_path])
    assert files.exposure == tmp_path / "0201-0.50-2.00keVmerged_expmap.fits"
    assert files.background is None


def test_a_map_of_another_band_is_not_taken_for_the_tiles_own(tmp_path):
    touch(tmp_path, IMAGE, EXPOSURE.replace("024", "021"))
    assert list_tiles([tmp_path])[0].exposure is None


def test_a_table_names_images_and_maps_from_its_own_folder(tmp_path):
    table = tmp_path / "tiles.csv"
    Table({"tile": [0, 1], "image": ["a/x.fits", "b/x.fits"], "exposure": ["a/e.fits", ""]}).write(table)
    first, second = list_tiles([table])
    assert first == TileFiles(str(tmp_path / "a/x.fits"), tmp_path / "a/x.fits", tmp_path / "a/e.fits")
    assert second == TileFiles(str(tmp_path / "b/x.fits"), tmp_path / "b/x.fits")


def test_given_maps_take_the_place_of_those_found(tmp_path):
    touch(tmp_path, IMAGE, EXPOSURE, BACKGROUND, "e.fits")
    (files,) = list_tiles([tmp_path / IMAGE], exposure=[tmp_path / "e.fits"])
    assert (files.exposure, files.background) == (tmp_path / "e.fits", tmp_path / BACKGROUND)


@pytest.mark.parametrize(
    ("names", "inputs", "given", "message"),
    [
        ([], [], {}, "no input was given"),
        ([EXPOSURE], ["*"], {}, "only exposure or background maps"),
        ([IMAGE, IMAGE.replace("024", "021")], ["*"], {}, "one band at a time"),
        ([IMAGE], ["*"], {"exposure": ["a.fits", "b.fits"]}, "2 maps for 1 images"),
        ([IMAGE], ["*"], {"exposure": [EXPOSURE.replace("024", "021")]}, "band 021 by its name; expected .* band 024"),
        ([IMAGE], ["*"], {"exposure": [EXPOSURE.replace("203", "204")]}, "field em01_204150"),
        ([IMAGE], ["*"], {"exposure": [BACKGROUND]}, "is no exposure map by its name, but: background"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, names, inputs, given, message):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=message):
        list_tiles([str(tmp_path / entry) for entry in inputs], **given)


def test_an_event_list_is_to_be_binned_first(tmp_path):
    write_events(tmp_path / "events.fits", [1, 2], [3, 4])
    with pytest.raises(InputError, match=r"is an event list; expected images. Make one of it with merkhet bin"):
        list_tiles([tmp_path / "events.fits"])


def test_a_table_without_images_is_refused(tmp_path):
    Table({"path": ["x.fits"]}).write(tmp_path / "t.csv")
    with pytest.raises(InputError, match="has no column 'image'"):
        list_tiles([tmp_path / "t.csv"])
    Table({"image": ["x.fits", ""]}).write(tmp_path / "u.csv")
    with pytest.raises(InputError, match="row 2 names no image"):
        list_tiles([tmp_path / "u.csv"])
