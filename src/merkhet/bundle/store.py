"""Writing a bundle, and reading it back with everything checked."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from merkhet.bundle.spec import SPEC, find_bundle, read_spec, seal
from merkhet.config.base import build
from merkhet.config.bundle import BundleSpec
from merkhet.config.inputs import InputSpec
from merkhet.config.models import Model
from merkhet.config.normalize import Normalization
from merkhet.config.tasks import TaskConfig
from merkhet.errors import ConfigError, InputError
from merkhet.io.atomic import os_errors
from merkhet.tasks.base import Task

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Bundle:
    """A trained model in memory: its specification, and the task ready to run (in evaluation mode)."""

    spec: BundleSpec
    task: Task


def build_task(*, task: TaskConfig, model: Model, normalize: Normalization, spec: InputSpec) -> Task:
    """Build normalization, network and task from their schemas.

    Raises
    ------
    ConfigError
        The network's output is not what the task needs, or the image is too small for the network.
    """
    if model.output != task.needs:
        raise ConfigError(f"model.kind={model.kind} returns a {model.output}, task {task.kind} needs a {task.needs}")
    network: nn.Module = build(model, channels=spec.channels, dims=spec.dims, shape=spec.network_shape)
    built: Task = build(task, normalize=build(normalize), network=network)
    return built


def save_bundle(folder: str | Path, spec: BundleSpec, weights: dict[str, Tensor]) -> BundleSpec:
    """Write a bundle, put it in place of an earlier one, and return the sealed specification."""
    folder = Path(folder)
    data = save_safetensors({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    sealed = seal(spec.model_copy(update={"weights_sha256": hashlib.sha256(data).hexdigest()}))
    with os_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            temporary.chmod(0o755)
            (temporary / WEIGHTS).write_bytes(data)
            (temporary / SPEC).write_text(sealed.model_dump_json(indent=1), encoding="utf-8")
            earlier = temporary.with_name(f"{temporary.name}.old")
            if folder.exists():
                folder.rename(earlier)
            temporary.rename(folder)
            shutil.rmtree(earlier, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return sealed


def load_bundle(model: str | Path, *, schema: type[BundleSpec] = BundleSpec) -> Bundle:
    """Load a run folder or a bundle folder; ``schema`` is for bundles with architectures or tasks of another package.

    Raises
    ------
    InputError
        There is none; it comes from a newer Merkhet; its specification or weights were changed or damaged.
    """
    folder = find_bundle(model)
    spec = read_spec(folder, schema=schema)
    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}", action="Copy the whole bundle folder") from error
    if hashlib.sha256(data).hexdigest() != spec.weights_sha256:
        raise InputError(
            path,
            "its digest is not the one in bundle.json: the weights were changed or damaged",
            action="Copy the bundle again from where it was trained",
        )
    task = build_task(task=spec.task, model=spec.model, normalize=spec.normalize, spec=spec.input)
    try:
        task.load_state_dict(load_safetensors(data))
    except (SafetensorError, RuntimeError) as error:
        line = str(error).splitlines()[0]
        raise InputError(path, f"the weights do not fit the architecture: {line}") from error
    return Bundle(spec, task.eval())
