"""Ids of what the engine works on are made by the server (rule E7)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, models, transaction

from tests import factories
from workflows.models import Run, StepRun, StoredFile, Task, Version, Workflow

pytestmark = pytest.mark.django_db

MADE: dict[type[models.Model], Callable[[], models.Model]] = {
    Workflow: factories.make_workflow,
    Version: factories.make_version,
    Run: factories.make_run,
    StepRun: factories.make_step,
    Task: factories.make_task,
    StoredFile: factories.make_file,
}


@pytest.mark.parametrize("model", MADE, ids=[model.__name__ for model in MADE])
@pytest.mark.parametrize("id", [uuid4(), UUID(int=0), UUID(int=2**128 - 1)], ids=["version 4", "nil", "max"])
def test_the_database_takes_no_id_of_another_kind(model: type[models.Model], id: UUID) -> None:
    row = MADE[model]()

    with pytest.raises(IntegrityError, match="id_made_here"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{model._meta.db_table}" SET id = %s WHERE id = %s', [id, row.pk])


@pytest.mark.parametrize("model", MADE, ids=[model.__name__ for model in MADE])
def test_our_own_ids_are_of_version_7(model: type[models.Model]) -> None:
    assert UUID(str(MADE[model]().pk)).version == 7
