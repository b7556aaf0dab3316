"""Archives, and what unpacks to too much."""

import tarfile

from tests.support import file_archives as archives
from tests.support import file_documents as documents
from tests.support.file_sample import (
    ARCHIVE,
    BOMB,
    DISGUISED,
    ELF,
    ENCRYPTED,
    EXECUTABLE,
    PE,
    POLYGLOT,
    TEXT,
    TRAILING,
    UNSCANNABLE,
    ZIPPED,
    Sample,
    sample,
)


def archive_samples() -> list[Sample]:
    with_program = {"bin/run": ELF, "notes.txt": TEXT}
    tar = archives.make_tar(with_program)
    found = (ARCHIVE, EXECUTABLE)
    hidden = archives.hide_member({"notes.txt": TEXT}, {"evil.exe": PE})
    encrypted = (ARCHIVE, ENCRYPTED, UNSCANNABLE)
    inner = archives.make_zip({"deep.tar": archives.make_tar({"c.gz": archives.make_gzip(ELF)})})
    seven, rar, iso = "application/x-7z-compressed", "application/vnd.rar", "application/x-iso9660-image"
    return [
        sample("a.zip", ZIPPED, "application/zip", ARCHIVE, claimed="application/x-zip-compressed"),
        sample("b.zip", archives.make_zip(with_program), "application/zip", *found),
        sample("b.tar", tar, "application/x-tar", *found),
        sample("gnu.tar", archives.make_tar(with_program, tarfile.GNU_FORMAT), "application/x-tar", *found),
        sample("b.tar.gz", archives.make_gzip(tar), "application/gzip", *found),
        sample("b.tgz", archives.make_gzip(tar), "application/gzip", *found),
        sample("b.tar.bz2", archives.make_bzip2(tar), "application/x-bzip2", *found),
        sample("b.tar.xz", archives.make_xz(tar), "application/x-xz", *found),
        sample("b.txt.gz", archives.make_gzip(TEXT), "application/gzip", ARCHIVE),
        sample("two.txt.gz", archives.make_gzip(TEXT) * 2, "application/gzip", ARCHIVE),
        sample("b.7z", archives.make_other("7zip", with_program), seven, *found),
        sample("b.rar", archives.make_rar(with_program), rar, *found),
        sample("b.iso", archives.make_other("iso9660", with_program), iso, *found),
        sample("b.cpio", archives.make_other("cpio_newc", with_program), "application/x-cpio", *found),
        sample("b.zst", archives.make_other("raw", {"b": TEXT}, "zstd"), "application/zstd", ARCHIVE),
        sample("b.lzma", archives.make_other("raw", {"b": TEXT * 9}, "lzma"), "application/x-lzma", ARCHIVE),
        sample("b.lz", archives.make_other("raw", {"b": TEXT * 9}, "lzip"), "application/x-lzip", ARCHIVE),
        sample("b.z", archives.make_other("raw", {"b": ELF}, "compress"), "application/x-compress", *found),
        sample("deep.zip", archives.make_zip({"in.zip": inner}), "application/zip", ARCHIVE, EXECUTABLE),
        sample("locked.zip", archives.encrypt_zip(ZIPPED), "application/zip", *encrypted),
        sample("locked.7z", archives.make_encrypted_7z("notes.txt"), seven, *encrypted),
        sample("locked.rar", archives.make_rar({}, encrypted=True), rar, *encrypted),
        sample(
            "in.zip",
            archives.make_zip({"in.zip": archives.encrypt_zip(ZIPPED)}),
            "application/zip",
            *encrypted,
        ),
        sample("hidden.zip", hidden, "application/zip", ARCHIVE, POLYGLOT),
        sample("more.zip", ZIPPED + b"secret", "application/zip", ARCHIVE, TRAILING),
        sample("more.tar", tar + b"secret", "application/x-tar", *found, TRAILING),
        sample("more.gz", archives.make_gzip(TEXT) + b"secret", "application/gzip", ARCHIVE, TRAILING),
        sample("cut.zip", ZIPPED[:-30], "application/zip", UNSCANNABLE),
        sample("cut.gz", archives.make_gzip(TEXT * 100)[:-20], "application/gzip", ARCHIVE, UNSCANNABLE),
        sample("cut.xz", archives.make_xz(TEXT * 100)[:-30], "application/x-xz", ARCHIVE, UNSCANNABLE),
        sample("cut.rar", archives.make_rar(with_program)[:90], rar, ARCHIVE, UNSCANNABLE),
        sample("zip.docx", ZIPPED, "application/zip", ARCHIVE, DISGUISED),
    ]


def bomb_samples() -> list[Sample]:
    zeros = bytes(64 << 20)
    zip_, found = "application/zip", (ARCHIVE, BOMB, UNSCANNABLE)
    nested = ZIPPED
    for depth in range(8):
        nested = archives.make_zip({f"{depth}.zip": nested}, method=0)

    def many() -> bytes:
        return archives.make_tar({f"{number}": b"" for number in range(10_001)})

    def in_pdf() -> bytes:
        return documents.make_pdf(documents.pdf_stream(b"/Type /ObjStm", zeros))

    return [
        sample("zeros.zip", lambda: archives.make_zip({"zeros": zeros}), zip_, *found),
        sample("zeros.gz", lambda: archives.make_gzip(zeros), "application/gzip", *found),
        sample("zeros.bz2", lambda: archives.make_bzip2(zeros), "application/x-bzip2", *found),
        sample("zeros.xz", lambda: archives.make_xz(zeros, preset=0), "application/x-xz", *found),
        sample(
            "zeros.7z",
            lambda: archives.make_other("7zip", {"zeros": zeros}),
            "application/x-7z-compressed",
            *found,
        ),
        sample("deep.zip", nested, zip_, *found),
        sample("many.tar", many, "application/x-tar", *found),
        sample("same.zip", archives.overlap_zip(), zip_, *found),
        sample(
            "pdf-zeros.pdf",
            in_pdf,
            "application/pdf",
            BOMB,
            UNSCANNABLE,
        ),
    ]
