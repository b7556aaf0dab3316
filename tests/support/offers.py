"""What became of messages that say "Offer ...": at the clients, and in the logs of two sites."""

from collections import Counter

from lxml import etree

from tests.support.observer import LogContent
from tests.support.stream import XmppStream


def ids_of(stream: XmppStream, *, errors: bool) -> list[str]:
    """Return the ids of the messages that came, or of those that came back."""
    return [
        each.get("id", "")
        for each in stream.received
        if each.tag.endswith("}message") and (each.get("type") == "error") is errors
    ]


def recorded(content: LogContent, way: str) -> Counter[str]:
    """Return how often each message that was released is recorded as having come by this way."""
    return Counter(
        etree.fromstring(each.body).get("id", "")
        for each in content.submissions.values()
        if each.way == way and each.action == "release" and b"<body>Offer" in each.body
    )


def ids_carried_out(content: LogContent) -> set[str]:
    """Return the ids of the messages of clients that a log says were carried out."""
    return {etree.fromstring(each.body).get("id", "") for each in content.carried_out()}


def ids_returned(content: LogContent) -> set[str]:
    """Return the ids of the messages of clients that a log says came back."""
    return {
        etree.fromstring(each.body).get("id", "")
        for each in content.submissions.values()
        if each.way == "c2s" and each.seq in content.bounced(each.epoch)
    }
