"""``merkhet inspect``."""

from pathlib import Path

from merkhet.cli.output import QUIET_DEFAULT, Output


def inspect(path: Path, /, *, output: Output = QUIET_DEFAULT) -> int:
    """Say what a file or folder is: image, table, events, pack, bundle or run; show the card of a packaged model.

    Example: merkhet inspect run

    Parameters
    ----------
    path
        What to look at.
    """
    from merkhet.infer.inspect import describe

    facts = describe(path)
    output.summary(**facts)
    if not output.json:
        card = facts.pop("card", None)
        width = max(map(len, facts))
        print("\n".join(f"{name:{width}}  {value}" for name, value in facts.items()))  # noqa: T201
        if card:
            print(f"\n{card}", end="")  # noqa: T201
    return 0
