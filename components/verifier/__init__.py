"""The verifier of logs: it needs Python and `cryptography`, and shares no code with the writer of a log.

`build` makes one file from it, `verify.py`, to give out with a log.
"""
