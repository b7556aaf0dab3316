"""Says how much space is free on a disk, in the unit in which that can be read."""

MIB, GIB = 1 << 20, 1 << 30


def tell_free(free_bytes: int) -> str:
    """Return the free space in GiB or, where there is less than one, in MiB."""
    if free_bytes < GIB:
        return f"{free_bytes // MIB:,} MiB free"
    return f"{free_bytes / GIB:,.1f} GiB free"
