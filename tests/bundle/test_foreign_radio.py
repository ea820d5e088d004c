"""The published classifier of radio snapshots, imported: the answers of its definition, at a size tests can pay."""

import numpy as np
import pytest
import torch

import merkhet
from merkhet.bundle import foreign
from merkhet.bundle.foreign import FOREIGN, import_weights
from merkhet.bundle.store import build_task
from merkhet.config.load import validate
from merkhet.config.models import VGG
from merkhet.config.tasks import Classify
from merkhet.errors import InputError
from merkhet.recipes import load_recipe
from tests.bundle.published import CnnGleam

SIDE = 100  # 100 // 27 = 3: pooling drops pixels at the edge, as it does at 4000


@pytest.fixture
def small(monkeypatch):
    """The published network for images of 100 px, which stands in for that of 4000 px."""
    torch.manual_seed(5)
    network = CnnGleam(SIDE).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.0)  # so that answers differ
    parameters = sum(p.numel() for p in network.parameters())
    monkeypatch.setitem(FOREIGN, "cnngleam", foreign._radio_quality(side_px=SIDE, parameters=parameters))
    return network


def images(rng):
    result = [rng.normal(3, 2, (SIDE, SIDE)).astype(np.float32) * 10.0**k for k in (-3, 0, 2)]
    y, x = np.mgrid[:SIDE, :SIDE]
    result += [image + 1e2 * np.sin((x + k * y) / (3 + k)).astype(np.float32) for k, image in enumerate(result)]
    return result


def test_the_published_network_has_its_published_parameters():
    experiment = FOREIGN["cnngleam"].experiment
    with torch.device("meta"):
        task = build_task(
            task=experiment.task, model=experiment.model, normalize=experiment.normalize, spec=experiment.input
        )
        theirs = CnnGleam()
    for network in (task, theirs):
        assert sum(p.numel() for p in network.parameters()) == FOREIGN["cnngleam"].parameters == 70_168_906


@pytest.mark.parametrize("rename", [str, lambda name: name.replace("fc", "module.fc"), lambda name: f"module.{name}"])
def test_answers_are_those_of_the_published_definition(tmp_path, rng, small, rename):
    state = {rename(name).replace("fc1.", "fc1.module."): value for name, value in small.state_dict().items()}
    torch.save({"model_state_dict": state, "epoch": 49}, tmp_path / "w.pt")
    import_weights(tmp_path / "w.pt", tmp_path / "bundle", model="cnngleam")
    stack = images(rng)
    standardized = np.stack([(image - image.mean()) / image.std() for image in stack])
    with torch.inference_mode():
        expected = small(torch.from_numpy(standardized)[:, None]).numpy()
    table = merkhet.load(tmp_path / "bundle").predict(stack)
    assert np.ptp(expected, axis=0).max() > 0.1, "answers that are all alike would prove little"
    for code, name in enumerate(("good", "rfi", "sis", "rfisis")):
        np.testing.assert_allclose(table[f"p_{name}"], expected[:, code], atol=1e-5)
    np.testing.assert_allclose(table["p_any_rfi"], expected[:, 1] + expected[:, 3], atol=1e-5)
    np.testing.assert_allclose(table["p_any_sis"], expected[:, 2] + expected[:, 3], atol=1e-5)


def test_images_of_another_size_are_refused(tmp_path, rng, small):
    torch.save(small.state_dict(), tmp_path / "w.pt")
    import_weights(tmp_path / "w.pt", tmp_path / "bundle", model="cnngleam")
    with pytest.raises(InputError, match="image is 90 x 90 px; expected 100 x 100 px"):
        merkhet.load(tmp_path / "bundle").predict(rng.normal(size=(90, 90)))


def test_weights_for_images_of_another_size_are_refused(tmp_path):
    torch.save(CnnGleam(SIDE).state_dict(), tmp_path / "w.pt")
    with pytest.raises(InputError, match="expected 70,168,906 for cnngleam"):
        import_weights(tmp_path / "w.pt", tmp_path / "bundle", model="cnngleam")


def test_the_recipe_trains_the_published_network():
    recipe = load_recipe("radio_published")
    published = FOREIGN["cnngleam"].experiment
    assert validate(VGG, recipe["model"], source="recipe") == published.model
    assert validate(Classify, recipe["task"], source="recipe") == published.task
    assert recipe["normalize"] == {"kind": published.normalize.kind}
    assert (recipe["train"]["epochs"], recipe["train"]["batch_size"]) == (50, 1)
    assert recipe["train"]["optimizer"] == {"kind": "adam", "lr": 5e-7}
