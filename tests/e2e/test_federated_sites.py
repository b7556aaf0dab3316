"""Which servers a site talks to: those of its own enterprise, by their certificates, and no others either way."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from components.settings.federation import DEFAULT_STREAMS
from components.site.certificates import make_certificates
from components.site.federation import pin_of
from components.site.planned_site import PlannedSite
from components.site.prosody import ProsodyPlan
from tests.support.certificates import CertificateAuthority
from tests.support.ejabberd import EjabberdServer
from tests.support.foreign_server import (
    OFFERS_DIALBACK,
    ForeignStream,
    ListeningServer,
    serving,
    showing,
)
from tests.support.gate_process import GATE, GateProcess, gated_plan, one_enterprise
from tests.support.observer import read_log
from tests.support.ports import free_port
from tests.support.prosody import ProsodyServer
from tests.support.server import EJABBERD, SERVER, private_server
from tests.support.stream import Element, StreamEndedError, XmppStream, message, show

METALS, ZURICH, LONDON = "metals.example", "zurich.example", "london.example"
ALICE, BOB = f"alice@{METALS}", f"bob@{METALS}"
ZOE = f"zoe@{ZURICH}"
# To them our server connects, and each is wrong in its own way.
WRONG_AUTHORITY, WRONG_NAME, EXPIRED = "bern.example", "basel.example", "olten.example"
NO_TLS, ONLY_DIALBACK, WRONG_KEY = "thun.example", "genf.example", "chur.example"
ALL = (METALS, ZURICH, LONDON, WRONG_AUTHORITY, WRONG_NAME, EXPIRED, NO_TLS, ONLY_DIALBACK, WRONG_KEY)
STRANGER = "grain.example"
# What a stream is ended with that speaks for somebody else.
FORGED = "invalid-from" if SERVER is EJABBERD else "not-authorized"
ENTERPRISE_ONLY = "This server talks to the sites of its own enterprise only"
_RECEIPT = "{urn:xmpp:sid:0}stanza-id"


@dataclass(frozen=True, slots=True)
class Authorities:
    """Certificates by who signed them: the authority of Zurich, London's, and one that nobody here knows."""

    root: Path

    def of(self, authority: str, domain: str, *, expired: bool = False) -> Path:
        """Return the file of a certificate, which is made when it is first wanted."""
        folder = self.root / f"{authority}{'-long-ago' if expired else ''}"
        long_ago = dt.timedelta(days=1000 if expired else 0)
        make_certificates(
            folder, self.root / f"{folder.name}.key", authority, (domain,), dt.datetime.now(dt.UTC) - long_ago
        )
        return folder / f"{domain}.crt"

    def ca(self, authority: str, *, expired: bool = False) -> Path:
        """Return the file of an authority's own certificate."""
        return self.of(authority, "any.example", expired=expired).with_name("ca.crt")


@dataclass(frozen=True, slots=True)
class Metals:
    """The site under test: server, gate, and where the servers of others are to listen."""

    server: ProsodyServer | EjabberdServer
    gate: GateProcess
    made: Authorities

    @property
    def s2s(self) -> tuple[str, int]:
        """Where other servers connect."""
        return self.server.plan.address, self.server.plan.s2s_port

    def port_of(self, domain: str) -> int:
        """Return where the server of a domain is to listen."""
        return next(site.port for site in self.server.plan.sites if domain in site.domains)


def plan_metals(root: Path, authority: CertificateAuthority, made: Authorities) -> ProsodyPlan:
    london = x509.load_pem_x509_certificate(made.of("london", LONDON).read_bytes())
    pins = {LONDON: (pin_of(london),), WRONG_KEY: ("0" * 64,)}
    authorities = {LONDON: made.ca("london"), EXPIRED: made.ca("zurich", expired=True)}
    return gated_plan(
        root / "server",
        domains=(METALS,),
        room_domains=(),
        s2s_port=free_port(),
        certificates=authority.issue(root / "certs", (METALS,)),
        sites=tuple(
            PlannedSite(
                (domain,),
                authorities.get(domain, made.ca("zurich")),
                pins.get(domain, ()),
                "127.0.0.1",
                free_port(),
            )
            for domain in ALL[1:]
        ),
    )


