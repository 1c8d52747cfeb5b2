"""Several hosts on one machine: network namespaces at a bridge, each with one address, and a cable that can be pulled.

network = Network.built("data", "front")
network.host("data").command(["redis-server", …])      the same program, on that host
network.host("front").pull() / .plug()                 the cable between the host and all others
network.remove()

Files are shared, as by a network drive; nothing else is. Needs root, and iproute2.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psycopg

from audit.wall import ROLE
from config import parts
from config.processes import Process, Program
from tests.faults import brokers
from tests.faults.brokers import Broker, installed, takes_messages
from tests.faults.postgres import QUICK, Server
from tests.faults.stack import Stack

PASSWORD = "of-the-hosts-4711"
POSTGRES_PORT = 5432
PLAIN = "tandem_of_hosts"
TRUSTS = "local all all trust\nhost all all {net}.0/24 scram-sha-256\n"


@dataclass(frozen=True)
class Host:
    """One namespace. `cable` is its end at the bridge."""

    space: str
    address: str
    cable: str

    def command(self, words: Sequence[str], user: str | None = None) -> list[str]:
        """Run there, as this user: only root enters a namespace, so the user is changed afterwards."""
        lent = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--pdeathsig=INT"] if user else []
        return ["ip", "netns", "exec", self.space, *lent, *words]

    def at_home(self, program: Program, **changed: Any) -> Program:
        """The same program on this host."""
        command = self.command(program.command, program.user)  # begun by `ip`, which no nursery bears
        return replace(program, command=command, user=None, popen=subprocess.Popen, **changed)

    def listens(self, port: int) -> bool:
        with socket.socket() as caller:
            caller.settimeout(1)
            return caller.connect_ex((self.address, port)) == 0

    def pull(self) -> None:
        _do("ip", "link", "set", self.cable, "down")

    def plug(self) -> None:
        _do("ip", "link", "set", self.cable, "up")


@dataclass
class Network:
    """A bridge with an address of ours, and hosts at it."""

    name: str
    net: str
    hosts: dict[str, Host] = field(default_factory=dict)

    @classmethod
    def built(cls, *names: str) -> Network:
        installed("ip", "iproute2")
        made = cls(f"td{os.getpid() % 100_000}", f"10.213.{os.getpid() % 250}")
        made.remove()
        _do("ip", "link", "add", made.name, "type", "bridge")
        _do("ip", "address", "add", f"{made.net}.1/24", "dev", made.name)
        _do("ip", "link", "set", made.name, "up")
        for number, name in enumerate(names, start=10):
            made.hosts[name] = made._joined(name, number)
        return made

    def host(self, name: str) -> Host:
        return self.hosts[name]

    @property
    def outside(self) -> str:
        """Our own address, where the outside world of the tests listens."""
        return f"{self.net}.1"

    def remove(self) -> None:
        for space in _said("ip", "netns", "list").split():
            if space.startswith(f"{self.name}-"):
                _do("ip", "netns", "delete", space)
        with suppress(subprocess.CalledProcessError):
            _do("ip", "link", "delete", self.name)

    def _joined(self, name: str, number: int) -> Host:
        host = Host(f"{self.name}-{name}", f"{self.net}.{number}", f"{self.name}v{number}")
        _do("ip", "netns", "add", host.space)
        _do("ip", "link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.space)
        _do("ip", "link", "set", host.cable, "master", self.name)
        for words in (f"address add {host.address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            _do("ip", "-netns", host.space, *words.split())
        host.plug()
        return host


def postgres(host: Host, home: Path) -> Server:
    """The cluster of `home`, started there, for whoever has the password; over its socket for the test itself."""
    server = Server(home)
    (home / "postgres" / "pg_hba.conf").write_text(TRUSTS.format(net=host.address.rpartition(".")[0]))
    program = parts.postgres(home, durable=False)
    options = [f"--{name}={value}" for name, value in {**QUICK, "listen_addresses": host.address}.items()]
    server.process = Process(host.at_home(replace(program, command=[*program.command, *options]), stop_within_s=30))
    server.process.wait_until_ready()
    with server.connect() as session:
        _hand_over(session)
    return server


def _hand_over(session: psycopg.Connection[Any]) -> None:
    """The database to the plain role that docs/operating.md advises. What the test itself makes is open to it."""
    session.execute(f"CREATE ROLE {PLAIN} LOGIN PASSWORD '{PASSWORD}' NOSUPERUSER NOBYPASSRLS")
    session.execute(f"GRANT {ROLE} TO {PLAIN}; ALTER DATABASE tandem OWNER TO {PLAIN}")
    for (statement,) in session.execute(_OWNED).fetchall():
        session.execute(statement)
    for things in ("TABLES", "SEQUENCES", "ROUTINES"):
        session.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {things} TO {PLAIN}")


def database_url(host: Host) -> str:
    return f"postgresql://{PLAIN}:{PASSWORD}@{host.address}:{POSTGRES_PORT}/tandem"


def broker(kind: str, host: Host, folder: Path) -> Broker:
    """Redis or RabbitMQ on that host, for whoever has the password."""
    made = brokers.KINDS[kind](folder)
    port = int(made.url.rpartition(":")[2].partition("/")[0])
    if kind == "redis":
        (program,) = made.programs
        first, *rest = (word.replace("127.0.0.1", host.address) for word in program.command)
        guarded = replace(program, command=[first, "--requirepass", PASSWORD, *rest])
        url = f"redis://:{PASSWORD}@{host.address}:{port}/0"
        return Broker(kind, url, [host.at_home(guarded, is_ready=lambda: host.listens(port))])

    url = f"amqp://tandem:{PASSWORD}@{host.address}:{port}//"
    told = f"default_user = tandem\ndefault_pass = {PASSWORD}\n"
    settings = (folder / "rabbitmq.conf").read_text().replace("127.0.0.1", host.address)
    (folder / "rabbitmq.conf").write_text(settings + told)
    names, server = made.programs
    ready = {"is_ready": lambda: host.listens(port) and takes_messages(url)}
    return Broker(kind, url, [host.at_home(names, is_ready=None), host.at_home(server, **ready)])


@dataclass
class Spread(Stack):
    """Each process on a host of its own choice. A host has its own TANDEM_HOME; keys come by variables."""

    where: dict[str, Host] = field(default_factory=dict)

    def _program(self, name: str) -> Program:
        host = self.where[name]
        self.home = self.folder / host.space
        program = super()._program(name)
        ready = (lambda: _answers(host, self.port)) if program.is_ready else None
        return host.at_home(program, is_ready=ready, env={**program.env, "TANDEM_BIND": host.address})


def _answers(host: Host, port: int) -> bool:
    try:
        with urlopen(f"http://{host.address}:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _said(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


# What an extension has made stays the superuser's, as where an administrator has made the extension.
_OWNED = f"""
SELECT format('ALTER %s %s OWNER TO {PLAIN}', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass)
FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('e', 'a', 'i'))
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO {PLAIN}', p.oid::regprocedure)
FROM pg_proc AS p WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
"""
