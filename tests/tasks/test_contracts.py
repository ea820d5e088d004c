"""The contracts hold data that is not one image: each toy goes through collate, fit steps, weights and decode."""

from typing import Annotated, Any, cast

import numpy as np
import pytest
import torch
from pydantic import Field
from safetensors.torch import load, save
from torch.utils.data import DataLoader

from merkhet.bundle.store import build_task, load_bundle, save_bundle
from merkhet.config.bundle import BundleSpec
from merkhet.config.inputs import InputSpec
from merkhet.config.normalize import AsinhNoise, DatasetStandard
from merkhet.config.training import AdamW, Train
from merkhet.data.sample import Target, collate
from merkhet.errors import ConfigError
from merkhet.tasks.apply import apply_task
from merkhet.tasks.base import Prediction
from tests.bundle.bundles import PROVENANCE
from tests.tasks import toys

CUBE = InputSpec(dims=3, shape=(4, 8, 8))
IMAGE = InputSpec(shape=(8, 8))
RNG = np.random.default_rng(0)


def cubes():
    for _ in range(6):
        image = RNG.normal(5, 2, (1, 4, 8, 8)).astype(np.float32)
        yield {**pixels(image), "target": {"sky": Target("image", image * 2)}}


def objects():
    for n in (0, 1, 3, 2, 0, 1):
        image = RNG.normal(size=(1, 8, 8)).astype(np.float32)
        yield {**pixels(image), "target": {"objects": Target("objects", RNG.uniform(0, 8, (n, 3)).astype(np.float32))}}


def pixels(image):
    return {"image": image, "valid": np.isfinite(image), "noise": np.ones(1, np.float32), "index": 0}


def events():
    for _ in range(6):
        telescopes = {
            kind: {"charge": RNG.normal(size=(n, 8)).astype(np.float32), "trigger": RNG.random(n) > 0.3}
            for kind, n in (("LST", 2), ("MST", 5))
        }
        yield {"telescopes": telescopes, "target": {"energy": Target("vector", RNG.normal(size=1).astype(np.float32))}}


CASES = {
    "cube": (toys.ToyRestore(), toys.ToyMapNet(), DatasetStandard(mean=(5.0,), std=(2.0,)), CUBE, cubes),
    "objects": (toys.ToyDetect(), toys.ToyVectorNet(), AsinhNoise(), IMAGE, objects),
    "array": (toys.ToyEvent(), toys.ToyArrayNet(), AsinhNoise(), IMAGE, events),
}


def build(name):
    task, model, normalize, spec, _ = CASES[name]
    torch.manual_seed(0)
    return build_task(task=task, model=model, normalize=normalize, spec=spec)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_a_toy_task_learns_is_saved_and_answers(name):
    task, batch = build(name), collate(list(CASES[name][-1]()))
    optimizer = torch.optim.AdamW(list(task.parameter_groups()), lr=0.02)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = task.loss(task(batch), batch)
        loss.total.backward()
        optimizer.step()
        losses.append(loss.total.item())
    assert losses[-1] < losses[0]
    again = build(name)
    again.load_state_dict(load(save(task.state_dict())))
    ((_, mine),) = apply_task(task.eval(), [batch], device=torch.device("cpu"))
    ((_, copy),) = apply_task(again.eval(), [batch], device=torch.device("cpu"))
    for column, values in mine.columns.items():
        np.testing.assert_array_equal(values, copy.columns[column])


@pytest.mark.parametrize("name", CASES)
def test_a_toy_task_goes_through_the_training_engine(name, tmp_path):
    from lightning.pytorch import Trainer

    from merkhet.train.engine import Engine, quiet_lightning

    samples = list(CASES[name][-1]())
    batches: Any = DataLoader(cast(Any, [collate(samples[:3]), collate(samples[3:])]), batch_size=None)
    engine = Engine(build(name), Train(epochs=2, optimizer=AdamW(lr=0.01)), seed=1)
    before = {key: value.clone() for key, value in engine.state_dict().items()}
    options = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with quiet_lightning():
        trainer = Trainer(max_epochs=2, accelerator="cpu", default_root_dir=tmp_path, **options)
        trainer.fit(engine, batches, batches)
    assert any((value != before[key]).any() for key, value in engine.state_dict().items())
    assert np.isfinite(float(trainer.callback_metrics["train_loss"]))


class ToyBundle(BundleSpec):
    """A bundle of another package: its own architectures and tasks in the same folder."""

    model: Annotated[toys.ToyMapNet | toys.ToyVectorNet | toys.ToyArrayNet, Field(discriminator="kind")]  # type: ignore[assignment]
    task: Annotated[toys.ToyRestore | toys.ToyDetect | toys.ToyEvent, Field(discriminator="kind")]  # type: ignore[assignment]


@pytest.mark.parametrize("name", CASES)
def test_a_toy_task_goes_through_a_bundle(name, tmp_path):
    task, model, normalize, spec, samples = CASES[name]
    mine = build(name).eval()
    content = {"task": task, "model": model, "normalize": normalize, "input": spec, "read": {}}
    bundle = ToyBundle.model_validate({**content, "provenance": PROVENANCE, "weights_sha256": ""})
    save_bundle(tmp_path / "bundle", bundle, mine.state_dict())
    loaded = load_bundle(tmp_path / "bundle", schema=ToyBundle).task
    batch = collate(list(samples()))
    with torch.inference_mode():
        expected, found = mine(batch), loaded(batch)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)


def test_an_image_to_image_answer_is_in_the_units_of_the_input():
    task, batch = build("cube"), collate(list(cubes()))
    with torch.no_grad():
        task.network.convolution.weight.zero_()
        task.network.convolution.bias.zero_()
    ((_, prediction),) = apply_task(task.eval(), [batch], device=torch.device("cpu"))
    np.testing.assert_allclose(prediction.maps["sky"], 5.0, rtol=1e-6)
    assert prediction.maps["sky"].shape == (6, 1, 4, 8, 8)


def test_objects_say_which_sample_they_belong_to():
    task, batch = build("objects"), collate(list(objects()))
    ((_, prediction),) = apply_task(task.eval(), [batch], device=torch.device("cpu"))
    assert prediction.row is not None
    assert set(prediction.row) == set(range(6))
    assert prediction.samples(6) is prediction.row
    with pytest.raises(ValueError, match="other lengths"):
        Prediction({"x": np.zeros(3)}).samples(2)


def test_a_network_that_returns_the_wrong_thing_is_refused():
    with pytest.raises(ConfigError, match=r"model\.kind=toy_vector returns a vector, task toy_restore needs a map"):
        build_task(task=toys.ToyRestore(), model=toys.ToyVectorNet(), normalize=AsinhNoise(), spec=CUBE)  # type: ignore[arg-type]
