"""Options that several verbs read alike."""

from merkhet.config.data import Columns, ReadSpec


def make_columns(path_column: tuple[str, ...], id_column: str | None) -> Columns:
    """Return the columns that ``--path-column`` (once per band) and ``--id-column`` name."""
    return Columns(path=path_column[0] if len(path_column) == 1 else path_column, id=id_column)


def make_read(hdu: str | None, plane: int | None) -> ReadSpec:
    """Return what ``--hdu`` (an index or a name) and ``--plane`` say."""
    return ReadSpec(hdu=int(hdu) if hdu is not None and hdu.isdigit() else hdu, plane=plane)
