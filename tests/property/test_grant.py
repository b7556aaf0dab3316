"""Grants as values: numbers and files there and back, and what no altered file opens."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from components.archive.grant import GrantTerms, encode_terms, open_granted, parse_terms, seal_grant
from components.archive.keys.recipient_text import encode_recipient
from components.archive.seal import RecipientKey, SealError, new_segment_keys
from components.audit.grant.file import Contribution, GrantFile, encode_grant_file, parse_grant_file
from components.audit.grant.fold import fold_grants, read_numbers, write_numbers
from components.audit.matter.values import Deed, DeedAct, GrantAct, MatterAct

ERIN = RecipientKey("erin", X25519PrivateKey.from_private_bytes(bytes([1] * 32)))
GRETA = RecipientKey("greta", X25519PrivateKey.from_private_bytes(bytes([2] * 32)))
NUMBERS = st.sets(st.integers(1, 60), min_size=1, max_size=6).map(lambda found: tuple(sorted(found)))
TERMS = st.builds(
    GrantTerms,
    id=st.text(max_size=8),
    log=st.sampled_from(("a/gate", "a/audit")),
    segments=NUMBERS,
    auditor=st.sampled_from(("erin", "greta")),
    recipient=st.just(encode_recipient(ERIN.recipient)),
    collector=st.just(encode_recipient(GRETA.recipient)),
    opened_with=st.text(max_size=4),
    until_ns=st.integers(0, 2**63 - 1),
    matter=st.text(max_size=4),
    reason=st.text(max_size=8),
    asked_by=st.text(max_size=4),
    asked_at_ns=st.integers(0, 2**63 - 1),
)
CHANGES = st.sampled_from(
    ({"until_ns": 1}, {"auditor": "li"}, {"log": "b/gate"}, {"matter": "M-9x"}, {"reason": "another reason"})
)


@given(NUMBERS)
def test_numbers_are_read_as_they_are_written(numbers: tuple[int, ...]) -> None:
    assert tuple(read_numbers(write_numbers(numbers))) == numbers


@given(TERMS)
def test_a_grants_file_is_read_as_it_is_written(terms: GrantTerms) -> None:
    assert parse_terms(json.loads(encode_terms(terms))) == terms
    file = GrantFile(
        terms,
        (Contribution("anna", 7, 2, "[]"), Contribution("ben", 7, 3, "[]", 5, "00" * 8, "— x")),
        {1: b"[]"},
    )
    assert parse_grant_file(encode_grant_file(file)) == file


@given(TERMS, CHANGES)
def test_a_grant_opens_for_its_auditor_in_its_terms_alone(
    terms: GrantTerms, change: dict[str, object]
) -> None:
    keys = {number: new_segment_keys() for number in terms.segments}
    grant = seal_grant(terms, keys, ERIN.recipient)
    for number, each in keys.items():
        assert open_granted(grant, number, [ERIN]) == each
        altered = replace(grant, terms=replace(terms, **change))  # type: ignore[arg-type]
        swapped = replace(grant, envelopes={number + 1: grant.envelopes[number]})
        refused = [(grant, number, GRETA), (swapped, number + 1, ERIN)]
        refused += [(altered, number, ERIN)] if altered != grant else []
        for wrong, segment, opener in refused:
            with pytest.raises(SealError):
                open_granted(wrong, segment, [opener])


@given(
    st.lists(
        st.tuples(
            st.sampled_from((*GrantAct, MatterAct.NOTE)),
            st.sampled_from("ab"),
            st.sampled_from("xy"),
            st.sampled_from(("", "not signed")),
        ),
        max_size=12,
    )
)
def test_the_first_word_on_a_grant_counts(acts: list[tuple[DeedAct, str, str, str]]) -> None:
    recorded = [
        Deed(act, "", "anna", place, {"grant": id_, "digest": digest}, str(place), problem=problem)
        for place, (act, id_, digest, problem) in enumerate(acts)
    ]
    for id_, grant in fold_grants(recorded).items():
        mine = [deed for deed in recorded if deed.text("grant") == id_ and not deed.problem]
        (asked, *_) = [deed for deed in mine if deed.act is GrantAct.REQUEST]
        assert (grant.asked, grant.digest) == (asked.record, asked.text("digest"))
        later = [deed for deed in mine if deed.at_ns > asked.at_ns]
        own = [deed for deed in later if deed.text("digest") == grant.digest]
        issued = next((deed.record for deed in own if deed.act is GrantAct.ISSUE), "")
        assert grant.issued == issued
        assert grant.revoked == next((deed.record for deed in later if deed.act is GrantAct.REVOKE), "")
        shares = [deed for deed in own if deed.act is GrantAct.CONTRIBUTE]
        counted = [deed for deed in shares if not issued or deed.at_ns < int(issued)]
        assert grant.contributors.count("anna") == len(counted)
