"""The OpenVINO backend: the answers of torch for every architecture, any number of images and any shape."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

import merkhet
from merkhet.cli import main
from merkhet.errors import ConfigError
from merkhet.infer import openvino as backend
from merkhet.infer.backends import TOLERANCE, answers, choose_backend, synthetic_batches
from merkhet.infer.openvino import OpenVINONetwork, convert
from merkhet.infer.predict import predict
from tests.bundle.bundles import INPUT, make_bundle
from tests.infer.networks import make_trained_task
from tests.models.test_registry import SHAPES, WITH_DIMS

# Looked for, not imported: pytest.importorskip would let it report its import.
if find_spec("openvino") is None:
    pytest.skip("OpenVINO is not installed: pip install 'merkhet[openvino]'", allow_module_level=True)


def compute(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        out: torch.Tensor = network(x)
    return out


@pytest.mark.parametrize("fit", ["exact", "any"])
@pytest.mark.parametrize(("kind", "dims"), [(kind, dims) for kind, dims in WITH_DIMS if kind != "spectral"])
def test_every_architecture_answers_as_in_torch(kind, dims, fit):
    torch_task, spec = make_trained_task(kind, dims=dims, fit=fit)
    task, _ = make_trained_task(kind, dims=dims, fit=fit)
    choice = choose_backend(task, spec=spec, name="openvino")
    assert choice.difference is not None
    assert choice.difference <= TOLERANCE
    assert "probabilities within" in str(choice)
    shape = (40,) * dims if fit == "any" else SHAPES[dims]
    x = torch.randn(5, 2, *shape, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(compute(task.network, x), compute(torch_task.network, x), rtol=1e-4, atol=1e-5)


def test_a_network_that_works_by_tiles_is_refused():
    task, spec = make_trained_task("spectral", fit="any")
    with pytest.raises(ConfigError, match=r"tile by tile\. Use backend torch"):
        choose_backend(task, spec=spec, name="openvino")


@pytest.mark.parametrize("images", [1, 2, 3, 17, 64])
def test_any_number_of_images_is_answered_in_order(images):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 62 * 62, 3)).eval()
    compiled = OpenVINONetwork(convert(network, torch.zeros(2, 1, 64, 64), shape=(64, 64)), network, precision="f32")
    x = torch.randn(images, 1, 64, 64)
    torch.testing.assert_close(compute(compiled, x), compute(network, x), rtol=1e-4, atol=1e-5)


def test_callers_in_several_threads_get_their_own_answers():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()
    compiled = OpenVINONetwork(convert(network, torch.zeros(2, 1, 8, 8), shape=(8, 8)), network, precision="f32")
    batches = [torch.randn(images, 1, 8, 8) for images in (1, 5, 1, 9) * 10]
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda x: compute(compiled, x), batches))
    for out, x in zip(found, batches, strict=True):
        torch.testing.assert_close(out, compute(network, x), rtol=1e-4, atol=1e-5)


def test_images_that_are_not_contiguous_are_read_right():
    torch.manual_seed(0)
    network = nn.Conv2d(2, 3, 3).eval()
    compiled = OpenVINONetwork(convert(network, torch.zeros(2, 2, 9, 8), shape=None), network, precision="f32")
    x = torch.randn(4, 9, 8, 2).permute(0, 3, 1, 2)
    torch.testing.assert_close(compute(compiled, x), compute(network, x), rtol=1e-4, atol=1e-5)


def test_a_file_gets_the_answer_that_torch_gives(sky, tmp_path):
    make_bundle(tmp_path / "bundle")
    images = sky.parent / "images"
    model = merkhet.load(tmp_path / "bundle", backend="openvino")
    assert model.backend.name == "openvino"
    found, expected = predict(model, images).table, predict(tmp_path / "bundle", images).table
    assert found["p_double"].tolist() == pytest.approx(expected["p_double"].tolist(), abs=1e-5)


def test_an_image_too_small_is_refused_as_in_torch(tmp_path):
    make_bundle(tmp_path / "bundle", INPUT.model_copy(update={"fit": "any"}))
    model = merkhet.load(tmp_path / "bundle", backend="openvino")
    noise = np.random.default_rng(0).normal(size=(40, 40))
    assert model.predict(noise)["p_double"][0] == pytest.approx(
        merkhet.load(tmp_path / "bundle").predict(noise)["p_double"][0], abs=1e-5
    )
    with pytest.raises(ConfigError, match="needs 2 px or more along every axis, but the image has 1 x 40"):
        model.predict(noise[:1])


def test_bfloat16_is_measured_and_said(tmp_path, sky, capsys):
    if "BF16" not in backend.import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor cannot compute in bfloat16")
    task, spec = make_trained_task("cnn")
    expected = answers(task, synthetic_batches(task, spec))
    choice = choose_backend(task, spec=spec, name="openvino", precision="bf16")
    found = answers(task, synthetic_batches(task, spec))
    moved = max(np.abs(ours["p_a"] - theirs["p_a"]).max() for ours, theirs in zip(found, expected, strict=True))
    assert choice.difference is not None
    assert 1e-5 < moved <= choice.difference < 0.1
    make_bundle(tmp_path / "bundle")
    command = ["predict", str(tmp_path / "bundle"), str(sky.parent / "images"), "--backend", "openvino"]
    assert main([*command, "--precision", "bf16", "--out", str(tmp_path / "a.csv")]) == 0
    assert "backend: openvino bf16 on cpu, probabilities within" in capsys.readouterr().err
    assert main([*command, "--precision", "bf16", "--out", str(tmp_path / "b.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backend"].startswith("openvino bf16 on cpu, probabilities within")


def test_a_processor_without_bfloat16_is_no_silent_float32(monkeypatch):
    class Core:
        def get_property(self, device, name):
            return ["FP32"]

    monkeypatch.setattr(backend, "import_openvino", lambda: type("openvino", (), {"Core": Core}))
    with pytest.raises(ConfigError, match="cannot compute in bfloat16"):
        OpenVINONetwork(None, nn.Identity(), precision="bf16")


def test_a_layer_without_counterpart_is_one_clear_line():
    class Bessel(nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x)

    with pytest.raises(
        ConfigError, match=r"cannot run this network: No conversion rule .*bessel_j0. Use backend torch"
    ):
        convert(Bessel().eval(), torch.zeros(1, 1, 4, 4), shape=None)


def test_nothing_is_reported_to_anyone():
    code = (
        "import sys; from merkhet.infer.openvino import import_openvino; import_openvino();"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
