"""Architectures, one per file, each with its schema in ``merkhet.config.models``. No input or output here."""
