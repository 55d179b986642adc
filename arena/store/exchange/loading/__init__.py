"""Rows of an export, stored: all in the caller's transaction, each once, and never over what was measured here."""
