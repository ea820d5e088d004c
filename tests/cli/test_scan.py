"""``merkhet scan`` as a user meets it."""

import json

import pytest

from merkhet.cli import main
from merkhet.io.tables import read_table
from tests.scan.surveys import make_classifier, make_counts, make_wcs, write_tile


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return make_classifier(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def image(tmp_path, rng):
    counts = make_counts(rng, shape=(48, 48))
    return write_tile(tmp_path / "images" / "t.fits", counts, wcs=make_wcs(shape=(48, 48)))


def run(capsys, *arguments):
    """Return exit code, standard output and the lines of standard error."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip().splitlines()


def test_help_teaches(capsys):
    code, out, _ = run(capsys, "scan", "--help")
    assert code == 0
    assert "merkhet scan halo-scan-lite tiles/ --out halos.ecsv" in out
    for option in ("--threshold", "--windows", "--stride", "--known", "--probability-map", "--format", "--shard"):
        assert option in out


def test_a_scan_names_what_it_wrote(capsys, model, image, tmp_path):
    out = tmp_path / "c.ecsv"
    options = ["--windows", 16, 32, "--stride", 8, "--threshold", 0.4, "--probability-map", "--reexamine", "--no-page"]
    code, printed, lines = run(capsys, "scan", model, image, "--out", out, *options)
    assert (code, printed) == (0, "")
    assert lines[0] == f"{len(read_table(out))} detections on 1 images, 0 rejected"
    assert f"catalog: {out}" in lines
    assert f"maps: {tmp_path / 'c_maps'}" in lines
    code, _, lines = run(capsys, "scan", model, image, "--out", out)
    assert (code, len(lines)) == (2, 1)
    assert "it exists already" in lines[0]


def test_rejects_are_code_3_and_the_summary_is_one_line(capsys, model, image, tmp_path):
    bad = image.with_name("bad.fits")
    bad.write_bytes(b"SIMPLE")
    out = tmp_path / "d.json"
    arguments = ["scan", model, image.parent, "--out", out, "--format", "dsh-json", "--no-regions", "--no-page"]
    code, printed, lines = run(capsys, *arguments, "--json")
    assert (code, lines) == (3, [])
    summary = json.loads(printed)
    assert summary["detections"] == json.loads(out.read_text())["num_detections"]
    assert {name: summary[name] for name in ("tiles", "rejected", "complete")} == {
        "tiles": 2,
        "rejected": 1,
        "complete": True,
    }
    code, _, lines = run(capsys, *arguments, "--overwrite")
    assert (code, f"rejects: {tmp_path / 'd_rejects.csv'}" in lines) == (3, True)
    assert any(line.startswith(f"  {bad}: ") for line in lines)


def test_a_page_is_written_unless_it_is_there(capsys, model, image, tmp_path):
    out = tmp_path / "c.ecsv"
    code, _, lines = run(capsys, "scan", model, image, "--out", out, "--threshold", 0.6)
    assert (code, f"page: {tmp_path / 'c.html'}" in lines) == (0, True)
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert model in text
    assert "pytest" not in text.replace(model, "")  # another program's command line is not the scan's
    out.unlink()
    code, _, lines = run(capsys, "scan", model, image, "--out", out)
    assert (code, len(lines)) == (2, 1)
    assert "c.html: it exists already" in lines[0]


def test_a_shard_says_what_is_left(capsys, model, image, tmp_path, rng):
    write_tile(image.with_name("u.fits"), make_counts(rng, shape=(40, 40)))
    arguments = ["scan", model, image.parent, "--out", tmp_path / "c.csv", "--no-page"]
    code, _, lines = run(capsys, *arguments, "--shard", "1/2")
    assert (code, lines) == (0, ["1 of 2 images are done; the rest is still to be scanned"])
    assert run(capsys, *arguments, "--shard", "2/2")[0] == 0
    assert (tmp_path / "c.csv").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stride", "17"], "stride 17: expected 1 to 16"),
        (["--stride", "0"], "--stride. Must be >= 1"),
        (["--threshold", "2"], "threshold 2.0: expected a probability between 0 and 1"),
        (["--tile", "512"], "--tile does not go with"),
        (["--format", "yaml"], "--format"),
        (["--shard", "3/2"], "expected i/n"),
        (["--known", "none.csv"], "none.csv: there is no such file"),
        (["--exposure", "a.fits", "b.fits"], "2 maps for 1 images"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(capsys, model, image, options, message):
    folder = image.parents[1]
    code, _, lines = run(capsys, "scan", model, image, "--out", folder / "c.csv", *options)
    assert (code, len(lines)) == (2, 1)
    assert message in lines[0]
    assert not (folder / "c.csv").exists()


def test_without_images_there_is_nothing_to_scan(capsys, model, tmp_path):
    assert run(capsys, "scan", model, "--out", tmp_path / "c.csv")[0] == 2
