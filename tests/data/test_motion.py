"""Motions of pixels, positions and angles: they must agree with each other, with numpy and with scipy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from merkhet.data.motion import Motion, Resampling, Translation, Turns, move
from merkhet.data.sample import Batch, Target
from tests.data.blobs import Blob, angle_between, measure, render

SQUARE, OBLONG = (61, 61), (60, 72)


def turns(shape: tuple[int, int]) -> Motion:
    return Turns(torch.arange(8 if shape[0] == shape[1] else 4), shape=shape)


def shifts(shape: tuple[int, int]) -> Motion:
    return Translation(torch.tensor([[0, 0], [4, 0], [0, -4], [-3, 2], [4, 4]]), shape=shape)


def rotations(shape: tuple[int, int]) -> Motion:
    angle = torch.tensor([0.0, 0.3, -1.0, 2.0, math.pi, -2.9, 0.5])
    shift = torch.tensor([[0.4, -0.3], [0.0, 0.0], [2.5, -1.5], [0.2, 0.0], [0.0, 0.0], [-1.7, 3.1], [0.0, 0.9]])
    return Resampling(angle, shift, shape=shape)


MOTIONS = [(turns, SQUARE), (turns, OBLONG), (shifts, OBLONG), (rotations, SQUARE), (rotations, OBLONG)]


@pytest.mark.parametrize(("motion", "shape"), MOTIONS)
def test_targets_follow_the_pixels(motion, shape):
    moves = motion(shape)
    n = len(moves.matrix)
    generator = torch.Generator().manual_seed(5)
    blob = Blob(
        x=(shape[1] - 1) / 2 + 8 * torch.rand(n, generator=generator).double() - 4,
        y=(shape[0] - 1) / 2 + 8 * torch.rand(n, generator=generator).double() - 4,
        angle=math.pi * torch.rand(n, generator=generator).double(),
        flux=torch.full((n,), 100.0, dtype=torch.float64),
    )
    image = render(blob, shape=shape)
    xy = torch.stack([blob.x, blob.y], dim=1)[:, None].float()
    padding = torch.full((n, 1, 3), torch.nan)
    objects = torch.cat([torch.cat([xy, torch.full((n, 1, 1), 9.0)], dim=2), padding], dim=1)
    target = {
        "object": Target("objects", objects, torch.ones(n, dtype=torch.int64)),
        "angle": Target("angle", blob.angle),
        "truth": Target("image", image),
        "mask": Target("mask", image > 1),
        "label": Target("label", torch.arange(n)),
        "redshift": Target("vector", torch.rand(n, 2)),
    }
    batch: Batch = {"image": image, "valid": torch.ones_like(image, dtype=torch.bool), "target": target}
    moved = move(batch, moves)
    seen, result = measure(moved["image"]), moved["target"]

    assert (angle_between(seen.angle, result["angle"].value).abs() < 0.005).all()
    x, y, size = result["object"].value[:, 0].double().unbind(1)
    torch.testing.assert_close(seen.x, x, rtol=0, atol=0.01)
    torch.testing.assert_close(seen.y, y, rtol=0, atol=0.01)
    torch.testing.assert_close(seen.flux, blob.flux, rtol=1e-3, atol=0)
    assert (size == 9).all()
    assert result["object"].value[:, 1].isnan().all()
    assert result["object"].count is target["object"].count
    torch.testing.assert_close(result["truth"].value, moved["image"], rtol=0, atol=0, equal_nan=True)
    known = moved["valid"] & ((moved["image"] - 1).abs() > 0.5)  # away from the mask's edge
    assert (moved["image"][known] > 1).any()
    assert torch.equal(result["mask"].value[known], moved["image"][known] > 1)
    assert result["label"] is target["label"]
    assert result["redshift"] is target["redshift"]


def test_the_eight_turns_are_those_of_a_square():
    image = torch.arange(16.0).reshape(1, 1, 4, 4).repeat(8, 1, 1, 1)
    moved, _ = turns((4, 4)).pixels(image, torch.ones_like(image, dtype=torch.bool))
    plane = image[0, 0].numpy()
    expected = [np.rot90(p, k) for p in (plane, plane[:, ::-1]) for k in range(4)]
    assert {m.tobytes() for m in moved.numpy()} == {np.ascontiguousarray(e).tobytes() for e in expected}


def test_an_oblong_image_keeps_its_shape():
    image = torch.arange(12.0).reshape(1, 1, 3, 4).repeat(4, 1, 1, 1)
    moved, _ = turns((3, 4)).pixels(image, torch.ones_like(image, dtype=torch.bool))
    plane = image[0, 0].numpy()
    for result, expected in zip(moved[:, 0], (plane, plane[:, ::-1], plane[::-1], plane[::-1, ::-1]), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_identity_leaves_positions_and_angles_untouched():
    identity = Turns(torch.zeros(1, dtype=torch.int64), shape=(5, 8))
    points, angles = torch.tensor([[[1.1, 2.3]]]), torch.tensor([[3.7, -9.1]])
    assert torch.equal(identity.points(points), points)
    assert torch.equal(identity.angles(angles), angles)


def test_translation_against_numpy(rng):
    image = torch.from_numpy(rng.normal(size=(5, 2, 7, 9)).astype(np.float32))
    valid = torch.from_numpy(rng.random((5, 1, 7, 9)) < 0.8)
    image = torch.where(valid, image, torch.nan)
    moves = shifts((7, 9))
    moved, moved_valid = moves.pixels(image, valid)
    for k, (dx, dy) in enumerate(moves.shift.int().tolist()):
        y, x = np.mgrid[:7, :9]
        inside = (y - dy >= 0) & (y - dy < 7) & (x - dx >= 0) & (x - dx < 9)
        expected = np.where(inside, np.roll(image[k].numpy(), (dy, dx), axis=(1, 2)), np.nan)
        np.testing.assert_array_equal(moved[k], expected)
        np.testing.assert_array_equal(moved_valid[k], np.roll(valid[k].numpy(), (dy, dx), axis=(1, 2)) & inside)


@pytest.mark.parametrize("shape", [(16, 16), (13, 22)])
def test_resampling_against_scipy(rng, shape):
    moves = rotations(shape)
    n = len(moves.matrix)
    image = torch.from_numpy(rng.normal(size=(n, 1, *shape)).astype(np.float32))
    mask = image > 0
    moved, valid = moves.pixels(image, torch.ones_like(image, dtype=torch.bool))
    moved_mask = moves.mask(mask)
    center = (np.array(shape) - 1) / 2
    for k in range(n):
        inverse = moves.matrix[k].double().numpy().T[::-1, ::-1]  # scipy's order is y, x
        offset = center - inverse @ (center + moves.shift[k].double().numpy()[::-1])
        options = {"matrix": inverse, "offset": offset, "mode": "constant", "prefilter": False}
        expected = ndimage.affine_transform(image[k, 0].double().numpy(), order=1, cval=np.nan, **options)
        known = valid[k, 0].numpy() & np.isfinite(expected)
        # The two may differ on the outermost pixels alone, by rounding.
        assert (valid[k, 0].numpy() ^ np.isfinite(expected)).sum() <= 2 * sum(shape)
        np.testing.assert_allclose(moved[k, 0].numpy()[known], expected[known], atol=2e-5)
        nearest = ndimage.affine_transform(mask[k, 0].numpy().astype(float), order=0, **options) > 0.5
        assert (moved_mask[k, 0].numpy()[known] != nearest[known]).mean() < 0.02


@settings(max_examples=30)
@given(
    turn=st.floats(-math.pi, math.pi),
    shift=st.tuples(st.floats(-4, 4), st.floats(-4, 4)),
    seed=st.integers(0, 2**16),
)
def test_invalid_pixels_never_bleed_into_valid_ones(turn, shift, seed):
    rng = np.random.default_rng(seed)
    valid = torch.from_numpy(rng.random((1, 1, 17, 14)) < 0.9)
    image = torch.where(valid, torch.from_numpy(rng.uniform(1, 2, (1, 1, 17, 14)).astype(np.float32)), torch.nan)
    moves = Resampling(torch.tensor([turn]).float(), torch.tensor([shift]).float(), shape=(17, 14))
    moved, moved_valid = moves.pixels(image, valid)
    assert torch.equal(moved.isfinite(), moved_valid)
    # An average of valid pixels lies between them; anything mixed with a zero or an outlier does not.
    assert (moved[moved_valid] >= 1 - 2e-3).all()
    assert (moved[moved_valid] <= 2 + 1e-5).all()
    spoiled, same = moves.pixels(torch.where(valid, image, 1e30), valid)
    assert torch.equal(same, moved_valid)
    assert torch.equal(spoiled[same], moved[same])


def test_a_pixel_next_to_an_invalid_one_is_lost_only_if_it_mixes():
    image = torch.ones(2, 1, 9, 9)
    image[:, :, 4, 4] = torch.nan
    moves = Resampling(torch.zeros(2), torch.tensor([[1.0, 0.0], [0.5, 0.0]]), shape=(9, 9))
    _, valid = moves.pixels(image, image.isfinite())
    assert (~valid[0]).nonzero().tolist() == [[0, y, 0] for y in range(4)] + [[0, 4, 0], [0, 4, 5]] + [
        [0, y, 0] for y in range(5, 9)
    ]
    assert (~valid[1, 0, 4]).nonzero().flatten().tolist() == [0, 4, 5]


@pytest.mark.parametrize(("motion", "shape"), MOTIONS)
def test_cubes_move_plane_by_plane(rng, motion, shape):
    moves = motion(shape)
    n = len(moves.matrix)
    cube = torch.from_numpy(rng.normal(size=(n, 2, 3, *shape)).astype(np.float32))
    valid = torch.from_numpy(rng.random((n, 1, 3, *shape)) < 0.95)
    cube = torch.where(valid, cube, torch.nan)
    moved, moved_valid = moves.pixels(cube, valid)
    assert moved_valid.shape == valid.shape
    for plane in range(3):
        flat, flat_valid = moves.pixels(cube[:, :, plane], valid[:, :, plane])
        torch.testing.assert_close(moved[:, :, plane], flat, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(moved_valid[:, :, plane], flat_valid)


def test_a_mask_that_is_the_same_for_all_pixels_may_be_small():
    image = torch.ones(5, 1, 7, 9)
    batch: Batch = {"image": image, "valid": torch.ones(5, 1, 1, 1, dtype=torch.bool), "target": {}}
    moved = move(batch, shifts((7, 9)))
    assert torch.equal(moved["valid"], moved["image"].isfinite())


def test_a_target_of_another_size_is_refused():
    image = torch.ones(5, 1, 7, 9)
    target = {"truth": Target("image", torch.ones(5, 1, 14, 18))}
    batch: Batch = {"image": image, "valid": image > 0, "target": target}
    with pytest.raises(ValueError, match=r"target truth is \(14, 18\); it needs the size of the image, \(7, 9\)"):
        move(batch, shifts((7, 9)))
