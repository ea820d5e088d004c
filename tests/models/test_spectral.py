"""The network of the Fourier plane: power, tiles and polar planes, each against numpy or what must hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.config.base import build
from merkhet.config.models import Spectral as Schema
from merkhet.models import spectral
from merkhet.models.spectral import Spectral, mean_power, polar_planes, rows_of_tiles, tile_starts, without_sources

SMALL = Schema(tile=64, radii=32, angles=64, plane_widths=(4, 8), direction_widths=(4, 8))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fringe(side: int, *, u: float, v: float) -> torch.Tensor:
    """A cosine of ``u`` and ``v`` cycles per pixel along x and y."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.cos(2 * torch.pi * (u * x + v * y))[None, None]


def make(config: Schema = SMALL) -> Spectral:
    torch.manual_seed(0)
    network: Spectral = build(config, channels=1, dims=2, shape=None)
    return network.eval()


@given(st.integers(32, 400), st.sampled_from([32, 64]))
def test_tiles_cover_a_length_and_are_as_few_as_can_be(size, side):
    size = max(size, side)
    starts = tile_starts(size, side)
    covered = np.zeros(size, dtype=bool)
    for start in starts:
        covered[start : start + side] = True
    assert covered.all()
    assert starts[-1] + side == size
    assert len(starts) == -(-size // side)


@given(st.integers(20, 150), st.integers(20, 150))
@settings(max_examples=20, deadline=None)
def test_tiles_hold_the_pixels_of_the_image(height, width):
    x = noise(2, 1, height, width)
    rows = list(rows_of_tiles(x, 32))
    tops, lefts = tile_starts(max(32, height), 32), tile_starts(max(32, width), 32)
    assert len(rows) == len(tops)
    for top, row in zip(tops, rows, strict=True):
        assert row.shape == (2, len(lefts), 1, 32, 32)
        for left, tile in zip(lefts, row.unbind(dim=1), strict=True):
            if height >= 32 and width >= 32:
                assert torch.equal(tile, x[..., top : top + 32, left : left + 32])
            else:
                assert tile.square().sum() <= x.square().sum() + 1e-3


def test_power_is_that_of_tapered_tiles(rng):
    x = torch.from_numpy(rng.normal(size=(1, 1, 64, 96)).clip(-2, 2).astype(np.float32))
    edge = np.sin(np.arange(1, 5) * np.pi / 2 / 5) ** 2
    taper = np.outer(*[np.concatenate([edge, np.ones(24), edge[::-1]])] * 2)
    taper /= np.sqrt((taper**2).sum())
    tiles = [x[0, 0, top : top + 32, left : left + 32].numpy() for top in (0, 32) for left in (0, 32, 64)]
    expected = np.mean([np.abs(np.fft.rfft2(tile * taper)) ** 2 for tile in tiles], axis=0)
    np.testing.assert_allclose(mean_power(x, side=32)[0, 0], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", [(512, 512), (300, 700)])
def test_power_of_white_noise_is_one_whatever_the_size(shape):
    power = mean_power(noise(1, 1, *shape).clamp(max=spectral.SOURCE), side=64)
    assert power.mean() == pytest.approx(1, abs=0.03)


def test_a_gradient_changes_no_power():
    x = noise(1, 1, 130, 130)
    with_gradient = mean_power(x.clone().requires_grad_(), side=64)
    assert with_gradient.requires_grad
    torch.testing.assert_close(with_gradient.detach(), mean_power(x, side=64))


def test_blocks_of_sources_and_their_neighbors_become_zero():
    tiles = torch.ones(2, 1, 1, 32, 32)
    tiles[0, 0, 0, 9, 18] = spectral.SOURCE + 1
    quiet = without_sources(tiles)
    expected = torch.ones(32, 32)
    expected[4:16, 12:24] = 0
    assert torch.equal(quiet[0, 0, 0], expected)
    assert torch.equal(quiet[1], tiles[1])


@pytest.mark.parametrize("angle_deg", [-75, -40, 0, 20, 88])
def test_a_fringe_stands_out_in_its_direction_and_at_its_radius(angle_deg):
    angle = np.deg2rad(angle_deg)
    x = noise(1, 1, 512, 512).clamp(max=2.9) + 0.3 * fringe(512, u=0.15 * np.cos(angle), v=0.15 * np.sin(angle))
    plane, profiles = polar_planes(mean_power(x, side=64), SMALL)
    assert plane.shape == (1, 6, 32, 64)
    assert profiles.shape == (1, 21, 1, 128)
    # Power below the mean of a radius is a ditch beside the peak, so the mean over cells tells radius and direction.
    radius = int(plane[0, 0].amax(dim=1).argmax())
    assert ((radius + 0.5) / 32) ** 2 * spectral.LARGEST_FREQUENCY == pytest.approx(0.15, abs=1.5 / 64)
    for direction in (int(plane[0, 0, radius].argmax()) / 64, int(profiles[0, 6, 0].argmax()) / 128):
        assert abs((180 * direction - 90 - angle_deg + 90) % 180 - 90) < 6


def test_no_cell_is_lost_on_the_way_to_the_peaks():
    config = Schema()
    power = torch.full((1, 1, 512, 257), 1.0)
    rng = np.random.default_rng(0)
    for _ in range(40):
        radius, angle = 0.39 * 512 * np.sqrt(rng.uniform(0.01, 1)), rng.uniform(-0.5, 0.5) * np.pi
        cell = round(radius * np.sin(angle)) % 512, round(radius * np.cos(angle))
        one = power.clone()
        one[0, 0, *cell] = 1e4
        assert polar_planes(one, config)[0][0, 3].max() > np.log1p(1e4 / 10) - 1.5 - 0.5


def test_planes_say_nothing_about_the_unit_of_power():
    power = noise(1, 2, 64, 33).square()
    for one, other in zip(polar_planes(power, SMALL), polar_planes(1e4 * power, SMALL), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_half_a_turn_changes_nothing_and_a_quarter_little():
    network, x = make(), noise(1, 1, 128, 128) + fringe(128, u=0.1, v=0.05)
    with torch.inference_mode():
        answer, half, quarter = (network(torch.rot90(x, k, (2, 3))) for k in (0, 2, 1))
    torch.testing.assert_close(half, answer, rtol=1e-3, atol=1e-4)
    assert (quarter - answer).abs().max() < 0.2 * answer.abs().max()


def test_a_larger_image_of_the_same_pattern_has_nearly_the_same_answer():
    network = make()
    with torch.inference_mode():
        small, large = (network(noise(1, 1, n, n) + fringe(n, u=0.1, v=0.05)) for n in (512, 1024))
        other = network(noise(1, 1, 512, 512))
    assert (large - small).norm() < 0.3 * (other - small).norm()


def test_planes_are_float32_under_autocast_and_in_a_bfloat16_network():
    network, x = make(), noise(2, 1, 96, 96)
    with torch.inference_mode():
        expected = network(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(network(x).float(), expected, rtol=0.1, atol=0.05)
        torch.testing.assert_close(network.to(torch.bfloat16)(x).float(), expected, rtol=0.1, atol=0.05)
