"""Showers of gammas, electrons and protons, as an array of Cherenkov telescopes of several types records them."""

from merkhet.simulate.cherenkov.dataset import observe, simulate
from merkhet.simulate.cherenkov.observation import Observation

__all__ = ["Observation", "observe", "simulate"]
