"""Heat maps: where in an image the evidence for a label lies, with the world coordinates of the image."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.io import fits
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from merkhet.config.inputs import InputSpec
from merkhet.config.models import Evidence
from merkhet.config.tasks import Classify
from merkhet.data.arrays import FloatArray
from merkhet.data.pixels import center
from merkhet.data.sample import Batch
from merkhet.errors import ConfigError, InputError
from merkhet.io.atomic import atomic_path, os_errors, refuse_existing
from merkhet.io.fits import ImageInfo
from merkhet.io.reading import quiet_astropy
from merkhet.tasks.base import Task

SMOOTH_PX = 20.0
"""Standard deviation of the Gaussian that evidence is smoothed with, in pixels that the network sees."""

SMOOTH_SHARE = 1 / 24
"""Most that this may be of the narrower side of an image."""

_COARSE = 4  # evidence is smoothed in blocks of so many pixels: a hundredth of the work, and no difference to be seen
_CELLS = 512  # of the Fourier plane in which evidence is measured, along each axis
_NEAR = 3.0  # standard deviation of the Gaussian that it is smoothed with there, cells

HeatMaps = dict[str, FloatArray]
"""A map ``(y, x)`` for each label."""

Draw = Callable[[FloatArray, HeatMaps, Path], Any]
"""Draws an image ``(y, x)`` with its maps to a file."""


def heat_maps(
    task: Task,
    config: Classify,
    batch: Batch,
    *,
    spec: InputSpec,
    shape: tuple[int, int],
    evidence: Evidence = "pixels",
) -> HeatMaps:
    r"""Return where the evidence for each label lies in the one image of a batch.

    In ``pixels`` it is :math:`x\,\partial \ell / \partial x` (gradient times input: Shrikumar et al. 2016,
    arXiv:1605.01713), with :math:`x` the value of a pixel above the zero point of the normalization and :math:`\ell`
    the log odds of the label.

    A network that looks at the Fourier plane (``fourier``) finds cells there, not pixels: the same product, of the
    Fourier transforms of image and gradient, says how much the power in a cell speaks for the label. The image, without
    the pixels that the network ignores, is filtered by the root of this evidence per power, both averaged over
    neighboring cells, and the local power of what passes is where the label lies.

    Either is summed over bands and smoothed with a Gaussian of :data:`SMOOTH_PX`, or of :data:`SMOOTH_SHARE` of a small
    image; what is negative, evidence against the label, becomes zero.

    Parameters
    ----------
    task, config
        A classifier in evaluation mode, computed by torch, and its schema.
    batch
        One image as the task takes it, on its device.
    spec, shape
        What the network takes, and the shape of the image before it was brought to that.
    evidence
        Where the network looks; see :class:`merkhet.config.models.Architecture`.

    Returns
    -------
    dict
        ``{label: (y, x)}``, float32, at the resolution of the image, NaN where the network saw nothing. The peak is
        the probability of the label. Labels are the classes, without the negative one of two.

    Raises
    ------
    ConfigError
        The model takes cubes, or is not computed by torch.
    """
    if spec.dims != 2:
        raise ConfigError(f"heat maps are for images; this model takes input.dims={spec.dims}")
    image = batch["image"].detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = task({**batch, "image": image})["logits"].float()
        if not logits.requires_grad:
            raise ConfigError("heat maps need gradients, which only backend torch has. Use backend torch")
        scores = _log_odds(logits) if config.mode == "multiclass" else logits
        gradients = [torch.autograd.grad(score.sum(), image, retain_graph=True)[0] for score in scores.unbind(dim=1)]
    labels = config.classes[-len(gradients) :]
    probabilities = task.decode({"logits": logits.detach()}, batch).columns
    valid, signal = batch["valid"].any(dim=1)[0], _signal(task, batch)
    maps = {}
    for label, gradient in zip(labels, gradients, strict=True):
        found = local_power(signal, gradient.float()) if evidence == "fourier" else signal * gradient.float()
        heat = _smooth(found.sum(dim=1)[0], valid)
        peak = max(float(np.nanmax(heat)), float(np.finfo(np.float32).tiny))
        scaled = heat * np.float32(float(probabilities[f"p_{label}"][0]) / peak)
        maps[label] = _uncropped(scaled, shape=shape, spec=spec)
    return maps


def _log_odds(logits: Tensor) -> Tensor:
    """Return the logarithm of each class's odds against all others, which does not saturate as a probability does."""
    others = logits[:, None].masked_fill(torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device), -torch.inf)
    return logits - others.logsumexp(dim=2)


def _signal(task: Task, batch: Batch) -> Tensor:
    """Return the images less the zero point of their normalization; zero where invalid."""
    _, _, offset = task.leaves()[0].normalize(batch)
    return torch.where(batch["valid"], batch["image"].float() - offset, 0.0).nan_to_num(0.0, 0.0, 0.0)


