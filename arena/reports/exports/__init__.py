"""Tables as files: written, described, published, and read back."""
