"""Imported models answer as the originals do; what is no such model is refused in one line."""

import typing

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

import merkhet
from merkhet.bundle.foreign import FOREIGN, import_weights
from merkhet.bundle.store import build_task, load_bundle
from merkhet.config.foreign import ForeignName
from merkhet.config.tasks import Classify
from merkhet.errors import ConfigError, InputError, OutputError
from merkhet.recipes import load_recipe
from tests.bundle.published import PUBLISHED, ResNet, published

COUNTS = {"halo_full": 1_215_201, "halo_lite": 105_953, "halo_resnet": 2_794_721, "halo_resnet_lite": 307_377}


def preprocess(image):
    """The published preprocessing, step by step."""
    image = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if image.shape != (64, 64):
        image = zoom(image, (64 / image.shape[0], 64 / image.shape[1]), order=1)
    image = np.log(1 + np.maximum(image, 0))
    span = image.max() - image.min()
    return (image - image.min()) / span if span > 0 else np.zeros_like(image)


def save(folder, name, **entries):
    network = published(name)
    state = network.state_dict()
    torch.save({**entries, "model_state_dict": state} if entries else state, folder / f"{name}.pth")
    return network, folder / f"{name}.pth"


def images(rng):
    """Counts, of other sizes too, with invalid pixels and negative ones."""
    result = [rng.poisson(mean, size).astype(np.float32) for mean in (0.01, 1.0) for size in ((64, 64), (256, 256))]
    result.append(rng.poisson(0.3, (50, 97)).astype(np.float32))
    spoilt = rng.normal(1, 3, (64, 64)).astype(np.float32)
    spoilt[:5], spoilt[7, 7], spoilt[8, 8] = np.nan, np.inf, -np.inf
    spoilt_large = rng.normal(1, 3, (128, 128)).astype(np.float32)
    spoilt_large[3:40, 9:70] = np.nan
    return [*result, spoilt, spoilt_large]


def test_every_name_can_be_imported():
    assert set(typing.get_args(ForeignName)) == set(FOREIGN) == set(PUBLISHED)


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_those_published(name):
    foreign = FOREIGN[name].experiment
    with torch.device("meta"):
        task = build_task(task=foreign.task, model=foreign.model, normalize=foreign.normalize, spec=foreign.input)
    learned = sum(p.numel() for p in task.parameters())
    assert learned == FOREIGN[name].parameters == COUNTS[name]
    assert learned == sum(p.numel() for p in published(name).parameters())


