"""Numbers that a text is given by people: a score, a price."""
