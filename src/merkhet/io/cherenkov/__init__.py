"""Cherenkov telescope arrays: cameras, telescopes, directions, and the HDF5 files of events in five layouts."""
