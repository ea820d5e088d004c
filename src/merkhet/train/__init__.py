"""Training: from an experiment to a run folder with a bundle in it. Lightning is imported here and nowhere else."""
