"""Scores with intervals, each beside a baseline that needs no learning: numpy and scikit-learn, never torch."""
