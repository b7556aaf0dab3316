"""What files say: read after delivery, for the index, by processes of which each reads one file within limits."""
