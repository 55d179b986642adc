"""Ratings from blind pairwise votes: one exact fit, honest intervals, tiers. Pure functions of arrays."""
