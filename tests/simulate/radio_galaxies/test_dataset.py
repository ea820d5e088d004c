"""The files: headers, table, record, refusals, interruption; and that only the shape tells the classes apart."""

import csv
import json
from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from merkhet.errors import ConfigError, Interrupted, OutputError
from merkhet.simulate.radio_galaxies.dataset import observe, simulate
from merkhet.simulate.radio_galaxies.survey import Survey

small = partial(simulate, size_px=48, seed=3)


def read(table):
    with table.open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("sky") / "out", n=24, seed=3)


def test_the_table_lists_every_map_with_its_truth(made):
    rows = read(made)
    assert made.name == "catalog.csv"
    assert list(rows[0])[:9] == [
        "source_id", "path", "label", "ra", "dec", "redshift", "las_arcsec", "peak_snr", "group",
    ]  # fmt: skip
    assert len({row["source_id"] for row in rows}) == 24
    assert {row["path"] for row in rows} == {f"images/{path.name}" for path in (made.parent / "images").iterdir()}
    assert sum(row["label"] == "FRI" for row in rows) == 12
    for row in rows:
        snr = float(row["peak_jy_beam"]) / float(row["rms_jy_beam"])
        assert float(row["peak_snr"]) == pytest.approx(snr, rel=1e-3)


def test_headers_are_those_of_a_radio_survey_and_keep_the_class_to_themselves(made):
    row = read(made)[5]
    header = fits.getheader(made.parent / row["path"])
    assert (header["BITPIX"], header["NAXIS1"], header["NAXIS2"]) == (-32, 150, 150)
    assert header["BUNIT"] == "Jy/beam"
    assert (header["BMAJ"], header["BMIN"]) == pytest.approx((5.4 / 3600, 5.4 / 3600))
    assert header["RESTFRQ"] == 1.4e9
    assert "FRI" not in header.tostring()


def test_sky_positions_of_the_table_are_the_pixels_of_the_core(made):
    for row in read(made):
        wcs = WCS(fits.getheader(made.parent / row["path"]))
        assert list(wcs.wcs.ctype) == ["RA---SIN", "DEC--SIN"]
        x, y = wcs.world_to_pixel_values(float(row["ra"]), float(row["dec"]))
        assert (x, y) == pytest.approx((float(row["core_x"]), float(row["core_y"])), abs=2e-3)
        assert 0 <= x <= 149
        assert 0 <= y <= 149
        ra, dec = wcs.pixel_to_world_values(x, y)
        assert (ra, dec) == pytest.approx((float(row["ra"]), float(row["dec"])), abs=1e-9)


def test_the_same_seed_gives_the_same_bytes_and_a_prefix(tmp_path):
    longer = small(tmp_path / "longer", n=9)
    shorter = small(tmp_path / "shorter", n=4)
    assert read(shorter) == read(longer)[:4]
    for row in read(shorter):
        assert (shorter.parent / row["path"]).read_bytes() == (longer.parent / row["path"]).read_bytes()


def test_the_record_names_seed_version_parameters_and_command(made, tmp_path):
    record = json.loads((made.parent / "simulation.json").read_text())
    assert (record["n"], record["finished"], record["seed"]) == (24, 24, 3)
    assert record["parameters"]["beam_fwhm_arcsec"] == 5.4
    assert record["command"] == f"merkhet simulate radio_galaxies {made.parent} --n 24 --seed 3"
    other = small(tmp_path / "small", n=2)
    command = json.loads((other.parent / "simulation.json").read_text())["command"]
    assert command.startswith("merkhet.simulate.radio_galaxies.simulate(")
    assert "size_px=48" in command


def test_the_command_of_another_survey_makes_the_same_maps_again(tmp_path):
    table = small(tmp_path / "small", n=2)
    command = json.loads((table.parent / "simulation.json").read_text())["command"]
    before = table.read_bytes()
    call = command.removeprefix("merkhet.simulate.radio_galaxies.").removesuffix(")")
    again = eval(f"{call}, overwrite=True)", {"simulate": simulate})
    assert again.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0; expected the number of maps, 1 or more"),
        ({"n": -5}, "n is -5"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"size_px": 20}, r"size_px is 20.*Use size_px=36"),
    ],
)
def test_bad_options_are_refused_before_anything_is_touched(tmp_path, options, message):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(ConfigError, match=message):
        partial(simulate, n=3, seed=1, overwrite=True)(tmp_path, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]


