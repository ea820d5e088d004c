"""Writing a bundle, and reading it back with everything checked."""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from merkhet.bundle.spec import SPEC, find_bundle, read_spec, seal
from merkhet.config.array_models import ArrayModel
from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.arrays import Pixels, TelescopeInput
from merkhet.config.base import build
from merkhet.config.bundle import BundleSpec
from merkhet.config.ensemble import Ensemble as EnsembleConfig
from merkhet.config.inputs import InputSpec
from merkhet.config.models import Model
from merkhet.config.normalize import Normalization
from merkhet.config.tasks import TaskConfig
from merkhet.errors import ConfigError, InputError
from merkhet.evaluate.novelty import Novelty
from merkhet.io.atomic import os_errors
from merkhet.tasks.base import Task
from merkhet.tasks.ensemble import Ensemble
from merkhet.tasks.novelty import take_novelty

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Bundle:
    """A trained model in memory: its specification, and the task ready to run (in evaluation mode).

    ``novelty`` says how far features are from the training data; None where the bundle cannot.
    """

    spec: BundleSpec
    task: Task
    novelty: Novelty | None = None


def build_task(
    *,
    task: TaskConfig | ArrayEvents,
    model: Model | ArrayModel,
    normalize: Normalization | Pixels,
    spec: InputSpec | TelescopeInput,
) -> Task:
    """Build normalization, network and task from their schemas.

    Raises
    ------
    ConfigError
        The network's output is not what the task needs, the image is too small for the network, or images are asked
        to be normalized that are those of telescopes.
    """
    if model.output != task.needs:
        raise ConfigError(f"model.kind={model.kind} returns a {model.output}, task {task.kind} needs a {task.needs}")
    network: nn.Module
    if isinstance(spec, TelescopeInput):
        if not isinstance(normalize, Pixels):
            raise ConfigError(f"normalize.kind={normalize.kind} takes images; input.kind=telescopes needs pixels")
        network = build(model, spec=spec, channels=normalize.channels)
    else:
        network = build(model, channels=spec.channels, dims=spec.dims, shape=spec.network_shape)
    built: Task = build(task, normalize=build(normalize), network=network)
    return built


def join(members: Sequence[Task], ensemble: EnsembleConfig, *, spec: InputSpec) -> Task:
    """Return what answers for the members: the only one of them, or an ensemble. Raises as :func:`check_ensemble`."""
    check_ensemble(members[0], ensemble, spec=spec)
    if len(members) == 1 and ensemble.orientations == "none":
        return members[0]
    return Ensemble(members, orientations=ensemble.orientations)


def check_ensemble(member: Task, ensemble: EnsembleConfig, *, spec: InputSpec) -> None:
    """Refuse an ensemble that cannot answer, before any of its members has learned.

    Raises
    ------
    ConfigError
        The images cannot be turned, or the task has no average of answers.
    """
    if ensemble.orientations != "none" and isinstance(spec, TelescopeInput):
        raise ConfigError(f"ensemble.orientations={ensemble.orientations} turns images; telescopes cannot be turned")
    if ensemble.orientations != "none" and spec.shape is not None and len(set(spec.shape[-2:])) > 1:
        raise ConfigError(
            f"ensemble.orientations={ensemble.orientations} turns images by 90 degrees, but they are "
            f"{' x '.join(str(n) for n in spec.shape[-2:])} px. Use orientations none, or input.fit=center with a "
            "square input.shape"
        )
    if ensemble != EnsembleConfig() and type(member).combine is Task.combine:
        raise ConfigError(f"ensemble: {type(member).__name__} cannot average the answers of several networks")


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
    members = [
        build_task(task=spec.task, model=spec.model, normalize=spec.normalize, spec=spec.input)
        for _ in range(spec.ensemble.members)
    ]
    task = join(members, spec.ensemble, spec=spec.input)
    try:
        tensors = load_safetensors(data)
        features = spec.reference.features if spec.reference else None
        novelty = take_novelty(features, tensors) if features else None
        task.load_state_dict(tensors)
    except (SafetensorError, RuntimeError, KeyError) as error:
        line = str(error).splitlines()[0]
        raise InputError(path, f"the weights do not fit the architecture: {line}") from error
    return Bundle(spec, task.eval(), novelty)
