"""``merkhet import``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merkhet.cli.output import QUIET_DEFAULT, Output
from merkhet.config.foreign import ForeignName


def import_(
    weights: Path,
    out: Path,
    /,
    *,
    as_: Annotated[ForeignName, Parameter(name="--as")],
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Make a bundle of weights that another package has trained, to predict, scan or fine-tune with.

    Nothing in the file is run: one that holds more than tensors and numbers is refused.

    Example: merkhet import best_model.pth halo_full --as halo_full

    Parameters
    ----------
    weights
        PyTorch checkpoint (.pth, .pt): a state dict, or a dict with model_state_dict.
    out
        Bundle folder to make.
    as_
        What the weights are of.
    overwrite
        Replace an output that exists.
    """
    from merkhet.bundle.foreign import FOREIGN, import_weights

    spec = import_weights(weights, out, model=as_, overwrite=overwrite)
    output.say(f"{as_}: {FOREIGN[as_].parameters:,} parameters\nmodel: {out}")
    output.summary(model=out, parameters=FOREIGN[as_].parameters, hash=spec.hash)
    return 0
