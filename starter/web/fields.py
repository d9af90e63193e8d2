"""The fields of a case as the form has them, in the order in which a call comes in. Data, read by form and pages.

A name is the field's place in the case (`children/0/hair`), so what the rules say of a place can be shown there.
"""

from __future__ import annotations

from dataclasses import dataclass

from alerts.case import HEADLINE_MAX
from starter.web.i18n import N_, Translate


@dataclass(frozen=True)
class Field:
    name: str
    label: str
    kind: str = "text"
    """text, long, number, moment, date, choice, flag"""
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    most: int = 400
    width: str = ""
    internal: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    fields: tuple[Field, ...]
    internal: bool = False
    part: str = ""
    """Template that shows it, where it is more than a list of fields."""


YES_NO = (("yes", N_("Yes")), ("no", N_("No")))
LONG = 4000

CHILD = (
    Field("name", N_("Name"), width="20"),
    Field("age", N_("Age"), "number", width="4"),
    Field("age_from", N_("or, if the age is not sure: from"), "number", width="4"),
    Field("age_to", N_("to"), "number", width="4"),
    Field(
        "gender",
        N_("Gender"),
        "choice",
        options=(("girl", N_("Girl")), ("boy", N_("Boy")), ("other", N_("Other"))),
    ),
    Field("description", N_("Description"), hint=N_("Needed when the name is not known.")),
    Field("hair", N_("Hair"), width="20"),
    Field("eyes", N_("Eyes"), width="20"),
    Field("height_cm", N_("Height in cm"), "number", width="4"),
    Field("build", N_("Build"), width="20"),
    Field("clothing", N_("Clothing")),
    Field("marks", N_("Distinctive marks")),
    Field("speaks", N_("Languages"), hint=N_("Separated by commas."), width="20"),
    Field("approach", N_("How to approach the child")),
    Field("communication", N_("Communication, for the police only"), "long", most=LONG, internal=True),
)
RELEASE = (
    Field("by", N_("Released by"), width="20", internal=True),
    Field("role", N_("Role of who released it"), width="20", internal=True),
    Field("at", N_("Released at"), "moment", internal=True),
    Field("reference", N_("Reference of the release"), width="20", internal=True),
)
VEHICLE = (
    Field("make", N_("Make or model"), width="20"),
    Field("colour", N_("Colour"), width="20"),
    Field("plate", N_("Number plate"), width="10"),
    Field("country", N_("Country of the plate"), width="4"),
    Field("certain", N_("It is certain that this is the vehicle"), "flag"),
)
WHERE = Section(
    N_("Where and when last seen"),
    (
        Field("last_seen/at", N_("Last seen at"), "moment", N_("Dutch time.")),
        Field("last_seen/from", N_("or, if the time is not sure: between"), "moment"),
        Field("last_seen/to", N_("and"), "moment"),
        Field("last_seen/place", N_("Place")),
        Field("last_seen/lat", N_("Latitude"), "number", width="10"),
        Field("last_seen/lon", N_("Longitude"), "number", width="10"),
        Field("last_seen/direction", N_("Direction")),
        Field(
            "last_seen/travel_mode",
            N_("Travelling by"),
            "choice",
            options=(
                ("foot", N_("On foot")),
                ("bike", N_("Bicycle")),
                ("car", N_("Car")),
                ("train", N_("Train")),
            ),
        ),
    ),
)
HAPPENED = Section(
    N_("What happened"),
    (
        Field("circumstances", N_("Circumstances"), "long", most=LONG, internal=True),
        Field("reference", N_("Case number"), width="20", internal=True),
    ),
    internal=True,
)
SUSPECT = Section(
    N_("The person it may be with"),
    (
        Field("suspect/description", N_("Description of this person"), "long", most=LONG),
        Field("suspect/name", N_("Name of this person, for the police only"), width="20", internal=True),
        *(
            Field(f"suspect/release/{one.name}", one.label, one.kind, one.hint, width=one.width, internal=True)
            for one in RELEASE
        ),
    ),
)
PUBLIC = Section(
    N_("What the public reads"),
    (
        Field(
            "public/situation", N_("Situation"), "long", N_("In one or two plain sentences, for everybody."), most=LONG
        ),
        Field(
            "public/headline/nl", N_("Headline in Dutch"), hint=N_("Left empty, Baken composes it."), most=HEADLINE_MAX
        ),
        Field("public/headline/en", N_("Headline in English"), most=HEADLINE_MAX),
        Field("public/body/nl", N_("Text in Dutch"), "long", N_("Left empty, Baken composes it."), most=LONG),
        Field("public/body/en", N_("Text in English"), "long", most=LONG),
    ),
)
ASSESSMENT = Section(
    N_("Assessment"),
    (
        Field("assessment/abducted_by_unknown", N_("Abducted by an unknown person?"), "choice", options=YES_NO),
        Field("assessment/life_in_danger", N_("Danger to life or serious injury?"), "choice", options=YES_NO),
        Field("assessment/serious_worry", N_("Serious worry about the child?"), "choice", options=YES_NO),
        Field(
            "assessment/relation",
            N_("Relation of the child to the possible abductor"),
            "choice",
            options=(
                ("stranger", N_("A stranger")),
                ("parent", N_("A parent")),
                ("family", N_("Family")),
                ("known", N_("Known to the child")),
                ("none", N_("There is no abductor")),
            ),
        ),
        Field(
            "assessment/sheltered_checked",
            N_("Checked that the child is not in a shelter?"),
            "choice",
            options=YES_NO,
        ),
        Field("assessment/privacy_weighed", N_("How privacy was weighed"), "long", most=LONG),
    ),
    internal=True,
)
PUBLICITY = Section(
    N_("Leave to show the child"),
    (
        Field(
            "publicity/basis",
            N_("It rests on"),
            "choice",
            options=(
                ("parent", N_("A parent's leave")),
                ("guardian", N_("A guardian's leave")),
                ("youth_protection", N_("Youth protection")),
                ("child_16_plus", N_("The child, 16 or older")),
                ("overriding_danger", N_("Danger that overrides it")),
            ),
        ),
        Field("publicity/given_by", N_("Given by"), width="20"),
        Field("publicity/at", N_("Given at"), "moment"),
        Field("publicity/reason", N_("Reason"), "long", most=LONG),
    ),
    internal=True,
)
AREA = Section(
    N_("Where it is shown"),
    (
        Field(
            "area",
            N_("Area"),
            "choice",
            options=(
                ("nation", N_("The whole country")),
                ("municipalities", N_("Municipalities")),
                ("circle", N_("A circle")),
                ("polygon", N_("A polygon")),
            ),
        ),
        Field("area/municipalities", N_("Areas by name")),
        Field("area/circle/place", N_("Place"), hint=N_("A municipality, a postcode, or latitude, longitude.")),
        Field("area/circle/lat", N_("Latitude of the centre"), "number", width="10"),
        Field("area/circle/lon", N_("Longitude of the centre"), "number", width="10"),
        Field("area/circle/radius_m", N_("Radius in metres"), "number", width="10"),
        Field("area/polygon", N_("Corners of the polygon"), "long", most=LONG),
        Field("tip_line", N_("Number to call"), hint=N_("Left empty, the programme's own."), width="10"),
    ),
    part="console/parts/area.html",
)
FIRST = (WHERE, HAPPENED)
LAST = (SUSPECT, PUBLIC, ASSESSMENT, PUBLICITY, AREA)

