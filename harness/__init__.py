"""The side that writes: it plans, fires, times, decodes, stores, simulates and carries the command line."""
