"""`steelyard policy exception`, and what `policy prove` then says."""

import json
import time
from pathlib import Path

import pytest

from components.rules.load import load_rules, load_sources
from components.settings.site import SiteFile
from tests.support.command import run_command
from tests.support.walled_site import APPROVERS, RITA, TOM, key, make_walled_site


@pytest.mark.slow
def test_the_commands_say_it_to_people_and_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = make_walled_site(tmp_path)

    def steelyard(*arguments: object) -> tuple[int, str, str]:
        status = run_command("policy", *arguments)
        return status, *capsys.readouterr()

    status, proposed, error = steelyard(
        "exception", "propose", RITA, TOM, "--reason", "Deal X", "--site", site
    )
    assert (status, error) == (0, "")
    id_ = proposed.split()[0]
    for approver in APPROVERS[:2]:
        status, signed, error = steelyard(
            "exception", "approve", id_, "--key", key(site, approver), "--site", site
        )
        assert (status, error) == (0, "")
    assert signed.startswith(f"{id_}  in force\n  {RITA} and {TOM}\n")
    listed = json.loads(steelyard("exception", "list", "--json", "--site", site)[1])
    assert [each["state"] for each in listed["exceptions"]] == ["in force"]
    again = steelyard("exception", "approve", id_, "--key", key(site, APPROVERS[0]), "--site", site)
    told = f"steelyard: {APPROVERS[0]} approved this exception already; it needs another approver\n"
    assert again == (2, "", told)
    status, proof, _ = steelyard("prove", "--json", "--site", site)
    found = json.loads(proof)
    assert (status, found["ok"], found["holes"], found["counterexamples"]) == (0, True, 0, [])
    assert found["digest"] == load_rules(load_sources(SiteFile(site)), time.time_ns()).rules.digest
    _, told, _ = steelyard("prove", "--directory", site.parent / "directory.toml")
    assert "✔ there is no counterexample" in told
