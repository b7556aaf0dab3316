"""Makes up weeks of talk among some people, one to one and in rooms: the same for the same seed."""

from collections.abc import Callable, Iterator

from components.audit.mark import Mark
from components.site.history import stanzas
from components.site.history.line import Line, Place
from components.site.history.plan import NS_PER_S, Plan
from components.site.history.told import Speaker, Told
from components.site.history.words import EMOJIS, GOODS, NEAR_SPELLINGS, SAID, Scene
from policy.decision import StanzaError

_PER_STATUS = 64
_REFUSED = StanzaError("modify", "policy-violation", "Prices are told in the deals room only.")


def make_talk(plan: Plan) -> Iterator[Told]:
    """Yield the records of a made-up talk, in the order of a log, each with the truth about it."""
    yield from _Talk(plan).run()


class _Talk(Line):
    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._places = self._make_places()
        self._acts: list[tuple[float, Callable[[Place], Iterator[Told]]]] = [
            (0.04, self._correct),
            (0.055, self._retract),
            (0.095, self._react),
            (0.15, self._acknowledge),
            (0.19, self._reply),
            (0.20, self._leave),
            (0.205, self._correct_anothers),
            (0.21, self._refuse),
            (0.213, self._hold),
        ]
        if plan.has_files:
            self._acts.append((0.218, self._attach))

    def run(self) -> Iterator[Told]:
        """Yield all records."""
        plan, random = self._plan, self._random
        planted = dict(
            zip(
                sorted(random.sample(range(plan.turns), min(len(plan.scenes), plan.turns))),
                plan.scenes,
                strict=False,
            )
        )
        for turn in range(plan.turns):
            if turn and turn % plan.restart_after == 0:
                self._restart()
            self._pass_time()
            if self._now_ns >= plan.until_ns:
                self._now_ns = plan.until_ns
                break
            place = random.choice(self._places)
            if turn in planted:
                yield from self._play(planted[turn], place)
            else:
                chance = random.random()
                act = next((act for below, act in self._acts if chance < below), self._say)
                yield from act(place)
            if self._seq - self._done > _PER_STATUS:
                yield self._carry_out()
        yield self._carry_out()

    def _make_places(self) -> list[Place]:
        people, random = self._plan.people, self._random
        rooms = [Place(tuple(people), room) for room in self._plan.rooms]
        pairs = [
            Place((one, other))
            for at, one in enumerate(people)
            for other in people[at + 1 :]
            if random.random() < 0.5 or at == 0
        ]
        # A room has as much to say as a few pairs.
        return pairs + rooms * max(1, len(pairs) // 4)

    def _restart(self) -> None:
        self._restarts += 1
        self._seq, self._done = 0, -1
        self._bound.clear()
        for place in self._places:
            place.present = frozenset()

    def _pick(self, place: Place) -> Speaker:
        return self._random.choice(place.members)

    def _find_own(self, place: Place) -> tuple[Speaker, Told] | None:
        if not place.recent:
            return None
        told = self._random.choice(place.recent)
        return next(each for each in place.members if each.jid == told.sender), told

    def _phrase(self, language: str) -> str:
        random = self._random
        return random.choice(SAID[language]).format(
            good=random.choice(GOODS[language]),
            tons=random.randrange(5, 500, 5),
            price=f"{random.randrange(2000, 30000):,}",
            hour=random.randrange(8, 19),
            lot=f"L{random.randrange(10_000, 99_999)}",
        )

    def _say(self, place: Place) -> Iterator[Told]:
        speaker = self._pick(place)
        language = speaker.language if self._random.random() < 0.7 else "en"
        text, planted = self._phrase(language), ""
        if self._random.random() < 0.002:
            word = self._random.choice(tuple(NEAR_SPELLINGS))
            text, planted = f"{text} {self._random.choice(NEAR_SPELLINGS[word])}", f"near:{word}"
        yield from self._send(
            place, speaker, stanzas.say(text), Mark.MESSAGE, text=text, language=language, planted=planted
        )

    def _attach(self, place: Place) -> Iterator[Told]:
        """Let a person send a small file inside a message."""
        random, speaker = self._random, self._pick(place)
        name = f"positions-{random.randrange(1000, 9999)}.csv"
        goods = "\n".join(f"{good},{random.randrange(5, 500, 5)}" for good in GOODS[speaker.language])
        text = self._phrase(speaker.language)
        content = stanzas.attach(text, name, f"good,tons\n{goods}\n".encode())
        yield from self._send(
            place, speaker, content, Mark.MESSAGE, text=text, language=speaker.language, file=name
        )

    def _correct(self, place: Place) -> Iterator[Told]:
        if (found := self._find_own(place)) is None:
            return
        speaker, told = found
        text = self._phrase(told.language or "en")
        truth = {"text": text, "target": told.number, "language": told.language}
        yield from self._send(place, speaker, stanzas.correct(text, told.id), Mark.CORRECTION, **truth)

    def _correct_anothers(self, place: Place) -> Iterator[Told]:
        """Let somebody try to correct what another person said, as if it were theirs: no client shows that."""
        if (found := self._find_own(place)) is None:
            return
        speaker, told = found
        other = next(each for each in place.members if each is not speaker)
        text = self._phrase("en")
        truth = {"text": text, "target": told.number, "is_valid": False, "language": "en"}
        yield from self._send(place, other, stanzas.correct(text, told.id), Mark.CORRECTION, **truth)

    def _retract(self, place: Place) -> Iterator[Told]:
        if (found := self._find_own(place)) is None:
            return
        speaker, told = found
        place.recent.remove(told)
        yield from self._send(place, speaker, stanzas.retract(told.id), Mark.RETRACTION, target=told.number)

    def _react(self, place: Place) -> Iterator[Told]:
        if (found := self._find_own(place)) is None:
            return
        told, speaker = found[1], self._pick(place)
        emojis = tuple(self._random.sample(EMOJIS, self._random.randrange(0, 3)))
        content = stanzas.react(told.id, emojis)
        yield from self._send(place, speaker, content, Mark.REACTION, target=told.number, emojis=emojis)

    def _acknowledge(self, place: Place) -> Iterator[Told]:
        if place.room or (found := self._find_own(place)) is None:
            return
        author, told = found
        reader = next(each for each in place.members if each is not author)
        is_displayed = self._random.random() < 0.5
        mark = Mark.MARKER if is_displayed else Mark.RECEIPT
        content = stanzas.acknowledge(told.id, is_displayed=is_displayed)
        yield from self._send(place, reader, content, mark, target=told.number)

    def _reply(self, place: Place) -> Iterator[Told]:
        if (found := self._find_own(place)) is None:
            return
        told, speaker = found[1], self._pick(place)
        text = self._phrase(speaker.language)
        content = stanzas.reply(text, told.id, told.text)
        truth = {"text": text, "target": told.number, "language": speaker.language}
        yield from self._send(place, speaker, content, Mark.MESSAGE, **truth)

    def _leave(self, place: Place) -> Iterator[Told]:
        inside = [each for each in place.members if each.jid in place.present]
        if not inside:
            return
        speaker = self._random.choice(inside)
        place.present -= {speaker.jid}
        body = stanzas.leave(speaker.session, place.room, speaker.nick)
        yield self._tell(
            self._submit(body, speaker.jid),
            Mark.LEAVE,
            sender=speaker.jid,
            to=place.room,
            present=place.present,
        )

    def _refuse(self, place: Place) -> Iterator[Told]:
        yield from self._decide(place, "refuse", ("prices",), _REFUSED)

    def _hold(self, place: Place) -> Iterator[Told]:
        yield from self._decide(place, "hold", ("review-prices",), None)

    def _decide(
        self, place: Place, action: str, rules: tuple[str, ...], error: StanzaError | None
    ) -> Iterator[Told]:
        """Let a person say what the rules do not let pass."""
        speaker = self._pick(place)
        yield from self._enter(place, speaker)
        to = place.room or next(each.jid for each in place.members if each is not speaker)
        text, id_ = self._phrase("en"), f"h{self._plan.seed}-{self._number}"
        body = stanzas.make_message(speaker.session, to, id_, stanzas.say(text), is_room=bool(place.room))
        submission = self._submit(body, speaker.jid, action=action, rules=rules, error=error)
        truth = {"sender": speaker.jid, "to": to, "id": id_, "text": text, "language": "en"}
        yield self._tell(submission, Mark.MESSAGE, present=place.present, **truth)

    def _play(self, scene: Scene, place: Place) -> Iterator[Told]:
        """Play a scene of misconduct at a place."""
        first = self._random.sample(list(place.members), 2)
        last: Told | None = None
        for at, text in enumerate(scene.said):
            self._now_ns += self._random.randrange(5, 60) * NS_PER_S
            is_edited = bool(scene.edited) and at == len(scene.said) - 1
            said = scene.edited if is_edited else text
            truth: dict[str, object] = {"text": said, "language": scene.language, "planted": scene.name}
            yield from self._send(place, first[at % 2], stanzas.say(said), Mark.MESSAGE, **truth)
            last = place.recent[-1]
            if is_edited:
                truth = {
                    "text": text,
                    "target": last.number,
                    "planted": scene.name,
                    "language": scene.language,
                }
                content = stanzas.correct(text, last.id)
                yield from self._send(place, first[at % 2], content, Mark.CORRECTION, **truth)
        if scene.is_unsaid and last is not None:
            place.recent.remove(last)
            speaker = next(each for each in first if each.jid == last.sender)
            content, target = stanzas.retract(last.id), last.number
            yield from self._send(place, speaker, content, Mark.RETRACTION, target=target, planted=scene.name)
