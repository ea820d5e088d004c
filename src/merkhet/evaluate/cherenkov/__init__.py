"""Events of Cherenkov arrays without networks: image parameters, geometry, trees; and the scores of any answers."""
