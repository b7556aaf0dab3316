"""Units of systemd for a site: each process as a user of its own, which sees its own secrets only (docs/install.md).

`Needs` says what a process needs; this renders it. Pure: texts by the path at which they belong below /etc.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from components.archive.store.open import is_postgres
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.ejabberd_check import refuse_ejabberd
from components.site.lock import LOCK_FILE
from components.site.needs import GROUP, SERVER, Needs, find_needs
from components.site.spawn import OPEN_FILES

MARK = "# Written by `steelyard units` from {site}; run it again after changes, and change nothing here."
TARGET = "steelyard.target"

_STOP_S = 30
_WATCHDOG_S = 60

# What no process of a site does. Of tokens (pkcs11:) that are devices, a drop-in has to allow the device.
_SANDBOX = """\
UMask=0027
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
DevicePolicy=closed
PrivateUsers=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM"""

# Who talks to nobody but the site's own server, where that is on this machine: nothing else is reached.
_LOCAL = ("gate", "roster", "access", "indexer")
_READ_FILES = ("transfer", "indexer", "console")
_APART = set(" \t\n\"'\\$;")
# Such as /var/lib: what lies no deeper is none of ours.
_DEPTH_OF_SYSTEM = 3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def render_units(site: SiteFile, program: str = "/usr/bin/steelyard") -> Mapping[str, str]:
    """Return all files for systemd and logrotate, by their path below /etc; raises SettingsError, SiteError."""
    refuse_ejabberd(site, "a unit for each process")
    needs = find_needs(site)
    head = MARK.format(site=site.path)
    texts = {
        "tmpfiles.d/steelyard.conf": _render_tmpfiles(site, needs),
        "sysusers.d/steelyard.conf": _render_users(needs),
        f"systemd/system/{TARGET}": _render_target(site, needs),
        "logrotate.d/steelyard": _render_rotation(site, needs),
    }
    texts |= {
        f"systemd/system/{unit_name(each.name)}": _render_unit(site, each, needs, program) for each in needs
    }
    return {path: f"{head}\n{text}\n" for path, text in texts.items()}


def unit_name(name: str) -> str:
    """Return the name of a process's unit."""
    return f"steelyard-{name}.service"


def _render_unit(site: SiteFile, needs: Needs, every: tuple[Needs, ...], program: str) -> str:
    is_server = needs.name == SERVER
    lines = [
        "[Unit]",
        f"Description=Steelyard: {needs.title}",
        "Documentation=man:steelyard-run(1)",
        f"ConditionPathExists={_plain(site.path)}",
        f"After={' '.join(['network.target', *_earlier(needs.name, every)])}",
        f"PartOf={TARGET}",
        # It is tried again for ever, as `steelyard up` does; wrong settings end it.
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"Type={'exec' if is_server else 'notify'}",
        f"ExecStart={program} run {needs.name}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        f"User={needs.user}",
        f"Group={GROUP}",
        f"Environment=STEELYARD_SITE={_plain(site.path)}",
        *_credentials(needs),
        f"ReadWritePaths={' '.join(_plain(folder) for folder in needs.folders)}",
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
        # What is held meanwhile comes back to its senders after `gate.hold_timeout_s`.
        f"RestartSec={'200ms' if needs.name == 'gate' else '1'}",
        *([] if is_server else [f"WatchdogSec={_WATCHDOG_S}", "TimeoutStartSec=120"]),
        f"TimeoutStopSec={round(_STOP_S + (site.gate.hold_timeout_s if is_server else 0))}",
        f"LimitNOFILE={OPEN_FILES}",
        "LimitCORE=0",
        _SANDBOX,
        # What reads people's files gives each reader a network of its own, which is none (docs/decisions/0168).
        f"RestrictNamespaces={'user net' if needs.name in _READ_FILES else 'yes'}",
        *_network(site, needs.name),
        "",
        "[Install]",
        f"WantedBy={TARGET}",
    ]
    return "\n".join(lines)


def _earlier(name: str, every: tuple[Needs, ...]) -> Iterator[str]:
    """Yield the units that start before one, and so stop after it: the server stops first, the witness last."""
    for other in (each.name for each in every if each.name != name):
        if name == SERVER or (other == "witness" and name != SERVER):
            yield unit_name(other)


def _credentials(needs: Needs) -> Iterator[str]:
    """Yield what hands a process the secrets that others need as well: they are root's, and each gets a copy."""
    for setting, file in needs.shared.items():
        variable = f"STEELYARD_{setting.upper().replace('.', '__')}"
        yield f"LoadCredential={setting}:{_plain(file)}"
        yield f"Environment={variable}=%d/{setting}"


