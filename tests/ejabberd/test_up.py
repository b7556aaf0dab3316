"""`steelyard up --demo --server ejabberd`, as a newcomer runs it: the real server, clients, files and archive."""

import json
import re
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.site.ejabberd_server import register_ejabberd_accounts
from components.site.validate import load_site
from tests.support.site import processes_of, run_steelyard
from tests.support.two_demonstrations import run_two_sites


def test_the_demonstration_shows_the_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    site_toml = folder / "site.toml"
    result = run_steelyard("up", "--demo", "--once", "--server", "ejabberd", "--site", site_toml)
    shown = result.stdout
    assert result.returncode == 0, shown + result.stderr
    assert processes_of(folder) == []
    for line in (
        r"alice's contacts +Bob Baker, Carol Castle, Dora Dean",
        r"alice → bob +Copper cathodes, 25 t, 9410 .*\n +✔ recorded as gate/\d+, delivered",
        r"alice → george +.*\n +✘ refused \(not-allowed\): .*your own enterprise",
        r"alice → bob +.*\n +✘ refused \(policy-violation\): .*OMEMO",
        r"notice@gate\.steelyard\.example → alice@metals\.example: Your message .* not delivered\. .*OMEMO",
        r"alice → bob +assay-certificate\.pdf \(application/pdf, .*\n +✔ kept, sent in gate/\d+, and fetched",
        r"alice → bob +price-list\.pdf \(application/pdf, .*\n +✘ refused: Programs are not sent",
        r"gate: \d+ records, all verified",
        r"Be a trader, in a browser .*\n +http://chat\.localhost:\d+/#[\w-]{43}\n",
        r"All as it should be: 7 messages recorded, then delivered, 3 of them with a file; 2 refused, and 1 file",
    ):
        assert re.search(line, shown), f"{line}\n{shown}"
    assert "✔ ejabberd is healthy" in result.stderr

    found = run_steelyard("audit", "search", "9410", "--json", "--site", site_toml)
    (record,) = json.loads(found.stdout)["records"]
    assert record["from"].partition("/")[0] == "alice@metals.example"
    assert record["delivery"] in ("carried-out", "unknown")

    # Its database cannot be copied file by file: a backup says that it is not there.
    backup = run_steelyard("backup", tmp_path / "backup", "--site", site_toml)
    assert "What the server keeps (accounts, rooms) is not in it" in backup.stdout, backup.stderr

    # Who has an account keeps it, and the password; what is wrong is told without the password.
    config = load_site(site_toml).prosody.folder / "ejabberd.yml"
    accounts = {"alice@metals.example": "another", "zoe@metals.example": "new one"}
    assert register_ejabberd_accounts(config, accounts) == ["zoe@metals.example"]
    with pytest.raises(SiteError, match=r"eve@elsewhere\.example: is no account of this server$"):
        register_ejabberd_accounts(config, {"eve@elsewhere.example": "secret"})


def test_a_site_on_ejabberd_and_one_on_prosody_talk_and_both_archives_hold_it(tmp_path: Path) -> None:
    run_two_sites(tmp_path, "--server", "ejabberd")
    servers = [load_site(tmp_path / site / "site.toml").site.server for site in ("shanghai", "london")]
    assert servers == ["ejabberd", "prosody"]
    for log in ("shanghai/logs/ejabberd.log", "london/logs/prosody.log"):
        assert "elsewhere.example" not in (tmp_path / log).read_text()
