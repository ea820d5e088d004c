import numpy as np
import pytest
from PIL import Image

from merkhet.report.heat_map import heat_map_plot


def test_color_lies_where_the_evidence_is_in_a_panel_for_each_label(tmp_path, rng):
    pixels = rng.normal(size=(80, 80)).astype(np.float32)
    left, right = np.zeros((2, 80, 80), dtype=np.float32)
    left[:40, :40], right[40:, 40:] = 0.9, 0.2
    figure = heat_map_plot(pixels, {"rfi": left, "sis": right}, tmp_path / "a.png")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["rfi  p = 0.90", "sis  p = 0.20"]
    drawn = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"), dtype=float)
    color = np.ptp(drawn, axis=2)
    height, width = color.shape
    quarter = color[int(0.6 * height) : int(0.9 * height), int(0.05 * width) : int(0.2 * width)]
    opposite = color[int(0.2 * height) : int(0.4 * height), int(0.3 * width) : int(0.45 * width)]
    assert quarter.mean() > 50
    assert opposite.mean() < 5


@pytest.mark.parametrize("pixels", [np.full((8, 8), np.nan), np.zeros((3, 90)), np.ones((1300, 700))])
def test_hopeless_images_and_large_ones(pixels, tmp_path):
    pixels = pixels.astype(np.float32)
    heat_map_plot(pixels, {"a": np.zeros_like(pixels), "b": np.full_like(pixels, np.nan)}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0
