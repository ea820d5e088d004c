"""The mapping of a camera as a layer: whole batches of images at once, on the device where they are."""

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.models.cameras.lattice import IntArray
from merkhet.models.cameras.mapping import PixelMapping

_TOGETHER = 64
"""Channels of images that are mapped at a time: few enough that their cells stay in the caches of a processor."""


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
        adds = np.array(additive)
        sums = mapping.matrix.sum(axis=1)
        share = np.where(adds[:, None], 1.0, np.divide(1.0, sums, out=np.ones_like(sums), where=sums > 0))
        if mapping.matrix.min() >= 0:  # a mean is the sum over the cell's total: one product maps all channels
            parts = [(np.arange(len(adds)), mapping.matrix, share)]
        else:
            matrices = (mapping.matrix, mapping.mean_weights())
            found = zip((np.flatnonzero(adds), np.flatnonzero(~adds)), matrices, strict=True)
            parts = [(channels, matrix, np.ones((1, 1))) for channels, matrix in found if len(channels)]
        self._parts = nn.ModuleList(_Product(matrix, scale) for _, matrix, scale in parts)
        self._channels = [channels.tolist() for channels, _, _ in parts]

    def forward(self, pixels: Tensor) -> Tensor:
        """Map every channel of every image."""
        if len(self._channels) == 1:
            cells: Tensor = self._parts[0](pixels)
        else:
            found = [part(pixels[:, k]) for part, k in zip(self._parts, self._channels, strict=True)]
            cells = torch.cat(found, dim=1)[:, np.argsort(np.concatenate(self._channels))]
        return cells.reshape(*pixels.shape[:2], *self.shape)


class _Product(nn.Module):
    """Maps channels by one matrix ``(N, C, P) -> (N, C, R)``, then multiplies by ``scale`` ``(C, R)``."""

    def __init__(self, matrix: csr_array, scale: npt.NDArray[np.float64]) -> None:
        super().__init__()
        index, weight = _table(matrix)
        if index.shape[1] == 1:  # a cell without a pixel takes a zero, whatever it is multiplied by
            scale = scale * np.where(weight[:, 0] > 0, weight[:, 0], 1)
        # Not persistent: the pixels live in the bundle's schema, and in one place only.
        self.register_buffer("index", torch.from_numpy(index), persistent=False)
        self.register_buffer("weight", torch.from_numpy(weight), persistent=False)
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)), persistent=False)
        self.index: Tensor
        self.weight: Tensor
        self.scale: Tensor
        self._scaled = not np.allclose(scale, 1, rtol=0, atol=1e-12)

    def forward(self, pixels: Tensor) -> Tensor:
        padded = F.pad(pixels, (0, 1)).flatten(0, 1)  # index P is a pixel that is not there
        if self.index.shape[1] == 1:
            cells = padded.index_select(1, self.index[:, 0])
        else:
            cells = padded.new_empty(len(padded), len(self.index))
            for start in range(0, len(padded), _TOGETHER):
                some = padded[start : start + _TOGETHER].T.contiguous()
                rows = F.embedding_bag(self.index, some, per_sample_weights=self.weight, mode="sum")
                cells[start : start + _TOGETHER].copy_(rows.T)
        cells = cells.reshape(*pixels.shape[:2], len(self.index))
        return cells.mul_(self.scale) if self._scaled else cells


def _table(matrix: csr_array) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Return the entries of each row, the longest row filled and the others padded: columns and weights ``(R, K)``."""
    rows, columns = matrix.shape
    count = np.diff(matrix.indptr)
    index = np.full((rows, max(int(count.max()), 1)), columns, dtype=np.int64)
    weight = np.zeros(index.shape, dtype=np.float32)
    filled = np.arange(index.shape[1]) < count[:, None]
    index[filled], weight[filled] = matrix.indices, matrix.data
    return index, weight
