"""The side that shows what was measured."""