@pytest.fixture(scope="module")
def metals(tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority) -> Iterator[Metals]:
    root = tmp_path_factory.mktemp("metals")
    made = Authorities(root)
    plan = plan_metals(root, authority, made)
    people = (ALICE, BOB, *(f"zoe@{domain}" for domain in ALL[1:]))
    server = private_server(plan)
    gate = GateProcess(root / "gate", plan, one_enterprise(people, domains=ALL))
    server.register(ALICE)
    with asyncio.Runner() as runner:
        try:
            runner.run(server.start())
            runner.run(gate.start())
            yield Metals(server, gate, made)
        finally:
            runner.run(server.kill9())
            runner.run(gate.kill9())


@pytest.fixture
async def alice(metals: Metals) -> AsyncIterator[XmppStream]:
    alice = await XmppStream.login(metals.server.address, f"{ALICE}/desk")
    await alice.come_online()
    yield alice
    await alice.close()


@pytest.fixture
async def zurich(metals: Metals) -> AsyncIterator[ForeignStream]:
    """Return the stream of the site in Zurich, which is who it says, and may say what it likes."""
    stream = ForeignStream(metals.s2s, ZURICH, METALS, tls=showing(metals.made.of("zurich", ZURICH)))
    await stream.open()
    await stream.prove()
    yield stream
    await stream.close()


async def why_closed(stream: ForeignStream) -> str:
    """Try to log in, which must not succeed, and return the stream error."""
    with pytest.raises(StreamEndedError):
        await stream.open()
        await stream.prove()
    await stream.wait_for_end()
    return stream.why_ended()


@pytest.mark.parametrize(
    "who",
    [
        STRANGER,
        f"evil.{ZURICH}",
        f"{ZURICH}.evil.example",
        "example",
        "zürich.example",
        "xn--zrich-kva.example",
        "zur\u0456ch.example",  # the third letter from the right is Cyrillic
        "",
    ],
)
async def test_a_server_of_no_site_is_turned_away_before_it_is_offered_anything(
    metals: Metals, who: str
) -> None:
    stream = ForeignStream(metals.s2s, who, METALS)
    if SERVER is EJABBERD:  # it says to everybody that it has TLS, and that is all
        await stream.open()
    else:
        with pytest.raises(StreamEndedError):
            await stream.open()
    await stream.wait_for_end()
    assert stream.why_ended() == f"policy-violation {ENTERPRISE_ONLY}"
    assert not stream.unread


@pytest.mark.parametrize(
    ("own", "signer", "named", "told"),
    [
        (ZURICH, "nobody", ZURICH, "is not trusted"),
        (ZURICH, "london", ZURICH, "is not trusted"),
        (LONDON, "zurich", LONDON, "is not trusted"),
        (ZURICH, "zurich", "bern.example", "is not valid for this name"),
        (ZURICH, "zurich", f"sub.{ZURICH}", "is not valid for this name"),
        (WRONG_KEY, "zurich", WRONG_KEY, "is not trusted"),
    ],
)
async def test_a_site_with_a_certificate_that_is_not_its_own_is_turned_away(
    metals: Metals, own: str, signer: str, named: str, told: str
) -> None:
    stream = ForeignStream(metals.s2s, own, METALS, tls=showing(metals.made.of(signer, named)))
    assert await why_closed(stream) == f"not-authorized Your server's certificate {told}"


async def test_a_site_whose_certificate_is_over_is_turned_away(metals: Metals) -> None:
    shown = showing(metals.made.of("zurich", EXPIRED, expired=True))
    stream = ForeignStream(metals.s2s, EXPIRED, METALS, tls=shown)
    assert await why_closed(stream) == "not-authorized Your server's certificate has expired"


async def test_a_site_without_a_certificate_is_turned_away(metals: Metals) -> None:
    stream = ForeignStream(metals.s2s, ZURICH, METALS, tls=showing(None))
    assert (await why_closed(stream)).startswith("not-authorized Your server's certificate")


async def test_a_site_is_the_same_before_and_after_tls(metals: Metals) -> None:
    """Zurich's authority does not vouch for London, also if the stream began as Zurich's."""
    stream = ForeignStream(metals.s2s, ZURICH, METALS, tls=showing(metals.made.of("zurich", LONDON)))

    async def restart_as_london() -> Element:
        features = await ForeignStream.restart(stream)
        stream.own = LONDON
        return features

    stream.restart = restart_as_london  # type: ignore[method-assign]
    assert "improper-addressing" in await why_closed(stream)


