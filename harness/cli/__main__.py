"""`python -m harness.cli`: the `arena` command where it is not installed."""

from harness.cli import main

main()
