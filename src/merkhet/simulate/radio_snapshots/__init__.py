"""Snapshots of a low-frequency survey, with interference and with sources that a sidelobe of the primary beam sees."""

from merkhet.simulate.radio_snapshots.dataset import observe, simulate
from merkhet.simulate.radio_snapshots.survey import Survey

__all__ = ["Survey", "observe", "simulate"]
