"""The address policy, row by row: the same on every Python."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from connectors.net.addresses import Standing, standing

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0
192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00:1450:4001:81b::200e 3ffd::1
64:ff9b::808:808
"""

OWN = """
10.0.0.0 10.255.255.255 100.64.0.1 100.100.100.199 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.255
172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 ::1 fc00::1 fd00::1 fdff:ffff::1
"""

NEVER = """
0.0.0.0 0.255.255.255 100.100.100.200 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 169.254.0.23
192.0.0.1 192.0.0.9 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.175.48.1
198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
:: ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:7f00:1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::a00:1 64:ff9b::a83f:8110 64:ff9b::e000:1
64:ff9b:1::7f00:1 64:ff9b:1::808:808 100::1 100:0:0:1::1
2001::1 2001:0:7f00:1:: 2001:0:808:808:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a9fe:a9fe:: 2002:808:808:: 2620:4f:8000::1 3ffe::1 3fff::1 3fff:fff::1 5f00::1
2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:8.8.8.8 4000::1 8000::1
fd00:c1::a9fe:a9fe fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fe80::1 fe80::1%lo febf::1 fec0::1 ff02::1 ff0e::1
"""

ROWS = [
    (text, expected)
    for expected, rows in ((Standing.PUBLIC, PUBLIC), (Standing.OWN, OWN), (Standing.NEVER, NEVER))
    for text in rows.split()
]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_every_address_has_one_standing(text: str, expected: Standing) -> None:
    assert standing(ip_address(text)) is expected


def test_what_is_global_would_let_through_is_refused() -> None:
    let_through = ["64:ff9b::a9fe:a9fe", "::127.0.0.1", "168.63.129.16", "224.0.0.1", "ff02::1", "fec0::1"]

    assert [text for text in let_through if standing(ip_address(text)) is Standing.PUBLIC] == []
