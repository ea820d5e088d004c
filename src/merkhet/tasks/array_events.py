"""The task on events of an array: what particle it was, of what energy, from where."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config.array_tasks import ArrayEvents
from merkhet.data.sample import Batch
from merkhet.evaluate.temperature import fit_temperature
from merkhet.io.cherenkov.direction import to_altaz
from merkhet.tasks.array_truth import ArrayTruth
from merkhet.tasks.base import Loss, Outputs, Prediction, Task, to_numpy
from merkhet.tasks.widths import RADIUS, fit_width, laplace_loss

OUTPUTS = {"energy": 1, "direction": 2}
"""How many numbers each head measures; one more is the logarithm of their variance."""

SMALLEST_SHARE = 0.1
"""Share of telescopes that triggered below which a learning rate is not raised any more."""


class ArrayEventsTask(Task):
    """Put a linear layer for each head on the vector of an event.

    Parameters
    ----------
    config
        The task's schema; means and scales must have been fitted before.
    normalize, network
        See :class:`merkhet.tasks.base.Task`; the network returns ``(B, network.out_features)``.
    """

    truth = ArrayTruth

    def __init__(self, config: ArrayEvents, *, normalize: nn.Module, network: nn.Module) -> None:
        super().__init__(normalize, network)
        self.config = config
        features = int(network.out_features)  # type: ignore[arg-type]
        sizes = {"particle": len(config.classes), **{name: n + 1 for name, n in OUTPUTS.items()}}
        self.dropout = nn.Dropout(config.dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(features, sizes[name]) for name in config.heads})

    def forward(self, batch: Batch) -> Outputs:
        """Return what each head gives, in float32, and ``features``, the vector of the event.

        ``particle``: logits ``(B, classes)``. ``energy``: ``(B, 2)``, mean of log10 TeV and logarithm of its variance.
        ``direction``: ``(B, 3)``, offsets in deg and logarithm of the variance of either.
        """
        features, direction = self.network(self.normalize(batch))
        kept = self.dropout(features)
        out = {name: head(kept).float() for name, head in self.heads.items()}
        for name in OUTPUTS.keys() & out.keys():
            mean, scale = self._units(name)
            start = direction.float() if name == "direction" else mean
            out[name] = torch.cat([out[name][:, :-1] * scale + start, out[name][:, -1:] + 2 * np.log(scale)], dim=1)
        return {**out, "features": features}

    def loss(self, out: Outputs, batch: Batch) -> Loss:
        """Add the heads' losses by their weights: cross-entropy, and likelihoods of energy and direction of signals."""
        target = batch["target"]
        label = target["particle"].value
        signal = label == self.config.classes.index(self.config.signal)
        losses, parts = [], {}
        for name in self.config.heads:
            if name == "particle":
                each = F.cross_entropy(out[name], label)
                parts["accuracy"] = (out[name].argmax(dim=1) == label).float().mean()
            else:
                # In units of the spread of the truth, so that heads have losses of like size.
                _, scale = self._units(name)
                log_variance = out[name][:, -1] - 2 * np.log(scale)
                difference = (out[name][:, :-1] - target[name].value.float()) / scale
                each = laplace_loss(difference, log_variance, rows=signal, beta=self.config.beta)
            losses.append(self.config.weights[name] * each)
            parts[f"{name}_loss"] = each.detach()
        return Loss(torch.stack(losses).sum(), parts)

    def decode(self, out: Outputs, batch: Batch) -> Prediction:
        """Return the columns that :class:`ArrayEvents` names; NaN where ``is_valid`` is False.

        Energies in TeV; altitude and azimuth in deg. Uncertainties hold 68.27 % of the events: half the width of the
        interval about the energy, and the radius about the direction.
        """
        columns: dict[str, npt.NDArray[Any]] = {}
        if "particle" in out:
            probability = to_numpy((out["particle"] / self.config.temperature).softmax(dim=1))
            columns["gammaness"] = probability[:, self.config.classes.index(self.config.signal)]
            columns |= {f"p_{name}": probability[:, k] for k, name in enumerate(self.config.classes)}
        if "energy" in out:
            values, sigma = self._measured(out, "energy", scale=self.config.energy_scale)
            columns["energy"] = 10 ** values[:, 0]
            columns["energy_uncertainty"] = np.log(10) * sigma * columns["energy"]
        if "direction" in out:
            values, sigma = self._measured(out, "direction", scale=self.config.direction_scale)
            altaz = np.rad2deg(to_altaz(values, to_numpy(batch["pointing"]).astype(np.float64)))
            columns["alt"], columns["az"] = altaz.T
            columns["direction_uncertainty_deg"] = RADIUS[2] * sigma
        triggers = torch.cat([arrays["trigger"] for arrays in batch["telescopes"].values()], dim=1)
        count = to_numpy(triggers.sum(dim=1))
        valid = (count > 0) & np.all([np.isfinite(values) for values in columns.values()], axis=0)
        columns = {name: np.where(valid, values, np.nan) for name, values in columns.items()}
        return Prediction({**columns, "n_telescopes": count, "is_valid": valid})

    def combine(self, outputs: Sequence[Outputs]) -> Outputs:
        """Average probabilities; of normal distributions, take mean and variance of their mixture."""
        joined = {name: torch.stack([out[name] for out in outputs]) for name in self.config.heads}
        result = dict(outputs[0])
        for name, values in joined.items():
            if name == "particle":
                result[name] = values.log_softmax(dim=2).logsumexp(dim=0)
                continue
            mean = values[..., :-1].mean(dim=0)
            between = (values[..., :-1] - mean).square().mean(dim=(0, 2))
            variance = values[..., -1].exp().mean(dim=0) + between
            result[name] = torch.cat([mean, variance.log()[:, None]], dim=1)
        return result

    def calibrated(self, out: Outputs, batch: Batch) -> ArrayEvents:
        """Return the schema with the temperature, and the factors of the widths, that fit validation rows."""
        target, found = batch["target"], {}
        label = to_numpy(target["particle"].value)
        if "particle" in out:
            found["temperature"] = fit_temperature(to_numpy(out["particle"]), label, mode="multiclass")
        signal = label == self.config.classes.index(self.config.signal)
        for name in OUTPUTS.keys() & out.keys():
            given = to_numpy(out[name])[signal].astype(np.float64)
            truth = to_numpy(target[name].value)[signal]
            found[f"{name}_scale"] = fit_width(given[:, :-1] - truth, np.exp(given[:, -1] / 2))
        return self.config.model_copy(update=found)

    def rate_factor(self, batch: Batch) -> float:
        """Return 1 over the share of telescopes that triggered, at most 10, where the network asks for it."""
        if not getattr(self.network, "scale_rate", False):
            return 1.0
        triggers = torch.cat([arrays["trigger"].flatten() for arrays in batch["telescopes"].values()])
        return 1 / max(float(triggers.float().mean()), SMALLEST_SHARE)

    def _units(self, name: str) -> tuple[float, float]:
        """Return mean and spread of the truth of a head on training rows."""
        config = self.config
        if name == "energy":
            return config.energy_mean or 0.0, config.energy_std or 1.0
        return 0.0, config.direction_std or 1.0

    def _measured(self, out: Outputs, name: str, *, scale: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the values of a head and their calibrated standard deviation, float64."""
        given = to_numpy(out[name]).astype(np.float64)
        return given[:, :-1], scale * np.exp(given[:, -1] / 2)
