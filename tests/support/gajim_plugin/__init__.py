"""What Gajim loads: it takes the first name here that is one of its plugins."""

from .clicks import SteelyardTests as SteelyardTests
