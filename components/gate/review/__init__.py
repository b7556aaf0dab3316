"""Messages that a rule holds until a reviewer decides."""
