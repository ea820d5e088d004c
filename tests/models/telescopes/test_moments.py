import numpy as np
import pytest
import torch

from merkhet.config.arrays import CameraPixels
from merkhet.errors import ConfigError
from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.hillas import image_parameters
from merkhet.io.cherenkov.subarray import TelescopeType
from merkhet.models.telescopes.moments import SHAPES, HillasMoments, sky_of_camera
from tests.models.arrays import CAMERAS, make_events


def images(camera: CameraPixels, n: int = 40):
    """Cleaned charges and times of images, and what cleaning kept of them."""
    arrays = make_events(n)["telescopes"][camera.type]
    charge, time, mask = (arrays[name].flatten(0, 1) for name in ("charge", "time", "mask"))
    return charge * mask, time * mask, mask


def reference(camera: CameraPixels, charge, time, mask):
    x, y = camera.positions.T
    geometry = CameraGeometry(
        "c", x, y, np.full(len(x), 1e-3), camera.pixel_shape, camera_rotation_deg=camera.camera_rotation_deg
    )
    kind = TelescopeType("t", geometry, camera.focal_length_m or np.nan, 100.0)
    return image_parameters(charge.numpy(), time.numpy(), mask.numpy(), kind=kind)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: c.type)
def test_moments_are_those_of_the_parameters_in_double_precision(camera):
    charge, time, mask = images(camera)
    found, expected = HillasMoments(camera)(charge, time), reference(camera, charge, time, mask)
    some = (found.usable > 0).numpy()
    assert some.mean() > 0.8
    for name, values in {
        "hillas_intensity": found.size, "hillas_length": found.length, "hillas_width": found.width,
        "hillas_fov_lon": found.center[:, 0], "hillas_fov_lat": found.center[:, 1],
        "leakage_intensity_width_2": found.leakage,
    }.items():  # fmt: skip
        np.testing.assert_allclose(values.numpy()[some], expected[name][some], rtol=2e-3, atol=1e-4, err_msg=name)
    psi = np.deg2rad(expected["hillas_psi"][some])
    along = found.axis[some].numpy()
    long = (expected["hillas_length"] > 1.1 * expected["hillas_width"])[some]  # a circle has no axis
    assert np.abs(along[:, 0] * np.cos(psi) + along[:, 1] * np.sin(psi))[long].min() > 0.999
    skewness = np.sign(along[:, 0] * np.cos(psi) + along[:, 1] * np.sin(psi)) * expected["hillas_skewness"][some]
    assert skewness[long].min() > -0.01, "axes point to the longer tail"
    slope = np.sign(along[:, 0] * np.cos(psi) + along[:, 1] * np.sin(psi)) * expected["timing_slope"][some] / 10
    np.testing.assert_allclose(found.shape[some, 13].numpy()[long], np.clip(slope, -5, 5)[long], atol=0.02)


def test_no_charge_is_no_number():
    camera = CAMERAS[0]
    nothing = torch.zeros(3, len(camera.positions))
    found = HillasMoments(camera)(nothing, nothing)
    assert all(part.isfinite().all() for part in found)
    assert not found.shape.any()
    assert not found.usable.any()
    assert found.shape.shape == (3, SHAPES)


def test_a_single_pixel_has_no_axis_that_is_used():
    camera = CAMERAS[1]
    charge = torch.zeros(1, len(camera.positions))
    charge[0, 7] = 50.0
    found = HillasMoments(camera)(charge, torch.zeros_like(charge))
    assert found.usable.item() == 0
    np.testing.assert_allclose(found.center[0].numpy(), sky_of_camera(camera.positions, camera)[7], atol=1e-5)


def test_the_focal_length_must_be_known():
    with pytest.raises(ConfigError, match="do not say the focal length of LST"):
        HillasMoments(CAMERAS[0].model_copy(update={"focal_length_m": None}))
