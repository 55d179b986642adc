"""What others wrote and is installed with Arena: pinned, hashed, listed, and under licences that allow it."""
