"""The one error of an auditor's commands, beside a query's own."""


class AuditError(Exception):
    """A look that cannot be taken; the message is one line that says what to do."""
