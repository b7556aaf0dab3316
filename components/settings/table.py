"""How all tables of site.toml are read, and how their mistakes are reported (docs/settings.md)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from components.process.errors import shorten
from policy.address import parse_domain
from policy.toml_problem import TomlError
from policy.toml_problem import read_toml as parse_toml

# What file systems take (POSIX's NAME_MAX and PATH_MAX on Linux).
_NAME_MAX_BYTES, _PATH_MAX_BYTES = 255, 4095


def _require_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return parse_domain(text)


def is_loopback(address: str) -> bool:
    """Return whether an address is this machine's own, so that what is sent there crosses no network."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _require_loopback(address: str) -> str:
    if not is_loopback(address):
        raise ValueError(
            f"{address} is on a network, and this connection is not encrypted: write 127.0.0.1; to another"
            " machine, have a tunnel with TLS end there (docs/security.md, section 8)"
        )
    return address


DomainName = Annotated[str, AfterValidator(parse_domain)]
Address = Annotated[str, AfterValidator(_require_address)]
"""An address to listen on or to connect to: an IP address, or the name of a host."""
LoopbackAddress = Annotated[Address, AfterValidator(_require_loopback)]
"""An address of this machine alone."""
Port = Annotated[int, Field(ge=1, le=65535)]
LogLevel = Literal["debug", "info", "warn", "error"]


class SettingsError(ValueError):
    """A settings file is wrong; `problems` has a line for each fault: its TOML path and what to do."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(map(shorten, problems))
        super().__init__("; ".join(self.problems))


def require_path(text: object) -> object:
    """Return what a setting names as a path, if any file system takes it; raises ValueError."""
    if not isinstance(text, str):
        return text
    if not text:
        raise ValueError("must not be empty: write a path")
    if "\n" in text or "\t" in text:
        raise ValueError("is no path: it has a tab or an end of line")
    encoded = text.encode()
    if len(encoded) > _PATH_MAX_BYTES or any(len(name) > _NAME_MAX_BYTES for name in encoded.split(b"/")):
        raise ValueError("is too long for a path: write a shorter one")
    try:
        Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder {text.partition('/')[0]}: write the whole path") from None
    return text


def _below_site(path: Path, info: ValidationInfo) -> Path:
    folder: Path = info.context["folder"] if info.context else Path()
    return folder / path.expanduser()


SitePath = Annotated[Path, AfterValidator(_below_site), BeforeValidator(require_path)]
"""A path of site.toml: relative ones start at the file's folder; absolute once validated."""


class Table(BaseModel):
    """A table of site.toml: unknown keys are problems, values do not change."""

    # What validates a table is built when it is used: `check` imports all, and one that is missing needs none.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)

    table_name: ClassVar[str]
    """Its name in site.toml; a table within a table has none."""
    may_be_missing: ClassVar[bool] = True
    """Whether a site can do without it."""

    @field_validator("*", mode="before")
    @classmethod
    def _require_plain(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what the parser would turn into something else: `true` into 1; and texts with control characters."""
        takes_bool = cls.model_fields[info.field_name or ""].annotation is bool
        if takes_bool != isinstance(value, bool):
            raise ValueError("must be true or false" if takes_bool else "cannot be true or false")
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and any(
                (char < " " and char not in "\n\t") or char == "\x7f" for char in text
            ):
                raise ValueError("has a control character: take it out")
        return value

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with a table of the right shape: missing files, settings that need others."""
        return iter(())


_Model = TypeVar("_Model", bound=Table)


INIT_MAKES_IT = "`steelyard init` makes what is missing"
NAME_MAX = 255
"""So many characters a name has at most that comes into lines, certificates and signed notes."""

PUT_IT_BACK = "put it back from a backup that holds the keys"


def find_missing(setting: str, files: Iterable[Path], advice: str = INIT_MAKES_IT) -> Iterator[str]:
    """Yield the missing files that a setting names, and what to do: `steelyard init` makes most of them."""
    if missing := ", ".join(str(file) for file in files if not file.is_file()):
        yield f"{setting}: there is no {missing}; {advice}"


def parse_table(document: Mapping[str, Any], table: type[_Model], folder: Path) -> _Model:
    """Validate one table of a document, whose relative paths start at `folder`; raises SettingsError."""
    name = table.table_name
    if not isinstance(document.get(name), dict):
        raise SettingsError([f"{name}: is missing; add the table [{name}] (docs/settings.md)"])
    try:
        return table.model_validate(document[name], context={"folder": folder})
    except ValidationError as err:
        raise SettingsError(_describe_problems(err, table)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises SettingsError when it cannot be read or parsed."""
    try:
        return parse_toml(path.read_text())
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise SettingsError([f"{path}: {reason}; name the site's file with --site"]) from None
    except (TomlError, UnicodeDecodeError) as err:
        raise SettingsError([f"{path}: is not valid TOML: {err}"]) from None


def _describe_problems(error: ValidationError, table: type[Table]) -> list[str]:
    """Turn pydantic's errors into one line each: the TOML path, what is wrong, and what to do."""
    lines = []
    for detail in error.errors(include_url=False, include_context=False):
        path = ".".join(str(part) for part in (table.table_name, *detail["loc"]))
        lines.append(f"{path}: {_advice(detail, table)}")
    return lines


def _advice(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    if detail["type"] == "missing":
        return "is missing; add it (docs/settings.md)"
    if detail["type"] == "extra_forbidden":
        return explain_unknown(str(detail["loc"][-1]), _names_beside(detail["loc"], model))
    if detail["type"] == "value_error":  # our own validators say what to write instead
        return str(detail["msg"]).removeprefix("Value error, ")
    message = str(detail["msg"])
    return f"{message[0].lower()}{message[1:]}, not {str(detail['input'])[:80]!r}"


def explain_unknown(name: str, names: Sequence[str]) -> str:
    """Return what to do about an unknown name."""
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1)
    return "there is no such setting; " + (f"did you mean {near[0]}?" if near else "remove it")


def _names_beside(location: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    for part in location[:-1]:
        if isinstance(part, int):  # which table of an array
            continue
        inner = inner_table(model.model_fields[part].annotation) if part in model.model_fields else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def inner_table(annotation: object) -> type[BaseModel] | None:
    """Return the table in a field (a single, an optional, or an array of tables); None for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (inner_table(argument) for argument in get_args(annotation))
    return next((table for table in found if table is not None), None)
