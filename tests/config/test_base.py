"""Components: default kinds, building by dotted path, refusal of what a schema does not know."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from merkhet.config.base import build, locate, members
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.models import CNN, Model
from merkhet.config.normalize import AsinhNoise, Normalization
from merkhet.config.training import Plateau, Train


def test_members_lists_every_kind_of_a_union():
    assert set(members(Normalization)) == {"asinh", "noise", "image", "robust", "dataset", "log_minmax", "counts"}
    assert members(Model)["cnn"] is CNN


def test_locate_and_build_import_what_the_kind_names():
    module = build(AsinhNoise())
    assert type(module) is locate(AsinhNoise())
    assert module.__class__.__module__ == "merkhet.models.normalize"


def test_a_mapping_without_kind_keeps_the_default_kind():
    train = Train.model_validate({"optimizer": {"lr": 0.5}, "schedule": {"kind": "plateau", "factor": 0.1}})
    assert (train.optimizer.kind, train.optimizer.lr) == ("adamw", 0.5)
    assert train.schedule == Plateau(factor=0.1)


@pytest.mark.parametrize(
    "content",
    [
        {"shape": [4]},
        {"shape": [4, 4], "dims": 3},
        {"bands": []},
        {"bands": [{"name": "a"}, {"name": "a"}]},
        {"shape": [4, 4], "bin": 8},
        {"pixel_scale_arcsec": float("nan")},
        {"pixel_scale_arcsec": -1},
    ],
)
def test_input_spec_refuses_contradictions(content):
    with pytest.raises(ValidationError):
        InputSpec.model_validate(content)


def test_network_shape_is_the_binned_shape():
    spec = InputSpec(bands=(Band(name="i"),), dims=3, shape=(8, 101, 100), bin=2)
    assert spec.network_shape == (8, 50, 50)
    assert InputSpec().network_shape is None


def test_schemas_import_neither_torch_nor_lightning():
    code = "import sys, merkhet, merkhet.config.experiment, merkhet.config.bundle; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
