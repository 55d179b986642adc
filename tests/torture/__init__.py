"""Processes killed at random instants, and an account of what they leave behind; `python -m tests.torture`."""
