"""The provable log: records, their Merkle tree, signed checkpoints and the stores that keep them."""
