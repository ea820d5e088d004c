"""The command line as a user meets it: verbs, exit codes, one-line errors, JSON, refusals."""

import json
import subprocess
import sys

import pytest

from merkhet import __version__
from merkhet.cli import main
from merkhet.cli.main import VERBS as FUNCTIONS
from merkhet.io.tables import read_table
from merkhet.recipes import load_recipe, recipe_names
from tests.bundle.bundles import make_bundle

VERBS = [verb.__name__.rstrip("_") for verb in FUNCTIONS]


def run(capsys, *arguments):
    """Return exit code, standard output and the lines of standard error."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip().splitlines()


def test_help_and_version(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(verb in out for verb in VERBS)
    assert run(capsys, "--version")[1].strip() == __version__


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_teaches_with_an_example(capsys, verb):
    code, out, _ = run(capsys, verb, "--help")
    assert code == 0
    assert f"merkhet {verb}" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], 'Did you mean "train"'),
        (["predict"], "MODEL"),
        (["predict", "no_such_run", "a.fits"], "no_such_run: no such folder"),
        (["train", "mirabst", "--out", "x"], "mirabst: no such recipe; there are"),
        (["train", "mirabest", "--out", "x"], "data.table: missing"),
        (["train", "mirabest", "data.table=x.csv", "trian.epochs=1", "--out", "x"], "did you mean 'train'?"),
        (["train", "none.yaml", "--out", "x"], "none.yaml: cannot be read: No such file"),
        (["train", "mirabest", "data.table=x.csv", "train.epochs", "--out", "x"], "written key.sub=value"),
        (["pack", "none.csv", "x"], "none.csv"),
        (["pack", "none.csv", "x", "--shard", "3/2"], "expected i/n"),
        (["simulate", "quasars", "x"], "quasars"),
        (["evaluate", "x", "--table", "t.csv"], "--table and --out go together"),
        (["evaluate", "x", "--truth", "t", "--tiles", "u", "--heatmaps", "h"], "not with --against or --truth"),
        (["report", "nothing"], "nothing"),
        (
            ["inspect", "nothing"],
            "no such file or folder; expected a path, or one of the package's models: halo-scan-lite, radio-galaxies",
        ),
        (["recipes", "none"], "no such recipe"),
        (["import", "w.pth", "x", "--as", "halo_fulle"], "halo_full"),
        (["import", "w.pth", "x", "--as", "halo_full"], "w.pth: there is no such file"),
        (["predict", "x", "--no-such-option"], "no-such-option"),
        (["predict", "x", "y", "--batch-size", "0"], "--batch-size. Must be >= 1"),
        (["predict", "x", "y", "--plane", "-1"], "--plane. Must be >= 0"),
        (["train", "mirabest", "--out", "x", "--workers", "0"], "--workers. Must be >= 1"),
        (["evaluate", "x", "--workers", "-1"], "--workers. Must be >= 1"),
        (["pack", "x", "y", "--workers", "0"], "--workers. Must be >= 1"),
        (["pack", "x", "y", "--bands", "0"], "--bands. Must be >= 1"),
        (["evaluate", "x" * 300], "the file name is too long"),
        (["train", "mirabest", "data.table=x.csv", "--out", "x" * 300], "the file name is too long"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(capsys, *arguments)
    assert code == 2
    assert len(errors) == 1, errors
    assert errors[0].startswith("merkhet: ")
    assert message in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_ours_is_code_1_with_a_traceback(capsys, monkeypatch):
    monkeypatch.setattr("merkhet.recipes.recipe_names", lambda: 1 / 0)
    code, _, errors = run(capsys, "recipes")
    assert code == 1
    assert any("ZeroDivisionError" in line for line in errors)
    assert "please report it" in errors[-1]


def test_interruption_is_code_130(capsys, monkeypatch):
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("merkhet.recipes.recipe_names", interrupt)
    assert run(capsys, "recipes")[0] == 130


def test_recipes_are_listed_printed_and_valid(capsys):
    _, out, _ = run(capsys, "recipes")
    for name in recipe_names():
        assert name in out
        assert f"name: {name}" in run(capsys, "recipes", name)[1]
        assert load_recipe(name, ["train.epochs=1"])["train"]["epochs"] == 1


def test_a_recipe_as_json_is_the_recipe(capsys):
    assert json.loads(run(capsys, "recipes", "mirabest", "--json")[1]) == load_recipe("mirabest")


def test_training_that_is_interrupted_early_begins_again_with_resume(capsys, tmp_path, sky, monkeypatch):
    data = [f"data.table={sky}", "data.columns.id=id", "input={}", "task.classes=[single, double]"]
    options = ["model.widths=[4]", "train.epochs=1", "train.accelerator=cpu"]
    command = ["train", "radio_galaxies", *data, *options, "--out", tmp_path / "run"]

    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("merkhet.train.fit.find_any", interrupt)
        assert run(capsys, *command)[0] == 130
    assert list((tmp_path / "run").iterdir()) == []
    assert run(capsys, *command, "--resume")[0] == 0


def test_an_interrupted_prediction_is_code_130_and_leaves_its_catalog(capsys, tmp_path, sky, monkeypatch):
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    make_bundle(tmp_path / "bundle")
    monkeypatch.setattr("merkhet.infer.predict.update_header", interrupt)
    images, catalog = sky.parent / "images", tmp_path / "c.csv"
    code, _, errors = run(capsys, "predict", tmp_path / "bundle", images, "--out", catalog, "--write-header")
    assert code == 130
    assert errors == [
        f"merkhet: interrupted; 48 of 48 images were classified and 0 headers written: {catalog} holds their rows"
    ]
    assert len(read_table(catalog)) == 48


def test_rejects_are_code_3_and_their_table_is_named(capsys, tmp_path, sky):
    make_bundle(tmp_path / "bundle")
    (tmp_path / "bad.fits").write_bytes(b"")
    images = sky.parent / "images"
    code, _, errors = run(
        capsys, "predict", tmp_path / "bundle", images, tmp_path / "bad.fits", "--out", tmp_path / "c.csv"
    )
    assert code == 3
    assert "48 images classified, 1 rejected" in errors
    assert f"rejects: {tmp_path / 'c_rejects.csv'}" in errors
    code, _, errors = run(capsys, "predict", tmp_path / "bundle", images, "--out", tmp_path / "c.csv")
    assert (code, len(errors)) == (2, 1)
    assert "it exists already" in errors[0]
    assert run(capsys, "predict", tmp_path / "bundle", images, "--out", tmp_path / "c.csv", "--overwrite")[0] == 0


def test_json_is_one_line_for_programs_and_quiet_is_quiet(capsys, tmp_path, sky):
    code, out, errors = run(capsys, "pack", sky, tmp_path / "pack", "--id-column", "id", "--json")
    assert (code, errors) == (0, [])
    assert json.loads(out) == {"pack": str(tmp_path / "pack"), "rows": 48, "rejected": 0, "complete": True}
    code, out, errors = run(capsys, "pack", sky, tmp_path / "other", "--quiet")
    assert (code, out, errors) == (0, "", [])
    assert json.loads(run(capsys, "inspect", tmp_path / "pack", "--json")[1])["kind"] == "pack"


def test_predict_prints_the_catalog_where_no_output_is_named(capsys, tmp_path, sky):
    make_bundle(tmp_path / "bundle")
    code, out, _ = run(capsys, "predict", tmp_path / "bundle", sky.parent / "images" / "s000.fits")
    assert code == 0
    assert "probability" in out
    assert "s000.fits" in out


def test_the_module_runs_as_a_command():
    done = subprocess.run([sys.executable, "-m", "merkhet", "recipes"], capture_output=True, text=True, check=True)
    assert "mirabest" in done.stdout


def test_a_closed_pipe_is_no_fault():
    command = f"{sys.executable} -m merkhet recipes mirabest | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""
