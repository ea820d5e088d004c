"""``python -m merkhet``: the command line."""

import sys

from merkhet.cli import main

sys.exit(main())
