"""Figures and the self-contained page that a run leaves behind."""
