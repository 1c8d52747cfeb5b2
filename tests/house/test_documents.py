"""The papers a newcomer reads keep up with the code."""

from __future__ import annotations

import re

from config.env import ROOT
from config.programs import own_programs
from config.settings import ENV


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()

    assert "python3 manage.py up" in readme
    assert "python3 manage.py test" in readme


def test_every_variable_that_tandem_listens_to_is_explained() -> None:
    code = "".join(path.read_text() for path in (ROOT / "config").glob("*.py"))
    listened = set(re.findall(r'(?:given|environ\.get)\("([A-Z_]+)"', code))

    explained = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "operating.md").read_text()))

    assert {"PORT", "DATABASE_URL", "TANDEM_NO_BOOTSTRAP"} <= listened
    assert listened - {"DJANGO_SETTINGS_MODULE"} <= explained


def test_the_procfile_starts_the_same_processes_as_up() -> None:
    lines = dict(line.split(": ", 1) for line in (ROOT / "deploy" / "Procfile").read_text().splitlines())

    for program in own_programs(ENV):
        options = [word for word in program.command if word.startswith("--") and word != "--bind"]
        assert all(option in lines[program.name] for option in options), program.name


def test_every_link_between_the_documents_leads_somewhere() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
        if not (document.parent / link).exists()
    ]

    assert broken == []
