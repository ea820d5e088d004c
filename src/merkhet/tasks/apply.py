"""Running a task over batches without learning: the one loop behind validation, evaluation and prediction."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from merkhet.data.sample import Batch, Target
from merkhet.errors import ConfigError
from merkhet.evaluate.novelty import Novelty
from merkhet.tasks.base import Prediction, Task
from merkhet.tasks.novelty import with_novelty


def apply_task(
    task: Task, batches: Iterable[Batch], *, device: torch.device, novelty: Novelty | None = None
) -> Iterator[tuple[Batch, Prediction]]:
    """Yield each batch with its prediction; the task must be on ``device`` and in evaluation mode.

    With ``novelty``, the answers say how far the features of each sample are from the training data.
    """
    for batch in batches:
        with torch.inference_mode():
            moved = to_device(batch, device)
            out = task(moved)
            prediction = task.decode(out, moved)
        yield batch, prediction if novelty is None else with_novelty(prediction, out, novelty=novelty)


def to_device(value: Any, device: torch.device) -> Any:
    """Move every tensor of a (nested) batch to a device."""
    if isinstance(value, Tensor | Target):
        return value.to(device)
    return {key: to_device(item, device) for key, item in value.items()} if isinstance(value, dict) else value


def choose_device(name: str) -> torch.device:
    """Return the device called ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises
    ------
    ConfigError
        The device is not there: Merkhet never falls back to another one in silence.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {name!r} cannot be used: {str(error).splitlines()[0]}") from error
    return device
