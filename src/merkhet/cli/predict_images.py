"""``merkhet predict`` with a model of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from merkhet.cli.output import Output
from merkhet.cli.rejected import say_rejects
from merkhet.errors import ConfigError

if TYPE_CHECKING:
    from merkhet.cli.predict import ImageOptions


def run_on_images(
    model: Path,
    inputs: Sequence[str],
    options: "ImageOptions",
    *,
    out: Path | None,
    batch_size: int,
    device: str,
    overwrite: bool,
    output: Output,
) -> int:
    """Classify images, say what came of it, and return the exit code."""
    from merkhet.cli.options import make_columns, make_read
    from merkhet.infer.heatmap import HeatMapFolder
    from merkhet.infer.model import load
    from merkhet.infer.predict import predict
    from merkhet.report.heat_map import heat_map_plot

    if options.group_column is not None and options.verdict is None:
        raise ConfigError("--group-column says what an observation is; it goes with --verdict")
    read = make_read(options.hdu, options.plane)
    trained = load(
        model, device=device, backend=options.backend, precision=options.precision, hdu=read.hdu, plane=read.plane
    )
    if options.backend != "torch" or options.precision != "f32":
        output.say(f"backend: {trained.backend}")
    columns = make_columns(options.path_column, options.id_column).model_copy(update={"group": options.group_column})
    with output.progress("predicting") as progress:
        result = predict(
            trained,
            inputs,
            out=out,
            write_header=options.write_header,
            verdict=options.verdict,
            stats=options.stats,
            heatmaps=None if options.heatmap is None else HeatMapFolder(options.heatmap, draw=heat_map_plot),
            columns=columns,
            root=options.root,
            batch_size=batch_size,
            overwrite=overwrite,
            progress=progress,
        )
    written = {
        "catalog": out,
        "verdict": options.verdict,
        "stats": options.stats,
        "heatmaps": options.heatmap,
        "rejects": result.rejects_path,
    }
    if not (any(written.values()) or options.write_header or output.json):
        print("\n".join(result.table.pformat(max_lines=-1, max_width=-1)))  # noqa: T201
    for note in result.notes:
        output.say(note)
    output.say(f"{len(result.table)} images classified, {len(result.rejects)} rejected")
    say_rejects(result.rejects, written=out is not None, output=output)
    for name, path in written.items():
        if path is not None:
            output.say(f"{name}: {path}")
    rows, rejected = len(result.table), len(result.rejects)
    output.summary(**written, rows=rows, rejected=rejected, backend=trained.backend)
    return 3 if result.rejects else 0
