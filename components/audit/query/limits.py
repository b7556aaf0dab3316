"""How large a query may be, so that each is answered in seconds (docs/decisions/0309-*).

SQLite refuses expressions deeper than 1,000, and FTS5 some of 30: these keep every query below that.
"""

MAX_CHARACTERS = 16_384
MAX_TERMS = 500
MAX_NESTING = 50
MAX_SPELLINGS_ASKED = 20
"""So many near spellings (`~`): each is compared with every word that there is."""
MAX_SIMILAR = 20
"""So many pictures to compare with (`similar:`): each is compared with all that there are."""
MAX_PATTERNS = 20
"""So many regular expressions: each goes through every text that the rest of the query leaves."""
MAX_SOUGHT = 50_000
"""So many words has the index to look for, in all ways to write a query's words that its texts may have."""
