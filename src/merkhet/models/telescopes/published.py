"""The array model of "Deep Learning for CTA Analysis" (2017)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config import array_models as schemas
from merkhet.config.arrays import CameraPixels, Channel, TelescopeInput
from merkhet.models.cameras.grid import PixelGrid
from merkhet.models.cameras.pixels import Images
from merkhet.models.telescopes.camera import map_pixels, pixel_grid
from merkhet.models.telescopes.event import EventVector, leave_direction
from merkhet.models.telescopes.published_blocks import BLOCKS, HEADS
from merkhet.models.telescopes.scatter import check_types, require_cameras, scatter, vectors_of


class PublishedArray(nn.Module):
    """A block with shared weights for each telescope type, the outputs of all telescopes together, a head.

    The blocks are AlexNet (Krizhevsky et al. 2012), MobileNet (Howard et al. 2017) and a pre-activation ResNet-18 (He
    et al. 2016); the model is that of the project "Deep Learning for CTA Analysis" (2017). The output of a telescope
    that did not trigger is zero, in training and afterwards. Its position, in units of `position_scale_m`, and its
    trigger join as three numbers (vectors) or three constant channels (feature maps). As published, the array is
    fixed: every telescope has its place.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.array_models.PublishedArray`.
    spec
        The telescopes, each of which has its place: ``slots: array``, or ``mono``.
    channels
        Names of the channels of an image.

    Attributes
    ----------
    levels
        The blocks of all types, then the head.
    out_features
        Length of the vector of an event.
    scale_rate
        Whether the learning rate of a batch follows the share of its telescopes that triggered.
    """

    def __init__(self, config: schemas.PublishedArray, *, spec: TelescopeInput, channels: tuple[Channel, ...]) -> None:
        super().__init__()
        cameras = require_cameras(spec)
        self.scale_rate = config.scale_rate
        self._scale, self._vector = config.position_scale_m, config.combination == "vector"
        grids = [pixel_grid(map_pixels(camera, config.mapping), channels) for camera in cameras]
        side = tuple(max(grid.shape[axis] for grid in grids) for axis in (0, 1))
        self.blocks = nn.ModuleDict(
            {
                camera.type: _Block(grid, BLOCKS[config.block](len(channels)), side=side)
                for camera, grid in zip(cameras, grids, strict=True)
            }
        )
        telescopes = sum(_places(camera, spec) for camera in cameras)
        shape = _shape_of(self.blocks[cameras[0].type], (len(channels), *side))
        inputs = (shape.numel() + 3) * telescopes if self._vector else (shape[0] + 3) * telescopes
        self.head, self.out_features = HEADS[config.head](inputs, 1 if self._vector else shape[1:].numel())
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1 - config.batch_norm_decay

    @property
    def levels(self) -> list[nn.Module]:
        """What fine-tuning may freeze, from the pixels on."""
        return [self.blocks, self.head]

    def forward(self, images: dict[str, Images]) -> EventVector:
        """Map the images of each type to a vector for each event ``(B, out_features)``.

        Raises
        ------
        ConfigError
            A batch lacks a type or has another one.
        """
        check_types(images, self.blocks)
        parts = [self._telescopes(images[name], block) for name, block in self.blocks.items()]
        joined = torch.cat(parts, dim=1)  # (B, all telescopes, C + 3, *S)
        return leave_direction(self.head(joined.flatten(1) if self._vector else joined.flatten(1, 2)))

    def _telescopes(self, images: Images, block: nn.Module) -> Tensor:
        """Return ``(B, T, F + 3)`` or ``(B, T, C + 3, H, W)`` of one type."""
        maps = vectors_of(images, block)
        outputs = scatter(maps.flatten(1) if self._vector else maps, images)
        trigger = images.size.new_ones(len(images.size), 1)
        known = scatter(torch.cat([images.position[:, :2] / self._scale, trigger], dim=1), images).to(outputs.dtype)
        known = known.reshape(*known.shape, *[1] * (outputs.ndim - 3))
        return torch.cat([outputs, known.expand(*known.shape[:3], *outputs.shape[3:])], dim=2)


class _Block(nn.Module):
    """Pixels of one camera on a grid of the size that all cameras share, then the block."""

    def __init__(self, grid: PixelGrid, block: nn.Module, *, side: tuple[int, ...]) -> None:
        super().__init__()
        self.grid, self.block = grid, block
        height, width = (side[axis] - grid.shape[axis] for axis in (0, 1))
        self._padding = (width // 2, width - width // 2, height // 2, height - height // 2)

    def forward(self, images: Images) -> Tensor:
        """Return the feature map of each image ``(N, C, H, W)``."""
        maps: Tensor = self.block(F.pad(self.grid(images.pixels), self._padding))
        return maps


def _places(camera: CameraPixels, spec: TelescopeInput) -> int:
    return 1 if spec.slots == "mono" else len(camera.tel_ids)


def _shape_of(block: nn.Module, image: tuple[int, ...]) -> torch.Size:
    """Return the shape of the feature map of one image."""
    inner = block.block
    assert isinstance(inner, nn.Module)
    with torch.no_grad():
        shape: torch.Size = inner.eval()(torch.zeros(1, *image)).shape[1:]
    inner.train()
    return shape
