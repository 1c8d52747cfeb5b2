"""Amazon's signatures of requests, version 4: the secret key signs and never travels. Pure.

Source: “Authenticating Requests: Using the Authorization Header” in the S3 API reference.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from connectors.sdk.addresses import origin


@dataclass(frozen=True, slots=True)
class Keys:
    access: str
    secret: str = field(repr=False)
    region: str
    service: str

    def signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes, at: datetime) -> Mapping[str, str]:
        """Headers to be added. The address must be encoded as it will travel."""
        parts = urlsplit(url)
        added = {"x-amz-date": f"{at:%Y%m%dT%H%M%SZ}", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        given = {name.lower(): value.strip() for name, value in headers.items() if name.lower() != "authorization"}
        all_signed = dict(sorted({**given, **added, "host": origin(url).partition("://")[2]}.items()))
        names = ";".join(all_signed)
        canonical = "\n".join(
            [
                method,
                parts.path or "/",
                "&".join(sorted(pair if "=" in pair else f"{pair}=" for pair in parts.query.split("&") if pair)),
                *(f"{name}:{value}" for name, value in all_signed.items()),
                "",
                names,
                added["x-amz-content-sha256"],
            ]
        )
        scope = f"{at:%Y%m%d}/{self.region}/{self.service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{added['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(at), to_sign.encode(), "sha256").hex()
        proof = f"AWS4-HMAC-SHA256 Credential={self.access}/{scope},SignedHeaders={names},Signature={signature}"
        return {**added, "Authorization": proof}

    def _key(self, at: datetime) -> bytes:
        key = f"AWS4{self.secret}".encode()
        for part in (f"{at:%Y%m%d}", self.region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
