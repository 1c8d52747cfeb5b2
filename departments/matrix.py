"""The role matrix: which role may do which verb, and on what. Whoever decides reads it here, docs/roles.md too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from departments.models import Role


class Verb(StrEnum):
    """What somebody wants to do in a department."""

    VIEW = "view"
    RUN = "run"
    EDIT = "edit"
    PUBLISH = "publish"
    DECIDE = "decide"
    CONNECT = "connect"
    AUDIT = "audit"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb: the roles that have it, and what it opens, thing by thing."""

    roles: frozenset[str]
    opens: Mapping[str, str]


def _right(*roles: Role, **opens: str) -> Right:
    return Right(frozenset(roles), {thing.replace("_", " "): deeds for thing, deeds in opens.items()})


MATRIX: Mapping[Verb, Right] = {
    Verb.VIEW: _right(
        *Role,
        workflows="read, with versions and exports",
        runs="read, with journal, record and what the ledger has of them",
        tasks="read",
        saved_steps="read",
        files="read",
        connections="see that they are there, never their secrets",
        costs_and_budgets="read",
    ),
    Verb.RUN: _right(
        Role.OPERATOR,
        Role.BUILDER,
        Role.MANAGER,
        runs="start, cancel, retry, resume, one for each row of a table",
        triggers="start now",
        files="upload",
    ),
    Verb.EDIT: _right(
        Role.BUILDER,
        Role.MANAGER,
        workflows="create, import, change, test, restore, archive",
        saved_steps="keep, change, archive",
        manual_mode="switch for one workflow",
    ),
    Verb.PUBLISH: _right(
        Role.BUILDER,
        Role.MANAGER,
        workflows="publish, offer as a tool",
        triggers="set up, change, switch, remove",
    ),
    Verb.DECIDE: _right(
        Role.APPROVER,
        Role.MANAGER,
        tasks="answer those that ask for approvers",
        workflows="be the second person who lets a version go live",
    ),
    Verb.CONNECT: _right(
        Role.BUILDER,
        Role.MANAGER,
        connections="make, change, try, remove",
        services="import, renew, remove",
        subscriptions="make, change, remove, send again",
    ),
    Verb.AUDIT: _right(Role.MANAGER, ledger="read and take along"),
    Verb.MANAGE: _right(
        Role.MANAGER,
        workflows="share with people outside, for use alone",
        people="give and take roles, plan absences",
        groups="make, change, delete, let them give roles",
        tokens="make, renew and revoke",
        hours="change",
        budgets="set, stop",
        manual_mode="switch for the department",
        tasks="hand over or release in anybody's place",
    ),
}

ALLOWS: Mapping[str, frozenset[Verb]] = {
    role: frozenset(verb for verb, right in MATRIX.items() if role in right.roles) for role in Role
}

AUDITOR: frozenset[Verb] = frozenset({Verb.AUDIT})
"""What an auditor of the server may do in every department, without a role there."""

ADMINISTRATOR: Mapping[str, str] = {
    "people": "create, deactivate and have what they held handed over, give rights and roles, in every department",
    "departments": "create, set the hosts they may reach, and all that a manager may but for tasks, manual mode"
    " and letting somebody leave who stays here",
    "models": "providers, models, prices, routes, who may use which",
    "runs": "cancel, let go on where they failed, in every department",
    "content": "see that a thing is there and how it fares; open it only as a member",
}
"""What an administrator of the server may do: `require_administrator` and `require_manager` let them."""
