"""Feature extractors: a tensor in, `{"c1": stride 2, ..., "c5": stride 32}` out, in the caller's own flat graph."""
