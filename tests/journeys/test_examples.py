"""The example with the most steps of AI, on real input with the real practice model, and the plug pulled in its middle.

All three run on the practice model each time that `up --check` does.
"""

from __future__ import annotations

import pytest

from connectors.providers import ensure_providers
from departments.seeding import seed_people
from tests.journeys.conftest import Stack, ended, wait_for
from workflows.models import Attempt, StepRun, StepStatus, StoredFile, Workflow
from workflows.services.examples import seed_examples, start_sample

# The model is slow where others work beside it; the waits below have limits of their own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1000)]


def test_an_example_whose_worker_is_killed_ends_right_and_does_nothing_twice(stack: Stack) -> None:
    seed_people()
    ensure_providers()
    seed_examples()
    run = start_sample(Workflow.objects.select_related("department", "live").get(template="campaign-copy"))
    stack.start("scheduler")
    worker = stack.start("worker")
    steps = StepRun.objects.filter(department=run.department)
    wait_for(
        lambda: steps.filter(kind__startswith="ai.", status=StepStatus.SUCCEEDED).count() >= 2, 300, "two AI steps"
    )
    wait_for(lambda: steps.filter(kind__startswith="ai.", status=StepStatus.RUNNING).exists(), 120, "a third one")

    worker.kill()
    stack.start("worker")
    wait_for(lambda: ended(run), 500, "the end of the run")

    assert (run.status, run.error) == ("succeeded", None)
    assert not steps.exclude(status__in=[StepStatus.SUCCEEDED, StepStatus.SKIPPED]).exists()
    assert not [step for step in steps if Attempt.objects.filter(step=step, error=None).count() > 1]
    assert StoredFile.objects.filter(run=run).count() == steps.filter(kind="document.write").count()
