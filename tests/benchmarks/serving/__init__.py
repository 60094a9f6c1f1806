"""A load on servers of the same SavedModel: ours and its peers, each in a process of its own."""
