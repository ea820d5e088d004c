"""The rows of the report's tables, and the remarks that a careful referee would make about the scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merkhet.config.base import Config
from merkhet.config.data import Between
from merkhet.config.ensemble import Ensemble
from merkhet.evaluate.baselines import leak_warning
from merkhet.report.run import SPLITS, RunTables

FEW_GROUPS = 30
"""Below this, percentile intervals are too narrow: at 20 groups, 95 % ones held the truth in 90 % of simulations."""


@dataclass(frozen=True)
class Score:
    """How a score is called, and what it is."""

    title: str
    meaning: str
    higher_is_better: bool = True


SINGLE_LABEL = {
    "accuracy": Score("Accuracy", "share of images with the right class"),
    "balanced_accuracy": Score("Balanced accuracy", "completeness averaged over the classes"),
    "macro_f1": Score("Macro F1", "harmonic mean of purity and completeness, averaged over the classes"),
    "roc_auc": Score("ROC AUC", "chance that an image of a class ranks above one of another"),
    "log_loss": Score("Log loss", "mean -ln of the probability of the true class; lower is better", False),
    "brier": Score("Brier score", "mean squared error of the probabilities; lower is better", False),
    "ece": Score(
        "Calibration error",
        "mean gap of probability and share of right answers (ECE), debiased; lower is better",
        False,
    ),
    "rmsce": Score("rms calibration error", "root mean square of the same gap, debiased; lower is better", False),
}
MULTILABEL = {
    **SINGLE_LABEL,
    "accuracy": Score("Exact match", "share of images with every label right"),
    "balanced_accuracy": Score("Balanced accuracy", "mean of completeness and true negative rate, over the labels"),
    "macro_f1": Score("Macro F1", "harmonic mean of purity and completeness, averaged over the labels"),
    "roc_auc": Score("ROC AUC", "chance that an image with a label ranks above one without"),
    "log_loss": Score("Log loss", "mean -ln of the probability of the truth; lower is better", False),
}
"""What ``evaluate_table`` gives, in the order of the report, for one class per image and for several labels."""


@dataclass(frozen=True)
class ScoreRow:
    """A score of the split that speaks for the model, of the majority baseline, and of the other split."""

    score: Score
    model: Mapping[str, float | None]
    majority: Mapping[str, float | None] | None
    other: Mapping[str, float | None] | None


def score_rows(run: RunTables) -> list[ScoreRow]:
    """Return the table of scores; empty where nothing was scored."""
    if run.split is None:
        return []
    result = run.metrics[run.split]
    majority = result["baselines"]["majority"]
    others = [run.metrics[split] for split in SPLITS if split in run.metrics and split != run.split]
    return [
        ScoreRow(
            score,
            model=result["scores"][name],
            majority=majority and majority[name],
            other=others[0]["scores"][name] if others else None,
        )
        for name, score in (MULTILABEL if result["mode"] == "multilabel" else SINGLE_LABEL).items()
        if name in result["scores"] and not _old_error(name, result)
    ]


def _old_error(name: str, result: Mapping[str, Any]) -> bool:
    """Tell the ``ece`` of early runs, a root mean square: it is left out, for the name means another thing now."""
    return name == "ece" and "rmsce" not in result["scores"]


def calibration_error(run: RunTables) -> Mapping[str, float | None] | None:
    """Return the expected calibration error of the split that speaks for the model, if it was scored."""
    result = run.metrics[run.split] if run.split else {"scores": {}}
    return None if _old_error("ece", result) else result["scores"].get("ece")


BASELINES = {
    "majority": "the commonest class",
    "pixels": "pixel statistics",
    "radio": "pixel and Fourier statistics of radio snapshots",
    "metadata": "metadata columns",
}


def baseline_rows(run: RunTables) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the model and each baseline that was scored, by what answers; empty where nothing was scored."""
    if run.split is None:
        return []
    result = run.metrics[run.split]
    scored = {name: result["baselines"].get(name) for name in BASELINES}
    rows = [(_baseline_title(name, row), row) for name, row in scored.items() if row]
    return [("this model", result["scores"]), *rows] if rows else []


def _baseline_title(name: str, row: Mapping[str, Any]) -> str:
    told = {"majority": row.get("class"), "metadata": ", ".join(row.get("columns", ()))}.get(name)
    return f"{BASELINES[name]} ({told})" if told else BASELINES[name]


