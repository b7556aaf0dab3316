"""The shape of policy.toml: its tables, the allowed entries, and the errors for wrong ones."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from policy.content.link import parse_host
from policy.content.pattern import check_pattern
from policy.content.rule import (
    ContentAction,
    Counted,
    Lexicon,
    Links,
    Matched,
    Patterns,
    PayloadKind,
    Payloads,
    Rate,
    Rule,
    Term,
    Topics,
    Uploads,
)
from policy.content.word import normalize_term
from policy.files.facts import ContentFacts, FileExample, FileFacts, FileMark
from policy.files.media_type import UNTYPED
from policy.files.slot import Purpose
from policy.shown import Sentence
from policy.toml_problem import explain, locate
from policy.topic.model import ModelName, Topic

TERM_MAX_CHARACTERS = 200
REVIEWERS_MAX = 5
LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$"  # RFC 5646, as far as anybody needs it here
MEDIA_TYPE = r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/(\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*)$"  # RFC 6838, 4.2
SHA256 = r"^[0-9A-Fa-f]{64}$"
MIB_MAX = 1 << 20
_MIB = 1 << 20


def check_term(text: str) -> str:
    """Check a term as a person wrote it, and return it; raises ValueError."""
    bare = text.strip("*")
    if not normalize_term(bare):
        raise ValueError("is empty: write a word or a phrase")
    if "*" in bare or text.startswith("**") or text.endswith("**"):
        raise ValueError(f"{text!r} has a '*' inside: one may stand at the start, and one at the end")
    if len(text) > TERM_MAX_CHARACTERS:
        raise ValueError(f"has {len(text)} characters: at most {TERM_MAX_CHARACTERS} are allowed")
    return text


_Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
_Language = Annotated[str, StringConstraints(pattern=LANGUAGE)]
_TermText = Annotated[str, AfterValidator(check_term)]
_Pattern = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(check_pattern)]
_Host = Annotated[str, AfterValidator(parse_host)]
_Scheme = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*$")]
_Namespace = Annotated[str, StringConstraints(min_length=1)]
_FileName = Annotated[str, StringConstraints(min_length=1)]
_MediaType = Annotated[str, StringConstraints(pattern=MEDIA_TYPE, to_lower=True)]
_Sha256 = Annotated[str, StringConstraints(pattern=SHA256, to_lower=True)]
_Mib = Annotated[float, Field(gt=0, le=MIB_MAX, strict=False)]
_Mark = Annotated[FileMark, Field(strict=False)]
_Purpose = Annotated[Purpose, Field(strict=False)]

Files = Mapping[str, str]
"""The texts of lexicon files, by their names as policy.toml has them."""


class _StrictTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _RuleTable(_StrictTable):
    id: _Id
    action: Annotated[ContentAction, Field(strict=False)]
    text: Sentence = ""
    reviewers: Annotated[int, Field(ge=0, le=REVIEWERS_MAX)] = 1
    hide_names: bool = False

    def matched(self, files: Files) -> Matched:
        raise NotImplementedError

    def build(self, files: Files) -> Rule:
        raise NotImplementedError


class _TextRuleTable(_RuleTable):
    """A rule whose examples are texts or stanzas."""

    must_match: Annotated[list[str], Field(min_length=1)]
    must_not_match: list[str] = []

    def build(self, files: Files) -> Rule:
        examples = tuple(self.must_match), tuple(self.must_not_match)
        return Rule(
            self.id, self.action, self.text, self.matched(files), *examples, self.reviewers, self.hide_names
        )


class _LexiconTable(_TextRuleTable):
    kind: Literal["lexicon"]
    terms: dict[_Language, list[_TermText]] = {}
    files: dict[_Language, list[_FileName]] = {}
    fold: bool = True

    def matched(self, files: Files) -> Lexicon:
        terms = {Term(language, text) for language, texts in self.terms.items() for text in texts}
        for language, names in self.files.items():
            terms |= {Term(language, text) for name in names for _, text in read_terms(files[name])}
        return Lexicon(tuple(sorted(terms)), self.fold)


class _PatternTable(_TextRuleTable):
    kind: Literal["pattern"]
    patterns: Annotated[list[_Pattern], Field(min_length=1)]
    case_sensitive: bool = False
    fold: bool = True

    def matched(self, files: Files) -> Patterns:
        return Patterns(_sorted(self.patterns), self.case_sensitive, self.fold)


class _LinkTable(_TextRuleTable):
    kind: Literal["link"]
    hosts: list[_Host]
    schemes: list[_Scheme] = ["http", "https", "mailto", "xmpp"]
    bare_hosts: bool = True

    def matched(self, files: Files) -> Links:
        return Links(_sorted(self.hosts), _sorted(self.schemes), self.bare_hosts)


class _PayloadTable(_TextRuleTable):
    kind: Literal["payload"]
    payloads: Annotated[list[Annotated[PayloadKind, Field(strict=False)]], Field(min_length=1)]
    namespaces: list[_Namespace] = []

    def matched(self, files: Files) -> Payloads:
        return Payloads(tuple(sorted(set(self.payloads))), _sorted(self.namespaces))


class _RateTable(_TextRuleTable):
    kind: Literal["rate"]
    count: Annotated[Counted, Field(strict=False)]
    more_than: Annotated[int, Field(ge=0, le=1_000_000_000)]
    window_s: Annotated[int, Field(ge=1, le=86_400)]

    def matched(self, files: Files) -> Rate:
        return Rate(self.count, self.more_than, self.window_s)


class _TopicTable(_TextRuleTable):
    kind: Literal["topic"]
    topics: Annotated[list[Annotated[Topic, Field(strict=False)]], Field(min_length=1)]
    share: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.6
    messages: Annotated[int, Field(ge=1, le=50)] = 6
    model: Annotated[ModelName, Field(strict=False)] = ModelName.NGRAM

    def matched(self, files: Files) -> Topics:
        return Topics(tuple(sorted(set(self.topics))), self.share, self.messages, self.model)


class _ExampleTable(_StrictTable):
    """A file as an example describes it: what is left out is as of a small file of no known type."""

    name: str = "file"
    type: _MediaType = UNTYPED
    size_mib: _Mib | None = None
    sha256: _Sha256 = ""
    marks: list[_Mark] = []
    members: list[str] = []
    desk: str = ""
    to_desk: str = ""
    purpose: _Purpose = Purpose.MESSAGE

    def build(self) -> FileExample:
        content = ContentFacts(self.type, frozenset(self.marks), tuple(self.members))
        size_bytes = int((self.size_mib or 0) * _MIB)
        facts = FileFacts(
            "", self.name, UNTYPED, size_bytes, bytes.fromhex(self.sha256), self.purpose, content
        )
        return FileExample(facts, self.desk, self.to_desk)


class _FileTable(_RuleTable):
    kind: Literal["file"]
    types: list[_MediaType] = []
    names: list[_FileName] = []
    larger_than_mib: _Mib | None = None
    sha256: list[_Sha256] = []
    marks: list[_Mark] = []
    from_desks: list[_FileName] = []
    to_desks: list[_FileName] = []
    purposes: list[_Purpose] = []
    otherwise: Literal["hold", "refuse"] = "refuse"
    must_match: Annotated[list[_ExampleTable], Field(min_length=1)]
    must_not_match: list[_ExampleTable] = []

    def matched(self, files: Files) -> Uploads:
        return Uploads(
            _sorted(self.types),
            _sorted(self.names),
            int((self.larger_than_mib or 0) * _MIB),
            _sorted(self.sha256),
            tuple(sorted(set(self.marks))),
            _sorted(self.from_desks),
            tuple(sorted(set(self.purposes))),
            ContentAction(self.otherwise),
            _sorted(self.to_desks),
        )

    def build(self, files: Files) -> Rule:
        matching, others = (
            tuple(map(_ExampleTable.build, given)) for given in (self.must_match, self.must_not_match)
        )
        return Rule(
            self.id,
            self.action,
            self.text,
            self.matched(files),
            matching,
            others,
            self.reviewers,
            self.hide_names,
        )


_AnyRule = Annotated[
    _LexiconTable | _PatternTable | _LinkTable | _PayloadTable | _RateTable | _TopicTable | _FileTable,
    Field(discriminator="kind"),
]


class PolicyTable(_StrictTable):
    """The whole of policy.toml."""

    rule: Annotated[list[_AnyRule], Field(min_length=1)]


def read_terms(text: str) -> list[tuple[int, str]]:
    """Return the terms of a lexicon file with their line numbers: one on each line, without `#` comments."""
    lines = enumerate(text.removeprefix("\ufeff").splitlines(), start=1)
    return [
        (number, line.strip()) for number, line in lines if line.strip() and not line.lstrip().startswith("#")
    ]


def describe(detail: Any) -> str:
    """Return one of pydantic's errors as `path: what to do`."""
    # What stands second in `rule` is which kind it is, not a name.
    path = locate(step for place, step in enumerate(detail["loc"]) if place != 2)
    given, context = detail["input"], detail.get("ctx", {})
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path += ".kind"
    own = _TYPES | {
        "extra_forbidden": "there is no such setting here: remove it, or correct its name",
        "string_pattern_mismatch": _PROBLEMS.get(
            context.get("pattern"), f"{given!r} has characters that may not be there"
        ),
        "enum": f"{given!r} is none of {context.get('expected')}",
        "union_tag_invalid": f"is none of {context.get('expected_tags')}",
        "union_tag_not_found": "is missing",
    }
    return f"{path or 'policy.toml'}: {explain(detail, own)}"


_PROBLEMS = {
    LANGUAGE: "is no language: write its code, such as en, de or zh",
    r"^[a-z0-9][a-z0-9-]*$": "is no id: use small letters, digits and -",
    MEDIA_TYPE: "is no media type: write one, such as application/pdf, or image/* for all of a kind",
    SHA256: "is no SHA-256: write its 64 hexadecimal digits",
    r"^[a-z][a-z0-9+.-]*$": "is no scheme: write it in small letters and without the colon, such as https",
}


_TYPES = {
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list: [...]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def _sorted(entries: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(entries)))
