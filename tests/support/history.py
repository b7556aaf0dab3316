"""Made-up talk with the truth about it, as tests and benches use it."""

from collections.abc import Iterator, Sequence

from components.site.history.plan import NS_PER_S, Plan
from components.site.history.talk import make_talk
from components.site.history.told import Speaker, Told
from tests.support.audit_site import T0_NS

__all__ = ["PEOPLE", "ROOMS", "Speaker", "Told", "make_history"]

PEOPLE = (
    Speaker("alice@metals.example", "Alice Adler", "metals", "en"),
    Speaker("bob@metals.example", "Bob Brandt", "metals", "de"),
    Speaker("chen@metals.example", "Chen Wei", "metals", "zh"),
    Speaker("dasom@metals.example", "Kim Dasom", "options", "ko"),
    Speaker("emir@metals.example", "Emir Haddad", "options", "ar"),
    Speaker("fedor@metals.example", "Fedor Orlov", "options", "ru"),
)
ROOMS = ("deals@rooms.metals.example", "research@rooms.metals.example")


def make_history(
    turns: int,
    *,
    seed: int = 14,
    people: Sequence[Speaker] = PEOPLE,
    rooms: Sequence[str] = ROOMS,
    days: float = 30,
    restart_after: int = 20_000,
    has_files: bool = False,
) -> Iterator[Told]:
    """Yield about as many records as there are turns, over some days that end before `T0_NS`; a million in a minute."""
    begin_ns = T0_NS - int(days * 86_400) * NS_PER_S
    step_s = days * 86_400 / turns
    plan = Plan(
        seed, people, rooms, turns, begin_ns, step_s, restart_after=restart_after, has_files=has_files
    )
    yield from make_talk(plan)
