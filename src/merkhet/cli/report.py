"""``merkhet report``."""

from pathlib import Path

from merkhet.cli.output import QUIET_DEFAULT, Output


def report(run: Path, /, *, output: Output = QUIET_DEFAULT) -> int:
    """Write the report of a run anew from its tables.

    Example: merkhet report run

    Parameters
    ----------
    run
        Run folder made by merkhet train.
    """
    from merkhet.report.html import write_report

    path = write_report(run)
    output.say(f"report: {path}")
    output.summary(report=path)
    return 0
