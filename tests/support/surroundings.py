"""What the machine of whoever runs the tests would say to each program there: here it says the same on all machines.

Programs read variables that nobody thinks of: how wide a terminal is, how a colour is shown, which proxy leads outside,
which site or database is one's own (docs/decisions/0359).
"""

import os
import re
import signal
import tempfile
import time
from collections.abc import Mapping

MOST_CHARACTERS = 32
"""In a folder below a longer one for temporary files, no socket has a name: a name has 107 bytes (unix(7))."""

OF_TESTS = (
    "COMPILED", "EJABBERD", "EXAMPLES", "FAULT_ROUNDS", "FAULT_STRIDE", "FUZZ_SEED", "KEEP_SCREENSHOTS", "SERVER",
)  # fmt: skip
"""What is said to the tests themselves, as `STEELYARD_...`; other variables of that kind are settings of a site."""

_SAID = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "xterm",
    # pytest's folders are called after whoever this is, and names of people may be long.
    "LOGNAME": f"u{os.getuid()}",
}
_LEFT_OUT = re.compile(
    # Terminals and people's tools.
    r"COLUMNS|LINES|FORCE_COLOR|NO_COLOR|CLICOLOR(_FORCE)?|TTY_(COMPATIBLE|INTERACTIVE)|LANGUAGE|LC_.+"
    r"|PAGER|LESS(OPEN|CLOSE)?|EDITOR|VISUAL"
    # The network, TLS and other servers.
    r"|(?i:(http|https|ftp|all|no)_proxy)|OPENSSL_CONF|SSLKEYLOGFILE|PG.+|LDAP.+|AWS_(?!CA_BUNDLE).+|SOFTHSM2_CONF"
    # Service managers and folders of the user's own.
    r"|NOTIFY_SOCKET|WATCHDOG_.+|LISTEN_.+|CREDENTIALS_DIRECTORY|XDG_.+|TESSDATA_PREFIX"
    # Interpreters.
    r"|PYTHON(PATH|HOME|WARNINGS|OPTIMIZE|SAFEPATH|INSPECT|DEVMODE|UTF8|IOENCODING)|LUA_.+|ERL_.+|ERLANG_.+|EJABBERD_.+"
    rf"|STEELYARD_(?!({'|'.join(OF_TESTS)})$).+"
)
_NEW_FILES = 0o022


def find_changes(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return what is to be changed in an environment: what a variable is to say, or None for one that is left out."""
    left_out = dict.fromkeys(filter(_LEFT_OUT.fullmatch, environment))
    long = len(environment.get("TMPDIR", "")) > MOST_CHARACTERS
    return {**left_out, **({"TMPDIR": None} if long else {}), **_SAID}


def settle() -> None:
    """Have this process, and what it starts, see the same on each machine."""
    for name, said in find_changes(os.environ).items():
        if said is None:
            del os.environ[name]
        else:
            os.environ[name] = said
    time.tzset()
    os.umask(_NEW_FILES)
    tempfile.tempdir = None  # it is looked up again
    # A shell has what it starts in the background ignore these, and so would all that a test starts and interrupts.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
