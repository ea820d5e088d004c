"""Tasks: what is learned from a batch, and how an output becomes an answer. One file per task."""
