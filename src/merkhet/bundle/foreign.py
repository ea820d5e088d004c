"""Models of other packages: their weights become a bundle, which every verb takes."""

import fnmatch
import hashlib
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from merkhet import __version__
from merkhet.bundle.checkpoints import read_weights
from merkhet.bundle.spec import SPEC
from merkhet.bundle.store import build_task, save_bundle
from merkhet.config.bundle import BundleSpec, Provenance
from merkhet.config.data import Columns, Data, Split
from merkhet.config.experiment import Experiment
from merkhet.config.foreign import ForeignName
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.models import CNN, VGG, Model, ResNet
from merkhet.config.normalize import ImageStandard, LogMinMax
from merkhet.config.tasks import Classify
from merkhet.errors import ConfigError, InputError
from merkhet.io.atomic import prepare_folder

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Foreign:
    """A model of another package, said in the words of this one.

    Attributes
    ----------
    experiment
        Network, normalization, input and task; the table that it was trained on is not known.
    parameters
        How many numbers it learned.
    layers
        Names of its layers in the order in which the image passes them; ``*`` stands for anything, in the order of
        the numbers in it. Empty where the names are not known: the order of the file counts then.
    """

    experiment: Experiment
    parameters: int
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A convolution or a fully connected layer, and the norm behind it if there is one: names before the last dot."""

    names: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    def __str__(self) -> str:
        """Say what the message needs."""
        name, shape = self.shapes[-1]  # the weight, where there is one
        return f"{self.names[0] or name.removeprefix('0.')} {dict(self.shapes).get('0.weight', shape)}"


def _halo(name: str, model: Model, parameters: int, *layers: str) -> Foreign:
    """Return one of the published halo detectors: they differ in the network alone."""
    experiment = Experiment(
        name=name,
        description=f"The published halo detector {name}",
        data=Data(table=Path("unknown"), columns=Columns(path="relative_path", split="split")),
        input=InputSpec(bands=(Band(name="counts"),), shape=(64, 64), fit="resize"),
        split=Split(kind="column"),
        normalize=LogMinMax(),
        model=model,
        task=Classify(
            mode="binary",
            classes=("none", "halo"),
            threshold=0.45,
            categories={"DEFINITE_HALO": 0.85, "PROBABLE_HALO": 0.65, "POSSIBLE_HALO": 0.45, "UNLIKELY_HALO": 0.25},
            below="NO_HALO",
            categories_of="positive",
        ),
    )
    return Foreign(experiment, parameters, layers)


_FULL = [f"{kind}{number}" for number in range(1, 9) for kind in ("conv", "bn")]
_HALOS = [
    _halo(
        "halo_full",
        VGG(
            depths=(2, 2, 2, 2),
            block_sizes=(32, 64, 128, 256),
            hidden=(128, 64),
            hidden_norm="batch",
            conv_bias=True,
            dropout=0.3,
        ),
        1_215_201,
        *(*_FULL, "fc1", "bn_fc1", "fc2", "bn_fc2", "fc3"),
    ),
    _halo(
        "halo_lite",
        CNN(widths=(16, 32, 64, 128), hidden=(64,), conv_bias=True, dropout=0.2),
        105_953,
        *("features.*", "classifier.*"),
    ),
    _halo(
        "halo_resnet",
        ResNet(depths=(2, 2, 2, 2), block_sizes=(32, 64, 128, 256), activation="leaky_relu", dropout=0.3),
        2_794_721,
    ),
    _halo(
        "halo_resnet_lite",
        ResNet(depths=(1, 1, 1, 1), block_sizes=(16, 32, 64, 128), activation="leaky_relu", dropout=0.2),
        307_377,
    ),
]


def _radio_quality(*, side_px: int, parameters: int) -> Foreign:
    """Return the published classifier of survey snapshots for square images: its first full layer sees all of them.

    Layers are told apart by their shapes, whatever they are called and wherever ``module`` stands in their names.
    """
    classes = ("good", "rfi", "sis", "rfisis")
    experiment = Experiment(
        name="cnngleam",
        description="The published classifier of radio survey snapshots",
        data=Data(table=Path("unknown"), columns=Columns(group="observation")),
        input=InputSpec(bands=(Band(name="stokes_i", unit="Jy/beam"),), shape=(side_px, side_px)),
        normalize=ImageStandard(),
        model=VGG(
            depths=(1, 1, 1),
            block_sizes=(16, 32, 32),
            kernel_size=(15, 9, 5),
            pool=3,
            pooled_size=None,
            norm="none",
            hidden=(100, 50),
            dropout=(0.1, 0.0),
        ),
        task=Classify(
            classes=classes,
            derived={"rfi": ("rfi", "rfisis"), "sis": ("sis", "rfisis")},
            header={"CNNVER": "version", "CNNMODEL": "model", "PRFI": "p_any_rfi", "PSIS": "p_any_sis"}
            | {name.upper(): f"p_{name}" for name in classes},
        ),
    )
    return Foreign(experiment, parameters)


FOREIGN: dict[str, Foreign] = {
    foreign.experiment.name: foreign for foreign in (*_HALOS, _radio_quality(side_px=4000, parameters=70_168_906))
}
"""What can be imported, by the name that ``--as`` takes."""


def import_weights(weights: str | Path, out: str | Path, *, model: ForeignName, overwrite: bool = False) -> BundleSpec:
    """Make a bundle of the weights that another package has trained.

    Parameters
    ----------
    weights
        A PyTorch checkpoint; see :func:`merkhet.bundle.checkpoints.read_weights`.
    out
        Bundle folder to make.
    model
        What the weights are of; see :data:`FOREIGN`.
    overwrite
        Replace an earlier bundle.

    Returns
    -------
    BundleSpec
        The bundle's specification. Its probabilities are those of the original, uncalibrated; it says of no image
        whether that is unlike the training data, which are not known.

    Raises
    ------
    ConfigError
        There is no model of that name.
    InputError
        The file is no checkpoint, holds code, or holds the weights of something else.
    OutputError
        ``out`` exists, or cannot be written.
    """
    if model not in FOREIGN:
        raise ConfigError(f"{model}: no model that can be imported; there are {', '.join(FOREIGN)}")
    weights, foreign = Path(weights), FOREIGN[model]
    state = _rename(read_weights(weights), foreign, where=weights)
    for name, value in state.items():
        if not value.isfinite().all():
            raise InputError(weights, f"its weights are not finite ({name})", action="Import an earlier checkpoint")
    experiment = foreign.experiment
    spec = BundleSpec(
        input=experiment.input,
        read=experiment.data.read,
        normalize=experiment.normalize,
        model=experiment.model,
        task=experiment.task,
        provenance=_provenance(weights, experiment),
        weights_sha256="",
    )
    out = prepare_folder(out, marker=SPEC, overwrite=overwrite, inputs=(weights,))
    return save_bundle(out, spec, state)


def _provenance(weights: Path, experiment: Experiment) -> Provenance:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        merkhet=__version__,
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        seed=experiment.seed,
        data_fingerprint="",
        rows={},
        epochs=(),
        imported_from=f"{weights.name} as {experiment.name}, SHA-256 {digest}",
        experiment=experiment.model_dump(mode="json"),
    )


def _rename(state: Mapping[str, Tensor], foreign: Foreign, *, where: Path) -> dict[str, Tensor]:
    """Return the weights under the names that the task has for them: unit by unit, by order and shape."""
    _check_count(state, foreign, where=where)
    experiment = foreign.experiment
    task = build_task(
        task=experiment.task, model=experiment.model, normalize=experiment.normalize, spec=experiment.input
    )
    own = task.state_dict()
    theirs = list(_units(_in_order(state, foreign, where=where), where=where))
    result: dict[str, Tensor] = {}
    for mine in _units(own, where=where):
        place = next((k for k, unit in enumerate(theirs) if unit.shapes == mine.shapes), None)
        if place is None:
            left = ", ".join(map(str, theirs[:3])) or "nothing"
            raise InputError(
                where, f"holds no layer like {mine} at its place", expected=f"{experiment.name}; left over: {left}"
            )
        for name, other in zip(mine.names, theirs.pop(place).names, strict=True):
            mapped = {key: other + key.removeprefix(name) for key in own if key.rpartition(".")[0] == name}
            # Copies, for a file may hold one tensor under two names.
            result |= {key: state.get(source, own[key]).clone() for key, source in mapped.items()}
    return result


def _check_count(state: Mapping[str, Tensor], foreign: Foreign, *, where: Path) -> None:
    learned = sum(value.numel() for name, value in state.items() if name.rpartition(".")[2] not in STATISTICS)
    if learned == foreign.parameters:
        return
    known = [name for name, other in FOREIGN.items() if other.parameters == learned]
    raise InputError(
        where,
        f"holds {learned:,} parameters",
        expected=f"{foreign.parameters:,} for {foreign.experiment.name}",
        action=f"Import it with --as {known[0]}" if known else "Check that it is the file of that model",
    )


def _in_order(state: Mapping[str, Tensor], foreign: Foreign, *, where: Path) -> dict[str, Tensor]:
    """Return the tensors in the order in which the image passes their layers."""
    if not foreign.layers:
        return dict(state)
    modules = dict.fromkeys(name.rpartition(".")[0] for name in state)
    ordered = [name for layer in foreign.layers for name in sorted(fnmatch.filter(modules, layer), key=_numbers)]
    missing = [layer for layer in foreign.layers if not fnmatch.filter(modules, layer)]
    unknown = [name for name in modules if name not in ordered]
    if missing or unknown:
        seen = f"layer {unknown[0]!r}" if unknown else f"no layer {missing[0]!r}"
        raise InputError(where, f"holds {seen}", expected=f"{', '.join(foreign.layers)} of {foreign.experiment.name}")
    return {key: state[key] for name in ordered for key in state if key.rpartition(".")[0] == name}


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _units(state: Mapping[str, Tensor], *, where: Path) -> Iterator[Unit]:
    """Yield layers with their norms, in order; a norm belongs to the first layer of its width that has none."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, value in state.items():
        name, _, leaf = key.rpartition(".")
        if leaf != "num_batches_tracked":  # absent in old files, and of no effect
            shapes.setdefault(name, {})[leaf] = tuple(value.shape)
    found: list[list[str]] = []
    for name, leaves in shapes.items():
        if "running_mean" not in leaves:
            found.append([name])
            continue
        width = leaves["running_mean"]
        free = [unit for unit in found if len(unit) == 1 and shapes[unit[0]].get("weight", ())[:1] == width]
        if not free:
            raise InputError(where, f"norm {name} of shape {width} follows no layer of that width")
        free[0].append(name)
    for names in found:
        of_unit = {f"{place}.{leaf}": s for place, name in enumerate(names) for leaf, s in shapes[name].items()}
        yield Unit(tuple(names), tuple(sorted(of_unit.items())))
