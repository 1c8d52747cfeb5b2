"""Real brokers for tests: Valkey as the product starts it, Debian's Redis, and RabbitMQ with an Erlang of its own.

Each keeps everything in one folder, listens on the loopback address only, and leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from django.db import connection
from kombu import Connection

from config import embedded, parts
from config.processes import Process, Program
from tests.faults.proxy import Counts, Dose, Proxy, proxied
from tests.faults.stack import Stack, database_url

RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
# One thread that does not spin: Erlang would otherwise keep every core warm while it waits.
ERLANG = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false"
RABBITMQ_CONF = """\
listeners.tcp.default = 127.0.0.1:{port}
log.console = true
log.console.level = warning
log.file = false
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
"""


@dataclass
class Broker:
    """A real broker: where it is, and how a test takes it away. Its data survive a stop where its kind keeps data."""

    name: str
    url: str
    programs: list[Program]
    processes: list[Process] = field(default_factory=list)

    @property
    def speaks_redis(self) -> bool:
        return self.url.startswith("redis")

    def start(self) -> None:
        for program in self.programs:
            process = Process(program)
            self.processes.append(process)
            process.wait_until_ready()

    def stop(self) -> None:
        """Ask it to go, in order."""
        self._end(Process.stop)

    def kill(self) -> None:
        self._end(Process.kill)

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        """It keeps its connections and takes new ones, and answers nobody."""
        os.killpg(self.processes[-1].pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.processes[-1].pid, signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A client for looking into it and for breaking it. Redis and Valkey only."""
        return redis.Redis.from_url(self.url.replace("redis+socket://", "unix://"))

    def waiting(self, queue: str) -> int:
        """Messages on a queue that nobody has taken yet."""
        if self.speaks_redis:
            with self.client() as client:
                return int(client.llen(queue))
        with Connection(self.url) as asking:
            return int(asking.default_channel.queue_declare(queue, passive=True).message_count)

    def _end(self, how: Callable[[Process], None]) -> None:
        while self.processes:
            how(self.processes.pop())


def valkey(folder: Path) -> Broker:
    """The product's own, on a Unix socket."""
    return Broker("valkey", embedded.broker_url(folder), [parts.valkey(folder)])


def redis_server(folder: Path) -> Broker:
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --protected-mode no --appendonly no --dir {folder} --save".split()
    program = Program(
        name="Redis",
        command=[installed("redis-server", "redis-server"), *options, ""],
        log=folder / "redis.log",
        is_ready=lambda: listens(port),
    )
    return Broker("redis", f"redis://127.0.0.1:{port}/0", [program])


def rabbitmq(folder: Path) -> Broker:
    """RabbitMQ, and in front of it the name server of Erlang, which would otherwise stay behind."""
    installed(str(RABBITMQ_SERVER), "rabbitmq-server")
    port, names_port, node_port = free_port(), free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(RABBITMQ_CONF.format(port=port))
    env = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"tandem-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(node_port),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{ERLANG} -kernel inet_dist_use_interface {{127,0,0,1}}",
    }
    url = f"amqp://guest:guest@127.0.0.1:{port}//"
    names = Program(
        name="Erlang's names",
        command=[installed("epmd", "rabbitmq-server"), "-port", str(names_port), "-address", "127.0.0.1"],
        log=folder / "names.log",
        is_ready=lambda: listens(names_port),
    )
    server = Program(
        name="RabbitMQ",
        command=[str(RABBITMQ_SERVER)],
        log=folder / "rabbitmq.log",
        env=env,
        is_ready=lambda: listens(port) and takes_messages(url),
        ready_within_s=120,
        stop_within_s=20,
    )
    return Broker("rabbitmq", url, [names, server])


KINDS = {"valkey": valkey, "redis": redis_server, "rabbitmq": rabbitmq}


@contextmanager
def running(name: str) -> Iterator[Broker]:
    """A fresh broker of this kind; it and all it wrote are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"tandem-{name}-"))
    broker = KINDS[name](folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


def installed(name: str, package: str) -> str:
    """Path of a server's program; installs Debian's package where root may and it is not there."""
    if path := shutil.which(name):
        return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], check=True)
        subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", package], check=True)
    if path := shutil.which(name):
        return path
    pytest.fail(f"The broker tests need {name}. Install it: apt-get install {package}.")


def listens(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", port)) == 0


def takes_messages(url: str) -> bool:
    caller = Connection(url, connect_timeout=5)
    try:
        caller.connect()
    except (OSError, *caller.connection_errors):
        return False
    finally:
        caller.release()
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """A broker, the proxy before it, and the product's processes that know only the proxy."""

    broker: Broker
    proxy: Proxy
    stack: Stack

    def settle(self) -> None:
        """As after the start: everything lives, nothing is lost or late, no message is left."""
        self.proxy.heal()
        self.proxy.dose, self.proxy.counts = Dose(), Counts()
        if self.broker.speaks_redis:
            with self.broker.client() as client:
                client.flushall()
        self.stack.calm()


@contextmanager
def serving(name: str, folder: Path, *others: str, seed: int = 1) -> Iterator[Site]:
    """Web, worker, scheduler and `others` at work with a broker of this kind. Needs the test's database."""
    with running(name) as broker, proxied(broker.url, seed) as proxy:
        stack = Stack(folder, database_url(), proxy.url)
        connection.close()
        try:
            stack.start("web", "worker", "scheduler", *others)
            yield Site(broker, proxy, stack)
        finally:
            stack.stop()
