"""Training on events of an array, from files to a bundle and its answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from astropy.table import Table

from merkhet.bundle.store import load_bundle
from merkhet.config.array_experiment import ArrayBundleSpec, ArrayExperiment, validate_experiment
from merkhet.config.array_models import PublishedArray
from merkhet.config.arrays import pack_pixels
from merkhet.data.array_check import check_array
from merkhet.errors import ConfigError, InputError
from merkhet.infer.events import predict_events
from merkhet.infer.inspect import describe
from merkhet.io.cherenkov.array_spec import describe_array
from merkhet.io.cherenkov.packed import pack_events, runs_of
from merkhet.io.cherenkov.reading import open_event_file
from merkhet.io.cherenkov.runs import read_runs
from merkhet.io.tables import read_table
from merkhet.recipes import load_recipe
from merkhet.simulate.cherenkov.dataset import simulate
from merkhet.train.evaluate import evaluate_run
from merkhet.train.events import event_names, find_events, keep
from merkhet.train.fit import fit

SMALL = {
    "kind": "telescope_array",
    "mapping": {"method": "axial"},
    "features": 8,
    "backbone": {"kind": "cnn", "widths": [4, 8]},
    "combination": {"kind": "attention", "layers": 1, "heads": 2},
}


@pytest.fixture(scope="module")
def showers(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("array") / "showers", events=80, seed=3)


def content(showers: Path, **changes: Any) -> dict[str, Any]:
    return {
        "data": {"files": [str(showers)]},
        "input": {"kind": "telescopes", "slots": "triggered"},
        "split": {"train": 0.6, "val": 0.2, "test": 0.2},
        "model": SMALL,
        "task": {"kind": "array_events"},
        "train": {"epochs": 1, "batch_size": 16, "accelerator": "cpu"},
        "scores": {"trees": False},
        **changes,
    }


def experiment(showers: Path, **changes: Any) -> ArrayExperiment:
    checked = validate_experiment(content(showers, **changes), source="test")
    assert isinstance(checked, ArrayExperiment)
    return checked


@pytest.fixture(scope="module")
def run(showers, tmp_path_factory):
    return fit(experiment(showers), tmp_path_factory.mktemp("fit") / "run")


def test_a_run_leaves_a_bundle_scores_and_answers(run):
    bundle = load_bundle(run.folder)
    assert isinstance(bundle.spec, ArrayBundleSpec)
    assert {camera.type for camera in bundle.spec.input.cameras} == set(bundle.spec.input.types)
    assert bundle.spec.task.energy_std is not None
    table = read_table(run.predictions("test"))
    assert {"id", "group", "true_particle", "true_energy", "gammaness", "energy", "alt", "is_valid"} <= set(
        table.colnames
    )
    assert set(run.read_metrics()) == {"val", "test"}
    assert run.read_metrics()["test"]["n"] == len(table)
    assert isinstance(run.read_experiment(), ArrayExperiment)


def test_the_effective_area_follows_from_what_was_thrown(run, showers):
    areas = run.read_metrics()["test"]["effective_area"]
    assert set(areas) == {"all that were recorded", "gammaness above 0.5"}
    rows, kept = areas.values()
    test = read_table(run.predictions("test"))
    gammas = test[test["true_particle"] == "gamma"]
    assert sum(row["selected"] for row in rows) == len(gammas)
    assert sum(row["selected"] for row in kept) == (gammas["gammaness"] > 0.5).sum()
    thrown = next(r for r in read_runs(next(showers.glob("*.h5"))) if r.obs_id == gammas["obs_id"][0])
    primary, side = (np.asarray(read_table(run.samples)[name]) for name in ("shower_primary_id", "split"))
    share = ((primary == 0) & (side == "test")).sum() / (primary == 0).sum()
    assert sum(row["thrown"] for row in rows) == pytest.approx(
        thrown.n_showers * share, rel=0.04
    )  # bins of less than one are left out


def test_packs_know_how_their_showers_were_thrown(run, showers, tmp_path):
    file = open_event_file(next(showers.glob("*.h5")))
    assert runs_of(pack_events(file, tmp_path / "pack")) == runs_of(file) != ()


def test_a_shower_stands_on_one_side(run):
    samples = read_table(run.samples)
    for group in np.unique(samples["group"]):
        assert len(np.unique(samples["split"][samples["group"] == group])) == 1


def test_the_bundle_answers_as_the_run_did(run, showers):
    found = predict_events(run.bundle, [showers]).table
    known = read_table(run.predictions("test"))
    place = {(obs, event): k for k, (obs, event) in enumerate(zip(found["obs_id"], found["event_id"], strict=True))}
    rows = [place[pair] for pair in zip(known["obs_id"], known["event_id"], strict=True)]
    for name in ("gammaness", "energy", "alt", "az", "direction_uncertainty_deg"):
        np.testing.assert_allclose(np.asarray(found[name])[rows], np.asarray(known[name]), rtol=1e-4)
    assert str(found["energy"].unit) == "TeV"
    assert (found["model"] == load_bundle(run.bundle).spec.hash).all()


def test_a_run_can_be_scored_again(run):
    before = run.read_metrics()
    assert evaluate_run(run.folder, device="cpu").read_metrics() == before


def test_training_resumes_from_where_it_stood(showers, tmp_path):
    whole = fit(experiment(showers, train={"epochs": 2, "batch_size": 16, "accelerator": "cpu"}), tmp_path / "whole")
    parts = fit(experiment(showers), tmp_path / "parts")
    again = experiment(showers, train={"epochs": 2, "batch_size": 16, "accelerator": "cpu"})
    # The rate of a cosine follows the number of epochs, so the first one was another: a constant one would be alike.
    fit(again, parts.folder, resume=True)
    assert len(read_table(parts.history)) == len(read_table(whole.history)) == 2


def test_fine_tuning_takes_network_and_head(run, showers, tmp_path):
    given = content(showers, train={"epochs": 1, "batch_size": 16, "accelerator": "cpu", "optimizer": {"lr": 1e-12}})
    del given["model"]
    given["train"]["finetune"] = {"bundle": str(run.bundle), "freeze": "network"}
    tuned = fit(validate_experiment(given, source="test"), tmp_path / "tuned")
    old, new = (load_bundle(folder).task.state_dict() for folder in (run.folder, tuned.folder))
    for name, value in old.items():
        torch.testing.assert_close(new[name], value, atol=1e-6, rtol=1e-5)
    assert load_bundle(tuned.folder).spec.provenance.finetuned_from == load_bundle(run.folder).spec.hash


def test_fine_tuning_on_other_types_is_refused(run, showers, tmp_path):
    types = load_bundle(run.folder).spec.input.types  # type: ignore[attr-defined]
    given = content(showers, input={"kind": "telescopes", "slots": "triggered", "types": types[:1]})
    del given["model"]
    given["train"] = {**given["train"], "finetune": {"bundle": str(run.bundle)}}
    with pytest.raises(ConfigError, match=r"input\.types: the files hold .*was trained on"):
        fit(validate_experiment(given, source="test"), tmp_path / "tuned")


def test_single_images(showers, tmp_path):
    mono = experiment(
        showers,
        input={"kind": "telescopes", "slots": "mono"},
        model={**SMALL, "combination": {"kind": "mean"}},
        task={"kind": "array_events", "heads": ["particle", "energy"]},
    )
    run = fit(mono, tmp_path / "run")
    table = read_table(run.predictions("test"))
    assert "tel_id" in table.colnames
    assert (table["n_telescopes"] == 1).all()
    assert "alt" not in table.colnames


def test_events_of_no_class_are_set_aside(showers):
    task = {"kind": "array_events", "particles": {"proton": [101], "gamma": [0]}}
    wanted = experiment(showers, task=task)
    _, samples = find_events(wanted)
    everything = find_events(experiment(showers))[1]
    primary = np.asarray(everything.table["shower_primary_id"])
    assert len(samples) == len(samples.events) == int(np.isin(primary, (0, 101)).sum())
    assert len(samples.rejects) == len(everything) - len(samples)
    np.testing.assert_array_equal(samples.events.event_id, np.asarray(samples.table["event_id"]))


@pytest.mark.parametrize("slots", ["triggered", "mono"])
def test_what_is_kept_is_what_was_asked_for(showers, slots):
    _, samples = find_events(experiment(showers, input={"kind": "telescopes", "slots": slots}))
    kept = np.random.default_rng(0).random(len(samples)) < 0.5
    some = keep(samples.events, kept)
    np.testing.assert_array_equal(some.event_id, np.asarray(samples.table["event_id"])[kept])
    if slots == "mono":
        np.testing.assert_array_equal(some.tel_id, np.asarray(samples.table["tel_id"])[kept])


def test_names_tell_observation_event_and_telescope():
    assert event_names(Table({"obs_id": [1], "event_id": [7]})).tolist() == ["1_7"]
    assert event_names(Table({"obs_id": [1], "event_id": [7], "tel_id": [3]})).tolist() == ["1_7_3"]


def test_the_array_is_described_as_it_stands(showers):
    _, samples = find_events(experiment(showers))
    subarray = samples.events.subarray
    for camera in describe_array(subarray):
        known = subarray.type(camera.type).camera
        np.testing.assert_allclose(camera.positions, known.positions, atol=1e-7)
        assert camera.tel_ids == tuple(subarray.of_type(camera.type)["tel_id"])
    with pytest.raises(InputError, match="no telescope of type XST"):
        describe_array(subarray, types=["XST"])


def test_a_model_of_images_does_not_take_events(showers, tmp_path):
    from tests.bundle.bundles import make_bundle

    make_bundle(tmp_path / "bundle")
    with pytest.raises(ConfigError, match="takes images, not events of an array"):
        predict_events(tmp_path / "bundle", [showers])


def test_columns_of_a_split_are_refused(showers, tmp_path):
    with pytest.raises(ConfigError, match=r"split\.kind=column: events have no such column"):
        fit(experiment(showers, split={"kind": "column"}), tmp_path / "run")


@pytest.mark.parametrize("name", ["cherenkov_published", "cherenkov_array", "cherenkov_mono"])
def test_recipes_are_experiments_on_telescopes(name):
    recipe = validate_experiment(load_recipe(name, ["data.files=[events.h5]"]), source=name)
    assert isinstance(recipe, ArrayExperiment)
    assert recipe.name == name


def test_the_published_model_needs_every_telescope_in_its_place(showers):
    with pytest.raises(ConfigError, match=r"published_array gives each telescope its place"):
        experiment(showers, model={"kind": "published_array"})


def test_a_bundle_says_what_telescopes_it_takes(run):
    facts = describe(run.bundle)
    assert facts["samples"] == "events"
    assert "px, hexagonal" in facts["telescopes"]
    assert facts["channels"] == "log_charge, cleaned_time"


def test_other_cameras_are_refused_at_prediction(run, showers):
    subarray = find_events(experiment(showers))[1].events.subarray
    spec = load_bundle(run.bundle).spec
    assert isinstance(spec, ArrayBundleSpec)
    where = {"types": spec.input.types, "source": showers}
    check_array(subarray, spec, **where)
    first = spec.input.cameras[0]
    turned = first.model_copy(update={"pixels": pack_pixels(first.positions[::-1])})
    cameras = (turned, *spec.input.cameras[1:])
    other = spec.model_copy(update={"input": spec.input.model_copy(update={"cameras": cameras})})
    with pytest.raises(InputError, match=rf"{first.type} has \d+ pixels in other places"):
        check_array(subarray, other, **where)
    moved = first.model_copy(update={"tel_ids": (98, 99)})
    fixed = spec.model_copy(
        update={
            "model": PublishedArray(),
            "input": spec.input.model_copy(update={"slots": "array", "cameras": (moved, *spec.input.cameras[1:])}),
        }
    )
    with pytest.raises(InputError, match=r"expected telescopes 98, 99: model\.kind=published_array knows one array"):
        check_array(subarray, fixed, **where)
