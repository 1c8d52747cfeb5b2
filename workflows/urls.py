"""Routes of workflows, runs, tasks and files."""

from __future__ import annotations

from django.urls import path

from workflows.pages import build_samples, build_tests, files, home, publishing, runs, tasks, workflows

urlpatterns = [
    path("", home.home, name="home"),
    path("workflows/", workflows.workflows, name="workflows"),
    path("workflows/<uuid:pk>/", workflows.workflow, name="workflow"),
    path("workflows/<uuid:pk>/build/test/", build_tests.test, name="build_test"),
    path("workflows/<uuid:pk>/build/test/<uuid:run>/", build_tests.test_run, name="build_test_run"),
    path("workflows/<uuid:pk>/build/test/<uuid:run>/stop/", build_tests.stop_test, name="build_test_stop"),
    path("workflows/<uuid:pk>/build/samples/<slug:step>/", build_samples.sample, name="build_sample"),
    path("workflows/<uuid:pk>/start/", workflows.start, name="start"),
    path("workflows/<uuid:pk>/publish/", publishing.publish, name="publish"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<uuid:pk>/", runs.run, name="run"),
    path("runs/<uuid:pk>/steps/", runs.run_steps, name="run_steps"),
    path("runs/<uuid:pk>/steps/<uuid:step>/", runs.run_step, name="run_step"),
    path("runs/<uuid:pk>/cancel/", runs.cancel, name="cancel"),
    path("runs/<uuid:pk>/retry/", runs.retry, name="retry"),
    path("runs/<uuid:pk>/resume/", runs.resume, name="resume"),
    path("tasks/", tasks.tasks, name="tasks"),
    path("tasks/<uuid:pk>/", tasks.task, name="task"),
    path("tasks/<uuid:pk>/difference/", tasks.task_difference, name="task_difference"),
    path("tasks/<uuid:pk>/decide/", tasks.decide, name="decide"),
    path("files/<uuid:pk>/", files.file, name="file"),
]
