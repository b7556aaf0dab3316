"""Mails of exports: whatever a JID, a nickname or a room is called, the header has it as text, and nothing else."""

import email
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.audit.export.mail import address_of, header_text, seal_boundaries

# What mails give a meaning: encoded words (RFC 2047), ends of lines, addresses, comments, lists.
_PIECES = (
    *("=?utf-8?q?", "=?utf-8?b?", "?=", "=0D=0A", "DQo=", "\r\n", "\u2028", "Bcc: a@b.example"),
    *'@.,;:<>()[]"\\= ?',
)
hostile = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=8).map("".join)
FIELDS = ["From", "To", "Subject", "X-RSMF-Participants"]


def write(text: str) -> EmailMessage:
    """Write a mail with a text in each header that has any, and read it again, as any program would."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = [address_of(text)]
    mail["To"] = [address_of(f"{text}@rooms.example"), address_of(f"desk@{text}")]
    mail["Subject"] = header_text(text)
    mail["X-RSMF-Participants"] = header_text(f"Alice, {text}")
    mail.set_content("said", cte="base64")
    return email.message_from_bytes(seal_boundaries(mail, "seed"), policy=default)


def without_blanks(text: str) -> str:
    return "".join(text.split())


@pytest.mark.slow
@given(hostile)
@example("=?utf-8?q?=?utf-8?q?Bcc: a@b.exampleBcc: a@b.exampleBcc: a@b.example")
@example("=?utf-8?q??=00?=@\U00010000\U00010000=?utf-8?q?\x1f")
def test_no_name_becomes_another_header_or_is_decoded(text: str) -> None:
    read = write(text)
    assert [name for name in read if name in FIELDS] == FIELDS
    assert len(read) == len(FIELDS) + 3
    # Where Python breaks a long header, a blank may be lost or come first.
    assert without_blanks(read["Subject"]) == without_blanks(header_text(text))
    assert without_blanks(read["X-RSMF-Participants"]) == without_blanks(header_text(f"Alice, {text}"))
    assert len(read["To"].addresses) == 2
    assert read.get_content().strip() == "said"


@pytest.mark.parametrize("jid", ["=?utf-8?q?=0D=0ABcc:_x?=@rooms.example", "=?x?=@metals.example"])
def test_an_account_that_reads_as_an_encoded_word_is_told_by_name(jid: str) -> None:
    address = address_of(jid)
    assert address.domain == "jid.invalid"
    assert address.display_name == jid.replace("=?", "= ?")


def test_an_account_that_is_a_mail_address_stays_one() -> None:
    assert address_of("alice.o'hara+desk@metals.example").addr_spec == "alice.o'hara+desk@metals.example"
