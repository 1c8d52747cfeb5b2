"""What every step that asks people has in common: the question, the facts, whom, and until when.

A kind makes its `Params` of these, the last named first in the form: `class Params(Time, People, Facts, Question)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from connectors.sdk.actions import Model, hint
from connectors.sdk.outcomes import Deadline, Whom

ROLES = {"operator": "Operators", "builder": "Builders", "approver": "Approvers", "manager": "Managers"}
AskedRole = Literal["operator", "builder", "approver", "manager"]
LONGEST_DRAFT = 100_000
LONGEST_WAIT_H = 2_160


class Question(Model):
    question: str = Field(
        min_length=1,
        max_length=500,
        title="Question",
        description="What the person is asked, in one sentence.",
        json_schema_extra=hint("text", example="May this statement be published?"),
    )


class Facts(Model):
    show: dict[str, Any] = Field(
        default_factory=dict,
        title="Facts to show",
        description="Label and value, shown beside the question.",
        json_schema_extra=hint("key_value", example="Deadline: {{ steps.facts.deadline }}"),
    )


class Named(Model):
    person: str = Field(min_length=1, max_length=254, title="Person", json_schema_extra=hint("choice", source="people"))


class Stage(Model):
    """Who is asked once the people before them have agreed."""

    role: AskedRole = Field(default="approver", title="Who decides", json_schema_extra=hint("choice", labels=ROLES))
    person: str = Field(
        default="",
        max_length=254,
        title="Or one person",
        json_schema_extra=hint("choice", source="people", nothing="Nobody in particular"),
    )
    group: str = Field(
        default="",
        max_length=60,
        title="Or a group",
        json_schema_extra=hint("choice", source="groups", nothing="No group"),
    )
    needs: int = Field(default=1, ge=1, le=50, title="How many must agree", json_schema_extra=hint("number"))

    def asks(self) -> Whom:
        return Whom((self.person,) if self.person else (), self.group, self.role, self.needs)


class People(Model):
    """Whom it asks: the people named, else the group, else the role; stage after stage."""

    role: AskedRole = Field(
        default="approver",
        title="Who decides",
        description="Anybody in the department with this role may take the task.",
        json_schema_extra=hint("choice", labels=ROLES),
    )
    person: str = Field(
        default="",
        max_length=254,
        title="Or one person",
        description="Then nobody else is asked. An e-mail address that an earlier step found may stand here too.",
        json_schema_extra=hint("choice", source="people", nothing="Nobody in particular"),
    )
    people: list[Named] = Field(
        default_factory=list,
        max_length=20,
        title="And these people",
        description="Then only those named are asked.",
        json_schema_extra=hint("rows", example="Ada Ekman, Bo Falk", advanced=True, one="Person", adds="Add a person"),
    )
    group: str = Field(
        default="",
        max_length=60,
        title="Or a group",
        description="Anybody in this group of the department.",
        json_schema_extra=hint("choice", source="groups", nothing="No group", advanced=True),
    )
    needs: int = Field(
        default=1,
        ge=0,
        le=50,
        title="How many must agree",
        description="With 1 the first answer counts; with 0 everyone who is named must agree. One refusal ends it.",
        json_schema_extra=hint("number", example="2", advanced=True),
    )
    then: list[Stage] = Field(
        default_factory=list,
        max_length=8,
        title="And after them",
        description="Asked one after another, each once those before have agreed.",
        json_schema_extra=hint(
            "rows",
            example="Managers, once the lawyers have agreed",
            advanced=True,
            one="Stage",
            adds="Add a stage",
        ),
    )
    not_the_starter: bool = Field(
        default=False,
        title="Not the person who started the run",
        description="Four eyes: somebody else has to look at it.",
    )
    not_the_author: bool = Field(
        default=False,
        title="Not whoever wrote this version of the workflow",
        description="Nobody approves by a workflow what they themselves have built into it.",
        json_schema_extra=hint("switch", advanced=True),
    )

    def asks(self) -> tuple[Whom, ...]:
        named = [self.person, *(one.person for one in self.people)]
        first = Whom(tuple(name for name in named if name), self.group, self.role, self.needs)
        return (first, *(stage.asks() for stage in self.then))


class Escalation(Model):
    """Who is asked as well when nobody has answered for so long."""

    after_hours: float = Field(gt=0, le=LONGEST_WAIT_H, title="After hours", json_schema_extra=hint("number"))
    role: AskedRole = Field(default="manager", title="Who is asked", json_schema_extra=hint("choice", labels=ROLES))
    person: str = Field(
        default="",
        max_length=254,
        title="Or one person",
        json_schema_extra=hint("choice", source="people", nothing="Nobody in particular"),
    )

    def asks(self) -> Whom:
        return Whom((self.person,) if self.person else (), role=self.role)


class HandedOn(Stage):
    """Who is asked when the time is over."""

    role: AskedRole = Field(default="manager", title="Who decides", json_schema_extra=hint("choice", labels=ROLES))


class Time(Model):
    """Until when, and what happens as the time goes by."""

    due_hours: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_WAIT_H,
        title="Hours to decide",
        description="When they are over, the task counts as overdue. Leave it empty for no deadline.",
        json_schema_extra=hint("number", example="24"),
    )
    working_hours: bool = Field(
        default=False,
        title="Count working hours only",
        description="As the department has set them: nights, weekends and holidays do not count.",
        json_schema_extra=hint("switch", advanced=True),
    )
    remind_hours: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_WAIT_H,
        title="Remind so many hours before",
        description="Whoever is asked hears of it once more.",
        json_schema_extra=hint("number", example="4", advanced=True),
    )
    escalate: list[Escalation] = Field(
        default_factory=list,
        max_length=5,
        title="Ask others as well",
        description="When nobody has answered for so many hours. Those asked before may still answer.",
        json_schema_extra=hint(
            "rows", example="Managers, after 8 hours", advanced=True, one="Others", adds="Add others to ask"
        ),
    )
    at_end: Literal["wait", "fail", "answer", "hand_on"] = Field(
        default="wait",
        title="When the time is over",
        description="Only with hours to decide.",
        json_schema_extra=hint(
            "choice",
            labels={
                "wait": "Go on waiting, marked as overdue",
                "fail": "The step fails",
                "answer": "Take the answer below",
                "hand_on": "Hand it on to others",
            },
            advanced=True,
        ),
    )
    hand_on: HandedOn | None = Field(
        default=None,
        title="Hand on to",
        description="They alone are asked from then on.",
        json_schema_extra=hint("group", example="Managers", advanced=True, when={"at_end": ["hand_on"]}),
    )

    def deadline(self, answer: Mapping[str, Any]) -> Deadline | None:
        """`answer` is what counts when nobody has answered, where the step says so."""
        if self.due_hours is None:
            return None
        return Deadline(
            hours=self.due_hours,
            working=self.working_hours,
            remind=self.remind_hours,
            escalate=tuple((one.after_hours, one.asks()) for one in self.escalate),
            at_end=self.at_end,
            answer=answer,
            hand_on=(self.hand_on or HandedOn()).asks(),
        )


def asking_problems(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong between the parameters of `People` and `Time`, as written: parameter → sentence."""
    return {**_voice_problems(given), **time_problems(given)}


