"""Drawing: what a prompt asks for, put on a canvas in one of a few styles, well or badly."""
