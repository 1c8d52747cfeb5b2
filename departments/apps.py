from django.apps import AppConfig


class DepartmentsConfig(AppConfig):
    name = "departments"
    verbose_name = "Departments and people"

    def ready(self) -> None:
        from departments import signals  # noqa: F401  connects the receivers
