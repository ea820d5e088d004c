"""How a network runs: the default is plain torch in other clothes, and what cannot be honored is refused."""

import hashlib
import sys

import numpy as np
import pytest
import torch

import merkhet
from merkhet.bundle.store import build_task
from merkhet.cli import main
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.models import CNN
from merkhet.config.normalize import AsinhNoise, DatasetStandard, LogMinMax, Robust
from merkhet.errors import ConfigError, DependencyError
from merkhet.infer import backends
from merkhet.infer.backends import Backend, answers, choose_backend, largest_difference, synthetic_batches
from tests.bundle.bundles import INPUT, TASK, make_bundle, make_task
from tests.infer.networks import make_trained_task
from tests.models.test_registry import WITH_DIMS

NORMALIZATIONS = [AsinhNoise(softening=2), Robust(), DatasetStandard(mean=(3e-4, 7), std=(1e-5, 2)), LogMinMax()]


@pytest.mark.parametrize(("kind", "dims"), WITH_DIMS)
def test_the_default_answers_as_the_plain_network_does(kind, dims):
    plain, spec = make_trained_task(kind, dims=dims)
    fast, _ = make_trained_task(kind, dims=dims)
    backend = choose_backend(fast, spec=spec)
    batches = synthetic_batches(plain, spec)
    assert backend == Backend("torch", "f32", torch.device("cpu"), norms_left=0)
    assert largest_difference(answers(fast, batches), answers(plain, batches)) <= 1e-5


def test_norms_that_stay_are_said():
    task, spec = make_trained_task("cnn")
    task.network = torch.nn.Sequential(torch.nn.BatchNorm2d(2), task.network).eval()
    assert str(choose_backend(task, spec=spec)) == "torch f32 on cpu, batch norms not folded: 1"


def test_loading_leaves_the_bundle_as_it_is(tmp_path):
    make_bundle(tmp_path / "bundle")

    def digests() -> dict[str, str]:
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / "bundle").iterdir()}

    before = digests()
    assert str(merkhet.load(tmp_path / "bundle", device="cpu").backend) == "torch f32 on cpu"
    assert digests() == before


@pytest.mark.parametrize("fit", ["exact", "any"])
@pytest.mark.parametrize("normalize", NORMALIZATIONS, ids=lambda config: config.kind)
def test_synthetic_images_are_near_one_when_normalized(normalize, fit):
    spec = InputSpec(bands=(Band(name="g"), Band(name="r")), shape=(40, 44), bin=2, fit=fit)
    task = build_task(task=TASK, model=CNN(widths=(4, 8)), normalize=normalize, spec=spec)
    batches = synthetic_batches(task, spec)
    shapes = [tuple(batch["image"].shape[1:]) for batch in batches]
    assert shapes == ([(2, 20, 22)] * 3 if fit == "exact" else [(2, 20, 22), (2, 25, 27), (2, 30, 32)])
    for batch, again in zip(batches, synthetic_batches(task, spec), strict=True):
        x, _, _ = task.normalize(batch)
        assert 0.1 < x.std() < 4
        assert x.abs().max() < 20
        assert torch.equal(batch["image"], again["image"])


def test_the_largest_difference_sees_every_number():
    one = [{"p_a": np.array([0.1, 0.2])}, {"p_a": np.array([0.5])}]
    two = [{"p_a": np.array([0.1, 0.25])}, {"p_a": np.array([0.48])}]
    assert largest_difference(one, two) == pytest.approx(0.05)
    assert np.isnan(largest_difference(one, [two[0], {"p_a": np.array([np.nan])}]))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"name": "onnx"}, "backend 'onnx' is unknown; choose from torch, openvino"),
        ({"precision": "f16", "name": "openvino"}, "precision 'f16' is unknown; choose from f32, bf16"),
        ({"name": "openvino", "device": "cuda"}, "openvino runs on the processor; device is 'cuda'"),
        ({"device": "cuda:7"}, "device 'cuda:7' cannot be used"),
    ],
)
def test_what_cannot_be_honored_is_refused(choice, message):
    with pytest.raises(ConfigError, match=message):
        choose_backend(make_task(), spec=INPUT, **choice)


def test_torch_in_bfloat16_says_how_far_it_is_off():
    task, spec = make_trained_task("cnn")
    exact, _ = make_trained_task("cnn")
    choice = choose_backend(task, spec=spec, precision="bf16", device="cpu")
    batches = synthetic_batches(exact, spec)
    seen = largest_difference(answers(task, batches), answers(exact, batches))
    assert choice.difference == pytest.approx(seen, abs=1e-6)
    assert 0 < seen < 0.1
    assert str(choice).startswith("torch bf16 on cpu")
    assert "probabilities within" in str(choice)


def test_an_absent_package_is_named_with_its_cure(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "openvino", None)
    make_bundle(tmp_path / "bundle")
    with pytest.raises(DependencyError, match=r"pip install 'merkhet\[openvino\]'"):
        merkhet.load(tmp_path / "bundle", backend="openvino")
    assert main(["predict", str(tmp_path / "bundle"), "a.fits", "--backend", "openvino"]) == 2
    assert "merkhet[openvino]" in capsys.readouterr().err


@pytest.mark.parametrize("shift", [3e-4, float("nan")])
def test_another_answer_than_that_of_torch_is_an_error(monkeypatch, shift):
    class Wrong(torch.nn.Module):
        def __init__(self, model, network, *, precision) -> None:
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x) + 100 * shift

    monkeypatch.setattr(backends, "convert", lambda network, example, *, shape: None)
    monkeypatch.setattr(backends, "OpenVINONetwork", Wrong)
    with pytest.raises(ConfigError, match=r"differ by .* from those of torch, more than 0.0001"):
        choose_backend(make_task(), spec=INPUT, name="openvino")
