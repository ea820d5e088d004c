import numpy as np
import pytest
import torch

from merkhet.config.array_models import Mapping
from merkhet.config.arrays import CameraPixels, pack_pixels
from merkhet.models.cameras.grid import PixelGrid
from merkhet.models.telescopes.camera import map_pixels
from merkhet.models.telescopes.crop import AxisCrop
from merkhet.models.telescopes.moments import HillasMoments, sky_of_camera
from tests.models.arrays import hexagons, squares

FINE = {"hexagonal": hexagons(16, turn_deg=11.0), "square": squares(8, per_module=5, gap=0.0)}


def camera(shape, *, turned: float = 0.0) -> CameraPixels:
    return CameraPixels(
        type="T",
        camera="c",
        pixel_shape=shape,
        pixels=pack_pixels(FINE[shape]),
        camera_rotation_deg=turned,
        focal_length_m=20.0 if shape == "hexagonal" else 4.0,
        tel_ids=(1,),
    )


def ellipse(sky, *, center, angle, length, width):
    """A skewed ellipse of light on the sky: longer towards ``angle``."""
    x, y = (sky - center).T
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    light = np.exp(-0.5 * (u / np.where(u > 0, 1.4 * length, 0.7 * length)) ** 2 - 0.5 * (v / width) ** 2)
    return torch.from_numpy(np.where(light > 0.02, 500 * light, 0)).float()[None]


def cropped(pixels: CameraPixels, charge, *, method="axial"):
    moments = HillasMoments(pixels)
    mapping = map_pixels(pixels, Mapping(method=method))
    crop = AxisCrop(mapping, camera=pixels, shape=(15, 25), cell_deg=moments.pitch_deg)
    grid = PixelGrid(mapping, additive=(False,))
    return crop(grid(charge[:, None]), moments(charge, torch.zeros_like(charge)))[0]


@pytest.mark.parametrize("method", ["axial", "bilinear", "oversampling"])
@pytest.mark.parametrize("shape", ["hexagonal", "square"])
@pytest.mark.parametrize("turned", [0.0, 25.0])
def test_an_image_looks_the_same_wherever_it_lies_and_however_it_is_turned(shape, turned, method):
    pixels = camera(shape, turned=turned)
    sky = sky_of_camera(pixels.positions, pixels)
    pitch = HillasMoments(pixels).pitch_deg
    sizes = {"length": 3.5 * pitch, "width": 2 * pitch}
    first = cropped(pixels, ellipse(sky, center=np.zeros(2), angle=0.3, **sizes), method=method)
    for angle, place in ((2.0, (2.0, -3.0)), (-2.6, (-3.5, 1.5))):
        other = cropped(pixels, ellipse(sky, center=np.array(place) * pitch, angle=angle, **sizes), method=method)
        difference = (first[0] - other[0]).abs()
        assert difference.max() < 0.2 * first[0].max()  # interpolation between pixels
        assert difference.mean() < 0.03 * first[0].max()
    assert first[0, 7, 20] > 1.5 * first[0, 7, 4], "the longer tail is on the right"
    assert first[0, 7].sum() > 1.3 * first[0, :, 12].sum(), "the axis is along the rows"


def test_beyond_the_camera_it_is_dark_and_the_last_channels_say_where():
    pixels = camera("hexagonal")
    sky = sky_of_camera(pixels.positions, pixels)
    rim = sky[np.abs(sky).sum(axis=1).argmax()]
    crop = cropped(pixels, ellipse(sky, center=rim, angle=0.2, length=0.4, width=0.2))
    assert crop.isfinite().all()
    assert (crop[0] == 0).float().mean() > 0.3
    assert crop[1, 0].tolist() == pytest.approx(np.linspace(-1, 1, 25).tolist())
    assert crop[2, :, 0].tolist() == pytest.approx((np.linspace(-7, 7, 15) / 12).tolist())
