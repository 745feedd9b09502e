"""The card of a bundle: what its facts say, as a page for people (Markdown)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.bundle.origin import Origin, origin_of

_BANNERS = {
    Origin.PHANTOMS: (
        "> **Trained on phantoms, not on patients.** Synthetic images made this model; nothing is known of its errors "
        "on people. For trying out the software only."
    ),
    Origin.PART_PHANTOMS: (
        "> **Trained in part on phantoms.** Synthetic images are among the data that this model learned from."
    ),
}


def make_card(facts: BundleFacts) -> str:
    """Always the same sections in the same order; what is not known is said to be not known.

    >>> facts = BundleFacts("liver", "1.2", "hcc", "net", ("a", "b"), (1, 8, 8), "phantoms",
    ...                     results={"accuracy": {"value": 0.912, "low": 0.87, "high": 0.95}})
    >>> print(next(line for line in make_card(facts).splitlines() if "accuracy" in line))
    | accuracy | 0.912 | 0.87 to 0.95 |
    """
    banner = _BANNERS.get(origin_of(facts.trained_on))
    parts = [
        f"# {_text(facts.name)} {facts.version}",
        *([banner] if banner else []),
        "Research use only.",
        f"Question: `{_code(facts.task)}`. Answers: {', '.join(_text(name) for name in facts.classes)}. "
        f"Network: `{_code(facts.network)}`, input {' × '.join(str(size) for size in facts.input_shape)} (channels "
        "first).",
        _section("Intended use", facts.intended_use),
        _section("Limits", facts.limits),
        _section("Data it learned from", facts.trained_on),
        f"## Figures\n\n{_figures(facts.results)}",
        f"## How it decides\n\n{_decision(facts)}",
        f"## Preparation of the input\n\n{_settings(facts.preparation)}",
        f"## How it was made\n\n{_settings(facts.training)}",
        f"## Speed\n\n{_speed(facts.seconds)}",
        _section("Authors", facts.authors),
        "## References\n\n" + ("\n".join(f"- {_text(each)}" for each in facts.references) or _UNKNOWN),
    ]
    return "\n\n".join(parts) + "\n"


_UNKNOWN = "Not stated."


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{_text(text) or _UNKNOWN}"


def _figures(results: Mapping[str, Any]) -> str:
    rows = list(_rows(results, ""))
    if not rows:
        return "None were measured."
    return "\n".join(["| figure | value | 95 % interval |", "|---|---:|---|", *rows])


def _rows(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in table.items():
        title = f"{prefix}{name}"
        if isinstance(value, Mapping) and "value" not in value:
            yield from _rows(value, f"{title}, ")
            continue
        figure, interval = value, ""
        if isinstance(value, Mapping):
            figure = value["value"]
            if value.get("low") is not None and value.get("high") is not None:
                level = f" ({value['level']:.0%})" if value.get("level", 0.95) != 0.95 else ""
                interval = f"{_number(value['low'])} to {_number(value['high'])}{level}"
        yield f"| {_cell(title)} | {_cell(_number(figure))} | {_cell(interval)} |"


def _decision(facts: BundleFacts) -> str:
    lines = [f"- temperature of the calibrated probabilities: {_number(facts.temperature)}"]
    lines += [f"- threshold {_text(name)}: {_number(value)}" for name, value in facts.thresholds.items()]
    lines.append(
        "- warns of inputs unlike its training data"
        if facts.unfamiliar
        else "- does not know how far an input is from its training data"
    )
    return "\n".join(lines)


def _settings(table: Mapping[str, Any]) -> str:
    if not table:
        return _UNKNOWN
    return "\n".join(f"- {_text(name)}:{_setting(value)}" for name, value in table.items())


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):  # a table of settings, such as a recipe, one to a line
        lines = json.dumps(value, ensure_ascii=False, indent=2).replace("`", "'").splitlines()
        return "\n\n  ```json\n" + "\n".join(f"  {line}" for line in lines) + "\n  ```\n"
    return f" `{_code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}`"


def _speed(seconds: Mapping[str, float]) -> str:
    if not seconds:
        return "Not measured."
    return "\n".join(
        [
            "| device | seconds per input |",
            "|---|---:|",
            *(f"| {_cell(k)} | {_number(v)} |" for k, v in seconds.items()),
        ]
    )


def _number(value: Any) -> str:
    if value is None:
        return "not defined"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")


def _code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")


def _text(text: str) -> str:
    """One paragraph that cannot pass for markup."""
    return " ".join(str(text).split()).replace("<", "&lt;")
