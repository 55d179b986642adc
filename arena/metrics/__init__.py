"""One function and one literal a figure."""