def test_multiplications_of_the_full_network_are_those_published():
    counted = []

    def count(module, _, output):
        positions = output[0, 0].numel() if output.ndim == 4 else 1
        counted.append(module.weight.numel() * positions)

    foreign = FOREIGN["halo_full"].experiment
    with torch.device("meta"):
        task = build_task(task=foreign.task, model=foreign.model, normalize=foreign.normalize, spec=foreign.input)
        layers = [module for module in task.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
        for module in layers:
            module.register_forward_hook(count)
        task.get_submodule("head")(task.network(torch.empty(2, 1, 64, 64)))
    assert len(counted) == len(layers) == 11
    assert round(sum(counted) / 1e6) == 209


@pytest.mark.parametrize("name", COUNTS)
def test_answers_are_those_of_the_published_definition(tmp_path, rng, name):
    network, path = save(tmp_path, name)
    import_weights(path, tmp_path / "bundle", model=name)
    stack = images(rng)
    with torch.inference_mode():
        expected = network(torch.from_numpy(np.stack([preprocess(image) for image in stack]))[:, None])[:, 0].numpy()
    table = merkhet.load(tmp_path / "bundle").predict(stack)
    assert np.ptp(expected) > 0.05, "answers that are all alike would prove little"
    np.testing.assert_allclose(table["p_halo"], expected, atol=1e-5)


def test_categories_are_those_of_the_halo_probability(tmp_path, rng):
    network, path = save(tmp_path, "halo_lite")
    image = rng.poisson(1.0, (64, 64)).astype(np.float32)
    x = torch.from_numpy(preprocess(image))[None, None]
    steps = {0.9: "DEFINITE_HALO", 0.7: "PROBABLE_HALO", 0.5: "POSSIBLE_HALO", 0.3: "UNLIKELY_HALO", 0.05: "NO_HALO"}
    for number, (probability, category) in enumerate(steps.items()):
        with torch.no_grad():
            network.classifier[4].bias += torch.logit(torch.tensor(probability)) - torch.logit(network(x))[0]
        torch.save(network.state_dict(), path)
        import_weights(path, tmp_path / f"bundle{number}", model="halo_lite")
        (row,) = merkhet.load(tmp_path / f"bundle{number}").predict(image)
        assert row["p_halo"] == pytest.approx(probability, abs=1e-4)
        assert (row["category"], row["label"]) == (category, "halo" if probability >= 0.45 else "none")


def test_checkpoints_with_scores_beside_the_weights_are_taken(tmp_path):
    _, path = save(tmp_path, "halo_lite", epoch=12, val_loss=np.float64(0.1), best=np.float32(0.9))
    import_weights(path, tmp_path / "bundle", model="halo_lite")
    spec = load_bundle(tmp_path / "bundle").spec
    assert spec.provenance.imported_from.startswith("halo_lite.pth as halo_lite, SHA-256 ")
    assert isinstance(spec.task, Classify)
    assert spec.task.temperature == 1
    assert spec.reference is None


def test_names_count_and_not_their_order_in_the_file(tmp_path):
    for name in ("halo_full", "halo_lite"):
        _, path = save(tmp_path, name)
        first = import_weights(path, tmp_path / name, model=name)
        state = torch.load(path, weights_only=True)
        torch.save(dict(sorted(state.items())), path)  # alphabetically: features.10 before features.2
        assert import_weights(path, tmp_path / f"{name}_sorted", model=name).weights_sha256 == first.weights_sha256


def test_old_files_without_the_number_of_batches_are_taken(tmp_path):
    _, path = save(tmp_path, "halo_lite")
    import_weights(path, tmp_path / "first", model="halo_lite")
    state = torch.load(path, weights_only=True)
    torch.save({key: value for key, value in state.items() if "num_batches" not in key}, path)
    import_weights(path, tmp_path / "second", model="halo_lite")
    first, second = (load_bundle(tmp_path / name).task.state_dict() for name in ("first", "second"))
    assert all(torch.equal(first[key], second[key]) for key in first if "num_batches" not in key)


@pytest.mark.parametrize("shortcut_first", [False, True])
def test_residual_networks_are_read_whatever_the_place_of_the_shortcut(tmp_path, rng, shortcut_first):
    torch.manual_seed(3)
    network = ResNet((16, 32, 64, 128), 1, 0.2, shortcut_first=shortcut_first).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    import_weights(tmp_path / "w.pth", tmp_path / "bundle", model="halo_resnet_lite")
    image = rng.poisson(1.0, (64, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(preprocess(image))[None, None])
    assert merkhet.load(tmp_path / "bundle").predict(image)["p_halo"][0] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: published("halo_full").state_dict(), r"holds 1,215,201 parameters; .* with --as halo_full"),
        (lambda s: dict(list(s.items())[:-2]), "holds 105,888 parameters; expected 105,953 for halo_lite"),
        (
            lambda s: {key.replace("features", "body"): value for key, value in s.items()},
            r"holds layer 'body\.0'; expected features\.\*, classifier\.\* of halo_lite",
        ),
        (
            lambda s: {
                key: value.T.contiguous() if key == "classifier.1.weight" else value for key, value in s.items()
            },
            r"holds no layer like network\.head\.1 \(64, 128\) at its place; .* left over: classifier\.1 \(128, 64\)",
        ),
        (
            lambda s: {**s, "features.1.running_mean": torch.zeros(9)},
            r"norm features\.1 of shape \(9,\) follows no layer of that width",
        ),
        (
            lambda s: {**s, "classifier.4.bias": torch.tensor([torch.nan])},
            r"its weights are not finite \(head\.bias\)\. Import an earlier checkpoint",
        ),
    ],
    ids=["another model", "a layer short", "other names", "other shapes", "a stray norm", "not finite"],
)
def test_weights_of_something_else_are_refused(tmp_path, change, message):
    _, path = save(tmp_path, "halo_lite")
    torch.save(change(torch.load(path, weights_only=True)), path)
    with pytest.raises(InputError, match=message):
        import_weights(path, tmp_path / "bundle", model="halo_lite")
    assert not (tmp_path / "bundle").exists()


def test_unknown_models_and_existing_outputs_are_refused(tmp_path):
    _, path = save(tmp_path, "halo_lite")
    with pytest.raises(ConfigError, match="halo_huge: no model that can be imported; there are halo_full"):
        import_weights(path, tmp_path / "bundle", model="halo_huge")  # type: ignore[arg-type]
    import_weights(path, tmp_path / "bundle", model="halo_lite")
    with pytest.raises(OutputError, match="it exists already"):
        import_weights(path, tmp_path / "bundle", model="halo_lite")
    import_weights(path, tmp_path / "bundle", model="halo_lite", overwrite=True)
    with pytest.raises(OutputError, match=r"which is needed|holds no bundle\.json"):
        import_weights(path, tmp_path, model="halo_lite", overwrite=True)


def test_the_recipe_trains_the_published_network():
    recipe, full = load_recipe("halo_published"), FOREIGN["halo_full"].experiment
    assert type(full.model).model_validate(recipe["model"]) == full.model
    assert type(full.task).model_validate(recipe["task"]) == full.task
    assert type(full.input).model_validate(recipe["input"]) == full.input
    assert type(full.normalize).model_validate(recipe["normalize"]) == full.normalize
