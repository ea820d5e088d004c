"""The dataset: samples as batches, from packed arrays or from files, in the same way."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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


class FileSource:
    """Pixels read from the sample's own files each time they are asked for."""

    def __init__(self, paths: Sequence[tuple[Path, ...]], data: Data, spec: InputSpec) -> None:
        self.paths, self._read, self._spec = paths, data.read, spec

    def read(self, row: int) -> FloatArray:
        """Return one sample as it stands in its files, ``(C, *S)``."""
        return read_pixels(self.paths[row], read=self._read, channels=self._spec.channels, dims=self._spec.dims).image


class PackSource:
    """Pixels from the memory-mapped array of a pack; the map is opened anew in every process."""

    def __init__(self, folder: Path, rows: Rows) -> None:
        self.path, self._rows = folder / IMAGES, rows
        self._images: npt.NDArray[np.float32] | None = None

    @property
    def images(self) -> FloatArray:
        """The packed array ``(rows, C, *S)``."""
        if self._images is None:
            try:
                self._images = np.load(self.path, mmap_mode="r")
            except (OSError, ValueError) as error:
                raise InputError(self.path, f"cannot be read: {error}", action="Pack the table again") from error
        return self._images

    def gather(self, rows: Rows) -> FloatArray:
        """Return samples as they stand in the pack, ``(n, C, *S)``."""
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
        if isinstance(self._source, PackSource):
            images = self._source.gather(rows)
            self._settle_noise(rows, images)
            return conform(images, self.spec, where=self._source.path)
        read = [self._source.read(int(row)) for row in rows]
        self._settle_noise(rows, read)
        return np.stack(
            [conform(image, self.spec, where=self._labels[row]) for row, image in zip(rows, read, strict=True)]
        )

    def _settle_noise(self, rows: Rows, images: Iterable[FloatArray]) -> None:
        """Measure the noise of binned parent images the first time that they are read."""
        if self._noise_is_final[rows].all():
            return
        for row, image in zip(rows, images, strict=True):
            if not self._noise_is_final[row]:
                self.noise[row] = conformed_noise(image, self.noise[row], self.spec)
                self._noise_is_final[row] = True
