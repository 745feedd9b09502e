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


def test_tables_and_pictures_lie_beside_it(tmp_path: Path) -> None:
    _report().write(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["axial-1.png", "organ-hu.csv", "report.html"]
    with (tmp_path / "organ-hu.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["series", "aorta (HU)"], ["Müller & <b>Söhne</b>", "151.25"], ["", "40"]]
    assert (tmp_path / "axial-1.png").read_bytes() == PNG
