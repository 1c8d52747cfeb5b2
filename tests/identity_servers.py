"""Identity providers on this machine: Authlib's OpenID server on real sockets, and SAML answers signed by xmlsec."""

from __future__ import annotations

import base64
import time
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from defusedxml import ElementTree
from flask import Flask, jsonify, request
from joserfc.jwk import RSAKey
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from tests.oauth_server import CLIENT, SECRET, App, Code, WithCode, _of, served


class OpenIdApp(App):
    def get_allowed_scope(self, scope: str) -> str:
        return scope


class OpenIdCode(Code):
    def get_nonce(self) -> str:
        return ""

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        """How sure it is of the person is not told."""

    get_amr = get_acr


class WithOpenIdCode(WithCode):
    def save_authorization_code(self, code: str, request: Any) -> None:
        super().save_authorization_code(code, request)
        _of(self).codes[code] = OpenIdCode(**vars(_of(self).codes[code]))


class IdTokens(OpenIDCode):
    def __init__(self, state: OpenIdServer) -> None:
        super().__init__()
        self.state = state

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return False

    def resolve_client_private_key(self, client: Any) -> RSAKey:
        return self.state.signs_with

    def get_client_algorithm(self, client: Any) -> str:
        return "RS256"

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        return {"iss": self.state.says_issuer or self.state.at}

    def generate_user_info(self, user: str, scope: str) -> UserInfo:
        return UserInfo(**{**self.state.person, **self.state.in_token})


def _key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig", "alg": "RS256"})


@dataclass
class OpenIdServer:
    """`person`: the claims of whoever signs in there; `in_token`: what only the ID token says.

    `document`: said instead of the discovery document; `asked`: the path of each request.
    """

    person: dict[str, Any] = field(default_factory=dict)
    in_token: dict[str, Any] = field(default_factory=dict)
    says_issuer: str = ""
    document: Any = None
    asked: list[str] = field(default_factory=list)
    at: str = ""
    key: RSAKey = field(default_factory=_key)
    signs_with: RSAKey = None  # type: ignore[assignment]
    redirects: set[str] = field(default_factory=set)
    codes: dict[str, Any] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)


def application(state: OpenIdServer) -> Flask:
    app = Flask("identity")
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    server = AuthorizationServer(
        app,
        query_client=lambda _id: OpenIdApp(state.redirects, SECRET),
        save_token=lambda token, _request: state.tokens.add(token["access_token"]),
    )
    server.state = state
    server.register_grant(WithOpenIdCode, [CodeChallenge(required=True), IdTokens(state)])

    @app.before_request
    def count() -> None:
        state.asked.append(request.path)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Any:
        if state.document is not None:
            return jsonify(state.document)
        return jsonify(
            issuer=state.says_issuer or state.at,
            authorization_endpoint=f"{state.at}/authorize",
            token_endpoint=f"{state.at}/token",
            userinfo_endpoint=f"{state.at}/userinfo",
            jwks_uri=f"{state.at}/jwks",
            token_endpoint_auth_methods_supported=["client_secret_basic"],
        )

    @app.get("/authorize")
    def authorize() -> Any:
        server.get_consent_grant(end_user=state.person["sub"])
        return server.create_authorization_response(grant_user=state.person["sub"])

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.get("/jwks")
    def jwks() -> Any:
        return jsonify(keys=[state.key.as_dict(private=False)])

    @app.get("/userinfo")
    def userinfo() -> Any:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return jsonify(state.person) if token in state.tokens else (jsonify(error="invalid_token"), 401)

    return app


def openid_server(**settings: Any) -> AbstractContextManager[OpenIdServer]:
    state = OpenIdServer(**settings)
    state.signs_with = state.key
    return served(state, application(state))


OPENID_CLIENT, OPENID_SECRET = CLIENT, SECRET

# ── SAML ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

ENTITY = "https://login.example.org/saml"
METADATA = """<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}
</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{entity}/in"/>
</IDPSSODescriptor></EntityDescriptor>"""
ASKED = ' InResponseTo="{asked}"'
ASSERTION = """<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{id}" Version="2.0"
 IssueInstant="{now}"><saml:Issuer>{entity}</saml:Issuer><saml:Subject>
<saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">{email}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData NotOnOrAfter="{later}" Recipient="{back}" InResponseTo="{asked}"/>
</saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{before}" NotOnOrAfter="{later}">
<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{now}" SessionIndex="_{id}"><saml:AuthnContext>
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>
</saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>{attributes}</saml:AttributeStatement>
</saml:Assertion>"""
RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r{id}" Version="2.0" IssueInstant="{now}"
 Destination="{back}" InResponseTo="{asked}">
<saml:Issuer>{entity}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{assertion}
</samlp:Response>"""


@dataclass
class SamlServer:
    """What a SAML identity provider does: reads what it is asked, and signs who somebody is."""

    key: str = ""
    certificate: str = ""

    def __post_init__(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "login.example.org")])
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self.key = key.private_bytes(pem, pkcs8, plain).decode()
        self.certificate = signed.public_bytes(pem).decode()

    @property
    def metadata(self) -> str:
        bare = "".join(line for line in self.certificate.splitlines() if "CERTIFICATE" not in line)
        return METADATA.format(entity=ENTITY, certificate=bare)

    def answer(
        self, address: str, email: str, *, signed: bool = True, unasked: bool = False, **attributes: list[str]
    ) -> str:
        """The form field `SAMLResponse` for somebody sent to `address`; `unasked`: as if it began over there."""
        asked = self.asked(address)
        now = datetime.now(UTC)
        facts = {
            "id": uuid4().hex,
            "entity": ENTITY,
            "email": email,
            "asked": asked.get("ID"),
            "back": asked.get("AssertionConsumerServiceURL"),
            "audience": asked.findtext("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer"),
            "now": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "before": f"{now - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}",
            "later": f"{now + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}",
            "attributes": "".join(_attribute(*each) for each in {"mail": [email], **attributes}.items()),
        }
        assertion, response = ASSERTION, RESPONSE
        if unasked:
            assertion, response = (each.replace(ASKED, "") for each in (assertion, response))
        assertion = assertion.format(**facts)
        if signed:
            assertion = OneLogin_Saml2_Utils.add_sign(assertion, self.key, self.certificate).decode()
        assertion = assertion.removeprefix('<?xml version="1.0"?>')
        return base64.b64encode(response.format(**facts, assertion=assertion).encode()).decode()

    @staticmethod
    def asked(address: str) -> Any:
        packed = parse_qs(urlsplit(address).query)["SAMLRequest"][0]
        return ElementTree.fromstring(zlib.decompress(base64.b64decode(packed), -15))


def _attribute(name: str, values: list[str]) -> str:
    listed = "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
    return f'<saml:Attribute Name="{name}">{listed}</saml:Attribute>'
