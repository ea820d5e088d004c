"""Writing a bundle, and reading it back with everything checked."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from merkhet.config.base import build
from merkhet.config.bundle import SCHEMA_VERSION, BundleSpec
from merkhet.config.inputs import InputSpec
from merkhet.config.load import validate
from merkhet.config.models import Model
from merkhet.config.normalize import Normalization
from merkhet.config.tasks import TaskConfig
from merkhet.errors import ConfigError, InputError
from merkhet.io.atomic import os_errors
from merkhet.tasks.base import Task

SPEC, WEIGHTS = "bundle.json", "weights.safetensors"


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
    """Write a bundle and put it in place of an earlier one in a single rename; return the sealed specification."""
    folder = Path(folder)
    data = save_safetensors({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    sealed = _seal(spec.model_copy(update={"weights_sha256": hashlib.sha256(data).hexdigest()}))
    with os_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            temporary.chmod(0o755)
            (temporary / WEIGHTS).write_bytes(data)
            (temporary / SPEC).write_text(sealed.model_dump_json(indent=1), encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return sealed


def load_bundle(model: str | Path) -> Bundle:
    """Load a run folder or a bundle folder.

    Raises
    ------
    InputError
        There is none; it comes from a newer Merkhet; its specification or weights were changed or damaged.
    """
    folder = find_bundle(model)
    spec = read_spec(folder)
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


def find_bundle(model: str | Path) -> Path:
    """Return the bundle folder of a run folder or of a bundle folder itself."""
    folder = Path(model)
    for candidate in (folder, folder / "bundle"):
        if (candidate / SPEC).is_file():
            return candidate
    seen = "no such folder" if not folder.exists() else f"holds no {SPEC}"
    raise InputError(model, seen, expected="a run folder or a bundle folder", action="Train one with merkhet train")


def read_spec(folder: Path) -> BundleSpec:
    """Read and check ``bundle.json``."""
    path = folder / SPEC
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read: {error}", action="Copy the whole bundle folder") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            path,
            f"schema version {version}",
            expected=f"at most {SCHEMA_VERSION}",
            action="It was made by a newer Merkhet; upgrade with pip install -U merkhet",
        )
    spec = validate(BundleSpec, content, source=path)
    if _seal(spec).hash != spec.hash:
        raise InputError(path, "its content does not match its hash: it was edited or damaged")
    return spec


def _seal(spec: BundleSpec) -> BundleSpec:
    open_spec = spec.model_copy(update={"hash": ""})
    content = json.dumps(open_spec.model_dump(mode="json"), sort_keys=True)
    return spec.model_copy(update={"hash": hashlib.sha256(content.encode()).hexdigest()[:16]})
