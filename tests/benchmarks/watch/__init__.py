"""How often the watch cries wolf, and how soon it sees what is there."""
