"""Foreign checkpoints: what is let through, and what is refused in one line."""

import os
from collections import OrderedDict

import numpy as np
import pytest
import torch

from merkhet.bundle.checkpoints import read_weights
from merkhet.errors import InputError

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Code:
    def __reduce__(self):
        return os.mkdir, (self.folder,)

    def __init__(self, folder):
        self.folder = folder


def save(path, content, **options):
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        STATE,
        OrderedDict(STATE),
        {"epoch": 7, "model_state_dict": STATE, "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 1e-3}]}},
        {
            "model_state_dict": STATE,
            "best": np.float64(0.96),
            "history": [{"loss": np.float32(0.1), "epoch": np.int64(1), "ok": np.bool_(True)}],
        },
        {f"module.{name}": value for name, value in STATE.items()},
        {f"_orig_mod.module.{name}": value for name, value in STATE.items()},
    ],
    ids=["bare", "ordered", "with state of the optimizer", "with numpy scalars", "parallel", "compiled"],
)
def test_weights_come_out_as_they_are(tmp_path, content, legacy):
    path = save(tmp_path / "w.pth", content, _use_new_zipfile_serialization=not legacy)
    weights = read_weights(path)
    assert list(weights) == list(STATE)
    assert all(torch.equal(weights[name], STATE[name]) for name in STATE)


def test_numpy_scalars_pickled_by_numpy_1_are_read(tmp_path):
    # numpy 1 named the module numpy.core; the zip's pickle is rewritten to say so.
    path = save(
        tmp_path / "w.pth", {"model_state_dict": STATE, "x": np.float64(1)}, _use_new_zipfile_serialization=False
    )
    data = path.read_bytes()
    assert b"numpy._core.multiarray" in data
    path.write_bytes(data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert list(read_weights(path)) == list(STATE)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_is_named_and_not_run(tmp_path, legacy):
    content = {"model_state_dict": STATE, "extra": Code(str(tmp_path / "ran"))}
    path = save(tmp_path / "w.pth", content, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match=r"w\.pth: asks for \w+\.mkdir, which is not loaded: it could run code"):
        read_weights(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "extra",
    [np.arange(3.0), np.datetime64("2026-01-01"), np.str_("x"), np.array("x", dtype=object)],
    ids=["array", "date", "text", "object"],
)
def test_no_other_numpy_type_is_let_through(tmp_path, extra):
    path = save(tmp_path / "w.pth", {"model_state_dict": STATE, "extra": extra})
    with pytest.raises(InputError, match=r"w\.pth: (asks for numpy|is no PyTorch checkpoint)"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list; expected a state dict, or a dict with model_state_dict"),
        ({}, "holds an empty state dict"),
        ({"model_state_dict": 3}, "holds a int"),
        ({"epoch": 3, **STATE}, r"entry 'epoch' is a int; expected tensors by name.* Save model\.state_dict\(\)"),
        (torch.nn.Linear(2, 2), r"asks for torch\.nn\.modules\.linear\.Linear"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_weights(save(tmp_path / "w.pth", content))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, I am no checkpoint", "is no PyTorch checkpoint that can be read, or is damaged"),
        (b"PK\x03\x04 half a zip", "is no PyTorch checkpoint that can be read, or is damaged"),
        (b"SIMPLE  =                    T", "is no PyTorch checkpoint that can be read, or is damaged"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, data, message):
    (tmp_path / "w.pth").write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_weights(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = save(tmp_path / "w.pth", STATE)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="or is damaged"):
        read_weights(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_weights(tmp_path / "none.pth")
    with pytest.raises(InputError, match="is a folder"):
        read_weights(tmp_path)
