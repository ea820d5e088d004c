"""Cut-outs of camera images in the frame of their own axis."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config.arrays import CameraPixels
from merkhet.models.cameras.mapping import PixelMapping
from merkhet.models.telescopes.moments import Moments, sky_of_camera


class AxisCrop(nn.Module):
    """Shows each image with its center in the middle and its axis along the rows.

    Wherever an image lies in the camera, and however it is turned, it looks the same: a network need not learn that
    from examples. The last two channels say where along and across the axis each cell is.

    Parameters
    ----------
    mapping
        From the pixels of the camera to a grid, of any method: the way from its cells to the sky is linear.
    camera
        Of the telescope.
    shape
        Rows, across the axis, and columns, along it, of cut-outs.
    cell_deg
        Side of a cell.
    """

    def __init__(self, mapping: PixelMapping, *, camera: CameraPixels, shape: tuple[int, int], cell_deg: float) -> None:
        super().__init__()
        corners = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
        sky = sky_of_camera(corners @ mapping.to_plane.T, camera)  # of cells (0, 0), (1, 0), (0, 1)
        to_cells = np.linalg.inv(np.stack([sky[1] - sky[0], sky[2] - sky[0]], axis=1))
        # grid_sample counts from -1 to 1 over the grid's outer edges.
        scale = 2 / np.array(mapping.shape[::-1])
        matrix = scale[:, None] * to_cells
        origin = scale * (0.5 - to_cells @ sky[0]) - 1
        rows, columns = ((np.arange(n) - (n - 1) / 2) * cell_deg for n in shape)
        place = np.stack(np.broadcast_arrays(columns[None, :], rows[:, None]))  # along, across
        for name, values in (("matrix", matrix), ("origin", origin), ("place", place)):
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)
        self.matrix: Tensor
        self.origin: Tensor
        self.place: Tensor

    def forward(self, grid: Tensor, moments: Moments) -> Tensor:
        """Return cut-outs ``(N, C + 2, *shape)`` of images on a grid ``(N, C, H, W)``; zero outside the camera."""
        u, v = moments.axis[:, :, None, None].unbind(dim=1)
        along, across = self.place
        sky = torch.stack([along * u - across * v, along * v + across * u], dim=3) + moments.center[:, None, None]
        cells = sky @ self.matrix.T + self.origin
        crops = F.grid_sample(grid, cells.to(grid.dtype), padding_mode="zeros", align_corners=False)
        where = (self.place / self.place.amax()).to(crops.dtype)
        return torch.cat([crops, where.expand(len(crops), *where.shape)], dim=1)
