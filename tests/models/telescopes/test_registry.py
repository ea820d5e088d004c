"""What every network over telescopes must do; a new one is tested as soon as it stands in the schema."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from merkhet.config.array_models import ArrayModel
from merkhet.config.arrays import Pixels as PixelsSchema
from merkhet.config.arrays import TelescopeInput
from merkhet.config.base import build, members
from merkhet.errors import ConfigError
from tests.models.arrays import ARRAY, CAMERAS, make_events

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "cherenkov.md"
KINDS = members(ArrayModel)
SMALL_RESNET = {"kind": "resnet", "block_sizes": (4, 8), "depths": (1, 1), "squeeze_excite": 2}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("telescope_array", {"features": 16, "backbone": SMALL_RESNET}),
    "recurrent": (
        "telescope_array",
        {"features": 8, "backbone": {"kind": "cnn", "widths": (4, 8)}, "combination": {"kind": "recurrent"}},
    ),
    "mean": ("telescope_array", {"features": 8, "backbone": SMALL_RESNET, "combination": {"kind": "mean"}}),
    "hexagonal": ("telescope_array", {"features": 16, "backbone": {"kind": "hex_cnn", "widths": (4, 8)}}),
    "shower": ("shower_array", {"features": 16, "backbone": SMALL_RESNET, "crop": (8, 12)}),
    "mobilenet map": ("published_array", {"block": "mobilenet", "head": "mobilenet"}),
    "resnet vector": ("published_array", {"combination": "vector", "head": "resnet_vector"}),
    "mobilenet resnet": ("published_array", {"block": "mobilenet", "head": "resnet"}),
    "mobilenet vector": ("published_array", {"block": "mobilenet", "combination": "vector", "head": "resnet_vector"}),
}
SET = [case for case, (kind, _) in CASES.items() if kind != "published_array"]


def network(case: str, spec: TelescopeInput = ARRAY) -> Any:
    torch.manual_seed(0)
    kind, options = CASES[case]
    pixels = PixelsSchema()
    return build(KINDS[kind](**options), spec=spec, channels=pixels.channels)


def images(n: int = 6, *, seed: int = 0, batch: Any = None) -> Any:
    return build(PixelsSchema())(make_events(n, seed=seed) if batch is None else batch)


def answer(model: Any, batch: Any) -> torch.Tensor:
    """Features and direction of each event, one behind the other."""
    return torch.cat(model(images(batch=batch)), dim=1)


def permuted(batch, orders):
    telescopes = {
        name: {key: value[:, orders[name]] for key, value in arrays.items()}
        for name, arrays in batch["telescopes"].items()
    }
    return {**batch, "telescopes": telescopes}


@pytest.mark.parametrize("case", CASES)
def test_maps_events_to_vectors_with_finite_gradients(case):
    model = network(case)
    out = model(images(12))
    assert out.features.shape == (12, model.out_features)
    assert out.direction.shape == (12, 2)
    torch.cat(out, dim=1).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{name} takes no part"
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("case", CASES)
def test_telescopes_that_did_not_trigger_count_for_nothing(case):
    model = network(case).eval()
    batch = make_events(5)
    with torch.inference_mode():
        before = answer(model, batch)
        for arrays in batch["telescopes"].values():
            arrays["charge"][~arrays["trigger"]] = 1e6
            arrays["time"][~arrays["trigger"]] = torch.nan
            arrays["position"][~arrays["trigger"]] = 1e9
        assert torch.equal(before, answer(model, batch))


@pytest.mark.parametrize("case", CASES)
def test_an_event_answers_for_itself_alone(case):
    model = network(case).eval()
    batch = make_events(5)
    one = {
        **batch,
        "telescopes": {n: {k: v[2:3] for k, v in arrays.items()} for n, arrays in batch["telescopes"].items()},
    }
    with torch.inference_mode():
        out = answer(model, batch)
        torch.testing.assert_close(answer(model, one)[0], out[2], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(out[0], out[1]), "two events have one answer"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_zero_triggered_telescopes_give_a_finite_answer(case, training):
    model = network(case).train(training)
    batch = make_events(4)
    for arrays in batch["telescopes"].values():
        arrays["trigger"][:] = False
    model(images(4, seed=1))
    out = answer(model, batch)
    assert out.isfinite().all()
    torch.testing.assert_close(out[:1].expand_as(out), out) if not training else None


@pytest.mark.parametrize("case", SET)
def test_the_order_of_telescopes_changes_nothing(case):
    model = network(case).eval()
    batch = make_events(8)
    orders = {"LST": torch.tensor([1, 0]), "SST": torch.tensor([2, 0, 1])}
    with torch.inference_mode():
        out = answer(model, batch)
        torch.testing.assert_close(answer(model, permuted(batch, orders)), out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", SET)
def test_any_number_of_telescopes(case):
    """More places, as in a larger array, and the axis cut to those that triggered: the same answer."""
    model = network(case).eval()
    batch = make_events(8)
    padded = {
        **batch,
        "telescopes": {
            name: {key: torch.cat([value, torch.zeros_like(value)], dim=1) for key, value in arrays.items()}
            for name, arrays in batch["telescopes"].items()
        },
    }
    with torch.inference_mode():
        out = answer(model, batch)
        torch.testing.assert_close(answer(model, padded), out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_saved_weights_give_the_same_network(case):
    model, other = network(case), network(case)
    model(images(8))
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(model.state_dict())))
    batch = make_events(4)
    assert torch.equal(answer(other.eval(), batch), answer(model.eval(), batch))


@pytest.mark.parametrize("case", CASES)
def test_levels_start_at_the_pixels(case):
    model = network(case)
    first = next(p for p in model.levels[0].parameters() if p.ndim > 1)
    assert any(first is p for p in model.parameters())
    assert len(model.levels) > 1


@pytest.mark.parametrize("case", CASES)
def test_other_telescope_types_are_refused(case):
    model = network(case)
    given = images(3)
    del given["SST"]
    with pytest.raises(ConfigError, match="the batch holds telescope types LST; the network takes LST, SST"):
        model(given)


@pytest.mark.parametrize("kind", KINDS)
def test_cameras_must_be_known(kind):
    with pytest.raises(ConfigError, match="the pixels of no camera are known"):
        build(KINDS[kind](), spec=TelescopeInput(), channels=("log_charge",))


@pytest.mark.parametrize("kind", KINDS)
def test_default_can_be_built(kind):
    model = build(KINDS[kind](), spec=TelescopeInput(cameras=CAMERAS[:1]), channels=("log_charge",))
    assert model.out_features > 0


@pytest.mark.parametrize("kind", KINDS)
def test_docstring_names_its_source(kind):
    module, name = KINDS[kind].target.split(":")
    assert re.search(r"\b(19|20)\d\d\b", getattr(import_module(module), name).__doc__)


@pytest.mark.parametrize("kind", KINDS)
def test_stands_in_the_documentation(kind):
    text = DOCUMENTATION.read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{kind}` |")]
    assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == set(KINDS[kind].model_fields) - {"kind"}
