"""Whose signature counts: keys of today, keys of before, keys that nobody knows."""

from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key
from components.process.errors import SiteError
from components.rules.reviewers import NOT_SIGNED, Reviewers, sign_text
from components.settings.auditors import AuditorEntry, find_auditor_problems

TEXT = "steelyard-x/1 says by=erin\n"
RETIRED_AT_S = 1_000_000
RETIRED_AT = "1970-01-12T13:46:40Z"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Any]:
    names = {"new": "auditor/erin", "old": "auditor/erin", "lost": "auditor/erin", "li": "auditor/li"}
    return {file: create_log_key(tmp_path / f"{file}.key", name) for file, name in names.items()}


def entry(folder: Path, id_: str = "erin", key: str | None = "new", *old: str, **more: Any) -> AuditorEntry:
    retired = [{"key": folder / f"{each}.pub", "until": RETIRED_AT} for each in old]
    said = {"id": id_, "name": id_, "roles": ["auditor"], "key": folder / f"{key}.pub" if key else None}
    return AuditorEntry.model_validate({**said, "retired": retired, **more})


def test_which_key_signs_when(tmp_path: Path, keys: dict[str, Any]) -> None:
    reviewers = Reviewers([entry(tmp_path, "erin", "new", "old")])
    lines = {name: sign_text("erin", TEXT, keys[name]) for name in ("new", "old", "lost")}

    def judge(name: str, at_s: int, text: str = TEXT) -> str:
        return reviewers.find_signature_problem("erin", text, lines[name], at_s)

    assert judge("new", RETIRED_AT_S) == judge("old", RETIRED_AT_S - 1) == ""
    named = f"auditor/erin+{keys['old'].key_id.hex()}"
    assert (
        judge("old", RETIRED_AT_S) == f"it is signed with the key {named} of erin, which was retired before"
    )
    named = f"auditor/erin+{keys['lost'].key_id.hex()}"
    assert judge("lost", 1) == f"it is signed with the key {named}, which is not listed as one of erin"
    assert judge("new", 1, TEXT.replace("says", "said")) == "the signature of auditor/erin is wrong"
    assert reviewers.find_signature_problem("erin", TEXT, "", 1) == NOT_SIGNED
    assert "is not listed" in reviewers.find_signature_problem("eve", TEXT, lines["new"], 1)
    assert reviewers.find_signature_problem("erin", TEXT, "— x", 1) == "malformed signature line"


def test_with_which_keys_an_auditor_signs_when(tmp_path: Path, keys: dict[str, Any]) -> None:
    reviewers = Reviewers([entry(tmp_path, "erin", "new", "old"), entry(tmp_path, "li", "li")])
    public = {name: key.verifier_key for name, key in keys.items()}
    for name, before, after in (("new", True, True), ("old", True, False), ("lost", False, False)):
        for at_s, signs in ((RETIRED_AT_S - 1, before), (RETIRED_AT_S, after)):
            assert reviewers.lists_key("erin", public[name], at_s) is signs, (name, at_s)
    # Nobody signs with another's, nor who is not listed; where nobody has a key, any will do.
    assert not reviewers.lists_key("li", public["new"], 1)
    assert not reviewers.lists_key("eve", public["new"], 1)
    assert Reviewers([entry(tmp_path, "erin", None)]).lists_key("erin", public["lost"], 1)


def test_who_has_but_a_retired_key_must_sign_and_can_no_more(tmp_path: Path, keys: dict[str, Any]) -> None:
    reviewers = Reviewers([entry(tmp_path, "erin", None, "old"), entry(tmp_path, "li", None)])
    assert reviewers.must_sign
    line = sign_text("erin", TEXT, keys["old"])
    assert reviewers.find_signature_problem("erin", TEXT, line, RETIRED_AT_S - 1) == ""
    assert "retired" in reviewers.find_signature_problem("erin", TEXT, line, RETIRED_AT_S)
    # Who is listed without a key cannot borrow one.
    assert "not listed as one of li" in reviewers.find_signature_problem("li", TEXT, line, 1)
    with pytest.raises(SiteError, match="this is the key of auditor/erin, and you are li"):
        sign_text("li", TEXT, keys["old"])


def test_retired_keys_are_checked_as_the_others_are(tmp_path: Path, keys: dict[str, Any]) -> None:
    assert list(find_auditor_problems([entry(tmp_path, "erin", "new", "old")])) == []
    assert list(find_auditor_problems([entry(tmp_path, "li", "li", "new")])) == [
        f"audit.auditors: {tmp_path / 'new.pub'} is the key of auditor/erin, not of auditor/li"
    ]
    twice = find_auditor_problems([entry(tmp_path, "erin", "new", "old"), entry(tmp_path, "li", "old")])
    assert any("erin and li have the same key" in each for each in twice)
    assert [
        "gone.pub" in each for each in find_auditor_problems([entry(tmp_path, "erin", "new", "gone")])
    ] == [True]
