"""Trees beside a network on events: the right images in the right order, and a lesson that outlives the training."""

import json
from dataclasses import replace

import numpy as np
import pytest

from merkhet.cli import main
from merkhet.config.array_experiment import ArrayExperiment, validate_experiment
from merkhet.errors import ConfigError, InputError
from merkhet.evaluate.cherenkov.images import images_of_file
from merkhet.evaluate.cherenkov.scores import evaluate_events
from merkhet.evaluate.cherenkov.trees import TreeBaseline
from merkhet.io.cherenkov.reading import open_events
from merkhet.io.tables import read_table
from merkhet.report.html import write_report
from merkhet.simulate.cherenkov.dataset import simulate
from merkhet.train.compare import compare_runs
from merkhet.train.evaluate import evaluate_on_table, evaluate_run
from merkhet.train.event_baselines import TREES, TreeLesson, image_table, tree_answers, tree_lesson
from merkhet.train.events import find_events, keep, prepare_events
from merkhet.train.fit import fit
from merkhet.train.folds import fit_folds
from tests.train.test_events import SMALL, content


@pytest.fixture(scope="module")
def showers(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("array") / "showers", events=120, seed=5)


def prepared_for(showers, **changes):
    given = validate_experiment(content(showers, **changes), source="test")
    assert isinstance(given, ArrayExperiment)
    return prepare_events(*find_events(given))


@pytest.fixture(scope="module")
def run(showers, tmp_path_factory):
    one = {"types": ["MST_MST_FlashCam"], "kind": "telescopes", "slots": "triggered"}
    given = content(showers, input=one, scores={"trees": True})
    return fit(validate_experiment(given, source="test"), tmp_path_factory.mktemp("trees") / "run")


def test_images_of_several_files_follow_one_another(showers):
    samples = prepared_for(showers).samples
    (file,) = samples.events.files
    alone = images_of_file(file)
    twice = image_table(replace(samples.events, files=(file, file)))
    assert (twice.events, len(twice)) == (2 * alone.events, 2 * len(alone))
    np.testing.assert_array_equal(twice.event[len(alone) :], alone.event + alone.events)
    np.testing.assert_array_equal(twice["hillas_width"][len(alone) :], alone["hillas_width"])


def test_a_lesson_is_what_the_training_images_say(showers):
    prepared = prepared_for(showers, scores={"trees": True, "tree_events": 30})
    lesson = tree_lesson(prepared)
    assert lesson is not None
    rows = np.unique(lesson.images["event"])
    assert len(rows) == 30
    index = open_events(prepared.samples.events.files[0].path).index
    training = prepared.table("train")["event_id"]
    assert set(np.unique(lesson.images["energy"])) <= set(index.labels["energy"][np.isin(index.event_id, training)])


def test_trees_learned_from_a_table_answer_as_those_of_the_images(showers):
    prepared = prepared_for(showers, scores={"trees": True})
    lesson = tree_lesson(prepared)
    assert lesson is not None
    training, subarray = keep(prepared.samples.events, prepared.sides == "train"), prepared.samples.events.subarray
    images = image_table(training)
    (index,) = (file.index for file in training.files)
    truth = {name: np.asarray(index.labels[name]) for name in ("shower_primary_id", "energy", "alt", "az")}
    direct = TreeBaseline(stereo=True, seed=1).fit(images, truth).predict(images)
    learned = lesson.fit(subarray, seed=1).predict(images)
    known = np.isfinite(direct["gammaness"])
    assert known.any()
    # Parameters are kept in single precision, which moves a few of them over the edge of a bin.
    assert np.median(np.abs(direct["gammaness"] - learned["gammaness"])[known]) < 0.02


def test_types_that_the_array_lacks_are_left_out_of_a_lesson(showers):
    prepared = prepared_for(showers, scores={"trees": True})
    lesson = tree_lesson(prepared)
    assert lesson is not None
    subarray = prepared.samples.events.subarray
    strange = lesson.images.copy()
    strange["type"] = np.where(strange["type"] == subarray.type_names[0], "XST", strange["type"])
    trees = TreeLesson(strange, stereo=True).fit(subarray, seed=1)
    assert 0 not in {kind for kind, _ in trees._models}


