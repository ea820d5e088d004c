"""The network of one telescope type: from the pixels of its images to a vector for each."""

import math

import torch
from torch import Tensor, nn

from merkhet.config.array_models import HexCNN as HexCNNConfig
from merkhet.config.array_models import Mapping, Mean, TelescopeArray
from merkhet.config.arrays import CameraPixels, Channel
from merkhet.config.base import build
from merkhet.models.cameras.grid import PixelGrid
from merkhet.models.cameras.lattice import FloatArray, find_lattice
from merkhet.models.cameras.mapping import PixelMapping, map_camera
from merkhet.models.cameras.pixels import ADDITIVE, Images

LOG_SIZE = 3.0
"""Size of an image, in dex of photo-electrons, that counts as one."""


class CameraNetwork(nn.Module):
    """Pixels, with where they are, through the backbone; then its vector with what is known of the telescope.

    Parameters
    ----------
    config
        Schema of the array's network.
    camera
        Pixels of the camera.
    channels
        Names of the channels of an image.
    """

    def __init__(self, config: TelescopeArray, *, camera: CameraPixels, channels: tuple[Channel, ...]) -> None:
        super().__init__()
        inputs = len(channels) + 2 * config.coordinates
        self.grid: nn.Module
        if isinstance(config.backbone, HexCNNConfig):
            lattice = find_lattice(camera.positions, camera.pixel_shape, name=camera.camera)
            self.grid, where = nn.Identity(), camera.positions.T
            self.backbone = build(config.backbone, channels=inputs, lattice=lattice)
        else:
            mapping = map_pixels(camera, config.mapping)
            self.grid, where = pixel_grid(mapping, channels), mapping.cells().T.reshape(2, *mapping.shape)
            self.backbone = build(config.backbone, channels=inputs, dims=2, shape=mapping.shape)
        self.register_buffer("where", _scaled(where) if config.coordinates else None, persistent=False)
        self.where: Tensor | None
        # Where a single telescope stands says nothing of a shower.
        self._scale = None if isinstance(config.combination, Mean) else config.position_scale_m
        known = 1 if self._scale is None else 4
        self.vector = nn.Linear(self.backbone.out_features + known, config.features)

    @property
    def levels(self) -> nn.ModuleList:
        """The levels of the backbone."""
        levels: nn.ModuleList = self.backbone.levels
        return levels

    def forward(self, images: Images) -> Tensor:
        """Return a vector for each image ``(N, features)``."""
        x = self.grid(images.pixels)
        if self.where is not None:
            x = torch.cat([x, self.where.to(x.dtype).expand(len(x), *self.where.shape)], dim=1)
        known = [images.size.clamp(min=0).log1p()[:, None] / (LOG_SIZE * math.log(10))]
        if self._scale is not None:
            known.append(images.position / self._scale)
        vector: Tensor = self.vector(torch.cat([self.backbone(x), *known], dim=1))
        return vector


def map_pixels(camera: CameraPixels, mapping: Mapping) -> PixelMapping:
    """Return the mapping of a camera as a bundle keeps it."""
    return map_camera(camera.positions, camera.pixel_shape, mapping, name=camera.camera)


def pixel_grid(mapping: PixelMapping, channels: tuple[Channel, ...]) -> PixelGrid:
    """Return the layer that maps the named channels."""
    return PixelGrid(mapping, additive=tuple(name in ADDITIVE for name in channels))


def _scaled(where: FloatArray) -> Tensor:
    """Return positions about the middle of the camera, the farthest along an axis at one."""
    middle = (where.max(axis=tuple(range(1, where.ndim))) + where.min(axis=tuple(range(1, where.ndim)))) / 2
    centered = where - middle.reshape(2, *[1] * (where.ndim - 1))
    return torch.from_numpy(centered / abs(centered).max()).float()
