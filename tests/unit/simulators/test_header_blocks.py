"""Header blocks: what an independent encoder writes is read whole or in part, and what breaks the rules is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from simulators.header_blocks import HeaderError, HeaderReader

NAMES = st.sampled_from([":path", ":method", "authorization", "ttl", "topic", "x-own"]) | st.from_regex(
    r"\A[a-z-]{1,40}\Z"
)
VALUES = st.sampled_from(["POST", "/", "gzip, deflate", "", "5400"]) | st.text(max_size=60) | st.just("long " * 900)
FIELDS = st.builds(
    lambda name, value, secret: (NeverIndexedHeaderTuple if secret else HeaderTuple)(name, value),
    NAMES,
    VALUES,
    st.booleans(),
)
BLOCKS = st.lists(st.tuples(st.lists(FIELDS, max_size=8), st.booleans()), max_size=12)


@given(blocks=BLOCKS, sizes=st.lists(st.integers(0, 4096), max_size=12))
def test_blocks_when_written_by_another_are_read_as_meant(
    blocks: Sequence[tuple[list[HeaderTuple], bool]], sizes: list[int]
) -> None:
    encoder, whole, part = Encoder(), HeaderReader(), HeaderReader(frozenset({":path", "topic"}))
    for number, (fields, huffman) in enumerate(blocks):
        if number < len(sizes):
            encoder.header_table_size = sizes[number]
        block = encoder.encode(fields, huffman=huffman)
        expected = {str(name): str(value) for name, value in fields}
        assert whole.read(block) == expected
        assert part.read(block) == {name: expected[name] for name in (":path", "topic") if name in expected}


@given(blocks=st.lists(st.binary(max_size=60), max_size=4))
def test_blocks_when_of_any_bytes_are_read_or_refused(blocks: list[bytes]) -> None:
    reader = HeaderReader(frozenset({"a"}))
    try:
        for block in blocks:
            assert set(reader.read(block)) <= {"a"}
    except HeaderError:
        return


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xbe",
        b"\x3f\xe2\x1f",
        b"\x00\x01a",
        b"\x00\x05a",
        b"\x00\x01a\x05b",
        b"\x04\x05b",
        b"\x0f\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x0f",
        b"\x00\x81\xff\x00",
        b"\x00\x01\xff\x00",
    ],
)
def test_block_when_it_breaks_the_rules_is_refused(block: bytes) -> None:
    with pytest.raises(HeaderError):
        HeaderReader(frozenset({"a"})).read(block)
