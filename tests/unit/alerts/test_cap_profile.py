"""Google's rules for CAP: a good message breaks none, and each sample breaks exactly the rule it is named after."""

from __future__ import annotations

import re

import pytest

from alerts.cap_profile import RULES, breaches
from tests.structure.files import ROOT

INFO = """
<info>
<language>nl-NL</language>
<category>Rescue</category>
<event>AMBER Alert</event>
<responseType>Monitor</responseType>
<urgency>Immediate</urgency>
<severity>Severe</severity>
<certainty>Observed</certainty>
<eventCode><valueName>SAME</valueName><value>CAE</value></eventCode>
<effective>2026-11-24T13:00:00+01:00</effective>
<expires>2026-11-24T15:00:00+01:00</expires>
<senderName>Baken</senderName>
<headline>Vermist: een kind</headline>
<description>Een kind is meegenomen.</description>
<instruction>Bel 112.</instruction>
<web>https://alert.example/alerts/a1</web>
<contact>112</contact>
<area>
<areaDesc>Amersfoort</areaDesc>
<polygon>52.1,5.3 52.2,5.3 52.2,5.4 52.1,5.3</polygon>
<circle>52.1,5.3 4.000</circle>
<geocode><valueName>CBS-gemeente</valueName><value>GM0307</value></geocode>
</area>
</info>"""
GOOD = f"""<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
<identifier>a1.cap.1.0</identifier>
<sender>baken@baken.example</sender>
<sent>2026-11-24T13:00:00+01:00</sent>
<status>Exercise</status>
<msgType>Update</msgType>
<scope>Public</scope>
<note>Exercise.</note>
<references>baken@baken.example,a0,2026-11-24T12:00:00+01:00</references>
{INFO}
</alert>"""


def without(name: str) -> tuple[str, str]:
    found = re.search(rf"<{name}>.*?</{name}>", GOOD, re.DOTALL)
    assert found
    return found.group(), ""


TWICE = ("</alert>", f"{INFO}</alert>")
SAMPLES: dict[str, list[tuple[str, str]]] = {
    "references": [without("references")],
    "names": [("<identifier>a1", "<identifier>a1,b")],
    "note": [without("note")],
    "info": [(INFO, "")],
    "category": [TWICE, ("<category>Rescue", "<category>Safety")],
    "eventCode": [TWICE, ("<value>CAE", "<value>CEM")],
    "description": [without("description")],
    "web": [without("web")],
    "expires": [without("expires")],
    "effective": [("<effective>2026-11-24", "<effective>2026-11-25")],
    "urgency": [("<urgency>Immediate", "<urgency>Unknown")],
    "severity": [("<severity>Severe", "<severity>Unknown")],
    "certainty": [without("certainty")],
    "area": [without("area")],
    "located": [("</area>", "</area><area><areaDesc>Leusden</areaDesc></area>")],
    "event": [("AMBER Alert", "AMBER Alert van de politie en de NS")],
    "areaDesc": [("Amersfoort", "Amersfoort en de omliggende gemeenten van Utrecht-O")],
    "polygon": [("52.2,5.4 52.1,5.3", "52.2,5.4")],
    "plain text": [("Bel 112.", "Bel <![CDATA[<b>112</b>]]>.")],
    "language": [("nl-NL", "Nederlands (NL)")],
    "senderName": [without("senderName")],
    "responseType": [without("responseType")],
    "headline": [("Vermist: een kind", "Vermist: " + "een kind " * 15)],
    "headline differs": [("Vermist: een kind", "Een kind is meegenomen.")],
    "instruction differs": [("Bel 112.", "Een kind is meegenomen.")],
    "events alike": [TWICE, ("<event>AMBER Alert", "<event>Vermist Kind Alert")],
    "circle": [("5.3 4.000", "5.3 0.000")],
    "geocode": [("GM0307", "")],
    "local times": [("<sent>2026-11-24T13:00:00+01:00", "<sent>2026-11-24T12:00:00+00:00")],
    "instruction": [without("instruction")],
    "contact": [without("contact")],
    "shape": [without("polygon"), without("circle")],
}
POLYGONS = {
    "52.1,5.3 52.2,5.4 52.1,5.4 52.2,5.3 52.1,5.3": "a CAP polygon crosses itself",
    "52.1,5.3 52.2,5.3 52.2,5.4 52.1000001,5.3": "a CAP polygon is not closed, or has fewer than four points",
    "52.1000001,5.3 52.2,5.3 52.2,5.4 52.1000001,5.3": "a CAP polygon has more than 6 decimals",
    "52.1,5.3 52.2,5.3 52.2,5.4 52.1,5.3</polygon><polygon>52.1,5.3 52.3,5.3 52.2,5.4 52.1,5.3": (
        "CAP polygons of one area overlap"
    ),
}


def changed(*edits: tuple[str, str]) -> str:
    xml = GOOD
    for old, new in edits:
        assert old in xml
        xml = xml.replace(old, new, 1)
    return xml


def broken(xml: str) -> set[str]:
    return {name for name, _ in breaches(xml)}


def test_good_message_breaks_no_rule() -> None:
    assert broken(GOOD) == set()
    assert broken(changed(TWICE)) == set()


@pytest.mark.parametrize("rule", SAMPLES)
def test_sample_breaks_its_rule_and_no_other(rule: str) -> None:
    # Without an area there is no shape either; Google's validator counts both as well.
    also = {"area": {"shape"}}.get(rule, set())
    assert broken(changed(*SAMPLES[rule])) - also == {rule}


def test_samples_when_listed_are_there_for_every_rule() -> None:
    assert list(SAMPLES) == [rule.name for rule in RULES]


@pytest.mark.parametrize("written", POLYGONS)
def test_polygon_that_is_none_is_said_to_be_so(written: str) -> None:
    xml = changed(("52.1,5.3 52.2,5.3 52.2,5.4 52.1,5.3", written))
    assert list(breaches(xml)) == [("polygon", POLYGONS[written])]


def test_cancel_need_not_say_what_to_do_or_where_exactly() -> None:
    edits = (without("instruction"), without("contact"), without("polygon"), without("circle"))
    assert broken(changed(("Update", "Cancel"), *edits)) == set()
    assert broken(changed(("Update", "Cancel"), without("references"))) == {"references"}


def test_rules_when_listed_stand_in_the_document_with_their_source() -> None:
    rows = (ROOT / "docs" / "channels" / "cap.md").read_text("utf-8").splitlines()
    documented = [tuple(cell.strip() for cell in row.split("|")[1:-1]) for row in rows if row.startswith("| `")]
    expected = [(f"`{rule.name}`", rule.source, "yes" if rule.of_cancels else "no") for rule in RULES]
    assert [(row[0], row[-2], row[-1]) for row in documented if len(row) == 4] == expected
