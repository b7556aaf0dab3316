"""An identity provider, as OpenID Connect has them: where it is asked, and whether an ID token is its own."""

import base64
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from components.audit.console.login.values import Started
from components.process.http import read_limited
from components.process.json_text import read_json
from components.settings.console import OidcTable

_DISCOVERY = "/.well-known/openid-configuration"
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_LARGEST_ANSWER_BYTES = 1024 * 1024
_TOO_MANY_REQUESTS = 429


class ProviderError(Exception):
    """What somebody brings from the provider, or what it says of them, is not to be believed."""


class ProviderAwayError(ProviderError):
    """The provider cannot be asked, or answers as none does: not the fault of who logs in."""


@dataclass(slots=True)
class Provider:
    """The identity provider of `[console.oidc]`; `back` is the address to which it sends the browser back."""

    settings: OidcTable
    back: str

    async def find_login(self, state: str, started: Started) -> str:
        """Return the provider's address at which a person logs in; raises ProviderError."""
        described = await self._discover()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.back,
            "scope": self.settings.scopes,
            "state": state,
            "nonce": started.nonce,
            "code_challenge": started.challenge,
            "code_challenge_method": "S256",
        }
        return f"{described['authorization_endpoint']}?{urlencode(asked)}"

    async def find_auditor_id(self, code: str, started: Started, now_s: float) -> str:
        """Return the claim that names the auditor, of the ID token that a code is good for; raises ProviderError."""
        described = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.back,
            "code_verifier": started.verifier,
        }
        answer = await self._ask(str(described["token_endpoint"]), form)
        keys = await self._ask(str(described["jwks_uri"]))
        return self._read_token(answer, keys, started, now_s)

    def _read_token(
        self, answer: dict[str, Any], keys: dict[str, Any], started: Started, now_s: float
    ) -> str:
        try:
            token = jwt.decode(
                str(answer["id_token"]), KeySet.import_key_set({"keys": keys["keys"]}), algorithms=_ALGORITHMS
            )
            self._require_claims(token.claims, started, now_s)
            return str(token.claims[self.settings.auditor_claim])
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise ProviderError(f"the ID token is not accepted: {type(error).__name__}") from None

    def _require_claims(self, claims: dict[str, Any], started: Started, now_s: float) -> None:
        """Check what OIDC Core 3.1.3.7 asks for; raises JoseError."""
        registry = jwt.JWTClaimsRegistry(
            now=int(now_s),
            leeway=60,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": started.nonce},
        )
        registry.validate(claims)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.settings.client_id:
            raise ValueError("azp")
        # Some providers write it as a text. Whoever gives themselves an address is not its owner yet (5.7).
        if self.settings.auditor_claim == "email" and str(claims.get("email_verified")).lower() == "false":
            raise ValueError("email_verified")

    async def _discover(self) -> dict[str, Any]:
        found = await self._ask(self.settings.issuer.rstrip("/") + _DISCOVERY)
        named = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if found.get("issuer") != self.settings.issuer:
            raise ProviderAwayError("the provider calls itself otherwise than console.oidc.issuer")
        if not all(str(found.get(name, "")).startswith("https://") for name in named):
            raise ProviderAwayError("the provider does not say where it is asked, over https")
        return found

    async def _ask(self, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        tls = self._trust()
        headers = {} if form is None else {"Authorization": self._identify()}
        method = "GET" if form is None else "POST"
        try:
            async with (
                # Nothing is unpacked: a little that becomes very much would come past the bound.
                aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as http,
                http.request(
                    method, url, data=form, headers=headers, ssl=tls, allow_redirects=False
                ) as answer,
            ):
                if answer.status != 200:
                    raise _explain(answer.status, is_exchange=form is not None)
                found = read_json(await read_limited(answer, _LARGEST_ANSWER_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ProviderAwayError(f"the provider does not answer: {type(error).__name__}") from None
        if not isinstance(found, dict):
            raise ProviderAwayError("the provider's answer is no object")
        return found

    def _trust(self) -> ssl.SSLContext:
        tls = ssl.create_default_context()
        if authority := self.settings.authority:
            try:
                tls.load_verify_locations(authority)
            except OSError as error:
                raise ProviderAwayError(f"{authority} cannot be read: {error.strerror or error}") from None
        return tls

    def _identify(self) -> str:
        """Return how the console identifies itself (RFC 6749, 2.3.1)."""
        file = self.settings.client_secret_file
        try:
            secret = file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise ProviderAwayError(f"{file} cannot be read: {type(error).__name__}") from None
        pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(secret)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _explain(status: int, *, is_exchange: bool) -> ProviderError:
    """Return what an answer's status means: a code that is not good is refused (RFC 6749, 5.2)."""
    text = f"the provider answers with {status}"
    is_refusal = is_exchange and 400 <= status < 500 and status != _TOO_MANY_REQUESTS
    return ProviderError(text) if is_refusal else ProviderAwayError(text)
