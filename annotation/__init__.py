"""How a person's decision becomes a label."""
