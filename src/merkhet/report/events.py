"""The report of a run on events of Cherenkov telescopes: one page that needs nothing else."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from astropy.table import Table

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.evaluate.calibration import reliability
from merkhet.evaluate.cherenkov.answers import read_event_answers
from merkhet.evaluate.cherenkov.coverage import levels_of_truth
from merkhet.evaluate.scores import roc_points
from merkhet.report import event_tables, folds, plots, provenance
from merkhet.report.event_answer_plots import coverage_plot, gammaness_plot, migration_plot, separation_plot
from merkhet.report.event_pictures import event_pictures
from merkhet.report.event_plots import FEWEST, effective_area_plot, resolution_plot
from merkhet.report.event_tables import TREES
from merkhet.report.history import history_plot, numeric
from merkhet.report.page import embed, environment
from merkhet.report.parts import FILTERS, MAX_REJECTS, first_rejects, interval, training_time
from merkhet.report.run import RunTables
from merkhet.report.splits import where_scored
from merkhet.report.summary import meaning_of_intervals

FIGURES = ("history", "roc", "gammaness", "reliability", "coverage", "resolution", "migration", "separation", "area")
MODEL = "this model"


def render_events(run: RunTables) -> str:
    """Return the page of a run on events."""
    experiment = run.experiment
    assert isinstance(experiment, ArrayExperiment)
    pages = environment()
    pages.filters.update(FILTERS)
    rows = event_tables.event_score_rows(run)
    return pages.get_template("events.html.j2").render(
        run=run,
        experiment=experiment,
        result=run.metrics[run.split] if run.split else None,
        where=where_scored(run),
        samples=event_tables.sample_name(run),
        trees_name=event_tables.trees_name(run),
        scores=rows,
        tiles=[row for name in event_tables.TILES for row in rows if row.name == name],
        remarks=event_tables.event_remarks(run),
        interval_note=meaning_of_intervals(run),
        data=event_tables.event_data_rows(run),
        setup=event_tables.event_setup_rows(run),
        by_energy=event_tables.by_energy_rows(run, fewest=FEWEST),
        fewest=FEWEST,
        folds=folds.fold_rows(run),
        figures=dict.fromkeys(FIGURES, "") | _history(run) | _figures(run, experiment),
        pictures=event_pictures(run),
        training_time=training_time(run),
        rejects=first_rejects(run.rejects),
        rejected=len(run.rejects) if run.rejects is not None else None,
        max_rejects=MAX_REJECTS,
        provenance=provenance.provenance_rows(run),
        citation=provenance.citation(run),
        resolved=yaml.safe_dump(_without_pixels(experiment), sort_keys=False, allow_unicode=True),
    )


def _without_pixels(experiment: ArrayExperiment) -> dict[str, Any]:
    """Return the experiment without what is no text for people."""
    content = experiment.model_dump(mode="json")
    for camera in content["input"]["cameras"]:
        camera["pixels"] = "(in experiment.yaml)"
    return content


def _history(run: RunTables) -> dict[str, str]:
    if run.history is None or not len(run.history):
        return {}
    epochs = run.bundle.provenance.epochs if run.bundle else ()
    kept = epochs[0] if len(epochs) == 1 else None
    return {"history": embed(history_plot(numeric(run.history), kept_epoch=kept))}


def _figures(run: RunTables, experiment: ArrayExperiment) -> dict[str, str]:
    """Return the addresses of the figures that the answers give; nothing where the run holds none."""
    if run.split not in run.predictions:
        return {}
    table, task = run.predictions[run.split], experiment.task
    result = run.metrics[run.split]
    methods = {MODEL: table, **{name: run.baselines[name] for name in (TREES,) if name in run.baselines}}
    figures: dict[str, str] = {}
    if "particle" in task.heads:
        figures |= _particle_figures(methods, signal=task.signal, classes=task.classes, result=result)
    spread = {name: read_event_answers(some, signal=task.signal).separation_deg for name, some in methods.items()}
    if "direction" in task.heads:
        figures["separation"] = embed(separation_plot(spread))
    gammas = table[np.asarray(table["true_particle"]).astype(str) == task.signal]
    if "energy" in task.heads:
        figures["migration"] = embed(migration_plot(gammas["true_energy"], gammas["energy"]))
    if any(row["selected"] for rows in result.get("effective_area", {}).values() for row in rows):
        figures["area"] = embed(effective_area_plot(result["effective_area"]))
    if {"energy", "direction"} & set(task.heads):
        figures["coverage"] = embed(coverage_plot(levels_of_truth(table, signal=task.signal)))
        of_energy = {MODEL: result["by_energy"]}
        if TREES in result["baselines"]:
            of_energy[TREES] = result["baselines"][TREES]["by_energy"]
        if event_tables.by_energy_rows(run, fewest=FEWEST):
            figures["resolution"] = embed(resolution_plot(of_energy))
    return figures


def _particle_figures(
    methods: Mapping[str, Table], *, signal: str, classes: tuple[str, ...], result: Mapping[str, Any]
) -> dict[str, str]:
    table = methods[MODEL]
    answers = {name: read_event_answers(some, signal=signal) for name, some in methods.items()}
    curves, areas = {}, {}
    scores = {MODEL: result["scores"], TREES: result["baselines"].get(TREES, {}).get("scores")}
    for name, mine in answers.items():
        known = np.isfinite(mine.gammaness)
        if 0 < mine.is_gamma[known].sum() < known.sum():
            curves[name] = roc_points(mine.is_gamma[known], mine.gammaness[known])
            areas[name] = f"AUC {interval(scores[name]['roc_auc'])}" if scores[name] else ""
    model = answers[MODEL]
    true = np.asarray(table["true_particle"]).astype(str)
    figures = {"gammaness": embed(gammaness_plot({name: model.gammaness[true == name] for name in classes}))}
    if curves:
        figures["roc"] = embed(plots.roc_plot(curves, areas=areas))
    known = np.isfinite(model.gammaness)
    if known.any():
        figures["reliability"] = embed(_reliability_figure(model.gammaness[known], model.is_gamma[known],
                                                           model.group[known]))  # fmt: skip
    return figures


def _reliability_figure(
    gammaness: npt.NDArray[np.float64], is_gamma: npt.NDArray[np.bool_], group: npt.NDArray[np.int64]
) -> Any:
    figure = plots.reliability_plot(reliability(gammaness, is_gamma, groups=group)["bins"])
    figure.axes[0].set(xlabel="gammaness", ylabel="share of gammas")
    return figure
