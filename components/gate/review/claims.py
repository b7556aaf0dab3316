"""What the adapter of one session has been asked to inject, and what it has submitted of that."""

from dataclasses import dataclass, field

from policy.review import Place


@dataclass(slots=True)
class Claims:
    """The review queue's; made with a session, and gone with it, as the adapter submits again what it holds.

    All are named by the token of their item. `places` are the submissions that carry an item, `asked_at_s` is when its
    stanza was asked for last, by a monotonic clock.
    """

    places: dict[str, Place] = field(default_factory=dict)
    asked_at_s: dict[str, float] = field(default_factory=dict)

    @property
    def unheard(self) -> list[str]:
        """What was asked for and has not come back."""
        return [token for token in self.asked_at_s if token not in self.places]

    def forget(self, token: str) -> None:
        """Forget an item that is carried out, or has to be asked for anew."""
        self.places.pop(token, None)
        self.asked_at_s.pop(token, None)
