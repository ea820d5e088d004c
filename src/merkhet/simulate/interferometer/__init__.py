"""The core of an interferometer: from where antennas stand to images in Jy/beam.

Conventions, in all modules: offsets on the sky are direction cosines ``l`` to the east and ``m`` to the north of the
phase center; pixels count from the phase center, ``x`` to the west as on a map with north up, ``y`` to the north.
Spatial frequencies are in cycles per pixel along these axes, so that ``kx = -u`` times the pixel in radians. A Fourier
plane is the half ``kx >= 0`` of a periodic grid, the rows in the order of ``scipy.fft.fftfreq``, cut behind the last
column that a baseline reaches. The array is flat, so that a snapshot needs no w-term in the orthographic (SIN) plane of
its own pointing (Cornwell & Perley 1992, A&A 261, 353; section 3).
"""
