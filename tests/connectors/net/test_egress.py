"""The host list that an administrator writes."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from connectors import net
from connectors.apps import readable_hosts
from connectors.net import urls
from connectors.net.addresses import Standing
from connectors.net.egress import Egress

PUBLIC = frozenset({Standing.PUBLIC})
BOTH = frozenset({Standing.PUBLIC, Standing.OWN})
NOTHING: frozenset[Standing] = frozenset()


@pytest.mark.parametrize(
    ("entry", "url", "standings"),
    [
        ("api.example.com", "https://api.example.com/x", PUBLIC),
        ("API.Example.com", "https://api.EXAMPLE.com/x", PUBLIC),
        ("api.example.com", "http://api.example.com/", NOTHING),
        ("api.example.com", "https://api.example.com:8443/", NOTHING),
        ("api.example.com", "http://api.example.com:443/", NOTHING),
        ("api.example.com", "https://www.api.example.com/", NOTHING),
        ("api.example.com", "https://api.example.com.evil.example/", NOTHING),
        ("api.example.com:8443", "https://api.example.com:8443/", PUBLIC),
        ("api.example.com:22", "https://api.example.com/", NOTHING),
        ("http://api.example.com", "http://api.example.com/", PUBLIC),
        ("http://api.example.com", "https://api.example.com/", NOTHING),
        ("http://intranet.example:8080", "http://intranet.example:8080/", PUBLIC),
        ("http://intranet.example:8080", "http://intranet.example/", NOTHING),
        ("*.example.com", "https://a.example.com/", PUBLIC),
        ("*.example.com", "https://a.b.example.com/", PUBLIC),
        ("*.example.com", "https://example.com/", NOTHING),
        ("*.example.com", "https://evilexample.com/", NOTHING),
        ("*.example.com", "https://a.example.com:8443/", NOTHING),
        ("münchen.example", "https://xn--mnchen-3ya.example/", PUBLIC),
        ("93.184.216.34", "https://93.184.216.34/", PUBLIC),
        ("private:http://127.0.0.1:9000", "http://127.0.0.1:9000/", BOTH),
        ("private:http://127.0.0.1:9000", "http://127.0.0.1:9001/", NOTHING),
        ("private:intranet.example", "https://intranet.example/", BOTH),
        ("private:http://[::1]:9000", "http://[0:0::1]:9000/", BOTH),
        ("*", "https://a.example/", NOTHING),
        ("*.com", "https://a.com/", NOTHING),
        ("private:*.example.com", "https://a.example.com/", NOTHING),
        ("https://a.example/path", "https://a.example/path", NOTHING),
        ("ftp://a.example", "https://a.example/", NOTHING),
        ("user@a.example", "https://a.example/", NOTHING),
        ("", "https://a.example/", NOTHING),
    ],
)
def test_an_entry_covers_what_it_names_and_no_more(entry: str, url: str, standings: frozenset[Standing]) -> None:
    assert Egress((entry,)).standings(urls.parse(url)) == standings


def test_an_empty_list_means_nowhere() -> None:
    assert Egress().standings(urls.parse("https://example.com/")) == NOTHING


def test_entries_that_cannot_be_read_are_named_and_spoil_no_other() -> None:
    policy = Egress(("htps//x y", "a.example", "*"))

    assert policy.unreadable == ("htps//x y", "*")
    assert policy.standings(urls.parse("https://a.example/")) == PUBLIC


def test_an_address_in_our_own_network_is_named_where_it_does_not_say_so() -> None:
    hosts = ("10.0.0.5", "http://127.0.0.1:8080", "https://[fd00::1]", "private:10.0.0.5", "93.184.215.14", "a.example")

    assert Egress(hosts).closed == hosts[:3]
    with pytest.raises(ValidationError, match=r"own network: 10\.0\.0\.5"):
        readable_hosts(["10.0.0.5"])


def test_a_department_may_go_where_every_department_may_go(settings: Settings) -> None:
    settings.EGRESS_HOSTS = ("everybody.example",)

    assert net.for_department(["ours.example"]) == Egress(("ours.example", "everybody.example"))
