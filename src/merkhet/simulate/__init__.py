"""Simulated observations with known truth, one instrument per file or folder. No torch here."""
