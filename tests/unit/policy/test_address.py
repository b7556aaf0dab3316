import pytest

from policy.address import (
    PART_MAX_BYTES,
    AddressError,
    bare,
    domain_of,
    fold_address,
    parse_bare_jid,
    parse_domain,
)


@pytest.mark.parametrize(
    ("jid", "bare_jid", "domain"),
    [
        ("alice@metals.example", "alice@metals.example", "metals.example"),
        ("alice@metals.example/desk-1", "alice@metals.example", "metals.example"),
        ("alice@metals.example/a@b/c", "alice@metals.example", "metals.example"),
        ("metals.example", "metals.example", "metals.example"),
        ("metals.example/george@grain.example", "metals.example", "metals.example"),
        ("", "", ""),
    ],
)
def test_the_parts_of_a_prepared_jid(jid: str, bare_jid: str, domain: str) -> None:
    assert bare(jid) == bare_jid
    assert domain_of(jid) == domain


@pytest.mark.parametrize(
    "jid",
    [
        "alice@metals.example",
        "alice.arden+night_desk-2@metals.example",
        "zoë@metals.example",
        "山田@取引.example",
        "नमस्ते@metals.example",
        "a@localhost",
        "!#$%*?^`{|}~@metals.example",
        "l" * PART_MAX_BYTES + "@metals.example",
    ],
)
def test_jids_that_a_directory_may_list(jid: str) -> None:
    assert parse_bare_jid(jid) == jid


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no '@'"),
        ("metals.example", "has no '@'"),
        ("alice@metals.example/desk", "has a resource"),
        ("@metals.example", "the part before the '@' is empty"),
        ("alice@", "the domain is empty"),
        ("Alice@metals.example", "write 'alice@metals.example'"),
        ("alice@Metals.example", "write 'alice@metals.example'"),
        ("zoe\u0308@metals.example", "write 'zoë@metals.example'"),
        ("ａlice@metals.example", "write 'alice@metals.example'"),
        ("alice@ﬁrm.example", "write 'alice@firm.example'"),
        ("al ice@metals.example", "' ' before the '@'"),
        ("al\u00a0ice@metals.example", "normal form"),
        ("al\tice@metals.example", "'\\t' before the '@'"),
        ("al\x00ice@metals.example", "'\\x00' before the '@'"),
        ("al'ice@metals.example", "before the '@'"),
        ("al\u200bice@metals.example", "before the '@'"),
        ("al→ice@metals.example", "before the '@'"),
        ("al\ud800ice@metals.example", "no valid Unicode"),
        ("alice@bob@metals.example", "'@' in its domain"),
        ("alice@metals..example", "empty part"),
        ("alice@metals.example.", "empty part"),
        ("alice@-metals.example", "starts or ends with '-'"),
        ("alice@metals-.example", "starts or ends with '-'"),
        ("alice@metals_1.example", "'_' in its domain"),
        ("alice@metals .example", "' ' in its domain"),
        ("alice@[::1]", "'[' in its domain"),
        ("alice@" + "m" * 64 + ".example", "more than 63 bytes"),
        ("l" * (PART_MAX_BYTES + 1) + "@metals.example", "1024 bytes"),
        ("é" * 512 + "@metals.example", "1024 bytes"),
        ("alice@" + ".".join(["m" * 63] * 16) + ".x", "at most 1023"),
    ],
)
def test_jids_that_a_server_would_never_use(text: str, problem: str) -> None:
    with pytest.raises(AddressError) as raised:
        parse_bare_jid(text)
    assert problem in str(raised.value)


def test_a_message_does_not_repeat_what_is_far_too_long() -> None:
    with pytest.raises(AddressError) as raised:
        parse_bare_jid("x" * 100_000 + "@metals.example")
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    "text", ["metals.example", "gate.steelyard.example", "localhost", "127.0.0.1", "bücher.example"]
)
def test_domains(text: str) -> None:
    assert parse_domain(text) == text


@pytest.mark.parametrize(
    "text", ["", "alice@metals.example", "metals.example/x", "Metals.example", ".example", "a b"]
)
def test_texts_that_are_no_domain(text: str) -> None:
    with pytest.raises(AddressError):
        parse_domain(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("weiß@metals.example", "is 'weiss' to the server: write 'weiss@metals.example'"),
        ("νίκος@metals.example", "write 'νίκοσ@metals.example'"),
        ("ᾳx@metals.example", "write 'αιx@metals.example'"),
        ("דוד1@metals.example", "no server takes the part before the '@'"),
        ("ⴀ@metals.example", "'ⴀ' is not allowed"),
        ("a@straße.example", "write 'xn--strae-oqa.example'"),
        ("a@xn--mller-kva.example", "write 'müller.example'"),
        ("a@xn--zzzzzzzz.example", "cannot be one in DNS"),
        ("a@דוד1.example", "no server takes its domain"),
    ],
)
def test_what_the_server_would_take_for_another_address(text: str, problem: str) -> None:
    with pytest.raises(AddressError) as raised:
        parse_bare_jid(text)
    assert problem in str(raised.value)


@pytest.mark.parametrize("jid", ["müller@metals.example", "דוד@metals.example", "a@xn--strae-oqa.example"])
def test_what_it_would_not(jid: str) -> None:
    assert parse_bare_jid(jid) == jid == fold_address(jid)


def test_addresses_fold_as_the_server_folds_them() -> None:
    assert fold_address("Weiß@Metals.example") == "weiss@metals.example"
    assert fold_address("@METALS.example") == "@metals.example"
    assert fold_address("not an address") == "not an address"
    assert fold_address("alice@metals.example.") == "alice@metals.example"
    assert fold_address("alice.@metals.example") == "alice.@metals.example"
