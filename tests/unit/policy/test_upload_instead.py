"""Whoever sends a file another way than by the line's upload is refused, and told of the upload if there is one."""

from dataclasses import replace

import pytest

from policy.address import Domain
from policy.content.upload_instead import REFUSALS, name_upload
from policy.decide import decide
from policy.decision import Action
from tests.support.other_ways import UPLOAD, WAYS
from tests.unit.policy.samples import BOB, EXAMPLE, read_stanza

WITH_UPLOAD = replace(EXAMPLE, transfer=Domain("files.metals.example"))

STANZAS = [
    pytest.param(payload, id=f"{way} {number}")
    for way, all_ in WAYS.items()
    for number, payload in enumerate(all_)
]


@pytest.mark.parametrize("wrapping", ["<iq type='set' to='{}/x'>{}</iq>", "<message to='{}'>{}</message>"])
@pytest.mark.parametrize("payload", STANZAS)
def test_every_other_way_names_the_upload(payload: str, wrapping: str) -> None:
    stanza = read_stanza(wrapping.format(BOB, payload))
    told, without = decide(WITH_UPLOAD, stanza), decide(EXAMPLE, stanza)
    assert told.action is without.action is Action.REFUSE
    assert told.rules == without.rules
    assert told.error is not None and without.error is not None
    assert told.error.text.endswith(UPLOAD) and not without.error.text.endswith(UPLOAD)
    assert decide(WITH_UPLOAD, stanza) is told  # a constant


def test_other_refusals_stay() -> None:
    stanza = read_stanza(f"<message to='{BOB}'><encrypted xmlns='urn:xmpp:omemo:2'/></message>")
    assert decide(WITH_UPLOAD, stanza) is decide(EXAMPLE, stanza)
    assert {name_upload(refusal) for refusal in REFUSALS} == set(REFUSALS)
