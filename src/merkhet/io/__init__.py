"""Formats in and out: FITS, headers, tables, atomic writes. No torch here."""
