"""What the answer of another system means for the step that asked. Pure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from connectors.sdk.context import Response
from connectors.sdk.errors import AuthFailed, RateLimited, Rejected, Unavailable

LONGEST_PAUSE = timedelta(days=1)
QUOTED_CHARACTERS = 300
TEXT_CODECS = ("utf-8", "utf8", "us-ascii", "iso-8859", "latin", "windows-", "cp", "koi8", "gb", "big5", "euc", "shift")


SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do where the credentials are not accepted, and where the answer sends us on; and why no is no."""

    renew: str
    moved: str
    refused: str = ""


def demand(response: Response, said: str, advice: Advice, now: datetime, expect: Container[int] = SUCCESS) -> None:
    """Raises the error that a status which is not expected means; `said` begins it: “GET was answered with 404”."""
    status = response.status
    if status in expect:
        return
    if status in (429, 503):
        raise RateLimited(f"{said}: come back later.", retry_after=retry_after(response, now))
    if status >= 500:
        raise Unavailable(f"{said}: the other system has a problem of its own. Try again later.", maybe_done=True)
    if status in (401, 403):
        raise AuthFailed(f"{said}: the other system does not accept the credentials. {advice.renew}")
    if 300 <= status < 400:
        raise Rejected(f"{said}: it sends us on to another address. {advice.moved}")
    quoted = text_of(response).strip()[:QUOTED_CHARACTERS]
    raise Rejected(f"{said}{advice.refused}." + (f" It says: {quoted}" if quoted else ""))


def retry_after(response: Response, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date, at most a day; None when it is missing or not readable. Source: RFC 9110 §10.2.3."""
    written = header(response, "retry-after").strip()
    if written.isascii() and written.isdigit():
        return min(timedelta(seconds=min(int(written[:9]), 10**8)), LONGEST_PAUSE)
    try:
        when = parsedate_to_datetime(written)
    except ValueError:
        return None
    pause = (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    return min(max(pause, timedelta()), LONGEST_PAUSE)


def text_of(response: Response) -> str:
    """The body as text; empty when it is binary."""
    charset = header(response, "content-type").lower().partition("charset=")[2].partition(";")[0].strip(' "')
    # Python also calls `idna` and `unicode_escape` text codecs; the other side does not choose among those.
    charset = charset if charset.startswith(TEXT_CODECS) else "utf-8"
    try:
        return "" if b"\0" in response.body else response.body.decode(charset, errors="replace")
    except LookupError:
        return ""


def header(response: Response, name: str) -> str:
    return next((value for given, value in response.headers.items() if given.lower() == name), "")
