"""The scores of a catalog of detections, written as a folder: numbers, tables and figures."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from matplotlib.figure import Figure

from merkhet.evaluate.detection import CURVE_PER_TILE, CURVE_SAMPLES
from merkhet.evaluate.matching import Outcome
from merkhet.evaluate.operating import SNR_EDGES, Matched
from merkhet.io.atomic import write_text
from merkhet.io.tables import write_table
from merkhet.report.plots import reliability_plot
from merkhet.report.style import line, plain, saved, styled

METRICS = "metrics.json"
POINT = "1 per tile"
"""Operating point at which completeness is drawn against the signal to noise ratio."""
FloatArray = npt.NDArray[np.float64]


def write_scores(
    out: Path, scores: Mapping[str, dict[str, Any]], *, matched: Matched, comparison: Mapping[str, Any] | None = None
) -> None:
    """Write ``metrics.json``, the tables and the figures of a catalog, and of another beside it, into a folder.

    Parameters
    ----------
    out
        Folder; it exists.
    scores
        What :func:`merkhet.evaluate.detection.evaluate_detections` gives, by the name of the catalog, one or two of
        them.
    matched
        The first catalog.
    comparison
        What :func:`merkhet.evaluate.detection.compare_detections` gives, if there are two.
    """
    first = next(iter(scores))
    write_table(_completeness_table(scores), out / "completeness.csv")
    write_table(_curve_table(scores), out / "operating_curve.csv")
    write_table(source_table(matched), out / "sources.csv")
    write_table(outcome_table(matched), out / "outcomes.csv")
    completeness_plot(scores, save_path=out / "completeness.png")
    operating_curve_plot(scores, save_path=out / "operating_curve.png")
    if scores[first]["calibration"] is not None:
        reliability_plot(scores[first]["calibration"]["bins"], save_path=out / "reliability.png")
    record = {"catalogs": dict(scores)} | ({} if comparison is None else {"comparison": comparison})
    write_text(out / METRICS, json.dumps(record, indent=2) + "\n")


def source_table(matched: Matched) -> Table:
    """Return what became of each source to be found: its truth, and the detection that hits it (-1: missed)."""
    rows = matched.truth.positive
    truth, detection = matched.truth, matched.matches.detection[rows]
    found = np.full(len(detection), np.nan), np.full(len(detection), np.nan)
    hit = detection >= 0
    found[0][hit] = matched.detections.probability[detection[hit]]
    found[1][hit] = matched.matches.separation_arcsec[detection[hit]]
    return Table(
        {
            "id": truth.name[rows],
            "kind": truth.kind[rows],
            "tile": truth.tile[rows],
            "snr": truth.snr[rows],
            "size": truth.size_arcsec[rows],
            "detection": detection,
            "probability": found[0],
            "separation_arcsec": found[1],
        }
    )


def outcome_table(matched: Matched) -> Table:
    """Return what each row of the catalog came to, in its order."""
    matches = matched.matches
    hit = matches.outcome == Outcome.HIT
    names = np.where(hit, matched.truth.name[matches.truth], "") if len(matched.truth.name) else np.full(len(hit), "")
    return Table(
        {
            "row": np.arange(len(hit)),
            "tile": matched.detections.tile,
            "probability": matched.detections.probability,
            "outcome": np.array([Outcome(value).name.lower() for value in matches.outcome], dtype=str),
            "cause": matches.cause,
            "source": names,
            "separation_arcsec": matches.separation_arcsec,
        }
    )


@styled
def completeness_plot(scores: Mapping[str, Mapping[str, Any]], *, save_path: Path | None = None) -> Figure:
    """Draw the share of the sources that is found against their signal to noise ratio, at one false alarm a tile.

    Parameters
    ----------
    scores
        See :func:`write_scores`.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    axes = figure.add_subplot()
    edges = np.array([*SNR_EDGES, 2 * SNR_EDGES[-1]])
    for k, (name, scored) in enumerate(scores.items()):
        bins = _snr_bins(scored["operating_points"][POINT]["completeness"])
        value, low, high = (_column(bins, key) for key in ("value", "low", "high"))
        middle = np.sqrt(edges[1:] * edges[:-1]) * 1.03**k  # beside each other, not on top
        spread = np.nan_to_num([value - low, high - value])
        axes.errorbar(middle, value, yerr=spread, marker="o", markersize=4, capsize=2, label=plain(name), **line(k))
    axes.set(xscale="log", xlabel="true signal to noise ratio", ylabel="completeness", ylim=(-0.02, 1.02))
    axes.set_xlim(edges[0], edges[-1])  # where there is no source at all, as well
    ticks = [*SNR_EDGES]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title("one false alarm per tile")
    axes.legend(loc="lower right")
    return saved(figure, save_path)


@styled
def operating_curve_plot(scores: Mapping[str, Mapping[str, Any]], *, save_path: Path | None = None) -> Figure:
    """Draw completeness against false alarms per tile, with its intervals, a panel for each sample of sources.

    Parameters
    ----------
    scores
        See :func:`write_scores`.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(3.1 * len(CURVE_SAMPLES), 3.4), layout="constrained")
    panels = figure.subplots(1, len(CURVE_SAMPLES), sharey=True)
    for axes, sample in zip(panels, CURVE_SAMPLES, strict=True):
        for k, (name, scored) in enumerate(scores.items()):
            curve = scored["operating_curve"]
            rate = _column(curve, "false_alarms_per_tile")
            value, low, high = (_column([row["completeness"][sample] for row in curve], key) for key in _KEYS)
            axes.plot(rate, value, drawstyle="steps-post", label=plain(name), **line(k))
            axes.fill_between(rate, low, high, step="post", alpha=0.2, color=line(k)["color"], linewidth=0)
        axes.set(xscale="log", xlabel="false alarms per tile", ylim=(-0.02, 1.02), title=_TITLES[sample])
        axes.set_xlim(CURVE_PER_TILE[0], CURVE_PER_TILE[-1])
    panels[0].set_ylabel("completeness")
    panels[-1].legend(loc="lower right")
    return saved(figure, save_path)


_KEYS = ("value", "low", "high")
_TITLES = {"all": "all to be found", "snr >= 10": "S/N of 10 and more", "snr 5-20": "S/N of 5 to 20"}


def _snr_bins(completeness: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the bins of signal to noise ratio, in the order of their edges."""
    names = [f"snr {low:g}-{high:g}" for low, high in pairwise(SNR_EDGES)]
    return [completeness[name] for name in (*names, f"snr > {SNR_EDGES[-1]:g}")]


def _column(rows: list[dict[str, Any]], key: str) -> FloatArray:
    """Return one number of each row; NaN for what is undefined."""
    return np.array([row[key] for row in rows], dtype=np.float64)


def _completeness_table(scores: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        (catalog, point, sample, row["n"], *(np.nan if row[key] is None else row[key] for key in _KEYS))
        for catalog, scored in scores.items()
        for point, operated in scored["operating_points"].items()
        for sample, row in operated["completeness"].items()
    ]
    return Table(rows=rows, names=("catalog", "operating_point", "sample", "n", *_KEYS))


def _curve_table(scores: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        (
            catalog,
            row["false_alarms_per_tile"],
            sample,
            *(
                np.nan if row["completeness"][sample][key] is None else row["completeness"][sample][key]
                for key in _KEYS
            ),
        )
        for catalog, scored in scores.items()
        for row in scored["operating_curve"]
        for sample in CURVE_SAMPLES
    ]
    return Table(rows=rows, names=("catalog", "false_alarms_per_tile", "sample", *_KEYS))
