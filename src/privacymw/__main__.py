"""`python -m privacymw` is the command `privacymw`."""

import sys

from privacymw.cli import main

if __name__ == "__main__":
    sys.exit(main())
