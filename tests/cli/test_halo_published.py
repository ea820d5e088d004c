"""The recipe of the published halo detector, on simulated cutouts and on a table as it was published."""

import numpy as np
import pytest

import merkhet
from merkhet.cli import main
from merkhet.io.tables import read_table

PUBLISHED = ["relative_path", "split", "filename", "distance", "nh_unif", "nh_wco", "cloud_bits"]
SMALL = ["train.epochs=1", "train.accelerator=cpu", "train.devices=1", "model.block_sizes=[4, 4, 8, 8]"]


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("halos") / "sky"
    assert main(["simulate", "halo_cutouts", str(folder), "--n", "80", "--seed", "3", "--quiet"]) == 0
    return folder


def train(*words):
    return main(["train", "halo_published", *map(str, words), *SMALL, "--quiet"])


def test_the_recipe_runs_on_simulated_cutouts_and_answers_in_published_words(cutouts, tmp_path):
    assert train(f"data.table={cutouts / 'catalog.csv'}", "--out", tmp_path / "run") == 0
    samples = read_table(tmp_path / "run" / "samples.parquet")
    table = read_table(cutouts / "catalog.csv")
    halos = int((np.asarray(table["label"]) == "halo").sum())
    assert sorted(samples["label"]) == ["halo"] * halos + ["none"] * halos
    answers = merkhet.load(tmp_path / "run").predict(cutouts / str(table["relative_path"][0]))
    assert set(answers["category"]) <= {
        *("DEFINITE_HALO", "PROBABLE_HALO", "POSSIBLE_HALO", "UNLIKELY_HALO", "NO_HALO")
    }
    assert {"p_none", "p_halo"} <= set(answers.colnames)


def test_a_table_as_it_was_published_holds_halos_alone_and_its_images_lie_elsewhere(cutouts, tmp_path):
    table = read_table(cutouts / "catalog.csv")
    table[np.asarray(table["label"]) == "halo"][PUBLISHED].write(tmp_path / "dataset.csv")
    words = [f"data.table={tmp_path / 'dataset.csv'}", f"data.root={cutouts}", "--out", tmp_path / "run"]
    assert train(*words) == 2  # the recipe asks for the label of simulated cutouts
    assert train(*words, "data.where=", "data.columns.group=") == 0
    samples = read_table(tmp_path / "run" / "samples.parquet")
    assert (np.asarray(samples["label"]) == "halo").sum() == len(samples) // 2
    assert {"distance", "nh_unif", "nh_wco", "cloud_bits"} <= set(samples.colnames)
