"""Drawn negatives: how many, what is in them, where they stand, and that a batch holds what was drawn."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from merkhet.config.data import Columns, Data, Negatives
from merkhet.config.inputs import InputSpec
from merkhet.data.dataset import SampleDataset
from merkhet.data.duplicates import duplicate_pixels
from merkhet.data.negatives import NUMBER, add_negatives, draw_negative, label_positives
from merkhet.data.pack import pack
from merkhet.data.samples import load_samples, resolve_input, sample_groups, sample_ids
from merkhet.io.tables import read_table

COLUMNS = Columns(id="id", group="group", metadata=("z",))
CLASSES = ("none", "double")


def samples_of(table, columns=COLUMNS, spec=None, **where):
    data = Data(table=table, columns=columns, where={"label": "double", **where})
    return resolve_input(spec or InputSpec(), load_samples(data, spec or InputSpec()))


def add(table, columns=COLUMNS, *, spec=None, **options):
    spec, samples = samples_of(table, columns, spec)
    sides = np.resize(["train", "val", "train", "test"], len(samples))
    config = Negatives(**{"seed": 3, **options})
    return spec, config, *add_negatives(samples, sides, config, columns=columns, classes=CLASSES, spec=spec)


@pytest.mark.parametrize(("ratio", "drawn"), [(1.0, 24), (0.5, 12), (0.1, 2), (2.5, 60)])
def test_as_many_are_drawn_as_positives_times_the_ratio_evenly_over_them(sky, ratio, drawn):
    _, _, samples, sides = add(sky, ratio=ratio)
    labels = np.asarray(samples.table["label"])
    assert (labels == "double").sum() == 24
    assert (labels == "none").sum() == drawn == len(sides) - 24
    ids, groups = sample_ids(samples.table, COLUMNS), sample_groups(samples.table, COLUMNS)
    assert len(set(ids)) == len(ids)
    beside = np.array([np.flatnonzero(groups[:24] == group)[0] for group in groups[24:]])
    counts = np.bincount(beside, minlength=24)[np.unique(groups[:24], return_index=True)[1]]
    assert np.ptp(counts) <= max(1, np.ceil(ratio)) * 2  # groups hold one or two positives


def test_a_drawn_sample_is_on_the_side_and_in_the_group_of_its_positive(sky):
    _, _, samples, sides = add(sky)
    table = samples.table
    assert list(sides[24:]) == list(sides[:24])
    for name in ("group", "z", "mk_scale", "mk_shape"):
        assert list(table[name][24:]) == list(table[name][:24])
    assert np.isnan(table["mk_ra"][24:]).all()
    assert np.isfinite(table["mk_ra"][:24]).all()
    assert list(table[NUMBER]) == [-1] * 24 + list(range(24))
    assert table["path"][30] == table["mk_path"][30] == table["id"][30] == "negative_000006"


def test_what_is_measured_is_measured_of_the_drawn_pixels(sky):
    _, config, samples, _ = add(sky, ratio=8.0, sigma=0.7)
    table = samples.table[24:]
    images = [draw_negative(number, config, shape=(1, 24, 24)) for number in table[NUMBER].tolist()]
    zero = np.array([not image.any() for image in images])
    assert (np.asarray(table["mk_noise_0"])[zero] == 0).all()
    # the median is zero and so is the deviation of half the pixels: what is left is a standard deviation
    np.testing.assert_allclose(table["mk_noise_0"][~zero], 0.7 * 0.58, rtol=0.2)
    assert len(set(table["mk_crc"][~zero])) == (~zero).sum()
    assert len(set(table["mk_crc"][zero])) == 1


@given(st.integers(0, 2**31), st.floats(0.01, 10))
def test_noise_is_that_of_a_gaussian_cut_off_at_zero(number, sigma):
    image = draw_negative(number, Negatives(zeros=0, sigma=sigma, seed=0), shape=(1, 64, 64))
    assert image.dtype == np.float32
    assert (image == 0).mean() == pytest.approx(0.5, abs=5 * 0.5 / 64)
    positive = image[image > 0] / sigma
    assert stats.kstest(positive, stats.halfnorm.cdf).pvalue > 1e-6


def test_the_share_of_zero_images_is_the_one_asked_for():
    zeros = [not draw_negative(n, Negatives(seed=1), shape=(1, 4, 4)).any() for n in range(2000)]
    assert np.mean(zeros) == pytest.approx(0.8, abs=5 * np.sqrt(0.16 / 2000))
    assert not any(draw_negative(n, Negatives(zeros=1), shape=(1, 4, 4)).any() for n in range(20))


def test_another_seed_draws_other_images_and_the_same_one_the_same():
    config = Negatives(zeros=0, seed=1)
    first = draw_negative(5, config, shape=(1, 8, 8))
    np.testing.assert_array_equal(draw_negative(5, config, shape=(1, 8, 8)), first)
    for other in (draw_negative(6, config, shape=(1, 8, 8)), draw_negative(5, Negatives(zeros=0), shape=(1, 8, 8))):
        assert (other != first).any()


def test_no_noise_image_stands_on_two_sides_unless_that_is_asked_for(sky):
    for shared in (False, True):
        _, _, samples, sides = add(sky, ratio=4.0, zeros=0.0, shared=shared)
        pairs = duplicate_pixels(samples.table["mk_crc"], sides)
        val_and_test = int((sides[24:] != "train").sum())
        assert len(pairs) == (val_and_test if shared else 0)


@pytest.mark.parametrize("packed", [False, True])
def test_a_batch_holds_observed_and_drawn_pixels(tmp_path, sky, packed):
    table = sky
    if packed:
        table = tmp_path / "pack"
        pack(Data(table=sky, columns=COLUMNS), table)
    spec, config, samples, _ = add(table, spec=InputSpec(bin=2), zeros=0.5)
    data = Data(table=table, columns=COLUMNS, negatives=config)
    plain = SampleDataset(
        samples_of(table, spec=InputSpec(bin=2))[1], data=Data(table=table, columns=COLUMNS), spec=spec
    )
    dataset = pickle.loads(pickle.dumps(SampleDataset(samples, data=data, spec=spec)))
    rows = np.array([30, 2, 40, 47, 7])
    batch = dataset.fetch(rows)
    assert batch["valid"].all()
    assert batch["image"].shape == (5, 1, 12, 12)
    np.testing.assert_array_equal(batch["image"][[1, 4]], plain.fetch(np.array([2, 7]))["image"])
    for place, row in ((0, 30), (2, 40), (3, 47)):
        drawn = draw_negative(row - 24, config, shape=(1, 12, 12))
        np.testing.assert_array_equal(batch["image"][place], drawn)


def test_a_table_without_labels_holds_positives_alone(sky):
    _, samples = samples_of(sky)
    same = label_positives(samples, COLUMNS, classes=CLASSES)
    assert same is samples
    table = samples.table.copy()
    table.remove_column("label")
    labelled = label_positives(type(samples)(table), COLUMNS, classes=CLASSES)
    assert set(labelled.table["label"]) == {"double"}
    assert "label" not in table.colnames


def test_without_an_id_column_the_path_names_a_drawn_sample(sky):
    columns = Columns(group="group")
    _, _, samples, _ = add(sky, columns)
    ids = sample_ids(samples.table, columns)
    assert ids[24] == "negative_000000"
    assert samples.table["id"][24] == samples.table["id"][0]


def test_without_positives_nothing_is_drawn(sky):
    _, samples = samples_of(sky)
    config = Negatives(seed=0)
    spec = InputSpec(shape=(24, 24))
    none, sides = add_negatives(
        samples, np.full(24, "train"), config, columns=COLUMNS, classes=("double", "single"), spec=spec
    )
    assert len(none) == len(sides) == 24


def test_ids_and_labels_may_be_numbers(tmp_path, sky):
    table = read_table(sky)
    table["path"] = [str(sky.parent / path) for path in table["path"]]
    table["number"] = np.arange(len(table))
    table.write(tmp_path / "numbers.csv")
    columns = Columns(id="number", label="is_double")
    spec, samples = resolve_input(
        InputSpec(), load_samples(Data(table=tmp_path / "numbers.csv", columns=columns), InputSpec())
    )
    config, sides = Negatives(seed=0), np.full(48, "train")
    both, _ = add_negatives(samples, sides, config, columns=columns, classes=("0", "1"), spec=spec)
    assert [list(both.table["is_double"]).count(name) for name in ("0", "1")] == [48, 24]
    assert sample_ids(both.table, columns)[-1] == "negative_000023"
