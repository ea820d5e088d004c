"""A detect task run over whole tiles: every pixel passes the network once per level of the pyramid."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from astropy.table import Table

from merkhet.bundle.store import Bundle, load_bundle
from merkhet.config.inference import BackendName, Precision
from merkhet.config.inputs import InputSpec
from merkhet.config.tasks import Detect
from merkhet.data.sample import Batch
from merkhet.errors import ConfigError
from merkhet.infer.backends import Backend, choose_backend
from merkhet.scan.candidates import merge, peaks
from merkhet.scan.detectors import Found
from merkhet.scan.field import Field, Level
from merkhet.scan.grid import Grid
from merkhet.scan.pyramid import block_sum
from merkhet.scan.tiles import Block, Plan, cut, plan_blocks
from merkhet.tasks.apply import apply_task
from merkhet.tasks.base import ScanSpec, Task

FloatImage = npt.NDArray[np.float32]

BLOCK_PX = 832
"""Side of a block's core where the user names none."""

BATCH_PX = {"cpu": 2**20, "gpu": 2**24}
"""Pixels, context included, that go through the network together where blocks are smaller than that."""

MOST_SIZE = 4.0
"""The largest radius that is believed, over that which a level is taught: what is larger belongs to a coarser level.

The network answers with a logarithm, so that one cell gone astray would else make a circle as large as the sky.
"""


