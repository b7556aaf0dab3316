"""The notice of the recording: what counts as an answer, and what a form says."""

from xml.etree import ElementTree as ET

import pytest

from components.access.form import Field, encode_form, encode_submission, encode_table, parse_values
from components.access.notice import (
    describe_duties,
    describe_login,
    is_agreement,
    make_message,
    read_body,
    read_receipt,
)
from components.settings.gate import OBSERVING
from policy.access.admission import Admission, AdmissionState
from policy.access.statement import AccessAct, Statement
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId, Role


@pytest.mark.parametrize("body", ["yes", "Yes", " YES! ", "ok", "ja", "是"])
def test_an_agreement(body: str) -> None:
    assert is_agreement(body)


@pytest.mark.parametrize("body", ["", "no", "yes, but", "yesterday", "why?", "not ok"])
def test_no_agreement(body: str) -> None:
    assert not is_agreement(body)


@pytest.mark.parametrize("namespace", ["jabber:client", "jabber:component:accept"])
def test_a_body_is_read_in_either_namespace(namespace: str) -> None:
    text = f"<message><body xmlns='{namespace}'> yes </body></message>"
    assert read_body(ET.fromstring(text)) == "yes"
    assert read_body(ET.fromstring(text.replace("<message", "<message type='error'"))) == ""
    assert read_body(ET.fromstring("<message/>")) == ""


def test_only_the_gates_receipt_counts() -> None:
    ids = "".join(f"<stanza-id xmlns='urn:xmpp:sid:0' by='{by}' id='{by}/1'/>" for by in ("room", "gate"))
    assert read_receipt(ET.fromstring(f"<message>{ids}</message>"), "gate") == "gate/1"
    assert read_receipt(ET.fromstring(f"<message>{ids}</message>"), "other") == ""


def test_the_notice_is_for_one_session_and_in_no_archive() -> None:
    names = {child.tag.partition("}")[2] for child in make_message("a", "b", "hello")}
    assert names == {"body", "private", "no-copy", "no-permanent-store"}


def test_what_is_filled_in_comes_back() -> None:
    parent = ET.Element("command")
    parent.append(encode_submission("urn:type", {"a": ["1", "2"], "b": [""]}))
    assert parse_values(parent) == {"FORM_TYPE": ["urn:type"], "a": ["1", "2"], "b": [""]}
    assert parse_values(ET.Element("command")) == {}


def test_a_form_and_a_table_say_what_they_are() -> None:
    form = encode_form("T", "Do.", [Field("a", "A", "list-single", "1", (("1", "one"), ("2", "two")), True)])
    text = ET.tostring(form, encoding="unicode")
    assert 'type="form"' in text
    assert "required" in text
    assert text.count("option") >= 2
    table = encode_table("T", {"a": "A"}, [{"a": "1"}, {"a": "2"}])
    assert table.get("type") == "result"
    assert len(table.findall("{jabber:x:data}item")) == 2


def test_approvers_are_told_what_waits_for_them() -> None:
    metals, grain = EnterpriseId("metals"), EnterpriseId("grain")
    jid = BareJid("alice@metals.example")
    asked = Statement(AccessAct.REQUEST, jid, metals, jid, 1000, id="r1", roles=(Role.TRADER,))
    waiting = Admission(jid, AdmissionState.REQUESTED, asked)
    ending = Admission(jid, AdmissionState.ADMITTED, asked, expires_s=2000, certify_by_s=9_000_000)
    lasting = Admission(jid, AdmissionState.ADMITTED, asked, expires_s=9_000_000)
    left = Admission(jid, AdmissionState.REVOKED)
    everybody = [waiting, ending, lasting, left]
    assert describe_duties(everybody, metals, 1500) == (
        "For approvers: requests that wait: 1; grants that end within two weeks: 1."
    )
    assert describe_duties([lasting, left], metals, 1500) == ""
    assert describe_duties(everybody, grain, 1500) == ""
    assert describe_duties(everybody, None, 1500) == ""


def test_a_login_is_told_whether_the_rules_are_in_force() -> None:
    assert describe_login("Recorded.", "", observes=False) == "Recorded."
    assert describe_login("Recorded.", "2 wait.", observes=False) == "Recorded.\n2 wait."
    assert describe_login("Recorded.", "2 wait.", observes=True) == f"Recorded.\n{OBSERVING}\n2 wait."