def local_power(signal: Tensor, gradient: Tensor) -> Tensor:
    """Return the power, pixel by pixel, of the part of images ``(B, C, y, x)`` that the Fourier plane speaks for."""
    spectrum = torch.fft.rfft2(torch.where(gradient == 0, 0.0, signal))
    evidence = _near_cells((spectrum.conj() * torch.fft.rfft2(gradient)).real)
    power = _near_cells(spectrum.abs().square())
    weight = (evidence.clamp(min=0) / power.clamp(min=torch.finfo(power.dtype).tiny)).sqrt()
    weight = F.interpolate(weight, size=spectrum.shape[-2:], mode="bilinear", align_corners=False)
    peak = weight.amax(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    passed: Tensor = torch.fft.irfft2(spectrum * (weight / peak), s=signal.shape[-2:])
    return passed.square()


def _near_cells(values: Tensor) -> Tensor:
    """Average values of half planes ``(B, C, y, x / 2 + 1)`` over cells, at most 512 a side, and their neighbors."""
    height, width = values.shape[-2:]
    cells = F.adaptive_avg_pool2d(values, (min(height, _CELLS), min(width, _CELLS // 2 + 1)))
    smooth = gaussian_filter(cells.cpu().numpy(), (0, 0, _NEAR, _NEAR), mode=("wrap", "wrap", "wrap", "nearest"))
    return torch.from_numpy(smooth).to(values)


def _smooth(evidence: Tensor, valid: Tensor) -> FloatArray:
    """Smooth evidence ``(y, x)``, counting valid pixels alone, and set what is negative to zero; NaN where invalid."""
    height, width = evidence.shape
    sigma = min(SMOOTH_PX, SMOOTH_SHARE * min(height, width))
    block = _COARSE if sigma > 2 * _COARSE else 1
    room = (0, -width % block, 0, -height % block)
    coarse = F.avg_pool2d(F.pad(torch.stack([evidence, valid.float()])[None], room), block)[0].cpu().numpy()
    total, seen = (gaussian_filter(plane, sigma / block, mode="constant") for plane in coarse)
    smooth = torch.from_numpy(np.maximum(total, 0) / np.maximum(seen, 1e-3))[None, None]
    fine = F.interpolate(smooth, scale_factor=block, mode="bilinear", align_corners=False)[0, 0, :height, :width]
    return np.where(valid.cpu().numpy(), fine.numpy(), np.float32(np.nan))


def _uncropped(heat: FloatArray, *, shape: tuple[int, int], spec: InputSpec) -> FloatArray:
    """Bring a map back to the shape of the image: undo bins, and what was cropped, padded or interpolated."""
    whole = tuple(max(n, spec.pad_to) for n in shape)
    if spec.fit in ("center", "resize") and spec.shape is not None:
        whole = spec.shape
    heat = heat.repeat(spec.bin, axis=0).repeat(spec.bin, axis=1)
    lack = [(0, n - have) for n, have in zip(whole, heat.shape, strict=True)]  # what made no whole bin
    heat = np.pad(heat, lack, constant_values=np.nan)
    if spec.fit != "resize":
        return center(heat, shape)
    return F.interpolate(torch.from_numpy(heat)[None, None], size=shape, mode="bilinear")[0, 0].numpy()


@dataclass(frozen=True)
class HeatMapFolder:
    """Where the heat maps of a run of predictions go: ``<stem>_<label>.fits`` and, drawn, ``<stem>.png``.

    Attributes
    ----------
    path
        The folder.
    draw
        Draws the picture; none is drawn where absent.
    """

    path: Path
    draw: Draw | None = None

    def open(self, images: Iterable[Path], *, overwrite: bool) -> None:
        """Make the folder, before any work is done.

        Raises
        ------
        OutputError
            It holds something, and ``overwrite`` is not set.
        InputError
            Two images would have maps of one name.
        """
        stems: dict[str, Path] = {}
        for image in images:
            other = stems.setdefault(image_stem(image), image)
            if other != image:
                raise InputError(image, f"its heat maps would have the names of those of {other}", action="Rename one")
        refuse_existing(self.path, overwrite=overwrite)
        with os_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def write(self, image: FloatArray, maps: HeatMaps, *, info: ImageInfo, model: str) -> None:
        """Write the maps of an image ``(y, x)``, with its world coordinates, and the picture."""
        stem = image_stem(info.path)
        for label, heat in maps.items():
            header = fits.Header() if info.wcs is None else info.wcs.to_header(relax=True)
            header["BUNIT"] = ("", "evidence; its peak is the probability")
            header["MKLABEL"] = (label, "label that it is evidence for")
            header["MKMODEL"] = (model, "hash of the model")
            header["MKIMAGE"] = (info.path.name, "image that was classified")
            with atomic_path(self.path / f"{stem}_{label}.fits") as temporary, quiet_astropy:
                fits.PrimaryHDU(heat, header=header).writeto(temporary)
        if self.draw is not None:
            self.draw(image, maps, self.path / f"{stem}.png")


def image_stem(path: Path) -> str:
    """Return the name of an image without its suffixes: ``a.fits.gz`` is ``a``."""
    name = path.name
    for suffix in (".gz", ".bz2", ".fz", ".fits", ".fit", ".fts"):
        name = name.removesuffix(suffix)
    return name
