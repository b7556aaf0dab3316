"""The changes that a step of the review queue makes to its items, before they are stored."""

from policy.review import Item


class Change:
    """The items after the change is stored; `touched` are the tokens of the changed items."""

    def __init__(self, items: dict[str, Item]) -> None:
        self.items = dict(items)
        self.touched: set[str] = set()

    def put(self, item: Item) -> None:
        """Put an item in, in place of one with the same token."""
        self.items[item.token] = item
        self.touched.add(item.token)

    def add(self, item: Item) -> None:
        """Add an item, unless there is one with its token."""
        if item.token not in self.items:
            self.put(item)

    def drop(self, token: str) -> None:
        """Remove an item."""
        del self.items[token]
        self.touched.add(token)
