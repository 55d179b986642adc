"""Prompt sets, plans, endpoints and prices: data in TOML, shipped beside this file."""

from pathlib import Path

ROOT = Path(__file__).parent
"""Directory that holds the shipped data files."""
