"""Pure decisions about what may pass: values in, a decision out; no I/O, no clock, no randomness."""
