"""One canonical form of a web address, or a refusal."""

from __future__ import annotations

import pytest

from connectors.net import urls
from connectors.net.urls import BadUrl

READ_OTHERWISE = """
http://127.1/ http://0/ http://2130706433/ http://0x7f000001/ http://0177.0.0.1/ http://017700000001/
http://0x7f.1/ http://127.0.0.1./ http://localhost./ http://2852039166/ http://0xA9FEA9FE/ http://1.2.3.4.5/
http://256.1.1.1/ http://0x/ http://api.0x7f/ http://01.2.3.4/ http://LOCALHOST%00.x.org/ http://①②⑦.⓪.⓪.①/
http://127。0。0。1/ http://\uff11\uff12\uff17.0.0.1/ http://[fe80::1%25lo]/ http://[fe80::1%lo]/ http://[::1/ http://::1/
http://[]/ http://[127.0.0.1]/ http://[::1]x/ http://ok.example@127.0.0.1/ http://user:pass@ok.example/
http://127.0.0.1:80\\@ok.example/ http://ok.example\\@127.0.0.1/ http://ok.example\\.evil.example/
https://ok.example/a\\b http:127.0.0.1/ http:///127.0.0.1/ //127.0.0.1/ http:// https://:443/ http://ok.example:0/
http://ok.example:65536/ http://ok.example:/ http://ok.example:8o/ http://ok.example:\uff18\uff10/ http://a:1:2/
http://.example/ http://a..b/ http://-a.example/ http://a-.example/ http://ﬁ.example/ http://\u212a.example/
http://xn--a.example/ http://ex\u00adample.com/ http://ex\u200bample.com/ https://ok.example/\u202e
https://ok.example/\ud800 file:///etc/passwd ftp://x/ gopher://127.0.0.1:6379/_FLUSHALL dict://127.0.0.1:11211/
jar:http://x!/ data:text/html,x unix:///run/docker.sock ldap://x/ javascript:alert(1) ws://x/ httpx://x/
ok.example /path
"""


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://api.example.com", "https://api.example.com/"),
        ("HTTPS://API.Example.COM:443/A?b=C#d", "https://api.example.com/A?b=C"),
        ("http://api.example.com:80/", "http://api.example.com/"),
        ("https://api.example.com:8443/x", "https://api.example.com:8443/x"),
        ("https://api.example.com?x=1", "https://api.example.com/?x=1"),
        ("https://münchen.example/Käse?ä=ö", "https://xn--mnchen-3ya.example/K%C3%A4se?%C3%A4=%C3%B6"),
        ("https://MÜNCHEN.example/", "https://xn--mnchen-3ya.example/"),
        ("https://my_service.example/%41%2e%2e/[x]", "https://my_service.example/%41%2e%2e/[x]"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("http://[2606:4700:0:0::1]:8080/", "http://[2606:4700::1]:8080/"),
        ("https://ok.example#@127.0.0.1/", "https://ok.example/"),
        ("https://ok.example/?next=http://127.0.0.1/", "https://ok.example/?next=http://127.0.0.1/"),
        ("https://0xab.example/", "https://0xab.example/"),
        ("https://1.example/", "https://1.example/"),
    ],
)
def test_an_address_gets_its_canonical_form(text: str, canonical: str) -> None:
    assert str(urls.parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    READ_OTHERWISE.split(),
)
def test_what_others_might_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(BadUrl):
        urls.parse(text)


@pytest.mark.parametrize("smuggled", ["\r", "\n", "\r\n", "\t", "\0", " ", "\x7f", "\x85", "\xa0", "\u2028"])
@pytest.mark.parametrize(
    "place", ["{}https://ok.example/", "https://ok{}.example/", "https://ok.example/a{}b?c", "https://ok.example/{}"]
)
def test_no_space_and_no_control_character_passes(smuggled: str, place: str) -> None:
    with pytest.raises(BadUrl):
        urls.parse(place.format(smuggled))


def test_an_address_that_is_too_long_is_refused() -> None:
    with pytest.raises(BadUrl, match="longer"):
        urls.parse("https://ok.example/" + "a" * 8_000)
    with pytest.raises(BadUrl, match="longer"):
        urls.parse("https://" + "a." * 130 + "example/")


def test_the_reason_never_repeats_the_address() -> None:
    with pytest.raises(BadUrl) as refused:
        urls.parse("https://user:s3cret@ok.example/")

    assert "s3cret" not in str(refused.value)


def test_a_query_is_added_and_escaped() -> None:
    url = urls.parse("https://ok.example/a?b=1", {"c": "d&e=f\r\n", "g": "ä"})

    assert url.target == "/a?b=1&c=d%26e%3Df%0D%0A&g=%C3%A4"


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b", "https://ok.example/b"),
        ("b?c", "https://ok.example/a/b?c"),
        ("?c", "https://ok.example/a/x?c"),
        ("//other.example/b", "https://other.example/b"),
        ("http://other.example:81", "http://other.example:81/"),
        ("../../../b", "https://ok.example/b"),
    ],
)
def test_a_redirect_is_read_from_where_it_stands(location: str, leads_to: str) -> None:
    assert str(urls.parse_redirect(urls.parse("https://ok.example/a/x"), location)) == leads_to


@pytest.mark.parametrize(
    "location",
    ["http:127.0.0.1/", "http:///127.0.0.1/", "file:///etc/passwd", "//127.1/", "/a\tb", "\\\\evil.example", "//a@b/"],
)
def test_a_redirect_that_others_might_read_otherwise_is_refused(location: str) -> None:
    with pytest.raises(BadUrl):
        urls.parse_redirect(urls.parse("https://ok.example/"), location)
