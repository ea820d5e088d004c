"""Batches: the same from packs and files, with their masks, noise and targets."""

import pickle

import numpy as np
import pytest
import torch
from astropy.io import fits

from merkhet.config.data import Columns, Data
from merkhet.config.inputs import InputSpec
from merkhet.data.dataset import SampleDataset, TargetColumn
from merkhet.data.loader import InOrder, TrainSampler, make_loader
from merkhet.data.pack import pack
from merkhet.data.samples import load_samples, resolve_input
from merkhet.errors import InputError
from tests.skies import make_sky

COLUMNS = Columns(id="id", group="group")
ROWS = np.array([5, 0, 11])


def dataset_of(table, spec, targets=None):
    data = Data(table=table, columns=COLUMNS)
    spec, samples = resolve_input(spec, load_samples(data, spec))
    return SampleDataset(samples, data=data, spec=spec, targets=targets)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A sky with one invalid pixel in s005."""
    path = make_sky(tmp_path_factory.mktemp("holes") / "sky", 12)
    with fits.open(path.parent / "images/s005.fits", mode="update") as hdus:
        hdus[0].data[2, 3] = np.nan
    pack(Data(table=path, columns=COLUMNS), path.parent / "pack")
    return path


SPECS = [
    InputSpec(),
    InputSpec(bin=2),
    InputSpec(shape=(30, 20), fit="center"),
    InputSpec(shape=(16, 16), fit="center", bin=2),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.fit}-bin{spec.bin}")
def test_packs_and_files_give_the_same_batches(table, spec):
    files, packed = (dataset_of(source, spec).fetch(ROWS) for source in (table, table.parent / "pack"))
    for key in ("image", "valid", "noise", "index"):
        np.testing.assert_array_equal(files[key].numpy(), packed[key].numpy())
    assert tuple(files["image"].shape[2:]) == dataset_of(table, spec).spec.network_shape
    np.testing.assert_array_equal(files["valid"].numpy(), np.isfinite(files["image"].numpy()))


def test_an_invalid_pixel_is_masked(table):
    batch = dataset_of(table, InputSpec()).fetch(ROWS)
    assert (~batch["valid"]).nonzero().tolist() == [[0, 0, 2, 3]]


def test_targets_follow_the_rows(table):
    dataset = dataset_of(table, InputSpec(), targets={"label": TargetColumn("label", np.arange(12) * 10)})
    batch = dataset.fetch(ROWS)
    assert batch["target"]["label"].value.tolist() == [50, 0, 110]
    assert batch["index"].tolist() == [5, 0, 11]


def test_a_pack_that_lost_its_array_is_named(table, tmp_path):
    dataset = dataset_of(table.parent / "pack", InputSpec())
    dataset.pixels.path = tmp_path / "images.npy"
    with pytest.raises(InputError, match=r"images\.npy: cannot be read.*Pack the table again"):
        dataset.fetch(ROWS)


def test_the_memory_map_does_not_travel_to_workers(table):
    dataset = dataset_of(table.parent / "pack", InputSpec())
    dataset.fetch(ROWS)
    assert len(pickle.dumps(dataset)) < 20_000


@pytest.mark.parametrize("workers", [0, 1])
def test_the_loader_gives_subset_rows(table, workers):
    dataset = dataset_of(table.parent / "pack", InputSpec())
    subset = np.array([2, 4, 6, 8, 10])
    loader = make_loader(dataset, subset, InOrder(5, batch_size=2), workers=workers)
    assert [batch["index"].tolist() for batch in loader] == [[2, 4], [6, 8], [10]]
    drawn = torch.cat([b["index"] for b in make_loader(dataset, subset, TrainSampler(5, batch_size=2, seed=0))])
    assert sorted(drawn.tolist()) == subset.tolist()
