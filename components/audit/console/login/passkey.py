"""Passkeys (WebAuthn Level 3): an auditor who is logged in adds one, and logs in with it from then on."""

from aiohttp import web
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from components.audit.auditor import Auditor, find_auditor
from components.audit.console.login.record import record_passkey
from components.audit.console.login.values import Challenge
from components.audit.console.login.ways import AFTER_LOGIN, finish_login, refuse_login, require_patience
from components.audit.console.state import Passkey
from components.audit.console.visit import Refused, Visit
from components.process.errors import SiteError
from components.process.json_text import read_json

_MOST_PASSKEYS = 20
# The device asks for a finger or a code, and finds the auditor by itself: nobody learns who has a passkey here.
_CHOICE = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.REQUIRED,
    user_verification=UserVerificationRequirement.REQUIRED,
)


async def begin_login(visit: Visit) -> web.StreamResponse:
    """Ask for a signature of any passkey of this console."""
    await require_patience(visit)
    require_passkeys(visit)
    options = generate_authentication_options(
        rp_id=visit.console.settings.host, user_verification=UserVerificationRequirement.REQUIRED
    )
    return _ask(visit, Challenge(options.challenge), options_to_json(options))


async def log_in(visit: Visit) -> web.StreamResponse:
    """Log in whose passkey has signed."""
    await require_patience(visit)
    require_passkeys(visit)
    challenge = visit.console.challenges.end(visit.said("ceremony"))
    try:
        auditor = _verify_login(visit, challenge)
    except (WebAuthnException, SiteError, ValueError, KeyError, TypeError):
        raise await refuse_login(visit, "passkey") from None
    response = await finish_login(visit, auditor, "passkey")
    cookie = response.headers["Set-Cookie"]
    return web.json_response({"go_to": AFTER_LOGIN}, headers={"Set-Cookie": cookie})


def _verify_login(visit: Visit, challenge: Challenge | None) -> Auditor:
    credential = read_json(visit.said("credential"))
    passkey = visit.console.state.find_passkey(base64url_to_bytes(credential["id"]).hex())
    if challenge is None or challenge.auditor or passkey is None:
        raise ValueError
    auditor = find_auditor(visit.console.site, passkey.auditor)
    verified = verify_authentication_response(
        credential=credential,
        expected_challenge=challenge.bytes,
        expected_rp_id=visit.console.settings.host,
        expected_origin=visit.console.settings.origin,
        credential_public_key=bytes.fromhex(passkey.public_key),
        credential_current_sign_count=passkey.sign_count,
        require_user_verification=True,
    )
    visit.console.state.count_use(passkey.id, verified.new_sign_count)
    return auditor


async def begin_adding(visit: Visit) -> web.StreamResponse:
    """Ask a device for a new passkey of who is logged in."""
    require_passkeys(visit)
    auditor, passkeys = visit.who, visit.console.state.passkeys_of(visit.who.id)
    if len(passkeys) >= _MOST_PASSKEYS:
        raise Refused(400, "error.passkeys")
    options = generate_registration_options(
        rp_id=visit.console.settings.host,
        rp_name=f"Steelyard {visit.console.site.site.name}",
        user_id=auditor.id.encode(),
        user_name=auditor.id,
        user_display_name=auditor.name,
        authenticator_selection=_CHOICE,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=bytes.fromhex(each.id)) for each in passkeys],
    )
    return _ask(visit, Challenge(options.challenge, auditor.id), options_to_json(options))


async def add(visit: Visit) -> web.StreamResponse:
    """Keep a new passkey of who is logged in; that it was added is recorded first."""
    require_passkeys(visit)
    challenge = visit.console.challenges.end(visit.said("ceremony"))
    name = visit.said("name").strip()[:60]
    if challenge is None or challenge.auditor != visit.who.id or not name:
        raise Refused(403, "error.refused")
    try:
        verified = verify_registration_response(
            credential=read_json(visit.said("credential")),
            expected_challenge=challenge.bytes,
            expected_rp_id=visit.console.settings.host,
            expected_origin=visit.console.settings.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise Refused(403, "error.refused") from None
    passkey = Passkey(
        verified.credential_id.hex(),
        visit.who.id,
        verified.credential_public_key.hex(),
        verified.sign_count,
        name,
        int(visit.console.clock()),
    )
    await record_passkey(visit, "added", passkey.id)
    if not visit.console.state.add_passkey(passkey):
        raise Refused(403, "error.refused")
    return web.json_response({"go_to": "/account"})


async def remove(visit: Visit) -> web.StreamResponse:
    """Forget a passkey of who is logged in."""
    id_ = visit.said("id")
    if id_ not in {each.id for each in visit.console.state.passkeys_of(visit.who.id)}:
        raise Refused(404, "error.404")
    await record_passkey(visit, "removed", id_)
    visit.console.state.remove_passkey(visit.who.id, id_)
    return visit.go_to("/account")


def require_passkeys(visit: Visit) -> None:
    """Raise Refused where one cannot log in so."""
    if not visit.console.settings.passkeys:
        raise Refused(404, "error.404")


def _ask(visit: Visit, challenge: Challenge, options: str) -> web.StreamResponse:
    name = visit.console.challenges.begin(challenge, visit.address)
    return web.json_response({"ceremony": name, "options": read_json(options)})
