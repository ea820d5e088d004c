"""Heat maps: gradients against a model whose answer is known, and what is written of them."""

import numpy as np
import pytest
import torch
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import nn

import merkhet
from merkhet.cli import main
from merkhet.config.inputs import InputSpec
from merkhet.config.normalize import NoiseUnits as NoiseUnitsSchema
from merkhet.config.tasks import Classify
from merkhet.errors import ConfigError, InputError, OutputError
from merkhet.infer.heatmap import HeatMapFolder, heat_maps, image_stem, local_power
from merkhet.models.normalize import NoiseUnits
from merkhet.tasks.classify import ClassifyTask
from tests.bundle.bundles import make_bundle
from tests.skies import make_image, write_image

LABELS = Classify(mode="multilabel", classes=("left", "right"))


class Halves(nn.Module):
    """The power in the left and in the right half of the image."""

    out_features = 2

    def forward(self, x):
        middle = x.shape[-1] // 2
        return torch.stack([half.square().sum(dim=(1, 2, 3)) for half in (x[..., :middle], x[..., middle:])], dim=1)


def halves(config: Classify = LABELS) -> ClassifyTask:
    task = ClassifyTask(config, normalize=NoiseUnits(NoiseUnitsSchema()), network=Halves())
    nn.init.eye_(task.head.weight) if config.mode != "binary" else nn.init.constant_(task.head.weight, 1.0)
    nn.init.constant_(task.head.bias, -40.0)
    return task.eval()


def batch_of(image: np.ndarray) -> dict[str, torch.Tensor]:
    pixels = torch.from_numpy(image.astype(np.float32))[None, None]
    return {
        "image": pixels,
        "valid": pixels.isfinite(),
        "noise": torch.ones(1, 1),
        "scale": torch.ones(1),
        "index": torch.zeros(1, dtype=torch.int64),
    }


def maps_of(image: np.ndarray, config: Classify = LABELS, **spec: object) -> dict[str, np.ndarray]:
    options = {"shape": image.shape, "fit": "any"} | spec
    return heat_maps(halves(config), config, batch_of(image), spec=InputSpec(**options), shape=image.shape)


def test_evidence_lies_where_the_network_looks_and_peaks_at_the_probability():
    image = np.zeros((80, 120))
    image[40, 30] = image[40, 90] = 6.0
    found = maps_of(image)
    assert list(found) == ["left", "right"]
    for label, x in (("left", 30), ("right", 90)):
        heat = found[label]
        assert heat.shape == image.shape
        assert heat.dtype == np.float32
        assert heat.max() == pytest.approx(1 / (1 + np.exp(4)), rel=1e-3)
        peak = np.unravel_index(heat.argmax(), heat.shape)
        assert abs(peak[0] - 40) <= 3
        assert abs(peak[1] - x) <= 3
        assert heat[:, 120 - x].max() < 0.01 * heat.max()


