"""The words of an edition, composed from what is public, in Dutch and English, in plain language (B1).

Each sentence rests on fields of its own, so taking a field away only ever takes words away. No text says
"abductor" or a family relation; the word TEST or EXERCISE comes first where it is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.case import HEADLINE_MAX
from alerts.edition import ChildFacts, Fact, LanguageText
from alerts.fitting import cut
from alerts.programme import Programme
from alerts.public import PublicCase, PublicChild, PublicVehicle
from alerts.vocabulary import LANGUAGES, CancelReason, Kind

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOBODY = "TEST: bel niet / do not call"
"""In the place of a number to call, which is the same in every language."""

_WORDS: dict[str, dict[str, str]] = {
    "nl": {
        "exercise": "OEFENING",
        "public_test": "TEST",
        "missing": "Vermist",
        "child": "Kind",
        "year": "jaar",
        "to": "tot",
        "unknown_name": "een kind",
        "girl": "meisje",
        "boy": "jongen",
        "other": "kind",
        "hair": "Haar",
        "eyes": "Ogen",
        "height_cm": "Lengte",
        "build": "Postuur",
        "marks": "Bijzonder",
        "clothing": "Kleding",
        "speaks": "Spreekt",
        "approach": "Benaderen",
        "age": "Leeftijd",
        "gender": "Geslacht",
        "description": "Signalement",
        "seen": "Laatst gezien",
        "place": "Waar",
        "direction": "Richting",
        "travel": "Vervoer",
        "foot": "te voet",
        "bike": "fiets",
        "car": "auto",
        "train": "trein",
        "vehicle": "Voertuig",
        "perhaps": "mogelijk",
        "suspect": "Mogelijk samen met",
        "warning": "Benader deze persoon niet. Bel 112.",
        "end": "Dit alert is beëindigd. Dank voor uw hulp. Verwijder wat u hebt gedeeld.",
        "dark": "Dit alert wordt nu niet getoond. Verwijder wat u hebt gedeeld.",
        "test_headline": "TEST: dit is een test van het alertsysteem",
        "test_body": "TEST. Er wordt geen kind vermist. U hoeft niets te doen.",
        "and": "en",
    },
    "en": {
        "exercise": "EXERCISE",
        "public_test": "TEST",
        "missing": "Missing",
        "child": "Child",
        "year": "years old",
        "to": "to",
        "unknown_name": "a child",
        "girl": "girl",
        "boy": "boy",
        "other": "child",
        "hair": "Hair",
        "eyes": "Eyes",
        "height_cm": "Height",
        "build": "Build",
        "marks": "Distinctive",
        "clothing": "Clothing",
        "speaks": "Speaks",
        "approach": "How to approach",
        "age": "Age",
        "gender": "Gender",
        "description": "Description",
        "seen": "Last seen",
        "place": "Where",
        "direction": "Direction",
        "travel": "Travelling by",
        "foot": "foot",
        "bike": "bicycle",
        "car": "car",
        "train": "train",
        "vehicle": "Vehicle",
        "perhaps": "perhaps",
        "suspect": "Possibly together with",
        "warning": "Do not approach this person. Call 112.",
        "end": "This alert has ended. Thank you for your help. Please delete what you shared.",
        "dark": "This alert is not shown at the moment. Please delete what you shared.",
        "test_headline": "TEST: this is a test of the alert system",
        "test_body": "TEST. No child is missing. You need not do anything.",
        "and": "and",
    },
}

_CANCELLED: dict[CancelReason, dict[str, str]] = {
    CancelReason.ERROR: {
        "nl": "Dit alert is door een fout verstuurd en geldt niet. Verwijder wat u hebt gedeeld.",
        "en": "This alert was sent in error and does not apply. Please delete what you shared.",
    },
    CancelReason.HOAX: {
        "nl": "Dit alert berustte op een valse melding en geldt niet meer. Verwijder wat u hebt gedeeld.",
        "en": "This alert rested on a false report and no longer applies. Please delete what you shared.",
    },
    CancelReason.SUPERSEDED: {
        "nl": "Dit alert is vervangen door een ander bericht. Verwijder wat u hebt gedeeld.",
        "en": "This alert was replaced by another message. Please delete what you shared.",
    },
    CancelReason.STILL_MISSING: {
        "nl": "Dit alert is beëindigd; de politie zoekt verder. Dank voor uw hulp. Verwijder wat u hebt gedeeld.",
        "en": "This alert has ended; the police keep searching. Thank you. Please delete what you shared.",
    },
}
"""`consent_withdrawn` has the plain end text: why it was withdrawn is nobody's business."""


def end_text(language: str, why: CancelReason | None) -> str:
    """The neutral last sentence of an alert in a language."""
    return _CANCELLED.get(why, {}).get(language) or _WORDS[language]["end"] if why else _WORDS[language]["end"]


def dark_text(language: str) -> str:
    """Of an alert that is held, or whose lease ran out: it may go on, so nobody says that it ended."""
    return _WORDS[language]["dark"]


def vehicles(text: LanguageText, language: str) -> tuple[str, ...]:
    """What a text says of vehicles, their plates included."""
    label = _WORDS[language]["vehicle"]
    return tuple(f"{fact.label}: {fact.value}" for fact in text.more if fact.label == label)


