"""A rectal finding in a person's words, and as a report with pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.honesty import cautions, phantom_banner
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.report import Report, ReportPicture
    from abdominal_oncology.scene.rectal_results import RectalResults

SLICE_COLUMNS = ("slice", "z_mm", "probability", "influence")
EVIDENCE_COLUMNS = ("item", "value", "unit", "note")

_PICTURED = 3
_AROUND_MM = 45.0
_PIXELS = 360
_TOWARDS, _AGAINST = (213.0, 94.0, 0.0), (0.0, 114.0, 178.0)
_STRONGEST = 0.6


def headline(finding: Finding) -> str:
    """The stage and how sure, in a line; then what it rests on."""
    chance = finding.probabilities.get("T3")
    if finding.decision is not None and chance is not None:
        sure = chance if finding.decision == "T3" else 1 - chance
        first = tr("{stage} (probability {sure:.0f}\u00a0%)").format(stage=finding.decision, sure=100 * sure)
    else:
        first = tr("No stage is given")
    return "\n".join([first, finding.reason, *(_measured(finding))])


def banner(finding: Finding) -> str:
    """What must be seen first: phantoms, and every doubt."""
    doubts = as_list(each.message for each in finding.warnings)
    return "\n".join(part for part in (phantom_banner(finding.provenance.trained_on), *doubts) if part)


def as_list(messages: Iterable[str]) -> list[str]:
    """Sentences, one a line."""
    return [f"• {each[:1].upper()}{each[1:]}" for each in messages]


def _measured(finding: Finding) -> list[str]:
    lines = []
    for each in finding.measurements:
        if each.unit != "1":  # lengths and volumes; what looks say of a probability is in the table
            spread = "" if each.low is None else f" ({each.low:.1f} to {each.high:.1f})"
            lines.append(f"{each.name}: {each.value:.1f} {each.unit}{spread}; {each.note}")
    return lines


def report_of(finding: Finding, volume: Any, written: RectalResults) -> Report:
    """The tables of the scene, and the slices that moved the answer most with the activation map over them."""
    from abdominal_oncology.panels.exports import report_of_tables
    from abdominal_oncology.report import Paragraph

    parts = [Paragraph(headline(finding)), *(Paragraph(each.message) for each in finding.warnings)]
    pictures = list(_pictures(finding, volume, written))
    tables = [written.summary, written.slices]
    return report_of_tables(tr("Rectal staging"), tables, [*parts, *pictures], cautions([finding]))


def _pictures(finding: Finding, volume: Any, written: RectalResults) -> Iterator[ReportPicture]:
    from abdominal_oncology.report import ReportPicture
    from abdominal_oncology.scene.pictures import png_bytes

    for row in _most_telling(written.slices):
        index = int(row["slice"])
        caption = tr("slice {slice}: T3 probability alone {alone:.2f}, influence {influence:+.2f}").format(
            slice=index, alone=row["probability"], influence=row["influence"]
        )
        yield ReportPicture(f"slice-{index}", caption, png_bytes(_picture(finding, volume, written.overlay, index)))


def _most_telling(slices: Any) -> list[Any]:
    if slices is None:
        return []
    from abdominal_oncology.scene.tables import table_from_node

    rows: list[Any] = sorted(table_from_node(slices).rows, key=lambda row: -abs(float(row["influence"] or 0)))
    return rows[:_PICTURED]


def _picture(finding: Finding, volume: Any, overlay: Any, index: int) -> Any:
    """The region in one slice; red places spoke for T3, blue ones for T2."""
    import numpy as np  # a panel is registered without it

    from abdominal_oncology.scene.rectal_places import place_of_slice
    from abdominal_oncology.scene.render import SliceRenderer
    from abdominal_oncology.scene.volumes import image_from_volume_node

    place = place_of_slice(finding, volume, index)
    image = _around(image_from_volume_node(volume), place)
    height = float(np.dot(np.subtract(place, image.geometry.centre_mm), image.geometry.normal))
    with SliceRenderer(_PIXELS, _PIXELS) as renderer:
        renderer.show(image)
        grey = renderer.picture("native", height)
        if overlay is None:
            return grey
        renderer.show(_around(image_from_volume_node(overlay), place), window=(-1.0, 1.0))
        spoke = renderer.picture("native", height)[..., :1] / 127.5 - 1.0
    colour = np.where(spoke > 0, _TOWARDS, _AGAINST)
    weight = np.abs(spoke) * _STRONGEST
    return np.rint(grey * (1 - weight) + colour * weight).astype(np.uint8)


def _around(image: Any, place: tuple[float, float, float]) -> Any:
    import numpy as np

    from abdominal_oncology.imaging.crop import crop_to_index

    grid = image.geometry
    middle, reach = grid.to_index(place), _AROUND_MM / np.asarray(grid.spacing_mm)
    low = np.clip(np.floor(middle - reach).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(middle + reach).astype(int) + 1, 0, grid.shape)
    return crop_to_index(image, low.tolist(), high.tolist())
