"""What a step of the review queue makes of its items, before it is stored."""

from policy.review import Item


class Change:
    """Items as they will be, once that is stored; `touched` are the tokens of those that are not as they were."""

    def __init__(self, items: dict[str, Item]) -> None:
        self.items = dict(items)
        self.touched: set[str] = set()

    def put(self, item: Item) -> None:
        """Have an item be so."""
        self.items[item.token] = item
        self.touched.add(item.token)

    def add(self, item: Item) -> None:
        """Take an item in, unless there is one of its token."""
        if item.token not in self.items:
            self.put(item)

    def drop(self, token: str) -> None:
        """Have an item be no more."""
        del self.items[token]
        self.touched.add(token)