def compose(public: PublicCase, programme: Programme, kind: Kind) -> dict[str, LanguageText]:
    """All words in every language."""
    return {language: _compose(public, programme, kind, language) for language in LANGUAGES}


def tip_line(public: PublicCase, programme: Programme, kind: Kind) -> str:
    """Whom to call, or where; in a public test nobody is to call, or the line is taken when somebody must."""
    return NOBODY if kind is Kind.PUBLIC_TEST else public.tip_line or programme.tip_line


def local_time(moment: datetime, language: str) -> str:
    """A moment as people in the Netherlands say it, always with its date."""
    local = moment.astimezone(AMSTERDAM)
    months = _MONTHS[language]
    return f"{local.day} {months[local.month - 1]} {local.year}, {local:%H:%M}"


def _compose(public: PublicCase, programme: Programme, kind: Kind, language: str) -> LanguageText:
    words = _WORDS[language]
    event = programme.names.get(language, programme.id)
    prefix = "" if kind is Kind.ACTUAL else f"{words[kind.value]}: "
    if kind is Kind.PUBLIC_TEST:
        return LanguageText(
            event=prefix + event,
            headline=words["test_headline"],
            subject=f"{words['test_headline']} ({event})",
            body=words["test_body"],
            ask=words["test_body"],
            end=words["end"],
        )
    ask = programme.ask.get(language, "")
    headline = public.headline.get(language) or _headline(public, words)
    return LanguageText(
        event=prefix + event,
        headline=prefix + headline,
        subject=f"{prefix}{event}: {headline}",
        body=prefix + (public.body.get(language) or _body(public, words, language)),
        children=tuple(_child_facts(child, words) for child in public.children),
        more=tuple(_more(public, words, language)),
        ask=ask,
        warning=words["warning"] if public.suspect else None,
        end=words["end"],
    )


def _headline(public: PublicCase, words: dict[str, str]) -> str:
    names = [_called(child, words) for child in public.children] or [words["unknown_name"]]
    joined = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {words['and']} {names[-1]}"
    full = f"{words['missing']}: {joined}" + (f", {public.place}" if public.place else "")
    return cut(full, HEADLINE_MAX)


def _called(child: PublicChild, words: dict[str, str]) -> str:
    name = child.name or child.description or words["unknown_name"]
    return f"{name} ({_age(child)})" if _age(child) else name


def _age(child: PublicChild) -> str:
    if child.age is not None:
        return str(child.age)
    return f"{child.age_range[0]}-{child.age_range[1]}" if child.age_range else ""


def _body(public: PublicCase, words: dict[str, str], language: str) -> str:
    sentences: list[str] = []
    if public.situation:
        sentences.append(public.situation)
    if public.seen_until:
        where = f", {public.place}" if public.place else ""
        sentences.append(f"{words['seen']}: {_seen(public, words, language)}{where}.")
    if public.suspect:
        sentences.append(words["warning"])
    return " ".join(sentences) or words["missing"] + "."


def _seen(public: PublicCase, words: dict[str, str], language: str) -> str:
    assert public.seen_from
    assert public.seen_until
    if public.seen_from == public.seen_until:
        return local_time(public.seen_until, language)
    return f"{local_time(public.seen_from, language)} {words['to']} {local_time(public.seen_until, language)}"


def _child_facts(child: PublicChild, words: dict[str, str]) -> ChildFacts:
    facts: list[Fact] = []

    def add(name: str, value: str | None) -> None:
        if value:
            facts.append(Fact(label=words[name], value=value))

    age = _age(child)
    add("age", f"{age} {words['year']}" if age else None)
    add("gender", words.get(child.gender or "") if child.gender != "unknown" else None)
    if child.name:
        add("description", child.description)
    add("height_cm", f"{child.height_cm} cm" if child.height_cm else None)
    for name in ("build", "hair", "eyes", "clothing", "marks"):
        add(name, getattr(child, name))
    add("speaks", ", ".join(child.speaks))
    add("approach", child.approach)
    return ChildFacts(title=child.name or child.description or words["child"], facts=tuple(facts))


def _more(public: PublicCase, words: dict[str, str], language: str) -> Iterable[Fact]:
    if public.seen_until:
        yield Fact(label=words["seen"], value=_seen(public, words, language))
    if public.place:
        yield Fact(label=words["place"], value=public.place)
    if public.direction:
        yield Fact(label=words["direction"], value=public.direction)
    if public.travel_mode and public.travel_mode != "unknown":
        yield Fact(label=words["travel"], value=words[public.travel_mode])
    for vehicle in public.vehicles:
        yield Fact(label=words["vehicle"], value=_vehicle(vehicle, words))
    if public.suspect:
        yield Fact(label=words["suspect"], value=f"{public.suspect} {words['warning']}")


def _vehicle(vehicle: PublicVehicle, words: dict[str, str]) -> str:
    parts = [part for part in (vehicle.colour, vehicle.make, vehicle.plate) if part]
    if vehicle.country:
        parts.append(f"({vehicle.country})")
    return ("" if vehicle.certain else f"{words['perhaps']} ") + " ".join(parts)


_MONTHS: dict[str, tuple[str, ...]] = {
    "nl": (
        *("januari", "februari", "maart", "april", "mei", "juni"),
        *("juli", "augustus", "september", "oktober", "november", "december"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
