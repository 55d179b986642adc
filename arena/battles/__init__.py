"""Battles: which pair is shown to whom, as which images, and how a vote is bound to it."""
