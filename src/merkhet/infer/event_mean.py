"""What a model of single images says of the events of a file."""

import numpy as np
from astropy.table import Table

from merkhet.evaluate.cherenkov.telescope_mean import mean_over_telescopes
from merkhet.infer.event_files import ModelEvents


def events_of_images(file: ModelEvents, images: Table) -> Table:
    """Return the events of a file, in the order of ``file.rows``, from the answers for its images."""
    index = file.source.index
    event = np.flatnonzero(file.seen)[file.events.files[0].index.events_of(np.arange(len(images)))]
    table = mean_over_telescopes(images, event=event, count=len(file.rows))
    table.add_column(index.obs_id_of(file.rows), name="obs_id", index=0)
    table.add_column(index.event_id[file.rows], name="event_id", index=1)
    return table
