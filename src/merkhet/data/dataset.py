"""The dataset: samples as batches, from packed arrays or from files, in the same way."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from merkhet.config.data import Data
from merkhet.config.inputs import InputSpec
from merkhet.data.arrays import FloatArray, Rows
from merkhet.data.measured import PREFIX, measured_noise
from merkhet.data.pack import IMAGES
from merkhet.data.pixels import conform, conformed_noise, read_pixels
from merkhet.data.sample import Batch, Kind, Target
from merkhet.data.samples import SampleTable, row_paths
from merkhet.errors import InputError


class PixelSource(Protocol):
    """Where pixels come from."""

    def read(self, row: int) -> FloatArray:
        """Return ``(C, *S)`` of one sample as it stands in its file or pack."""


class FileSource:
    """Pixels read from the sample's own files each time they are asked for."""

    def __init__(self, paths: Sequence[tuple[Path, ...]], data: Data, spec: InputSpec) -> None:
        self._paths, self._read, self._spec = paths, data.read, spec

    def read(self, row: int) -> FloatArray:
        """Read the files of one sample."""
        return read_pixels(self._paths[row], read=self._read, channels=self._spec.channels, dims=self._spec.dims).image


class PackSource:
    """Pixels from the memory-mapped array of a pack; the map is opened anew in every process."""

    def __init__(self, folder: Path, rows: Rows) -> None:
        self._path, self._rows = folder / IMAGES, rows
        self._images: npt.NDArray[np.float32] | None = None

    @property
    def images(self) -> FloatArray:
        """The packed array ``(rows, C, *S)``."""
        if self._images is None:
            try:
                self._images = np.load(self._path, mmap_mode="r")
            except (OSError, ValueError) as error:
                raise InputError(self._path, f"cannot be read: {error}", action="Pack the table again") from error
        return self._images

    def read(self, row: int) -> FloatArray:
        """Return one sample."""
        image: FloatArray = self.images[self._rows[row]]
        return image

    def gather(self, rows: Rows) -> FloatArray:
        """Return many samples at once, ``(n, C, *S)``."""
        gathered: FloatArray = self.images[self._rows[rows]]
        return gathered

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_images": None}


class SampleDataset:
    """Batches of samples by row number.

    Parameters
    ----------
    samples
        The rows; shapes agree with ``spec``.
    data, spec
        Where pixels are, and what the network takes.
    targets
        ``{name: (kind, values)}`` with one value per row.
    """

    def __init__(
        self,
        samples: SampleTable,
        *,
        data: Data,
        spec: InputSpec,
        targets: Mapping[str, tuple[Kind, npt.NDArray[Any]]] | None = None,
    ) -> None:
        self.spec = spec
        self.targets = dict(targets or {})
        self.finite = np.asarray(samples.table[PREFIX + "finite"], dtype=bool)
        self.noise = measured_noise(samples.table, channels=spec.channels)
        self._noise_is_final = np.full(len(samples), spec.bin == 1)
        self._source: PackSource | FileSource
        if samples.pack is not None:
            rows = np.asarray(samples.table[PREFIX + "row"], dtype=np.int64)
            self._source = PackSource(samples.pack, rows)
        else:
            root = data.root or data.table.parent
            self._source = FileSource(row_paths(samples.table, data.columns, root=root), data, spec)
        self._labels = [str(path) for path in samples.table[PREFIX + "path"]]

    def __len__(self) -> int:
        return len(self.noise)

    def fetch(self, rows: Rows) -> Batch:
        """Return a batch (see :mod:`merkhet.data.sample`) of the given rows."""
        image = self._pixels(rows)
        if self.finite[rows].all() and self.spec.fit != "center":
            valid = np.ones(image.shape, dtype=bool)
        else:
            valid = np.isfinite(image)
        targets = {
            name: Target(kind, torch.from_numpy(np.ascontiguousarray(values[rows])))
            for name, (kind, values) in self.targets.items()
        }
        return {
            "image": torch.from_numpy(image),
            "valid": torch.from_numpy(valid),
            "noise": torch.from_numpy(self.noise[rows]),
            "target": targets,
            "index": torch.from_numpy(np.ascontiguousarray(rows)),
        }

    def _pixels(self, rows: Rows) -> FloatArray:
        if isinstance(self._source, PackSource) and self.spec.bin == 1 and self._packed_shape_fits():
            return self._source.gather(rows)
        return np.stack([self._conformed(int(row)) for row in rows])

    def _packed_shape_fits(self) -> bool:
        return isinstance(self._source, PackSource) and self._source.images.shape[2:] == self.spec.shape

    def _conformed(self, row: int) -> FloatArray:
        image = self._source.read(row)
        if not self._noise_is_final[row]:
            self.noise[row] = conformed_noise(image, self.noise[row], self.spec)
            self._noise_is_final[row] = True
        return conform(image, self.spec, where=self._labels[row])
