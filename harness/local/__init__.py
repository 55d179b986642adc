"""Local generation as an endpoint: an image server around a diffusers pipeline on this machine."""
