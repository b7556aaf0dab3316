"""Documents of all kinds, as small as they can be, with a text that the test gives."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage

import libarchive

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_OPEN_XML = "application/vnd.openxmlformats-officedocument"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"


def make_zip(members: Mapping[str, bytes | str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def make_tar(members: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def make_seven_zip(members: Mapping[str, bytes]) -> bytes:
    blocks: list[bytes] = []

    def write(block: bytes) -> int:
        blocks.append(bytes(block))
        return len(block)

    with libarchive.custom_writer(write, "7zip") as archive:
        for name, data in members.items():
            archive.add_file_from_memory(name, len(data), data)
    return b"".join(blocks)


def make_docx(text: str) -> bytes:
    body = f'<w:document xmlns:w="{_W}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>'
    return make_zip(
        {
            "[Content_Types].xml": _types({"word/document.xml": "wordprocessingml.document.main"}),
            "_rels/.rels": _relation("officeDocument", "word/document.xml"),
            "word/document.xml": body,
        }
    )


def make_xlsx(text: str) -> bytes:
    sheets = '<sheets><sheet name="Offers" sheetId="1" r:id="r1"/></sheets>'
    row = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>'
    types = {
        "xl/workbook.xml": "spreadsheetml.sheet.main",
        "xl/worksheets/sheet1.xml": "spreadsheetml.worksheet",
    }
    return make_zip(
        {
            "[Content_Types].xml": _types(types),
            "_rels/.rels": _relation("officeDocument", "xl/workbook.xml"),
            "xl/workbook.xml": f'<workbook xmlns="{_S}" xmlns:r="{_OFFICE}">{sheets}</workbook>',
            "xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_S}"><sheetData>{row}</sheetData></worksheet>',
        }
    )


def make_pptx(text: str) -> bytes:
    shape = f"<p:sp><p:txBody><a:bodyPr/><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
    slide = f"<p:cSld><p:spTree>{shape}</p:spTree></p:cSld>"
    listed = '<p:sldIdLst><p:sldId id="256" r:id="r1"/></p:sldIdLst>'
    types = {
        "ppt/presentation.xml": "presentationml.presentation.main",
        "ppt/slides/slide1.xml": "presentationml.slide",
    }
    return make_zip(
        {
            "[Content_Types].xml": _types(types),
            "_rels/.rels": _relation("officeDocument", "ppt/presentation.xml"),
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{_P}" xmlns:r="{_OFFICE}">{listed}</p:presentation>',
            "ppt/_rels/presentation.xml.rels": _relation("slide", "slides/slide1.xml"),
            "ppt/slides/slide1.xml": f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}">{slide}</p:sld>',
        }
    )


def make_odt(text: str) -> bytes:
    office, words = (f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0" for name in ("office", "text"))
    body = f"<office:body><office:text><text:p>{text}</text:p></office:text></office:body>"
    content = f'<office:document-content xmlns:office="{office}" xmlns:text="{words}">{body}</office:document-content>'
    return make_zip({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def make_pdf(text: str, kids: str = "3 0 R", trailer: str = "") -> bytes:
    drawn = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count 1 >>".encode(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = (
        f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(out)}\n%%EOF".encode()
    )
    return out + head + table + end


def make_mail(subject: str, text: str, attached: Mapping[str, bytes]) -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "alice@metals.example", "bob@metals.example"
    mail.set_content(text, charset="utf-8")
    for name, data in attached.items():
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return bytes(mail)


def _types(parts: Mapping[str, str]) -> str:
    named = "".join(
        f'<Override PartName="/{part}" ContentType="{_OPEN_XML}.{kind}+xml"/>' for part, kind in parts.items()
    )
    default = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    )
    return f'<Types xmlns="{_PACKAGE}/content-types">{default}{named}</Types>'


def _relation(kind: str, target: str) -> str:
    named = f'<Relationship Id="r1" Type="{_OFFICE}/{kind}" Target="{target}"/>'
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{named}</Relationships>'
