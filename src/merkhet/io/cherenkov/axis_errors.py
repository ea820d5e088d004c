"""Errors of the axes of images: what both intersections of axes, in single and in double precision, count with."""

ROUNDS = 4
"""How often the distance that errors grow with is found anew."""

PIXEL_ERROR_DEG = 0.02
"""Error of an axis that no brightness takes away: the size of pixels and of the optical point-spread function."""

LEAKAGE_ERROR = 5.0
"""By how much the errors of an axis grow with the share of light in the outer two pixels of the camera."""

FIRST_DISTANCE_DEG = 1.0
"""Distance of the source from an image before one is known."""

MIN_CROSSING = 1e-3
"""Least ratio of the eigenvalues of a crossing: axes within some 2 degrees of each other do not cross."""
