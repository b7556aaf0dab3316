from dataclasses import replace

import pytest

from components.archive.record import (
    Access,
    Alarm,
    Delivery,
    Event,
    OrderDetails,
    Record,
    RecordKind,
    Submission,
    encode_access,
    encode_alarm,
    encode_delivery,
    encode_event,
    encode_submission,
    parse_record,
)
from components.archive.record_header import RecordError
from policy.decision import StanzaError

STANZA = Submission(
    RecordKind.STANZA,
    "9f2c",
    42,
    "c2s",
    "c7",
    1_795_464_245_000_000_001,
    "refuse",
    ("encryption/omemo", "border"),
    StanzaError("modify", "policy-violation", "Turn encryption off."),
    b"<message to='bob@metals.example'>\n<body>caf\xc3\xa9</body></message>",
)
STANZA_BYTES = (
    b'{"epoch":"9f2c","seq":42,"way":"c2s","session":"c7","received_at_ns":1795464245000000001,"action":"refuse",'
    b'"rules":["encryption/omemo","border"],'
    b'"error":{"type":"modify","condition":"policy-violation","text":"Turn encryption off."}}\n' + STANZA.body
)
SESSION = STANZA._replace(kind=RecordKind.SESSION, action="release", rules=(), error=None, body=b"<bind/>")
DELIVERY = Delivery("9f2c", 57, (44, 46))
DELIVERY_BYTES = b'{"epoch":"9f2c","through":57,"bounced":[44,46]}\n'
ACCESS = Access(
    "audra@metals.example", "search", 'copper from:"ålice"', 1_795_464_245_000_000_002, 100_042, 3
)
ACCESS_BYTES = (
    '{"actor":"audra@metals.example","act":"search","query":"copper from:\\"ålice\\"",'
    '"at_ns":1795464245000000002,"log_size":100042,"result_count":3}\n'
).encode()
LATER_ACCESS = replace(ACCESS, result_digest="ab" * 32, matter="M-2026-7", reason="the regulator's letter")
LATER_ACCESS_BYTES = ACCESS_BYTES.replace(
    b"}\n",
    b',"result_digest":"%s","matter":"M-2026-7","reason":"the regulator\'s letter"}\n' % (b"ab" * 32),
)
ALARM = Alarm("numbers-missing", (("epoch", "9f2c"), ("first", 44), ("last", 46)), 1_795_464_245_000_000_003)
ALARM_BYTES = (
    b'{"name":"numbers-missing","details":{"epoch":"9f2c","first":44,"last":46},'
    b'"at_ns":1795464245000000003}\n'
)


def test_submission() -> None:
    assert encode_submission(STANZA) == STANZA_BYTES
    assert parse_record(RecordKind.STANZA, STANZA_BYTES) == STANZA


def test_session() -> None:
    payload = encode_submission(SESSION)
    assert payload.endswith(b'"action":"release","rules":[],"error":null}\n<bind/>')
    assert parse_record(RecordKind.SESSION, payload) == SESSION


def test_delivery() -> None:
    assert encode_delivery(DELIVERY) == DELIVERY_BYTES
    assert parse_record(RecordKind.DELIVERY, DELIVERY_BYTES) == DELIVERY


def test_delivery_to_rooms() -> None:
    delivery = replace(DELIVERY, archived=((100_042, "a-1"), (100_044, "ü")))
    payload = encode_delivery(delivery)
    assert payload == DELIVERY_BYTES[:-2] + ',"archived":[[100042,"a-1"],[100044,"ü"]]}\n'.encode()
    assert parse_record(RecordKind.DELIVERY, payload) == delivery


@pytest.mark.parametrize(
    "archived", ["[]", "[7]", '[["7","a"]]', "[[7]]", '[[7,"a",1]]', '[[true,"a"]]', "{}", "null"]
)
def test_no_delivery_to_rooms(archived: str) -> None:
    with pytest.raises(RecordError):
        parse_record(RecordKind.DELIVERY, DELIVERY_BYTES[:-2] + f',"archived":{archived}}}\n'.encode())


