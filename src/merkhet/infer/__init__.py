"""Inference: a trained model applied to files, folders, tables or arrays. Lightning is not needed here."""
