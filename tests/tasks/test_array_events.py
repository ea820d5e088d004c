import numpy as np
import pytest
import torch
from astropy import units as u
from astropy.coordinates import SkyCoord

from merkhet.config.array_models import PublishedArray, TelescopeArray
from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.arrays import Pixels, TelescopeInput
from merkhet.config.base import build
from merkhet.data.sample import Target
from merkhet.tasks.apply import apply_task
from tests.models.arrays import ARRAY, CAMERAS, make_events

MODEL = TelescopeArray(
    features=16, backbone={"kind": "cnn", "widths": (8, 16), "convs_per_level": 2}, mapping={"method": "axial"}
)
CONFIG = ArrayEvents(energy_mean=0.0, energy_std=0.5, direction_std=0.4)


def make_task(config=CONFIG, *, model=MODEL, spec=ARRAY):
    torch.manual_seed(0)
    normalize = Pixels()
    network = build(model, spec=spec, channels=normalize.channels)
    return build(config, normalize=build(normalize), network=network)


def learn(task, batch, *, steps=80):
    optimizer = torch.optim.AdamW(list(task.parameter_groups()), lr=5e-3)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = task.loss(task(batch), batch)
        loss.total.backward()
        optimizer.step()
        losses.append(float(loss.total.detach()))
    return losses


@pytest.fixture(scope="module")
def learned():
    torch.manual_seed(0)
    task = make_task()
    losses = learn(task, make_events(128, seed=1))
    return task.eval(), losses


def answers(task, batch):
    ((_, prediction),) = apply_task(task, [batch], device=torch.device("cpu"))
    return prediction.columns


def test_it_learns_particle_energy_and_direction(learned):
    task, losses = learned
    assert losses[-1] < losses[0] - 1
    batch = make_events(100, seed=2)
    found = answers(task, batch)
    gamma = batch["target"]["particle"].value.numpy() > 0
    assert np.mean(found["gammaness"][gamma][:, None] > found["gammaness"][~gamma]) > 0.85
    error = np.log10(found["energy"]) - batch["target"]["energy"].value[:, 0].numpy()
    assert error[gamma].std() < 0.4
    assert tuple(found) == task.config.columns


def test_directions_are_those_of_astropy(learned):
    task, _ = learned
    batch = make_events(40, seed=3)
    with torch.inference_mode():
        offset = task(batch)["direction"][:, :2].numpy().astype(float)
    found = answers(task, batch)
    pointing = SkyCoord(az=np.full(40, 0.3) * u.rad, alt=np.full(40, 1.2) * u.rad, frame="altaz")
    frame = pointing.skyoffset_frame()
    expected = SkyCoord(offset[:, 0] * u.deg, offset[:, 1] * u.deg, frame=frame).transform_to(pointing.frame)
    np.testing.assert_allclose(found["alt"], expected.alt.deg, atol=1e-4)
    np.testing.assert_allclose(found["az"], expected.az.deg, atol=1e-4)
    truth = batch["target"]["direction"].value.numpy()
    gamma = batch["target"]["particle"].value.numpy() > 0
    assert np.sqrt(np.mean((offset - truth)[gamma] ** 2)) < 0.8 * np.sqrt(np.mean(truth[gamma] ** 2))


def test_the_loss_is_the_sum_of_its_heads_by_their_weights():
    config = CONFIG.model_copy(update={"beta": 0.0, "weights": {"particle": 2.0, "energy": 0.5, "direction": 1.0}})
    task, batch = make_task(config).eval(), make_events(12)
    out = task(batch)
    loss = task.loss(out, batch)
    gamma = batch["target"]["particle"].value > 0
    cross = torch.nn.functional.cross_entropy(out["particle"], batch["target"]["particle"].value)
    terms = {"particle": float(cross.detach())}
    for name, spread in (("energy", 0.5), ("direction", 0.4)):
        mean, log_variance = out[name][gamma, :-1].detach().numpy(), out[name][gamma, -1].detach().numpy()
        truth = batch["target"][name].value[gamma].numpy()
        dims = truth.shape[1]
        # exp(-r / s) has the variance 2 s2 on a line, and 3 s2 along either axis of a plane.
        scale = np.exp(log_variance / 2) / np.sqrt(dims + 1)
        each = np.linalg.norm(truth - mean, axis=1) / scale + dims * np.log(scale)
        # The loss counts in units of the spread.
        terms[name] = np.mean(each) - dims * np.log(spread)
    assert float(loss.total.detach()) == pytest.approx(
        2 * terms["particle"] + 0.5 * terms["energy"] + terms["direction"], rel=1e-4
    )
    for name, value in terms.items():
        assert float(loss.parts[f"{name}_loss"]) == pytest.approx(value, rel=1e-4)


