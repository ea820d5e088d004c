"""What an array of showers knows before it has learned anything; what every network must do: test_registry.py."""

from typing import Any

import pytest
import torch

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.array_models import ShowerArray as Schema
from merkhet.config.arrays import Pixels as PixelsSchema
from merkhet.config.base import build
from merkhet.models.telescopes.geometry import Axes, Crossing, cross
from merkhet.models.telescopes.moments import HillasMoments
from merkhet.models.telescopes.shower import ShowerArray
from tests.models.arrays import ARRAY, make_events


def network() -> ShowerArray:
    torch.manual_seed(0)
    backbone = {"kind": "resnet", "block_sizes": (4, 8), "depths": (1, 1)}
    model = build(Schema(features=16, crop=(8, 12), backbone=backbone), spec=ARRAY, channels=PixelsSchema().channels)
    assert isinstance(model, ShowerArray)
    return model


def images(batch):
    return build(PixelsSchema())(batch)


def leave_one_image(batch):
    """Every event keeps the first of its images, of the first type that has one."""
    taken = torch.zeros(len(batch["index"]), dtype=torch.bool)
    for arrays in batch["telescopes"].values():
        first = arrays["trigger"] & (arrays["trigger"].cumsum(dim=1) == 1) & ~taken[:, None]
        arrays["trigger"] = first
        taken |= first.any(dim=1)
    return batch


def test_of_one_image_the_direction_lies_on_its_axis():
    model, given = network().eval(), images(leave_one_image(make_events(30)))
    with torch.inference_mode():
        found = model(given).direction
        checked = 0
        for name, camera in model.cameras.items():
            assert isinstance(camera.moments, HillasMoments)
            moments = camera.moments(given[name].charge, given[name].time)
            apart = found[given[name].event] - moments.center
            aside = apart[:, 1] * moments.axis[:, 0] - apart[:, 0] * moments.axis[:, 1]
            assert aside.abs().max() < 0.05
            assert apart.norm(dim=1).max() < 1.0
            checked += len(aside)
    assert checked == 30


def test_what_it_is_sure_of_decides(monkeypatch):
    """A network that trusts the crossing alone gives the crossing, and one that trusts an image gives its place."""
    model, batch = network().eval(), make_events(30)
    crossings: list[Crossing] = []

    def watched(axes: Axes) -> Crossing:
        crossings.append(cross(axes))
        return crossings[-1]

    monkeypatch.setattr("merkhet.models.telescopes.shower.cross", watched)
    with torch.inference_mode():
        model.estimate.bias[2:] = -8
        model.trust.bias[:] = 10
        found = model(images(batch)).direction
    valid = crossings[0].valid > 0
    assert valid.sum() > 5
    torch.testing.assert_close(found[valid], crossings[0].direction[valid], atol=2e-3, rtol=0)


def test_one_image_of_a_type_in_a_batch_can_be_learned_from():
    model, batch = network().train(), make_events(6)
    batch["telescopes"]["SST"]["trigger"][:] = False
    batch["telescopes"]["SST"]["trigger"][2, 1] = True
    torch.cat(model(images(batch)), dim=1).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.cameras["SST"].parameters())


@pytest.mark.parametrize("certain", [-8.0, 10.0])
def test_the_most_uneven_certainty_stays_a_number(certain):
    model, batch = network().eval(), leave_one_image(make_events(30))
    with torch.inference_mode():
        model.estimate.bias[2:] = torch.tensor([certain, 2 - certain])
        found = model(images(batch)).direction
    assert found.isfinite().all()
    assert found.norm(dim=1).max() < 10


def test_without_any_image_it_came_from_the_middle():
    batch = make_events(3)
    for arrays in batch["telescopes"].values():
        arrays["trigger"][:] = False
    assert not network().eval()(images(batch)).direction.any()


def test_channels_must_hold_what_moments_need():
    given: dict[str, Any] = {
        "name": "x",
        "data": {"files": ["a.h5"]},
        "input": {"kind": "telescopes"},
        "model": {"kind": "shower_array"},
        "task": {"kind": "array_events"},
        "normalize": {"kind": "pixels", "channels": ["log_charge"]},
    }
    with pytest.raises(ValueError, match="needs one with times and one with cleaned_"):
        ArrayExperiment.model_validate(given)
    given["normalize"]["channels"] = ["log_charge", "cleaned_time"]
    assert ArrayExperiment.model_validate(given).model.kind == "shower_array"
