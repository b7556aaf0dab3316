"""Size limits of the gate's link, in bytes as written (docs/gate-protocol.md, section 5.5)."""

ELEMENT_MAX_BYTES = 4 * 1024 * 1024
"""The largest element of a component's stream that the server accepts. A larger one ends the stream."""

FORWARDED_MAX_BYTES = 3 * 1024 * 1024
"""The largest amended or injected stanza that the gate forwards in one element. The wrapping fits easily."""

STANZA_MAX_BYTES = 2 * 1024 * 1024
"""The largest stanza that a sender may submit. A client's 256 KiB never reach this, with any escaping."""

PART_MAX_BYTES = 64 * 1024
"""The size at which the gate begins a new part. A part with a single item in it may be larger."""
