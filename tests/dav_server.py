"""A real WebDAV server on loopback (WsgiDAV) over a folder of the test."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from waitress.server import create_server
from wsgidav.wsgidav_app import WsgiDAVApp

USER, PASSWORD = "press", "correct-horse-battery"


@dataclass
class DavServer:
    folder: Path

    def start(self) -> DavServer:
        app = WsgiDAVApp(
            {
                "provider_mapping": {"/dav": str(self.folder)},
                "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
                "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
                "verbose": 0,
                "logging": {"enable": False},
            }
        )
        self._server = create_server(app, host="127.0.0.1", port=0, threads=4)
        self.address = f"http://127.0.0.1:{self._server.effective_port}/dav"
        threading.Thread(target=self._server.run, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.close()

    @property
    def entry(self) -> str:
        return f"private:{self.address.removesuffix('/dav')}"
