"""Numbers as people read them."""


def human_bytes(count):
    """1234567 -> "1.2 MB" (powers of ten, as disks and app stores count)."""
    if count < 1000:
        return f"{count} B"
    for unit in ("kB", "MB"):
        count /= 1000
        if round(count, 1) < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"
