"""Addresses as people write them. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

USUAL_PORTS = {"http": 80, "https": 443}


def origin(address: str) -> str:
    """`https://api.example.com` of any address below it, as the door writes it; nothing when it is no address."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in USUAL_PORTS or not parts.hostname or "@" in parts.netloc:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, USUAL_PORTS[parts.scheme]) else "")


def below(beginning: str, path: str) -> str:
    """A path goes on where a service begins; a whole address stays."""
    if "://" in path:
        return path
    return f"{beginning.rstrip('/')}/{path.lstrip('/')}" if path else beginning


def bare(address: str) -> str:
    """Without what stands behind the question mark: it may hold a key, and must not be repeated."""
    return address.partition("#")[0].partition("?")[0]
