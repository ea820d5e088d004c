"""The command line: one thin file per verb. ``merkhet --help`` imports neither torch nor lightning."""

from merkhet.cli.main import main

__all__ = ["main"]
