"""How often the public may send something: by address and by alert, and nobody uses up another's share."""

from __future__ import annotations

from starter.flood import Flood


def test_flood_when_one_address_is_over_lets_others_go_on() -> None:
    flood = Flood("3/minute", "100/minute")
    assert [flood.lets("192.0.2.1", "a") for _ in range(5)] == [True, True, True, False, False]
    assert flood.lets("192.0.2.2", "a")


def test_flood_when_an_alert_is_over_leaves_the_other_alert_alone() -> None:
    flood = Flood("100/minute", "4/minute")
    assert [flood.lets(f"192.0.2.{n}", "a") for n in range(6)] == [True] * 4 + [False] * 2
    assert flood.lets("192.0.2.9", "b")


def test_flood_when_who_is_over_goes_on_the_alert_is_not_used_up() -> None:
    flood = Flood("2/minute", "4/minute")
    assert sum(flood.lets("192.0.2.1", "a") for _ in range(50)) == 2
    assert flood.lets("192.0.2.2", "a")


def test_flood_when_an_owner_has_a_whole_network_counts_it_as_one_address() -> None:
    flood = Flood("2/minute", "100/minute")
    assert [flood.lets(f"2001:db8:1:2::{n}", "a") for n in range(1, 5)] == [True, True, False, False]
    assert flood.lets("2001:db8:1:3::1", "a")
    assert flood.lets("::ffff:192.0.2.1", "a")
    assert flood.lets("192.0.2.1", "a")
    assert not flood.lets("192.0.2.1", "a")
