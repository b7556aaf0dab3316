"""Terms about files against brute force: the same records, whatever is recorded and whatever is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from components.audit.index.carried import find_inside
from components.audit.index.contents import (
    FileRow,
    find_about_files,
    find_files,
    insert_files,
    note_read,
)
from components.audit.index.database import Connection
from components.audit.index.forget import forget
from components.audit.index.logs import IndexedLog, find_record
from components.audit.query.compile import MOST_DIFFERENT_BITS, compile_query
from components.audit.query.tree import (
    And,
    FileHash,
    FileName,
    FileType,
    HasFile,
    Node,
    Not,
    Or,
    SimilarTo,
    Words,
)
from components.audit.query.words import index_words
from components.audit.reading.content import ContentState, ReadContent
from tests.support.made_index import add_entry, empty_index

WORDS = ("copper", "tin", "zinc", "coppertin")
TYPES = ("image/png", "image/jpeg", "application/pdf", "")
CONTENTS = tuple(sha256(bytes([number])).hexdigest() for number in range(4))
PICTURES = (
    None,
    bytes(8),
    bytes(7) + b"\x0f",
    b"\xff" * 8,
    b"\xff" * 6 + b"\0\0",
    b"\x0f" + bytes(6) + b"\xff",
)
MESSAGES = range(4)
LOGS = {"gate": IndexedLog.GATE, "transfer": IndexedLog.TRANSFER}


@dataclass(frozen=True)
class Sent:
    """A file: the messages that carry its link, and what is said of it."""

    id: int
    name: tuple[str, ...]
    claimed: str
    found: str
    content: int
    messages: frozenset[int]


@dataclass(frozen=True)
class Archive:
    """What is recorded: messages by their words, files, and what each content says and looks like."""

    messages: tuple[tuple[str, ...], ...]
    files: tuple[Sent, ...]
    says: tuple[tuple[str, ...], ...]
    looks: tuple[bytes | None, ...]

    def places(self) -> dict[int, tuple[tuple[str, ...], tuple[Sent, ...]]]:
        """Each record's own words, and the files that it is about."""
        said = {
            number: (words, tuple(file for file in self.files if number in file.messages))
            for number, words in enumerate(self.messages)
        }
        sent = {
            # A record is about all that has its file's id: an upload may be recorded twice.
            IndexedLog.TRANSFER.place(number): (
                file.name,
                tuple(other for other in self.files if other.id == file.id),
            )
            for number, file in enumerate(self.files)
        }
        return said | sent


word_lists = st.lists(st.sampled_from(WORDS), max_size=3).map(tuple)
files = st.builds(
    Sent,
    st.integers(0, 3),
    word_lists,
    st.sampled_from(TYPES),
    st.sampled_from(TYPES),
    st.integers(0, 3),
    st.frozensets(st.sampled_from(MESSAGES)),
)
archives = st.builds(
    Archive,
    st.tuples(*(word_lists for _ in MESSAGES)),
    st.lists(files, max_size=5).map(tuple),
    st.tuples(*(word_lists for _ in CONTENTS)),
    st.tuples(*(st.sampled_from(PICTURES) for _ in CONTENTS)),
)
phrases = st.lists(st.sampled_from((*WORDS, "cop")), min_size=1, max_size=2).map(tuple)
terms = st.one_of(
    st.just(HasFile()),
    st.builds(Words, phrases, st.booleans()),
    st.builds(FileName, phrases, st.booleans()),
    st.sampled_from(TYPES[:3]).map(FileType),
    st.sampled_from(("image/", "application/", "audio/")).map(lambda kind: FileType(kind, True)),
    st.builds(lambda digest, size: FileHash(digest[:size]), st.sampled_from(CONTENTS), st.integers(8, 64)),
    st.builds(SimilarTo, st.sampled_from((*LOGS, "other")), st.integers(0, 5)),
)
nodes = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


def has_phrase(text: tuple[str, ...], words: tuple[str, ...], prefix: bool) -> bool:
    for start in range(len(text) - len(words) + 1):
        part = text[start : start + len(words)]
        last = part[-1].startswith(words[-1]) if prefix else part[-1] == words[-1]
        if part[:-1] == words[:-1] and last:
            return True
    return False


def looks_like(archive: Archive, one: Sent, other: Sent) -> bool:
    first, second = archive.looks[one.content], archive.looks[other.content]
    if first is None or second is None:
        return False
    apart = int.from_bytes(first, "big") ^ int.from_bytes(second, "big")
    return apart.bit_count() <= MOST_DIFFERENT_BITS


def matches(archive: Archive, node: Node, place: int) -> bool:
    places = archive.places()
    own, about = places[place]
    match node:
        case Not(inner):
            return not matches(archive, inner, place)
        case And(inners):
            return all(matches(archive, inner, place) for inner in inners)
        case Or(inners):
            return any(matches(archive, inner, place) for inner in inners)
        case HasFile():
            return bool(about)
        case Words(words, prefix):
            texts = (own, *(archive.says[file.content] for file in about))
            return any(has_phrase(text, words, prefix) for text in texts)
        case FileName(words, prefix):
            return any(has_phrase(file.name, words, prefix) for file in about)
        case FileType(kind, prefix):
            said = {each for file in about for each in (file.claimed, file.found)}
            return any(each.startswith(kind) if prefix else each == kind for each in said)
        case FileHash(digits):
            return any(CONTENTS[file.content].startswith(digits) for file in about)
        case SimilarTo(log, number):
            named = LOGS[log].place(number) if log in LOGS else -1
            seen = places[named][1] if named in places else ()
            return any(looks_like(archive, file, other) for file in about for other in seen)
    raise AssertionError(node)


