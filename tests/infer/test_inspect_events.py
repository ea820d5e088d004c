"""What is said of a file of events."""

import pytest

from merkhet.cli.main import main
from merkhet.errors import InputError
from merkhet.infer.inspect import describe
from merkhet.io.cherenkov.packed import pack_events
from merkhet.io.cherenkov.reading import open_event_file
from tests.io.cherenkov.files import HEXAGONAL, SQUARE, draw, write_dl1, write_image_extractor


def test_a_file_of_events(tmp_path):
    truth = draw()
    facts = describe(write_dl1(tmp_path / "a.h5", truth))
    assert facts["kind"] == "events, ctapipe DL1"
    assert facts["model version"] == "v7.1.0"
    assert (facts["events"], facts["telescopes"], facts["observations"]) == (40, 4, 2)
    assert facts["images"] == truth.trigger.sum()
    assert facts["without an image"] == (~truth.trigger.any(axis=1)).sum()
    images = truth.trigger[:, :2].sum()
    line = f"2 telescopes, TinyCam, 19 hexagonal pixels, f = 29.30 m; {images} images: charge, time, mask"
    assert facts[HEXAGONAL] == line
    assert "16 square pixels" in facts[SQUARE]
    assert facts["particles"] == ", ".join(
        f"{(truth.primary == number).sum()} {name}" for number, name in ((0, "gamma"), (1, "electron"), (101, "proton"))
    )
    assert facts["energy"] == f"{truth.energy.min():.3g} to {truth.energy.max():.3g} TeV"
    assert facts["pointing"] == "altitude 68.75, azimuth 17.19 deg"


def test_an_older_file_and_observed_data(tmp_path):
    facts = describe(write_image_extractor(tmp_path / "a.h5", draw()))
    assert facts["kind"] == "events, ImageExtractor"
    facts = describe(write_dl1(tmp_path / "b.h5", draw(), simulated=False, pointing=False))
    assert (facts["labels"], facts["pointing"]) == ("none: not simulated", "not in the file")
    assert "particles" not in facts


def test_a_pack_and_the_command_that_makes_it(tmp_path, capsys):
    path = write_dl1(tmp_path / "a.h5", draw())
    assert main(["pack", str(path), str(tmp_path / "pack"), "--quiet"]) == 0
    assert main(["inspect", str(tmp_path / "pack")]) == 0
    assert "pack of events, ctapipe DL1" in capsys.readouterr().out
    assert main(["pack", str(path), str(tmp_path / "other"), "--dims", "3"]) == 2
    assert "pack takes no option but --overwrite" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_what_is_wrong_is_said_in_one_line(tmp_path, capsys):
    path = write_dl1(tmp_path / "a.h5", draw())
    path.write_bytes(path.read_bytes()[:5000])
    assert main(["inspect", str(path)]) == 2
    error = capsys.readouterr().err
    assert "a.h5: is truncated: it has 5000 bytes" in error
    assert error.count("\n") == 1
    with pytest.raises(InputError, match="holds no camera geometry"):
        describe(write_dl1(tmp_path / "b.h5", draw(), geometry=False))


def test_every_fact_of_a_pack_is_that_of_its_file(tmp_path):
    path = write_dl1(tmp_path / "a.h5", draw())
    file, pack = describe(path), describe(pack_events(open_event_file(path), tmp_path / "pack").path)
    assert {key: value for key, value in pack.items() if key not in ("kind", "index")} == {
        key: value for key, value in file.items() if key not in ("kind", "index")
    }
