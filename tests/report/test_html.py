import json
import re
import shutil
from html.parser import HTMLParser

import pytest
import yaml
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.io.tables import write_table
from merkhet.report.html import write_report
from tests.report.runs import write_run

VOID = {"meta", "img", "br", "link", "line"}


class Page(HTMLParser):
    """Collects tags, addresses and text, and checks that every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page(run):
    return Page(write_report(run).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def html(run):
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def test_whole_report(run, html):
    found = Page(html)
    result = json.loads((run / "metrics.json").read_text())["test"]
    accuracy, majority = result["scores"]["accuracy"], result["baselines"]["majority"]
    assert "Toy radio galaxies" in found.text
    assert f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]" in found.text
    assert f"majority baseline (hybrid): {majority['accuracy']['value']:.3f}" in found.text
    assert "12 epochs in 6.0 min" in found.text
    assert "3 rejected." in found.text
    assert "9f86d081884c" in found.text
    shown = sum(address.startswith("data:image/png") for address in found.addresses)
    assert 12 < shown <= 18


def test_page_needs_nothing_else(html):
    found = Page(html)
    assert found.addresses
    assert all(address.startswith("data:image/") for address in found.addresses)
    assert not {"script", "link", "iframe", "object"} & set(found.tags)
    assert not re.search(r"url\(|@import|https?://", re.sub(r"base64,[A-Za-z0-9+/=]+", "", html))


def test_same_tables_same_page(run, html):
    assert write_report(run).read_text(encoding="utf-8") == html


PARTS = (
    "metrics.json",
    "history.csv",
    "rejects.csv",
    "bundle/bundle.json",
    "predictions_test.parquet",
    "gallery_test.parquet",
)
SAID = {
    "metrics.json": "nothing was scored",
    "history.csv": "no finished epoch",
    "rejects.csv": "no rejects.csv",
    "bundle/bundle.json": "origin of the model is not known",
    "predictions_test.parquet": "no predictions of a scored split",
    "gallery_test.parquet": "Run merkhet evaluate copy again, then merkhet report copy.",
}


@pytest.mark.parametrize("part", PARTS)
def test_absent_part_is_named(copy, part):
    (copy / part).unlink()
    found = page(copy)
    assert SAID[part] in found.text
    assert sum(text in found.text for text in SAID.values()) == (2 if part == "metrics.json" else 1)


def test_run_with_nothing_but_an_experiment(copy):
    for part in (*PARTS, "predictions_val.parquet", "gallery_val.parquet"):
        (copy / part).unlink()
    found = page(copy)
    assert all(text in found.text for part, text in SAID.items() if part != "gallery_test.parquet")
    assert "size of its splits is not known" in found.text


def test_no_test_split(tmp_path):
    found = page(write_run(tmp_path / "run", splits=("val",), rows=40))
    assert "Accuracy, validation split" in found.text
    assert "There is no test split" in found.text
    assert "Images of the validation split" in found.text


def test_scores_of_a_run_without_precision_recall_curves(copy):
    metrics = json.loads((copy / "metrics.json").read_text())
    for result in metrics.values():
        del result["pr"]
        for row in result["per_class"].values():
            del row["average_precision"]
        for scores in (result["scores"], result["baselines"]["majority"]):
            del scores["rmsce"]
    (copy / "metrics.json").write_text(json.dumps(metrics))
    text = page(copy).text
    assert "This run was scored before these curves were kept. Run merkhet evaluate copy again" in text
    assert "alibration error" not in text


def test_folds(folded_run):
    found = page(folded_run)
    result = json.loads((folded_run / "metrics.json").read_text())
    assert "Accuracy, 3 test folds" in found.text
    assert "all, each tested once" in found.text
    for part in result["folds"]:
        accuracy = part["scores"]["accuracy"]
        assert f"fold {part['fold']}" in found.text
        assert f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]" in found.text
    assert "mean ± standard deviation" in found.text
    assert "72 epochs of 6 trainings, a line each, in 36.0 min." in found.text
    assert "Model of fold 3" in found.text
    assert sum(address.startswith("data:image/png") for address in found.addresses) > 12


def test_user_text_is_escaped(tmp_path):
    wicked = ("<script>alert(1)</script>", "a & b")
    run = write_run(tmp_path / "run", classes=wicked, mode="binary", name="<b>bold</b>", rows=30)
    rejects = Table({"file": ["<img src=x onerror=alert(1)>"], "stage": ["read"], "reason": ["<i>why</i>"]})
    write_table(rejects, run / "rejects.csv", overwrite=True)
    html = write_report(run).read_text(encoding="utf-8")
    found = Page(html)
    assert not {"script", "b", "i"} & set(found.tags)
    assert all(address.startswith("data:image/") for address in found.addresses)
    assert "<script>alert(1)</script>" in found.text
    assert "<i>why</i>" in found.text


def test_long_table_of_rejects_is_cut_with_its_total(copy):
    files = [f"f{n:04d}.fits" for n in range(1234)]
    rejects = Table({"file": files, "stage": ["read"] * 1234, "reason": ["blank"] * 1234})
    write_table(rejects, copy / "rejects.csv", overwrite=True)
    text = page(copy).text
    assert "1,234 rejected; the first 50 follow" in text
    assert "f0049.fits" in text
    assert "f0050.fits" not in text


def test_empty_tables(copy):
    empty = Table(names=("file", "stage", "reason"), dtype=(str, str, str))
    write_table(empty, copy / "rejects.csv", overwrite=True)
    (copy / "history.csv").write_text("epoch,lr,train_loss,seconds\n")
    text = page(copy).text
    assert "None: every row of the table was used." in text
    assert "no finished epoch" in text


def test_multilabel(tmp_path):
    run = write_run(tmp_path / "run", mode="multilabel", classes=("stripes", "rings"), rows=60)
    text = page(run).text
    assert "Exact match, test split" in text
    assert "stripes" in text


def test_one_group_and_absent_class(tmp_path):
    run = write_run(tmp_path / "run", rows=30)
    metrics = json.loads((run / "metrics.json").read_text())
    nothing = {"value": None, "low": None, "high": None}
    metrics["test"]["n_groups"] = 1
    metrics["test"]["roc"] = metrics["test"]["pr"] = {}
    for scores in (metrics["test"]["scores"], metrics["test"]["per_class"]["FRI"]):
        scores.update({name: nothing for name in scores if name != "support"})
    (run / "metrics.json").write_text(json.dumps(metrics))
    text = page(run).text
    assert "All rows belong to one group" in text
    assert text.count("No curve: it takes rows of a class and rows of another.") == 2


def test_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="expected a run folder"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_resolved_experiment_is_on_the_page(html):
    resolved = re.search(r"<pre>(.*?)</pre>", html, re.DOTALL)
    assert resolved is not None
    assert yaml.safe_load(resolved[1].replace("&#39;", "'"))["name"] == "Toy radio galaxies"