def test_energies_of_the_background_are_not_learned():
    task, batch = make_task().eval(), make_events(12)
    before = task.loss(task(batch), batch).total
    background = batch["target"]["particle"].value == 0
    energy = batch["target"]["energy"].value.clone()
    energy[background] = torch.nan
    batch["target"]["energy"] = Target("vector", energy)
    assert torch.equal(task.loss(task(batch), batch).total, before)


def test_uncertainties_hold_their_share_after_calibration(learned):
    task, _ = learned
    batch = make_events(1200, seed=5)
    with torch.inference_mode():
        config = task.calibrated(task(batch), batch)
    assert config.temperature != 1
    again = make_task(config).eval()
    again.load_state_dict(task.state_dict())
    other = make_events(1200, seed=6)
    found = answers(again, other)
    gamma = other["target"]["particle"].value.numpy() > 0
    truth = 10 ** other["target"]["energy"].value[:, 0].numpy().astype(float)
    within = np.abs(np.log(found["energy"] / truth)) < found["energy_uncertainty"] / found["energy"]
    assert within[gamma].mean() == pytest.approx(0.6827, abs=0.08)
    with torch.inference_mode():
        offset = again(other)["direction"][:, :2].numpy()
    error = np.linalg.norm(offset - other["target"]["direction"].value.numpy(), axis=1)
    assert (error < found["direction_uncertainty_deg"])[gamma].mean() == pytest.approx(0.6827, abs=0.08)


def test_an_event_without_telescopes_is_not_valid(learned):
    task, _ = learned
    batch = make_events(6)
    for arrays in batch["telescopes"].values():
        arrays["trigger"][2] = False
    found = answers(task, batch)
    assert found["is_valid"].tolist() == [True, True, False, True, True, True]
    assert found["n_telescopes"][2] == 0
    for name in ("gammaness", "energy", "energy_uncertainty", "alt", "az", "direction_uncertainty_deg"):
        assert np.isnan(found[name][2]), name
        assert np.isfinite(found[name][0]), name


@pytest.mark.parametrize("heads", [("particle",), ("energy",), ("direction", "particle")])
def test_one_head_or_two(heads):
    task, batch = make_task(ArrayEvents(heads=heads)), make_events(8)
    task.loss(task(batch), batch).total.backward()
    assert tuple(answers(task.eval(), batch)) == task.config.columns
    assert set(task.heads) == set(heads)


def test_an_ensemble_is_the_mixture_of_its_members():
    batch = make_events(5)
    outputs = [make_task().eval()(batch)]
    torch.manual_seed(9)
    other = build(CONFIG, normalize=build(Pixels()), network=build(MODEL, spec=ARRAY, channels=Pixels().channels))
    outputs.append(other.eval()(batch))
    joined = other.combine(outputs)
    probability = torch.stack([out["particle"].softmax(dim=1) for out in outputs]).mean(dim=0)
    torch.testing.assert_close(joined["particle"].softmax(dim=1), probability)
    mean = torch.stack([out["energy"][:, 0] for out in outputs])
    variance = torch.stack([out["energy"][:, 1].exp() for out in outputs])
    torch.testing.assert_close(joined["energy"][:, 0], mean.mean(dim=0))
    expected = (variance + mean**2).mean(dim=0) - mean.mean(dim=0) ** 2
    torch.testing.assert_close(joined["energy"][:, 1].exp(), expected)


def test_the_rate_follows_the_share_that_triggered_where_it_was_published_so():
    batch = make_events(4)
    for arrays in batch["telescopes"].values():
        arrays["trigger"][:] = False
        arrays["trigger"][0] = True  # one event in four
    published = PublishedArray(block="mobilenet")
    assert make_task(model=published).rate_factor(batch) == pytest.approx(4)
    for arrays in batch["telescopes"].values():
        arrays["trigger"][:] = False
    assert make_task(model=published).rate_factor(batch) == pytest.approx(10)
    assert make_task(model=published.model_copy(update={"scale_rate": False})).rate_factor(batch) == 1
    assert make_task().rate_factor(batch) == 1


def test_a_single_telescope():
    spec = TelescopeInput(slots="mono", cameras=CAMERAS[:1])
    batch = make_events(16, spec=spec)
    batch["telescopes"] = {"LST": {name: values[:, :1] for name, values in batch["telescopes"]["LST"].items()}}
    batch["telescopes"]["LST"]["trigger"][:] = True
    model = MODEL.model_copy(update={"combination": TelescopeArray(combination={"kind": "mean"}).combination})
    task = make_task(model=model, spec=spec)
    task.loss(task(batch), batch).total.backward()
    assert answers(task.eval(), batch)["is_valid"].all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signal": "muon"}, "signal is 'muon'; particles are background, gamma"),
        ({"particles": {"gamma": (0,)}}, "give two classes or more"),
        ({"particles": {"gamma": (0,), "background": (0, 101)}}, "each primary to one of them"),
        ({"heads": ("energy", "energy")}, "heads repeat"),
        ({"weights": {"energy": 1.0}}, "weights: one for each of particle, energy, direction"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ArrayEvents(**options)
