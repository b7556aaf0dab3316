"""clamd's answers are read strictly: what no clamd says makes no file clean."""

import pytest

from components.transfer.scan.reply import Found, GarbledReply, Reply, parse_reply


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (b"fd[11]: OK\0", Reply(Found.CLEAN)),
        (b"stream: OK\0", Reply(Found.CLEAN)),
        (b"fd[7]: Win.Test.EICAR_HDB-1 FOUND\0", Reply(Found.MALWARE, "Win.Test.EICAR_HDB-1")),
        (b"stream: Eicar(44d88612:68) FOUND\0", Reply(Found.MALWARE, "Eicar(44d88612:68)")),
        (b"fd[7]: OK FOUND\0", Reply(Found.MALWARE, "OK")),
        (b"fd[7]: Heuristics.Phishing.Email FOUND\0", Reply(Found.MALWARE, "Heuristics.Phishing.Email")),
        (
            b"fd[7]: Heuristics.Limits.Exceeded.MaxScanSize FOUND\0",
            Reply(Found.LIMITS, "Heuristics.Limits.Exceeded.MaxScanSize"),
        ),
        (b"stream: Heuristics.Encrypted.Zip FOUND\0", Reply(Found.ENCRYPTED, "Heuristics.Encrypted.Zip")),
        (b"fd[11]: Not a regular file ERROR\0", Reply(Found.ERROR, "Not a regular file")),
        (b"INSTREAM size limit exceeded. ERROR\0", Reply(Found.LIMITS, "INSTREAM size limit exceeded.")),
    ],
)
def test_what_clamd_says(answer: bytes, reply: Reply) -> None:
    assert parse_reply(answer) == reply


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0",
        b"OK\0",
        b"fd[11]: OK",
        b"fd[11]: OK\n",
        b"fd[11]: OK\0\0",
        b"fd[11]: OK\0fd[11]: Eicar FOUND\0",
        b"fd[11]: ok\0",
        b"fd[]: OK\0",
        b"fd[1]:OK\0",
        b" fd[1]: OK\0",
        b"fd[1]: OK \0",
        b"fd[1]: OK\n\0",
        b"fd[1]:  FOUND\0",
        b"fd[1]: two words FOUND\0",
        b"fd[1]: two\x1b[31m FOUND\0",
        b"file: OK\0",
        b"PONG\0",
        b"UNKNOWN COMMAND\0",
        b"COMMAND READ TIMED OUT\0",
        "fd[1]: Größe FOUND\0".encode(),
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_what_no_clamd_says(answer: bytes) -> None:
    with pytest.raises(GarbledReply):
        parse_reply(answer)
