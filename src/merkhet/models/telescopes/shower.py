"""A network over telescopes that starts from the geometry of the shower."""

import torch
from torch import Tensor, nn

from merkhet.config import array_models as schemas
from merkhet.config.arrays import CameraPixels, Channel, TelescopeInput
from merkhet.config.base import build
from merkhet.models.cameras.pixels import Images
from merkhet.models.telescopes.attention import Attention
from merkhet.models.telescopes.camera import map_pixels, pixel_grid
from merkhet.models.telescopes.crop import AxisCrop
from merkhet.models.telescopes.event import EventVector
from merkhet.models.telescopes.geometry import Axes, Crossing, cross, in_pointing_frame
from merkhet.models.telescopes.moments import SHAPES, HillasMoments
from merkhet.models.telescopes.scatter import levels_of, require_cameras, to_slots

_SEEN = (2, 2, 1, 1, 1, 1, 1, 3)  # center, axis, length, width, size, leakage, used, position
_OF_TELESCOPE, _OF_EVENT = 9, 9
_PRIOR = 1e-4  # of a direction in the middle of the field, 1 / deg2: where nothing else is known
_ALONG, _ACROSS, _CROSSING = -2.0, 3.0, 3.0  # logarithms of the first precisions, 1 / deg2
_PRECISION = (-8.0, 10.0)
_ROUNDEST = 1e-5  # least ratio of the two: a single image must leave a determinant in single precision


