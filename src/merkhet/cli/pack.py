"""``merkhet pack``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from merkhet.cli.numbers import AtLeastOne, AtLeastZero
from merkhet.cli.output import QUIET_DEFAULT, Output

if TYPE_CHECKING:
    from merkhet.data.pack import PackResult


def pack(
    table: Path,
    out: Path,
    /,
    *,
    path_column: tuple[str, ...] = ("path",),
    id_column: str | None = None,
    root: Path | None = None,
    bands: AtLeastOne | None = None,
    dims: Literal[2, 3] = 2,
    shape: Annotated[tuple[int, ...] | None, Parameter(consume_multiple=True)] = None,
    hdu: str | None = None,
    plane: AtLeastZero | None = None,
    workers: AtLeastOne | None = None,
    shard: str = "1/1",
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Pack the images of a table, or events of a Cherenkov array, into memory-mapped arrays for fast epochs.

    A pack stands wherever a table stands: merkhet train RECIPE data.table=PACK. A job that was killed goes on when
    the same command is given again; --shard 1/4 ... 4/4 on four machines share one pack. Events (data.files=PACK)
    take no option but --overwrite: a file becomes a pack, a folder of files a folder of packs.

    Example: merkhet pack sky/catalog.csv sky/pack --workers 4

    Parameters
    ----------
    table
        CSV, ECSV, FITS, VOTable or Parquet with a row per sample; or an HDF5 file of events, or a folder of such files.
    out
        Folder to make.
    path_column
        Column of the file; once per band where bands lie in separate files.
    id_column
        Column of the unique name; the path where absent.
    root
        Folder that relative paths start from; the table's own where absent.
    bands
        Number of bands that one file holds, if not one.
    dims
        2 for images, 3 for cubes.
    shape
        Crop or pad every image to this many rows and columns (planes first for a cube); images of another shape than
        the first are rejected where absent.
    hdu
        HDU of the image by index or name; the first image where absent.
    plane
        Plane of a cube to take.
    workers
        Processes; all cores where absent.
    shard
        Part i/n of the job.
    overwrite
        Replace an output that exists.
    """
    from merkhet.cli.options import make_columns, make_read
    from merkhet.config.data import Data
    from merkhet.config.inputs import InputSpec
    from merkhet.config.load import validate
    from merkhet.data.pack import pack as run_pack
    from merkhet.execute import Shard, default_workers
    from merkhet.io.cherenkov.reading import EVENT_SUFFIXES

    if table.name.lower().endswith(EVENT_SUFFIXES) or table.is_dir():
        given = (id_column, root, bands, shape, hdu, plane, workers)
        plain = path_column == ("path",) and dims == 2 and shard == "1/1" and not any(x is not None for x in given)
        return _pack_events(table, out, plain=plain, overwrite=overwrite, output=output)
    names = path_column if bands is None else [f"band_{number}" for number in range(bands)]
    spec: dict[str, Any] = {"bands": [{"name": name} for name in names], "dims": dims, "shape": shape}
    spec["fit"] = "exact" if shape is None else "center"
    data = Data(table=table, root=root, columns=make_columns(path_column, id_column), read=make_read(hdu, plane))
    with output.progress("packing") as progress:
        result = run_pack(
            data,
            out,
            spec=validate(InputSpec, spec, source="pack"),
            workers=workers or default_workers(),
            shard=Shard.parse(shard),
            overwrite=overwrite,
            progress=progress,
        )
    return _say(result, output)


def _say(packed: "PackResult", output: Output) -> int:
    """Print what was packed; return the exit code."""
    if not packed.complete:
        output.say(
            f"{packed.folder}: {packed.shards_done} of {packed.shards} shards are done; the rest is still to be packed"
        )
    else:
        output.say(f"{packed.folder}: {packed.rows} images packed, {packed.rejected} rejected")
    if packed.rejected:
        output.say(f"rejects: {packed.folder / 'rejects.csv'}")
    output.summary(pack=packed.folder, rows=packed.rows, rejected=packed.rejected, complete=packed.complete)
    return 3 if packed.rejected else 0


def _pack_events(file: Path, out: Path, *, plain: bool, overwrite: bool, output: Output) -> int:
    from merkhet.errors import ConfigError
    from merkhet.io.cherenkov.packed import pack_events
    from merkhet.io.cherenkov.reading import open_event_file

    if not plain:
        raise ConfigError(f"{file} holds events: pack takes no option but --overwrite for these")
    if file.is_dir():
        return _pack_folder(file, out, overwrite=overwrite, output=output)
    with output.progress("packing") as progress:
        packed = pack_events(open_event_file(file), out, overwrite=overwrite, progress=progress)
    output.say(f"{out}: {len(packed.index)} events with {packed.index.n_images} images packed")
    output.summary(pack=out, events=len(packed.index), images=packed.index.n_images)
    return 0


def _pack_folder(folder: Path, out: Path, *, overwrite: bool, output: Output) -> int:
    from merkhet.data.event_pack import pack_event_files

    with output.progress("packing") as progress:
        made = pack_event_files([folder], out, overwrite=overwrite, progress=progress)
    counts = [sum(len(pack.index) for pack in made.packs), sum(pack.index.n_images for pack in made.packs)]
    output.say(
        f"{out}: {counts[0]} events with {counts[1]} images in {len(made.packs)} packs"
        f"{f', {made.kept} of them made before' if made.kept else ''}"
    )
    for reject in made.rejects:
        output.say(f"  {reject.file}: {reject.reason}")
    output.summary(pack=out, events=counts[0], images=counts[1], packs=len(made.packs), rejected=len(made.rejects))
    return 3 if made.rejects else 0
