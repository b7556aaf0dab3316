"""One proof for many leaves: the hashes of the largest subtrees without any of them, from left to right.

With these hashes and the leaves, anybody computes the root (RFC 6962, 2.1). A node that several inclusion proofs would
name is there once at most, and none if the leaves themselves give it.
"""

from collections.abc import Iterable, Iterator

from components.archive.log.merkle import ProofError, Span, split_point


def absent_spans(indexes: Iterable[int], size: int) -> Iterator[Span]:
    """Yield the spans whose hashes prove the leaves `indexes`, ascending, in a tree of `size`; raises ProofError."""
    wanted = iter(indexes)
    index = next(wanted, size)
    open_spans = [Span(0, size)] if size else []
    while open_spans:
        span = open_spans.pop()
        if index >= span.end:
            yield span
        elif index < span.start:
            raise ProofError(f"leaf {index} is not in ascending order")
        elif span.end - span.start == 1:
            index = next(wanted, size)
        else:
            middle = split_point(span)
            open_spans += (Span(middle, span.end), Span(span.start, middle))
    if index < size or next(wanted, None) is not None:
        raise ProofError(f"leaf {index} is not in a tree of {size}, or not in ascending order")
