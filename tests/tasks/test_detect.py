"""The detection task: what cells are taught, and what they answer."""

import numpy as np
import pytest
import torch
from torch import nn

from merkhet.config import models as schemas
from merkhet.config.base import build
from merkhet.config.normalize import Counts
from merkhet.config.tasks import Combination, Detect, FalseAlarms
from merkhet.data.sample import Target
from merkhet.tasks.detect import START_LOGIT, DetectTask

CONFIG = Detect(classes=("halo", "ring"))
STRIDE = 8


def task() -> DetectTask:
    torch.manual_seed(0)
    network = build(schemas.FCN(widths=(4, 4, 6), convolutions=(1, 1, 2)), channels=3, dims=2, shape=None)
    made: DetectTask = build(CONFIG, normalize=build(Counts()), network=network)
    return made


def batch(objects, *, side=48):
    """Images of nothing but background, with the objects of each: x, y, radius, kind."""
    image = torch.ones(len(objects), 3, side, side)
    value = torch.full((len(objects), max(map(len, objects)) or 1, 4), torch.nan)
    for row, listed in enumerate(objects):
        for place, one in enumerate(listed):
            value[row, place] = torch.tensor(one)
    count = torch.tensor([len(listed) for listed in objects])
    return {
        "image": image,
        "valid": torch.ones_like(image, dtype=torch.bool),
        "scale": torch.full((len(objects),), 4.0),
        "target": {"objects": Target("objects", value, count)},
        "index": torch.arange(len(objects)),
    }


def cells_of(given, **wanted):
    """What an oracle would say: ``logit, dx, dy, size, kind`` maps ``(B, h, w)``."""
    side = given["image"].shape[-1] // STRIDE
    cells = torch.zeros(len(given["image"]), 6, side, side)
    for channel, name in enumerate(("logit", "dx", "dy", "size", "halo", "ring")):
        if name in wanted:
            cells[:, channel] = wanted[name]
    return {"cells": cells, "covered": torch.ones(len(cells), side, side, dtype=torch.bool)}


def test_an_untrained_detector_says_that_objects_are_rare():
    made, given = task().eval(), batch([[]])
    maps = made.decode(made(given), given).maps
    np.testing.assert_allclose(maps["logit"], START_LOGIT, atol=0.5)
    np.testing.assert_allclose(maps["p_halo"] + maps["p_ring"], 1, rtol=1e-6)


def test_decode_gives_pixels():
    given = batch([[]])
    out = cells_of(given, logit=torch.full((6, 6), 2.0), dx=0.25, dy=-0.5, size=float(np.log(1.5)), ring=20.0)
    out["covered"][0, 0, 0] = False
    maps = task().decode(out, given).maps
    assert maps["dx"][0, 3, 3] == 2
    assert maps["dy"][0, 3, 3] == -4
    assert maps["size"][0, 3, 3] == pytest.approx(12)
    assert maps["p_ring"][0, 3, 3] == pytest.approx(1)
    assert np.isnan(maps["logit"][0, 0, 0])
    assert maps["logit"][0, 1, 1] == 2


def test_the_right_answer_has_no_loss_and_every_wrong_one_has():
    given = batch([[(21.0, 11.5, 12.0, 1.0)]])  # cell row 1, column 2; its middle is (19.5, 11.5)
    logit = torch.full((1, 6, 6), -30.0)
    logit[0, 1, 2] = 30.0
    right = {"logit": logit, "dx": 1.5 / 8, "dy": 0.0, "size": float(np.log(12 / 8)), "halo": -30.0, "ring": 30.0}
    assert float(task().loss(cells_of(given, **right), given).total) == pytest.approx(0, abs=1e-4)
    for name, value in {"logit": -logit, "dx": 0.5, "dy": 0.3, "size": 0.0, "halo": 30.0}.items():
        assert float(task().loss(cells_of(given, **{**right, name: value}), given).total) > 0.05, name


def test_cells_between_are_taught_nothing():
    given = batch([[(19.5, 11.5, 12.0, 0.0)]])
    logit = torch.full((1, 6, 6), -30.0)
    logit[0, 1, 2] = 30.0
    base = float(task().loss(cells_of(given, logit=logit), given).parts["presence"])
    beside, far = logit.clone(), logit.clone()
    beside[0, 1, 3], far[0, 4, 4] = 30.0, 30.0
    assert float(task().loss(cells_of(given, logit=beside), given).parts["presence"]) == base
    assert float(task().loss(cells_of(given, logit=far), given).parts["presence"]) > base + 1


