"""Weights out of a PyTorch checkpoint of another package, without running anything that it may hold."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.serialization import safe_globals

from merkhet.errors import InputError
from merkhet.io.reading import existing_file, first_line

STATE = "model_state_dict"
"""Where a checkpoint that holds more than weights (epoch, optimizer, scores) has them."""

WRAPPERS = ("module.", "_orig_mod.")
"""What torch puts before every name where the network was wrapped for several devices, or compiled."""

_NUMBERS = ("float64", "float32", "float16", "int64", "int32", "bool")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, in its order.

    The file holds a state dict, or a dict with one under ``model_state_dict``. Of everything that is no tensor,
    numpy's plain numbers are let through (losses and scores often are such) and nothing else.

    Raises
    ------
    InputError
        The file is missing, is no checkpoint, holds code or objects, or holds no weights.
    """
    path = existing_file(path)
    content = _load(path)
    if isinstance(content, dict) and STATE in content:
        content = content[STATE]
    if not isinstance(content, dict) or not content:
        seen = "an empty state dict" if isinstance(content, dict) else f"a {type(content).__name__}"
        raise InputError(path, f"holds {seen}", expected=f"a state dict, or a dict with {STATE}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(
                path,
                f"entry {name!r} is a {type(value).__name__}",
                expected=f"tensors by name, or a dict with {STATE}",
                action="Save model.state_dict()",
            )
    return _unwrap(content)


def _load(path: Path) -> Any:
    allowed: list[Any] = [type(np.dtype(name)) for name in _NUMBERS]
    allowed += [(np.dtype, "numpy.dtype")]
    # numpy 2 has moved the function that numpy 1 pickled its numbers with; ours makes numbers and nothing else.
    allowed += [(_number, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    try:
        with safe_globals(allowed):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch answers foreign bytes with nearly any exception
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked:
            raise InputError(
                path,
                f"asks for {asked[1]}, which is not loaded: it could run code",
                expected="tensors and numbers alone",
                action="Save model.state_dict() where the model was trained",
            ) from error
        raise InputError(
            path,
            f"is no PyTorch checkpoint that can be read, or is damaged ({_short(error)})",
            action="Save model.state_dict() with torch.save",
        ) from error


def _number(dtype: np.dtype[Any], data: bytes) -> np.generic:
    """Return the number that numpy pickled."""
    if dtype.name not in _NUMBERS or len(data) != dtype.itemsize:
        raise pickle.UnpicklingError(f"a numpy scalar of type {dtype}")
    number: np.generic = np.frombuffer(data, dtype=dtype)[0]
    return number


def _unwrap(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in state):
            return _unwrap({name.removeprefix(wrapper): value for name, value in state.items()})
    return state


def _short(error: Exception) -> str:
    text = first_line(error)
    return text if len(text) <= 80 else f"{text[:77]}..."
