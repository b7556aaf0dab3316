"""What a file's name and media type say that it is, in groups of kinds that may go under one another's names."""

from pathlib import PurePosixPath

_GROUPS: dict[str, str] = {
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/rtf": "rtf",
    "application/rtf": "rtf",
    "application/ogg": "media",
    "application/json": "text",
    "application/x-ndjson": "text",
    "application/xml": "text",
    "application/javascript": "text",
    "application/x-wine-extension-ini": "text",
    "application/x-setupscript": "text",
    "application/pgp-signature": "text",
    "application/pgp-keys": "text",
    "application/msword": "word",
    "application/vnd.ms-excel": "excel",
    "application/vnd.ms-powerpoint": "powerpoint",
    "application/vnd.ms-outlook": "outlook",
    "application/x-ole-storage": "ole",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.ms-word.document.macroenabled.12": "docm",
    "application/vnd.ms-excel.sheet.macroenabled.12": "xlsm",
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": "pptm",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/epub+zip": "epub",
    "application/zip": "zip",
    "application/x-zip-compressed": "zip",
    "application/java-archive": "jar",
    "application/vnd.android.package-archive": "apk",
    "application/vnd.rar": "rar",
    "application/x-rar": "rar",
    "application/x-rar-compressed": "rar",
    "application/x-7z-compressed": "7z",
    "application/x-tar": "tar",
    "application/gzip": "gzip",
    "application/x-gzip": "gzip",
    "application/x-bzip2": "bzip2",
    "application/x-bzip": "bzip2",
    "application/x-xz": "xz",
    "application/zstd": "zstd",
    "application/vnd.ms-cab-compressed": "cab",
    "application/x-iso9660-image": "iso",
}
_ENDINGS: dict[str, str] = {
    "picture": "png apng jpg jpeg jpe jfif gif webp bmp dib tif tiff heic heif avif ico",
    "svg": "svg",
    "media": "mp3 m4a aac ogg oga opus wav flac amr wma mp4 m4v mov avi mkv webm 3gp 3gpp ogv mpg mpeg wmv",
    "text": "txt text log csv tsv md json xml yaml yml ini conf toml ics vcf asc eml sql tex fix edi",
    "html": "html htm xhtml mht mhtml",
    "pdf": "pdf",
    "rtf": "rtf",
    "word": "dot",
    "word rtf": "doc",
    "excel": "xls xlt xla",
    "powerpoint": "ppt pps pot",
    "outlook": "msg",
    "docx": "docx",
    "xlsx": "xlsx",
    "pptx": "pptx ppsx",
    "docm": "docm dotm",
    "xlsm": "xlsm xltm xlsb xlam",
    "pptm": "pptm ppsm potm",
    "odt": "odt ott",
    "ods": "ods ots",
    "odp": "odp otp",
    "epub": "epub",
    "zip": "zip",
    "jar zip": "jar war ear",
    "apk": "apk",
    "rar": "rar",
    "7z": "7z",
    "tar": "tar",
    "gzip": "gz tgz",
    "bzip2": "bz2 tbz tbz2",
    "xz": "xz txz",
    "zstd": "zst",
    "cab": "cab",
    "iso": "iso",
}
_BY_ENDING = {ending: frozenset(groups.split()) for groups, row in _ENDINGS.items() for ending in row.split()}
# With a password, new formats lie in an old container; `steelyard` sees then that they are encrypted.
_MAY_BE_OLE = frozenset(
    {"word", "excel", "powerpoint", "outlook", "docx", "xlsx", "pptx", "docm", "xlsm", "pptm"}
)
# A mail is text; a page of markup is sent as text by many clients; a text may well be a page's source.
_ALSO = {"text": frozenset({"html", "svg"}), "html": frozenset({"text"}), "svg": frozenset({"text"})}

_PROGRAMS = (
    "exe dll scr pif com cpl sys ocx drv msi msp mst msix appx appinstaller bat cmd ps1 psm1 psd1 ps1xml vb vbs vbe js "
    "jse mjs ws wsf wsh wsc sct hta jar class jnlp apk ipa dmg pkg app deb rpm run appimage flatpakref snap sh bash "
    "zsh ksh csh fish py pyw pyc pyz pl rb php lua tcl lnk url desktop webloc scf inf reg chm hlp msc gadget "
    "application appref-ms settingcontent-ms search-ms library-ms xll xpi crx command terminal elf so ko dylib "
    "wasm dex swf iqy slk diagcab rdp wsb theme themepack website xbap vsto ade adp accde mde pyo bas grp ins isp osd "
    "pcd prf shb shs"
)
_SHOWN = frozenset({"picture", "media"})
PROGRAM_ENDINGS = frozenset(_PROGRAMS.split())
"""Endings of files that a double click runs, or that start something: programs, scripts, installers, shortcuts."""


def ending_of(name: str) -> str:
    """Return the last ending of a name, in small letters, without its dot."""
    # Windows takes no notice of dots and blanks behind it.
    return PurePosixPath(name.rstrip(". \0")).suffix[1:].strip().lower()


def group_of(media_type: str) -> str:
    """Return the group of a media type, nothing for one that says nothing."""
    plain = media_type.partition(";")[0].strip().lower()
    if group := _GROUPS.get(plain):
        return group
    kind = plain.partition("/")[0]
    return {"image": "picture", "audio": "media", "video": "media", "text": "text", "message": "text"}.get(
        kind, ""
    )


def is_disguised(name: str, claimed_type: str, found_type: str) -> bool:
    """Return whether a file is of another kind than its name or its media type says.

    Pictures go under one another's endings, and so do sound and video: no reader is misled by that. What says nothing
    (an ending that is not known here, an octet stream) misleads nobody either. Clients take media types from tables
    that call a CSV a sheet of Excel, and the text in a `.txt.gz` a text. So where the ending is true, the media type
    counts only if it is one that browsers show.
    """
    found = group_of(found_type)
    by_name = _BY_ENDING.get(ending_of(name), frozenset[str]())
    claimed = group_of(claimed_type)
    if _differs(by_name, found):
        return True
    return (not by_name or claimed in _SHOWN) and _differs(frozenset({claimed} - {""}), found)


def _differs(said: frozenset[str], found: str) -> bool:
    if not said or found in said:
        return False
    if found == "":
        # Many kinds of sound and text have no signature; what has one, and shows none, is something else.
        return not said & {"media", "text"}
    if found == "ole":
        return not said & _MAY_BE_OLE
    return not any(found in _ALSO.get(each, ()) for each in said)
