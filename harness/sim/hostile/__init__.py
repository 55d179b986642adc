"""Servers that misbehave, as a catalogue: one entry says what its server does and what a trial against it is to become.

`arena sim hostile` runs a trial against each, beside an endpoint that works, and prints what became of them.
"""
