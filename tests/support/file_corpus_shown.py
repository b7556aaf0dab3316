"""Pictures, programs, and files that are of two kinds at once."""

from typing import Any

from tests.support import file_archives as archives
from tests.support import file_documents as documents
from tests.support import file_pictures as pictures
from tests.support.file_sample import (
    ARCHIVE,
    BOMB,
    CLASS,
    DESKTOP,
    DISGUISED,
    ELF,
    EXECUTABLE,
    GPS,
    LNK,
    LOCATION,
    MACH_O,
    MACROS,
    NO_GPS,
    PAGE,
    PDF,
    PE,
    POLYGLOT,
    SCRIPT,
    TRAILING,
    UNSCANNABLE,
    XMP_PLACE,
    ZIPPED,
    Sample,
    sample,
)


def picture_samples() -> list[Sample]:
    png, jpeg, gif = pictures.make_png(), pictures.make_jpeg(), pictures.make_gif()
    second = pictures.make_jpeg(6, 4)
    multiple = pictures.make_multiple((), second)
    huge: dict[str, Any] = {"wide": 60000, "high": 60000}
    return [
        sample("a.png", png, "image/png", claimed="image/png"),
        sample("a.jpg", jpeg, "image/jpeg", claimed="image/jpeg"),
        sample("a.gif", gif, "image/gif"),
        sample("a.webp", pictures.make_webp(), "image/webp"),
        sample("a.bmp", pictures.make_bmp(), "image/bmp"),
        sample("a.tif", pictures.make_tiff(), "image/tiff"),
        sample("a.heic", pictures.make_heic(), "image/heic"),
        sample("png-as.jpg", png, "image/png", claimed="image/jpeg"),
        sample("gps.jpg", pictures.make_jpeg(3, 2, (0xE1, GPS)), "image/jpeg", LOCATION),
        sample("no-gps.jpg", pictures.make_jpeg(3, 2, (0xE1, NO_GPS)), "image/jpeg"),
        sample(
            "xmp.jpg",
            pictures.make_jpeg(3, 2, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_PLACE)),
            "image/jpeg",
            LOCATION,
        ),
        sample("gps.png", pictures.make_png(3, 2, (b"eXIf", GPS[6:])), "image/png", LOCATION),
        sample(
            "xmp.png",
            pictures.make_png(3, 2, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_PLACE)),
            "image/png",
            LOCATION,
        ),
        sample("words.png", pictures.make_png(3, 2, (b"tEXt", b"Comment\0copper")), "image/png"),
        sample("gps.webp", pictures.make_webp(3, 2, (b"EXIF", GPS[6:])), "image/webp", LOCATION),
        sample("gps.tif", pictures.make_tiff(gps=True), "image/tiff", LOCATION),
        sample("gps.heic", pictures.make_heic(3, 2, GPS[6:]), "image/heic", LOCATION),
        sample("place.mp4", pictures.make_mp4(place=True), "video/mp4", LOCATION),
        sample("film.mp4", pictures.make_mp4(), "video/mp4"),
        sample("note.ogg", pictures.make_opus(), "audio/ogg", claimed="audio/ogg"),
        sample("note.webm", pictures.make_webm(), "video/webm"),
        sample("note.wav", pictures.make_wav(), "audio/x-wav"),
        sample("note.m4a", pictures.make_m4a(), "audio/x-m4a", claimed="audio/mp4"),
        sample("note.jpg", pictures.make_opus(), "audio/ogg", DISGUISED),
        sample("two.jpg", multiple, "image/jpeg"),
        sample("two-and-more.jpg", multiple + b"secret", "image/jpeg", TRAILING),
        sample("more.png", png + b"secret", "image/png", TRAILING),
        sample("more.jpg", jpeg + b"secret", "image/jpeg", TRAILING),
        sample("more.gif", gif + b"secret", "image/gif", TRAILING),
        sample("more.webp", pictures.make_webp() + b"secret", "image/webp", TRAILING),
        sample("more.bmp", pictures.make_bmp() + b"secret", "image/bmp", TRAILING),
        sample("padded.jpg", jpeg + bytes(64), "image/jpeg"),
        sample("huge.png", pictures.make_png(60000, 60000), "image/png", BOMB, **huge),
        sample("huge.jpg", pictures.make_jpeg(60000, 60000), "image/jpeg", BOMB, **huge),
        sample("huge.gif", pictures.make_gif(60000, 60000), "image/gif", BOMB, **huge),
        sample("huge.webp", pictures.make_webp(60000, 60000), "image/webp", BOMB, **huge),
        sample("huge.bmp", pictures.make_bmp(60000, 60000), "image/bmp", BOMB, **huge),
        sample("huge.tif", pictures.make_tiff(60000, 60000), "image/tiff", BOMB, **huge),
        sample("cut.png", png[:-6], "image/png", UNSCANNABLE, wide=0, high=0),
        sample("cut.jpg", jpeg[:-2], "image/jpeg", UNSCANNABLE, wide=0, high=0),
        sample("cut.gif", gif[:-1], "image/gif", UNSCANNABLE, wide=0, high=0),
    ]


