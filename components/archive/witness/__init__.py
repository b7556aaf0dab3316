"""Witnesses (C2SP tlog-witness): cosigning other logs, having one's own cosigned, and time stamps (RFC 3161)."""
