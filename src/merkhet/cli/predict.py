"""``merkhet predict``."""

from pathlib import Path

from merkhet.cli.numbers import AtLeastOne, AtLeastZero
from merkhet.cli.output import QUIET_DEFAULT, Output
from merkhet.config.inference import BackendName, Precision


def predict(
    model: Path,
    /,
    *inputs: str,
    out: Path | None = None,
    write_header: bool = False,
    path_column: tuple[str, ...] = ("path",),
    id_column: str | None = None,
    root: Path | None = None,
    hdu: str | None = None,
    plane: AtLeastZero | None = None,
    batch_size: AtLeastOne = 64,
    device: str = "auto",
    backend: BackendName = "torch",
    precision: Precision = "f32",
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Classify images with a trained model.

    Every good image becomes a row of the catalog; every bad one a row of the rejects, and the run goes on.

    Example: merkhet predict run new_images/ 'more/*.fits' --out catalog.ecsv --write-header

    Parameters
    ----------
    model
        A run folder or a bundle folder.
    inputs
        FITS files, folders, patterns, or tables with a path column.
    out
        Catalog to write: .ecsv, .csv, .fits, .vot or .parquet. Printed where absent and no header is written.
    write_header
        Write label, probability and model into the header of each image; every other byte stays as it was.
    path_column
        Column of the file where an input is a table; once per band.
    id_column
        Column of the name where an input is a table.
    root
        Folder that a table's relative paths start from; the table's own where absent.
    hdu
        HDU of the image by index or name.
    plane
        Plane of a cube to take.
    batch_size
        Images that go through the network together.
    device
        auto, cpu, cuda, cuda:1 or mps.
    backend
        What runs the network: torch, or openvino, which is faster on a processor (pip install 'merkhet[openvino]').
    precision
        f32, or bf16: faster where the processor has it; how far it moves probabilities is measured and said.
    overwrite
        Replace an output that exists.
    """
    from merkhet.cli.options import make_columns, make_read
    from merkhet.infer.model import load
    from merkhet.infer.predict import predict as run_predict

    read = make_read(hdu, plane)
    trained = load(model, device=device, backend=backend, precision=precision, hdu=read.hdu, plane=read.plane)
    if backend != "torch" or precision != "f32":
        output.say(f"backend: {trained.backend}")
    columns = make_columns(path_column, id_column)
    with output.progress("predicting") as progress:
        result = run_predict(
            trained,
            inputs,
            out=out,
            write_header=write_header,
            columns=columns,
            root=root,
            batch_size=batch_size,
            overwrite=overwrite,
            progress=progress,
        )
    if out is None and not write_header and not output.json:
        print("\n".join(result.table.pformat(max_lines=-1, max_width=-1)))  # noqa: T201
    output.say(f"{len(result.table)} images classified, {len(result.rejects)} rejected")
    for reject in result.rejects[:5]:
        output.say(f"  {reject.file}: {reject.reason}")
    if out is not None:
        output.say(f"catalog: {out}\nrejects: {result.rejects_path}")
    rows, rejected = len(result.table), len(result.rejects)
    output.summary(catalog=out, rejects=result.rejects_path, rows=rows, rejected=rejected, backend=trained.backend)
    return 3 if result.rejects else 0
