"""Samples: datasets, packing, splits, augmentation and the loader that makes batches of them."""
