"""Panels of the page that shows a host: what a package with triggers shows there, and what it lets operators do.

A panel returns data, never markup: the page draws it with its own script. So a panel works under the page's content
security policy, with the keyboard and with screen readers, and no text in it can become code. The host removes secrets
from the texts and bounds their lengths.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

State: TypeAlias = Literal["", "good", "bad", "waiting"]
"""How something stands; the page also shows it as a colour."""


@dataclass(frozen=True, slots=True)
class Link:
    """A text that opens another view of the same panel.

    Args:
        text: the text.
        query: the argument of ``Panel.show`` for that view.
    """

    text: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Status:
    """A short text that says how something stands.

    Args:
        text: the text.
        state: how it stands.
    """

    text: str
    state: State = ""


Cell: TypeAlias = str | int | float | bool | datetime | Link | Status | None
"""A value that a table or a list of facts shows; a time has a time zone, and None is shown as nothing."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Args:
        title: its title.
        columns: the heads of its columns.
        rows: its rows, each with a value for each column; the page shows 500 at most.
        empty: what is shown in place of a table without rows.
        more: opens the next page of rows; None if there is none.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str = "None."
    more: Link | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values.

    Args:
        title: the title.
        facts: the values by name.
    """

    title: str
    facts: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Text:
    """A longer text, such as JSON, in its own lines.

    Args:
        title: its title.
        text: the text; the page shows 100,000 characters at most.
        state: how what it says stands.
    """

    title: str
    text: str
    state: State = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took time.

    Args:
        label: what it was.
        kind: which kind of thing, such as ``activity``.
        start: when it began, with a time zone.
        end: when it ended; None if it has not. The same as ``start`` for what took no time.
        status: how it stands.
        detail: more about it, for the table beside the picture.
    """

    label: str
    kind: str
    start: datetime
    end: datetime | None
    status: Status = field(default_factory=lambda: Status(""))
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars over time, as a picture and as a table.

    Args:
        title: the title.
        bars: the bars, in the order in which they are shown; the page shows 500 at most.
    """

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    Args:
        name: its name in the values of the form.
        label: its label.
        kind: ``checkbox`` gives ``true`` or ``false``; ``choice`` one of ``choices``; the others a text.
        value: what it has at first.
        choices: the values to choose from.
        is_required: whether it must have a value.
        hint: what it is for.
    """

    name: str
    label: str
    kind: Literal["text", "multiline", "number", "checkbox", "choice"] = "text"
    value: str = ""
    choices: Sequence[str] = ()
    is_required: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A form: one that does something, or one that chooses what is shown.

    Args:
        title: its title; empty for one that is a button only.
        button: the text of its button.
        fields: its fields.
        action: the argument of ``Panel.act``; empty for a form whose values become the argument of ``Panel.show``.
        values: further values, which the page sends as they are.
        confirm: a question that must be answered with yes first; empty for none.
        keeps_values: whether the form stays as it is filled in, to be sent again.
    """

    title: str
    button: str
    fields: Sequence[Field] = ()
    action: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    confirm: str = ""
    keeps_values: bool = False


Part: TypeAlias = Table | Facts | Text | Timeline | Form
"""A part of a panel."""


class Panel(ABC):
    """A panel. ``Provider.panels`` returns it.

    Attributes:
        name: its name in addresses: lower-case letters, digits and hyphens.
        title: its title.
    """

    name: str
    title: str

    @abstractmethod
    async def show(self, query: Mapping[str, str]) -> Sequence[Part]:
        """Return what the panel shows; async. The page asks every few seconds while it is looked at.

        The limit is 10 seconds. Under ``--workers``, any of the processes is asked.

        Args:
            query: which view: empty for the first one, else that of a ``Link`` or the values of a ``Form``.

        Raises:
            HostingError: the view cannot be shown; the page shows the message. So it does for a ValueError.
        """

    async def act(self, action: str, values: Mapping[str, str]) -> Sequence[Part]:
        """Do what a form is for, and return what the page shows about it; async. Only operators of the host can ask.

        Args:
            action: the form's.
            values: those of its fields, and its further ones. They come from a request: check them.

        Raises:
            HostingError: it cannot be done; the page shows the message. So it does for a ValueError.
        """
        raise ValueError(f"This panel cannot do {action!r}.")
