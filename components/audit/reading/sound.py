"""Sound, and video, which may have sound: told by the first bytes; pure."""

HEAD_BYTES = 16
"""So much of a file tells."""

_AT_FRONT = (
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"#!AMR", "amr"),
    (b"caff\0\1", "caf"),
    (b"\x1a\x45\xdf\xa3", "matroska"),  # WebM, too
    (b"ID3\2", "mp3"),
    (b"ID3\3", "mp3"),
    (b"ID3\4", "mp3"),
)
_IN_CONTAINER = {(b"RIFF", b"WAVE"): "wav", (b"FORM", b"AIFF"): "aiff", (b"FORM", b"AIFC"): "aiff"}
# Pictures in the same container as MP4 (ISO 14496-12, 4.3; 23008-12, annex B).
_PICTURES = frozenset((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"))


def find_sound(head: bytes) -> str:
    """Return what takes sound or a video that begins so apart, as libavformat calls it; nothing for other files."""
    for magic, kind in _AT_FRONT:
        if head.startswith(magic):
            return kind
    if kind := _IN_CONTAINER.get((head[:4], head[8:12]), ""):
        return kind
    if head[4:8] == b"ftyp" and head[8:12] not in _PICTURES:
        return "mov"
    if len(head) > 3 and head[0] == 0xFF:
        # A frame of MPEG sound, layer III (ISO 11172-3, 2.4.1.3), or of AAC (ISO 13818-7, 6.2).
        if head[1] & 0xE6 == 0xE2 and head[2] & 0xF0 != 0xF0:
            return "mp3"
        if head[1] & 0xF6 == 0xF0:
            return "aac"
    return ""