@contextmanager
def indexed(archive: Archive) -> Iterator[Connection]:
    """Index an archive as `Rows` and `read_new_files` do."""
    with empty_index() as db:
        for name, log in LOGS.items():
            db.execute("INSERT INTO state VALUES (?, ?, 0, x'')", (log, name))
        for place, (own, _) in archive.places().items():
            named = own if place >= IndexedLog.TRANSFER.place(0) else ()
            add_entry(db, place, " ".join(own), " ".join(named))
        rows = [
            FileRow(
                IndexedLog.TRANSFER.place(number), str(file.id), " ".join(file.name), file.claimed, file.found, 1,
                CONTENTS[file.content], "0/0",
            )
            for number, file in enumerate(archive.files)
        ]  # fmt: skip
        links = [(row.id, row.idx) for row in rows]
        links += [(str(file.id), message) for file in archive.files for message in file.messages]
        insert_files(db, rows, links)
        for content, digest in enumerate(CONTENTS):
            found = db.execute("SELECT id FROM content WHERE sha256 = ?", (digest,)).fetchone()
            text = " ".join(archive.says[content])
            if found:
                read = ReadContent(ContentState.READ, text, index_words(text), archive.looks[content])
                note_read(db, found[0], read, "reader")
        yield db


def find(db: Connection, node: Node) -> set[int]:
    where = compile_query(node)
    return {idx for (idx,) in db.execute(f"SELECT idx FROM entry WHERE {where.sql}", where.parameters)}


def same_links(archive: Archive) -> Archive:
    """Messages carry ids, so the links of files with one id are the same."""
    linked = {
        file.id: frozenset(each for other in archive.files if other.id == file.id for each in other.messages)
        for file in archive.files
    }
    whole = tuple(
        Sent(file.id, file.name, file.claimed, file.found, file.content, linked[file.id])
        for file in archive.files
    )
    return Archive(archive.messages, whole, archive.says, archive.looks)


@given(archives.map(same_links), nodes)
def test_a_query_finds_what_brute_force_finds(archive: Archive, node: Node) -> None:
    with indexed(archive) as db:
        assert find(db, node) == {place for place in archive.places() if matches(archive, node, place)}


pictured = st.builds(
    Archive,
    st.tuples(*(word_lists for _ in MESSAGES)),
    st.lists(files, min_size=2, max_size=5).map(tuple),
    st.tuples(*(word_lists for _ in CONTENTS)),
    st.tuples(*(st.sampled_from(PICTURES[1:]) for _ in CONTENTS)),
).map(same_links)


@given(pictured)
def test_pictures_are_found_from_every_record(archive: Archive) -> None:
    with indexed(archive) as db:
        for place in archive.places():
            log, number = find_record(place)
            node = SimilarTo("transfer" if log is IndexedLog.TRANSFER else "gate", number)
            assert find(db, node) == {each for each in archive.places() if matches(archive, node, each)}


@given(archives.map(same_links), st.integers(0, 4), nodes)
def test_after_a_record_is_destroyed_the_rest_is_found_as_if_it_had_never_been(
    archive: Archive, gone: int, node: Node
) -> None:
    kept = tuple(file for number, file in enumerate(archive.files) if number != gone)
    with indexed(archive) as db:
        forget(db, [IndexedLog.TRANSFER.place(gone)])
        (contents,) = db.execute("SELECT count(*) FROM content").fetchone()
        assert contents == len({file.content for file in kept})
        for table in ("word", "content_word"):
            db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        found = {place for place in find(db, node) if place < IndexedLog.TRANSFER.place(0)}
    left = Archive(archive.messages, kept, archive.says, archive.looks)
    if any(isinstance(term, SimilarTo) for term in walk(node)):
        return  # it names a record by its number
    assert found == {number for number in MESSAGES if matches(left, node, number)}


def walk(node: Node) -> Iterator[Node]:
    yield node
    match node:
        case Not(inner):
            yield from walk(inner)
        case And(inners) | Or(inners):
            for inner in inners:
                yield from walk(inner)


@given(archives.map(same_links))
def test_records_about_files_are_told_from_all_others(archive: Archive) -> None:
    places = archive.places()
    with indexed(archive) as db:
        about = find_about_files(db, (*places, 999))
        assert about == {place for place, (_, files) in places.items() if files}
        assert about >= {place for place in places if find_files(db, place) or find_inside(db, place)}
        assert find_about_files(db, ()) == set()


def test_stanzas_with_a_file_inside_are_about_files() -> None:
    with empty_index() as db:
        carried = "INSERT INTO carried VALUES (?, 1, 'bob', '', 'image/png', 3, '', '', '', '', NULL)"
        db.execute(carried, (7,))
        db.execute("INSERT INTO description VALUES ('upload', 9, 1, 9)")
        assert find_about_files(db, [6, 7, 8, 9]) == {7, 9}
