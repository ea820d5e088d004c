"""X-ray dust-scattering halos and rings, as an all-sky survey with 4" pixels and a 30" beam sees them."""

from merkhet.simulate.halos.cutout_dataset import observe_cutouts, simulate_cutouts
from merkhet.simulate.halos.survey import Survey
from merkhet.simulate.halos.survey_dataset import simulate_survey

__all__ = ["Survey", "observe_cutouts", "simulate_cutouts", "simulate_survey"]
