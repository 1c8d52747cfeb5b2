"""At certain times: every day, on weekdays, once a month, or as a cron line says."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from connectors.sdk import Field, Model, hint
from connectors.sdk.triggers import Clock, Event

DAYS = {
    "MON": "Monday",
    "TUE": "Tuesday",
    "WED": "Wednesday",
    "THU": "Thursday",
    "FRI": "Friday",
    "SAT": "Saturday",
    "SUN": "Sunday",
}
SHORTEST = timedelta(minutes=1)


class Schedule(Clock):
    """Starts at certain times."""

    kind = "time.schedule"
    title = "At certain times"
    about = "Every day, on weekdays, once a week or a month, or as a cron line says."
    reads_as = "At certain times"
    icon = "calendar-time"

    class Settings(Model):
        how: Literal["hourly", "daily", "weekdays", "weekly", "monthly", "cron"] = Field(
            default="weekdays",
            title="How often",
            description="A cron line can say what the others cannot.",
            json_schema_extra=hint(
                "choice",
                labels={
                    "hourly": "Every hour",
                    "daily": "Every day",
                    "weekdays": "Monday to Friday",
                    "weekly": "Once a week",
                    "monthly": "Once a month",
                    "cron": "As a cron line says",
                },
            ),
        )
        at: str = Field(
            default="08:00",
            pattern=r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$",
            title="At",
            description="A time that the clock leaves out in spring is made up for right after; one that it shows "
            "twice in autumn counts once.",
            json_schema_extra=hint("text", example="08:00", when={"how": ["daily", "weekdays", "weekly", "monthly"]}),
        )
        day: Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"] = Field(
            default="MON", title="On", json_schema_extra=hint("choice", labels=DAYS, when={"how": ["weekly"]})
        )
        day_of_month: int = Field(
            default=1,
            ge=1,
            le=31,
            title="On day",
            description="31 stands for the last day of the month, however long it is.",
            json_schema_extra=hint("number", example="1", when={"how": ["monthly"]}),
        )
        cron: str = Field(
            default="",
            max_length=200,
            title="Cron line",
            description="Minute, hour, day of the month, month, day of the week.",
            json_schema_extra=hint("text", example="*/15 8-17 * * 1-5", when={"how": ["cron"]}),
        )
        zone: str = Field(
            default="",
            max_length=60,
            title="Time zone",
            description="Empty for that of the department.",
            json_schema_extra=hint("text", example="Europe/Berlin", advanced=True),
        )
        missed: Literal["skip", "once", "all"] = Field(
            default="once",
            title="What was missed",
            description="While the server stood still, or the trigger was off because nothing was published.",
            json_schema_extra=hint(
                "choice",
                labels={"skip": "Leave it out", "once": "Make up for it once", "all": "Make up for each time"},
                advanced=True,
            ),
        )

    class Gives(Model):
        time: str = Field(title="Time", description="For which it starts, with the offset of the time zone.")
        date: str = Field(title="Date", description="Of that time, in the time zone.")

    @classmethod
    def check(cls, settings: Settings) -> dict[str, str]:
        problems = {}
        if settings.zone and settings.zone not in available_timezones():
            problems["zone"] = "There is no such time zone. Write it as Europe/Berlin."
        if settings.how == "cron" and (why := _cron_problem(settings.cron)):
            problems["cron"] = why
        return problems

    @classmethod
    def said(cls, settings: Settings) -> str:
        zone = f" ({settings.zone})" if settings.zone else ""
        if settings.how == "monthly" and settings.day_of_month == 31:
            return f"At {settings.at} on the last day of every month{zone}"
        return f"{CronSim(line_of(settings), datetime(2026, 1, 1)).explain()}{zone}"

    def next_after(self, settings: Settings, moment: datetime) -> datetime | None:
        local = moment.astimezone(ZoneInfo(settings.zone))
        return next(iter(CronSim(line_of(settings), local)), None)

    def event(self, settings: Settings, at: datetime) -> Event:
        local = at.astimezone(ZoneInfo(settings.zone))
        data = {"time": local.isoformat(timespec="seconds"), "date": local.date().isoformat()}
        return Event(at.isoformat(timespec="seconds"), data, f"{local:%d %B %Y, %H:%M}")


def line_of(settings: Schedule.Settings) -> str:
    """As a cron line, which `cronsim` reads; its rule for summer time is Debian's."""
    hour, _, minute = settings.at.partition(":")
    match settings.how:
        case "hourly":
            return "0 * * * *"
        case "daily":
            return f"{int(minute)} {int(hour)} * * *"
        case "weekdays":
            return f"{int(minute)} {int(hour)} * * 1-5"
        case "weekly":
            return f"{int(minute)} {int(hour)} * * {settings.day}"
        case "monthly":
            day = "L" if settings.day_of_month == 31 else settings.day_of_month
            return f"{int(minute)} {int(hour)} {day} * *"
    return settings.cron


def _cron_problem(line: str) -> str:
    if len(line.split()) != 5:
        return "It has five parts: minute, hour, day of the month, month, day of the week."
    try:
        times = list(islice(CronSim(line, datetime(2026, 1, 1)), 2))
    except CronSimError as error:
        return f"This cannot be read: {error}."
    return "" if times else "This never comes about."
