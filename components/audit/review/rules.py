"""The directory and the rules by which reviewers see what waits for them."""

from components.process.errors import SiteError
from components.rules.fingerprint import fingerprint_file
from components.rules.load import RulesError, load_content, parse_site_directory
from components.settings.site import SiteFile
from policy.content.parse import PolicyError
from policy.content.rule import Rule
from policy.directory.directory import Directory, DirectoryError


def load_rules(settings: SiteFile) -> dict[str, Rule]:
    """Return the rules of the policy in force, by id; raises SiteError."""
    file = settings.gate.policy
    try:
        return load_content(file).by_id if file else {}
    except (PolicyError, RulesError, OSError) as error:
        raise SiteError(f"gate.policy cannot be used: {error}; run `steelyard policy check`") from None


class KnownRules:
    """Knows the rules of the policy in force, by id, and reads them again when its file changes.

    What a review needs of them, the lists of terms beside it do not tell.
    """

    def __init__(self) -> None:
        self._state: tuple[object, ...] | None = None
        self._rules: dict[str, Rule] = {}

    def read(self, settings: SiteFile) -> dict[str, Rule]:
        """Return the rules; raises SiteError."""
        file = settings.gate.policy
        # Taken before it is read, so that the next look sees what changes meanwhile.
        state = (file, *(fingerprint_file(file) if file else ()))
        if state != self._state:
            self._state = None
            self._rules = load_rules(settings)
            self._state = state
        return self._rules


def load_directory(settings: SiteFile) -> Directory:
    """Return everybody who is listed, also those who are not admitted; raises SiteError."""
    file = settings.gate.directory_file
    try:
        return parse_site_directory(file.name, file.read_text(encoding="utf-8")).directory
    except (DirectoryError, OSError, UnicodeDecodeError) as error:
        raise SiteError(f"gate.directory cannot be used: {error}") from None
