"""The report of an alert in the words of one language: tables that the page and the PDF lay out alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from babel.numbers import format_decimal

from starter.web.i18n import N_, Translate, translator
from starter.web.rules_say import said
from starter.web.times import lasts, local_words, moment
from starter.web.views import channel_label
from starter.web.words import ACTIONS, CANCEL_REASONS, KINDS, OUTCOMES, STAGES, STATES

NOTHING = "\u2013"
PURPOSES = {"show": N_("alert"), "end": N_("taking back"), "ended": N_("end"), "outcome": N_("outcome message")}
LOOKS = {
    "verifying": "#b8c4d0",
    "needs_information": "#d9b44a",
    "ineligible": "#b3261e",
    "awaiting_approval": "#d9b44a",
    "returned": "#c98a3b",
    "live": "#0b5c3b",
    "held": "#b3261e",
    "closing": "#5b7896",
    "closed": "#5b7896",
}
WIDE, LEAST = 720, 22
"""Of the picture of the clock, and of the shortest stage in it, in its own units."""


@dataclass(frozen=True)
class Table:
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    nothing: str
    """What stands there when there is no row."""


class Bar(NamedTuple):
    """One stage in the picture of the clock."""

    n: int
    x: float
    width: float
    colour: str


@dataclass(frozen=True)
class ReportPage:
    title: str
    language: str
    facts: tuple[tuple[str, str], ...]
    note: str
    """What of the alert can no longer be read."""
    tables: tuple[Table, ...]
    bars: tuple[Bar, ...]
    """The picture of the stage clock; the first table says the same in words."""
    about: str
    """What the picture is, for who cannot see it."""


def report_page(report: Mapping[str, Any], language: str, now: datetime) -> ReportPage:
    return _Writer(report, language, now).page()


class _Writer:
    def __init__(self, report: Mapping[str, Any], language: str, now: datetime) -> None:
        self._report = report
        self._language = language
        self._now = now
        self._: Translate = translator(language)

    def page(self) -> ReportPage:
        _, report = self._, self._report
        title = _(N_("Report of alert {id}")).format(id=report["alert_id"])
        note = (
            _(N_("Texts, photos and addresses of this alert can be read until it closes."))
            if report["readable"]
            else _(N_("Texts, photos and addresses of this alert were destroyed: nobody can read them any more."))
        )
        tables = (self._clock(), self._timeline(), self._editions(), self._channels(), self._waves())
        more = (self._removals(), self._networks(), self._posts())
        kept = tuple(table for table in more if table.rows)
        about = _(N_("Stage clock; the table below says the same in words."))
        bars = tuple(self._bars())
        return ReportPage(title, self._language, tuple(self._facts()), note, (*tables, *kept), bars, about)

    def _facts(self) -> Iterator[tuple[str, str]]:
        _, report = self._, self._report
        yield _(N_("Kind")), _(KINDS[report["kind"]])
        yield _(N_("Programme")), report["programme"] or NOTHING
        ended = _(OUTCOMES.get(report["outcome"] or "", NOTHING))
        why = report["why"]
        yield _(N_("How it ended")), f"{ended}: {_(CANCEL_REASONS[why])}" if why in CANCEL_REASONS else ended
        for label, at in (
            (N_("Started"), report["started_at"]),
            (N_("First shown"), report["shown_at"]),
            (N_("Closed"), report["closed_at"]),
        ):
            yield _(label), self._time(at)
        reached = sum(one["reached"] for one in report["channels"] if one["recipients"])
        yield _(N_("Reached, all channels together")), self._number(reached)

    def _clock(self) -> Table:
        rows = tuple(
            (
                str(n),
                self._(STAGES[stage]),
                self._time(begun.isoformat()),
                NOTHING if stage == "closed" else lasts((until - begun).total_seconds()),
            )
            for n, (stage, begun, until) in enumerate(self._stages(), 1)
        )
        head = (N_("No."), N_("Stage"), N_("Began"), N_("Lasted"))
        return self._table(N_("Stage clock"), head, rows, N_("Nothing yet."))

    def _stages(self) -> list[tuple[str, datetime, datetime]]:
        """Each stage with when it began and ended; `closed` is an end, and has no length."""
        entries = [(one["stage"], moment(one["at"])) for one in self._report["clock"]]
        ends = [at for _, at in entries[1:]] + [self._now]
        return [
            (stage, begun, begun if stage == "closed" else until)
            for (stage, begun), until in zip(entries, ends, strict=True)
        ]

    def _timeline(self) -> Table:
        _, report = self._, self._report
        found: list[tuple[str, str, str]] = []
        for one in report["rulings"]:
            what = _(ACTIONS[one["action"]]) + (f": {one['said']}" if one["said"] else "")
            if not one["accepted"]:
                what += f" \u2013 {_(N_('refused'))}: {said(self._language, one['reason']).striptags()}"
            found.append((one["at"], one["actor"], what))
        for one in report["refreshes"]:
            done = _(N_("Refresh {n}")).format(n=one["n"])
            if one["at"] or one.get("missed"):
                missed = "" if one["at"] else f": {_(N_('missed'))}"
                found.append((one["at"] or one["due"], "Baken", done + missed))
        for one in report["escalations"]:
            called = _(N_("Nobody answered: called again ({n})")).format(n=one["n"])
            found.append((one["at"], "Baken", called))
        for one in report["clock"]:
            found.append((one["at"], "Baken", _(N_("Stage: {stage}")).format(stage=_(STAGES[one["stage"]]))))
        rows = tuple((self._time(at), who, what) for at, who, what in sorted(found, key=lambda row: moment(row[0])))
        head = (N_("When"), N_("Who"), N_("What"))
        return self._table(N_("What happened, in order"), head, rows, N_("Nothing yet."))

    def _editions(self) -> Table:
        rows = tuple(
            (str(one["number"]), one["digest"], self._(N_("the last that was shown")) if one["shown"] else NOTHING)
            for one in self._report["editions"]
        )
        head = (N_("Edition"), N_("Digest"), N_("Note"))
        return self._table(N_("Editions that were prepared"), head, rows, N_("No edition was prepared."))

    def _channels(self) -> Table:
        rows = tuple(
            (
                channel_label(one["channel"], self._language),
                self._(STATES[one["state"]]),
                self._time(one["first_dispatch"]),
                self._time(one["last_dispatch"]),
                f"{self._number(one['reached'])} / {self._number(one['recipients'])}"
                if one["recipients"]
                else NOTHING,
                self._number(one["failed"]),
                self._number(one["in_doubt"]),
                self._number(one["seen"]),
                self._time(one["withdrawn_at"]),
            )
            for one in self._report["channels"]
        )
        dispatched = (N_("First sent"), N_("Last sent"))
        counted = (N_("Reached"), N_("Failed"), N_("In doubt"), N_("Confirmed"), N_("Gone"))
        head = (N_("Channel"), N_("State"), *dispatched, *counted)
        return self._table(N_("Reach of each channel"), head, rows, N_("No channel was used."))

    def _waves(self) -> Table:
        rows = tuple(
            (
                channel_label(one["channel"], self._language),
                self._what(one),
                self._number(one["messages"]),
                self._number(one["reached"]),
                self._number(one["failed"]),
                self._number(one["in_doubt"]),
                self._time(one["first_at"]),
                self._time(one["last_at"]),
            )
            for one in self._report["waves"]
        )
        counted = (N_("Messages"), N_("Reached"), N_("Failed"), N_("In doubt"))
        head = (N_("Channel"), N_("What"), *counted, N_("First sent"), N_("Last sent"))
        return self._table(
            N_("Each sending, and sending again"), head, rows, N_("Nothing was sent to recipients one by one.")
        )

    def _what(self, wave: Mapping[str, Any]) -> str:
        what = f"{self._(PURPOSES[wave['purpose']])}, {self._(N_('edition'))} {wave['edition']}"
        return f"{what}, {self._(N_('again'))} ({wave['announcement']})" if wave["announcement"] else what

    def _removals(self) -> Table:
        rows = tuple(
            (
                one["partner"],
                self._time(one["told"]),
                str(one["reminders"]),
                self._time(one["removed"]) if one["removed"] else self._(N_("not confirmed")),
            )
            for one in self._report["removals"]
        )
        head = (N_("Partner"), N_("Told"), N_("Reminders"), N_("Confirmed to be gone"))
        return self._table(N_("Partners that had it"), head, rows, "")

    def _networks(self) -> Table:
        yes, no = self._(N_("acknowledged")), self._(N_("not acknowledged"))
        rows = tuple((name, yes if told else no) for name, told in self._report["networks"].items())
        return self._table(N_("Networks of operators"), (N_("Network"), N_("Last message")), rows, "")

    def _posts(self) -> Table:
        rows = tuple(
            (
                one["account"],
                one["url"] or NOTHING,
                self._time(one["posted_at"]),
                self._time(one["gone_at"]),
                one["sha256"][:16],
            )
            for one in self._report["posts"]
        )
        head = (N_("Account"), N_("Address"), N_("Posted"), N_("Gone"), N_("Hash"))
        return self._table(N_("Posts"), head, rows, "")

    def _table(self, title: str, head: Sequence[str], rows: tuple[tuple[str, ...], ...], nothing: str) -> Table:
        return Table(self._(title), tuple(map(self._, head)), rows, self._(nothing) if nothing else "")

    def _time(self, at: str | None) -> str:
        return local_words(at, self._language, now=None, seconds=True) if at else NOTHING

    def _number(self, value: int) -> str:
        return format_decimal(value, locale=self._language)

    def _bars(self) -> Iterator[Bar]:
        """Each as long as its stage lasted, yet none too short to have its number."""
        stages = [one for one in self._stages() if one[0] != "closed"]
        whole = sum((until - begun).total_seconds() for _, begun, until in stages) or 1.0
        room, left = max(0, WIDE - LEAST * len(stages)), 0.0
        for n, (stage, begun, until) in enumerate(stages, 1):
            width = LEAST + room * (until - begun).total_seconds() / whole
            yield Bar(n, round(left, 1), round(width, 1), LOOKS[stage])
            left += width


def as_pdf_data(page: ReportPage, at: datetime) -> dict[str, Any]:
    """What `report.typ` reads."""
    _ = translator(page.language)
    made = _(N_("Made by Baken at {at}.")).format(at=local_words(at, page.language, now=None))
    return {
        "lang": page.language,
        "title": page.title,
        "facts": page.facts,
        "note": page.note,
        "made": made,
        "about": page.about,
        "tables": [
            {"title": one.title, "head": one.head, "rows": one.rows, "nothing": one.nothing} for one in page.tables
        ],
    }
