"""The report is one file with everything inside, and the same content as plain files beside it."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

from abdominal_oncology.report import Paragraph, Report, ReportPicture, ReportTable

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attributes if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _report() -> Report:
    rows = [{"series": "Müller & <b>Söhne</b>", "aorta": 151.25}, {"series": None, "aorta": 40}]
    table = ReportTable("organ hu", "Organs", rows, {"aorta": "HU"})
    return Report("T <1>", "Research use only.", [Paragraph("a < b"), table, ReportPicture("axial/1", "Axial", PNG)])


def test_html_is_well_formed_and_needs_nothing_from_outside(tmp_path: Path) -> None:
    page = _report().write(tmp_path / "out").read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.sources
    assert all(source.startswith("data:image/png;base64,") for source in tags.sources)
    assert not re.search(r"https?://", page)


def test_text_from_files_is_never_markup(tmp_path: Path) -> None:
    page = _report().write(tmp_path).read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "Müller &amp; &lt;b&gt;Söhne" in page


def test_a_table_reads_as_words_and_long_cells_have_room(tmp_path: Path) -> None:
    why = "the values fit patients at no time; regions or the scale of the values may be wrong"
    numbers = {"error_hu": 4.0, "x_mm": -0.0, "voxels": 59356, "share": 0.575233}
    rows = [{**numbers, "finer": "", "reason": why, "slices": "1 2"}]
    table = ReportTable("t", "T", rows, {"error_hu": "[hnsf'U]", "x_mm": "mm", "share": "1"})
    page = Report("R", "N", [table]).write(tmp_path).read_text(encoding="utf-8")
    heads = re.findall(r"<th>(.*?)</th>", page)
    assert heads == ["error <small>HU</small>", "x <small>mm</small>", "voxels", "share", "reason", "slices"]
    assert re.findall(r'<td class="number">(.*?)</td>', page) == ["4", "0", "59356", "0.5752"]
    assert f'<td class="long">{why}</td>' in page
    assert "<td>1 2</td>" in page
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert "finer" in next(csv.reader(file)), "the file keeps what the page leaves out"


def test_broad_pictures_have_two_places(tmp_path: Path) -> None:
    def png(width: int, height: int) -> bytes:
        return PNG[:8] + bytes(8) + width.to_bytes(4) + height.to_bytes(4)

    page = Report("R", "N", [ReportPicture(f"{w}", f"{w}", png(w, 100)) for w in (100, 200)]).html()
    assert re.findall(r"<figure(.*?)>", page) == ["", ' class="broad"']


def test_tables_and_pictures_lie_beside_it(tmp_path: Path) -> None:
    _report().write(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["axial-1.png", "organ-hu.csv", "report.html"]
    with (tmp_path / "organ-hu.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["series", "aorta (HU)"], ["Müller & <b>Söhne</b>", "151.25"], ["", "40"]]
    assert (tmp_path / "axial-1.png").read_bytes() == PNG
