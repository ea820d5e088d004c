"""Cost of mapping a batch of 128 images of 1,855 hexagonal pixels to a square grid: our layer against sparse matrices.

``scipy`` is its sparse product, with the copy that brings the images to the layout that a convolution reads; ``torch``
the product of its compressed sparse rows, with the same copy; ``image by image`` scipy's product for one image at a
time. One thread, processor time; five rounds in turning order: numbers are medians, ratios medians of the ratios within
a round. All answers are compared first.

Run ``python benchmarks/camera_mapping.py`` for a table, with ``--json`` for one line of JSON.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from outcome import Outcome, show

from merkhet.config.array_models import GridMapping, LatticeMapping, Mapping
from merkhet.models.cameras.grid import PixelGrid
from merkhet.models.cameras.mapping import PixelMapping, map_camera

BATCH = 128
ROUNDS = 5
METHODS: tuple[LatticeMapping | GridMapping, ...] = (
    "oversampling", "shifting", "axial", "nearest", "bilinear", "bicubic", "rebinning",
)  # fmt: skip
CLAIM = (
    "where cells take from one pixel the layer is faster than any sparse product; where they take from several it is "
    "faster than scipy with its copy, and within 1.5 of the sparse rows of torch either way"
)
Map = Callable[[torch.Tensor], torch.Tensor]


def camera() -> npt.NDArray[np.float64]:
    """Return 1,855 pixels: a hexagon of hexagons without its corners, as of a large telescope."""
    q, r = np.mgrid[-25:26, -25:26].reshape(2, -1)
    kept = abs(q + r) <= 25
    positions = 0.05 * np.stack([q + r / 2, np.sqrt(0.75) * r], axis=1)[kept]
    order = np.argsort(np.hypot(*positions.T), kind="stable")
    return np.asarray(positions[order[:1855]])


def ways(mapping: PixelMapping) -> dict[str, Map]:
    matrix = mapping.matrix.astype(np.float32)
    layer = PixelGrid(mapping, additive=(True,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sparse tensors are in beta
        starts, columns = (torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
        sparse = torch.sparse_csr_tensor(starts, columns, torch.from_numpy(matrix.data), size=matrix.shape)

    def scipy(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray((matrix @ np.ascontiguousarray(x.numpy().T)).T))

    def one_by_one(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.from_numpy(matrix @ image) for image in x.numpy()])

    return {
        "merkhet": lambda x: layer(x[:, None]).flatten(1),
        "scipy": scipy,
        "torch": lambda x: (sparse @ x.T).T.contiguous(),
        "image by image": one_by_one,
    }


def seconds(run: Map, x: torch.Tensor) -> float:
    start = time.process_time()
    for _ in range(5):
        run(x)
    return (time.process_time() - start) / 5


def main() -> Outcome:
    torch.set_num_threads(1)
    x = torch.randn(BATCH, 1855, generator=torch.Generator().manual_seed(1))
    rows = []
    for method in METHODS:
        found = ways(map_camera(camera(), "hexagonal", Mapping(method=method)))
        reference = found["scipy"](x)
        for run in found.values():
            torch.testing.assert_close(run(x), reference, atol=1e-4, rtol=1e-4)
        rounds = [
            {name: seconds(found[name], x) for name in (*list(found)[k:], *list(found)[:k])}
            for k in (n % len(found) for n in range(ROUNDS))
        ]
        row: dict[str, Any] = {
            "mapping": method,
            "merkhet_us_per_image": round(1e6 * statistics.median(times["merkhet"] for times in rounds) / BATCH, 1),
        }
        for name in ("scipy", "torch", "image by image"):
            row[f"{name} / merkhet"] = round(statistics.median(times[name] / times["merkhet"] for times in rounds), 2)
        rows.append(row)
    return {"claim": CLAIM, "rows": rows}


if __name__ == "__main__":
    show(main, description=__doc__)
