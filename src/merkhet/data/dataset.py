"""The dataset: samples as batches, from packed arrays or from files, in the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from merkhet.config.data import Data, Negatives, ReadSpec
from merkhet.config.inputs import InputSpec
from merkhet.data.arrays import FloatArray, Rows
from merkhet.data.measured import PREFIX, measured_noise, shape_from_text
from merkhet.data.negatives import NUMBER, draw_negative
from merkhet.data.pack import IMAGES
from merkhet.data.pixels import conform, read_pixels
from merkhet.data.sample import Batch, Kind, Target
from merkhet.data.samples import SampleTable, row_paths
from merkhet.errors import InputError


class PixelSource(Protocol):
    """Where the pixels of a sample table are."""

    def fetch(self, rows: Rows, spec: InputSpec) -> FloatArray:
        """Return ``(n, C, *S)`` at the shape that the network takes."""


class TargetSource(Protocol):
    """Where a target is: a column in memory, or whatever a later case reads from files."""

    def fetch(self, rows: Rows) -> Target:
        """Return the batched target of the given rows."""


@dataclass(frozen=True)
class TargetColumn:
    """A target held in memory, one value per row."""

    kind: Kind
    values: npt.NDArray[Any]

    def fetch(self, rows: Rows) -> Target:
        """Return the values of the given rows."""
        return Target(self.kind, torch.from_numpy(np.ascontiguousarray(self.values[rows])))


class FilePixels:
    """Pixels read from the sample's own files each time they are asked for."""

    def __init__(self, paths: Sequence[tuple[Path, ...]], read: ReadSpec) -> None:
        self._paths, self._read = paths, read

    def fetch(self, rows: Rows, spec: InputSpec) -> FloatArray:
        """Read the files of each row."""
        return np.stack([self._one(self._paths[row], spec) for row in rows])

    def _one(self, paths: tuple[Path, ...], spec: InputSpec) -> FloatArray:
        pixels = read_pixels(paths, read=self._read, channels=spec.channels, dims=spec.dims)
        return conform(pixels.image, spec, where=paths[0])


class PackedPixels:
    """Pixels from the memory-mapped array of a pack; the map is opened anew in every process."""

    def __init__(self, folder: Path, rows: Rows) -> None:
        self.path, self._rows = folder / IMAGES, rows
        self._images: FloatArray | None = None

    def fetch(self, rows: Rows, spec: InputSpec) -> FloatArray:
        """Gather the rows in one step."""
        if self._images is None:
            self._images = self._open()
        return conform(self._images[self._rows[rows]], spec, where=self.path)

    def _open(self) -> FloatArray:
        try:
            images: FloatArray = np.load(self.path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise InputError(self.path, f"cannot be read: {error}", action="Pack the table again") from error
        return images

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_images": None}


class WithNegatives:
    """Pixels of observed samples from where they are, and of the others as they are drawn.

    Parameters
    ----------
    observed
        Where those of observed samples are.
    numbers
        For each sample the number of the image that is drawn, -1 for an observed one.
    config
        How to draw.
    """

    def __init__(self, observed: PixelSource, numbers: Rows, config: Negatives) -> None:
        self._observed, self._numbers, self._config = observed, numbers, config

    def fetch(self, rows: Rows, spec: InputSpec) -> FloatArray:
        """Read the observed rows and draw the others."""
        numbers = self._numbers[rows]
        shape = (spec.channels, *(spec.network_shape or ()))
        images = np.empty((len(rows), *shape), dtype=np.float32)
        observed = numbers < 0
        if observed.any():
            images[observed] = self._observed.fetch(rows[observed], spec)
        for place in np.flatnonzero(~observed):
            images[place] = draw_negative(int(numbers[place]), self._config, shape=shape)
        return images


class SampleDataset:
    """Batches of samples by row number.

    Parameters
    ----------
    samples
        The rows; shapes agree with ``spec``.
    data, spec
        Where pixels are, and what the network takes.
    targets
        What is to be learned, by name.

    Attributes
    ----------
    shapes
        Of each sample's image before binning, int64 ``(n, dims)``.
    """

    def __init__(
        self,
        samples: SampleTable,
        *,
        data: Data,
        spec: InputSpec,
        targets: Mapping[str, TargetSource] | None = None,
    ) -> None:
        self.spec = spec
        self.targets = dict(targets or {})
        self.noise = measured_noise(samples.table, channels=spec.channels)
        self.scale = np.asarray(samples.table[PREFIX + "scale"], dtype=np.float32) * np.float32(spec.bin)
        padded = spec.fit == "center" or spec.pad_to > 1
        self._finite = np.asarray(samples.table[PREFIX + "finite"], dtype=bool) & (not padded)
        self.shapes = _shapes(samples, spec)
        self.pixels: PixelSource
        if samples.pack is not None:
            self.pixels = PackedPixels(samples.pack, np.asarray(samples.table[PREFIX + "row"], dtype=np.int64))
        else:
            root = data.root or data.table.parent
            self.pixels = FilePixels(row_paths(samples.table, data.columns, root=root), samples.read)
        if data.negatives is not None:
            numbers = np.asarray(samples.table[NUMBER], dtype=np.int64)
            self.pixels = WithNegatives(self.pixels, numbers, data.negatives)

    def __len__(self) -> int:
        return len(self.noise)

    def fetch(self, rows: Rows) -> Batch:
        """Return a batch (see :mod:`merkhet.data.sample`) of the given rows."""
        image = self.pixels.fetch(rows, self.spec)
        valid = np.ones(image.shape, dtype=bool) if self._finite[rows].all() else np.isfinite(image)
        return {
            "image": torch.from_numpy(image),
            "valid": torch.from_numpy(valid),
            "noise": torch.from_numpy(self.noise[rows]),
            "scale": torch.from_numpy(self.scale[rows]),
            "target": {name: source.fetch(rows) for name, source in self.targets.items()},
            "index": torch.from_numpy(np.ascontiguousarray(rows)),
        }


def _shapes(samples: SampleTable, spec: InputSpec) -> npt.NDArray[np.int64]:
    """Return the shapes of images that are brought to ``spec``, which ``fit: any`` does not make one."""
    if spec.fit != "any" and spec.shape is not None:
        return np.tile(np.array(spec.shape, dtype=np.int64), (len(samples), 1))
    texts, number = np.unique(np.asarray(samples.table[PREFIX + "shape"]).astype(str), return_inverse=True)
    shapes = np.array([shape_from_text(text) for text in texts], dtype=np.int64).reshape(len(texts), -1)
    shapes[:, -2:] = shapes[:, -2:].clip(spec.pad_to)
    return shapes[number]
