"""What goes out to files and comes back: tables as literals with their queries, streamed as Arrow batches.

A new table is one `Spec` with its query; it joins `specs.SPECS` in the place where an import can read it.
"""
