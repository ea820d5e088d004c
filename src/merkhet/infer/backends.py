"""How a trained network runs: by torch, arranged for speed, or by OpenVINO, checked against torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from merkhet.config.inference import BackendName, Precision
from merkhet.config.inputs import InputSpec
from merkhet.data.sample import Batch
from merkhet.errors import ConfigError
from merkhet.infer.fold import fold_batch_norm, norms_left
from merkhet.infer.holes import InTwoForms, WithoutHoles
from merkhet.infer.openvino import OpenVINONetwork, convert
from merkhet.infer.parts import InBfloat16, InParts
from merkhet.models.fcn import FCN
from merkhet.tasks.apply import apply_task, choose_device
from merkhet.tasks.base import Task

TOLERANCE = 1e-4
"""Largest difference of a probability in float32 that another backend may have from torch."""

_BATCHES = (1, 3, 8)  # synthetic images of each batch, fewer where they hold more pixels than _PIXELS
_PIXELS = 2**18
_SIDE = 64  # of a synthetic image where the model names no shape

Answers = list[dict[str, npt.NDArray[np.floating[Any]]]]


@dataclass(frozen=True)
class Backend:
    """How a network runs.

    Attributes
    ----------
    name, precision
        As they were asked for.
    device
        Where it runs.
    norms_left
        Batch norms that torch found no way to fold; they run as they were trained.
    difference
        Largest difference of a probability from plain torch float32 on synthetic images; None for torch in float32.
    images
        How many synthetic images.
    """

    name: BackendName
    precision: Precision
    device: torch.device
    norms_left: int = 0
    difference: float | None = None
    images: int = 0

    def __str__(self) -> str:
        """Say it in one line."""
        text = f"{self.name} {self.precision} on {self.device}"
        if self.norms_left:
            text += f", batch norms not folded: {self.norms_left}"
        if self.difference is not None:
            text += f", probabilities within {self.difference:.1g} of torch f32 on {self.images} synthetic images"
        return text


def choose_backend(
    task: Task, *, spec: InputSpec, name: BackendName = "torch", precision: Precision = "f32", device: str = "auto"
) -> Backend:
    """Bring a task to a device and give it the network that runs fastest there.

    On a processor torch runs it with batch norms folded, channels last in memory, and a few images at a time; on
    other devices with batch norms folded. OpenVINO takes the network alone: normalization and head stay in torch. In
    bf16 the network alone is computed in bfloat16, by either.

    Parameters
    ----------
    task
        In evaluation mode. Its network is replaced: such a task answers, and can no more be trained or saved.
    spec
        What the network takes.
    name
        ``torch``, or ``openvino`` for the processor.
    precision
        ``f32``, or ``bf16``: faster where the processor has it; how far it moves probabilities is measured.
    device
        See :func:`merkhet.tasks.apply.choose_device`.

    Raises
    ------
    ConfigError
        The choice cannot be honored, or OpenVINO's answers are not those of torch.
    DependencyError
        OpenVINO is not installed.
    """
    for what, choice, known in (("backend", name, BackendName), ("precision", precision, Precision)):
        if choice not in get_args(known):
            raise ConfigError(f"{what} {choice!r} is unknown; choose from {', '.join(get_args(known))}")
    if name == "openvino":
        return _use_openvino(task, spec=spec, precision=precision, device=device)
    return _use_torch(task, spec=spec, precision=precision, device=choose_device(device))


def _use_torch(task: Task, *, spec: InputSpec, precision: Precision, device: torch.device) -> Backend:
    batches = synthetic_batches(task, spec) if precision != "f32" else []
    expected = answers(task, batches)
    left = 0
    for leaf in task.leaves():
        network = fold_batch_norm(leaf.network)
        left += norms_left(network)
        if device.type == "cpu":
            network = InParts(network, dims=spec.dims)
        leaf.network = network if precision == "f32" else InBfloat16(network)
    task.to(device)
    if precision == "f32":
        return Backend("torch", "f32", device, norms_left=left)
    difference = largest_difference(answers(task, batches, device=device), expected)
    images = sum(len(batch["image"]) for batch in batches)
    return Backend("torch", precision, device, norms_left=left, difference=difference, images=images)


def _use_openvino(task: Task, *, spec: InputSpec, precision: Precision, device: str) -> Backend:
    if device not in ("auto", "cpu"):
        raise ConfigError(f"backend openvino runs on the processor; device is {device!r}. Use device cpu")
    batches = synthetic_batches(task, spec)
    expected = answers(task, batches)
    example = torch.zeros(2, *batches[0]["image"].shape[1:])
    shape = None if spec.fit == "any" else spec.network_shape
    networks = [(leaf, _converted(leaf.network, example, shape)) for leaf in task.leaves()]
    for leaf, forms in networks:
        leaf.network = _compiled(forms, precision="f32")
    difference = largest_difference(answers(task, batches), expected)
    if not difference <= TOLERANCE:  # NaN is no agreement
        raise ConfigError(
            f"backend openvino: its probabilities differ by {difference:.2g} from those of torch, more than "
            f"{TOLERANCE:g}. Use backend torch"
        )
    if precision != "f32":
        for leaf, forms in networks:
            leaf.network = _compiled(forms, precision=precision)
        difference = largest_difference(answers(task, batches), expected)
    images = sum(len(batch["image"]) for batch in batches)
    return Backend("openvino", precision, torch.device("cpu"), difference=difference, images=images)


def _converted(network: nn.Module, example: Tensor, shape: Sequence[int] | None) -> list[tuple[nn.Module, Any]]:
    """Return a network, and the form for images without holes if it has one, each with its OpenVINO model."""
    forms = [network, WithoutHoles(network)] if isinstance(network, FCN) else [network]
    return [(form, convert(form, example, shape=shape)) for form in forms]


def _compiled(forms: Sequence[tuple[nn.Module, Any]], *, precision: Precision) -> nn.Module:
    made = [OpenVINONetwork(model, form, precision=precision) for form, model in forms]
    return InTwoForms(*made) if len(made) > 1 else made[0]


def synthetic_batches(task: Task, spec: InputSpec) -> list[Batch]:
    """Return batches of noise with blobs on it, seeded, in physical units that normalization brings near one.

    Where images may have any shape, each batch has another. The last column of the last images is not valid.
    """
    rng = torch.Generator().manual_seed(0)
    base = spec.network_shape or (_SIDE,) * spec.dims
    normalize: Any = task.leaves()[0].normalize
    batches = []
    for number, most in enumerate(_BATCHES):
        shape = tuple(n + 5 * number for n in base) if spec.fit == "any" else base
        size = min(most, max(1, _PIXELS // math.prod(shape)))
        wanted = _blobs(size, spec.channels, shape, rng)
        batch: Batch = {
            "image": wanted,
            "valid": torch.ones_like(wanted, dtype=torch.bool),
            "noise": torch.ones(size, spec.channels),
            "scale": torch.full((size,), spec.pixel_scale_arcsec or 1.0),
            "index": torch.arange(size),
        }
        _, scale, offset = normalize(batch)
        batches.append({**batch, "image": normalize.denormalize(wanted, scale=scale, offset=offset)})
    batches[-1]["valid"][..., -1] = False
    return batches


def _blobs(size: int, channels: int, shape: Sequence[int], rng: torch.Generator) -> Tensor:
    """Return unit noise with a Gaussian blob of peak 0 to 10 somewhere in each image and band."""
    lead = (size, channels, *[1] * len(shape))
    square = torch.zeros(1)
    for axis, n in enumerate(shape):
        position = torch.arange(n).reshape(n, *[1] * (len(shape) - axis - 1))
        square = square + (position - n * torch.rand(lead, generator=rng)) ** 2
    width = min(shape) * (0.05 + 0.2 * torch.rand(lead, generator=rng))
    blob = 10 * torch.rand(lead, generator=rng) * torch.exp(-square / (2 * width**2))
    return torch.randn(size, channels, *shape, generator=rng) + blob


def answers(task: Task, batches: Sequence[Batch], *, device: torch.device | None = None) -> Answers:
    """Return the numbers that a task answers, by column, for each batch; of maps, the probability of an object."""
    predictions = [prediction for _, prediction in apply_task(task, batches, device=device or torch.device("cpu"))]
    return [
        {name: v for name, v in p.columns.items() if v.dtype.kind == "f"}
        | {name: 1 / (1 + np.exp(-v)) for name, v in p.maps.items() if name == "logit"}
        for p in predictions
    ]


def largest_difference(found: Answers, expected: Answers) -> float:
    """Return the largest absolute difference of a number; NaN where one of them is NaN."""
    pairs = [(ours[name], theirs[name]) for ours, theirs in zip(found, expected, strict=True) for name in theirs]
    return float(np.max([np.abs(ours - theirs).max() for ours, theirs in pairs]))
