"""How fast scoring is, and how often hosts of one model are told apart rightly and wrongly."""
