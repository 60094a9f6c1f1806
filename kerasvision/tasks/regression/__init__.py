"""Numbers that a photograph shows: an age, a weight, an angle, coordinates."""
