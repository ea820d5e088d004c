"""What a method says of events of an array, beside the truth."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.evaluate.bootstrap import FloatArray
from merkhet.io.cherenkov.direction import separation_deg
from merkhet.io.tables import require_columns

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

WHERE = "reconstructed events"


@dataclass(frozen=True, eq=False)
class EventAnswers:
    """What a method says of events ``(n,)``, beside the truth.

    Attributes
    ----------
    is_gamma
        The truth.
    gammaness
        Probability of a gamma; NaN where the method does not say.
    energy_error
        ``energy / true_energy - 1``; NaN for other particles and where the method does not say.
    separation_deg
        Angle between direction and true direction; NaN alike.
    true_energy
        TeV.
    group
        Group of each event, ``0 .. groups - 1``.
    """

    is_gamma: BoolArray
    gammaness: FloatArray
    energy_error: FloatArray
    separation_deg: FloatArray
    true_energy: FloatArray
    group: IntArray

    def __len__(self) -> int:
        return len(self.is_gamma)

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.group.max()) + 1 if len(self.group) else 0


def read_event_answers(table: Table, *, signal: str = "gamma") -> EventAnswers:
    """Return the answers that a table of predictions holds.

    Parameters
    ----------
    table
        ``true_particle``, the name of the particle; perhaps ``gammaness``; ``energy`` and ``true_energy`` in TeV;
        ``alt``, ``az``, ``true_alt`` and ``true_az`` in deg; ``is_valid``, false for rows that are no answers;
        ``group``, every row its own where absent.
    signal
        The name of gammas.

    Raises
    ------
    InputError
        The truth is missing, or there is no row.
    """
    require_columns(table, ["true_particle"], source=WHERE)
    if not len(table):
        raise InputError(WHERE, "none is there", expected="one event or more")
    is_gamma = np.asarray(table["true_particle"]).astype(str) == signal
    valid = np.asarray(table["is_valid"], dtype=bool) if "is_valid" in table.colnames else np.ones(len(table), bool)

    def column(name: str, *, rows: BoolArray = valid) -> FloatArray:
        if name not in table.colnames:
            return np.full(len(table), np.nan)
        return np.where(rows, np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan), np.nan)

    energy, true_energy = column("energy", rows=valid & is_gamma), column("true_energy", rows=valid | True)
    alt, az = (np.deg2rad(column(name, rows=valid & is_gamma)) for name in ("alt", "az"))
    truth = [np.deg2rad(column(f"true_{name}")) for name in ("alt", "az")]
    group = np.asarray(table["group"]).astype(str) if "group" in table.colnames else np.arange(len(table))
    return EventAnswers(
        is_gamma,
        column("gammaness"),
        energy / true_energy - 1,
        separation_deg(alt, az, *truth),
        true_energy,
        np.unique(group, return_inverse=True)[1].astype(np.int64),
    )
