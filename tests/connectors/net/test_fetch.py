"""The door from end to end: allowed exchanges work, everything else ends before a connection is opened."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest
from django.db import transaction

from connectors import net
from connectors.net import Door, Egress, Request, fetch
from connectors.sdk import BadParams, Response, Unavailable
from tests.connectors.net.conftest import Serve
from tests.connectors.net.servers import Authority, Eye, answer, drips, is_silent, naming, says, to_ourselves

REFUSED = """
http://127.0.0.1/ http://127.1/ http://0/ http://0.0.0.0:8000/ http://2130706433/ http://0x7f000001/
http://0177.0.0.1/ http://017700000001/ http://0x7f.1/ http://127.0.0.1./ http://localhost/ http://localhost./
http://LOCALHOST%00.x.org/ http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://[::]/ http://[::1]/ http://[0:0:0:0:0:0:0:1]/
http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::127.0.0.1]/ http://[64:ff9b::7f00:1]/
http://[64:ff9b::a9fe:a9fe]/ http://[64:ff9b:1::7f00:1]/ http://[2002:7f00:1::]/ http://[2002:a9fe:a9fe::]/
http://[2001:0:7f00:1::]/ http://[fe80::1%25lo]/ http://[fec0::1]/ http://[fd00::1]/ http://[fd00:ec2::254]/
http://[ff02::1]/ http://10.0.0.1/ http://172.16.0.1/ http://172.31.255.255/ http://192.168.0.1/ http://100.64.0.1/
http://169.254.169.254/latest/meta-data/ http://2852039166/ http://0xA9FEA9FE/ http://169.254.170.2/
http://metadata.google.internal/computeMetadata/v1/ http://168.63.129.16/ http://100.100.100.200/
http://192.0.0.192/opc/v1/ http://192.0.0.9/ http://192.88.99.1/ http://198.18.0.1/ http://224.0.0.1/
http://239.1.1.1/ http://240.0.0.1/ http://255.255.255.255/ http://[100::1]/ http://[2001:db8::1]/ http://[3fff::1]/
http://[5f00::1]/ http://redis:6379/ http://postgres:5432/ http://db/ http://web:8000/admin/
http://kubernetes.default.svc/ http://host.docker.internal/ http://127.0.0.1.nip.io/ http://localtest.me/
http://lvh.me/ http://ok.example@127.0.0.1/ http://127.0.0.1:80\\@ok.example/ http://ok.example\\@127.0.0.1/
http://ok.example#@127.0.0.1/ http:127.0.0.1/ http:///127.0.0.1/ //127.0.0.1/ http://ok.example:22/
http://ok.example:6379/ http://ok.example:0/ file:///etc/passwd ftp://x/ gopher://127.0.0.1:6379/_FLUSHALL
dict://127.0.0.1:11211/ jar:http://x!/ data:text/html,x unix:///run/docker.sock ldap://x/
"""

NOT_FOR_US = [
    "127.0.0.1",
    "::1",
    "10.0.0.1",
    "169.254.169.254",
    "64:ff9b::7f00:1",
    "fe80::1%lo",
    "0.0.0.0",
    "::ffff:1.1.1.1",
]
ON_THE_INTERNET = "93.184.216.34"


def get(url: str, *hosts: str, **options: object) -> Response:
    return fetch(Request("GET", url), policy=Egress(hosts), **options)  # type: ignore[arg-type]


def careless(url: str) -> tuple[str, ...]:
    """The host list of an administrator who listed just that host, in every form without `private:`."""
    authority = re.sub(r"^[a-z]*:?/*|[/#?].*", "", url)
    return authority, f"http://{authority}", f"https://{authority}"


def test_an_allowed_exchange_gives_status_headers_body_and_data(serve: Serve) -> None:
    server = serve(answer("201 Created", b'{"n": [1, 2]}', Content_Type="application/json; charset=utf-8", X_One="a"))

    response = get(f"{server.url}/a?b=c", server.entry)

    headers = {"content-length": "13", "content-type": "application/json; charset=utf-8", "x-one": "a"}
    assert response == Response(201, headers, b'{"n": [1, 2]}', f"{server.url}/a?b=c", {"n": [1, 2]})
    assert server.requests == [
        f"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"
        "User-Agent: Tandem\r\nAccept: */*\r\n\r\n".encode()
    ]


def test_a_step_sends_json_through_the_door(serve: Serve) -> None:
    server = serve(answer("204 No Content"))

    response = Door(Egress((server.entry,))).send(
        "POST", server.url, headers={"X-Key": "k"}, query={"q": "1"}, json={"ä": 1}
    )

    assert response.status == 204
    [request] = server.requests
    assert request.startswith(b"POST /?q=1 HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\nX-Key: k\r\n\r\n" in request
    assert request.endswith('\r\n\r\n{"ä": 1}'.encode())


def test_a_value_that_json_does_not_know_is_refused(eye: Eye) -> None:
    with pytest.raises(BadParams, match="cannot be sent as JSON"):
        Door(Egress()).send("POST", "https://a.example/", json={"x": float("nan")})


def test_a_host_that_nobody_listed_is_not_even_looked_up(eye: Eye) -> None:
    asked: list[str] = []

    def overheard(host: str, port: int) -> list[str]:
        asked.append(host)
        return [ON_THE_INTERNET]

    with pytest.raises(BadParams) as refused:
        get("https://api.example.com/secret?key=1", resolve=overheard)

    assert refused.value.message == (
        '"https://api.example.com" is not among the hosts that this department may reach. '
        "An administrator can allow it under Departments."
    )
    assert (asked, eye.attempts) == ([], [])


def test_an_entry_that_allows_nothing_because_of_its_form_is_named() -> None:
    with pytest.raises(BadParams, match=r'cannot be read: "htps//api", "\*"\)\. An administrator'):
        get("https://api.example.com/", "htps//api", "*", "other.example")


@pytest.mark.parametrize("url", REFUSED.split())
def test_no_address_of_the_list_is_reached_even_when_its_host_is_listed(url: str, eye: Eye) -> None:
    with pytest.raises(BadParams):
        get(url, *careless(url), resolve=to_ourselves)

    assert eye.attempts == []


@pytest.mark.parametrize("url", REFUSED.split())
def test_no_redirect_leads_to_an_address_of_the_list(url: str, serve: Serve, eye: Eye) -> None:
    server = serve(answer("302 Found", Location=url))

    with pytest.raises(BadParams):
        fetch(
            Request("GET", server.url, redirects=3), policy=Egress((server.entry, *careless(url))), resolve=to_ourselves
        )

    assert eye.attempts == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("address", NOT_FOR_US)
@pytest.mark.parametrize("others", [(), (ON_THE_INTERNET,)])
def test_one_bad_answer_of_the_name_server_is_enough_to_refuse(address: str, others: tuple[str, ...], eye: Eye) -> None:
    for answers in ([*others, address], [address, *others]):
        with pytest.raises(BadParams):
            get("https://ok.example/", "ok.example", resolve=naming(*answers))

    assert eye.attempts == []


def test_private_opens_our_own_network_but_never_the_metadata_service(eye: Eye) -> None:
    for address in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "0.0.0.0", "224.0.0.1"):
        with pytest.raises(BadParams, match="no workflow may reach"):
            get("https://ok.example/", "private:ok.example", resolve=naming(address))

    assert eye.attempts == []


def test_a_listed_host_in_our_own_network_says_what_the_administrator_has_to_write() -> None:
    with pytest.raises(BadParams, match=r'"private:" before it.* under Departments'):
        get("https://ok.example/", "ok.example", resolve=to_ourselves)


def test_a_name_that_changes_its_address_is_looked_up_once_and_pinned(serve: Serve, eye: Eye) -> None:
    server = serve(answer())
    answers = ["127.0.0.1", "127.0.0.66"]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [answers[(len(asked) - 1) % 2]]

    rounds = 100
    for _ in range(rounds):
        asked.clear()
        get(f"http://ok.example:{server.port}/", f"private:http://ok.example:{server.port}", resolve=rebinding)

    assert eye.attempts == [("127.0.0.1", server.port)] * rounds
    assert all(f"\r\nHost: ok.example:{server.port}\r\n".encode() in request for request in server.requests)


def test_the_next_address_is_tried_when_the_first_does_not_answer(serve: Serve, eye: Eye) -> None:
    server = serve(answer())

    get(
        f"http://ok.example:{server.port}/",
        f"private:http://ok.example:{server.port}",
        resolve=naming("127.0.0.66", "127.0.0.1"),
    )

    assert eye.attempts == [("127.0.0.66", server.port), ("127.0.0.1", server.port)]


def test_proxies_and_netrc_of_the_environment_are_ignored(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, proxy = serve(answer()), serve(answer())
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    get(server.url, server.entry)

    assert proxy.requests == []
    assert b"authorization" not in server.requests[0].lower()


@pytest.mark.parametrize("smuggled", ["\r\nX-Evil: 1", "\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\ud800"])
def test_nothing_can_be_smuggled_in_by_method_or_header(smuggled: str, eye: Eye) -> None:
    requests = [
        Request(f"GET{smuggled}", "https://ok.example/"),
        Request("GET", "https://ok.example/", {f"X-A{smuggled}": "1"}),
        Request("GET", "https://ok.example/", {"X-A": f"s3cret{smuggled}b"}),
    ]

    for request in requests:
        with pytest.raises(BadParams) as refused:
            fetch(request, policy=Egress(("ok.example",)))
        assert "s3cret" not in refused.value.message

    assert eye.attempts == []


@pytest.mark.parametrize(
    "name", ["X A", "X\tA", "X:A", "", "ä", "Host", "content-length", "Transfer-Encoding", "Connection"]
)
def test_names_that_are_no_header_or_not_the_callers_are_refused(name: str, eye: Eye) -> None:
    with pytest.raises(BadParams, match="header cannot be sent"):
        fetch(Request("GET", "https://ok.example/", {name: "1"}), policy=Egress(("ok.example",)))

    assert eye.attempts == []


@pytest.mark.parametrize("method", ["get", "GET ", "G ET", "TRACE", "CONNECT", "", "GET\t"])
def test_other_methods_are_refused(method: str, eye: Eye) -> None:
    with pytest.raises(BadParams):
        fetch(Request(method, "https://ok.example/"), policy=Egress(("ok.example",)))

    assert eye.attempts == []


def test_a_header_may_hold_any_visible_character(serve: Serve) -> None:
    server = serve(answer())

    fetch(Request("GET", server.url, {"Title": " Grüße "}), policy=Egress((server.entry,)))

    assert "\r\nTitle: Grüße\r\n".encode() in server.requests[0]


class TestTls:
    """The certificate must be that of the name, whatever address it led to."""

    URL, ENTRY = "https://ok.example:{}/", "private:https://ok.example:{}"

    def test_the_name_is_asked_for_and_checked(self, serve: Serve, authority: Authority) -> None:
        names: list[str] = []
        server = serve(answer(), authority.server("ok.example", names=names))

        response = get(
            self.URL.format(server.port), self.ENTRY.format(server.port), resolve=to_ourselves, tls=authority.trusted()
        )

        assert (response.status, names) == (200, ["ok.example"])

    def test_a_certificate_of_an_address_is_checked_too(self, serve: Serve, authority: Authority) -> None:
        server = serve(answer(), authority.server("127.0.0.1"))

        assert get(server.url, server.entry, tls=authority.trusted()).status == 200

    @pytest.mark.parametrize(("host", "days"), [("evil.example", 30), ("ok.example", -1), ("127.0.0.1", 30)])
    def test_another_name_or_an_old_certificate_is_refused(
        self, host: str, days: int, serve: Serve, authority: Authority
    ) -> None:
        server = serve(answer(), authority.server(host, days=days))

        with pytest.raises(Unavailable):
            get(
                self.URL.format(server.port),
                self.ENTRY.format(server.port),
                resolve=to_ourselves,
                tls=authority.trusted(),
            )

        assert server.requests == []

    def test_an_authority_that_the_system_does_not_know_is_refused(self, serve: Serve, authority: Authority) -> None:
        server = serve(answer(), authority.server("ok.example"))

        with pytest.raises(Unavailable):
            get(self.URL.format(server.port), self.ENTRY.format(server.port), resolve=to_ourselves)

        assert server.requests == []


def test_why_nobody_answered_is_not_told(serve: Serve, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    ports = [
        closed,
        serve(says(b"+PONG secret banner\r\n")).port,
        serve(says(b"")).port,
        serve(is_silent).port,
        serve(drips(b"HTTP/1.1 200 OK\r\n", b"X")).port,
        serve(answer(), authority.server("ok.example")).port,
    ]

    errors = []
    for port in ports:
        request = Request("GET", f"http://ok.example:{port}/", timeout_s=0.3)
        with pytest.raises(Unavailable) as failed:
            fetch(request, policy=Egress((f"private:http://ok.example:{port}",)), resolve=to_ourselves)
        errors.append(failed.value)
    with pytest.raises(Unavailable) as failed:
        get("https://ok.example/", "ok.example", resolve=naming())
    errors.append(failed.value)

    assert {error.message for error in errors} == {
        '"ok.example" gave no usable answer: it is away, too slow, or not who it says it is. Try again later, '
        "or ask an administrator to look into the server's log."
    }
    assert {type(error) for error in errors} == {Unavailable}
    assert all(error.__cause__ is None for error in errors)
    assert [error.maybe_done for error in errors] == [False, True, True, True, True, True, False]


def test_open_and_closed_ports_look_the_same_to_who_may_not_reach_them(serve: Serve, eye: Eye) -> None:
    opened = [serve(answer()).port for _ in range(10)]
    ports = [*opened, *range(20_000, 20_190)]

    texts = set()
    for port in ports:
        with pytest.raises(BadParams) as refused:
            get(f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}")
        texts.add(refused.value.message)

    assert len(texts) == 1
    assert eye.attempts == []


def test_a_name_server_that_is_silent_ends_at_the_deadline() -> None:
    def silent(host: str, port: int) -> list[str]:
        is_silent(socket.socket())
        return []

    began = time.monotonic()
    with pytest.raises(Unavailable):
        fetch(Request("GET", "https://ok.example/", timeout_s=0.2), policy=Egress(("ok.example",)), resolve=silent)

    assert time.monotonic() - began < 2.0


@pytest.mark.django_db
def test_no_call_leaves_from_inside_a_transaction(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(answer())

    with transaction.atomic(), pytest.raises(RuntimeError, match="network call inside a transaction"):
        get(server.url, server.entry)
    assert server.requests == []

    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    assert get(server.url, server.entry).status == 200


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/problem+json; charset=utf-8", b'"x"', "x"),
        ("text/plain", b'{"a": 1}', None),
        ("application/json", b"not json", None),
        ("application/json", b"[NaN]", None),
        ("application/json", b"[" * 100_000, None),
        ("application/json", b"9" * 10_000, None),
        ("application/json", b"", None),
        ("application/json", b"\xff", None),
    ],
)
def test_data_is_the_bodys_json_and_nothing_else(content_type: str, body: bytes, data: object, serve: Serve) -> None:
    server = serve(answer(body=body, Content_Type=content_type))

    response = get(server.url, server.entry)

    assert (response.data, response.body) == (data, body)
