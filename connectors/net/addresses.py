"""Which IP addresses a workflow may reach. Pure: one table and one question (rule S4).

The table is our own because `is_global` of `ipaddress` differs between Python versions and calls multicast, NAT64 of
private addresses and some metadata services global.
Source: IANA special-purpose address registries (RFC 6890), RFC 6052, the clouds' pages on metadata.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address


class Standing(StrEnum):
    """What an address is to us."""

    PUBLIC = "public"  # on the internet
    OWN = "own"  # in our own network: only where an administrator wrote `private:`
    NEVER = "never"  # no permission opens it


_PUBLIC = ("0.0.0.0/0", "2000::/3")

_OWN = (
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # shared, behind carriers' NAT
    "127.0.0.0/8",  # loopback
    "172.16.0.0/12",  # private
    "192.168.0.0/16",  # private
    "::1/128",  # loopback
    "fc00::/7",  # unique local
)

_NEVER = (
    "0.0.0.0/8",  # this host
    "100.100.100.200/32",  # metadata: Alibaba
    "168.63.129.16/32",  # wire server: Azure
    "169.254.0.0/16",  # link-local; metadata: AWS, Azure, Google, Oracle, Tencent
    "192.0.0.0/24",  # protocol assignments; metadata: Oracle
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT
    "192.88.99.0/24",  # 6to4 relays
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "::/0",  # whatever is not named in one of these lists
    "::/96",  # unspecified, IPv4-compatible
    "::ffff:0:0/96",  # IPv4-mapped
    "::ffff:0:0:0/96",  # IPv4-translated
    "64:ff9b:1::/48",  # NAT64 of one site
    "100::/64",  # discard
    "100:0:0:1::/64",  # dummy
    "2001::/23",  # protocol assignments: Teredo, benchmarks, AMT, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "2620:4f:8000::/48",  # AS112
    "3ffe::/16",  # 6bone, given back
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
    "fd00:c1::a9fe:a9fe/128",  # metadata: Oracle
    "fd00:ec2::/32",  # metadata, names and time: AWS
    "fd20:ce::254/128",  # metadata: Google
    "fe80::/10",  # link-local
    "fec0::/10",  # site-local
    "ff00::/8",  # multicast
)

_MOST_SPECIFIC_FIRST = sorted(
    (
        (ip_network(text), standing)
        for standing, texts in ((Standing.PUBLIC, _PUBLIC), (Standing.OWN, _OWN), (Standing.NEVER, _NEVER))
        for text in texts
    ),
    key=lambda row: -row[0].prefixlen,
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def standing(address: Address) -> Standing:
    """What this address is to us.

    Tunnelled and translated forms (mapped, compatible, 6to4, Teredo, ISATAP, a site's own NAT64) are refused whatever
    they carry: no honest name leads there. The well-known NAT64 prefix is how every IPv4 host looks in an IPv6-only
    network: it is as good as the address inside, which may not be a private one (RFC 6052 §3.1).
    """
    if isinstance(address, IPv6Address) and address in _NAT64:
        carried = _listed(IPv4Address(int(address) & 0xFFFF_FFFF))
        return carried if carried is Standing.PUBLIC else Standing.NEVER
    if isinstance(address, IPv6Address) and _is_isatap(address):
        return Standing.NEVER
    return _listed(address)


def _listed(address: Address) -> Standing:
    return next(standing for network, standing in _MOST_SPECIFIC_FIRST if address in network)


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