class ShowerArray(nn.Module):
    """Each image in the frame of its own axis; the geometry of all axes; a direction that fuses what every image says.

    A network of each type sees cut-outs along the axes of images (:class:`merkhet.models.telescopes.crop.AxisCrop`)
    beside their moments. The axes of an event are intersected (:mod:`merkhet.models.telescopes.geometry`), so that
    each telescope knows its impact distance. Attention over the telescopes follows. Then each says where along its
    axis, and beside it, the shower came from, and how sure it is of either; the direction is the mean of these, and of
    the crossing, weighted by their inverse covariances: with one image the distance along its axis as of old
    (Lessard et al. 2001, Astropart. Phys. 15, 1), with several their crossing (Hofmann et al. 1999, Astropart.
    Phys. 12, 135), and all that lies between.

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
        The pixels or the focal length of a camera are not known.
    """

    def __init__(self, config: schemas.ShowerArray, *, spec: TelescopeInput, channels: tuple[Channel, ...]) -> None:
        super().__init__()
        features = config.features
        self.cameras = nn.ModuleDict(
            {camera.type: _Camera(config, camera=camera, channels=channels) for camera in require_cameras(spec)}
        )
        self.out_features = self._features = features
        self._scale = config.position_scale_m
        self.of_telescope = _mlp(_OF_TELESCOPE, features)
        self.of_event = _mlp(_OF_EVENT, features)
        self.combine = Attention(config.combination, features=features)
        self.estimate = _estimate(features, [0.0, 0.0, _ALONG, _ACROSS])
        self.trust = _estimate(features, [_CROSSING])

    @property
    def levels(self) -> list[nn.ModuleList]:
        """The first levels of all types, then the second ones, and so on."""
        return levels_of(self.cameras)

    def forward(self, images: dict[str, Images]) -> EventVector:
        """Map the images of each type to a vector for each event, and a direction.

        Raises
        ------
        ConfigError
            A batch lacks a type or has another one.
        """
        vectors, present, _ = to_slots(images, self.cameras)
        vectors, seen = torch.split(vectors, [self._features, sum(_SEEN)], dim=2)
        axes = Axes(
            *(part.squeeze(2) if part.shape[2] == 1 else part for part in torch.split(seen, list(_SEEN), dim=2))
        )
        with torch.autocast(seen.device.type, enabled=False):
            crossing = cross(axes)
            telescopes, event = self._describe(axes, crossing, present=present)
        tokens = (vectors + self.of_telescope(telescopes)) * present[..., None]
        event, tokens = self.combine.look(tokens, present=present, event=self.of_event(event))
        with torch.autocast(seen.device.type, enabled=False):
            direction = self._fuse(axes, crossing, event=event.float(), tokens=tokens.float(), present=present)
        return EventVector(event, direction)

    def _describe(self, axes: Axes, crossing: Crossing, *, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return the geometry as numbers near one: of each telescope ``(B, S, K)``, of each event ``(B, L)``."""
        valid = crossing.valid[:, None].expand_as(axes.size)
        apart = (crossing.direction[:, None] - axes.center) * valid[..., None]
        u, v = axes.axis.unbind(dim=2)
        log_size = axes.size.clamp(min=1).log10()
        brightest = log_size.amax(dim=1, keepdim=True) if axes.size.shape[1] else log_size.sum(dim=1, keepdim=True)
        telescopes = [
            valid, apart[..., 0] * u + apart[..., 1] * v, apart[..., 1] * u - apart[..., 0] * v, apart.norm(dim=2),
            crossing.impact / self._scale, (1 + crossing.impact / 20).log(), log_size - brightest,
            axes.used, (crossing.height / 1e4)[:, None].expand_as(valid),
        ]  # fmt: skip
        core = crossing.core / self._scale
        event = [
            crossing.valid, present.sum(dim=1).float().log1p(), axes.used.sum(dim=1).log1p(),
            axes.size.sum(dim=1).clamp(min=1).log10() - 2, crossing.height / 1e4, core.norm(dim=1).clamp(max=5),
            crossing.direction.norm(dim=1).clamp(max=10) / 2, brightest[:, 0] - 2,
            (crossing.impact * axes.used).sum(dim=1) / axes.used.sum(dim=1).clamp(min=1) / self._scale,
        ]  # fmt: skip
        limit = 10.0
        return torch.stack(telescopes, dim=2).clamp(-limit, limit), torch.stack(event, dim=1).clamp(-limit, limit)

    def _fuse(self, axes: Axes, crossing: Crossing, *, event: Tensor, tokens: Tensor, present: Tensor) -> Tensor:
        """Return the directions ``(B, 2)``, deg: means of what telescopes say, weighted by inverse covariances."""
        said = self.estimate(tokens)
        along, across = said[..., 0], 0.2 * said[..., 1]
        first, second = (said[..., 2:].clamp(*_PRECISION).exp() * present[..., None]).unbind(dim=2)
        first, second = first + _ROUNDEST * second, second + _ROUNDEST * first
        u, v = axes.axis.unbind(dim=2)
        point = axes.center + torch.stack([along * u - across * v, along * v + across * u], dim=2)
        xx, yy, xy = first * u * u + second * v * v, first * v * v + second * u * u, (first - second) * u * v
        trust = self.trust(event)[:, 0].clamp(*_PRECISION).exp() * crossing.valid
        a, b, c = xx.sum(dim=1) + trust + _PRIOR, xy.sum(dim=1), yy.sum(dim=1) + trust + _PRIOR
        x, y = point.unbind(dim=2)
        right = torch.stack([(xx * x + xy * y).sum(dim=1), (xy * x + yy * y).sum(dim=1)], dim=1)
        right = right + trust[:, None] * crossing.direction
        solved = torch.stack([c * right[:, 0] - b * right[:, 1], a * right[:, 1] - b * right[:, 0]], dim=1)
        direction: Tensor = solved / (a * c - b * b)[:, None]
        return direction


class _Camera(nn.Module):
    """The images of one telescope type: a vector for each, and what of their axes the geometry takes."""

    def __init__(self, config: schemas.ShowerArray, *, camera: CameraPixels, channels: tuple[Channel, ...]) -> None:
        super().__init__()
        mapping = map_pixels(camera, config.mapping)
        self.moments = HillasMoments(camera)
        self.grid = pixel_grid(mapping, channels)
        self.crop = AxisCrop(mapping, camera=camera, shape=config.crop, cell_deg=self.moments.pitch_deg)
        self.backbone = build(config.backbone, channels=len(channels) + 2, dims=2, shape=config.crop)
        self.vector = nn.Sequential(
            nn.Linear(self.backbone.out_features + SHAPES, config.features),
            nn.GELU(),
            nn.Linear(config.features, config.features),
        )

    @property
    def levels(self) -> nn.ModuleList:
        """The levels of the backbone."""
        levels: nn.ModuleList = self.backbone.levels
        return levels

    def forward(self, images: Images) -> Tensor:
        """Return ``(N, features + sum(_SEEN))``."""
        moments = self.moments(images.charge, images.time)
        x = self.backbone(self.crop(self.grid(images.pixels), moments))
        vector = self.vector(torch.cat([x, moments.shape], dim=1))
        position = in_pointing_frame(images.position, images.pointing)
        numbers = [moments.length, moments.width, moments.size, moments.leakage, moments.usable]
        seen = torch.cat([moments.center, moments.axis, torch.stack(numbers, dim=1), position], dim=1)
        return torch.cat([vector.float(), seen], dim=1)


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))


def _estimate(features: int, start: list[float]) -> nn.Linear:
    """Return a layer that first says ``start`` of everything."""
    layer = nn.Linear(features, len(start))
    nn.init.normal_(layer.weight, std=1e-2)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor(start))
    return layer
