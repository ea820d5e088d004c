"""The rows of the report of a run on events, and the remarks that a careful referee would make about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.data import Between
from merkhet.config.ensemble import Ensemble
from merkhet.io.cherenkov.direction import separation_deg
from merkhet.report.run import RunTables
from merkhet.report.splits import SPLIT_NAMES
from merkhet.report.summary import FEW_GROUPS, component, ensemble_text

TREES = "trees"
POINT_DEG = 0.01
"""Directions of gammas within this angle are one direction."""


@dataclass(frozen=True)
class EventScore:
    """How a score of events is called, what it is, and which values are good."""

    title: str
    meaning: str
    better: str
    unit: str = ""


SCORES = {
    "roc_auc": EventScore("ROC AUC", "chance that a gamma ranks above another particle", "high"),
    "accuracy": EventScore("Accuracy", "share of events on the right side of a gammaness of 0.5", "high"),
    "q_factor": EventScore(
        "Q factor",
        "share of gammas over the root of the share of background, where 70 % of the gammas are kept",
        "high",
    ),
    "angular_resolution_deg": EventScore(
        "Angular resolution", "radius that holds 68.27 % of the gammas; lower is better", "low", "°"
    ),
    "energy_resolution": EventScore(
        "Energy resolution",
        "half the width of the central 68.27 % of E / true E - 1 of gammas; lower is better",
        "low",
    ),
    "energy_bias": EventScore("Energy bias", "median of E / true E - 1 of gammas; zero is best", "zero"),
}
"""What ``evaluate_events`` gives, in the order of the report."""

TILES = ("roc_auc", "q_factor", "angular_resolution_deg", "energy_resolution")


@dataclass(frozen=True)
class EventScoreRow:
    """A score of the model, of the trees, their difference on what both answer, and the score of the other split."""

    name: str
    score: EventScore
    model: Mapping[str, float | None]
    trees: Mapping[str, float | None] | None
    against: Mapping[str, float | None] | None
    other: Mapping[str, float | None] | None

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``alike`` as the interval of the difference has it; empty where that is unknown."""
        if self.against is None or self.score.better == "zero":
            return ""
        low, high = self.against["low"], self.against["high"]
        if low is None or high is None:
            return ""
        if low <= 0 <= high:
            return "alike"
        return "better" if (low > 0) == (self.score.better == "high") else "worse"


def event_score_rows(run: RunTables) -> list[EventScoreRow]:
    """Return the table of scores, without those that the task does not answer; empty where nothing was scored."""
    if run.split is None:
        return []
    result = run.metrics[run.split]
    others = [metrics for split, metrics in run.metrics.items() if split != run.split]
    trees = result["baselines"].get(TREES)
    rows = [
        EventScoreRow(
            name,
            score,
            result["scores"][name],
            trees["scores"][name] if trees else None,
            result["against"].get(TREES, {}).get(name),
            others[0]["scores"][name] if others else None,
        )
        for name, score in SCORES.items()
    ]
    return [row for row in rows if row.model["value"] is not None]


def sample_name(run: RunTables) -> str:
    """Return what a row of the answers is: an event, or an image."""
    return "images" if _experiment(run).input.slots == "mono" else "events"


def trees_name(run: RunTables) -> str:
    """Return the name of the baseline for people."""
    seen = "single images" if sample_name(run) == "images" else "stereo"
    return f"Hillas + boosted trees, {seen}"


def event_data_rows(run: RunTables) -> list[tuple[str, int, int, list[int]]]:
    """Return side, samples, showers and samples by class; of a folder of scores only what was scored."""
    task = _experiment(run).task
    if run.samples is None:
        return [
            (SPLIT_NAMES[side], result["n"], result["n_groups"], [result["classes"][name] for name in task.classes])
            for side, result in run.metrics.items()
        ]
    column = "fold" if "fold" in run.samples.colnames else "split"
    side_of = np.asarray(run.samples[column]).astype(str)
    sides = [*SPLIT_NAMES.items()] if column == "split" else [(str(n), f"fold {n}") for n in sorted(set(side_of))]
    rows = []
    for side, title in sides:
        mine = run.samples[side_of == side]
        if len(mine):
            groups = len(np.unique(np.asarray(mine["group"])))
            primary = np.asarray(mine["shower_primary_id"])
            counts = [int(np.isin(primary, numbers).sum()) for numbers in task.particles.values()]
            rows.append((title, len(mine), groups, counts))
    return rows


