"""What the adapter of one session has been asked to inject, and which of it has been submitted."""

from dataclasses import dataclass, field

from policy.review import Place


@dataclass(slots=True)
class Claims:
    """Belongs to the review queue. It ends with its session, because the adapter submits again what it holds.

    The keys are the items' tokens. `places` are the submissions that carry an item. `asked_at_s` is the time of the
    last request for its stanza, by a monotonic clock.
    """

    places: dict[str, Place] = field(default_factory=dict)
    asked_at_s: dict[str, float] = field(default_factory=dict)

    @property
    def unheard(self) -> list[str]:
        """The tokens that were asked for and have not come back."""
        return [token for token in self.asked_at_s if token not in self.places]

    def forget(self, token: str) -> None:
        """Forget an item that is carried out, or has to be asked for again."""
        self.places.pop(token, None)
        self.asked_at_s.pop(token, None)
