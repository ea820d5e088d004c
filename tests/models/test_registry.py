"""What every registered architecture must do; a new one is tested as soon as it stands in the schema."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
import safetensors.torch
import torch
from torch import Tensor

from merkhet.config.base import build, members
from merkhet.config.models import Architecture, Model
from merkhet.errors import ConfigError
from merkhet.models.blocks import VectorNetwork

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "models.md"
KINDS = cast(dict[str, type[Architecture]], members(Model))
VECTOR = [kind for kind, schema in KINDS.items() if schema.output == "vector"]
WITH_DIMS = [(kind, dims) for kind in VECTOR for dims in KINDS[kind].dims]
ALL_WITH_DIMS = {(kind, dims) for kind, schema in KINDS.items() for dims in schema.dims}
WITHOUT_PIXELS = {"spectral"}  # its levels see planes that are made of the image
SHAPES = {2: (33, 47), 3: (33, 32, 35)}
# Narrow versions of the networks whose default is slow to run; the default itself is built without storage.
NARROW: dict[str, dict[str, Any]] = {
    "vgg": {"block_sizes": (4, 4, 8, 8, 16), "hidden": (8,)},
    "spectral": {"tile": 64, "radii": 24, "angles": 32, "plane_widths": (4, 8), "direction_widths": (4, 8)},
    "resnet": {"block_sizes": (4, 8, 8, 16), "depths": (1, 2, 1, 1)},
}


def narrow(kind: str, *, channels: int = 1, dims: int = 2) -> VectorNetwork:
    torch.manual_seed(0)
    config = KINDS[kind](**NARROW.get(kind, {}))
    network: VectorNetwork = build(config, channels=channels, dims=dims, shape=SHAPES[dims])
    return network


def image(*, channels: int = 1, dims: int = 2, batch: int = 3) -> Tensor:
    return torch.randn(batch, channels, *SHAPES[dims], generator=torch.Generator().manual_seed(1))


def row(kind: str) -> list[str]:
    for line in DOCUMENTATION.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == f"`{kind}`":
            return cells
    raise AssertionError(f"docs/models.md has no row for `{kind}`")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kind", "dims"), WITH_DIMS)
def test_maps_images_to_vectors_with_finite_gradients(kind, dims, channels):
    network = narrow(kind, channels=channels, dims=dims)
    out = network(image(channels=channels, dims=dims, batch=2))
    assert out.shape == (2, network.out_features)
    assert out.dtype == torch.float32
    out.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, f"{name} takes no part"
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("kind", VECTOR)
def test_takes_images_of_another_size(kind):
    network = narrow(kind).eval()
    assert network(torch.zeros(1, 1, 51, 32)).shape == (1, network.out_features)


@pytest.mark.parametrize("kind", VECTOR)
def test_evaluation_is_deterministic_and_treats_each_image_alone(kind):
    network = narrow(kind).eval()
    with torch.inference_mode():
        x = image()
        out = network(x)
        assert torch.equal(out, network(x))
        torch.testing.assert_close(network(x[1:2]), out[1:2])
    assert not torch.allclose(out[0], out[1]), "two images have one answer"


@pytest.mark.parametrize("kind", VECTOR)
def test_saved_weights_give_the_same_network(kind):
    network = narrow(kind)
    network(image())  # moves the running statistics of batch norms
    other = narrow(kind)
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(network.state_dict())))
    assert torch.equal(other.eval()(image()), network.eval()(image()))


@pytest.mark.parametrize("kind", VECTOR)
def test_levels_and_head_are_the_whole_network(kind):
    network = narrow(kind)
    parts = [*network.levels, network.head]
    assert len(network.levels) > 1
    assert {id(p) for part in parts for p in part.parameters()} == {id(p) for p in network.parameters()}
    # The image enters by the first level: freezing from the front freezes what is nearest to the pixels.
    if kind not in WITHOUT_PIXELS:
        assert next(network.levels[0].parameters()).shape[1] == 1


@pytest.mark.parametrize(("kind", "dims"), WITH_DIMS)
def test_default_can_be_built(kind, dims):
    with torch.device("meta"):
        network = build(KINDS[kind](), channels=3, dims=dims, shape=(64,) * dims)
        assert network(torch.empty(2, 3, *(64,) * dims)).shape == (2, network.out_features)


@pytest.mark.parametrize(("kind", "dims"), sorted({(kind, dims) for kind in KINDS for dims in SHAPES} - ALL_WITH_DIMS))
def test_other_dimensions_are_refused(kind, dims):
    with pytest.raises(ConfigError, match=rf"model\.kind={kind} .* input\.dims={dims}"):
        build(KINDS[kind](), channels=1, dims=dims, shape=None)


@pytest.mark.parametrize("kind", KINDS)
def test_stands_in_the_documentation(kind):
    _, dims, parameters, output, options, source = row(kind)
    schema = KINDS[kind]
    with torch.device("meta"):
        network = build(schema(), channels=1, dims=2, shape=None)
    assert dims == ", ".join(f"{n}-D" for n in schema.dims)
    assert parameters == f"{sum(p.numel() for p in network.parameters()):,}"
    assert output == f"{schema.output} of {network.out_features}"
    assert set(re.findall(r"`(\w+)`", options)) == set(schema.model_fields) - {"kind"}
    assert re.search(r"\b(19|20)\d\d\b", source), "no paper named"


@pytest.mark.parametrize("kind", KINDS)
def test_docstring_names_its_source(kind):
    module, name = KINDS[kind].target.split(":")
    assert re.search(r"[A-Z]\w+ .*\b(19|20)\d\d\b", getattr(import_module(module), name).__doc__)
