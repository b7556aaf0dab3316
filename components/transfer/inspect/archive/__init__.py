"""Files that hold others: each member is unpacked within limits, and looked into."""
