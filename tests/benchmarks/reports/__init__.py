"""How much, and how fast, goes out to files and comes back."""