def test_what_is_ignored_is_neither_present_nor_absent():
    given = batch([[(23.5, 23.5, 20.0, -1.0)]])
    for value in (-30.0, 30.0):
        logit = torch.full((1, 6, 6), -30.0)
        logit[0, 1:5, 1:5] = value  # within 20 px
        assert float(task().loss(cells_of(given, logit=logit), given).parts["presence"]) == pytest.approx(0, abs=1e-4)


def test_objects_are_matched_to_the_nearest_cell_and_padding_is_no_object():
    given = batch([[(4.0, 4.0, 8.0, 0.0), (40.0, 40.0, 16.0, 1.0)], [(20.0, 20.0, 8.0, 0.0)]])
    wanted = task()._assign(given["target"]["objects"], torch.Size([2, 6, 6, 6]))
    present = wanted["present"]
    assert present[0, 0, 0]
    assert present[0, 4, 4] or present[0, 5, 5]
    assert present[1].sum() >= 1
    assert not present[1, 0, 0]
    assert wanted["kind"][0][present[0]].unique().tolist() == [0, 1]


def test_cells_without_pixels_are_not_taught():
    given = batch([[]])
    out = cells_of(given, logit=torch.full((6, 6), 30.0))
    out["covered"][:] = False
    assert float(task().loss(out, given).total) == 0


def test_learns_to_find_a_blob():
    rng, made = np.random.default_rng(0), task()
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)

    def draw():
        where = rng.uniform(8, 40, (16, 2))
        given = batch([[(float(x), float(y), 8.0, 0.0)] for x, y in where])
        yy, xx = np.mgrid[:48, :48]
        blob = [20 * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 50) for x, y in where]
        given["image"][:, 0] = torch.from_numpy(rng.poisson(1 + np.array(blob)).astype(np.float32))
        return given, where

    for _ in range(60):
        given, _ = draw()
        optimizer.zero_grad()
        made.loss(made(given), given).total.backward()
        optimizer.step()
    given, where = draw()
    with torch.inference_mode():
        maps = made.eval().decode(made(given), given).maps
    best = maps["logit"].reshape(16, -1).argmax(axis=1)
    row, column = np.unravel_index(best, (6, 6))
    x = 8 * column + 3.5 + maps["dx"].reshape(16, -1)[np.arange(16), best]
    y = 8 * row + 3.5 + maps["dy"].reshape(16, -1)[np.arange(16), best]
    assert np.median(np.hypot(x - where[:, 0], y - where[:, 1])) < 3


def test_probability_combines_scales_and_takes_no_maximum():
    config = Detect(
        classes=("a",), combination=Combination(bias=(-1.0,), own=(1.0, 0.5), finer=0.5, coarser=0.25, least=-4)
    )
    assert config.probability(2, 1, -2, level=0) == pytest.approx(1 / (1 + np.exp(-(-1 + 2 + 0.5 - 0.5))))
    assert config.probability(2, 1, -2, level=6) == pytest.approx(1 / (1 + np.exp(-(-1 + 1 + 0.5 - 0.5))))
    assert config.probability(2, np.nan, -9, level=0) == pytest.approx(config.probability(2, -4, -4, level=0))
    other = config.probability([2, 2], [-3, 2], [0, 0], level=[0, 0])
    assert other[0] < other[1], "another scale that says no must count"


def test_false_alarms_are_read_off_the_curve():
    curve = FalseAlarms(probability=(0.1, 0.5, 0.9), per_square_degree=(2.0, 0.5, 0.1), square_degrees=100)
    np.testing.assert_allclose(curve.at([0.0, 0.3, 0.9, 1.0]), [2.0, 1.25, 0.1, 0.1])
    with pytest.raises(ValueError, match="probability has 1 numbers, per_square_degree 2"):
        FalseAlarms(probability=(0.1,), per_square_degree=(2.0, 1.0), square_degrees=1)


def test_scan_says_stride_and_context():
    network = build(schemas.FCN(), channels=3, dims=2, shape=None)
    made = build(CONFIG, normalize=build(Counts()), network=network)
    assert (made.scan.stride, made.scan.context) == (16, 80)
    assert isinstance(made.head, nn.Conv2d)
