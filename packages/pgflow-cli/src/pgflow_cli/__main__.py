"""`python -m pgflow_cli`, and what the console scripts name."""

import sys

from pgflow_cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
