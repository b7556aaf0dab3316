"""An identity provider's answers: whom an ID token names, and which tokens and providers are not believed."""

import base64
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from components.audit.console.login.provider import Provider, ProviderError
from components.audit.console.login.values import Started
from components.settings.console import OidcTable

ISSUER, BACK = "https://id.metals.example/firm", "https://console.metals.example/login/back"
NOW_S = 1_790_000_000.0
STARTED = Started(nonce="n0nce", verifier="verifier")
KEY, OTHER_KEY = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("one", "other"))
DISCOVERED = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.metals.example/authorize",
    "token_endpoint": "https://id.metals.example/token",
    "jwks_uri": "https://id.metals.example/keys",
}
CLAIMS = {
    "iss": ISSUER,
    "aud": "console",
    "sub": "anna",
    "email": "anna@metals.example",
    "nonce": STARTED.nonce,
    "iat": int(NOW_S) - 5,
    "exp": int(NOW_S) + 300,
}


NO_ALGORITHM, SHARED_SECRET = b'{"alg":"none"}', b'{"alg":"HS256"}'
"""What the head of a forged token says."""


class Answers:
    """What the provider answers at each address, and what it was asked there."""

    def __init__(self) -> None:
        self.discovered: dict[str, Any] = dict(DISCOVERED)
        self.token: dict[str, Any] = {"id_token": sign(CLAIMS)}
        self.keys: dict[str, Any] = {"keys": [KEY.as_dict(private=False)]}
        self.asked: list[tuple[str, dict[str, str] | None]] = []

    async def ask(self, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        self.asked.append((url, form))
        return {DISCOVERED["token_endpoint"]: self.token, DISCOVERED["jwks_uri"]: self.keys}.get(
            url, self.discovered
        )


def sign(claims: dict[str, Any], key: ECKey = KEY) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers()

    async def ask(_provider: Provider, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        return await answers.ask(url, form)

    monkeypatch.setattr(Provider, "_ask", ask)
    return answers


def provider(folder: Path, **changes: Any) -> Provider:
    file = folder / "secret"
    file.write_text("s3cret &\n")
    given: dict[str, Any] = {"issuer": ISSUER, "client_id": "console", "client_secret_file": file}
    return Provider(OidcTable(**(given | changes)), BACK)


async def test_a_person_is_sent_where_the_provider_says_and_only_a_hash_goes_with_them(
    answers: Answers, tmp_path: Path
) -> None:
    address = await provider(tmp_path, scopes="openid email").find_login("st4te", STARTED)
    assert answers.asked == [(f"{ISSUER}/.well-known/openid-configuration", None)]
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == DISCOVERED["authorization_endpoint"]
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["console"],
        "redirect_uri": [BACK],
        "scope": ["openid email"],
        "state": ["st4te"],
        "nonce": [STARTED.nonce],
        "code_challenge": [STARTED.challenge],
        "code_challenge_method": ["S256"],
    }
    assert STARTED.verifier not in address


@pytest.mark.parametrize(("claim", "named"), [("sub", "anna"), ("email", "anna@metals.example")])
async def test_the_claim_that_is_set_names_the_auditor(
    answers: Answers, tmp_path: Path, claim: str, named: str
) -> None:
    asked = provider(tmp_path, auditor_claim=claim)
    assert await asked.find_auditor_id("c0de", STARTED, NOW_S) == named
    assert answers.asked[1] == (
        DISCOVERED["token_endpoint"],
        {
            "grant_type": "authorization_code",
            "code": "c0de",
            "redirect_uri": BACK,
            "code_verifier": STARTED.verifier,
        },
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["console"]},
        {"aud": ["console", "mail"], "azp": "console"},
        {"azp": "console"},
        {"iat": int(NOW_S) + 50, "exp": int(NOW_S) + 60},  # clocks differ by up to a minute
        {"exp": int(NOW_S) - 50},
    ],
    ids=str,
)
async def test_a_token_that_is_for_this_console_and_of_now_is_believed(
    answers: Answers, tmp_path: Path, changes: dict[str, Any]
) -> None:
    answers.token = {"id_token": sign(CLAIMS | changes)}
    assert await provider(tmp_path).find_auditor_id("c0de", STARTED, NOW_S) == "anna"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "mail"},
        {"aud": []},
        {"aud": ["console", "mail"]},  # for whom it was made is not said
        {"aud": ["console", "mail"], "azp": "mail"},
        {"azp": "mail"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(NOW_S) - 61},
        {"exp": None},
        {"iat": None},
        {"iat": int(NOW_S) + 61},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_with_other_claims_is_not_accepted(
    answers: Answers, tmp_path: Path, changes: dict[str, Any]
) -> None:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    answers.token = {"id_token": sign(claims)}
    with pytest.raises(ProviderError, match="the ID token is not accepted"):
        await provider(tmp_path).find_auditor_id("c0de", STARTED, NOW_S)