def _voice_problems(given: Mapping[str, Any]) -> dict[str, str]:
    """More people have to agree than are named, in the first stage or in a later one."""
    named = [one.get("person") for one in _mappings(given.get("people"))]
    stages = {"needs": (given, [given.get("person"), *named])}
    for index, stage in enumerate(_mappings(given.get("then"))):
        stages[f"then.{index}.needs"] = (stage, [stage.get("person")])
    found = {}
    for place, (stage, people) in stages.items():
        count, needs = len({name for name in people if name}), stage.get("needs")
        if count and isinstance(needs, int) and needs > count:
            found[place] = f"{needs} have to agree, but only {count} {'is' if count == 1 else 'are'} named."
    return found


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def time_problems(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong between the parameters of `Time`, as written: parameter → sentence."""
    due, found = given.get("due_hours"), {}
    if due in (None, ""):
        for name, what in (("remind_hours", "a reminder"), ("escalate", "others to ask"), ("at_end", "an end")):
            if given.get(name) not in (None, "", [], "wait"):
                found[name] = f"There is {what} but no deadline. Say how many hours there are to decide."
        return found
    remind = given.get("remind_hours")
    if isinstance(due, int | float) and isinstance(remind, int | float) and remind >= due:
        found["remind_hours"] = f"That is before the question is asked: there are {due:g} hours to decide."
    return found


FIELD_NAME = r"^[a-z][a-z0-9_]{0,39}$"


class AskedField(Model):
    """One field of a form that a person fills in."""

    name: str = Field(pattern=FIELD_NAME, title="Name", json_schema_extra=hint("text"))
    title: str = Field(default="", max_length=120, title="Label", json_schema_extra=hint("text"))
    type: Literal["text", "long_text", "number", "date", "boolean", "choice", "list"] = Field(
        default="text",
        title="Type",
        json_schema_extra=hint(
            "choice",
            labels={
                "text": "Text",
                "long_text": "Long text",
                "number": "Number",
                "date": "Date",
                "boolean": "Yes or no",
                "choice": "One of several",
                "list": "Several texts",
            },
        ),
    )
    help: str = Field(default="", max_length=500, title="Help", json_schema_extra=hint("text"))
    required: bool = Field(default=True, title="Required")
    choices: list[str] = Field(
        default_factory=list, max_length=50, title="Choices", json_schema_extra=hint("list", when={"type": ["choice"]})
    )

    def shape(self) -> dict[str, Any]:
        """The field's part of a JSON Schema; null is what an optional field may stay."""
        shape = self._type()
        if not self.required and self.type not in ("boolean", "list"):
            shape = {"anyOf": [shape, {"type": "null"}], "default": None}
        return {**shape, "title": self.title or self.name.replace("_", " ").capitalize(), "description": self.help}

    def _type(self) -> dict[str, Any]:
        match self.type:
            case "choice":
                return {"type": "string", "enum": list(self.choices)}
            case "list":
                least = {"minItems": 1} if self.required else {}
                return {"type": "array", "items": {"type": "string", "maxLength": 1_000}, "maxItems": 200, **least}
            case "date":
                return {"type": "string", "format": "date"}
            case "long_text":
                return {"type": "string", "minLength": int(self.required), "maxLength": 20_000, **hint("long_text")}
            case "text":
                return {"type": "string", "minLength": int(self.required), "maxLength": 1_000}
            case other:
                return {"type": other}


def form_of(fields: Sequence[AskedField]) -> dict[str, Any]:
    """The JSON Schema of a form with these fields."""
    return {
        "type": "object",
        "properties": {field.name: field.shape() for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }
