"""Pictures and sound, made byte by byte: small, valid, and with whatever metadata a test wants."""

import struct
import zlib

PIXELS = b"\x12\x34\x56"


def make_exif(*, gps: bool = False, orientation: int = 0, camera: bytes = b"") -> bytes:
    """Return a TIFF structure with these tags (big endian)."""
    entries = []
    extra = b""
    count = bool(camera) + bool(orientation) + bool(gps)
    after = 8 + 2 + 12 * count + 4
    if camera:
        text = camera.ljust(8, b"\0")
        entries.append(struct.pack(">HHII", 0x010F, 2, len(text), after))
        extra += text
    if orientation:
        entries.append(struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0))
    if gps:
        entries.append(struct.pack(">HHII", 0x8825, 4, 1, after + len(extra)))
        extra += struct.pack(">H", 2)
        extra += struct.pack(">HHI4s", 0, 1, 4, b"\2\3\0\0") + struct.pack(">HHI4s", 1, 2, 2, b"N\0\0\0")
        extra += bytes(4)
    return b"MM\0*" + struct.pack(">IH", 8, count) + b"".join(entries) + bytes(4) + extra


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_png(width: int = 3, height: int = 2, *more: tuple[bytes, bytes]) -> bytes:
    rows = (b"\0" + PIXELS * min(width, 100)) * min(height, 100)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            *(png_chunk(kind, body) for kind, body in more),
            png_chunk(b"IDAT", zlib.compress(rows)),
            png_chunk(b"IEND", b""),
        )
    )


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


JPEG_CODED = b"\x11\x22\xff\x00\x33\xff\xd0\x44\xff\xff\xd1"


def make_jpeg(width: int = 3, height: int = 2, *more: tuple[int, bytes]) -> bytes:
    """Return a JPEG with further segments behind its first one."""
    return b"".join(
        (
            b"\xff\xd8",
            jpeg_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            *(jpeg_segment(marker, body) for marker, body in more),
            jpeg_segment(0xDB, b"\0" + bytes(range(1, 65))),
            jpeg_segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
            jpeg_segment(0xC4, b"\0" + bytes(16)),
            jpeg_segment(0xDA, b"\1\1\0\0\x3f\0") + JPEG_CODED,
            b"\xff\xd9",
        )
    )


def make_multiple(first_more: tuple[tuple[int, bytes], ...], second: bytes) -> bytes:
    """Return a JPEG that lists a second one behind it (CIPA DC-007), as phones write them."""

    def build(sizes: tuple[int, int], offset: int) -> bytes:
        entries = struct.pack(">IIIHH", 0x030000, sizes[0], 0, 0, 0)
        entries += struct.pack(">IIIHH", 0, sizes[1], offset, 0, 0)
        head = b"MM\0*" + struct.pack(">IHHHII", 8, 1, 0xB002, 7, len(entries), 26) + bytes(4)
        return make_jpeg(3, 2, *first_more, (0xE2, b"MPF\0" + head + entries))

    probe = build((0, 0), 1)
    start = probe.index(b"MPF\0") + 4
    return build((len(probe), len(second)), len(probe) - start) + second


