"""The algorithm over its whole finite space: every cell, the order, ancillary features, tie-breaking."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.ancillary import FAVOURING_BENIGNITY, FAVOURING_MALIGNANCY, adjust
from abdominal_oncology.hcc.lirads.category import Facts, Step, break_tie, decide
from abdominal_oncology.hcc.lirads.changes import what_would_change
from abdominal_oncology.hcc.lirads.features import FEATURES, Aphe, Feature, Group, Washout
from abdominal_oncology.hcc.lirads.table import ADDITIONAL, COLUMNS, TABLE, Category, column_of, look_up

NC, TIV, R1, R2, R3, R4, R5, M = Category
NONE, NONRIM, RIM = Aphe

# Typed here once more, cell by cell, from the published table: (capsule, washout, growth) → no APHE <20, ≥20,
# nonrim <10, 10–19, ≥20.
PRINTED = {
    (0, 0, 0): "33334",
    (1, 0, 0): "34445",
    (0, 1, 0): "34455",
    (0, 0, 1): "34455",
    (1, 1, 0): "44455",
    (1, 0, 1): "44455",
    (0, 1, 1): "44455",
    (1, 1, 1): "44455",
}
SIZES = {0: (0.5, 9.9, 10, 15, 19.9, 19.99), 1: (20, 20.1, 300), 2: (0.5, 9, 9.99), 3: (10, 15, 19.99), 4: (20, 300)}
WASHOUTS = (Washout.NONE, Washout.NONPERIPHERAL)
SPACE = [
    Facts(size, aphe, washout, *flags)
    for size, aphe, washout in product((5.0, 10.0, 15.0, 20.0, 40.0), Aphe, Washout)
    for flags in product((False, True), repeat=8)
]
"""Every combination of all answers but the two kinds of ancillary features, at five sizes: 11,520."""


def _facts(size, aphe, combination):
    capsule, washout, growth = combination
    return Facts(size, aphe, WASHOUTS[washout], capsule=bool(capsule), threshold_growth=bool(growth))


@pytest.mark.parametrize("combination", PRINTED)
def test_every_cell_at_both_ends(combination):
    for column, digit in enumerate(PRINTED[combination]):
        aphe = NONE if column < 2 else NONRIM
        for size in SIZES[column]:
            outcome = decide(_facts(size, aphe, combination))
            assert (outcome.category, outcome.step) == (Category(f"LR-{digit}"), Step.TABLE), (column, size)
            assert column_of(aphe, size) == column


def test_the_table_is_whole():
    assert len(TABLE) == 3
    assert all(len(row) == len(COLUMNS) for row in TABLE)
    divided = [(r, c) for r, row in enumerate(TABLE) for c, cell in enumerate(row) if not isinstance(cell, Category)]
    assert divided == [(1, 3)]
    assert set(TABLE[1][3]) == set(ADDITIONAL)


def test_sizes_that_floating_point_misses():
    assert look_up(NONRIM, 20 - 1e-9, frozenset({Feature.WASHOUT})) is R5
    assert column_of(NONRIM, 0.1 * 3 + 9.7) == 3
    assert column_of(NONE, 20 - 1e-4) == 0


def test_what_the_table_refuses():
    with pytest.raises(InvalidInputError):
        column_of(RIM, 15)
    with pytest.raises(InvalidInputError):
        look_up(NONRIM, 15, frozenset({Feature.MOSAIC}))


def _expected(facts):
    """The order of decision, written a second time as plain ifs."""
    if facts.not_categorisable:
        return NC
    if facts.tumour_in_vein:
        return TIV
    if facts.definitely_benign:
        return R1
    if facts.probably_benign:
        return R2
    if facts.targetoid or facts.aphe is RIM or facts.washout is Washout.PERIPHERAL:
        return M
    row = (int(facts.capsule), int(facts.washout is Washout.NONPERIPHERAL), int(facts.threshold_growth))
    column = (
        (0 if facts.size_mm < 20 else 1) if facts.aphe is NONE else 2 + (facts.size_mm >= 10) + (facts.size_mm >= 20)
    )
    digit = PRINTED[row][column]
    return M if facts.nontargetoid and digit != "5" else Category(f"LR-{digit}")


def test_the_order_over_the_whole_space():
    wrong = [facts for facts in SPACE if decide(facts).category is not _expected(facts)]
    assert len(SPACE) == 11_520
    assert wrong == []


def test_steps_agree_with_categories():
    for facts in SPACE:
        outcome = decide(facts)
        if outcome.step is Step.TABLE:
            assert outcome.category in (R3, R4, R5)
        else:
            assert outcome.step == outcome.category


def test_a_major_feature_more_never_lowers_the_table():
    more = 0
    for facts in SPACE:
        if decide(facts).step is not Step.TABLE or facts.nontargetoid:
            continue
        before = decide(facts).category.number
        richer = [replace(facts, capsule=True), replace(facts, threshold_growth=True)]
        richer += [replace(facts, washout=Washout.NONPERIPHERAL), replace(facts, aphe=NONRIM)]
        richer += [replace(facts, size_mm=each) for each in (5.0, 10.0, 15.0, 20.0, 40.0) if each > facts.size_mm]
        for other in richer:
            assert decide(other).category.number >= before, (facts, other)
            more += 1
    assert more > 100


def test_only_nonrim_aphe_of_10_mm_makes_lr5():
    fives = [facts for facts in SPACE if decide(facts).category is R5]
    assert fives
    assert all(facts.aphe is NONRIM and facts.size_mm >= 10 and facts.additional for facts in fives)


@pytest.mark.parametrize("category", Category)
def test_ancillary_features(category):
    assert adjust(category, False, False) is category
    assert adjust(category, True, True) is category
    up, down = adjust(category, True, False), adjust(category, False, True)
    raised = {R1: R2, R2: R3, R3: R4}
    lowered = {R2: R1, R3: R2, R4: R3, R5: R4}
    assert up is raised.get(category, category)
    assert down is lowered.get(category, category)


def test_ancillary_features_never_reach_lr5():
    for facts in SPACE[::2]:
        plain = decide(facts)
        up = decide(replace(facts, favours_malignancy=True))
        assert up.first is plain.category
        assert (up.category is R5) == (plain.category is R5)


def test_necrosis_in_lr5_that_benignity_lowers_stays_off_lr_m():
    facts = Facts(25, NONRIM, Washout.NONPERIPHERAL, nontargetoid=True, favours_benignity=True)
    assert decide(facts).category is R4


def test_every_ancillary_feature_is_on_one_side():
    assert not set(FAVOURING_MALIGNANCY) & set(FAVOURING_BENIGNITY)
    ancillary = {f for f, spec in FEATURES.items() if spec.group in (Group.MALIGNANCY, Group.HCC, Group.BENIGNITY)}
    assert ancillary == set(FAVOURING_MALIGNANCY) | set(FAVOURING_BENIGNITY)
    assert (len(FAVOURING_MALIGNANCY), len(FAVOURING_BENIGNITY)) == (14, 7)
    assert set(FEATURES) == set(Feature)


TIES = {
    (R5, R4): R4, (R4, R3): R3, (R1, R2): R2, (R2, R3): R3, (R5, R3): R3, (R1, R3): R3,
    (R2, R4): R3, (R1, R4): R3, (R1, R5): R3, (R2, R5): R3,
    (M, R5): M, (M, R4): M, (M, R3): R3, (M, R2): R3, (M, R1): R3,
    (TIV, M): M, (TIV, R5): R5, (TIV, R4): R4, (TIV, R3): R3, (TIV, R2): R2, (TIV, R1): R1,
}  # fmt: skip


def test_every_tie():
    for (first, second), winner in TIES.items():
        assert break_tie(first, second) is winner
        assert break_tie(second, first) is winner
    scale = [category for category in Category if category is not NC]
    assert {frozenset(pair) for pair in TIES} == {frozenset(p) for p in product(scale, scale) if p[0] is not p[1]}
    assert [break_tie(each, each) for each in scale] == scale
    with pytest.raises(InvalidInputError, match="tie"):
        break_tie(NC, R3)


def test_no_tie_makes_lr_tiv_and_the_images_come_first():
    for facts in SPACE[::7]:
        for other in (R1, R3, R5, M, TIV):
            tied = decide(facts, other)
            if facts.not_categorisable:
                assert tied.category is NC
            elif other is not TIV or not facts.tumour_in_vein:
                assert tied.category is not TIV


def test_without_a_size_only_the_table_is_at_a_loss():
    for facts in SPACE[::3]:
        unsized = replace(facts, size_mm=None)
        if decide(facts).step is Step.TABLE or (decide(facts).step is Step.MALIGNANT and not facts.any_targetoid):
            with pytest.raises(InvalidInputError, match="size"):
                decide(unsized)
        else:
            assert decide(unsized).category is decide(facts).category


@pytest.mark.parametrize("facts", SPACE[::211])
def test_changes_are_true_and_single(facts):
    changes = what_would_change(facts)
    titles = [change.if_ for change in changes]
    assert len(set(titles)) == len(titles)
    assert all(change.category is not decide(facts).category for change in changes)
    told = {change.if_: change.category for change in changes}
    now = decide(facts).category
    titles = {
        "capsule": "enhancing capsule",
        "threshold_growth": "threshold growth",
        "tumour_in_vein": "definite tumour in vein",
    }
    for name, title in titles.items():
        there = getattr(facts, name)
        other = decide(replace(facts, **{name: not there})).category
        assert told.get(f"{'without' if there else 'with'} {title}", now) is other
    for side in ("malignancy", "benignity"):
        other = decide(replace(facts, **{f"favours_{side}": True})).category
        assert told.get(f"with an ancillary feature of {side}", now) is other
    for size, title in ((5.0, "below 10 mm"), (15.0, "at 10 to below 20 mm"), (20.0, "at 20 mm or more")):
        assert told.get(title, now) is decide(replace(facts, size_mm=size)).category
    for aphe, title in ((NONE, "without APHE"), (NONRIM, "with nonrim APHE"), (RIM, "with rim APHE")):
        assert told.get(title, now) is decide(replace(facts, aphe=aphe)).category


def test_changes_of_a_doubted_category():
    changes = what_would_change(Facts(25, NONRIM, Washout.NONPERIPHERAL), torn_with=M)
    assert str(changes[0]) == "without the doubt → LR-5"
    assert [str(each) for each in what_would_change(Facts(None, RIM)) if "mm" in str(each)] == []


def test_scores_are_category_over_five():
    assert [category.score for category in Category] == [None, None, 0.2, 0.4, 0.6, 0.8, 1.0, None]
