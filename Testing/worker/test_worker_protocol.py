"""Messages survive the way, and nothing else does."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worker_tools import ramp

from abdominal_oncology import __version__, errors
from abdominal_oncology.errors import AbdominalOncologyError, InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.phase.classify import ClassifySettings
from abdominal_oncology.phase.region_hu import RegionHU
from abdominal_oncology.worker import protocol
from abdominal_oncology.worker.failures import ProtocolError, WorkerCrashedError, WorkerVersionError, crash
from abdominal_oncology.worker.lines import LineBuffer
from abdominal_oncology.worker.log import parse
from abdominal_oncology.worker.protocol import (
    FROM_WORKER,
    PROTOCOL,
    TO_WORKER,
    Cancel,
    ErrorFacts,
    ImageFacts,
    Message,
    Reported,
    check_greeting,
    decode_from_worker,
    decode_to_worker,
    encode,
    is_message,
)
from abdominal_oncology.worker.wire import from_plain, to_plain

NUMBERS = st.integers(0, 2**53)
TEXTS = st.text()
FLOATS = st.floats(allow_nan=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TABLES = st.dictionaries(TEXTS, PLAIN, max_size=3)
SHAPES = st.tuples(st.integers(1, 9999), st.integers(1, 999), st.integers(1, 999))
FACTS = st.builds(
    ImageFacts,
    st.builds(
        Geometry,
        SHAPES,
        st.tuples(*[st.floats(0.01, 99)] * 3),
        st.tuples(*[st.floats(-1e4, 1e4)] * 3),
        st.sampled_from([Geometry((1, 1, 1)).directions, ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, -1.0))]),
    ),
    st.sampled_from(Modality),
    st.builds(Source, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), TABLES),
    st.lists(st.builds(ImageWarning, TEXTS, TEXTS), max_size=2).map(tuple),
)
ERRORS = st.builds(ErrorFacts, TEXTS, TEXTS, TEXTS, TEXTS)
STRATEGIES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Hello": {"folder": TEXTS, "gpu_idle_seconds": FLOATS, "model_idle_seconds": FLOATS},
    "Run": {"job": NUMBERS, "name": TEXTS, "settings": TABLES, "images": st.dictionaries(TEXTS, FACTS, max_size=2)},
    "Cancel": {"job": NUMBERS},
    "Here": {"request": NUMBERS, "file": TEXTS, "value_type": TEXTS, "shape": SHAPES},
    "Refused": {"request": NUMBERS, "error": ERRORS},
    "Taken": {"request": NUMBERS},
    "Welcome": {"protocol": NUMBERS, "version": TEXTS, "process": NUMBERS},
    "Reported": {"job": NUMBERS, "fraction": FLOATS, "stage": TEXTS},
    "Need": {
        **dict.fromkeys(("request", "job", "slot"), NUMBERS),
        **{"image": TEXTS, "slices": st.lists(NUMBERS, max_size=5).map(tuple)},
    },
    "Part": {
        **dict.fromkeys(("request", "job", "start", "count"), NUMBERS),
        **dict.fromkeys(("name", "value_type", "file"), TEXTS),
        "shape": st.lists(NUMBERS, max_size=4).map(tuple),
    },
    "Done": {
        **{"job": NUMBERS, "findings": st.lists(TABLES, max_size=2).map(tuple)},
        **{"images": st.dictionaries(TEXTS, FACTS, max_size=2), "facts": TABLES},
    },
    "Failed": {"job": NUMBERS, "error": ERRORS},
}
KINDS = {kind.__name__: kind for kind in (*TO_WORKER, *FROM_WORKER)}
NAMED = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, AbdominalOncologyError) and kind is not AbdominalOncologyError
]


def decode(line: bytes, name: str) -> Message:
    return decode_to_worker(line) if KINDS[name] in TO_WORKER else decode_from_worker(line)


def test_every_message_is_tested() -> None:
    assert set(STRATEGIES) == set(KINDS)


@pytest.mark.parametrize("name", STRATEGIES)
@given(data=st.data())
@settings(max_examples=25)
def test_messages_come_back_as_they_were(name: str, data: st.DataObject) -> None:
    message = data.draw(st.builds(KINDS[name], **STRATEGIES[name]))
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert is_message(line)
    assert decode(line.rstrip(), name) == message


@pytest.mark.parametrize("name", STRATEGIES)
@given(data=st.data())
@settings(max_examples=6)
def test_every_field_is_asked_for_and_no_other_is_taken(name: str, data: st.DataObject) -> None:
    table = json.loads(encode(data.draw(st.builds(KINDS[name], **STRATEGIES[name]))))
    for field in STRATEGIES[name]:
        fewer = {key: value for key, value in table.items() if key != field}
        with pytest.raises(ProtocolError, match=f"missing {field}"):
            decode(json.dumps(fewer).encode(), name)
        with pytest.raises(ProtocolError, match=field):
            decode(json.dumps({**table, field: object_of_no_kind()}).encode(), name)
    with pytest.raises(ProtocolError, match="unknown shiny"):
        decode(json.dumps({**table, "shiny": 1}).encode(), name)


def object_of_no_kind() -> Any:
    """Neither number, text, list nor table of what any field wants."""
    return [[True]]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"type": "Reported", "job": 1', "no message"),
        (b"[1, 2]", "a message is a table"),
        (b'{"type": "Shout"}', "no message is called 'Shout'"),
        (b'{"job": 1}', "no message is called None"),
        (b'{"type": "Cancel", "job": 1}', "no message is called 'Cancel'"),  # the wrong way round
        (b'{"type": "Reported", "job": true, "fraction": 0, "stage": ""}', "job must be int, not bool"),
        (b'{"type": "Reported", "job": 1.0, "fraction": 0, "stage": ""}', "job must be int, not float"),
        (b"\xff\xfe", "no message"),
    ],
)
def test_what_is_no_message_is_named(line: bytes, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        decode_from_worker(line)


def test_a_grid_that_cannot_be_is_the_fault_of_the_message() -> None:
    table = to_plain(ImageFacts.of(ramp(3)))
    table["geometry"]["spacing_mm"] = [1, 1, -1]
    with pytest.raises(ProtocolError, match="geometry is no Geometry: voxel spacing must be positive"):
        from_plain(ImageFacts, table, "image")


def test_whole_numbers_may_stand_for_floats() -> None:
    line = b'{"type": "Reported", "job": 1, "fraction": 1, "stage": ""}'
    assert decode_from_worker(line) == Reported(1, 1.0, "")


@pytest.mark.parametrize("kind", NAMED)
def test_named_errors_come_back_as_themselves(kind: type[AbdominalOncologyError]) -> None:
    error = kind("something", where="ä/b", remedy="do it")
    again = from_plain(ErrorFacts, to_plain(ErrorFacts.of(error))).error()
    assert type(again) is kind
    assert str(again) == str(error)


def test_an_error_of_one_room_comes_back_as_the_nearest_that_all_know() -> None:
    class Strange(InvalidInputError):
        pass

    assert type(ErrorFacts.of(Strange("x")).error()) is InvalidInputError
    assert type(ErrorFacts.of(WorkerCrashedError("x")).error()) is AbdominalOncologyError
    with pytest.raises(ProtocolError, match="no error is called"):
        ErrorFacts("PathLike", "", "", "").error()


def test_headers_may_hold_anything() -> None:
    header = {
        "PixelSpacing": (0.7, np.float32(0.5)),
        "Rows": np.int16(3),
        "Odd": Path("a"),
        "Nothing": None,
        "NotANumber": math.nan,
        "Broken": "\udcff",
        "Nested": {"a": {1}},
    }
    reader = ArrayReader(Image(np.zeros((1, 2, 2)), Geometry((1, 2, 2)), Modality.CT, Source(header=header)))
    line = encode(protocol.Run(1, "x", {}, {"i": ImageFacts.of(reader)}))
    again = decode_to_worker(line)
    assert isinstance(again, protocol.Run)
    got = dict(again.images["i"].source.header)
    assert math.isnan(got.pop("NotANumber"))
    assert got == {
        "PixelSpacing": [0.7, 0.5],
        "Rows": 3,
        "Odd": "a",
        "Nothing": None,
        "Broken": "\udcff",
        "Nested": {"a": [1]},
    }


@dataclass(frozen=True)
class Said:
    value: str | None


def test_settings_keep_their_types() -> None:
    given_ = ClassifySettings(0.5, 3, 0.01, True, False, (RegionHU("aorta", 151.0, 8.0, slices=(1, 2)),), 0.4)
    assert from_plain(ClassifySettings, json.loads(json.dumps(to_plain(given_)))) == given_
    wrong = {**to_plain(given_), "fraction": 3}
    with pytest.raises(ProtocolError, match="fraction is a share"):
        from_plain(ClassifySettings, wrong)
    region = {**to_plain(given_.regions_given[0]), "source": "guessed"}
    with pytest.raises(ProtocolError, match="source must be one of given, segmentation"):
        from_plain(RegionHU, region)
    for value in (None, 3, 2.5, "washout", {"value": None}):
        again = from_plain(dict[str, Said | str | float | None], {"a": to_plain(value)})["a"]
        assert again == (Said(None) if isinstance(value, dict) else value)
    day, names = date(2024, 2, 29), frozenset(Modality)
    assert from_plain(date, to_plain(day)) == day
    assert from_plain(frozenset[Modality], to_plain(names)) == names
    with pytest.raises(ProtocolError, match="day is no date"):
        from_plain(date, "yesterday", "day")
    with pytest.raises(InvalidInputError, match="cannot hold a object"):
        to_plain({"a": [object()]})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"protocol": PROTOCOL + 1}, "protocol"), ({"version": "0.0.7"}, "version 0.0.7"), ({"protocol": None}, "None")],
)
def test_only_the_same_version_is_greeted(changes: dict[str, Any], problem: str) -> None:
    table = {"type": "Welcome", "protocol": PROTOCOL, "version": __version__, "process": 1}
    check_greeting(json.dumps(table).encode())
    with pytest.raises(WorkerVersionError, match=problem) as caught:
        check_greeting(json.dumps({**table, **changes, "new": 1}).encode())
    assert "restart Slicer" in caught.value.remedy
    with pytest.raises(ProtocolError, match="must be Welcome"):
        check_greeting(encode(Cancel(1)))


@given(st.lists(st.binary().filter(lambda line: not set(line) & set(b"\r\n"))), st.data())
def test_lines_are_found_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in lines) + b"rest"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    buffer, found = LineBuffer(), []
    for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += list(buffer.feed(whole[start:stop]))
    assert found == lines
    assert buffer.rest() == b"rest"
    assert buffer.rest() == b""


def test_log_lines_of_others_are_kept() -> None:
    ours = parse(b'{"level": "warning", "text": "caf\\u00e9", "time": 2}')
    assert (ours.level, ours.text, ours.time) == ("warning", "café", 2.0)
    assert str(ours).endswith("warning: café")
    for line in (b'{"level": "x"}', b'{"level": 3', b"\xff\x00", b""):
        assert parse(line).level == "output"


@pytest.mark.parametrize(
    ("code", "crashed", "said"),
    [
        (9, True, "SIGKILL"),
        (11, True, "fault in a library"),
        (0xC0000005, True, "0xc0000005"),
        (-1073741819, False, "fault in a library"),
        (3, False, "exit code 3): the last line"),
        (77, True, "code 77"),
    ],
)
def test_ends_are_explained(code: int, crashed: bool, said: str) -> None:
    error = crash(code, crashed, ["first", "the last line", " "])
    assert said in str(error)
    assert error.log == ("first", "the last line", " ")
    if code == 9:
        assert "memory" in error.remedy