def remarks(run: RunTables) -> list[str]:
    """Return what must be known to read the scores rightly: one sentence each, most weighty first."""
    if run.split is None:
        return []
    result = run.metrics[run.split]
    accuracy, majority = result["scores"]["accuracy"], result["baselines"]["majority"]
    groups, found = result["n_groups"], []
    if run.split == "val":
        found.append("There is no test split: these rows also chose the epoch that was kept, so the scores lean high.")
    if majority is None:
        found.append("The run holds no training counts, so no majority baseline stands beside the scores.")
    rivals = {
        "the majority baseline": majority,
        **{f"boosted trees on {BASELINES[name]}": result["baselines"].get(name) for name in ("pixels", "radio")},
    }
    for name, rival in rivals.items():
        if rival and accuracy["low"] is not None and accuracy["low"] <= (rival["accuracy"]["value"] or 0):
            found.append(f"The accuracy's interval reaches {name}: these rows do not tell the two apart.")
    metadata = result["baselines"].get("metadata")
    warning = leak_warning(result["scores"], metadata) if metadata else None
    if warning:
        found.append(warning)
    if result.get("trained_on"):
        found.append(
            f"{result['trained_on']} images have the pixels of ones that the model was trained with: the scores lean "
            "high."
        )
    if result.get("duplicates"):
        where = "in two folds" if run.folds else "on two sides of the split"
        found.append(
            f"{result['duplicates']} images stand {where} with the same pixels (by checksum): scores lean high if they "
            "are the same."
        )
    if groups < 2:
        found.append("All rows belong to one group, so nothing is known about how the scores would vary.")
    elif groups < FEW_GROUPS:
        found.append(f"With only {groups} groups, the intervals are somewhat too narrow.")
    if groups > 1 and accuracy["value"] == 1:
        # The rule of three: Hanley & Lippman-Hand 1983, JAMA 249, 1743.
        found.append(
            f"No row is wrong, and resampling cannot invent errors: for {groups} independent groups, the share of "
            f"groups with an error may be as large as {min(3 / groups, 1):.2g} at 95 % confidence."
        )
    absent = [name for name, row in result["per_class"].items() if row["support"] == 0]
    if absent:
        found.append(f"No row is of {', '.join(absent)}: nothing is known about that.")
    return found


def meaning_of_intervals(run: RunTables) -> str:
    """Return the sentence that says what the intervals are and are not; empty where nothing was scored."""
    if run.split is None:
        return ""
    result = run.metrics[run.split]
    drawn = result["bootstrap"]
    return (
        f"Intervals hold the central {drawn['confidence']:.0%} of the scores of {drawn['n']:,} tables made by drawing "
        f"the {result['n_groups']:,} groups with replacement (percentile bootstrap, seed {drawn['seed']}): how far the "
        "score would move with other groups of the same kind, not with another training run or another survey."
    )


def setup_rows(run: RunTables) -> list[tuple[str, str]]:
    """Return what was trained, on what, how: names and texts."""
    experiment = run.experiment
    data, spec, train = experiment.data, run.bundles[0].input if run.bundles else experiment.input, experiment.train
    bands = ", ".join(f"{band.name} ({band.unit})" if band.unit else band.name for band in spec.bands)
    shape = " \N{MULTIPLICATION SIGN} ".join(str(n) for n in spec.shape) + " px" if spec.shape else "any shape"
    scale = f", {spec.pixel_scale_arcsec:.4g}″ per pixel" if spec.pixel_scale_arcsec else ""
    chosen = "; ".join(f"{column}: {_condition(value)}" for column, value in data.where.items())
    rows = [
        ("Task", experiment.task.answers),
        ("Table", str(data.table) + (f", rows with {chosen}" if chosen else "")),
        ("Split", _split(run)),
        ("Input", f"{bands}; {shape}{scale}" + (f"; binned by {spec.bin}" if spec.bin > 1 else "")),
        ("Normalization", component(experiment.normalize)),
        ("Augmentation", ", ".join(component(step) for step in experiment.augment) or "none"),
        ("Network", component(experiment.model)),
        ("Training", f"{component(train.optimizer)}; {component(train.schedule)}; batches of {train.batch_size}"),
    ]
    if experiment.ensemble != Ensemble():
        rows.append(("Ensemble", ensemble_text(experiment.ensemble)))
    return rows


def _split(run: RunTables) -> str:
    split, group = run.experiment.split, run.experiment.data.columns.group
    if run.folds:
        kind = f"{len(run.folds)} folds, each image tested once, by the model that was trained without its fold"
    else:
        kind = f"fold {split.fold} of {split.folds}" if split.kind == "fold" else split.kind
    return f"{kind}; by groups of column {group}" if group else f"{kind}; row by row"


def ensemble_text(ensemble: Ensemble) -> str:
    """Return what an ensemble is made of."""
    turned = {"c4": "four quarter turns", "d4": "four quarter turns and their mirror images"}
    parts = [f"{ensemble.members} networks from different seeds"] if ensemble.members > 1 else []
    if ensemble.orientations != "none":
        parts.append(f"each image in {turned[ensemble.orientations]}")
    return "; ".join(parts) + "; probabilities averaged"


def _condition(value: Any) -> str:
    if isinstance(value, Between):
        return f"{'any' if value.min is None else value.min} to {'any' if value.max is None else value.max}"
    return ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)


def component(config: Config) -> str:
    """Return ``kind (key value, ...)`` of a schema, and so of those in it."""
    return _told(config.model_dump(mode="json", exclude_none=True))


def _told(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    inner = ", ".join(f"{key} {_told(item)}" for key, item in value.items() if key != "kind")
    return " ".join(part for part in (value.get("kind", ""), f"({inner})" if inner else "") if part)
