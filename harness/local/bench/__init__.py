"""How fast a local pipeline is, how fast its device could be, and which settings come closest without other images."""