async def test_an_old_stream_does_not_get_tls_that_trusts_others(
    metals: Metals, authority: CertificateAuthority, tmp_path: Path
) -> None:
    """Without a version there are no features, with which a site's own TLS is chosen: it would be the server's."""
    shown = authority.issue(tmp_path, (ZURICH,)) / f"{ZURICH}.crt"
    stream = ForeignStream(metals.s2s, ZURICH, METALS, tls=showing(shown))
    with pytest.raises(StreamEndedError):
        await stream.open_as_of_old()
        await stream.prove()
    await stream.wait_for_end()
    assert stream.why_ended() == f"policy-violation {ENTERPRISE_ONLY}"


async def test_nobody_comes_as_ourselves(metals: Metals) -> None:
    stream = ForeignStream(metals.s2s, METALS, METALS, tls=showing(metals.made.of("zurich", METALS)))
    told = ENTERPRISE_ONLY if SERVER is EJABBERD else "Attempt to connect from a host we serve"
    assert told in await why_closed(stream)


@pytest.mark.parametrize("with_tls", [False, True])
async def test_dialback_proves_nothing(metals: Metals, with_tls: bool) -> None:
    shown = showing(metals.made.of("zurich", ZURICH)) if with_tls else None
    stream = ForeignStream(metals.s2s, ZURICH, METALS, tls=shown)
    await stream.open()
    stream.send(f"<db:result from='{ZURICH}' to='{METALS}'>a key</db:result>")
    stream.send(f"<message from='{ZOE}' to='{ALICE}' id='by-dialback'><body>Hello</body></message>")
    await stream.wait_for_end()
    assert stream.error is not None
    assert not await find(metals, "by-dialback")


async def find(metals: Metals, id_: str) -> list[tuple[str, str]]:
    """Return the way and the verdict of each record of a stanza."""
    content = await read_log(metals.gate)
    found = [each for each in content.submissions.values() if f"id='{id_}'".encode() in each.body]
    return [(str(each.way), each.action) for each in found]


async def test_a_site_of_the_enterprise_is_heard_and_recorded(
    metals: Metals, zurich: ForeignStream, alice: XmppStream
) -> None:
    zurich.send(f"<message from='{ZOE}' to='{ALICE}' type='chat' id='right'><body>Grüezi</body></message>")
    await alice.expect(message("Grüezi"))
    assert await find(metals, "right") == [("s2s", "release")]


async def test_of_a_sites_streams_the_newest_stay(metals: Metals, alice: XmppStream) -> None:
    """What is left of a link that was cut counts as well, so a site that comes again is let in."""
    shown, streams = showing(metals.made.of("zurich", ZURICH)), []
    for _ in range(DEFAULT_STREAMS + 1):
        streams.append(ForeignStream(metals.s2s, ZURICH, METALS, tls=shown))
        await streams[-1].open()
        await streams[-1].prove()
    oldest, *others = streams
    await oldest.wait_for_end()
    assert oldest.why_ended() == "conflict Your server has too many streams to this one"
    for number, stream in enumerate(others):
        stream.send(f"<message from='{ZOE}' to='{ALICE}' type='chat'><body>Stream {number}</body></message>")
        await alice.expect(message(f"Stream {number}"))
        await stream.close()


async def test_one_with_its_own_authority_and_the_expected_key_is_heard(
    metals: Metals, alice: XmppStream
) -> None:
    stream = ForeignStream(metals.s2s, LONDON, METALS, tls=showing(metals.made.of("london", LONDON)))
    await stream.open()
    await stream.prove()
    stream.send(f"<message from='zoe@{LONDON}' to='{ALICE}' type='chat'><body>Good day</body></message>")
    await alice.expect(message("Good day"))
    await stream.close()


@pytest.mark.parametrize(
    ("from_", "to", "told"),
    [
        (f"eve@{STRANGER}", ALICE, FORGED),
        (BOB, ALICE, FORGED),
        (METALS, ALICE, FORGED),
        (GATE, ALICE, FORGED),
        (f"zoe@{LONDON}", ALICE, FORGED),
        (f"zoe@rooms.{ZURICH}", ALICE, FORGED),
        (ZOE, f"zoe@{LONDON}", "host-unknown"),
        (ZOE, f"eve@{STRANGER}", "host-unknown"),
    ],
)
async def test_a_site_speaks_for_itself_alone_and_to_us_alone(
    metals: Metals, zurich: ForeignStream, from_: str, to: str, told: str
) -> None:
    zurich.send(f"<message from='{from_}' to='{to}' type='chat' id='forged'><body>Forged</body></message>")
    await zurich.wait_for_end()
    assert zurich.why_ended() == told
    assert not await find(metals, "forged")


