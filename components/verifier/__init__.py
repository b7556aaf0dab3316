"""The verifier of logs: needs Python and `cryptography`, and shares no code with what writes a log.

`build` makes one file of it, `verify.py`, to hand out beside a log.
"""
