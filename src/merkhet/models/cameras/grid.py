"""The mapping of a camera as a layer: whole batches of images at once, on the device where they are."""

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.models.cameras.lattice import IntArray
from merkhet.models.cameras.mapping import PixelMapping


class PixelGrid(nn.Module):
    """Maps pixels to the cells of a square grid: ``(N, C, P) -> (N, C, H, W)``, zero outside the camera.

    Channels that add up are summed, so that their sum over the grid is that over the pixels; the others are averaged.
    Where a cell takes from one pixel at most, pixels are copied; else each cell gathers up to K of them, which works
    on any device. ``benchmarks/camera_mapping.py`` compares both with the sparse matrices of scipy and torch.

    Parameters
    ----------
    mapping
        Of the camera.
    additive
        For each channel, whether it adds up.
    """

    def __init__(self, mapping: PixelMapping, *, additive: tuple[bool, ...]) -> None:
        super().__init__()
        self.shape = mapping.shape
        index, total = _table(mapping.matrix)
        mean_index, mean = _table(mapping.mean_weights(), width=index.shape[1])
        # The mean leaves negative lobes out, which takes entries away but never adds one.
        # Not persistent: the pixels live in the bundle's schema, and in one place only.
        self.register_buffer("index", torch.from_numpy(np.stack([index, mean_index])), persistent=False)
        self.register_buffer("weight", torch.from_numpy(np.stack([total, mean])), persistent=False)
        self.index: Tensor
        self.weight: Tensor
        self._additive = additive

    def forward(self, pixels: Tensor) -> Tensor:
        """Map every channel of every image."""
        channels = [
            self._map(pixels[:, k], index=self.index[kind], weight=self.weight[kind])
            for k, kind in enumerate(0 if additive else 1 for additive in self._additive)
        ]
        return torch.stack(channels, dim=1).reshape(len(pixels), len(channels), *self.shape)

    def _map(self, pixels: Tensor, *, index: Tensor, weight: Tensor) -> Tensor:
        """Map one channel ``(N, P) -> (N, H * W)``; index P is a pixel that is not there."""
        padded = F.pad(pixels, (0, 1))
        if index.shape[1] == 1:
            return padded.index_select(1, index[:, 0]) * weight[:, 0]
        cells = F.embedding_bag(index, padded.T.contiguous(), per_sample_weights=weight, mode="sum")
        return cells.T.contiguous()


def _table(matrix: csr_array, *, width: int = 1) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Return the entries of each row, the longest row filled and the others padded: columns and weights ``(R, K)``."""
    rows, columns = matrix.shape
    count = np.diff(matrix.indptr)
    index = np.full((rows, max(int(count.max()), width)), columns, dtype=np.int64)
    weight = np.zeros(index.shape, dtype=np.float32)
    filled = np.arange(index.shape[1]) < count[:, None]
    index[filled], weight[filled] = matrix.indices, matrix.data
    return index, weight