async def test_a_forged_receipt_is_no_receipt(
    metals: Metals, zurich: ForeignStream, alice: XmppStream
) -> None:
    forged = f"<stanza-id xmlns='urn:xmpp:sid:0' by='{GATE}' id='gate/1'/>"
    zurich.send(
        f"<message from='{ZOE}' to='{ALICE}' type='chat' id='receipt'><body>Trust me</body>{forged}</message>"
    )
    received = await alice.expect(message("Trust me"))
    (receipt,) = [each for each in received.findall(_RECEIPT) if each.get("by") == GATE]
    log, _, index = (receipt.get("id") or "").partition("/")
    recorded = (await read_log(metals.gate)).submissions[int(index)]
    assert (log, b"id='receipt'" in recorded.body) == ("gate", True)


async def test_nothing_is_heard_of_a_site_before_it_has_proved_who_it_is(
    metals: Metals, alice: XmppStream
) -> None:
    stream = ForeignStream(metals.s2s, ZURICH, METALS, tls=showing(metals.made.of("zurich", ZURICH)))
    await stream.open()
    stream.send(f"<message from='{ZOE}' to='{ALICE}' type='chat' id='early'><body>Too early</body></message>")
    if SERVER is EJABBERD:  # it ends the stream; the next one is as any other
        await stream.wait_for_end()
        await stream.open()
    await stream.prove()
    stream.send(f"<message from='{ZOE}' to='{ALICE}' type='chat'><body>Now then</body></message>")
    await alice.expect(message("Now then"))
    assert not [each for each in alice.received if each.get("id") == "early"]
    assert not await find(metals, "early")
    await stream.close()


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("message xmlns='jabber:client'", f"from='{BOB}'"),
        ("c:message xmlns:c='jabber:client'", f"from='{BOB}'"),
        ("message xmlns='jabber:component:accept'", f"from='{BOB}'"),
        ("message xmlns='urn:x'", f"from='{BOB}'"),
        ("stream:message", f"from='{BOB}'"),
        ("message", ""),
        ("message", "from=''"),
        ("message", f"from='{ZOE}@{METALS}'"),
        ("message", f"from='{BOB}/@{ZURICH}'"),
        ("message", "from='bob@metals\u3002example'"),
        ("message xmlns:s='jabber:server'", f"s:from='{ZOE}' from='{BOB}'"),
    ],
)
async def test_no_spelling_of_a_stanza_speaks_for_somebody_else(
    metals: Metals, zurich: ForeignStream, alice: XmppStream, name: str, addresses: str
) -> None:
    element = name.partition(" ")[0]
    zurich.send(f"<{name} {addresses} to='{ALICE}' id='twisted'><body>Forged</body></{element}>")
    zurich.send(f"<message from='{ZOE}' to='{ALICE}' type='chat'><body>That was all</body></message>")
    heard = asyncio.ensure_future(alice.expect(message("That was all")))
    ended = asyncio.ensure_future(zurich.wait_for_end())
    await asyncio.wait((heard, ended), return_when=asyncio.FIRST_COMPLETED)
    heard.cancel()
    ended.cancel()
    assert not [each for each in alice.received if "Forged" in show(each)]
    assert not await find(metals, "twisted")


@pytest.mark.parametrize("name", ["received", "sent"])
async def test_a_site_has_no_copies_of_what_others_said(
    metals: Metals, zurich: ForeignStream, alice: XmppStream, name: str
) -> None:
    said = f"<message xmlns='jabber:client' from='{BOB}/desk' to='{ALICE}'><body>Sold.</body></message>"
    before = len(await find(metals, "copy"))
    for sender in (ZOE, f"{ZOE}/desk", ZURICH):
        zurich.send(
            f"<message from='{sender}' to='{ALICE}' id='copy'><{name} xmlns='urn:xmpp:carbons:2'>"
            f"<forwarded xmlns='urn:xmpp:forward:0'>{said}</forwarded></{name}></message>"
        )
    zurich.send(f"<message from='{ZOE}' to='{ALICE}' type='chat'><body>That was all</body></message>")
    await alice.expect(message("That was all"))
    assert (await find(metals, "copy"))[before:] == [("s2s", "refuse")] * 3
    assert not [each for each in alice.received if each.get("id") == "copy"]


