"""Which objects a photograph shows, and where."""
