"""The page of a scan: complete, self-contained, and there even when nothing was found."""

import re

import pytest

from merkhet.errors import InputError
from merkhet.report.scan import PageOptions, write_scan_page
from merkhet.scan.known import Known
from tests.bundle.bundles import PROVENANCE
from tests.report.scans import make_scan
from tests.report.test_html import Page
from tests.scan.fields import make_detector

BOXES = PageOptions(model="boxes", command="merkhet scan boxes tiles --out found.ecsv")


def page_of(scanned, options=BOXES):
    path = write_scan_page(scanned.detections, scanned.folder / "found.html", tiles=scanned.tiles, options=options)
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return page_of(make_scan(tmp_path_factory.mktemp("scan")))


def test_page_tells_each_detection(written):
    _, page = written
    for said in ("2 detections", "tile0_0001", "tile0_0002", "10:00:07.20 +10:01:48.0", "DEFINITE", "0.970", "20.0",
                 "40 arcsec", "1 arcmin", "edge", BOXES.command, "is truncated", "learned nothing"):  # fmt: skip
        assert said in page.text, said


def test_page_needs_no_other_file(written):
    text, page = written
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert len(page.addresses) == 2 + 2 * 2  # two maps; a cutout and a profile of each detection
    assert not re.search(r"<script|url\(|@import", text)


def test_the_users_text_is_text(written):
    text, page = written
    assert "bad&lt;b&gt;.fits" in text
    assert "bad<b>.fits" in page.text


def test_nothing_found(tmp_path):
    _, page = page_of(make_scan(tmp_path / "scan", empty=True))
    assert "0 detections" in page.text
    assert "Nothing was found above the threshold." in page.text
    assert len(page.addresses) == 2


def test_without_world_coordinates(tmp_path):
    _, page = page_of(make_scan(tmp_path / "scan", sky=False))
    assert "x 30.0, y 90.0" in page.text
    assert "No profile" in page.text


def test_fewer_candidates_than_detections(tmp_path):
    options = PageOptions(model="boxes", candidates=1)
    _, page = page_of(make_scan(tmp_path / "scan"), options)
    assert "most probable 1" in page.text
    assert len(page.addresses) == 2 + 2


def test_known_sources_are_told(tmp_path):
    scanned = make_scan(tmp_path / "scan")
    (tmp_path / "known.csv").write_text("name,ra,dec\nGX 1+4 <x>,150.03,10.03\n")
    matched = Known(tmp_path / "known.csv").match(scanned.detections.table)
    scanned.detections.table["known_id"] = matched["known_id"]
    scanned.detections.table["known_separation"] = matched["known_separation"]
    _, page = page_of(scanned, PageOptions(model="boxes", known="known.csv"))
    assert "1 of 2 detections lie on a known source." in page.text
    assert "GX 1+4 <x>" in page.text


def test_provenance_of_a_trained_model(tmp_path):
    model = make_detector(tmp_path / "model")
    _, page = page_of(make_scan(tmp_path / "scan"), PageOptions(model=str(model)))
    assert "Hash" in page.text
    assert PROVENANCE.data_fingerprint in page.text


def test_a_tile_that_is_gone_is_an_error(tmp_path):
    scanned = make_scan(tmp_path / "scan")
    (scanned.folder / "tile0.fits").unlink()
    with pytest.raises(InputError, match=r"tile0\.fits"):
        page_of(scanned)
