"""Reading files nobody checked: every row is there once, as itself or with its reason, and the next one is whole."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starter.errors import BadInput
from starter.subscribers.csv_file import CsvSource
from starter.subscribers.json_lines import JsonSource
from starter.subscribers.lines import LONGEST, read_lines
from starter.subscribers.rows import Row

HEADER = b"address,language\n"
NOT_CLOSED = "has a quote that is not closed"


def _lines(raw: bytes) -> list[str]:
    return list(read_lines(io.BufferedReader(io.BytesIO(raw))))


def _csv(raw: bytes) -> list[Row]:
    return list(CsvSource(_lines(raw)))


def _jsonl(raw: bytes) -> list[Row]:
    return list(JsonSource(_lines(raw)))


def _addresses(rows: list[Row]) -> list[object]:
    return [row.fields["address"] for row in rows if not row.problem]


def _problems(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row.number, row.problem) for row in rows if row.problem]


@pytest.mark.parametrize(
    "raw",
    [
        b"address,language\na,nl\nb,en\n",
        b"address,language\r\na,nl\r\nb,en",
        b"address,language\ra,nl\rb,en\r",
        b"\xef\xbb\xbfaddress;language\r\na;nl\r\nb;en\r\n",
        "address\tlanguage\na\tnl\nb\ten\n".encode("utf-16"),
        b"\xfe\xff" + "address,language\na,nl\nb,en\n".encode("utf-16-be"),
        b'"Address"," LANGUAGE"\n"a","nl"\n\n,\n"b","en"\n',
    ],
    ids=["lf", "crlf", "cr", "bom and semicolons", "utf-16 and tabs", "utf-16-be", "quotes and blank rows"],
)
def test_csv_when_written_by_any_program_reads_the_same(raw: bytes) -> None:
    assert [row.fields for row in _csv(raw)] == [
        {"address": "a", "language": "nl"},
        {"address": "b", "language": "en"},
    ]


def test_csv_when_its_columns_stand_otherwise_reads_by_name() -> None:
    (row,) = _csv(b"language,reason,row,address\nnl,was bad,7,a\n")
    assert (row.fields["address"], row.fields["language"]) == ("a", "nl")


def test_csv_when_a_quote_is_not_closed_loses_that_row_alone() -> None:
    rows = _csv(HEADER + b'a,nl\n"b,nl\nc,nl\n"d","nl"\ne,nl"\nf,nl\n')
    assert _problems(rows) == [(3, f"{NOT_CLOSED} (line 3)")]
    assert _addresses(rows) == ["a", "c", "d", "e", "f"]


def test_csv_when_the_last_quote_is_not_closed_ends_all_the_same() -> None:
    rows = _csv(HEADER + b'a,nl\nb,"nl\nc,nl\n' + b"d,nl\n" * 20_000)
    assert _problems(rows) == [(3, f"{NOT_CLOSED} (line 3)")]
    assert len(_addresses(rows)) == 20_002


def test_csv_when_two_stray_quotes_make_a_cell_loses_no_row_between_them() -> None:
    rows = _csv(HEADER + b'a,"nl\nb,nl\nc,nl"\nd,nl\n')
    assert (_problems(rows), _addresses(rows)) == ([(2, f"{NOT_CLOSED} (line 2)")], ["b", "c", "d"])


def test_csv_when_a_cell_goes_on_for_good_reason_stays_one_row() -> None:
    subscription = '{\n ""endpoint"": ""https://push.example/x""\n}'
    rows = _csv(f'address,areas\n"{subscription}",nl\n"a","GM0307\nGM0344"\n"b\n",GM0307\n'.encode())
    assert [(row.number, row.problem) for row in rows] == [(2, None), (5, None), (7, None)]
    assert rows[0].fields["address"] == subscription.replace('""', '"')


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"a", "has 1 cells where the header has 2"),
        (b"a,nl,en", "has 3 cells where the header has 2"),
        (b"a\0,nl", "holds a NUL byte"),
        (b"zo\xeb,nl", "is not UTF-8"),
        (b'"a"b,nl', "has text after a closing quote"),
        (b"a" * (LONGEST + 1) + b",nl", "is longer than"),
    ],
)
def test_csv_when_one_row_is_bad_says_why_and_reads_the_next(line: bytes, said: str) -> None:
    rows = _csv(HEADER + line + b"\nb,nl\n")
    assert _addresses(rows) == ["b"]
    ((number, problem),) = _problems(rows)
    assert number == 2
    assert said in problem


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04\x00\x00", "is a workbook"),
        (b"\n \n", "names no column"),
        (b"noor@example.org,nl\n", "names no column"),
        (b"language\nnl\n", "'address' is missing"),
        (b"address,Telephone\n", "'telephone' is unknown"),
        (b"address,noor@example.org\n", "number 2 is unknown"),
        (b"address,language,address\n", "'address' is there twice"),
        (b"a\0ddress,language\n", "not text in UTF-8"),
        ("address,language\n".encode("utf-16-le"), "not text in UTF-8"),
        (b"address\n".rjust(LONGEST + 20), "not text in UTF-8, or too long"),
    ],
)
def test_csv_when_its_header_is_no_good_is_refused_whole(raw: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as bad:
        _csv(raw)
    assert "noor" not in str(bad.value)


def test_csv_rejects_when_written_read_again_as_they_were_given() -> None:
    source = CsvSource(_lines(b'address;language\nzo\xeb;"n;l"\n"a;nl\nb\nc;nl;x\n'))
    rows, file = list(source), io.StringIO()
    write = source.begin_rejects(file)
    for row in rows:
        write(row, "why")
    again = CsvSource(_lines(file.getvalue().encode(errors="surrogateescape")))
    assert file.getvalue().startswith("row;reason;address;language\r\n")
    cells = list(csv.reader(file.getvalue().splitlines()[1:], delimiter=";"))
    assert [one[2:] for one in cells] == [["zo\udceb", "n;l"], ['"a', "nl"], ["b"], ["c", "nl", "x"]]
    file = io.StringIO()
    write = again.begin_rejects(file)
    write(next(iter(again)), "once more")
    assert file.getvalue() == 'row;reason;address;language\r\n2;once more;zo\udceb;"n;l"\r\n'


@given(st.binary(max_size=200))
def test_csv_when_anything_at_all_is_in_it_never_breaks(raw: bytes) -> None:
    rows = _csv(HEADER + raw)
    assert all(row.problem or set(row.fields) == {"address", "language"} for row in rows)
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))


@given(
    st.lists(st.sampled_from(['a,"', '"b",nl', "c,nl", '"', 'd"e,nl', "", ',"nl"', '"x""', "good,nl"]), max_size=12)
)
def test_csv_when_quotes_stand_anywhere_loses_no_good_row(lines: list[str]) -> None:
    rows = _csv(HEADER + "\n".join([*lines, "last,nl"]).encode())
    assert _addresses(rows).count("good") == lines.count("good,nl")
    assert _addresses(rows)[-1] == "last"


def test_jsonl_when_read_gives_its_objects_and_the_reasons_of_the_rest() -> None:
    rows = _jsonl(
        b'{"address": "a", "areas": ["GM0307"]}\n\n{"address": "b", "phone": 1}\n[1]\n{"address": \n'
        b'{"address": "zo\xeb"}\n{"address": "c", "address": "d"}\n' + b"[" * 50_000 + b"\n" + b'{"address": "e"}'
    )
    assert _addresses(rows) == ["a", "e"]
    assert [(number, said.split(";")[0]) for number, said in _problems(rows)] == [
        (3, "has an unknown key"),
        (4, "is not a JSON object"),
        (5, "is not JSON"),
        (6, "is not UTF-8"),
        (7, "names a key twice"),
        (8, "is not JSON"),
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"", "is empty"), (b'{"address": "a", "phone": 1}\n', "'phone' is unknown"), (b"{}", "names no column")],
)
def test_jsonl_when_its_first_object_is_no_subscriber_is_refused_whole(raw: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _jsonl(raw)


@given(st.binary(max_size=200))
def test_jsonl_when_anything_at_all_is_in_it_never_breaks(raw: bytes) -> None:
    rows = _jsonl(b'{"address": "a"}\n' + raw)
    assert all(row.problem or set(row.fields) <= {"address", "row", "reason", "given"} for row in rows)
