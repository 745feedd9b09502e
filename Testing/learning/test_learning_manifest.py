"""The table of cases survives a round trip, and every mistake in it is named by row and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.learning.manifest import CaseRow, Manifest, check_no_leak, parse_manifest, read_manifest

_word = st.text("abcXYZ059,;\"'äß漢 -", min_size=1, max_size=12).map(str.strip).filter(bool)
_paths = st.dictionaries(
    st.sampled_from(["ct", "t2", "arterial"]), st.from_regex(r"[\w]{1,5}/[\w]{1,8}\.nrrd", fullmatch=True)
)
_labels = st.dictionaries(st.sampled_from(["phase", "stage"]), _word)
_rows = st.lists(
    st.builds(
        CaseRow,
        _word,
        _word,
        _word,
        _paths,
        _paths,
        _labels,
        st.lists(st.integers(0, 99), max_size=3).map(tuple),
        _word,
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row.case,
)


@given(_rows)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[CaseRow]) -> None:
    path = tmp_path_factory.mktemp("m") / "manifest.csv"
    Manifest(tuple(rows), path.parent).write(path)
    assert read_manifest(path).rows == tuple(rows)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheets_write_it_their_way(tmp_path: Path, separator: str, mark: str) -> None:
    path = tmp_path / "m.csv"
    lines = [["case", "patient", "slices"], ["1", "Ödön", "3 4"], ["", "", ""]]
    path.write_bytes((mark + "\r\n".join(separator.join(line) for line in lines)).encode())
    assert read_manifest(path).rows == (CaseRow("1", "Ödön", slices=(3, 4)),)


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "m.csv", "empty"),
        ("case,patient\n", "m.csv", "no cases"),
        ("case\n1\n", "row 1", "'patient' is missing"),
        ("case,patient,colour\n1,a,red\n", "row 1", "'colour' is not known"),
        ("case,patient,label.\n1,a,x\n", "row 1", "not known"),
        ("case,patient,case\n1,a,2\n", "row 1", "same name"),
        ("case,patient\n1,a\n2\n", "row 3", "1 cells for 2"),
        ("case,patient\n1,a\n,b\n", "row 3, column case", "empty"),
        ("case,patient\n1,a\n1,b\n", "row 3, column case", "twice"),
        ("case,patient,slices\n1,a,3 x\n", "row 2, column slices", "whole numbers"),
        ("case,patient,slices\n1,a,-1\n", "row 2, column slices", "from 0"),
    ],
)
def test_mistakes_are_named_by_row_and_column(text: str, where: str, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem) as error:
        parse_manifest(text, name="m.csv")
    assert where in error.value.where


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").touch()
    manifest = parse_manifest("case,patient,image.ct,mask.liver\n1,a,a.nrrd,\n2,b,a.nrrd,gone.nrrd\n", tmp_path)
    with pytest.raises(MissingInputError, match=r"gone\.nrrd") as error:
        manifest.check_files()
    assert "row 3, column mask.liver" in error.value.where
    with pytest.raises(MissingInputError):
        read_manifest(tmp_path / "none.csv")


def test_labels_must_be_allowed_and_of_two_kinds() -> None:
    manifest = parse_manifest("case,patient,label.stage\n1,a,T2\n2,b,\n3,c,T3\n4,d,T4\n")
    assert [row.case for row in manifest.with_label("stage").rows] == ["1", "3", "4"]
    with pytest.raises(InvalidInputError, match="'T4' is no label") as error:
        manifest.with_label("stage", ["T2", "T3"])
    assert "row 5, column label.stage" in error.value.where
    with pytest.raises(InvalidInputError, match="at least two classes"):
        parse_manifest("case,patient,label.stage\n1,a,T2\n2,b,T2\n").with_label("stage")


def test_a_patient_on_two_sides_is_refused() -> None:
    manifest = parse_manifest("case,patient,split\n1,a,train\n2,b,test\n3,a,test\n")
    with pytest.raises(InvalidInputError, match="'a' is in 'test' and in 'train'") as error:
        manifest.side("train")
    assert "row 4" in error.value.where
    check_no_leak(parse_manifest("case,patient,split\n1,a,train\n2,b,test\n3,a,\n"))
