"""Feature extractors: a tensor in, `{"c1": stride 2, ..., "c5": stride 32}` out, as layers of the caller's flat graph."""
