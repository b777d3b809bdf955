"""The time zone that schedules are in, and moments as Azure's host writes them."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo

from hosting._text import closest
from hosting.apps.expansion import AppSettings
from hosting.errors import SettingsError

SETTING = "WEBSITE_TIME_ZONE"


def read_zone(settings: AppSettings) -> tzinfo:
    """The zone that the app's settings name, as in Azure; without one, the machine's.

    Raises:
        SettingsError: there is no zone of that name.
    """
    name = (settings.get(SETTING) or "").strip()
    if not name:
        return MachineZone()
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(f"{SETTING} is {name!r}, which is no time zone.", remedy=_remedy(name)) from error


class MachineZone(tzinfo):
    """The zone that the operating system is in, by its own rules for each moment."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        there = moment.replace(tzinfo=UTC).astimezone()
        here = there.replace(tzinfo=self)
        # In the hour that comes twice, the system's answer does not say which one it is.
        return here if here.utcoffset() == there.utcoffset() else here.replace(fold=1)

    def __str__(self) -> str:
        return f"the machine's ({datetime.now(self).tzname()})"


def format_precise(moment: datetime, zone: tzinfo) -> str:
    """A moment as .NET's round-trip format has it: ``2024-05-01T06:00:00.1234560+02:00``."""
    text = moment.astimezone(zone).isoformat(timespec="microseconds")
    return f"{text[:26]}0{text[26:]}"


def format_for_log(moment: datetime, zone: tzinfo) -> str:
    """A moment for people: ``05/01/2024 06:00:00+02:00 (05/01/2024 04:00:00Z)``, or the second part alone in UTC."""
    local = moment.astimezone(zone)
    plain = f"{moment.astimezone(UTC):%m/%d/%Y %H:%M:%S}Z"
    return plain if local.tzname() == "UTC" else f"{local:%m/%d/%Y %H:%M:%S}{local.isoformat()[-6:]} ({plain})"


def _remedy(name: str) -> str:
    known = zoneinfo.available_timezones()
    if not known:
        return "This machine has no database of time zones: pip install tzdata"
    close = closest(name.replace(" ", "_"), known, cutoff=0.8)
    meant = f"; did you mean {close}?" if close else "."
    return f"Write a name of the IANA database, such as Europe/Paris or America/New_York{meant}"