def test_access() -> None:
    assert encode_access(ACCESS) == ACCESS_BYTES
    assert parse_record(RecordKind.ACCESS, ACCESS_BYTES) == ACCESS


def test_access_for_a_matter() -> None:
    assert encode_access(LATER_ACCESS) == LATER_ACCESS_BYTES
    assert parse_record(RecordKind.ACCESS, LATER_ACCESS_BYTES) == LATER_ACCESS
    without_reason = replace(LATER_ACCESS, reason="")
    assert b"reason" not in encode_access(without_reason)
    assert parse_record(RecordKind.ACCESS, encode_access(without_reason)) == without_reason


@pytest.mark.parametrize("kind", [RecordKind.SUPERVISION, RecordKind.MATTER])
def test_acts_of_auditors(kind: RecordKind) -> None:
    event = Event(kind, "note", (("id", "M-1"), ("text", "looks odd")), 7)
    assert kind.is_sealed
    assert parse_record(kind, encode_event(event)) == event


def test_alarm() -> None:
    assert encode_alarm(ALARM) == ALARM_BYTES
    assert parse_record(RecordKind.ALARM, ALARM_BYTES) == ALARM
    shuffled = replace(ALARM, details=ALARM.details[::-1])
    assert encode_alarm(shuffled) == ALARM_BYTES


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n{}", bytes(range(256)), b"\xff\xfe"])
def test_any_body_comes_back_as_it_was(body: bytes) -> None:
    stanza = STANZA._replace(body=body)
    assert parse_record(RecordKind.STANZA, encode_submission(stanza)) == stanza


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("no newline", b"\n", b""),
        ("no header", STANZA_BYTES.split(b"\n")[0], b""),
        ("not JSON", b'{"epoch"', b"{epoch"),
        ("a list", STANZA_BYTES.split(b"\n")[0], b"[]"),
        ("a space", b'"seq":42', b'"seq": 42'),
        ("a key twice", b'"seq":42', b'"seq":42,"seq":42'),
        ("an unknown key", b'"seq":42', b'"seq":42,"more":1'),
        ("a missing key", b'"seq":42,', b""),
        ("keys exchanged", b'"epoch":"9f2c","seq":42', b'"seq":42,"epoch":"9f2c"'),
        ("a number as text", b'"seq":42', b'"seq":"42"'),
        ("a number as truth", b'"seq":42', b'"seq":true'),
        ("a fraction", b'"seq":42', b'"seq":42.0'),
        ("a negative number", b'"seq":42', b'"seq":-42'),
        ("a number beyond 64 bits", b'"seq":42', b'"seq":18446744073709551616'),
        ("a text as number", b'"way":"c2s"', b'"way":1'),
        ("no text", b'"way":"c2s"', b'"way":null'),
        ("an escape that is not needed", b'"way":"c2s"', b'"way":"\\u00632s"'),
        ("a byte that is no UTF-8", b'"way":"c2s"', b'"way":"\xff"'),
        ("rules as text", b'["encryption/omemo","border"]', b'"border"'),
        ("a rule as number", b'["encryption/omemo","border"]', b"[1]"),
        ("an error as text", b'"error":{', b'"error":"","was":{'),
        ("an error with a key more", b'{"type":"modify"', b'{"by":"","type":"modify"'),
        ("an error with a key less", b'"type":"modify",', b""),
    ],
)
def test_submissions_that_no_encoder_wrote(name: str, old: bytes, new: bytes) -> None:
    assert old in STANZA_BYTES
    with pytest.raises(RecordError):
        parse_record(RecordKind.STANZA, STANZA_BYTES.replace(old, new, 1))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (RecordKind.DELIVERY, DELIVERY_BYTES + b"body"),
        (RecordKind.DELIVERY, DELIVERY_BYTES.replace(b"[44,46]", b"[44,true]")),
        (RecordKind.DELIVERY, DELIVERY_BYTES.replace(b"[44,46]", b"null")),
        (RecordKind.ACCESS, ACCESS_BYTES + b"\n"),
        (RecordKind.ACCESS, DELIVERY_BYTES),
        (RecordKind.DELIVERY, ACCESS_BYTES),
        (RecordKind.ACCESS, LATER_ACCESS_BYTES.replace(b'"M-2026-7"', b'""')),
        (RecordKind.ACCESS, LATER_ACCESS_BYTES.replace(b'"M-2026-7"', b"7")),
        (RecordKind.ACCESS, LATER_ACCESS_BYTES.replace(b'"result_digest"', b'"digest"')),
        (RecordKind.ALARM, ALARM_BYTES + b"body"),
        (RecordKind.ALARM, ALARM_BYTES.replace(b'"last":46', b'"last":true')),
        (RecordKind.ALARM, ALARM_BYTES.replace(b'"last":46', b'"last":null')),
        (RecordKind.ALARM, ALARM_BYTES.replace(b'"last":46', b'"a":46')),
        (RecordKind.ALARM, ALARM_BYTES.replace(b'"last":46', b'"last":46,"last":46')),
        (RecordKind.STANZA, b""),
        (RecordKind.STANZA, b"[" * 100_000),
    ],
)
def test_payloads_of_another_kind(kind: RecordKind, payload: bytes) -> None:
    with pytest.raises(RecordError):
        parse_record(kind, payload)


