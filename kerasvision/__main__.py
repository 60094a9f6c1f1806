"""`python -m kerasvision` is the command `kerasvision`."""

import sys

from kerasvision.cli.main import main

sys.exit(main())
