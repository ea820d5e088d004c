"""Batches of counts with every kind of target, and how to take them apart and compare them."""

import torch
from torch import Tensor

from merkhet.data.sample import Batch, Target


def make_batch(*, n: int = 6, shape: tuple[int, ...] = (20, 20), bands: int = 3, mean: float = 4.0) -> Batch:
    generator = torch.Generator().manual_seed(n)
    valid = torch.rand(n, 1, *shape, generator=generator) < 0.95
    image = torch.poisson(torch.full((n, bands, *shape), mean), generator=generator)
    return {
        "image": torch.where(valid, image, torch.nan),
        "valid": valid,
        "noise": torch.full((n, bands), 2.0),
        "index": torch.arange(n) * 7 + 3,
        "target": {
            "label": Target("label", torch.arange(n)),
            "truth": Target("image", image.clone()),
            "mask": Target("mask", image > mean),
            "xy": Target("objects", torch.rand(n, 2, 2, generator=generator) * 9, torch.full((n,), 2)),
            "angle": Target("angle", torch.rand(n, generator=generator)),
        },
    }


def select(batch: Batch, rows: Tensor) -> Batch:
    def take(value):
        if isinstance(value, dict):
            return {key: take(entry) for key, entry in value.items()}
        if isinstance(value, Target):
            return Target(value.kind, value.value[rows], None if value.count is None else value.count[rows])
        return value[rows]

    return {key: take(value) for key, value in batch.items()}


def assert_same(first: Batch, second: Batch) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, dict):
            assert_same(value, second[key])
        else:
            a, b = (entry.value if isinstance(entry, Target) else entry for entry in (value, second[key]))
            torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