def test_what_exists_is_refused_unless_told_otherwise(tmp_path):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(OutputError, match="it exists already"):
        small(tmp_path, n=1)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]
    with pytest.raises(OutputError, match=r"holds no simulation\.json, so it is no earlier output"):
        small(tmp_path, n=1, overwrite=True)
    assert (tmp_path / "keep.txt").read_text() == "mine"
    before = small(tmp_path / "sky", n=2)
    assert len(read(before)) == 2
    assert len(read(small(tmp_path / "sky", n=1, overwrite=True))) == 1


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written") as caught:
        small(tmp_path / "file" / "out", n=1)
    assert "\n" not in str(caught.value)


def test_a_disk_that_fills_up_is_one_clear_line(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fits.PrimaryHDU, "writeto", full)
    with pytest.raises(OutputError, match="No space left on device"):
        small(tmp_path / "out", n=1)
    assert not (tmp_path / "out" / "catalog.csv").exists()


def test_an_interruption_keeps_what_is_finished(tmp_path):
    def stop(done, total):
        assert total == 50
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="stopped after 3 of 50 maps"):
        small(tmp_path / "out", n=50, progress=stop)
    rows = read(tmp_path / "out" / "catalog.csv")
    assert len(rows) == 3
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3
    assert json.loads((tmp_path / "out" / "simulation.json").read_text())["finished"] == 3


def test_progress_counts_every_map(tmp_path):
    calls = []
    small(tmp_path / "out", n=5, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 5) for done in range(1, 6)]


@pytest.fixture(scope="module")
def population():
    """Return statistics of the table, statistics of the pixels, and the classes of 900 maps."""
    table, pixels, labels = [], [], []
    for cutout in observe(900, seed=8, survey=Survey()):
        traits, middle = cutout.galaxy.traits, cutout.image[25:125, 25:125] / cutout.rms_jy_beam
        table.append([traits.flux_jy, cutout.peak_jy_beam, traits.las_arcsec, cutout.rms_jy_beam])
        pixels.append([middle.max(), max(middle.sum(), 1), middle.std(), 1 + np.sum(middle > 4)])
        labels.append(cutout.galaxy.label == "FRII")
    return np.log(table), np.log(pixels), np.array(labels)


CLASSIFIERS = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression()),
    "trees": GradientBoostingClassifier(n_estimators=60, random_state=0),
}


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("statistics", [0, 1], ids=["table", "pixels"])
def test_flux_peak_size_and_noise_do_not_tell_the_classes_apart(population, classifier, statistics):
    values, labels = population[statistics], population[2]
    scores = cross_val_predict(CLASSIFIERS[classifier], values, labels, cv=4, method="predict_proba")[:, 1]
    assert roc_auc_score(labels, scores) < 0.6


@pytest.mark.real
def test_sizes_fluxes_and_noise_are_near_those_of_first(real_data):
    """Median flux, peak and noise of MiraBest, within a factor of 1.6; flux inside a circle of the listed size."""
    with (real_data / "mirabest" / "catalogue.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["label"] in {"FRI", "FRII"}][::4]
    y, x = np.mgrid[:150, :150] - 74.5
    real = []
    for row in rows:
        image = fits.getdata(real_data / "mirabest" / row["path"])
        inside = np.hypot(x, y) < max(float(row["las_arcsec"]) / 3.6 + 4, 6)
        real.append([image[inside].max(), image[inside].sum() / 10.2, np.diff(np.quantile(image, [0.25, 0.75]))[0]])
    simulated = [
        [cutout.peak_jy_beam, cutout.galaxy.traits.flux_jy, np.diff(np.quantile(cutout.image, [0.25, 0.75]))[0]]
        for cutout in observe(300, seed=1, survey=Survey())
    ]
    ratio = np.median(simulated, axis=0) / np.median(real, axis=0)
    np.testing.assert_allclose(np.abs(np.log(ratio)), 0, atol=np.log(1.6))
