"""How much of what takes long one run tries: enough for every day, or all of it."""

import os

STRIDE = int(os.environ.get("STEELYARD_FAULT_STRIDE", "4"))
"""Of all the places where a process may be killed, each so-manieth is tried; 1 tries every one."""

ROUNDS = int(os.environ.get("STEELYARD_FAULT_ROUNDS", "4"))
"""How often a process is killed at random moments."""
