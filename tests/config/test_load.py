"""Experiments from YAML: overrides, and errors of one line that name the nearest key."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.config.experiment import Experiment
from merkhet.config.load import apply_overrides, parse_yaml, read_yaml, validate
from merkhet.errors import ConfigError, InputError

BASE = {
    "data": {"table": "x.csv"},
    "task": {"kind": "classify", "classes": ["a", "b"]},
    "model": {"kind": "resnet", "depths": [1], "block_sizes": [8]},
    "augment": [{"kind": "dihedral"}, {"kind": "shift", "max_px": 3}],
}


def error_of(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(Experiment, apply_overrides(BASE, overrides), source="exp.yaml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("exp.yaml: ")
    return message.removeprefix("exp.yaml: ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.dephts=[1]", "model.dephts: unknown key; did you mean 'depths'?"),
        ("trian.epochs=3", "trian: unknown key; did you mean 'train'?"),
        ("augment.1.maxpx=3", "augment.1.maxpx: unknown key; did you mean 'max_px'?"),
        ("train.finetune={bundle: a, freze: b}", "train.finetune.freze: unknown key; did you mean 'freeze'?"),
        ("model.kind=resnt", "model.kind: 'resnt' is unknown; did you mean 'resnet'?"),
        ("augment.1.kind=shft", "augment.1.kind: 'shft' is unknown; did you mean 'shift'?"),
        ("train.epochs=-3", "train.epochs: got -3; expected greater than 0"),
        ("train.epochs=many", "train.epochs: got 'many'; expected a valid integer"),
        ("train.optimizer.lr=.nan", "train.optimizer.lr: got nan; expected a finite number"),
        ("split.train=0.9", "split: train + val + test is 1.2; it must be 1"),
        ("model.depths=[1,2]", "model: depths has 2 levels, block_sizes 1; they must match"),
        ("data.table=null", "data.table: got None; expected"),
        ("task.classes=[a, a]", "task: classes repeat: a, a"),
        ("task.mode=binary", None),
        ("task.classes=[0, 1]", None),
        ("data.negatives={ratio: 0}", "data.negatives.ratio: got 0; expected greater than 0"),
        ("data.negatives={}", "data.negatives draws samples of a negative class; it needs task.mode=binary"),
        ("augment.0.samples=positive", "augment: samples=positive needs task.mode=binary"),
        ("augment.1.kind=after_normalization", "it needs normalize.kind=log_minmax, not asinh"),
        ("train.optimizer.betas=[0.9, 1]", "train.optimizer.betas.1: got 1; expected less than 1"),
        ("train.optimizer={kind: adam, betas: [-0.1, 0.9]}", "train.optimizer.betas.0: got -0.1; expected greater"),
        ("train.optimizer={kind: sgd, nesterov: true, momentum: 0}", "nesterov needs a momentum above 0"),
    ],
)
def test_a_fault_names_field_value_and_expectation(override, message):
    if message is None:
        validate(Experiment, apply_overrides(BASE, [override]), source="exp.yaml")
    else:
        assert message in error_of(override)


def test_every_fault_is_named_in_one_line():
    message = error_of("trian=1", "seed=-1")
    assert "trian: unknown key" in message
    assert "seed: got -1" in message


def test_a_missing_field_says_how_to_set_it():
    with pytest.raises(ConfigError, match=r"data\.table: missing; set it in the file or as data\.table=\.\.\."):
        validate(Experiment, {**BASE, "data": {}}, source="exp.yaml")


def test_overrides_reach_into_lists_and_make_missing_maps():
    content = apply_overrides(BASE, ["augment.1.max_px=7", "train.optimizer.lr=1e-3", "data.where.z={min: 0.1}"])
    experiment = validate(Experiment, content, source="exp.yaml")
    assert experiment.augment[1].max_px == 7  # type: ignore[union-attr]
    assert experiment.train.optimizer.lr == 1e-3
    assert experiment.data.where["z"].min == 0.1  # type: ignore[union-attr]
    assert "train" not in BASE
    assert "augment" not in apply_overrides(BASE, ["augment=", "nothing.there="])


FULL: dict[str, Any] = {
    **BASE,
    "normalize": {"softening": 3.0},
    "split": {"kind": "random", "train": 0.8, "val": 0.1, "test": 0.1},
    "train": {"optimizer": {"kind": "adamw", "betas": [0.8, 0.9]}, "schedule": {"min_factor": 0.1}},
}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["model.kind=cnn"], {"model": {"kind": "cnn"}}),
        (["model.kind=resnet"], {"model": FULL["model"]}),
        (["model.widths=[8]", "model.kind=cnn", "model.norm=none"],
         {"model": {"kind": "cnn", "widths": [8], "norm": "none"}}),
        (["normalize.kind=robust"], {"normalize": {"kind": "robust"}}),
        (["normalize.kind=asinh"], {"normalize": {"kind": "asinh", "softening": 3.0}}),
        (["train.optimizer.kind=sgd"], {"train": {**FULL["train"], "optimizer": {"kind": "sgd"}}}),
        (["train.schedule.kind=plateau"], {"train": {**FULL["train"], "schedule": {"kind": "plateau"}}}),
        (["augment.1.kind=flux_scale", "augment.1.sigma=0.3"],
         {"augment": [{"kind": "dihedral"}, {"kind": "flux_scale", "sigma": 0.3}]}),
        (["model.kind="], {"model": {}}),
        (["split.kind=fold"], {"split": {**FULL["split"], "kind": "fold"}}),
    ],
)  # fmt: skip
def test_another_kind_starts_from_its_own_defaults(overrides, expected):
    content = apply_overrides(FULL, overrides)
    assert content == {**FULL, **expected}
    validate(Experiment, content, source="x")


def test_numbers_are_class_names_by_their_text():
    content = {**BASE, "task": {"kind": "classify", "classes": [0, 1, True]}}
    assert validate(Experiment, content, source="x").task.classes == ("0", "1", "True")


@pytest.mark.parametrize("override", ["train.epochs", "=3", "augment.9.max_px=1", "augment.x=1", "data.table.x=1"])
def test_an_impossible_override_is_quoted(override):
    with pytest.raises(ConfigError) as caught:
        apply_overrides(BASE, [override])
    assert override in str(caught.value)


@given(st.dictionaries(st.text("abcdefg_", min_size=1), st.integers() | st.text("xyz"), max_size=4))
def test_overrides_leave_the_rest_alone(content):
    assert apply_overrides(content, []) == content
    changed = apply_overrides(content, ["new.key=1"])
    assert changed.pop("new") == {"key": 1}
    assert changed == content


def test_yaml_keeps_words_that_are_class_names():
    assert parse_yaml("[no, on, off, yes, true]", source="x") == ["no", "on", "off", "yes", True]


@pytest.mark.parametrize("text", ["a: [1, 2", "a:\n\t- b", "- 1\n- 2", "", "42"])
def test_a_file_that_is_no_mapping_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.yaml"):
        read_yaml(path)


def test_a_missing_or_binary_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"not UTF-8"):
        read_yaml(tmp_path / "binary.yaml")


def test_an_experiment_survives_its_own_dump():
    experiment = validate(Experiment, BASE, source="x")
    assert validate(Experiment, experiment.model_dump(mode="json"), source="x") == experiment
