"""`python -m app`: serve, unless a subcommand says otherwise."""

import sys

from app.commands import main

sys.exit(main(sys.argv[1:]))
