"""`steelyard policy check`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "config" / "examples" / "policy.toml"
RULE = """\
[[rule]]
id = "words"
kind = "lexicon"
action = "flag"
files.en = ["words/en.txt"]
must_match = ["an insider"]
"""


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.cli.main", "policy", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "en.txt").write_text("insider\n")
    (tmp_path / "policy.toml").write_text(RULE)
    return tmp_path / "policy.toml"


def test_the_shipped_example_is_right() -> None:
    result = check(EXAMPLE)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"✔ {EXAMPLE}: ")


def test_lexicon_files_lie_beside_the_policy(policy: Path) -> None:
    report = json.loads(check(policy, "--json").stdout)
    assert report.pop("digest")
    assert report == {"ok": True, "rules": 1, "examples": 1, "problems": [], "failures": []}
    (policy.parent / "words" / "en.txt").unlink()
    result = check(policy)
    assert result.returncode == 1
    assert result.stdout == (
        "✘ rule[0].files.en[0]: there is no file words/en.txt (line 5 of policy.toml)\n"
        f"{policy} is not usable: 1 problem\n"
    )


def test_an_example_that_goes_wrong_fails(policy: Path) -> None:
    policy.write_text(RULE + 'must_not_match = ["insider"]\n')
    result = check(policy)
    assert result.returncode == 1
    assert result.stdout == (
        f"✘ words.must_not_match[0]: matches: 'insider'\n{policy}: 1 of 2 examples went wrong\n"
    )
    report = json.loads(check(policy, "--json").stdout)
    assert report["ok"] is False
    assert report["failures"] == [{"path": "words.must_not_match[0]", "problem": "matches: 'insider'"}]


def test_a_policy_that_is_wrong_has_no_digest(policy: Path) -> None:
    policy.write_text(RULE.replace("flag", "zap"))
    result = check(policy, "--json")
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert (report["ok"], report["digest"]) == (False, "")
    assert report["problems"] == [
        "rule[0].action: 'zap' is none of 'flag', 'warn', 'amend', 'hold' or 'refuse' (line 4 of policy.toml)"
    ]


def test_files_that_cannot_be_read_are_wrong_use(policy: Path) -> None:
    (policy.parent / "words" / "en.txt").write_bytes(b"insider\xff")
    for path, told in (
        (policy, "en.txt is no UTF-8 text: byte 7"),
        (policy.parent / "no.toml", "no such file"),
    ):
        result = check(path)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith("steelyard: ")
        assert result.stderr.count("\n") == 1
        assert told in result.stderr
