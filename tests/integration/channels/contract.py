"""What every channel promises, whatever its medium. Inherit `ChannelContract`, name the channel, give it an eye."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from activities.channels import CAPABILITIES
from activities.channels.base import Capabilities
from tests.integration.channels.story import Story


class ChannelContract:
    channel: ClassVar[str]

    @property
    def can(self) -> Capabilities:
        return CAPABILITIES[self.channel]

    def seen(self, story: Story, turn: str) -> str:
        return story.seen[turn][self.channel]

    def received(self, story: Story) -> list[dict[str, Any]]:
        return [line for line in story.received if line["channel"] == self.channel]

    def test_nothing_is_shown_before_the_approval(self, story: Story) -> None:
        assert self.seen(story, "waiting") == "nothing"

    def test_approved_is_shown_to_all_though_the_counterpart_erred_at_first(self, story: Story) -> None:
        assert self.seen(story, "approved") == "edition 1"

    def test_changed_reaches_all(self, story: Story) -> None:
        assert self.seen(story, "amended") == "edition 2"

    def test_held_goes_dark_where_it_can_be_taken_back(self, story: Story) -> None:
        assert self.seen(story, "held") == ("gone" if self.can.recall else "edition 2")

    def test_reinstated_is_shown_again(self, story: Story) -> None:
        assert self.seen(story, "reinstated") == "edition 2"

    def test_found_is_gone_or_said_to_be_over(self, story: Story) -> None:
        assert self.seen(story, "found") == "gone"

    def test_reached_are_all_there_are_and_none_failed(self, story: Story) -> None:
        (view,) = [one for one in story.final["channels"] if one["channel"] == self.channel]
        recipients = {line["recipient"] for line in self.received(story)}
        if self.can.audience == "personal":
            assert view["recipients"] == view["reached"] == len(recipients) > 0
        assert (view["failed"], view["error"]) == (0, None)

    def test_nobody_is_told_the_same_twice(self, story: Story) -> None:
        told = Counter((line["recipient"], line["id"]) for line in self.received(story))
        assert [said for said, times in told.items() if times > 1] == []

    def test_ids_tell_apart_what_differs(self, story: Story) -> None:
        said: dict[str, set[tuple[str, int, str]]] = {}
        for line in self.received(story):
            said.setdefault(line["id"], set()).add((line["recipient"], line["edition"], line["kind"]))
        assert [one for one, meanings in said.items() if len(meanings) > 1] == []

    def test_exercise_looks_the_same_to_those_who_drill(self, story: Story, drill: Story) -> None:
        assert [self.seen(drill, turn) for turn in drill.seen] == [self.seen(story, turn) for turn in story.seen]

    def test_exercise_reaches_counterparts_of_exercises_only(self, story: Story, drill: Story) -> None:
        live = {line["recipient"] for line in self.received(story)}
        drilled = {line["recipient"] for line in self.received(drill)}
        assert live.isdisjoint(drilled)
