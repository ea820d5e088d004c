"""The bundle: complete, checked, replaced in one step."""

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from merkhet.bundle.store import load_bundle, save_bundle
from merkhet.config.bundle import SCHEMA_VERSION
from merkhet.config.tasks import Classify
from merkhet.errors import ConfigError, InputError, OutputError
from tests.bundle.bundles import INPUT, make_bundle, make_task


def edit(folder, **changes):
    content = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(content | changes))


def test_a_bundle_gives_back_the_same_task(tmp_path):
    spec = make_bundle(tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.spec == spec
    assert not bundle.task.training
    batch = {
        "image": torch.randn(2, 1, 24, 24),
        "valid": torch.ones(2, 1, 24, 24, dtype=torch.bool),
        "noise": torch.ones(2, 1),
    }
    torch.testing.assert_close(bundle.task(batch), make_task().eval()(batch))


def test_a_run_folder_stands_for_its_bundle_and_a_copy_alone_suffices(tmp_path):
    make_bundle(tmp_path / "run" / "bundle")
    shutil.copytree(tmp_path / "run" / "bundle", tmp_path / "copy")
    assert load_bundle(tmp_path / "run").spec == load_bundle(tmp_path / "copy").spec


def test_the_hash_follows_specification_and_weights(tmp_path):
    first = make_bundle(tmp_path / "a")
    assert make_bundle(tmp_path / "b").hash == first.hash
    assert make_bundle(tmp_path / "c", seed=1).hash != first.hash
    assert make_bundle(tmp_path / "d", INPUT.model_copy(update={"pixel_scale_arcsec": 2.0})).hash != first.hash


def test_a_second_bundle_takes_the_place_of_the_first(tmp_path):
    make_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "stray").write_text("")
    second = make_bundle(tmp_path / "bundle", seed=1)
    assert load_bundle(tmp_path / "bundle").spec.hash == second.hash
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["bundle", "bundle.json", "weights.safetensors"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "no such folder; expected a run folder, a bundle folder, or one of the package"),
        (lambda f: (f / "bundle.json").unlink(), r"holds no bundle\.json"),
        (lambda f: (f / "bundle.json").write_text("{"), r"bundle\.json: cannot be read"),
        (lambda f: (f / "weights.safetensors").unlink(), r"weights\.safetensors: cannot be read: No such file"),
        (lambda f: (f / "weights.safetensors").write_bytes(b"short"), "the weights were changed or damaged"),
        (lambda f: edit(f, schema_version=SCHEMA_VERSION + 1), "made by a newer Merkhet; upgrade with pip"),
        (lambda f: edit(f, weights_sha256="0" * 64), "its content does not match its hash"),
    ],
)
def test_a_damaged_bundle_is_one_clear_line(tmp_path, damage, message):
    make_bundle(tmp_path / "bundle")
    damage(tmp_path / "bundle")
    with pytest.raises(InputError, match=message):
        load_bundle(tmp_path / "bundle")


def test_a_bundle_from_before_an_option_was_added_still_loads(tmp_path):
    make_bundle(tmp_path / "bundle")
    path = tmp_path / "bundle" / "bundle.json"
    content = json.loads(path.read_text())
    del content["task"]["temperature"]
    content["hash"] = ""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    path.write_text(json.dumps(content | {"hash": digest}))
    task = load_bundle(tmp_path / "bundle").spec.task
    assert isinstance(task, Classify)
    assert task.temperature == 1


def test_an_unknown_key_is_named(tmp_path):
    make_bundle(tmp_path / "bundle")
    edit(tmp_path / "bundle", colour="red")
    with pytest.raises(ConfigError, match="colour: unknown key"):
        load_bundle(tmp_path / "bundle")


def test_tampered_weights_are_noticed(tmp_path):
    make_bundle(tmp_path / "bundle")
    path = tmp_path / "bundle" / "weights.safetensors"
    weights = load_file(path)
    weights["head.bias"] += 1
    save_file(weights, path)
    with pytest.raises(InputError, match="the weights were changed or damaged"):
        load_bundle(tmp_path / "bundle")


def test_weights_of_another_architecture_are_refused(tmp_path):
    spec = make_bundle(tmp_path / "bundle")
    save_bundle(tmp_path / "bundle", spec, {"head.bias": torch.zeros(1)})
    with pytest.raises(InputError, match="the weights do not fit the architecture"):
        load_bundle(tmp_path / "bundle")


def test_a_failed_write_keeps_the_old_bundle(tmp_path, monkeypatch):
    old = make_bundle(tmp_path / "bundle")
    monkeypatch.setattr("pathlib.Path.write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OutputError, match="No space left"):
        make_bundle(tmp_path / "bundle", seed=1)
    monkeypatch.undo()
    assert load_bundle(tmp_path / "bundle").spec == old
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
