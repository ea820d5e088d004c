"""Convolutions on the pixels of a camera as they are, by the numbers of their neighbors."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config import array_models as schemas
from merkhet.models.blocks import ACTIVATION
from merkhet.models.cameras.lattice import HEXAGONAL_STEPS, SQUARE_STEPS, IntArray, Lattice


class IndexedConvolution(nn.Module):
    """A convolution over pixels and their neighbors, one weight for each place: ``(N, C, P) -> (N, D, P)``.

    Jacquemont et al. 2019 (VISAPP, arXiv:1912.06588, indexed convolution). Beyond the camera's edge all is zero.

    Parameters
    ----------
    inputs, outputs
        Channels.
    neighbors
        ``(P, K)``: the pixels that each one sees, itself among them; P where there is none.
    """

    def __init__(self, inputs: int, outputs: int, *, neighbors: Tensor) -> None:
        super().__init__()
        self.register_buffer("neighbors", neighbors, persistent=False)
        self.neighbors: Tensor
        self.weight = nn.Parameter(torch.empty(outputs, inputs * neighbors.shape[1]))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")  # fan-in: all channels of all places

    def forward(self, x: Tensor) -> Tensor:
        """Gather the neighbors of every pixel, then one product of matrices."""
        pixels, places = self.neighbors.shape
        seen = F.pad(x, (0, 1)).index_select(2, self.neighbors.T.reshape(-1))  # (N, C, K * P)
        return torch.matmul(self.weight, seen.reshape(len(x), x.shape[1] * places, pixels))


class IndexedMaxPool(nn.Module):
    """The maximum over a pixel and its neighbors, at the pixels that are kept: ``(N, C, P) -> (N, C, Q)``."""

    def __init__(self, neighbors: Tensor) -> None:
        super().__init__()
        self.register_buffer("neighbors", neighbors, persistent=False)
        self.neighbors: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Take the maximum; what is not there is lower than all."""
        return F.pad(x, (0, 1), value=-torch.inf)[:, :, self.neighbors].amax(dim=3)


class HexCNN(nn.Module):
    """Levels of indexed convolutions with pooling between them, then the mean over all pixels.

    Indexed convolution: Jacquemont et al. 2019 (arXiv:1912.06588); batch normalization: Ioffe & Szegedy 2015.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.array_models.HexCNN`.
    channels
        Channels of the image.
    lattice
        That the pixels lie on; square pixels have eight neighbors.

    Attributes
    ----------
    levels
        In the order the pixels pass them.
    out_features
        Length of the vector ``(N, out_features)``.
    """

    def __init__(self, config: schemas.HexCNN, *, channels: int, lattice: Lattice) -> None:
        super().__init__()
        place = lattice.place
        levels = []
        for number, width in enumerate(config.widths):
            layers: list[nn.Module] = []
            if number:
                place, pool = _halve(place, lattice)
                layers.append(IndexedMaxPool(pool))
            seen = _around(place, place, steps_within(lattice, rings=config.rings))
            for _ in range(config.convs_per_level):
                layers += [
                    IndexedConvolution(channels, width, neighbors=seen),
                    nn.BatchNorm1d(width),
                    ACTIVATION[config.activation](),
                ]
                channels = width
            levels.append(nn.Sequential(*layers))
        self.levels = nn.ModuleList(levels)
        self.out_features = channels

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels ``(N, C, P)`` to vectors."""
        for level in self.levels:
            pixels = level(pixels)
        return pixels.mean(dim=2)


def steps_within(lattice: Lattice, *, rings: int) -> IntArray:
    """Return the steps ``(K, 2)`` to all places so many rings around one, its own first."""
    steps = HEXAGONAL_STEPS if lattice.shape == "hexagonal" else SQUARE_STEPS
    found = np.zeros((1, 2), dtype=np.int64)
    for _ in range(rings):
        more = (found[:, None] + steps).reshape(-1, 2)
        every = np.concatenate([found, more])
        _, first = np.unique(every, axis=0, return_index=True)
        found = every[np.sort(first)]
    return found


def _around(centers: IntArray, places: IntArray, steps: IntArray) -> Tensor:
    """Return which of ``places`` stand at the steps from each center ``(Q, K)``; their number where none does."""
    low = min(centers.min(), places.min()) + steps.min()
    high = max(centers.max(), places.max()) + steps.max() + 1
    table = np.full((high - low, high - low), len(places), dtype=np.int64)
    table[tuple((places - low).T)] = np.arange(len(places))
    at = centers[:, None] + steps - low
    return torch.from_numpy(table[at[..., 0], at[..., 1]])


def _halve(place: IntArray, lattice: Lattice) -> tuple[IntArray, Tensor]:
    """Return the lattice of every other place, and what each of them takes of the finer one ``(Q, K)``.

    A place is kept where it or a neighbor is a pixel, so that no pixel falls between the coarse ones.
    """
    steps = steps_within(lattice, rings=1)
    covered = np.unique((place[:, None] + steps).reshape(-1, 2), axis=0)
    kept = covered[(covered % 2 == 0).all(axis=1)]
    return kept // 2, _around(kept, place, steps)
