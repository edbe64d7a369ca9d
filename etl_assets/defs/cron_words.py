"""Cron expressions in words, as far as people write them; others are shown as they stand."""

import re

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NAMES = {day[:3].lower(): day for day in _DAYS}
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}


def cron_in_words(cron: str) -> str:
    """When it ticks, such as `every day at 02:00`."""
    fields = _NICKNAMES.get(cron.strip().lower(), cron).split()
    words = _words(*fields) if len(fields) == 5 else None
    return words or f"as `{cron}` says"


def _words(minute: str, hour: str, day: str, month: str, weekday: str) -> str | None:
    if month != "*" or "*" not in (day, weekday):
        return None
    if (day, weekday) == ("*", "*") and (often := _often(minute, hour)):
        return often
    if not (minute.isdecimal() and re.fullmatch(r"\d+(,\d+)*", hour)):
        return None
    times = _listed([f"{int(one):02}:{int(minute):02}" for one in hour.split(",")])
    days = _days(day, weekday)
    return f"every {days} at {times}" if days else None


def _often(minute: str, hour: str) -> str | None:
    """What ticks more often than daily."""
    if hour == "*" and (step := _step(minute, 60)):
        return f"every {step} minutes" if step > 1 else "every minute"
    if not minute.isdecimal():
        return None
    past = f"at minute {int(minute)}"
    step = _step(hour, 24)
    if step is None:
        return None
    return f"every {step} hours {past}" if step > 1 else f"every hour {past}"


def _step(field: str, most: int) -> int | None:
    """How far apart the ticks of `*` or `*/5` are; None where they are not always as far."""
    found = re.fullmatch(r"\*(?:/(\d+))?", field)
    step = int(found[1] or 1) if found else 0
    return step if step and most % step == 0 else None


def _days(day: str, weekday: str) -> str | None:
    if (day, weekday) == ("*", "*"):
        return "day"
    if weekday == "*":
        numbers = day.split(",")
        if not all(number.isdecimal() for number in numbers):
            return None
        return f"month on day {_listed([str(int(number)) for number in numbers])}"
    if weekday.lower() in ("1-5", "mon-fri"):
        return "day from Monday to Friday"
    names = [_weekday(one) for one in weekday.split(",")]
    return _listed([name for name in names if name]) if all(names) else None


def _weekday(text: str) -> str | None:
    if text.isdecimal():
        return _DAYS[int(text)] if int(text) < len(_DAYS) else None
    return _NAMES.get(text.lower())


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
