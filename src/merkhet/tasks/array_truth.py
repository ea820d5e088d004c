"""The truth of simulated events: particle, energy and direction."""

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.array_tasks import ArrayEvents
from merkhet.data.dataset import TargetColumn, TargetSource
from merkhet.errors import InputError
from merkhet.evaluate.cherenkov.scores import evaluate_events
from merkhet.io.cherenkov.direction import to_offset
from merkhet.tasks.truth import Truth

PRIMARY, ENERGY, DIRECTION, POINTING = "shower_primary_id", "energy", ("alt", "az"), ("pointing_alt", "pointing_az")
"""Columns of the table of events: number of the primary, TeV, rad, rad."""


class ArrayTruth(Truth):
    """What a simulation knows of its events; see :data:`merkhet.io.cherenkov.index.LABELS`."""

    config: ArrayEvents

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns of the heads that are learned."""
        of_head = {"energy": (ENERGY,), "direction": (*DIRECTION, *POINTING)}
        return (PRIMARY, *(name for head in self.config.heads for name in of_head.get(head, ())))

    def unusable(self, table: Table) -> tuple[npt.NDArray[np.bool_], list[str]]:
        """Return the events whose primary is of no class, or whose energy or direction is not known."""
        primary = np.asarray(table[PRIMARY])
        known = [number for group in self.config.particles.values() for number in group]
        reasons = {
            f"shower_primary_id is none of {', '.join(str(number) for number in known)}": ~np.isin(primary, known)
        }
        for name in self.needed[1:]:
            reasons[f"{name} is not finite"] = ~np.isfinite(np.asarray(table[name], dtype=np.float64))
        if "energy" in self.config.heads:
            reasons["energy is not positive"] = ~(np.asarray(table[ENERGY]) > 0)
        faults = np.stack(list(reasons.values()), axis=1)
        texts = np.array(list(reasons))
        bad = np.asarray(faults.any(axis=1))
        return bad, [str(texts[row.argmax()]) for row in faults[bad]]

    def targets(self, table: Table) -> dict[str, TargetSource]:
        """Return ``particle`` (int64 codes), ``energy`` (log10 TeV, ``(n, 1)``), ``direction`` (deg, ``(n, 2)``)."""
        sources: dict[str, TargetSource] = {"particle": TargetColumn("label", self.codes(table))}
        if "energy" in self.config.heads:
            sources["energy"] = TargetColumn("vector", _log_energy(table)[:, None])
        if "direction" in self.config.heads:
            sources["direction"] = TargetColumn("vector", _offsets(table))
        return sources

    def codes(self, table: Table) -> npt.NDArray[np.int64]:
        """Return the classes as numbers; every event must be usable."""
        primary = np.asarray(table[PRIMARY])
        codes = np.zeros(len(primary), dtype=np.int64)
        for code, group in enumerate(self.config.particles.values()):
            codes[np.isin(primary, group)] = code
        return codes

    def strata(self, table: Table) -> npt.NDArray[np.str_]:
        """Return the class."""
        return np.array(self.config.classes)[self.codes(table)]

    def truth_columns(self, table: Table) -> dict[str, npt.NDArray[Any]]:
        """Return ``true_particle``, and ``true_energy`` in TeV, ``true_alt`` and ``true_az`` in deg where learned."""
        columns: dict[str, npt.NDArray[Any]] = {"true_particle": self.strata(table)}
        if "energy" in self.config.heads:
            columns["true_energy"] = np.asarray(table[ENERGY], dtype=np.float64)
        if "direction" in self.config.heads:
            columns |= {f"true_{name}": np.rad2deg(np.asarray(table[name], dtype=np.float64)) for name in DIRECTION}
        return columns

    def resolve(self, table: Table) -> ArrayEvents:
        """Fit means and spreads of energies and directions on the training events of the signal.

        Raises
        ------
        InputError
            A class that is learned has no training event.
        """
        counts = self.train_counts(table)
        empty = [name for name, rows in counts.items() if not rows]
        if empty and ("particle" in self.config.heads or self.config.signal in empty):
            raise InputError(
                table.meta.get("source", "the events"),
                f"no training event of class {', '.join(empty)}",
                action="Add files that hold some, or change task.particles",
            )
        signal = table[self.codes(table) == self.config.classes.index(self.config.signal)]
        found: dict[str, float] = {}
        if "energy" in self.config.heads:
            values = _log_energy(signal)
            found |= {"energy_mean": float(values.mean()), "energy_std": float(max(values.std(), 1e-3))}
        if "direction" in self.config.heads:
            found["direction_std"] = float(max(np.sqrt(np.square(_offsets(signal)).mean()), 1e-3))
        return self.config.model_copy(update=found)

    def train_counts(self, table: Table) -> dict[str, int]:
        """Return how many events each class has."""
        counts = np.bincount(self.codes(table), minlength=len(self.config.classes))
        return {name: int(n) for name, n in zip(self.config.classes, counts, strict=True)}

    def score(self, predictions: Table, *, seed: int, train_counts: dict[str, int], train_rows: int) -> dict[str, Any]:
        """Score separation, energies and directions; see :func:`merkhet.evaluate.cherenkov.scores.evaluate_events`."""
        return evaluate_events(predictions, signal=self.config.signal, seed=seed)

    def headline(self, scores: dict[str, Any]) -> str:
        """Say the area under the ROC curve and the resolutions."""
        said = {
            "roc_auc": "AUC",
            "energy_resolution": "energy resolution",
            "angular_resolution_deg": "68 % within (deg)",
        }
        known = [
            f"{text} {scores['scores'][name]['value']:.3f}"
            for name, text in said.items()
            if scores["scores"][name]["value"] is not None
        ]
        return f"{', '.join(known)} on {scores['n']} events in {scores['n_groups']} showers"


def _log_energy(table: Table) -> npt.NDArray[np.float32]:
    return np.asarray(np.log10(np.asarray(table[ENERGY], dtype=np.float64)), dtype=np.float32)


def _offsets(table: Table) -> npt.NDArray[np.float32]:
    """Return the offsets of the true direction from the pointing, deg, ``(n, 2)``."""
    alt, az, *pointing = (np.asarray(table[name], dtype=np.float64) for name in (*DIRECTION, *POINTING))
    return to_offset(alt, az, np.stack(pointing, axis=1)).astype(np.float32)
