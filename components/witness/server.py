"""The witness's HTTP interface (C2SP tlog-witness): `add-checkpoint`, and the newest checkpoint of each log."""

import asyncio

import structlog
from aiohttp import web

from components.archive.errors import LogDamaged
from components.witness.add_checkpoint import ADD_CHECKPOINT, MAX_BODY_BYTES, WitnessAnswer
from components.witness.cosign import Witness

_BODY_TIMEOUT_S = 10.0
_LOGGED_CHARACTERS = 16384

log = structlog.get_logger("witness")


def make_application(witness: Witness) -> web.Application:
    """Return the web application; its root is both the submission and the monitoring prefix."""
    handlers = _Handlers(witness)
    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_post(f"/{ADD_CHECKPOINT}", handlers.add_checkpoint)
    application.router.add_get("/{origin_hash:[0-9a-f]{64}}/checkpoint", handlers.find_checkpoint)
    return application


class _Handlers:
    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def add_checkpoint(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                body = await request.read()
        except TimeoutError:
            return _respond(WitnessAnswer(408, "the request did not arrive in time\n"))
        try:
            answer = self._witness.add_checkpoint(body)
        except (LogDamaged, OSError) as error:
            log.error("cannot cosign", reason=str(error))
            answer = WitnessAnswer(500, "this witness cannot store what it would cosign\n")
        if answer.status == 422:
            # It is signed by the log and does not continue what the log signed before: proof of a fork, or of a bug.
            log.error(
                "refused", status=422, reason=answer.body.strip(), request=body.decode()[:_LOGGED_CHARACTERS]
            )
        return _respond(answer)

    async def find_checkpoint(self, request: web.Request) -> web.Response:
        try:
            note = self._witness.find_checkpoint(request.match_info["origin_hash"])
        except (LogDamaged, OSError) as error:
            log.error("cannot show", reason=str(error))
            return _respond(WitnessAnswer(500, "this witness cannot read what it cosigned\n"))
        return _respond(
            WitnessAnswer(200, note) if note else WitnessAnswer(404, "nothing was cosigned of such a log\n")
        )


def _respond(answer: WitnessAnswer) -> web.Response:
    # The specification's type goes out as it is, without a charset.
    return web.Response(
        status=answer.status,
        body=answer.body.encode(),
        headers={"Content-Type": answer.content_type},
    )
