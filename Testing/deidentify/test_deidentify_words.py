"""Series descriptions of many hospitals: the phase is understood, nothing else passes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.imaging.deidentify.vocabulary import Vocabulary, clean_text
from abdominal_oncology.imaging.deidentify.words import AGENT, MAKER, MODEL, ROUTE, SERIES


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Abdomen native 5.0 B30f", "abdomen plain"),
        ("ABD/PEL W/O CONTRAST", "abdomen plain contrast"),
        ("Late Arterial 1.25mm", "late arterial 1.25 mm"),
        ("PORTAL VENOUS PHASE 70 sec", "portal venous phase 70 s"),
        ("Delayed 3 min", "delayed 3 min"),
        ("5.0 C+ Leber spätarteriell", "contrast liver late arterial"),
        ("Leber portalvenös", "liver portal venous"),
        ("Abdomen nach KM venös 2.0 Br40", "abdomen post contrast venous"),
        ("Bauch o. KM", "abdomen plain"),
        ("FOIE TEMPS ARTERIEL", "liver arterial"),
        ("Foie sans injection", "liver without"),
        ("Thorax-abdomen-pelvis temps portal", "chest abdomen pelvis portal"),
        ("Phase tardive 5mn", "phase late"),
        ("FASE ARTERIAL HIGADO", "phase arterial liver"),
        ("ABDOMEN SIN CONTRASTE", "abdomen without contrast"),
        ("fase portal 70s", "phase portal 70 s"),
        ("fase venosa tardía", "phase venous late"),
        ("addome senza mdc", "abdomen without contrast"),
        ("fegato fase arteriosa tardiva", "liver phase arterial late"),
        ("lever arterieel / veneus", "liver arterial venous"),
        ("jama brzuszna faza tętnicza", "abdomen phase arterial"),
        ("wątroba faza żylna", "liver phase venous"),
        ("артериальная фаза", "arterial phase"),
        ("брюшная полость венозная", "abdomen venous"),
        ("нативная фаза", "plain phase"),
        ("上腹部动脉期", "abdomen arterial phase"),
        ("肝脏平扫", "liver plain"),
        ("門脈相 肝臓", "portal venous phase liver"),
        ("遅延相", "delayed phase"),
        ("동맥기 복부", "arterial abdomen"),
        ("Ax T2 FSE rectum 3mm", "axial t2 tse rectum 3 mm"),
        ("t2_tse_tra_p2_320", "t2 tse axial"),
        ("Topogram 0.6 T20f", "localizer"),
        ("PreMonitoring", "bolus"),
        ("C-", "plain"),
        ("+C", "contrast"),
    ],
)
def test_descriptions(text: str, clean: str) -> None:
    assert clean_text(text, SERIES) == clean


@pytest.mark.parametrize(
    ("vocabulary", "text", "clean"),
    [
        (AGENT, "Omnipaque 350 100ml Dr. Meier", "iohexol"),
        (AGENT, "PRIMOVIST", "gadoxetate"),
        (ROUTE, "IV", "intravenous"),
        (MAKER, "GE MEDICAL SYSTEMS Klinikum", "GE MEDICAL SYSTEMS"),
        (MAKER, "SIEMENS Healthineers", "SIEMENS"),
        (MODEL, "SOMATOM Definition AS+ #77123", "SOMATOM Definition AS"),
        (MODEL, "LightSpeed VCT St. Mary", "LightSpeed VCT"),
        (MODEL, "Aquilion ONE", "Aquilion ONE"),
    ],
)
def test_names_of_things(vocabulary: Vocabulary, text: str, clean: str) -> None:
    assert clean_text(text, vocabulary) == clean


@pytest.mark.parametrize("vocabulary", [SERIES, AGENT, ROUTE, MAKER, MODEL], ids=lambda vocabulary: vocabulary.name)
@given(text=st.text(max_size=80))
def test_only_words_of_the_vocabulary_come_out(vocabulary: Vocabulary, text: str) -> None:
    rest = clean_text(text, vocabulary)
    for word in sorted(vocabulary.words, key=len, reverse=True):
        rest = re.sub(rf"(?<!\S){re.escape(word)}(?!\S)", "", rest)
    rest = re.sub(r"(?<!\S)\d{1,3}(\.\d{1,2})? (s|min|mm)(?!\S)", "", rest)
    assert rest.strip() == ""
    assert rest.isascii()


@pytest.mark.parametrize(
    "text", ["19620411", "Tel 0171 2345678", "ID12345s", "123456789 s", "Mustermann, Erika", "4711-0815"]
)
def test_numbers_and_names_do_not(text: str) -> None:
    assert clean_text(text, SERIES) == ""


def test_cleaning_twice_changes_nothing() -> None:
    for text in ("Leber portalvenös 70s 3mm", "上腹部动脉期", "t2_tse_tra in phase"):
        once = clean_text(text, SERIES)
        assert clean_text(once, SERIES) == once
