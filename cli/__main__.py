"""Run the command line with `python -m cli`, as the launcher does."""

from cli.app import main

main()
