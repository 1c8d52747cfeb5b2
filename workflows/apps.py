from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from departments.erasing import ELSEWHERE
        from workflows.services.erasing import OfRuns

        ELSEWHERE.append(OfRuns())