def _network(site: SiteFile, name: str) -> Iterator[str]:
    stores = (*(log.store for log in site.logs), site.audit.index_store)
    is_elsewhere = any(store is not None and is_postgres(store) for store in stores)
    if name in _LOCAL and site.gate.address in _LOOPBACK and not is_elsewhere:
        yield "IPAddressDeny=any"
        yield "IPAddressAllow=localhost"


def _render_target(site: SiteFile, needs: tuple[Needs, ...]) -> str:
    return "\n".join(
        [
            "[Unit]",
            f"Description=Steelyard: the site {_escape(site.site.name)}",
            "Documentation=man:steelyard(1)",
            f"Wants={' '.join(unit_name(each.name) for each in needs)}",
            "",
            "[Install]",
            "WantedBy=multi-user.target",
        ]
    )


def _render_rotation(site: SiteFile, needs: tuple[Needs, ...]) -> str:
    """Render how the server's log is rotated: it opens another at SIGHUP. The others' are the journal's."""
    (server,) = (each for each in needs if each.name == SERVER)
    file = site.site.logs / "prosody.log"
    _plain(file)
    return f"""\
{file} {{
    su {server.user} {GROUP}
    weekly
    rotate 12
    missingok
    notifempty
    compress
    delaycompress
    postrotate
        /bin/systemctl try-reload-or-restart {unit_name(SERVER)}
    endscript
}}"""


def _render_users(needs: tuple[Needs, ...]) -> str:
    users = dict.fromkeys(each.user for each in needs)
    lines = [f"g {GROUP} -"]
    for user in users:
        lines += [f'u {user} - "Steelyard" - -', f"m {user} {GROUP}"]
    return "\n".join(lines)


def _render_tmpfiles(site: SiteFile, needs: tuple[Needs, ...]) -> str:
    """Render who owns what; it also mends what root has made since, such as a new key."""
    common = [site.path, site.gate.directory_file, site.gate.policy, site.archive.retention]
    lines = [f"z {_plain(file)} 0640 root {GROUP} -" for file in common if file is not None]
    # Nobody but root can make it there; each holds it while it runs, so that no `steelyard up` starts beside them.
    lines.append(f"f {_plain(site.folder / LOCK_FILE)} 0644 root root -")
    lines += [f"z {_plain(folder)} 0750 root {GROUP} -" for folder in _common_folders(site, needs)]
    lines += [f"z {_plain(folder)} 0755 root root -" for folder in _folders_above(site, needs)]
    for each in needs:
        for folder in each.folders:
            lines.append(f"d {_plain(folder)} 0750 {each.user} {GROUP} -")
            lines.append(f"Z {_plain(folder)} - {each.user} {GROUP} -")
        lines += [f"z {_plain(file)} 0600 {each.user} {GROUP} -" for file in each.secrets]
        lines += [f"z {_plain(file)} 0600 root root -" for file in each.shared.values()]
    return "\n".join(dict.fromkeys(lines))


def _common_folders(site: SiteFile, needs: tuple[Needs, ...]) -> Iterator[Path]:
    """Yield the folders of keys and certificates that are of no process: all look into them, and root writes there."""
    owned = {folder for each in needs for folder in each.folders}
    files = [file for each in needs for file in (*each.secrets, *each.shared.values())]
    folders = {file.parent for file in (*files, *site.archive.recipients)} | {site.prosody.certificates}
    yield from sorted(folders - owned - {site.folder})


def _folders_above(site: SiteFile, needs: tuple[Needs, ...]) -> Iterator[Path]:
    """Yield what lies between the system's folders and those of processes: a command of root's may have shut it."""
    owned = {folder for each in needs for folder in each.folders}
    of_others = {*owned, *_common_folders(site, needs), site.folder, *site.folder.parents}
    for folder in sorted({folder.parent for folder in owned} - of_others):
        if len(folder.parts) > _DEPTH_OF_SYSTEM:
            yield folder


def _plain(path: Path) -> str:
    """Return a path as it stands in a unit; raises SiteError for one that systemd would take apart."""
    if set(str(path)) & _APART:
        raise SiteError(
            f"{path} has a blank, a quote, a $ or a \\, with which systemd does not take it: name it otherwise"
        )
    return _escape(path)


def _escape(text: object) -> str:
    """Return a text in which systemd finds no specifier of its own, and which ends with its line."""
    return " ".join(str(text).replace("%", "%%").split())
