"""The schema of ``pack.json``: what a pack holds, and how it was taken out of the user's files."""

from merkhet.config.base import Config
from merkhet.config.data import ReadSpec
from merkhet.config.inputs import InputSpec

FORMAT_VERSION = 2


class PackHeader(Config):
    """What a pack says of itself.

    Attributes
    ----------
    format
        Version of the layout; another one is not read.
    merkhet
        Version of Merkhet that packed it.
    rows
        Rows of the table, rejected ones included.
    fingerprint
        Digest of files and options: a job goes on with its own pack only.
    paths
        Path columns of the table, in the order of the bands.
    input
        Bands, dimensions and shape of the stored images. With ``fit: center`` they were cropped or padded to it.
    read
        How pixels were taken out of the files.
    """

    format: int = FORMAT_VERSION
    merkhet: str
    rows: int
    fingerprint: str
    paths: tuple[str, ...]
    input: InputSpec
    read: ReadSpec