def event_setup_rows(run: RunTables) -> list[tuple[str, str]]:
    """Return what was trained, on what, how: names and texts."""
    experiment = _experiment(run)
    data, train = experiment.data, experiment.train
    spec = run.bundles[0].input if run.bundles else experiment.input
    shown = ", ".join(str(path) for path in data.files[:4]) + (", ..." if len(data.files) > 4 else "")
    rows = [
        ("Answers", experiment.task.answers),
        ("Files", f"{len(data.files)}: {shown}"),
        ("Selection", _selection(experiment)),
        ("Split", _split_text(run)),
        ("Seen of an event", _SLOTS[experiment.input.slots]),
    ]
    rows += [
        (camera.type, f"{len(camera.tel_ids)} telescopes; {camera.camera}, {len(camera.positions):,} "
         f"{camera.pixel_shape} pixels")
        for camera in getattr(spec, "cameras", ())
    ]  # fmt: skip
    rows += [
        ("Channels", ", ".join(experiment.normalize.channels)),
        ("Network", component(experiment.model)),
        ("Training", f"{component(train.optimizer)}; {component(train.schedule)}; batches of {train.batch_size}"),
    ]
    if experiment.ensemble != Ensemble():
        rows.append(("Ensemble", ensemble_text(experiment.ensemble)))
    return rows


def event_remarks(run: RunTables) -> list[str]:
    """Return what must be known to read the scores rightly: one sentence each, most weighty first."""
    if run.split is None:
        return []
    result, rows = run.metrics[run.split], event_score_rows(run)
    found = []
    if run.split == "val":
        found.append(
            "There is no test split: these events also chose the epoch that was kept, so the scores lean high."
        )
    for verdict, text in (
        ("worse", "Boosted trees on Hillas parameters are better than this model in {}."),
        ("alike", "The intervals do not tell this model from boosted trees on Hillas parameters in {}."),
    ):
        named = [row.score.title for row in rows if row.verdict == verdict]
        if named:
            found.append(text.format(", ".join(named)))
    if TREES not in result["baselines"]:
        found.append(
            "No baseline stands beside the scores: scores.trees is off, the files lack times or truths, or the model "
            "was scored without the run that trained it."
        )
    if result["answered"] < 1:
        found.append(f"Of the {sample_name(run)}, {1 - result['answered']:.1%} have no answer and count in no score.")
    found += _remarks_on_truth(run)
    groups = result["n_groups"]
    if groups < 2:
        found.append("All rows belong to one shower, so nothing is known about how the scores would vary.")
    elif groups < FEW_GROUPS:
        found.append(f"With only {groups} showers, the intervals are somewhat too narrow.")
    return found


def _remarks_on_truth(run: RunTables) -> list[str]:
    """Return what the truth of the scored events says against the scores."""
    table, task = run.predictions.get(run.split or ""), _experiment(run).task
    if table is None:
        return []
    gammas = table[np.asarray(table["true_particle"]).astype(str) == task.signal]
    if len(gammas) > 1 and {"true_alt", "true_az"} <= set(table.colnames) and _spread_deg(gammas) < POINT_DEG:
        return [
            "All gammas come from one direction, and the background does not: a network can learn that direction, in "
            "place of gammas and of where they come from. Train and score on diffuse gammas, or mind what is compared."
        ]
    return []


def _spread_deg(table: Table) -> float:
    alt, az = (np.deg2rad(np.asarray(table[f"true_{name}"], dtype=np.float64)) for name in ("alt", "az"))
    return float(np.max(separation_deg(alt, az, np.full_like(alt, alt[0]), np.full_like(az, az[0]))))


_SLOTS: dict[str, str] = {
    "array": "all telescopes of the array, each in its place",
    "triggered": "the telescopes with an image, however many",
    "mono": "one image of one telescope",
}


def _experiment(run: RunTables) -> ArrayExperiment:
    experiment = run.experiment
    assert isinstance(experiment, ArrayExperiment)
    return experiment


def _selection(experiment: ArrayExperiment) -> str:
    select = experiment.data.select
    ranges = {"true energy (TeV)": select.energy, "size (p.e.)": select.intensity, "leakage": select.leakage}
    chosen = [f"{name} {_range(value)}" for name, value in ranges.items() if value != Between()]
    return "; ".join([*chosen, f"{select.multiplicity} image{'s' if select.multiplicity > 1 else ''} or more an event"])


def _range(value: Between) -> str:
    return f"{'any' if value.min is None else value.min} to {'any' if value.max is None else value.max}"


def _split_text(run: RunTables) -> str:
    split = run.experiment.split
    if run.folds:
        kind = f"{len(run.folds)} folds, each event tested once, by the model that was trained without its fold"
    else:
        kind = f"fold {split.fold} of {split.folds}" if split.kind == "fold" else split.kind
    return f"{kind}; by whole showers"


def by_energy_rows(run: RunTables, *, fewest: int) -> list[dict[str, Any]]:
    """Return the bins of true energy that hold enough gammas, with the trees' scores beside the model's."""
    if run.split is None:
        return []
    result = run.metrics[run.split]
    trees = result["baselines"].get(TREES, {"by_energy": []})
    known = {row["low_tev"]: row for row in trees["by_energy"]}
    return [{**row, "trees": known.get(row["low_tev"])} for row in result["by_energy"] if row["gammas"] >= fewest]
