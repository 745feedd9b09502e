"""Finding: the answer to one clinical question, with everything needed to trust or doubt it. Plain data, JSON-able."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.plain import as_plain

Cell = str | float | int | bool | None
"""What a cell of an evidence table may hold."""

FORMAT = 1


@dataclass(frozen=True)
class FindingWarning:
    """A stable code for programs and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True)
class Measurement:
    """Something measured. ``low`` … ``high`` is its 90 % interval where one is known."""

    name: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Provenance:
    """What made the finding: enough to make it again. ``bundle`` is empty where no trained model was used."""

    method: str
    bundle: str = ""
    bundle_version: str = ""
    weights_sha256: str = ""
    trained_on: str = ""
    device: str = ""
    device_reason: str = ""
    engine: str = ""
    software: str = ""
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """The answer for one subject (a series, a lesion, a tumour).

    ``decision`` is None where the answer is withheld; ``reason`` then says why, and otherwise in a sentence what the
    decision rests on. ``tables`` hold evidence row by row (votes per slice, regions), each row a flat mapping.

    >>> found = Finding("phase", "series 4", "venous", {"venous": 0.9, "arterial": 0.1}, Provenance("votes"))
    >>> Finding.from_json(found.to_json()) == found, found.probability
    (True, 0.9)
    """

    question: str
    subject: str
    decision: str | None
    probabilities: Mapping[str, float]
    provenance: Provenance
    reason: str = ""
    measurements: tuple[Measurement, ...] = ()
    tables: Mapping[str, tuple[Mapping[str, Cell], ...]] = field(default_factory=dict)
    warnings: tuple[FindingWarning, ...] = ()
    parts: tuple[Finding, ...] = ()
    """Answers of single methods that this one combines, shown apart."""

    @property
    def abstained(self) -> bool:
        return self.decision is None

    @property
    def probability(self) -> float | None:
        """Of the decision; None where withheld."""
        return None if self.decision is None else self.probabilities.get(self.decision)

    def has_warning(self, code: str) -> bool:
        return any(warning.code == code for warning in self.warnings)

    def with_warnings(self, warnings: Sequence[FindingWarning]) -> Finding:
        return replace(self, warnings=(*self.warnings, *warnings))

    def taking(self, seconds: float) -> Finding:
        """The same, with the time that the whole of it took."""
        return replace(self, provenance=replace(self.provenance, seconds=round(seconds, 4)))

    def measurement(self, name: str) -> Measurement | None:
        return next((each for each in self.measurements if each.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **as_plain(asdict(self))}

    def to_json(self) -> str:
        """Numbers that do not exist (NaN) are refused: JSON has none."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Finding:
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidInputError(f"this is not a finding: {error}") from error
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        version = values.get("format", FORMAT)
        if not isinstance(version, int) or version > FORMAT:
            raise InvalidInputError(
                f"this finding has format {version}; known up to {FORMAT}", remedy="update AbdominalOncology"
            )
        try:
            return cls(
                values["question"],
                values["subject"],
                values["decision"],
                dict(values["probabilities"]),
                Provenance(**values["provenance"]),
                values["reason"],
                tuple(Measurement(**each) for each in values["measurements"]),
                {name: tuple(dict(row) for row in rows) for name, rows in values["tables"].items()},
                tuple(FindingWarning(**each) for each in values["warnings"]),
                tuple(cls.from_dict(part) for part in values["parts"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(f"this is not a finding: {error}") from error