def make_gif(width: int = 3, height: int = 2, *more: bytes) -> bytes:
    """Return a GIF with further blocks before its picture."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x44\1\0"
    return head + b"".join(more) + picture + b"\x3b"


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def make_webp(width: int = 3, height: int = 2, *more: tuple[bytes, bytes]) -> bytes:
    """Return a WebP of the extended form with further chunks behind its picture."""
    flags = 8 * any(kind == b"EXIF" for kind, _ in more) + 4 * any(kind == b"XMP " for kind, _ in more)
    extended = (
        bytes((flags, 0, 0, 0)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    lossless = b"\x2f" + struct.pack("<I", (width - 1) & 0x3FFF | ((height - 1) & 0x3FFF) << 14) + b"\1\2\3"
    chunks = webp_chunk(b"VP8X", extended) + webp_chunk(b"VP8L", lossless)
    chunks += b"".join(webp_chunk(kind, body) for kind, body in more)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def make_bmp(width: int = 3, height: int = 2) -> bytes:
    rows = bytes((width * 3 + 3) // 4 * 4 * height) if width < 1000 else bytes(16)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(rows), 0, 0, 54) + head + rows


def make_tiff(width: int = 3, height: int = 2, *, gps: bool = False) -> bytes:
    count = 2 + gps
    after = 8 + 2 + 12 * count + 4
    entries = struct.pack("<HHII", 0x100, 4, 1, width) + struct.pack("<HHII", 0x101, 4, 1, height)
    extra = b""
    if gps:
        entries += struct.pack("<HHII", 0x8825, 4, 1, after)
        extra = struct.pack("<HHHI4sI", 1, 1, 2, 2, b"N\0\0\0", 0)
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4) + extra


def make_pages(*metadata: tuple[int, bytes], order: str = "<", pages: int = 2, compression: int = 1) -> bytes:
    """Return a TIFF of pages of 3 by 2 pixels, in two strips each, with metadata: tags, and what they say."""
    written = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    for page in range(pages):
        numbers = {0x100: 3, 0x101: 2, 0x102: 8, 0x103: compression, 0x106: 1, 0x112: 6, 0x115: 1, 0x116: 1}
        count = len(numbers) + 2 + len(metadata)
        at = len(written) + 2 + 12 * count + 4
        entries = {tag: struct.pack(order + "HHIHH", tag, 3, 1, number, 0) for tag, number in numbers.items()}
        # Where the strips lie, with two bytes each; how long they are.
        entries[0x111] = struct.pack(order + "HHIHH", 0x111, 3, 2, at, at + 3)
        entries[0x117] = struct.pack(order + "HHIHH", 0x117, 3, 2, 3, 3)
        behind = bytes((page, 1, 2, 253, 254, 255))
        for tag, said in metadata:
            entries[tag] = struct.pack(order + "HHII", tag, 7, len(said), at + len(behind))
            behind += said
        written += struct.pack(order + "H", count) + b"".join(entries[tag] for tag in sorted(entries))
        is_last = page == pages - 1
        written += struct.pack(order + "I", 0 if is_last else at + len(behind)) + behind
    return written


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def make_heic(width: int = 3, height: int = 2, exif: bytes = b"") -> bytes:
    size = box(b"ispe", struct.pack(">III", 0, width, height))
    meta = box(
        b"meta", bytes(4) + box(b"hdlr", bytes(8) + b"pict" + bytes(13)) + box(b"iprp", box(b"ipco", size))
    )
    item = b"\0\0\0\x06Exif\0\0" + exif if exif else b""
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + meta + box(b"mdat", item + b"\1\2\3\4")


def make_mp4(*, place: bool = False) -> bytes:
    told = box(b"udta", box(b"\xa9xyz", b"\0\x12\x15\xc7+51.5074-000.1278/")) if place else b""
    return (
        box(b"ftyp", b"isom\0\0\2\0isommp41")
        + box(b"moov", box(b"mvhd", bytes(100)) + told)
        + box(b"mdat", bytes(64))
    )


def make_opus() -> bytes:
    """Return the first page of a voice note in Ogg (RFC 7845)."""
    head = b"OpusHead\1\1" + struct.pack("<HIhB", 312, 48000, 0, 0)
    return b"OggS\0\2" + bytes(8) + struct.pack("<III", 1, 0, 0) + bytes((1, len(head))) + head


def make_webm() -> bytes:
    head = b"\x42\x86\x81\1\x42\xf7\x81\1\x42\xf2\x81\4\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\4\x42\x85\x81\2"
    return b"\x1a\x45\xdf\xa3" + bytes((0x80 | len(head),)) + head + b"\x18\x53\x80\x67\x80"


def make_wav() -> bytes:
    body = (
        b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
        + b"data"
        + struct.pack("<I", 16)
        + bytes(16)
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def make_m4a() -> bytes:
    return (
        box(b"ftyp", b"M4A \0\0\2\0M4A mp42isom")
        + box(b"moov", box(b"mvhd", bytes(100)))
        + box(b"mdat", bytes(64))
    )
