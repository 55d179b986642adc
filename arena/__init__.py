"""Arena measures image-generation providers and ranks what they make."""

__version__ = "0.1.0"
