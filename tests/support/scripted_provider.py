"""An identity provider that answers as a test tells it to, over HTTPS: also wrongly, slowly, or without an end."""

import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey

from components.process.http import serve_http

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ScriptedProvider:
    """`issued` are the codes that are good, each with what its ID token says; `instead` answers at some paths."""

    now_s: Callable[[], float]
    port: int = 0
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "first"}))
    changes: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Answer] = field(default_factory=dict)
    issued: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        return f"https://localhost:{self.port}"

    def log_in(self, address: str) -> str:
        """Be somebody who logs in at the address to which the console sends them; return the address back."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        asked = parse_qs(parts.query)
        code = f"code-{len(self.issued)}"
        self.issued[code] = asked
        back = urlsplit(asked["redirect_uri"][0])
        return f"{back.path}?code={code}&state={asked['state'][0]}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as OpenID Connect has it, where the test says nothing else."""
        if request.path in self.instead:
            return await self.instead[request.path](request)
        match request.path:
            case "/.well-known/openid-configuration":
                ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
                found = {name: f"{self.issuer}/{path}" for name, path in ends.items()}
                return web.json_response({"issuer": self.issuer, **found})
            case "/keys":
                return web.json_response({"keys": [self.key.as_dict(private=False)]})
            case "/token":
                return await self._exchange(request)
        raise web.HTTPNotFound

    async def _exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.issued.pop(str(form["code"]), None)
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != [challenge]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now_s = int(self.now_s())
        claims = {"iss": self.issuer, "aud": "console", "sub": "anna", "nonce": asked["nonce"][0]}
        claims |= {"iat": now_s, "exp": now_s + 300} | self.changes
        token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)
        return web.json_response({"id_token": token, "access_token": "any", "token_type": "Bearer"})


@asynccontextmanager
async def serve_provider(certificate: Path, now_s: Callable[[], float]) -> AsyncIterator[ScriptedProvider]:
    """Serve a provider under `localhost`, whose certificate this is."""
    provider = ScriptedProvider(now_s)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", provider.answer)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    async with serve_http(application, "127.0.0.1", 0, tls) as provider.port:
        yield provider
