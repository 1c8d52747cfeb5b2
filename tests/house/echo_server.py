"""Our web server before an application that says what it got: python -m tests.house.echo_server"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import django

from config import env


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Takes two seconds for /slow."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
    got = {"from": environ["REMOTE_ADDR"], "scheme": environ["wsgi.url_scheme"]}
    body = json.dumps(got | {"bytes": len(environ["wsgi.input"].read())}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    django.setup()
    from config.serving import serve

    serve(application, env.read())
