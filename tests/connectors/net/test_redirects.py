"""Redirects: off unless asked for, few, each judged anew, and no credential travels to another host."""

from __future__ import annotations

import pytest

from connectors.net import Door, Egress, Request, fetch
from connectors.sdk import BadParams, Rejected
from tests.connectors.net.conftest import Serve
from tests.connectors.net.servers import Server, answer, naming

SECRETS = {
    "Authorization": "Bearer s3cret",
    "Cookie": "session=s3cret",
    "X-Api-Key": "s3cret",
    "Private-Token": "s3cret",
    "Accept": "text/csv",
}


def everywhere(*servers: Server) -> Egress:
    return Egress(tuple(server.entry for server in servers))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_follows_when_asked_to(status: int, serve: Serve) -> None:
    end = serve(answer(body=b"there"))
    start = serve(answer(f"{status} Moved", Location=f"{end.url}/end"))

    followed = fetch(Request("GET", start.url, redirects=3), policy=everywhere(start, end))
    stayed = fetch(Request("GET", start.url), policy=everywhere(start, end))

    assert (followed.status, followed.body, followed.url) == (200, b"there", f"{end.url}/end")
    assert (stayed.status, len(end.requests)) == (status, 1)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_changes_something_is_never_sent_on(method: str, serve: Serve) -> None:
    end = serve(answer())
    start = serve(answer("307 Moved", Location=end.url))

    response = Door(everywhere(start, end)).send(method, start.url, json={"a": 1})

    assert (response.status, end.requests) == (307, [])


def test_three_redirects_are_followed_and_a_fourth_is_not(serve: Serve) -> None:
    hops = [serve(answer(body=b"end"))]
    for _ in range(4):
        hops.append(serve(answer("302 Found", Location=hops[-1].url)))
    policy = everywhere(*hops)

    assert fetch(Request("GET", hops[3].url, redirects=20), policy=policy).body == b"end"
    with pytest.raises(Rejected, match="more than 3 times"):
        fetch(Request("GET", hops[4].url, redirects=20), policy=policy)
    assert [len(server.requests) for server in hops] == [1, 2, 2, 2, 1]


def test_another_host_gets_no_credentials_whatever_their_name(serve: Serve) -> None:
    end = serve(answer())
    start = serve(answer("302 Found", Location=end.url))

    fetch(Request("GET", start.url, SECRETS, redirects=3), policy=everywhere(start, end))

    assert start.requests[0].count(b"s3cret") == 4
    assert b"s3cret" not in end.requests[0]
    assert b"\r\nAccept: text/csv\r\n" in end.requests[0]


def test_the_same_host_on_another_port_or_under_another_name_is_another_host(serve: Serve) -> None:
    end = serve(answer())
    start = serve(answer("302 Found", Location=f"http://ok.example:{end.port}/"))
    policy = Egress((start.entry, f"private:http://ok.example:{end.port}"))

    fetch(Request("GET", start.url, SECRETS, redirects=3), policy=policy, resolve=naming("127.0.0.1"))

    assert b"s3cret" not in end.requests[0]


def test_credentials_dropped_once_do_not_come_back(serve: Serve) -> None:
    back = serve(answer())
    away = serve(answer("302 Found", Location=f"{back.url}/again"))
    start = serve(answer("302 Found", Location=away.url))

    fetch(Request("GET", start.url, SECRETS, redirects=3), policy=everywhere(start, away, back))

    assert [b"s3cret" in server.requests[0] for server in (start, away, back)] == [True, False, False]


def test_the_same_host_keeps_them(serve: Serve) -> None:
    server = serve(answer("302 Found", Location="/again"))

    with pytest.raises(Rejected):
        fetch(Request("GET", server.url, SECRETS, redirects=3), policy=everywhere(server))

    assert [request.count(b"s3cret") for request in server.requests] == [4, 4, 4, 4]


def test_a_host_that_nobody_listed_is_not_reached_by_a_redirect(serve: Serve) -> None:
    end = serve(answer())
    start = serve(answer("302 Found", Location=f"{end.url}/?leak=1"))

    with pytest.raises(BadParams, match="not among the hosts"):
        fetch(Request("GET", start.url, redirects=3), policy=everywhere(start))

    assert end.requests == []


def test_a_page_that_asks_a_browser_to_go_on_is_only_a_page(serve: Serve) -> None:
    end = serve(answer())
    page = f'<meta http-equiv="refresh" content="0;url={end.url}">'.encode()
    start = serve(answer(body=page, Content_Type="text/html", Refresh=f"0; url={end.url}"))

    response = fetch(Request("GET", start.url, redirects=3), policy=everywhere(start, end))

    assert (response.body, end.requests) == (page, [])


def test_a_redirect_without_a_location_is_an_answer(serve: Serve) -> None:
    server = serve(answer("302 Found"))

    assert fetch(Request("GET", server.url, redirects=3), policy=everywhere(server)).status == 302
