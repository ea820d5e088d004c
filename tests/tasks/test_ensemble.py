"""Ensembles: averages of probabilities, orientations, weights in a bundle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.bundle.store import build_task, check_ensemble, join, load_bundle, save_bundle
from merkhet.config.bundle import BundleSpec
from merkhet.config.data import ReadSpec
from merkhet.config.ensemble import Ensemble as EnsembleConfig
from merkhet.config.inputs import InputSpec
from merkhet.config.models import CNN
from merkhet.config.normalize import AsinhNoise
from merkhet.config.tasks import Classify
from merkhet.errors import ConfigError
from merkhet.infer.model import load
from merkhet.tasks.classify import ClassifyTask
from tests.bundle.bundles import INPUT, PROVENANCE, TASK, make_task
from tests.tasks import toys

IMAGES = torch.randn(5, 1, 24, 24, generator=torch.Generator().manual_seed(1))


def batch_of(images):
    return {"image": images, "valid": torch.ones_like(images, dtype=torch.bool), "noise": torch.ones(len(images), 1)}


def classify(mode, classes=("a", "b", "c")):
    network = torch.nn.Identity()
    network.out_features = 4  # type: ignore[assignment]
    return ClassifyTask(Classify(mode=mode, classes=classes), normalize=torch.nn.Identity(), network=network)


def three(orientations="none"):
    return join(
        [make_task(seed=seed).eval() for seed in range(3)],
        EnsembleConfig(members=3, orientations=orientations),
        spec=INPUT,
    )


@pytest.mark.parametrize(
    ("mode", "classes", "outputs"),
    [("binary", ("a", "b"), 1), ("multiclass", ("a", "b", "c"), 3), ("multilabel", ("a", "b"), 2)],
)
@settings(max_examples=30)
@given(spread=st.floats(0.01, 40), members=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_combined_logits_are_those_of_the_mean_probability(*, mode, classes, outputs, spread, members, seed):
    task = classify(mode, classes)
    logits = spread * torch.randn(members, 7, outputs, generator=torch.Generator().manual_seed(seed))
    combined = task.probabilities(task.combine([{"logits": part} for part in logits])["logits"])
    mean = torch.stack([task.probabilities(part.double()) for part in logits]).mean(dim=0)
    np.testing.assert_allclose(combined, mean, atol=2e-6)


def test_an_ensemble_answers_with_the_mean_of_its_members():
    ensemble, batch = three(), batch_of(IMAGES)
    with torch.no_grad():
        expected = np.mean([leaf.decode(leaf(batch), batch).columns["p_double"] for leaf in ensemble.leaves()], axis=0)
        found = ensemble.decode(ensemble(batch), batch).columns["p_double"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("orientations", "element", "same"), [("d4", 6, True), ("c4", 1, True), ("c4", 4, False)])
def test_no_orientation_that_is_averaged_over_changes_an_answer(orientations, element, same):
    ensemble = three(orientations)
    turned = (IMAGES.flip(-1) if element >= 4 else IMAGES).rot90(element % 4, (-2, -1))
    with torch.no_grad():
        found, expected = ensemble(batch_of(turned))["logits"], ensemble(batch_of(IMAGES))["logits"]
    assert torch.allclose(found, expected, atol=1e-5) == same


def test_masked_pixels_are_turned_with_the_image():
    ensemble, batch = three("c4"), batch_of(IMAGES)
    batch["valid"][:, :, :, :9] = False
    turned = {**batch, "image": IMAGES.rot90(1, (-2, -1)), "valid": batch["valid"].rot90(1, (-2, -1))}
    with torch.no_grad():
        torch.testing.assert_close(ensemble(turned)["logits"], ensemble(batch)["logits"], atol=1e-5, rtol=0)


def test_a_bundle_holds_all_members(tmp_path):
    ensemble = three("c4")
    spec = BundleSpec(
        input=INPUT,
        read=ReadSpec(),
        normalize=AsinhNoise(),
        model=CNN(widths=(4, 8)),
        task=TASK,
        ensemble=EnsembleConfig(members=3, orientations="c4"),
        provenance=PROVENANCE,
        weights_sha256="",
    )
    save_bundle(tmp_path / "bundle", spec, ensemble.state_dict())
    found = load_bundle(tmp_path / "bundle").task
    with torch.no_grad():
        torch.testing.assert_close(found(batch_of(IMAGES))["logits"], ensemble(batch_of(IMAGES))["logits"])
    table = load(tmp_path / "bundle").predict(IMAGES[0, 0].numpy())  # batch norms folded in each member
    with torch.no_grad():
        plain = [
            load(tmp_path / "bundle").predict(IMAGES[0, 0].rot90(k, (0, 1)).numpy())["p_double"][0] for k in range(4)
        ]
    np.testing.assert_allclose(plain, table["p_double"][0], atol=1e-5)


def test_one_network_is_no_ensemble():
    assert join([task := make_task()], EnsembleConfig(), spec=INPUT) is task


def test_what_cannot_answer_together_is_refused_before_it_learns():
    with pytest.raises(ConfigError, match="turns images by 90 degrees, but they are 20 x 24 px"):
        check_ensemble(make_task(), EnsembleConfig(orientations="c4"), spec=InputSpec(shape=(20, 24)))
    check_ensemble(make_task(), EnsembleConfig(members=2, orientations="d4"), spec=INPUT)
    objects = build_task(task=toys.ToyDetect(), model=toys.ToyVectorNet(), normalize=AsinhNoise(), spec=INPUT)  # type: ignore[arg-type]
    check_ensemble(objects, EnsembleConfig(), spec=INPUT)
    with pytest.raises(ConfigError, match="Detect cannot average the answers of several networks"):
        check_ensemble(objects, EnsembleConfig(members=2), spec=INPUT)