def program_samples() -> list[Sample]:
    exe, elf = "application/vnd.microsoft.portable-executable", "application/x-executable"
    installer = documents.make_ole({("Property",): b"x"}, "000C1084-0000-0000-C000-000000000046")
    jar = archives.make_zip({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n", "A.class": CLASS})
    apk = archives.make_zip({"AndroidManifest.xml": b"\3\0\x08\0", "classes.dex": b"dex\n035\0" + bytes(100)})
    registry = b"\xff\xfe" + "Windows Registry Editor Version 5.00\r\n".encode("utf-16-le")
    return [
        sample("setup.exe", PE, exe, EXECUTABLE),
        sample("invoice.pdf", PE, exe, EXECUTABLE, DISGUISED, claimed="application/pdf"),
        sample("goods.jpg", ELF, elf, EXECUTABLE, DISGUISED),
        sample("invoice.pdf.exe ", PE, exe, EXECUTABLE),
        sample("goods", PE, exe, EXECUTABLE, DISGUISED, claimed="image/png"),
        sample("goods.png", MACH_O, "application/x-mach-binary", EXECUTABLE, DISGUISED),
        sample("Invoice.lnk", LNK, "application/x-ms-shortcut", EXECUTABLE),
        sample("Invoice.docx", LNK, "application/x-ms-shortcut", EXECUTABLE, DISGUISED),
        sample("a.desktop", DESKTOP, "text/plain", EXECUTABLE),
        sample("a.txt", DESKTOP, "text/plain", EXECUTABLE, DISGUISED),
        sample("list.txt", SCRIPT, "text/x-shellscript", EXECUTABLE, DISGUISED),
        sample("run.bat", b"echo hello\r\n", "text/plain", EXECUTABLE),
        sample("names.txt", registry, "text/plain", EXECUTABLE, DISGUISED),
        sample("a.msi", installer, "application/x-msi", EXECUTABLE),
        sample("a.doc", installer, "application/x-msi", EXECUTABLE, DISGUISED),
        sample("a.class", CLASS, "application/java-vm", EXECUTABLE),
        sample("a.jar", jar, "application/java-archive", EXECUTABLE, ARCHIVE),
        sample("a.zip", jar, "application/java-archive", EXECUTABLE, ARCHIVE, DISGUISED),
        sample("a.apk", apk, "application/vnd.android.package-archive", EXECUTABLE, ARCHIVE, UNSCANNABLE),
        sample(
            "in.zip", archives.make_zip({"goods.jpg": PE}), "application/zip", ARCHIVE, EXECUTABLE, DISGUISED
        ),
    ]


def samples_of_two_kinds() -> list[Sample]:
    png, gif, jpeg = pictures.make_png(), pictures.make_gif(), pictures.make_jpeg()
    jar = archives.make_zip({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n", "A.class": CLASS})
    return [
        sample("a.gif", gif + jar, "image/gif", POLYGLOT, TRAILING, ARCHIVE, EXECUTABLE, DISGUISED),
        sample("a.png", png + ZIPPED, "image/png", POLYGLOT, TRAILING, ARCHIVE),
        sample("a.pdf", PDF + ZIPPED, "application/pdf", POLYGLOT, TRAILING, ARCHIVE),
        sample(
            "b.jpg",
            jpeg + archives.make_rar({"run": ELF}),
            "image/jpeg",
            POLYGLOT,
            TRAILING,
            ARCHIVE,
            EXECUTABLE,
        ),
        sample(
            "c.jpg",
            jpeg + archives.make_other("7zip", {"run": ELF}),
            "image/jpeg",
            POLYGLOT,
            TRAILING,
            ARCHIVE,
            EXECUTABLE,
        ),
        sample("page.pdf", PAGE + PDF, "application/pdf", POLYGLOT, MACROS),
        sample(
            "comment.gif", pictures.make_gif(3, 2, b"\x21\xfe\x08<script>\0"), "image/gif", POLYGLOT, MACROS
        ),
        sample(
            "exe.zip",
            PE + ZIPPED,
            "application/vnd.microsoft.portable-executable",
            POLYGLOT,
            ARCHIVE,
            EXECUTABLE,
            DISGUISED,
        ),
    ]
