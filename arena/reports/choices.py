"""What can be chosen of a report, as far as a command line names it; imports nothing heavy."""

from typing import Literal

Warmth = Literal["any", "warm", "cold"]
"""Which attempts: all, those on a connection that stood already, or those that had to open one."""
