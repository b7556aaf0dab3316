"""What a site's server does not offer, whoever asks (docs/paths.md, section 3)."""

import re
from dataclasses import replace
from pathlib import Path

from components.settings.prosody import WebSettings
from components.site.prosody import ProsodyPlan, render_config

# Each would tell of people or reach them past the gate, or let somebody in whom nobody approved.
SHUT = (  # noqa: SIM905 - reads better than a page of quotes
    "register register_ibr invites invites_register invites_adhoc watchregistrations "
    "announce motd welcome groups lastactivity uptime proxy65 external_services turn_external server_contact_info "
    "bosh websocket http_file_share admin_shell admin_telnet auth_anonymous"
).split()


def test_no_module_opens_a_path_past_the_gate() -> None:
    plan = ProsodyPlan(
        Path("/site"), ("metals.example",), ("rooms.metals.example",), 5222, 5347, gate="gate.metals.example"
    )
    config = render_config(plan)
    loaded = set(re.findall(r"'([a-z0-9_]+)'", " ".join(re.findall(r"modules_enabled = \{[^}]*\}", config))))
    # The gate lets nothing but a password through (tests/e2e/test_password_change.py).
    assert "user_account_management" in loaded
    assert {
        "stanza_gate",
        "room_borders",
        "unknown_accounts",
        "former_accounts",
        "archive_halved",
        "roster",
    } <= loaded
    assert loaded.isdisjoint(SHUT)
    assert "allow_registration = false" in config


def test_every_host_of_rooms_keeps_the_borders() -> None:
    plan = ProsodyPlan(
        Path("/site"),
        ("metals.example",),
        ("rooms.metals.example", "rooms.grain.example"),
        5222,
        5347,
        gate="gate.metals.example",
    )
    rooms = re.findall(r"Component '(rooms[^']+)' 'muc'\n([^C]*)", render_config(plan))
    assert [domain for domain, _ in rooms] == list(plan.room_domains)
    assert all("'room_borders'" in settings for _, settings in rooms)


def test_browsers_get_in_where_the_site_says_so_alone() -> None:
    plan = ProsodyPlan(Path("/site"), ("metals.example",), (), 5222, 5347, gate="gate.metals.example")
    without = render_config(plan)
    assert "https_ports = {}" in without and "c2s_direct_tls_ports = {  }" in without
    assert not re.search(r"'(bosh|websocket|host_meta)'", without)
    web = WebSettings.model_validate({"port": 5281, "bosh_path": ""})
    config = render_config(replace(plan, web=web, direct_tls_port=5223))
    assert "https_ports = { 5281 }" in config and "c2s_direct_tls_ports = { 5223 }" in config
    assert "http_ports = {}" in config  # never without TLS
    assert re.search(r"modules_enabled = \{[^}]*'host_meta', 'websocket'", config) and "'bosh'" not in config
