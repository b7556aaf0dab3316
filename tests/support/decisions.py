"""Reviewers with keys of their own, and what a log's writer decides by."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from components.archive.keys import create_log_key
from components.archive.log.note import NoteSigner
from components.link.review_request import ReviewRequest
from components.rules.decisions import Decisions
from components.rules.reviewers import Reviewers, encode_note, sign_text
from components.settings.auditors import AuditorEntry
from policy.content.policy import ContentPolicy
from policy.directory.directory import Directory, parse_directory
from policy.review import ReviewAct
from policy.rules import Rules
from policy.supervision.act import Act, ActKind, encode_act
from tests.support.gate_process import one_enterprise

NOBODY = Reviewers(())


def decisions_of(
    policy: ContentPolicy | None = None,
    default: ReviewAct = ReviewAct.REFUSE,
    reviewers: Reviewers = NOBODY,
    *,
    directory: Directory | None = None,
    log: str = "transfer",
) -> Decisions:
    """Return what decides on the held records of the log of metals.example with this name."""
    rules = Rules(directory or parse_directory(one_enterprise(["alice@metals.example"])), policy)
    return Decisions(reviewers, log, f"metals.example/{log}", lambda: rules, default)


class Desks:
    """Auditors with keys in `folder`; each is listed with what `entries` says of them."""

    def __init__(self, folder: Path, **entries: dict[str, Any]) -> None:
        self.signers: dict[str, NoteSigner] = {}
        self.entries: list[AuditorEntry] = []
        for id_, more in entries.items():
            key = folder / f"auditor-{id_}.key"
            self.signers[id_] = create_log_key(key, f"auditor/{id_}")
            entry = {"id": id_, "name": id_, "roles": ["reviewer"], "key": key.with_suffix(".pub"), **more}
            self.entries.append(AuditorEntry.model_validate(entry))

    @property
    def reviewers(self) -> Reviewers:
        """All of them."""
        return Reviewers(self.entries)

    def sign(self, request: ReviewRequest, by: str, log: str, at_s: int, **changes: Any) -> ReviewRequest:
        """Return a request that `by` has signed; `changes` are what they signed instead."""
        act = Act(
            ActKind(request.act),
            f"{log}/{request.record}",
            f"metals.example/{log}",
            by,
            at_s,
            f"{at_s:016x}",
            evidence=request.evidence,
            note=request.reason,
        )
        act = replace(act, **changes)
        return replace(
            request,
            actor=by,
            statement=encode_note(act, sign_text(act.by, encode_act(act), self.signers[by])),
        )
