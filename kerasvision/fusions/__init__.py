"""How what several senses have seen becomes one answer."""
