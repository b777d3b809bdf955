"""The time zone of schedules, and times in the formats of Azure's host."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo

from hosting._text import closest
from hosting.app_settings import AppSettings
from hosting.errors import SettingsError

SETTING = "WEBSITE_TIME_ZONE"


def read_zone(settings: AppSettings) -> tzinfo:
    """Return the time zone of the setting ``WEBSITE_TIME_ZONE``, or the machine's time zone if it is not set.

    Raises:
        SettingsError: there is no time zone of that name.
    """
    name = (settings.get(SETTING) or "").strip()
    if not name:
        return MachineZone()
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(f"{SETTING} is {name!r}, which is not a time zone.", remedy=_remedy(name)) from error


class MachineZone(tzinfo):
    """The time zone of the operating system, which computes the offset of each time."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Return the offset from UTC."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Return None: the operating system does not tell it."""
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """Return the operating system's name for the time zone at a time."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """Return the local time of a time in UTC."""
        expected = moment.replace(tzinfo=UTC).astimezone()
        local = expected.replace(tzinfo=self)
        # For an hour that occurs twice, the operating system does not set fold.
        return local if local.utcoffset() == expected.utcoffset() else local.replace(fold=1)

    def __str__(self) -> str:
        return f"the machine's ({datetime.now(self).tzname()})"


def format_precise(moment: datetime, zone: tzinfo) -> str:
    """Return a time in .NET's round-trip format: ``2024-05-01T06:00:00.1234560+02:00``."""
    text = moment.astimezone(zone).isoformat(timespec="microseconds")
    return f"{text[:26]}0{text[26:]}"


def format_for_log(moment: datetime, zone: tzinfo) -> str:
    """Return a time for the log: ``05/01/2024 06:00:00+02:00 (05/01/2024 04:00:00Z)``; in UTC only the second part."""
    local = moment.astimezone(zone)
    plain = f"{moment.astimezone(UTC):%m/%d/%Y %H:%M:%S}Z"
    return plain if local.tzname() == "UTC" else f"{local:%m/%d/%Y %H:%M:%S}{local.isoformat()[-6:]} ({plain})"


def _remedy(name: str) -> str:
    known = zoneinfo.available_timezones()
    if not known:
        return "This machine has no time zone database: pip install tzdata"
    similar = closest(name.replace(" ", "_"), known, cutoff=0.8)
    question = f"; did you mean {similar}?" if similar else "."
    return f"Use a name of the IANA database, such as Europe/Paris or America/New_York{question}"