@pytest.mark.parametrize(
    ("claim", "verified", "is_taken"),
    [("email", False, False), ("email", "false", False), ("email", True, True), ("sub", False, True)],
)
async def test_an_address_that_the_provider_has_not_verified_names_nobody(
    answers: Answers, tmp_path: Path, claim: str, verified: object, is_taken: bool
) -> None:
    answers.token = {"id_token": sign(CLAIMS | {"email_verified": verified})}
    asked = provider(tmp_path, auditor_claim=claim)
    if is_taken:
        assert await asked.find_auditor_id("c0de", STARTED, NOW_S) == CLAIMS[claim]
    else:
        with pytest.raises(ProviderError, match="the ID token is not accepted"):
            await asked.find_auditor_id("c0de", STARTED, NOW_S)


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def unsigned() -> str:
    claims = sign(CLAIMS).split(".")[1]
    return f"{encode(NO_ALGORITHM)}.{claims}."


def altered() -> str:
    head, _, signature = sign(CLAIMS).split(".")
    return f"{head}.{sign(CLAIMS | {'sub': 'mallory'}).split('.')[1]}.{signature}"


def signed_with_what_is_public() -> str:
    """The known confusion: a public key that is taken for a shared secret. No library makes such a token."""
    claims = sign(CLAIMS).split(".")[1]
    said = f"{encode(SHARED_SECRET)}.{claims}"
    return f"{said}.{encode(hmac.digest(KEY.as_pem(private=False), said.encode(), 'sha256'))}"


FORGED: dict[str, Callable[[], object]] = {
    "signed by nobody": unsigned,
    "altered": altered,
    "signed with the public key": signed_with_what_is_public,
    "signed with a key that the provider does not have": lambda: sign(CLAIMS, OTHER_KEY),
    "no token": lambda: "no token",
    "empty": lambda: "",
    "no text": lambda: None,
}


@pytest.mark.parametrize("forged", FORGED)
async def test_a_forged_token_is_not_accepted_and_its_error_quotes_nothing(
    answers: Answers, tmp_path: Path, forged: str
) -> None:
    answers.token = {"id_token": FORGED[forged]()}
    with pytest.raises(ProviderError, match=r"^the ID token is not accepted: \w+$"):
        await provider(tmp_path).find_auditor_id("c0de", STARTED, NOW_S)


@pytest.mark.parametrize(
    "keys",
    [{"keys": []}, {"keys": [{"kty": "EC"}]}, {"keys": "none"}, {"keys": [OTHER_KEY.as_dict(private=False)]}],
)
async def test_without_the_key_that_signed_nothing_is_accepted(
    answers: Answers, tmp_path: Path, keys: dict[str, Any]
) -> None:
    answers.keys = keys
    with pytest.raises(ProviderError, match="the ID token is not accepted"):
        await provider(tmp_path).find_auditor_id("c0de", STARTED, NOW_S)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"issuer": "https://elsewhere.example"}, "calls itself otherwise than console.oidc.issuer"),
        ({"issuer": None}, "calls itself otherwise"),
        ({"token_endpoint": "http://id.metals.example/token"}, "where it is asked, over https"),
        ({"jwks_uri": ""}, "where it is asked"),
        ({"authorization_endpoint": None}, "where it is asked"),
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_asked_nothing(
    answers: Answers, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    answers.discovered.update(changes)
    asked = provider(tmp_path)
    with pytest.raises(ProviderError, match=problem):
        await asked.find_login("st4te", STARTED)
    with pytest.raises(ProviderError, match=problem):
        await asked.find_auditor_id("c0de", STARTED, NOW_S)
    assert {url for url, _ in answers.asked} == {f"{ISSUER}/.well-known/openid-configuration"}


def test_the_console_identifies_itself_as_forms_write_it(tmp_path: Path) -> None:
    identified = provider(tmp_path, client_id="console of metals")._identify()
    kind, _, pair = identified.partition(" ")
    assert (kind, base64.b64decode(pair)) == ("Basic", b"console+of+metals:s3cret+%26")
