"""Cameras of telescopes: from their pixels to square grids, or to convolutions on the pixels themselves."""