@pytest.mark.parametrize(
    "record",
    [STANZA._replace(session="\ud800"), STANZA._replace(seq=2**64), STANZA._replace(rules=("\udfff",))],
)
def test_what_has_no_encoding_is_refused_without_naming_content(record: Submission) -> None:
    with pytest.raises(RecordError) as error:
        encode_submission(record)
    assert "message" not in str(error.value)


def test_an_error_names_no_content() -> None:
    secret: list[tuple[RecordKind, bytes]] = [
        (RecordKind.STANZA, STANZA_BYTES.replace(b'"seq":42', b'"seq":"hush"')),
        (RecordKind.STANZA, b"hush\nhush"),
    ]
    for kind, payload in secret:
        with pytest.raises(RecordError) as error:
            parse_record(kind, payload)
        assert "hush" not in str(error.value)


def test_an_amended_submission_has_both_stanzas() -> None:
    amended = STANZA._replace(
        action="amend", error=None, rules_name="9f2c41d07bd7e3aa", amended=b"<message/>"
    )
    payload = encode_submission(amended)
    head, _, body = payload.partition(b"\n")
    assert head.endswith(b',"error":null,"policy":"9f2c41d07bd7e3aa","amended_size_bytes":10}')
    assert body == STANZA.body + b"<message/>"
    assert parse_record(RecordKind.STANZA, payload) == amended
    with pytest.raises(RecordError):  # more than there is
        parse_record(RecordKind.STANZA, payload.replace(b":10}", b":999}"))


def test_event() -> None:
    event = Event(RecordKind.RULES, "changed", (("digest", "9f2c"), ("people", 3)), 7)
    payload = b'{"name":"changed","details":{"digest":"9f2c","people":3},"at_ns":7}\n'
    assert encode_event(event) == payload
    assert parse_record(RecordKind.RULES, payload) == event
    assert parse_record(RecordKind.ROSTER, payload) == replace(event, kind=RecordKind.ROSTER)


def test_kinds_are_numbers_of_the_format() -> None:
    assert {kind.name: kind.value for kind in RecordKind} == {
        "STANZA": 1,
        "SESSION": 2,
        "DELIVERY": 3,
        "ACCESS": 4,
        "ALARM": 5,
        "ORDER_DETAILS": 6,
        "RULES": 7,
        "ROSTER": 8,
        "ADMISSION": 9,
        "REVIEW": 10,
        "FILE": 11,
        "SUPERVISION": 12,
        "MATTER": 13,
        "SEGMENT": 64,
        "MANIFEST": 65,
        "ORDER": 66,
        "TOMBSTONE": 67,
        "LOG_KEY": 68,
    }
    assert Record == Submission | Delivery | Access | Alarm | OrderDetails | Event
