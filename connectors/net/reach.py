"""Whether a place may be reached, and what is said when nobody answers there: the same for every protocol."""

from __future__ import annotations

import logging

from connectors.net import sockets
from connectors.net.addresses import Address, Standing, standing
from connectors.net.egress import NOWHERE, Egress
from connectors.net.sockets import Deadline, Resolve
from connectors.net.urls import Url
from connectors.sdk import BadParams, Unavailable

logger = logging.getLogger(__name__)


def permitted_addresses(url: Url, policy: Egress, resolve: Resolve, deadline: Deadline) -> list[Address]:
    """Every address behind the URL's host, if each may be reached (rule S3). Raises BadParams, OSError."""
    allowed = policy.standings(url)
    if allowed == NOWHERE:
        raise _not_allowed(f'"{url.origin}" is not among the hosts that this department may reach{_unread(policy)}')
    addresses = sockets.look_up(url, resolve, deadline)
    found = {standing(address) for address in addresses}
    if found <= allowed:
        return addresses
    logger.warning("fetch_refused host=%s addresses=%s", url.host, ",".join(map(str, addresses)))
    if Standing.NEVER in found:
        raise BadParams(f'"{url.host}" leads to an address that no workflow may reach.', fields={"url": "Not allowed."})
    raise _not_allowed(
        f'"{url.host}" leads into our own network, which needs "private:" before it in the list of hosts'
    )


def no_answer(url: Url, error: Exception, *, maybe_done: bool) -> Unavailable:
    """For whatever went wrong on the way; only the log tells more."""
    # One text for every reason: what listens on which port is not for the asker to learn. A protocol error quotes what
    # the other side sent, so the log keeps only its name.
    reason = f"{type(error).__name__}: {error}" if isinstance(error, OSError) else type(error).__name__
    logger.info("fetch_failed host=%s port=%s reason=%s", url.host, url.port, reason)
    return Unavailable(
        f'"{url.host}" gave no usable answer: it is away, too slow, or not who it says it is. Try again later, '
        "or ask an administrator to look into the server's log.",
        maybe_done=maybe_done,
    )


def _not_allowed(what: str) -> BadParams:
    return BadParams(f"{what}. An administrator can allow it under Departments.", fields={"url": "Not allowed."})


def _unread(policy: Egress) -> str:
    entries = ", ".join(f'"{entry}"' for entry in policy.unreadable)
    return f" (entries of the list that cannot be read: {entries})" if entries else ""
