"""`python -m tests.faults.planting EGRESS URL`: a department, a token and a workflow in the database of the settings.

Prints `{"token", "workflow"}`. For stacks whose database is not the test's own.
"""

from __future__ import annotations

import json
import sys

import django


def plant(egress: str, url: str) -> dict[str, str]:
    from departments.access import SYSTEM
    from departments.models import Role
    from departments.tokens import create_token
    from tests import factories
    from tests.workflows.runtime.harness import published

    department = factories.make_department("Press", egress_hosts=[egress])
    _, token = create_token(department, role=Role.MANAGER, name="Chaos", actor=SYSTEM)
    steps = [
        {"id": f"s{number}", "kind": f"effect.{effect}", "with": {"url": url, "name": f"s{number}", "sleep_s": 0.05}}
        for number, effect in enumerate(("keyed", "pure", "checkable", "keyed"))
    ]
    return {"token": token, "workflow": published(steps, department=department, name="Planted").slug}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(plant(*sys.argv[1:])))