def test_answers_for_single_images_stand_by_their_images(showers):
    mono = {"kind": "telescopes", "slots": "mono"}
    prepared = prepared_for(showers, input=mono, model={**SMALL, "combination": {"kind": "mean"}})
    events = prepared.samples.events
    lesson = tree_lesson(prepared_for(showers, input=mono, scores={"trees": True}))
    assert lesson is not None
    trees = lesson.fit(events.subarray, seed=1)
    identity = prepared.samples.table["obs_id", "event_id", "tel_id", "group"]
    identity["id"], identity["split"] = np.arange(len(events)).astype(str), "test"
    said = tree_answers(trees, events, identity)
    assert said is not None
    table = image_table(events)
    row = int(np.flatnonzero(table.usable)[7])
    tel_id = int(events.subarray.telescopes["tel_id"][table.slot[row]])
    event_id = int(events.files[0].index.event_id[table.event[row]])
    mine = said[(said["tel_id"] == tel_id) & (said["event_id"] == event_id)]
    np.testing.assert_allclose(mine["energy"], trees.predict(table)["energy"][row])


def test_a_run_scores_trees_on_the_same_events(run):
    metrics = run.read_metrics()["test"]
    table, trees = read_table(run.predictions("test")), read_table(run.baseline(TREES, "test"))
    np.testing.assert_array_equal(table["id"], trees["id"])
    assert metrics["baselines"][TREES]["scores"] == evaluate_events(trees, seed=42)["scores"]
    assert set(metrics["against"][TREES]) == set(metrics["scores"])
    assert metrics["classes"] == {
        name: int((np.asarray(table["true_particle"]) == name).sum()) for name in ("background", "gamma")
    }


def test_scores_and_trees_are_renewed_alike(run):
    before = run.read_metrics()
    assert evaluate_run(run.folder, device="cpu").read_metrics() == before


def test_other_files_are_scored_with_the_trees_of_the_run(run, showers, tmp_path, capsys):
    scored = evaluate_on_table(run.folder, showers, tmp_path / "scores", device="cpu")
    metrics = scored.read_metrics()
    assert set(metrics) == {"test"}
    assert metrics["test"]["n"] == len(read_table(scored.predictions("test"))) > 90
    assert TREES in metrics["test"]["baselines"]
    alone = evaluate_on_table(run.bundle, showers, tmp_path / "alone", device="cpu").read_metrics()
    assert alone["test"]["baselines"] == {}
    assert alone["test"]["scores"] == metrics["test"]["scores"]
    with pytest.raises(ConfigError, match="--root goes with tables of images"):
        evaluate_on_table(run.bundle, showers, tmp_path / "root", root=tmp_path)
    assert main(["evaluate", str(scored.folder), "--against", str(tmp_path / "alone")]) == 0
    assert "angular_resolution_deg" in capsys.readouterr().out
    page = write_report(scored.folder).read_text()
    assert "Hillas + boosted trees, stereo" in page


def test_runs_on_other_events_are_not_compared(run, showers, tmp_path):
    other = evaluate_on_table(run.folder, showers, tmp_path / "scores", device="cpu")
    with pytest.raises(InputError, match="answers for other events"):
        compare_runs(run.folder, other.folder)


@pytest.mark.slow
def test_folds_pool_events_and_trees(showers, tmp_path):
    one = {"types": ["MST_MST_FlashCam"], "kind": "telescopes", "slots": "triggered"}
    given = validate_experiment(content(showers, input=one, scores={"trees": True}), source="test")
    run = fit_folds(given, tmp_path / "run", folds=2)
    metrics = json.loads(run.metrics.read_text())
    assert [fold["fold"] for fold in metrics["folds"]] == [1, 2]
    assert metrics["test"]["n"] == len(read_table(run.samples))
    assert metrics["test"]["baselines"][TREES]["n"] == metrics["test"]["n"]
    assert "By fold" in write_report(run.folder).read_text()
