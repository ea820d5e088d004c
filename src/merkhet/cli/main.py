"""The ``merkhet`` command: finds the verb, runs it, and turns what happened into an exit code."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from merkhet import __version__
from merkhet.cli.bin import bin_
from merkhet.cli.calibrate import calibrate
from merkhet.cli.convert import convert
from merkhet.cli.evaluate import evaluate
from merkhet.cli.import_ import import_
from merkhet.cli.inject import inject
from merkhet.cli.inspect import inspect
from merkhet.cli.pack import pack
from merkhet.cli.patches import patches
from merkhet.cli.predict import predict
from merkhet.cli.recipes import recipes
from merkhet.cli.report import report
from merkhet.cli.scan import scan
from merkhet.cli.simulate import simulate
from merkhet.cli.train import train
from merkhet.errors import MerkhetError

DONE, OUR_FAULT, WRONG_USE, SOME_REJECTED, INTERRUPTED = 0, 1, 2, 3, 130

HELP = """From calibrated pixels to a calibrated catalog, with deep learning, at any wavelength.

A first session:

    merkhet simulate radio_galaxies sky --n 2000 --seed 1
    merkhet train radio_galaxies data.table=sky/catalog.csv --out run
    merkhet predict run sky/images --out catalog.csv

Exit codes: 0 done; 1 a fault of Merkhet; 2 wrong usage, configuration or input; 3 done, but some inputs were
rejected (their table is named); 130 interrupted.
"""

VERBS = (
    simulate,
    convert,
    pack,
    patches,
    train,
    calibrate,
    evaluate,
    report,
    predict,
    scan,
    inject,
    bin_,
    import_,
    inspect,
    recipes,
)

app = App(
    name="merkhet",
    help=HELP,
    help_format="markdown",
    version=__version__,
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,  # main answers it
)
for verb in VERBS:
    app.command(verb, name=verb.__name__.rstrip("_"))  # import is a word of Python's


# Idle OpenMP threads that spin are 5 % faster alone and 2.5 times slower beside one busy process (torch 2.13, 2 cores).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, MerkhetError) as error:
        errors.print(f"merkhet: {error}", markup=False)
        return error.exit_code if isinstance(error, MerkhetError) else WRONG_USE
    except KeyboardInterrupt:
        errors.print("merkhet: interrupted", markup=False)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nothing more to say
        return DONE
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # no name of ours: the user gave it
            errors.print(f"merkhet: {error.filename}: the file name is too long", markup=False)
            return WRONG_USE
        traceback.print_exc()
        errors.print("merkhet: this is a fault of Merkhet; please report it with the lines above", markup=False)
        return OUR_FAULT
    return code if isinstance(code, int) else DONE