_OTHERS = {
    "children": N_("Child"),
    "vehicles": N_("Vehicle"),
    "photos": N_("Photo"),
    "release": N_("Release"),
    "public": N_("What the public reads"),
    "last_seen": N_("Last seen"),
    "suspect": N_("The person it may be with"),
    "assessment": N_("Assessment"),
    "publicity": N_("Leave to show the child"),
    "programme": N_("Programme"),
    "headline": N_("Headline"),
    "body": N_("Text"),
    "language": N_("Language"),
}
_LABELS = {
    **{one.name.rsplit("/", 1)[-1]: one.label for part in (*FIRST, *LAST) for one in part.fields},
    **{one.name: one.label for one in (*CHILD, *VEHICLE)},
    **_OTHERS,
}


def option_labels(name: str, translate: Translate) -> dict[str, str]:
    """What can be chosen in a field, by code; nothing for a name that is no field with choices."""
    found = (one.options for part in (*FIRST, *LAST) for one in part.fields if one.name == name)
    return {code: translate(label) for code, label in next(found, ())}


def label_of(pointer: str, translate: Translate) -> str:
    """A place in a case in words: `children/0/hair` is `Child 1, Hair`."""
    exact = next((one.label for part in (*FIRST, *LAST) for one in part.fields if one.name == pointer), None)
    if exact:
        return translate(exact)
    words: list[str] = []
    for part in pointer.split("/"):
        if part.isdecimal() and words:
            words[-1] += f" {int(part) + 1}"
        else:
            words.append(translate(_LABELS[part]) if part in _LABELS else part)
    return ", ".join(words)
