"""Radio galaxies of Fanaroff-Riley classes I and II, as VLA FIRST would see them at 1.4 GHz."""

from merkhet.simulate.radio_galaxies.dataset import observe, simulate
from merkhet.simulate.radio_galaxies.survey import Survey

__all__ = ["Survey", "observe", "simulate"]
