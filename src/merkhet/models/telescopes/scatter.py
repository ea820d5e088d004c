"""From the images that triggered to the axis of telescopes, where the others are zero."""

from typing import Any

import torch
from torch import Tensor, nn

from merkhet.config.arrays import CameraPixels, TelescopeInput
from merkhet.errors import ConfigError
from merkhet.models.cameras.pixels import Images

OF_IMAGE = ("pixels", "event", "slot", "position", "pointing", "charge", "time", "size")
"""The fields of :class:`Images` with an entry for each image."""


def require_cameras(spec: TelescopeInput) -> tuple[CameraPixels, ...]:
    """Return the cameras of an input.

    Raises
    ------
    ConfigError
        They are not known yet.
    """
    if not spec.cameras:
        raise ConfigError("input.cameras: the pixels of no camera are known; they are taken from the data")
    return spec.cameras


def check_types(images: dict[str, Images], known: nn.ModuleDict) -> None:
    """Refuse a batch whose telescope types are not those of the network.

    Raises
    ------
    ConfigError
        Names what is missing and what is unknown.
    """
    if images.keys() != set(known.keys()):
        raise ConfigError(
            f"the batch holds telescope types {', '.join(sorted(images))}; the network takes {', '.join(sorted(known))}"
        )


def levels_of(cameras: nn.ModuleDict) -> list[nn.ModuleList]:
    """Return the first levels of the networks of all types, then the second ones, and so on."""
    backbones: list[Any] = [camera.levels for camera in cameras.values()]
    return [nn.ModuleList(level) for level in zip(*backbones, strict=True)]


def to_slots(images: dict[str, Images], networks: nn.ModuleDict) -> tuple[Tensor, Tensor, Tensor]:
    """Return the vectors of all telescopes of all types, one type after the other in the order of the networks.

    Returns
    -------
    vectors
        ``(B, S, F)``, zero for a telescope that did not trigger; S is the sum of the types' places.
    present
        bool ``(B, S)``.
    size
        ``(B, S)``: charge of each image.
    """
    check_types(images, networks)
    parts = [_one_type(images[name], network) for name, network in networks.items()]
    vectors, present, size = (torch.cat(column, dim=1) for column in zip(*parts, strict=True))
    return vectors, present, size


def _one_type(images: Images, network: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
    place = (images.event, images.slot)
    shape = (images.events, images.slots)
    present = torch.zeros(shape, dtype=torch.bool, device=images.size.device).index_put(
        place, torch.ones_like(images.event, dtype=torch.bool)
    )
    size = images.size.new_zeros(shape).index_put(place, images.size)
    return scatter(vectors_of(images, network), images), present, size


def vectors_of(images: Images, network: nn.Module) -> Tensor:
    """Return what a network makes of the images; of none, a single blank one says the shape and is taken out again.

    A batch norm has no statistics of nothing, so that a type without images runs as in evaluation.
    """
    if len(images.pixels):
        result: Tensor = network(images)
        return result
    one = {name: getattr(images, name).new_zeros(1, *getattr(images, name).shape[1:]) for name in OF_IMAGE}
    blank = images._replace(**one)
    training = network.training
    network.eval()
    try:
        nothing: Tensor = network(blank)[:0]
    finally:
        network.train(training)
    return nothing


def scatter(values: Tensor, images: Images) -> Tensor:
    """Put a value for each image ``(N, ...)`` at its event and place ``(B, T, ...)``; zero elsewhere."""
    shape = (images.events, images.slots, *values.shape[1:])
    return values.new_zeros(shape).index_put((images.event, images.slot), values)
