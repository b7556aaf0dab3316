"""`steelyard up --demo` as a newcomer runs it: real server, real clients, real archive."""

import json
import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from components.site.validate import load_site
from tests.support.demonstration import init_demonstration, register_people
from tests.support.site import count_records, processes_of, run_steelyard


def up_once(folder: Path) -> str:
    result = run_steelyard("up", "--demo", "--once", "--site", folder / "site.toml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert processes_of(folder) == []
    return result.stdout


def kept_files(folder: Path) -> dict[str, bytes]:
    kept = [folder / "site.toml", *(folder / "keys").iterdir(), *(folder / "certs").iterdir()]
    kept += (folder / "prosody" / "data").glob("*/accounts/*")
    # What was signed last is kept beside a log's key, and moves on with the log.
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept if path.suffix != ".last"}


def test_the_demonstration_shows_the_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    shown = up_once(folder)
    port = load_site(folder / "site.toml").prosody.c2s_port
    for line in (
        r"alice's contacts +Bob Baker, Carol Castle, Dora Dean",
        r"alice → bob +Copper cathodes, 25 t, 9410 .*\n +✔ recorded as gate/\d+, delivered",
        r"alice → george +.*\n +✘ refused \(not-allowed\): .*your own enterprise",
        r"alice → bob +.*\n +✘ refused \(policy-violation\): .*OMEMO",
        r"notice@gate\.steelyard\.example → alice@metals\.example: Your message .* not delivered\. .*OMEMO",
        r"alice → bob +cathodes-shed-12\.png \(image/png, [\d,]+ bytes\)\n +✔ kept, sent in gate/\d+, and fetched",
        r"alice → bob +assay-certificate\.pdf \(application/pdf, ",
        r"alice → bob +voice-note\.ogg \(audio/ogg, ",
        r"alice → bob +price-list\.pdf \(application/pdf, .*\n +✘ refused: Programs are not sent",
        rf"alice@metals\.example +│ [a-z0-9-]{{19}} │ 127\.0\.0\.1 │ {port} ",
        r"\$ steelyard audit search .*copper",
        r"gate/\d+ .*\n.*alice.* → .*\nCopper cathodes",
        r"\$ steelyard audit search (nordsee|file:cathodes) ",
        r"\$ steelyard audit search '\"certificate of assay\"' ",
        r"gate/\d+ .*\n.*\nhttps://localhost:\d+/f/\S+/assay-certificate\.pdf\n.*\n\(in the file\) Certificate of",
        r"\$ steelyard audit search '\"before noon\"' ",
        r"\(in the file, machine transcript\) Please confirm the delivery before noon on Friday",
        r"\$ steelyard verify",
        r"Be a trader, in a browser .*\n +http://chat\.localhost:\d+/#[\w-]{43}\n",
        r"Be the auditor, in another tab .*\n +https://localhost:\d+/login/link#",
        r"transfer: \d+ records, all verified",
        r"All as it should be: 7 messages recorded, then delivered, 3 of them with a file; 2 refused, and 1 file",
    ):
        assert re.search(line, shown), f"{line}\n{shown}"

    kept, records = kept_files(folder), count_records(folder)
    assert len([name for name in kept if "accounts/" in name]) == 11
    up_once(folder)
    assert kept_files(folder) == kept
    assert count_records(folder) > records

    found = run_steelyard("audit", "search", "9410", "--json", "--site", folder / "site.toml")
    assert [record["from"].partition("/")[0] for record in json.loads(found.stdout)["records"]] == [
        "alice@metals.example"
    ] * 2


def test_lost_accounts_are_registered_again_with_their_passwords(tmp_path: Path) -> None:
    site = init_demonstration(tmp_path / "var" / "site.toml")
    register_people(site)
    result = run_steelyard("up", "--once", "--site", site.path)
    assert result.returncode == 0, result.stdout + result.stderr
    shutil.rmtree(tmp_path / "var" / "prosody")
    up_once(tmp_path / "var")


@pytest.mark.parametrize("setting", ["prosody.c2s_port", "gate.component_port"])
def test_a_port_in_use_is_one_line(tmp_path: Path, setting: str) -> None:
    site = tmp_path / "var" / "site.toml"
    assert run_steelyard("init", "--demo", "--site", site).returncode == 0
    settings = load_site(site)
    port = settings.prosody.c2s_port if "c2s" in setting else settings.gate.component_port
    with socket.create_server(("127.0.0.1", port)):
        result = run_steelyard("up", "--demo", "--once", "--site", site)
    assert result.returncode == 2
    assert result.stdout == ""
    program = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert result.stderr == (
        f"steelyard: port {port} ({setting}) is in use by {program} (process {os.getpid()}); "
        f"stop it or set another port in {site}\n"
    )
    assert processes_of(site.parent) == []


def test_a_missing_server_is_one_line(tmp_path: Path) -> None:
    result = run_steelyard("up", "--demo", "--site", tmp_path / "var" / "site.toml", PATH="/nonexistent")
    assert result.returncode == 2
    assert (
        result.stderr
        == "steelyard: prosody is not installed; run `apt-get install prosody` or `make setup`\n"
    )
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("damaged", ["gate.db", "review.db"])
def test_a_gate_that_cannot_start_is_one_line_with_its_reason(tmp_path: Path, damaged: str) -> None:
    site = init_demonstration(tmp_path / "var" / "site.toml").path
    (site.parent / "archive").mkdir()
    (site.parent / "archive" / damaged).write_text("this is no database" * 100)
    result = run_steelyard("up", "--demo", "--once", "--site", site)
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("steelyard: gate did not start: it ended with status 1: stopped: ")
    assert f"{site.parent}/archive/{damaged}: not a database" in last
    assert last.endswith(f"see {site.parent}/logs/gate.log")
    assert processes_of(site.parent) == []


def test_the_demonstration_fails_when_the_line_does_something_else(tmp_path: Path) -> None:
    site = init_demonstration(tmp_path / "var" / "site.toml").path
    directory = site.with_name("directory.toml")
    text = directory.read_text()
    assert 'jid = "bob@metals.example"' in text
    directory.write_text(text.replace('jid = "bob@metals.example"', 'jid = "bert@metals.example"'))
    result = run_steelyard("up", "--demo", "--once", "--site", site)
    assert result.returncode == 1
    assert (
        "bob@metals.example cannot log in: the server says: Your access to this line has ended"
        in result.stdout
    )
    assert processes_of(site.parent) == []


def test_only_a_demonstration_plays_the_demonstration(tmp_path: Path) -> None:
    site = tmp_path / "var" / "site.toml"
    result = run_steelyard("up", "--site", site)
    assert result.returncode == 2
    assert result.stderr == (
        f"steelyard: there is no {site}; make a site with `steelyard init`, or try `steelyard up --demo`\n"
    )
    assert not site.parent.exists()