class DenseDetector:
    """Runs a network trained to detect over all levels of a tile's pyramid, in blocks with context.

    The answers do not depend on the size of the blocks: with the context that the network asks for, a cell sees the
    same pixels however the tile is cut.

    Parameters
    ----------
    model
        A run, a bundle or the name of a model that comes with the package; its task is of kind detect.
    tile
        Side in pixels of the blocks in which a tile is evaluated; :data:`BLOCK_PX` where absent. It bounds the
        memory and changes no answer.
    backend, precision, device
        See :func:`merkhet.infer.backends.choose_backend`.

    Attributes
    ----------
    backend
        How and where the network runs.

    Raises
    ------
    InputError
        There is no such bundle, or it is damaged.
    ConfigError
        The model does not detect, ``tile`` is smaller than a cell, or the choice of backend cannot be honored.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        tile: int | None = None,
        backend: BackendName = "torch",
        precision: Precision = "f32",
        device: str = "auto",
    ) -> None:
        bundle = load_bundle(model)
        self.name, self.hash = str(model), bundle.spec.hash
        self._task, self._scan, self._config = bundle.task, *_detects(bundle, name=self.name)
        self._side = BLOCK_PX if tile is None else tile
        if self._side < self._scan.stride:
            raise ConfigError(f"--tile is {tile}; expected at least {self._scan.stride}, the cell of {self.name}")
        self.labels = self._config.classes
        self._most_px = MOST_SIZE * self._config.radius_px[1]
        self.backend: Backend = choose_backend(
            self._task, spec=_of_any_size(bundle.spec.input), name=backend, precision=precision, device=device
        )

    def detect(self, field: Field) -> Found:
        """Return the candidates of all levels, merged, and the grids; weak ones among them: the caller cuts."""
        grids = [self.grid(field, level) for level in range(self._config.levels)]
        candidates = peaks(grids, least_logit=self._config.combination.least)
        own, finer, coarser = (np.asarray(candidates[name]) for name in ("score", "score_finer", "score_coarser"))
        level = level_of(candidates, stride=self._scan.stride)
        candidates["probability"] = self._config.probability(own, finer, coarser, level=level)
        candidates["flags"] = np.zeros(len(candidates), dtype=np.int32)
        merged: Table = merge(candidates, pixel_arcsec=field.tile.pixel_arcsec)
        return Found(merged, grids)

    def grid(self, field: Field, level: int) -> Grid:
        """Return the network's answers on one level of a tile.

        Cells that hold no valid pixel are NaN and not covered; blocks without any are not evaluated.
        """
        stride = self._scan.stride
        shape = tuple(-(-n // 2**level) for n in field.tile.shape)
        plan = plan_blocks(shape, side=self._side, context=self._scan.context, align=stride)
        seen = field.level(level, margin=plan.context + stride)  # the last cells may reach beyond the tile
        own = seen.valid[seen.margin : -seen.margin, seen.margin : -seen.margin]
        covered = block_sum(own.astype(np.float32), stride) > 0
        maps: dict[str, FloatImage] = {}
        for blocks in self._batches(plan, covered):
            for name, answers in self._answer(seen, blocks).items():
                image = maps.setdefault(name, np.full(covered.shape, np.nan, dtype=np.float32))
                for block, answer in zip(blocks, answers, strict=True):
                    _put(image, answer, block=block, stride=stride, context=plan.context)
        for image in maps.values():
            image[~covered] = np.nan
        step = float(stride * 2**level)
        return Grid(
            level, step, ((step - 1) / 2, (step - 1) / 2), covered, _in_tile_units(maps, seen, most_px=self._most_px)
        )

    def _batches(self, plan: Plan, covered: npt.NDArray[np.bool_]) -> Iterator[list[Block]]:
        """Yield blocks that hold anything, as many at once as suit the device."""
        stride = self._scan.stride
        blocks = (block for block in plan.blocks() if covered[_cells(block, stride)].any())
        limit = BATCH_PX["cpu" if self.backend.device.type == "cpu" else "gpu"]
        size = max(1, limit // int(np.prod(plan.outer)))
        while batch := list(islice(blocks, size)):
            yield batch

    def _answer(self, seen: Level, blocks: list[Block]) -> dict[str, FloatImage]:
        """Return the maps ``(B, h, w)`` of blocks with their context."""
        batch = _make_batch(seen, blocks)
        ((_, prediction),) = apply_task(self._task, [batch], device=self.backend.device)
        return prediction.maps


def level_of(candidates: Table, *, stride: int) -> npt.NDArray[np.int64]:
    """Return the level of the pyramid on which each candidate was found: its cells are ``stride 2**level`` wide."""
    scale = np.asarray(candidates["scale_px"], dtype=np.float64)
    return np.asarray(np.rint(np.log2(scale / stride)), dtype=np.int64)


def _of_any_size(spec: InputSpec) -> InputSpec:
    """Return what the network takes here: blocks of other sizes than the patches that it learned from."""
    return spec.model_copy(update={"fit": "any"})


def _detects(bundle: Bundle, *, name: str) -> tuple[ScanSpec, Detect]:
    task: Task = bundle.task
    config = bundle.spec.task
    if not isinstance(config, Detect) or task.scan is None:
        raise ConfigError(f"{name}: its task is {config.kind}; a dense scan needs one that detects")
    return task.scan, config


def _make_batch(seen: Level, blocks: list[Block]) -> Batch:
    bands = (seen.counts, seen.exposure, seen.background)
    outer = [tuple(slice(p.start + seen.margin, p.stop + seen.margin) for p in block.outer) for block in blocks]
    image = np.stack([cut(band, where) for where in outer for band in bands])
    valid = np.stack([cut(seen.valid, where) for where in outer])
    size, pixels = len(blocks), image.shape[1:]
    return {
        "image": torch.from_numpy(image).view(size, len(bands), *pixels),
        "valid": torch.from_numpy(valid)[:, None].expand(-1, len(bands), -1, -1),
        "noise": torch.ones(size, len(bands)),
        "scale": torch.full((size,), seen.pixel_arcsec),
        "index": torch.arange(size),
    }


def _cells(block: Block, stride: int) -> tuple[slice, ...]:
    return tuple(slice(part.start // stride, part.stop // stride) for part in block.core)


def _put(image: FloatImage, answer: FloatImage, *, block: Block, stride: int, context: int) -> None:
    """Write the core of a block's answer in its place; what lies beyond the image goes."""
    rows, columns = _cells(block, stride)
    there = image[rows, columns]
    first = context // stride
    there[:] = answer[first : first + there.shape[0], first : first + there.shape[1]]


def _in_tile_units(maps: dict[str, FloatImage], seen: Level, *, most_px: float) -> dict[str, FloatImage]:
    """Return maps with offsets in pixels of the tile and sizes in arcsec, from those in pixels of the level."""
    width = 2**seen.level
    scaled = {name: image * width if name in ("dx", "dy") else image for name, image in maps.items() if name != "size"}
    scaled["size_arcsec"] = np.minimum(maps["size"], np.float32(most_px)) * np.float32(seen.pixel_arcsec)
    return scaled
