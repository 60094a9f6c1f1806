"""`python -m kerasvision.edge`."""

import sys

from kerasvision.edge.main import main

if __name__ == "__main__":
    sys.exit(main())
