"""A network over the telescopes of an array, of several types."""

from torch import nn

from merkhet.config import array_models as schemas
from merkhet.config.arrays import Channel, TelescopeInput
from merkhet.config.base import build
from merkhet.models.cameras.pixels import Images
from merkhet.models.telescopes.camera import CameraNetwork
from merkhet.models.telescopes.event import EventVector, leave_direction
from merkhet.models.telescopes.scatter import levels_of, require_cameras, to_slots


class TelescopeArray(nn.Module):
    """A vector for each image that triggered, then one for the event.

    Weights are shared by all telescopes of a type (Shilon et al. 2019, arXiv:1803.10698); see
    :class:`merkhet.config.array_models.TelescopeArray` for what combines them.

    Parameters
    ----------
    config
        Its schema.
    spec
        The telescopes.
    channels
        Names of the channels of an image.

    Attributes
    ----------
    levels
        Levels of the backbones of all types, for fine-tuning to freeze.
    out_features
        Length of the vector of an event.

    Raises
    ------
    ConfigError
        The pixels of a camera are not known, or a grid is too coarse for it.
    """

    def __init__(self, config: schemas.TelescopeArray, *, spec: TelescopeInput, channels: tuple[Channel, ...]) -> None:
        super().__init__()
        self.cameras = nn.ModuleDict(
            {camera.type: CameraNetwork(config, camera=camera, channels=channels) for camera in require_cameras(spec)}
        )
        self.combine = build(config.combination, features=config.features)
        self.out_features: int = self.combine.out_features

    @property
    def levels(self) -> list[nn.ModuleList]:
        """The first levels of all types, then the second ones, and so on."""
        return levels_of(self.cameras)

    def forward(self, images: dict[str, Images]) -> EventVector:
        """Map the images of each type to a vector for each event ``(B, out_features)``.

        Raises
        ------
        ConfigError
            A batch lacks a type or has another one.
        """
        vectors, present, size = to_slots(images, self.cameras)
        return leave_direction(self.combine(vectors, present=present, size=size))
