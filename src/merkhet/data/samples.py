"""From the user's table to the list of usable samples, packed or not."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.data import Columns, Data, ReadSpec
from merkhet.config.inputs import InputSpec
from merkhet.data.measured import PREFIX, Examination, Measured, add_measured, examine, shape_from_text, shape_text
from merkhet.data.packed import PACK_INDEX, read_of_pack
from merkhet.errors import InputError
from merkhet.execute import Progress, pool, unordered_map
from merkhet.io.image_lists import PROBLEM
from merkhet.io.rejects import Reject
from merkhet.io.tables import read_table, require_columns, select_rows
from merkhet.io.units import same_unit


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
    read
        How pixels were, or are to be, taken out of the files.
    """

    table: Table
    rejects: tuple[Reject, ...] = ()
    pack: Path | None = None
    read: ReadSpec = field(default_factory=ReadSpec)

    def __len__(self) -> int:
        return len(self.table)

    def reject(self, bad: npt.NDArray[np.bool_], reasons: list[str], *, stage: str) -> "SampleTable":
        """Move the rows under ``bad`` to the rejects, with one reason for each."""
        files = np.asarray(self.table[PREFIX + "path"]).astype(str)[bad]
        numbers = np.asarray(self.table[PREFIX + "row"], dtype=int)[bad] + 1
        source = self.table.meta.get("source", "the table")
        found = tuple(
            Reject(str(file) or f"row {number} of {source}", stage, reason)
            for file, number, reason in zip(files, numbers, reasons, strict=True)
        )
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
        ((commonest, _),) = Counter(reject.reason for reject in self.rejects).most_common(1) or (("no row is left", 0),)
        raise InputError(
            self.table.meta.get("source", "the table"),
            f"{len(self.rejects)} of {total} rows cannot be used, most often: {commonest}",
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


def reject_without_group(samples: SampleTable, columns: Columns) -> SampleTable:
    """Reject rows whose group is missing: they could stand on both sides of a split unnoticed."""
    if columns.group is None:
        return samples
    missing = _missing(samples.table, columns.group)
    reason = f"no value in column {columns.group!r}; expected a group"
    return samples.reject(missing, [reason] * int(missing.sum()), stage="label")


def reject_broken_lines(samples: SampleTable) -> SampleTable:
    """Reject rows that a list of images could not take, with what it says of them."""
    if PROBLEM not in samples.table.colnames:
        return samples
    problems = np.asarray(samples.table[PROBLEM]).astype(str)
    return samples.reject(problems != "", problems[problems != ""].tolist(), stage="list")


def row_paths(table: Table, columns: Columns, *, root: Path) -> list[tuple[Path, ...]]:
    """Return the files of each row, none where a path column is empty; relative paths start from ``root``."""
    per_band = [[root.absolute() / str(name) for name in table[column]] for column in columns.paths]
    nameless = np.any([_missing(table, column) for column in columns.paths], axis=0)
    return [() if empty else files for files, empty in zip(zip(*per_band, strict=True), nameless, strict=True)]


def _missing(table: Table, name: str) -> npt.NDArray[np.bool_]:
    """Return which cells of a column hold nothing."""
    column = np.ma.asarray(table[name])
    return np.asarray(np.ma.getmaskarray(column) | np.isin(np.ma.getdata(column).astype(str), ("", "nan")))


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
    require_columns(table, [*columns.paths, *optional, *columns.metadata, *needed, *data.where], source=source)
    if not data.table.is_dir():
        table[PREFIX + "row"] = np.arange(len(table))  # a reject without a file is named by its row
    table = select_rows(table, dict(data.where), source=source)
    table.meta["source"] = str(source)
    if not len(table):
        raise InputError(source, "no row is left", action="Check the table and data.where")
    ids = sample_ids(table, columns)
    # Rows without a file become rejects; their empty path is no name that stands twice.
    ids, counts = np.unique(ids if columns.id else ids[ids != ""], return_counts=True)
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
        return from_measured(table, pack=data.table, read=read_of_pack(data, spec))
    paths = row_paths(table, data.columns, root=data.root or data.table.parent)
    rows = np.asarray(table[PREFIX + "row"], dtype=int).tolist()
    jobs = [
        Examination(row, files, spec.channels, spec.dims, data.read) for row, files in zip(rows, paths, strict=True)
    ]
    results: list[Measured] = []
    with pool(workers) as executor:
        for result in unordered_map(examine, jobs, executor=executor, pending=8 * max(workers, 1)):
            results.append(result)
            if progress:
                progress(len(results), len(jobs))
    return from_measured(add_measured(table, results, channels=spec.channels), read=data.read)


def from_measured(table: Table, *, pack: Path | None = None, read: ReadSpec | None = None) -> SampleTable:
    """Part a table with measured columns into usable rows and rejects."""
    reasons = np.asarray(table[PREFIX + "reason"]).astype(str)
    bad = reasons != ""
    return SampleTable(table, pack=pack, read=read or ReadSpec()).reject(bad, list(reasons[bad]), stage="read")


def resolve_input(spec: InputSpec, samples: SampleTable) -> tuple[InputSpec, SampleTable]:
    """Fill in what ``spec`` leaves open (shape, units, pixel scale) and reject the rows that contradict it.

    The commonest shape and units of the samples stand in for ones that were not given. Other shapes are rejected for
    ``fit: exact`` alone.
    """
    if not len(samples):
        return spec, samples
    spec, samples = _resolve_units(spec, samples)
    if not len(samples):
        return spec, samples
    scales = np.asarray(samples.table[PREFIX + "scale"], dtype=float)
    scale = spec.pixel_scale_arcsec or (float(np.nanmedian(scales)) if np.isfinite(scales).any() else None)
    shape = spec.shape or shape_from_text(_commonest(np.asarray(samples.table[PREFIX + "shape"]).astype(str)))
    spec = spec.model_copy(update={"shape": shape, "pixel_scale_arcsec": scale})
    return spec, _reject_shapes(spec, samples)


def _reject_shapes(spec: InputSpec, samples: SampleTable) -> SampleTable:
    shapes = np.asarray(samples.table[PREFIX + "shape"]).astype(str)
    names, number = np.unique(shapes, return_inverse=True)
    small = np.array([min(shape_from_text(name)[-2:]) < spec.smallest for name in names], dtype=bool)[number]
    reasons = [f"image is {found} px; expected at least {spec.smallest} px a side" for found in shapes[small]]
    samples = samples.reject(small, reasons, stage="read")
    if spec.fit != "exact":
        return samples
    shapes, wanted = shapes[~small], shape_text(spec.shape or ())
    reasons = [
        f"image is {found} px; expected {wanted} px. Crop or pad it about its center; training with "
        "input.fit=center does so"
        for found in shapes[shapes != wanted]
    ]
    return samples.reject(shapes != wanted, reasons, stage="read")


def _resolve_units(spec: InputSpec, samples: SampleTable) -> tuple[InputSpec, SampleTable]:
    bands = list(spec.bands)
    for number, band in enumerate(spec.bands):
        units = np.asarray(samples.table[f"{PREFIX}unit_{number}"]).astype(str)
        expected = band.unit or _commonest(units[units != ""])
        bands[number] = band.model_copy(update={"unit": expected or None})
        other = np.array([bool(u and expected) and not same_unit(u, expected) for u in units], dtype=bool)
        reasons = [
            f"unit of band {band.name} is {u}; expected {expected}. Convert the image, or set input.bands"
            for u in units[other]
        ]
        samples = samples.reject(other, reasons, stage="read")
    return spec.model_copy(update={"bands": tuple(bands)}), samples


def _commonest(values: npt.NDArray[np.str_]) -> str:
    if not len(values):
        return ""
    names, counts = np.unique(values, return_counts=True)
    return str(names[counts.argmax()])
