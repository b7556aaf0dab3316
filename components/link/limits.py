"""How large what crosses the gate's link may be, in bytes as written (docs/gate-protocol.md, section 5.5)."""

ELEMENT_MAX_BYTES = 4 * 1024 * 1024
"""What the server takes as one element of a component's stream: a larger one ends the stream."""

FORWARDED_MAX_BYTES = 3 * 1024 * 1024
"""What the gate forwards in one element, amended or to be injected: what is around it fits easily."""

STANZA_MAX_BYTES = 2 * 1024 * 1024
"""What a sender may have held as one stanza; a client's 256 KiB are never as much, however they are escaped."""

PART_MAX_BYTES = 64 * 1024
"""Where the gate cuts what can be said in parts; a part that has one thing in it may be larger."""
