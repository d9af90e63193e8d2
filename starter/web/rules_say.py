"""What the rules say, in Dutch where we can: they speak English, and every ruling keeps their words as they were."""

from __future__ import annotations

import re
from functools import cache

from markupsafe import Markup, escape

from starter.web.fields import label_of, option_labels
from starter.web.i18n import N_, Translate, dutch, translator

PLACE = re.compile(r"\b(?:last_seen|assessment|publicity)/\w+")
"""A place in a case, as the rules name it for those who write case files."""
CODED = {"basis": "publicity/basis", "accepted": "publicity/basis", "relation": "assessment/relation"}
"""Values in sentences that are codes of a field, or several by commas."""

RULES_SAY = (
    N_("every child is under 18"),
    N_("abducted by unknown person(s)"),
    N_("missing, with danger to life or fear of serious injury"),
    N_("there is serious worry about the child"),
    N_("there is enough for the public to help"),
    N_("asked as soon as possible"),
    N_("no sign that an alert would lead somebody to a sheltered child"),
    N_("how old is the child? Give an age, or an age range"),
    N_("who is missing? Give a name or a description"),
    N_("when was the child last seen? Give a time, or two times between which it was"),
    N_("neither abducted by an unknown person nor in danger of life or serious injury"),
    N_("abduction or danger is not known yet: answer assessment/abducted_by_unknown and assessment/life_in_danger"),
    N_("the assessment says that there is no serious worry"),
    N_("is there serious worry? Answer assessment/serious_worry with yes or no"),
    N_("where to look is not known: add last_seen/place, its coordinates, or an area"),
    N_("a person named as possible abductor cannot give leave (publicity/given_by)"),
    N_("a local alert needs a local area: name municipalities, a circle or a polygon"),
    N_("where should it be shown? Give an area, or last_seen/lat and last_seen/lon"),
    N_("the area is local"),
    N_("lies wholly outside the Netherlands; the area must touch the country"),
    N_("no municipalities are known here yet; import them with 'baken areas import FILE'"),
    N_("an area was filled in and not chosen; choose it, or empty it"),
    N_("there is no photo to show"),
    N_("nothing waits for approval"),
    N_("it changes nothing"),
    N_("choose what is to be taken off"),
    N_("is required"),
    N_("is empty"),
    N_("must be a whole number"),
    N_("must be a number"),
    N_("needs a name or a description"),
    N_("needs either age or age_range: [min, max]"),
    N_("needs either at or between: [t1, t2]"),
    N_("the alert is closed; start a new one"),
    N_("CAP text has HTML in it; plain text is asked for"),
)
"""What they say most often, word for word."""
RULES_SAY_OF = (
    N_("publicity rests on {basis}"),
    N_("children/{n} is {age}; every child must be under 18"),
    N_("an age range reaches {age}; which is it? Give age, or a narrower age_range"),
    N_(
        "nobody could recognise children/{n}: add a photo, or a description, hair, eyes, height, build, marks or "
        "clothing"
    ),
    N_("who gave leave to show the child is not known: set publicity/basis to one of {accepted}"),
    N_("{basis} needs publicity/given_by and publicity/reason"),
    N_("needs at least {min_length}"),
    N_("takes at most {max_length}, not {actual_length}"),
    N_("must be {ge} or more"),
    N_("must be {le} or less"),
    N_("{programme} does not accept the basis {basis} for publicity"),
    N_(
        "the child may be with somebody ({relation}) who fled to a shelter: check first, then set "
        "assessment/sheltered_checked to yes"
    ),
    N_("last seen {hours} hours ago: late is no bar, but say why an alert still helps"),
    N_("{who} wrote or changed this edition; somebody else must approve it (four eyes)"),
    N_("{who} approved it already; another supervisor must approve too"),
    N_("{who} held this alert; another supervisor must bring it back"),
    N_("{who} took it down; another supervisor must bring it back"),
    N_("what waits now is digest {new}, not {old}: it was changed since; read it again"),
    N_("the time to take the end back ran out at {at}"),
    N_("{code} is not a municipality that was imported; see 'baken areas list'"),
    N_("crosses itself or is flat ({why}); draw its corners in order, once around"),
    N_("{n}% of the area lies outside the Netherlands and was cut off"),
    N_("{source}; whole municipalities"),
    N_("{source}; by postcode"),
    N_("{source}; by share of each municipality's area"),
    N_("{source}; by share of the country's area"),
    N_("the headline ({language}) is cut after {most} characters"),
    N_("the text ({language}) is cut: there is room for {most} characters in all"),
    N_("no text ({language}) was written: it has the situation in another language"),
    N_("{what} needs a reason"),
    N_("is longer than {n} characters"),
    N_("CAP event has {n} characters; fewer than {most} are allowed"),
    N_("CAP partners that do not fetch the feed: {who}"),
    N_("the poster {sheet} leaves out the story: there is no room for it"),
    N_("the poster {sheet} leaves out the story and shortens descriptions: there is no room for it"),
    N_("the poster {sheet} leaves out the story and what the children look like: there is no room for it"),
    N_("the poster {sheet} leaves out all about the children but the headline: there is no room for it"),
    N_("the poster ({language}) has {sign} for signs that its fonts do not have"),
    N_("{who} added or paused {name}; another supervisor must let alerts go to it (four eyes)"),
    N_("{name} stands in the settings file; change it there and start Baken again"),
)
"""Sentences with something of the case in them."""


def said(language: str, text: str | None) -> Markup:
    """A sentence of the rules, with places and codes of the case in words.

    What is no sentence of ours is shown as it stands, marked as English.
    """
    if not text:
        return Markup()
    message, values = _taken_apart(text)
    if message not in dutch():
        return escape(text) if language == "en" else Markup('<span lang="en">{}</span>').format(text)
    translate = translator(language)
    sentence = PLACE.sub(lambda found: f'"{label_of(found[0], translate)}"', translate(message))
    if values:
        words = {name: _in_words(name, value, translate) for name, value in values.items()}
        child = _inside(label_of(f"children/{values.get('n', '')}", translate))
        sentence = sentence.replace("children/{n}", "{child}").format(**words, child=child)
    return escape(sentence)


def _taken_apart(text: str) -> tuple[str, dict[str, str]]:
    """The message that it is made of, and what was filled in; the text itself where it is none with values."""
    for pattern, message in _patterns():
        if match := pattern.fullmatch(text):
            return message, match.groupdict()
    return text, {}


def _in_words(name: str, value: str, translate: Translate) -> str:
    """Codes as the form has them; any other value as it stands."""
    labels = option_labels(CODED.get(name, ""), translate)
    return ", ".join(_inside(labels[code]) if code in labels else code for code in value.split(", "))


def _inside(label: str) -> str:
    """A label as a word of a sentence."""
    return label[:1].lower() + label[1:]


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^;]+?)", re.escape(message))), message)
        for message in RULES_SAY_OF
    )
