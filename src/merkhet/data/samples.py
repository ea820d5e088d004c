"""From the user's table to the list of usable samples, packed or not."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.data import Columns, Data
from merkhet.config.inputs import InputSpec
from merkhet.data.measured import PREFIX, Examination, Measured, add_measured, examine, shape_from_text, shape_text
from merkhet.errors import InputError
from merkhet.execute import Progress, pool, unordered_map
from merkhet.io.rejects import Reject
from merkhet.io.tables import read_table, require_columns, select_rows
from merkhet.io.units import same_unit

PACK_INDEX = "index.parquet"


@dataclass(frozen=True)
class SampleTable:
    """Usable samples, one row each with the measured columns, and the rejects found on the way.

    Attributes
    ----------
    table
        The user's columns and the measured ones of :class:`merkhet.data.measured.Measured`.
    rejects
        Rows left out so far.
    pack
        Folder of packed pixels, or None where pixels are read from the files of each row.
    """

    table: Table
    rejects: tuple[Reject, ...] = ()
    pack: Path | None = None

    def __len__(self) -> int:
        return len(self.table)

    def reject(self, bad: npt.NDArray[np.bool_], reasons: list[str], *, stage: str) -> "SampleTable":
        """Move the rows under ``bad`` to the rejects, with one reason for each."""
        files = np.asarray(self.table[PREFIX + "path"]).astype(str)[bad]
        found = tuple(Reject(str(file), stage, reason) for file, reason in zip(files, reasons, strict=True))
        return replace(self, table=self.table[~bad], rejects=self.rejects + found)

    def check_rejects(self, max_fraction: float) -> None:
        """Stop the run when too much was rejected.

        Raises
        ------
        InputError
            With the count and the commonest reason.
        """
        total = len(self.table) + len(self.rejects)
        if len(self.table) and len(self.rejects) <= max_fraction * total:
            return
        reasons = [reject.reason for reject in self.rejects]
        raise InputError(
            self.table.meta.get("source", "the table"),
            f"{len(self.rejects)} of {total} rows cannot be used, most often: {max(set(reasons), key=reasons.count)}",
            expected=f"at most {max_fraction:.0%} and at least one good row",
            action="See rejects.csv; mend the rows, leave them out with data.where, or raise data.max_reject_fraction",
        )


def sample_ids(table: Table, columns: Columns) -> npt.NDArray[np.str_]:
    """Return the unique names of the rows: the id column, or else the first path column."""
    return np.asarray(table[columns.id or columns.paths[0]]).astype(str)


def sample_groups(table: Table, columns: Columns) -> npt.NDArray[np.str_]:
    """Return the group of each row as text; every row is its own group where no column is named."""
    if columns.group is None:
        return sample_ids(table, columns)
    return np.asarray(table[columns.group]).astype(str)


def row_paths(table: Table, columns: Columns, *, root: Path) -> list[tuple[Path, ...]]:
    """Return the files of each row; relative paths start from ``root``."""
    per_band = [[root / str(name) for name in table[column]] for column in columns.paths]
    return list(zip(*per_band, strict=True))


def read_rows(data: Data, *, needed: tuple[str, ...] = ()) -> Table:
    """Read the user's table or a pack's index, check its columns and ids, keep the rows that ``where`` selects.

    Raises
    ------
    InputError
        The table is missing or damaged, lacks a column, has an id twice, or no row is left.
    """
    source, columns = data.table, data.columns
    if source.is_dir():
        source = source / PACK_INDEX
        if not source.is_file():
            raise InputError(data.table, f"a folder without {PACK_INDEX}", expected="a table, or a finished pack")
    table = read_table(source)
    optional = [name for name in (columns.id, columns.group, columns.split) if name]
    require_columns(table, [*columns.paths, *optional, *needed, *data.where], source=source)
    table = select_rows(table, dict(data.where), source=source)
    table.meta["source"] = str(source)
    if not len(table):
        raise InputError(source, "no row is left", action="Check the table and data.where")
    ids, counts = np.unique(sample_ids(table, columns), return_counts=True)
    if (counts > 1).any():
        twice = ids[counts > 1][0]
        raise InputError(source, f"id '{twice}' stands in {counts.max()} rows", expected="a unique id for each row")
    return table


def load_samples(
    data: Data, spec: InputSpec, *, needed: tuple[str, ...] = (), workers: int = 1, progress: Progress | None = None
) -> SampleTable:
    """List the samples of an experiment; those that cannot be used stand among the rejects.

    A pack answers from its index; otherwise every file is read once, so that what cannot be used is known before
    training starts. ``needed`` names further columns that must be there (labels).
    """
    table = read_rows(data, needed=needed)
    if data.table.is_dir():
        return from_measured(table, pack=data.table)
    paths = row_paths(table, data.columns, root=data.root or data.table.parent)
    jobs = [Examination(n, files, spec.channels, spec.dims, data.read) for n, files in enumerate(paths)]
    results: list[Measured] = []
    with pool(workers) as executor:
        for result in unordered_map(examine, jobs, executor=executor, pending=8 * max(workers, 1)):
            results.append(result)
            if progress:
                progress(len(results), len(jobs))
    return from_measured(add_measured(table, results, channels=spec.channels))


def from_measured(table: Table, *, pack: Path | None = None) -> SampleTable:
    """Part a table with measured columns into usable rows and rejects."""
    reasons = np.asarray(table[PREFIX + "reason"]).astype(str)
    bad = reasons != ""
    return SampleTable(table, pack=pack).reject(bad, list(reasons[bad]), stage="read")


def resolve_input(spec: InputSpec, samples: SampleTable) -> tuple[InputSpec, SampleTable]:
    """Fill in what ``spec`` leaves open (shape, unit, pixel scale) and reject the rows that contradict it.

    The commonest shape and unit of the samples stand in for ones that were not given. Training needs one shape, so
    ``fit: any`` rejects other shapes here as ``exact`` does.
    """
    table = samples.table
    shapes = np.asarray(table[PREFIX + "shape"]).astype(str)
    units = np.asarray(table[PREFIX + "unit"]).astype(str)
    scales = np.asarray(table[PREFIX + "scale"], dtype=float)
    shape = spec.shape or shape_from_text(_commonest(shapes))
    unit = next((band.unit for band in spec.bands if band.unit), None) or _commonest(units[units != ""])
    bands = tuple(band if band.unit or not unit else band.model_copy(update={"unit": unit}) for band in spec.bands[:1])
    scale = spec.pixel_scale_arcsec or (float(np.nanmedian(scales)) if np.isfinite(scales).any() else None)
    resolved = spec.model_copy(update={"shape": shape, "bands": (*bands, *spec.bands[1:]), "pixel_scale_arcsec": scale})
    other_unit = np.array([bool(u) and bool(unit) and not same_unit(u, unit) for u in units], dtype=bool)
    reasons = [f"unit is {u}; expected {unit}. Convert it, or set input.bands" for u in units[other_unit]]
    samples = samples.reject(other_unit, reasons, stage="read")
    if spec.fit == "center":
        return resolved, samples
    shapes = shapes[~other_unit]
    other = shapes != shape_text(shape)
    reasons = [
        f"image is {s} px; expected {shape_text(shape)} px. Set input.fit=center to crop or pad" for s in shapes[other]
    ]
    return resolved, samples.reject(other, reasons, stage="read")


def _commonest(values: npt.NDArray[np.str_]) -> str:
    if not len(values):
        return ""
    names, counts = np.unique(values, return_counts=True)
    return str(names[counts.argmax()])