@pytest.mark.parametrize(("side", "sigma"), [(96, 4), (600, 20)])
def test_evidence_is_smoothed_by_a_gaussian(side, sigma):
    image = np.zeros((side, 2 * side))
    image[side // 2, side // 2] = 6.0
    heat = maps_of(image)["left"]
    row = heat[np.unravel_index(heat.argmax(), heat.shape)[0]]
    weight = row / row.sum()
    x = np.arange(2 * side)
    middle = (weight * x).sum()
    assert middle == pytest.approx(side // 2, abs=2)
    assert np.sqrt((weight * (x - middle) ** 2).sum()) == pytest.approx(sigma, rel=0.05)


def test_local_power_is_that_of_what_speaks_for_the_label(rng):
    y, x = np.mgrid[:256, :256]
    pattern = np.cos(2 * np.pi * (0.1 * x + 0.05 * y)) * (x < 128)
    other = np.cos(2 * np.pi * (0.03 * x - 0.2 * y)) * (y < 128)
    signal = torch.from_numpy((pattern + 2 * other + 0.5 * rng.normal(size=x.shape)).astype(np.float32))[None, None]
    power = local_power(signal, torch.from_numpy(pattern.astype(np.float32))[None, None])
    local = gaussian_filter(power[0, 0].numpy(), 10)
    # The gradient is zero where there is nothing of the pattern, and pixels without one are ignored.
    assert local[:, 20:108].min() > 5 * local[:, 148:236].max()
    everywhere = local_power(signal, torch.from_numpy(pattern.astype(np.float32) + 1e-6)[None, None])
    local = gaussian_filter(everywhere[0, 0].numpy(), 10)
    assert np.median(local[:, 20:108]) > 5 * np.median(local[:, 148:236])


def test_invalid_pixels_have_no_heat_and_spoil_none():
    image = np.ones((64, 64))
    image[:, 40:] = np.nan
    found = maps_of(image)
    assert np.isnan(found["left"][:, 40:]).all()
    inside = found["left"][8:-8, 4:28]
    assert np.isfinite(inside).all()
    assert inside.min() > 0.5 * inside.max()


def test_binary_and_multiclass_labels():
    image = np.zeros((64, 64))
    image[32, 16] = 7.0
    assert list(maps_of(image, Classify(mode="binary", classes=("no", "yes")))) == ["yes"]
    several = maps_of(image, Classify(mode="multiclass", classes=("left", "right")))
    assert several["left"].max() == pytest.approx(1, abs=1e-3)
    assert several["right"].max() < 1e-3


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (InputSpec(shape=(40, 40), fit="center"), (64, 48)),
        (InputSpec(shape=(80, 80), fit="center"), (64, 48)),
        (InputSpec(shape=(32, 32), fit="resize"), (64, 48)),
        (InputSpec(shape=(32, 32), fit="any", pad_to=64), (32, 48)),
        (InputSpec(shape=(50, 50), fit="any", bin=4), (50, 50)),
    ],
)
def test_maps_have_the_pixels_of_the_image_before_it_was_brought_to_the_networks(spec, shape):
    from merkhet.data.pixels import conform

    image = np.ones(shape, dtype=np.float32)
    batch = batch_of(conform(image[None], spec, where="a")[0])
    heat = heat_maps(halves(), LABELS, batch, spec=spec, shape=shape)["left"]
    assert heat.shape == shape
    assert np.isfinite(heat[shape[0] // 2, shape[1] // 4])
    if spec.fit == "center" and spec.shape == (40, 40):
        assert np.isfinite(heat).sum() == 40 * 40


def test_cubes_and_networks_without_gradients_are_refused():
    image = np.zeros((64, 64))
    with pytest.raises(ConfigError, match=r"for images; this model takes input\.dims=3"):
        heat_maps(halves(), LABELS, batch_of(image), spec=InputSpec(dims=3), shape=image.shape)
    task = halves()
    task.network.forward = lambda x: torch.zeros(len(x), 2)
    task.head.requires_grad_(requires_grad=False)
    with pytest.raises(ConfigError, match="Use backend torch"):
        heat_maps(task, LABELS, batch_of(image), spec=InputSpec(fit="any"), shape=image.shape)


@pytest.fixture
def model(tmp_path):
    make_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_predict_writes_maps_with_the_images_wcs_and_a_picture(tmp_path, rng, model):
    path = write_image(tmp_path / "a.fits", make_image("single", rng))
    out = tmp_path / "maps"
    assert main(["predict", str(model), str(path), "--heatmap", str(out), "--device", "cpu", "--quiet"]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["a.png", "a_double.fits"]
    with fits.open(out / "a_double.fits") as file, fits.open(path) as image:
        assert file[0].data.shape == image[0].data.shape
        assert file[0].header["MKLABEL"] == "double"
        np.testing.assert_allclose(
            WCS(file[0].header).pixel_to_world_values(3, 5), WCS(image[0].header).celestial.pixel_to_world_values(3, 5)
        )
        table = merkhet.load(model, device="cpu").predict(path)
        assert file[0].header["MKMODEL"] == table["model"][0]
        assert np.nanmax(file[0].data) == pytest.approx(table["p_double"][0], rel=1e-5)
    with Image.open(out / "a.png") as picture:
        assert picture.width > 100


def test_folder_is_checked_before_any_work(tmp_path):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "x").touch()
    folder = HeatMapFolder(tmp_path / "maps")
    with pytest.raises(OutputError, match="exists already"):
        folder.open([], overwrite=False)
    with pytest.raises(InputError, match=r"b/a\.fits\.gz: its heat maps would have the names of those of a/a\.fits"):
        folder.open([*map(type(tmp_path), ("a/a.fits", "b/a.fits.gz"))], overwrite=True)
    folder.open([tmp_path / "a.fits", tmp_path / "b.fits"], overwrite=True)


@pytest.mark.parametrize(
    ("name", "stem"), [("a.fits", "a"), ("a.b.fits.gz", "a.b"), ("1_XX_147-154MHz.fit", "1_XX_147-154MHz")]
)
def test_stems(tmp_path, name, stem):
    assert image_stem(tmp_path / name) == stem
