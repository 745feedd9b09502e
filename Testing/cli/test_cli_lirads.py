"""``abdominal-oncology lirads``: words in, a category out."""

from __future__ import annotations

import json

import pytest

from abdominal_oncology.cli import main
from abdominal_oncology.hcc.lirads.assessment import measured, seen
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.population import Population


def call(capsys, *words):
    """``words`` may be one string with spaces, or one by one where a word holds a space."""
    words = words[0].split() if len(words) == 1 else words
    assert main(["lirads", *words, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_the_example(capsys):
    found = call(capsys, "--aphe", "nonrim", "--size-mm", "21", "--washout")
    assert (found["category"], found["score"], found["step"]) == ("LR-5", 1.0, "table")
    assert found["applies"] == "not applicable until confirmed"
    assert found["sentence"].endswith("LR-5: 21 mm, nonrim APHE, washout; no capsule")
    assert found["probabilities"]["LR-5"] == 1
    assert {"if": "without washout", "category": "LR-4"} in found["changes"]
    assert [row["feature"] for row in found["used"]][:3] == ["size_mm", "aphe", "washout"]


def test_text(capsys):
    words = "--population cirrhosis --aphe nonrim --size-mm 15 --size-sd-mm 3 --probability capsule=0.6"
    assert main(["lirads", *words.split()]) == 0
    out = capsys.readouterr().out
    assert out.startswith("LR-3: 15 mm, nonrim APHE; no washout; enhancing capsule unsure, so counted as absent\n")
    for piece in ("What would change it:\n", "with washout → LR-5", "category  probability", "note: threshold growth"):
        assert piece in out


@pytest.mark.parametrize(
    ("words", "category"),
    [
        ("--aphe nonrim --size-mm 12 --washout peripheral", "LR-M"),
        ("--aphe nonrim --size-mm 12 --washout none", "LR-3"),
        ("--aphe nonrim --size-mm 12 --washout unknown", "LR-3"),
        ("--aphe unknown --size-mm 12", "LR-3"),
        ("--aphe rim --size-mm 12", "LR-M"),
        ("--aphe nonrim --size-mm 12 --capsule", "LR-4"),
        ("--aphe nonrim --size-mm 12 --capsule --washout", "LR-5"),
        ("--aphe nonrim --size-mm 12 --prior-size-mm 8 --months 6", "LR-5"),
        ("--aphe nonrim --size-mm 12 --prior-size-mm 8 --prior-date 2025-07-01 --date 2026-01-01", "LR-5"),
        ("--aphe nonrim --size-mm 12 --prior-size-mm 8 --prior-date 2025-06-30 --date 2026-01-01", "LR-4"),
        ("--size-mm 12 --prior-size-mm 12 --months 30 --prior-size-mm 12 --months 6", "LR-2"),
        ("--tiv", "LR-TIV"),
        ("--definitely-benign", "LR-1"),
        ("--probably-benign", "LR-2"),
        ("--not-categorisable --tiv", "LR-NC"),
        ("--size-mm 12 --fat-in-mass", "LR-4"),
        ("--size-mm 12 --fat-in-mass --no-ancillary", "LR-3"),
        ("--size-mm 12 --parallels-blood-pool", "LR-2"),
        ("--size-mm 12 --phases noncontrast portal delayed", "LR-NC"),
        ("--size-mm 25 --aphe nonrim --washout --torn-with LR-4", "LR-4"),
        ("--size-mm 25 --aphe nonrim --washout --population under-18", None),
        ("--size-mm 25 --aphe nonrim --washout --population hbv --age-years 12", None),
    ],
)
def test_words_to_category(capsys, words, category):
    assert call(capsys, words)["category"] == category


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_has_an_option(capsys, feature):
    value = FEATURES[feature].values[-1]
    found = call(capsys, "--size-mm", "12", f"--{feature.value.replace('_', '-')}", value)
    assert found["observation"]["features"][feature]["value"] == value
    assert value in [row["value"] for row in found["used"] if row["feature"] == feature]


def test_probabilities(capsys):
    found = call(
        capsys, *["--size-mm", "12", "--washout", "--probability", "aphe=0.7", "--probability", "aphe:rim=0.1"]
    )
    chances = found["probabilities"]
    assert (chances["LR-M"], chances["LR-5"], chances["LR-3"]) == pytest.approx((0.1, 0.7, 0.2))
    assert found["category"] == "LR-3", "0.7 is not sure"
    stated = call(capsys, "--size-mm 12 --washout --aphe nonrim --probability aphe=0.7")
    assert (stated["category"], stated["probabilities"]["LR-5"]) == ("LR-5", pytest.approx(0.7))
    absent = call(capsys, "--size-mm 12 --washout --probability aphe:none=0.2")
    assert absent["probabilities"]["LR-5"] == pytest.approx(0.8)
    assert absent["mean_score"] == pytest.approx(0.8 * 1 + 0.2 * 0.6)
    unknown = call(
        capsys, *["--size-mm", "12", "--aphe", "nonrim", "--washout", "unknown", "--probability", "washout=0.9"]
    )
    assert (unknown["category"], unknown["probabilities"]["LR-5"]) == ("LR-3", pytest.approx(0.9))


def test_no_probabilities_outside_the_population(capsys):
    found = call(capsys, "--size-mm", "12", "--population", "none")
    assert (found["probabilities"], found["mean_score"], found["label"]) == (None, None, "no LI-RADS category")


def test_override_of_a_saved_observation(capsys, tmp_path):
    features = {Feature.APHE: seen("nonrim"), Feature.WASHOUT: measured(Feature.WASHOUT, {"nonperipheral": 0.9})}
    path = tmp_path / "lesion.json"
    path.write_text(
        Observation(15, features, population=Population.of("hbv"), name="seven").to_json(), encoding="utf-8"
    )
    assert call(capsys, "--observation", str(path))["sentence"].startswith("LR-5: 15 mm")
    words = ["--washout", "none", "--size-mm", "25", "--reader", "Dr A", "--age-years", "70"]
    found = call(capsys, "--observation", str(path), *words)
    assert found["category"] == "LR-4"
    assert [(each["what"], each["by"]) for each in found["observation"]["overrides"]] == [
        ("washout", "Dr A"), ("size_mm", "Dr A"),
    ]  # fmt: skip
    assert any("washout overridden by Dr A, nonperipheral → none" in note for note in found["notes"])
    again = tmp_path / "again.json"
    again.write_text(json.dumps(found["observation"]), encoding="utf-8")
    assert call(capsys, "--observation", str(again))["sentence"] == found["sentence"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--aphe nonrim", "size"),
        ("--size-mm -3", "cannot be"),
        ("--size-mm 2100", "millimetres"),
        ("--size-mm 12 --prior-size-mm 8", "--months"),
        ("--size-mm 12 --prior-size-mm 8 --months 3 --prior-date 2026-01-01", "not both"),
        ("--size-mm 12 --prior-size-mm 8 --prior-date 2026-01-01", "date"),
        ("--size-mm 12 --probability aphe=0.8 --probability aphe=0.7", "twice"),
        ("--size-mm 12 --probability aphe=0.8 --probability aphe:rim=0.7", "sum to 1"),
        ("--size-mm 12 --population hbv --population none", "not both"),
        ("--observation nowhere.json", "nowhere.json"),
    ],
)
def test_input_that_is_wrong(capsys, words, message):
    assert main(["lirads", *words.split()]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


@pytest.mark.parametrize(
    "words",
    [
        "--aphe",
        "--aphe bright",
        "--size-mm big",
        "--probability aphe",
        "--probability aphe=often",
        "--probability bright=0.5",
        "--probability aphe:bright=0.5",
        "--probability aphe=1.5",
        "--probability aphe=nan",
        "--torn-with LR-NC",
        "--prior-date yesterday",
        "--cap",
    ],
)
def test_a_command_line_that_is_wrong(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main(["lirads", *words.split()])
    assert stopped.value.code == 2
