"""The scores of a catalog of detections: read, scored, written, and said in a few lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merkhet.cli.output import Output
from merkhet.errors import ConfigError

_SAMPLES = ("all", "snr >= 10", "snr 5-20")


@dataclass(frozen=True)
class DetectionFiles:
    """A catalog, what it is scored with, another catalog beside it, and the folder to make."""

    catalog: Path
    truth: Path
    tiles: Path
    against: Path | None = None
    out: Path | None = None

    @property
    def catalogs(self) -> dict[str, Path]:
        """The catalogs by the shortest name that tells them apart."""
        given = [path for path in (self.catalog, self.against) if path is not None]
        names = [path.name for path in given]
        return dict(zip(names if len(set(names)) == len(given) else map(str, given), given, strict=True))


def evaluate_catalog(files: DetectionFiles, *, separate: bool, overwrite: bool, output: Output) -> int:
    """Score a catalog against the truth, and another beside it."""
    from merkhet.evaluate.detection import compare_detections, evaluate_detections, match_catalog
    from merkhet.evaluate.tiling import read_tiling
    from merkhet.io.atomic import prepare_folder, refuse_existing
    from merkhet.io.tables import read_table

    if files.against is not None and files.against.resolve() == files.catalog.resolve():
        raise ConfigError(f"--against names the same catalog, {files.against}; expected another one")
    if files.out is not None:
        refuse_existing(files.out, overwrite=overwrite)
    truth, tables = read_table(files.truth), {name: read_table(path) for name, path in files.catalogs.items()}
    tiling = read_tiling(files.tiles, separate=separate)
    matched = {
        name: match_catalog(table, truth, tiling=tiling, source=files.catalogs[name], of=files.truth)
        for name, table in tables.items()
    }
    scores = {name: evaluate_detections(one) for name, one in matched.items()}
    comparison = compare_detections(*matched.values()) if files.against is not None else None
    if not output.json:
        print("\n".join(score_lines(scores, comparison=comparison)))  # noqa: T201
    if files.out is not None:
        from merkhet.report.detection import METRICS, write_scores

        inputs = [*files.catalogs.values(), files.truth, files.tiles]
        prepare_folder(files.out, marker=METRICS, overwrite=overwrite, inputs=inputs)
        write_scores(files.out, scores, matched=next(iter(matched.values())), comparison=comparison)
        output.say(f"scores: {files.out}")
    output.summary(out=files.out, catalogs=scores, comparison=comparison)
    return 0


def score_lines(scores: Mapping[str, dict[str, Any]], *, comparison: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the scores of each catalog, then what the first has over the second."""
    for name, scored in scores.items():
        found, listed = scored["detections"], scored["truth"]
        yield (
            f"{name}: {found['hit']} of {listed['positive']} sources found on {scored['n_tiles']} tiles "
            f"({scored['square_degrees']:.1f} square degrees), {found['false']} false alarms, "
            f"{found['ignored']} ignored"
        )
        yield f"{'threshold':15} {'false alarms/tile':>18} {'/deg2':>8} {'purity':>7}  completeness: " + "  ".join(
            f"{sample:>18}" for sample in _SAMPLES
        )
        for point, operated in scored["operating_points"].items():
            rates = [operated[key]["value"] for key in ("false_alarms_per_tile", "false_alarms_per_square_degree")]
            shares = "  ".join(f"{_share(operated['completeness'][sample]):>18}" for sample in _SAMPLES)
            purity = _number(operated["purity"]["value"])
            yield f"{point:15} {_number(rates[0]):>18} {_number(rates[1]):>8} {purity:>7}  {'':14}{shares}"
        calibration = scored["calibration"]
        if calibration is not None:
            yield f"calibration error of {calibration['n']} candidates: {_share(calibration['ece'])}"
    if comparison is not None:
        yield "first - second, completeness at equal false alarms:"
        for point in list(comparison)[1:]:
            for sample in _SAMPLES:
                row = comparison[point][f"completeness {sample}"]
                difference = _share({"value": row["difference"], **row})
                yield f"{point:15} {sample:10} {difference}  p {_number(row['p_value'])}"


def _share(row: Mapping[str, float | None]) -> str:
    """Return a value with its interval."""
    return f"{_number(row['value'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