_VERDICT = "<verdict xmlns='urn:steelyard:gate:0' epoch='1' through='999999' first='0'/>"
_HELD = (
    "<held xmlns='urn:steelyard:gate:0' epoch='1' way='c2s' session='c1' seq='1'>"
    f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{BOB}' to='{ALICE}'>"
    "<body>Forged</body></message></forwarded></held>"
)


@pytest.mark.parametrize("to", [ALICE, f"{ALICE}/desk", METALS, GATE])
@pytest.mark.parametrize("payload", [_VERDICT, _HELD], ids=["verdict", "held"])
async def test_the_gates_protocol_is_not_for_other_sites(
    metals: Metals, zurich: ForeignStream, alice: XmppStream, to: str, payload: str
) -> None:
    before = len(await find(metals, "protocol"))
    zurich.send(f"<message from='{ZOE}' to='{to}' id='protocol'>{payload}</message>")
    zurich.send(f"<message from='{ZOE}' to='{ALICE}' type='chat'><body>And now</body></message>")
    await alice.expect(message("And now"))
    assert (await find(metals, "protocol"))[before:] == [("s2s", "refuse")]
    assert not [
        each for each in alice.received if "urn:steelyard:gate:0" in str(each.xpath("string(//namespace::*)"))
    ]


async def test_a_site_has_no_other_people_than_those_of_the_directory(
    metals: Metals, zurich: ForeignStream, alice: XmppStream
) -> None:
    zurich.send(
        f"<message from='mallory@{ZURICH}' to='{ALICE}' type='chat' id='unlisted'><body>Hi</body></message>"
    )
    zurich.send(f"<message from='{ZOE}' to='{ALICE}' type='chat'><body>That was all</body></message>")
    await alice.expect(message("That was all"))
    assert not [each for each in alice.received if each.findtext("{jabber:client}body") == "Hi"]
    assert await find(metals, "unlisted") == [("s2s", "refuse")]


@pytest.mark.parametrize(
    ("domain", "signer", "named", "told"),
    [
        (WRONG_AUTHORITY, "nobody", WRONG_AUTHORITY, b"is not trusted"),
        (WRONG_NAME, "zurich", ZURICH, b"is not valid for this name"),
        (WRONG_KEY, "zurich", WRONG_KEY, b"is not trusted"),
    ],
)
async def test_nothing_goes_to_a_server_with_another_certificate(
    metals: Metals, alice: XmppStream, domain: str, signer: str, named: str, told: bytes
) -> None:
    heard = await say_to(metals, alice, domain, metals.made.of(signer, named))
    assert told in heard


async def test_nothing_goes_to_a_server_whose_certificate_is_over(metals: Metals, alice: XmppStream) -> None:
    heard = await say_to(metals, alice, EXPIRED, metals.made.of("zurich", EXPIRED, expired=True))
    assert b"has expired" in heard


async def test_nothing_goes_to_a_server_without_tls(metals: Metals, alice: XmppStream) -> None:
    await say_to(metals, alice, NO_TLS, None, OFFERS_DIALBACK)


async def test_nobody_is_called_back(metals: Metals, alice: XmppStream) -> None:
    heard = await say_to(
        metals, alice, ONLY_DIALBACK, metals.made.of("zurich", ONLY_DIALBACK), OFFERS_DIALBACK
    )
    assert b"db:" not in heard


async def say_to(
    metals: Metals, alice: XmppStream, domain: str, certificate: Path | None, *offers: str
) -> bytes:
    """Say something to a site, which must come back and not be said to its server; return what that heard."""
    tls = serving(certificate) if certificate else None
    async with ListeningServer(metals.port_of(domain), tls, *offers) as there:
        alice.send(f"<message to='zoe@{domain}' type='chat' id='to-{domain}'><body>Secret</body></message>")
        answer = await alice.expect(lambda each: each.get("id") == f"to-{domain}")
        assert answer.get("type") == "error"
        await there.wait_for_end()
        assert f"to='{domain}'".encode() in there.heard
        assert b"Secret" not in there.heard
        return there.heard
