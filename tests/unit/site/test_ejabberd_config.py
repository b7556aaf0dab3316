"""The configuration of a private ejabberd (docs/ejabberd.md): what is in it, and what must never be."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.process.errors import SiteError
from components.settings.prosody import WebSettings
from components.site.ejabberd import (
    ADAPTER_DIR,
    MODULES,
    compile_adapter,
    environment,
    render_accounts_config,
    render_config,
    start_command,
)
from components.site.planned_site import PlannedSite
from components.site.prosody import PlannedComponent, ProsodyPlan, ServerSide

GATE = "gate.metals.example"
PAST_THE_HOLD = (
    "mod_http_api", "mod_announce", "mod_multicast", "mod_mqtt", "mod_proxy65", "mod_http_upload",
    "mod_service_log", "mod_register", "mod_configure",
)  # fmt: skip


def config_of(root: Path, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "root": root,
        "domains": ("metals.example", "grain.example"),
        "room_domains": ("rooms.metals.example",),
        "c2s_port": 5222,
        "component_port": 5347,
        "gate": GATE,
        "gate_secret": 'the "gate\'s" secret',
    }
    config: dict[str, Any] = json.loads(render_config(ProsodyPlan(**(fields | changes))))
    return config


def listener_of(config: dict[str, Any], module: str) -> dict[str, Any]:
    (found,) = (each for each in config["listen"] if each["module"] == module)
    assert isinstance(found, dict)
    return found


def test_every_domain_is_held_by_the_gates_settings(tmp_path: Path) -> None:
    config = config_of(tmp_path, hold_timeout_s=2.5, window_stanzas=80, window_bytes=1024)
    gate = config["modules"]["mod_stanza_gate"]
    assert (gate["gate"], gate["timeout_ms"]) == (GATE, 2500)
    assert (gate["window_stanzas"], gate["window_bytes"]) == (80, 1024)
    assert config["hosts"] == ["metals.example", "grain.example"]
    assert "mod_stanza_gate" not in config_of(tmp_path, gate="", gate_secret="")["modules"]


def test_a_verdict_comes_before_a_resumption_is_given_up(tmp_path: Path) -> None:
    """ejabberd waits 15 s for the process of a session that is resumed: it may be waiting for the gate."""
    assert config_of(tmp_path)["modules"]["mod_stanza_gate"]["timeout_ms"] + 2000 < 15_000


def test_done_waits_for_a_session_that_waits_for_the_gate(tmp_path: Path) -> None:
    gate = config_of(tmp_path, hold_timeout_s=3.0)["modules"]["mod_stanza_gate"]
    assert gate["done_lag_ms"] >= gate["timeout_ms"] + 2000


def test_what_goes_to_another_node_is_watched_and_a_silent_node_is_lost_soon(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert (ADAPTER_DIR / f"ejabberd_cluster_{config['cluster_backend']}.erl").exists()
    assert config["net_ticktime"] <= 20


def test_nothing_that_writes_to_people_past_the_hold_is_loaded(tmp_path: Path) -> None:
    assert not set(PAST_THE_HOLD) & (set(MODULES) | set(config_of(tmp_path)["modules"]))


def test_the_page_names_what_is_not_loaded() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "ejabberd.md").read_text("utf-8")
    assert all(f"`{module}`" in page for module in PAST_THE_HOLD)


def test_each_component_has_a_secret_and_a_route_of_its_own(tmp_path: Path) -> None:
    bot = PlannedComponent("bot.metals.example", "the bot's\nsecret")
    listener = listener_of(config_of(tmp_path, components=(bot,)), "ejabberd_service")
    assert listener["hosts"] == {
        GATE: {"password": 'the "gate\'s" secret'},
        bot.jid: {"password": bot.secret},
    }
    assert listener["global_routes"] is False
    assert listener["ip"] == "127.0.0.1"


def test_clients_have_to_encrypt_where_there_are_certificates(tmp_path: Path) -> None:
    encrypted = config_of(tmp_path, certificates=tmp_path)
    assert listener_of(encrypted, "ejabberd_c2s")["starttls_required"] is True
    assert str(tmp_path / "grain.example.key") in encrypted["certfiles"]
    assert {"no_tlsv1", "no_tlsv1_1"} <= set(listener_of(encrypted, "ejabberd_c2s")["protocol_options"])
    assert "starttls" not in listener_of(config_of(tmp_path, plain_port_allowed=True), "ejabberd_c2s")


def test_without_sites_nothing_listens_for_other_servers_and_nothing_goes_to_them(tmp_path: Path) -> None:
    for changes in ({}, {"s2s_port": 5269, "federated_domains": ("zurich.example",)}):
        config = config_of(tmp_path, **changes)  # without certificates nobody could prove who they are
        assert {each["module"] for each in config["listen"]} == {"ejabberd_c2s", "ejabberd_service"}
        assert config["access_rules"][config["s2s_access"]] == {"deny": "all"}


def test_other_sites_come_in_by_their_certificates_alone(tmp_path: Path) -> None:
    federated = {"s2s_port": 5269, "certificates": tmp_path / "certs"}
    config = config_of(tmp_path, **federated, federated_domains=("zurich.example",))
    assert listener_of(config, "ejabberd_s2s_in")["port"] == 5269
    assert config["s2s_access"] == [{"allow": [{"server": "zurich.example"}]}]
    assert (config["s2s_use_starttls"], config["s2s_cafile"]) == (
        "required",
        str(tmp_path / "certs" / "ca.crt"),
    )
    assert "mod_s2s_dialback" not in config["modules"]
    assert str(tmp_path / "certs" / "rooms.metals.example.crt") in config["certfiles"]
    assert config_of(tmp_path, **federated)["s2s_access"] == "nobody"


def test_each_site_is_known_by_its_own_authority_and_place(tmp_path: Path) -> None:
    london, bern = tmp_path / "london.crt", tmp_path / "bern.crt"
    sites = (
        PlannedSite(("london.example", "rooms.london.example"), london, ("ab" * 32,), "192.0.2.7", 5270),
        PlannedSite(("bern.example",), bern),
    )
    config = config_of(
        tmp_path,
        s2s_port=5269,
        certificates=tmp_path / "certs",
        federated_domains=("zurich.example",),
        sites=sites,
    )
    there = {"authority": str(london), "pins": ["ab" * 32], "address": "192.0.2.7", "port": 5270}
    assert config["modules"]["mod_federated_sites"]["sites"] == {
        "zurich.example": {"authority": str(tmp_path / "certs" / "ca.crt")},
        "london.example": there,
        "rooms.london.example": there,
        "bern.example": {"authority": str(bern)},
    }
    allowed = [each["allow"][0]["server"] for each in config["s2s_access"]]
    assert allowed == list(config["modules"]["mod_federated_sites"]["sites"])
    assert "mod_federated_sites" not in config_of(tmp_path, sites=sites)["modules"]


def test_rooms_are_there_only_where_they_have_a_domain(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert rooms_of(config) == {"metals.example": ["rooms.metals.example"], "grain.example": None}
    assert set(rooms_of(config_of(tmp_path, room_domains=())).values()) == {None}


def rooms_of(config: dict[str, Any]) -> dict[str, list[str] | None]:
    """Return the domains of rooms by the domain of accounts that keeps them."""
    assert "mod_muc" not in config["modules"]
    hosts = config["append_host_config"]
    return {
        domain: own["modules"].get("mod_muc", {}).get("hosts") if own["modules"] else None
        for domain, own in hosts.items()
    }


def test_each_domain_of_rooms_has_one_keeper(tmp_path: Path) -> None:
    """Kept by two hosts, each room would be there twice."""
    rooms = (
        "rooms.metals.example",
        "pit.rooms.metals.example",
        "rooms.grain.example",
        "rooms.elsewhere.example",
    )
    kept = rooms_of(config_of(tmp_path, room_domains=rooms))
    assert kept == {
        "metals.example": ["rooms.metals.example", "pit.rooms.metals.example", "rooms.elsewhere.example"],
        "grain.example": ["rooms.grain.example"],
    }


def test_where_the_directorys_rooms_are_made_nobody_else_makes_any(tmp_path: Path) -> None:
    made = config_of(tmp_path, makes_rooms=True)["append_host_config"]["metals.example"]["modules"]
    assert "mod_directory_rooms" in made
    assert made["mod_muc"]["access_create"] == "nobody"
    others = config_of(tmp_path)["append_host_config"]["metals.example"]["modules"]
    assert "mod_directory_rooms" not in others


def test_nobody_learns_of_a_service_that_nobody_may_use(tmp_path: Path) -> None:
    files = PlannedComponent("files.steelyard.example", "secret", ServerSide(offered=True))
    bot = PlannedComponent("bot.metals.example", "secret")
    modules = config_of(tmp_path, components=(files, bot))["modules"]
    assert modules["mod_disco"]["extra_domains"] == [files.jid]
    assert all(host.endswith(".invalid") for host in modules["mod_pubsub"]["hosts"])


def test_rosters_are_kept_by_the_component_that_may_and_by_nobody_where_there_is_none(tmp_path: Path) -> None:
    keeper = PlannedComponent("roster.metals.example", "s3cret", ServerSide(keeps_rosters=True))
    bot = PlannedComponent("bot.metals.example", "s3cret")
    modules = config_of(tmp_path, components=(bot, keeper))["modules"]
    assert modules["mod_managed_rosters"] == {"entity": "roster.metals.example"}
    assert "mod_managed_rosters" not in config_of(tmp_path, components=(bot,))["modules"]


def test_who_makes_accounts_owns_the_rooms_and_is_found(tmp_path: Path) -> None:
    maker = PlannedComponent("access.metals.example", "s3cret", ServerSide(makes_accounts=True))
    folder = tmp_path / "passwords"
    config = config_of(
        tmp_path, components=(maker,), first_passwords=folder, room_domains=("rooms.metals.example",)
    )
    modules = config["modules"]
    assert modules["mod_access"] == {"component": maker.jid, "passwords": str(folder)}
    assert modules["mod_disco"]["extra_domains"] == [maker.jid]
    rooms = config["append_host_config"]["metals.example"]["modules"]["mod_muc"]
    assert rooms["access_admin"] == [{"allow": [{"server": maker.jid}]}]
    others = config_of(tmp_path, room_domains=("rooms.metals.example",))
    assert "mod_access" not in others["modules"]
    assert others["append_host_config"]["metals.example"]["modules"]["mod_muc"]["access_admin"] == "nobody"


def test_browsers_and_clients_that_begin_with_tls_have_listeners_with_certificates(tmp_path: Path) -> None:
    web = WebSettings.model_validate({"port": 5281, "host": "chat.example", "bosh_path": ""})
    config = config_of(tmp_path, certificates=tmp_path, web=web, direct_tls_port=5223)
    direct = next(each for each in config["listen"] if each["port"] == 5223)
    assert direct["tls"] is True and "starttls" not in direct
    browsers = listener_of(config, "ejabberd_http")
    assert browsers["tls"] is True
    assert browsers["request_handlers"]["/xmpp-websocket"] == "ejabberd_http_ws"
    assert str(tmp_path / "chat.example.key") in config["certfiles"]
    told = config["append_host_config"]["grain.example"]["modules"]["mod_host_meta"]
    assert told == {
        "websocket_url": "wss://chat.example:5281/xmpp-websocket",
        "bosh_service_url": "undefined",
    }
    plain = config_of(tmp_path, web=web, direct_tls_port=5223)
    assert {each["module"] for each in plain["listen"]} == {"ejabberd_c2s", "ejabberd_service"}


def test_accounts_are_made_where_nobody_can_connect(tmp_path: Path) -> None:
    plan = ProsodyPlan(tmp_path, ("metals.example",), (), 5222, 5347, gate=GATE, gate_secret="secret")
    accounts, server = json.loads(render_accounts_config(plan)), json.loads(render_config(plan))
    assert (accounts["listen"], accounts["modules"]) == ([], {})
    same = ("hosts", "auth_method", "auth_password_format")
    assert [accounts[name] for name in same] == [server[name] for name in same]


@pytest.mark.parametrize(("level", "said"), [("warn", "warning"), ("info", "info"), ("debug", "debug")])
def test_its_log_levels_have_its_own_names(tmp_path: Path, level: str, said: str) -> None:
    assert config_of(tmp_path, log_level=level)["loglevel"] == said


def test_without_ejabberd_nothing_is_compiled_or_started(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="apt-get install ejabberd"):
        compile_adapter(tmp_path / "beams", libraries=tmp_path)
    with pytest.raises(SiteError, match="apt-get install ejabberd"):
        start_command(tmp_path, (), libraries=tmp_path)
    assert not (tmp_path / "beams").exists()


def test_a_private_server_has_no_name_and_its_own_folder(tmp_path: Path) -> None:
    own = tmp_path / "x86" / "ejabberd-23.01-1" / "ebin"
    own.mkdir(parents=True)
    command = start_command(tmp_path / "site", (tmp_path / "beams",), libraries=tmp_path)
    assert not {"-name", "-sname"} & set(command)
    assert [command[at + 1] for at, each in enumerate(command) if each == "-pa"] == [
        str(own),
        str(tmp_path / "beams"),
    ]
    assert f'"{tmp_path / "site" / "data"}"' in command
    assert environment(tmp_path)["EJABBERD_CONFIG_PATH"] == str(tmp_path / "ejabberd.yml")


def test_each_file_of_the_adapter_is_a_module_that_says_what_it_owns() -> None:
    for file in sorted(ADAPTER_DIR.glob("*.erl")):
        text = file.read_text("utf-8")
        assert f"-module({file.stem})." in text
        assert text.startswith("%% ")
        assert len(text.splitlines()) < 300
