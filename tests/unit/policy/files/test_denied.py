"""The list of files that are not sent: every form that sha256sum writes, and each mistake with its line."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from policy.files.denied import DeniedHashes, DeniedHashesError, parse_denied_hashes
from policy.files.facts import FileMark

A, B = sha256(b"a"), sha256(b"b")


@pytest.mark.parametrize(
    "line",
    [
        A.hexdigest(),
        A.hexdigest().upper(),
        f"  {A.hexdigest()}  ",
        f"{A.hexdigest()}\r",
        f"{A.hexdigest()}  prices 2026.xlsx",
        f"{A.hexdigest()} *prices 2026.xlsx",
        f"{A.hexdigest()}\tprices",
        f"{A.hexdigest()}  # the leaked list",
        f"\\{A.hexdigest()}  two\\nlines",
        f"SHA256 (prices 2026.xlsx) = {A.hexdigest()}",
        f"SHA256 (a (b) = c) = {A.hexdigest().upper()}",
    ],
)
def test_every_form_of_a_line(line: str) -> None:
    denied = parse_denied_hashes(f"\ufeff# not to be sent\n\n{line}\n   # nor this one:\n{B.hexdigest()}")
    assert denied == DeniedHashes(frozenset((A.digest(), B.digest())))
    assert denied.find(sha256(b"a").digest()) is FileMark.DENIED_HASH
    assert denied.find(sha256(b"c").digest()) is None
    assert denied.find(b"") is None


def test_what_sha256sum_writes(tmp_path: Path) -> None:
    names = ["a", "Kupfer 報價.pdf", "two\nlines", "back\\slash", "*star", "# hash"]
    for name in names:
        (tmp_path / name).write_text(name)
    for option in ("--text", "--binary", "--tag"):
        command = ["sha256sum", option, "--", *names]
        text = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        denied = parse_denied_hashes(text)
        assert denied.hashes == {sha256(name.encode()).digest() for name in names}


def test_an_empty_list_denies_nothing() -> None:
    assert parse_denied_hashes("") == parse_denied_hashes("\n# none\n") == DeniedHashes()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (A.hexdigest()[:-1], "has 63 hexadecimal digits; a SHA-256 has 64"),
        (A.hexdigest() + "0", "has 65 hexadecimal digits; a SHA-256 has 64"),
        (A.hexdigest()[:32], "is an MD5; write the SHA-256 (sha256sum)"),
        (f"{A.hexdigest()[:40]}  prices.xlsx", "is a SHA-1; write the SHA-256 (sha256sum)"),
        (
            f"MD5 (prices.xlsx) = {A.hexdigest()[:32]}",
            "is of another kind of hash; write the SHA-256 (sha256sum)",
        ),
        (f"prices.xlsx {A.hexdigest()}", "does not begin with a SHA-256"),
        (A.hexdigest()[:-1] + "g", "does not begin with a SHA-256"),
        (f"{A.hexdigest()}\x00", "does not begin with a SHA-256"),
        (f"{A.hexdigest()};prices", "does not begin with a SHA-256"),
    ],
)
def test_each_mistake_has_its_line(line: str, problem: str) -> None:
    with pytest.raises(DeniedHashesError) as raised:
        parse_denied_hashes(f"# list\n{B.hexdigest()}\n\n{line}\n{A.hexdigest()}\nnonsense\n")
    assert len(raised.value.problems) == 2
    assert raised.value.problems[0].startswith(f"line 4: {problem}")
    assert raised.value.problems[1].startswith("line 6: does not begin with a SHA-256")


def test_a_file_of_another_kind_gives_no_flood() -> None:
    with pytest.raises(DeniedHashesError) as raised:
        parse_denied_hashes("not a hash\n" * 1000)
    assert len(raised.value.problems) == 21
    assert raised.value.problems[-1] == "and 980 more lines"
