"""How large a query may be. SQLite refuses expressions deeper than 1,000: these keep every query below that."""

MAX_CHARACTERS = 16_384
MAX_TERMS = 500
MAX_NESTING = 50
