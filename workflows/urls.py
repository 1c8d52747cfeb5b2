"""Routes of workflows, runs, tasks and files."""

from __future__ import annotations

from django.urls import path

from workflows.pages import (
    build_samples,
    build_tests,
    files,
    home,
    library,
    publishing,
    runs,
    saved_deeds,
    tasks,
    workflows,
)

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
    path("workflows/<uuid:pk>/build/step/<slug:step>/saved/", saved_deeds.step_saved, name="step_saved"),
    path("workflows/<uuid:pk>/build/step/<slug:step>/saved/keep/", saved_deeds.step_keep, name="step_keep"),
    path("workflows/<uuid:pk>/build/step/<slug:step>/saved/version/", saved_deeds.step_version, name="step_version"),
    path(
        "workflows/<uuid:pk>/build/step/<slug:step>/saved/difference/",
        saved_deeds.step_difference,
        name="step_difference",
    ),
    path("workflows/<uuid:pk>/build/step/<slug:step>/prompt/", saved_deeds.step_prompt, name="step_prompt"),
    path(
        "workflows/<uuid:pk>/build/step/<slug:step>/prompt/keep/",
        saved_deeds.step_prompt_keep,
        name="step_prompt_keep",
    ),
    path("library/", library.library, name="library"),
    path("library/prompts/new/", library.prompt_new, name="prompt_new"),
    path("library/<uuid:pk>/", library.saved, name="saved"),
    path("library/<uuid:pk>/versions/<int:number>/", library.saved_version, name="saved_version"),
    path("library/<uuid:pk>/describe/", library.describe, name="saved_describe"),
    path("library/<uuid:pk>/rewrite/", library.rewrite, name="saved_rewrite"),
    path("library/<uuid:pk>/update/", library.update, name="saved_update"),
    path("library/<uuid:pk>/archive/", library.archive, name="saved_archive"),
    path("library/<uuid:pk>/bring-back/", library.bring_back, name="saved_bring_back"),
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
