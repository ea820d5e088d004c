"""Against ctapipe itself, where it is installed: fixed-point columns, neighbors, and what its own reader gives."""

import numpy as np
import pytest

from merkhet.io.cherenkov.camera import read_camera
from merkhet.io.cherenkov.columns import FixedPoint
from merkhet.io.cherenkov.table import ChunkedTable

pytest.importorskip("ctapipe")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(("scale", "offset", "kind"), [(10, 3000, np.uint16), (4, -100, np.int16), (100, 0, np.int32)])
def test_a_column_that_ctapipe_wrote_as_fixed_point(tmp_path, scale, offset, kind):
    import h5py
    from ctapipe.core import Container, Field
    from ctapipe.io import HDF5TableWriter
    from ctapipe.io.tableio import FixedPointColumnTransform

    class Image(Container):  # type: ignore[misc]
        event_id = Field(0, "id")
        image = Field(None, "charge")

    values = np.random.default_rng(0).normal(20, 30, (40, 1855)).astype(np.float32)
    values[3, :3] = [np.nan, np.inf, -np.inf]
    transform = FixedPointColumnTransform(scale=scale, offset=offset, source_dtype=np.float32, target_dtype=kind)
    with HDF5TableWriter(tmp_path / "a.h5", group_name="dl1") as writer:
        writer.add_column_transform("images", "image", transform)
        for number, image in enumerate(values):
            writer.write("images", Image(event_id=number, image=image))
    with h5py.File(tmp_path / "a.h5") as file:
        read = ChunkedTable(file["dl1/images"], path=tmp_path / "a.h5").read(["event_id", "image"])
    np.testing.assert_array_equal(read["event_id"], np.arange(40))
    np.testing.assert_allclose(read["image"], transform.inverse(transform(values)), rtol=1e-6)
    finite = np.isfinite(read["image"])
    np.testing.assert_allclose(read["image"][finite], values[finite], atol=0.5 / scale + 1e-4)
    np.testing.assert_array_equal(read["image"][3, :3], values[3, :3])


def test_the_integers_for_what_is_no_number_are_those_of_ctapipe():
    from ctapipe.io.tableio import FixedPointColumnTransform

    for kind in (np.uint8, np.uint16, np.int16, np.int32):
        theirs = FixedPointColumnTransform(scale=10, offset=5, source_dtype=np.float32, target_dtype=kind)
        ours = FixedPoint.of({"CTAFIELD_2_TRANSFORM_SCALE": 10.0}, 2, np.dtype(kind))
        assert ours is not None
        assert (ours.nan, ours.posinf, ours.neginf) == (theirs.nan, theirs.posinf, theirs.neginf)


@pytest.mark.real
@pytest.mark.parametrize("name", ["LSTCam", "FlashCam", "HESS-II", "CHEC", "ASTRICam", "SCTCam", "DigiCam"])
@pytest.mark.parametrize("diagonal", [True, False])
def test_neighbors_are_those_of_ctapipe(real_data, name, diagonal):
    from astropy import units as u
    from ctapipe.instrument import CameraGeometry

    mine = read_camera(real_data / "cherenkov" / "cameras" / f"{name}.camgeom.fits")
    theirs = CameraGeometry(
        name,
        pix_id=np.arange(mine.n_pixels),
        pix_x=mine.pix_x * u.m,
        pix_y=mine.pix_y * u.m,
        pix_area=mine.pix_area * u.m**2,
        pix_type="hexagon" if mine.pixel_shape == "hexagonal" else "rectangular",
    )
    expected = theirs.calc_pixel_neighbors(diagonal=diagonal).toarray().astype(bool)
    found = np.zeros_like(expected)
    pixel, slot = np.nonzero(mine.neighbors(diagonal=diagonal) >= 0)
    found[pixel, mine.neighbors(diagonal=diagonal)[pixel, slot]] = True
    assert (found != expected).sum() <= 2e-4 * expected.sum()  # some pixels of real cameras stand askew
