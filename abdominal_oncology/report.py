"""A report a person can keep: one HTML file with its pictures inside, and the same tables and pictures as files."""

from __future__ import annotations

import base64
import csv
import html
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abdominal_oncology.column_titles import words_and_unit
from abdominal_oncology.files import write_atomically


@dataclass(frozen=True)
class Paragraph:
    """One paragraph."""

    text: str


@dataclass(frozen=True)
class ReportTable:
    """Rows by column name; ``units`` by column name are printed in the head. ``name`` becomes the CSV's file name."""

    name: str
    title: str
    rows: Sequence[Mapping[str, Any]]
    units: Mapping[str, str]


@dataclass(frozen=True)
class ReportPicture:
    """A PNG with its caption. ``name`` becomes the file's name."""

    name: str
    caption: str
    png: bytes


Part = Paragraph | ReportTable | ReportPicture


@dataclass(frozen=True)
class Report:
    """
    >>> from tempfile import TemporaryDirectory
    >>> table = ReportTable("sizes", "Sizes", [{"lesion": 1, "size": 21.0}], {"size": "mm"})
    >>> with TemporaryDirectory() as folder:
    ...     path = Report("Example", "Research use only.", [table]).write(Path(folder))
    ...     sorted(file.name for file in path.parent.iterdir())
    ['report.html', 'sizes.csv']
    """

    title: str
    notice: str
    parts: Sequence[Part]
    cautions: Sequence[str] = ()
    """What must be read before the rest."""

    def write(self, folder: Path) -> Path:
        """Write ``report.html``, one CSV per table and one PNG per picture; gives the path of the HTML file."""
        self.write_tables(folder)
        for part in self.parts:
            if isinstance(part, ReportPicture):
                write_atomically(folder / f"{_file_name(part.name)}.png", part.png)
        path = folder / "report.html"
        write_atomically(path, self.html().encode())
        return path

    def write_tables(self, folder: Path) -> tuple[Path, ...]:
        """Only the tables, one CSV each; gives their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = {folder / f"{_file_name(part.name)}.csv": part for part in self.parts if isinstance(part, ReportTable)}
        for path, table in tables.items():
            _write_csv(table, path)
        return tuple(tables)

    def html(self) -> str:
        body: list[str] = []
        pictures: list[str] = []
        for part in self.parts:
            if isinstance(part, ReportPicture):
                pictures.append(_picture(part))
                continue
            body += _gallery(pictures)
            pictures = []
            body.append(f"<p>{html.escape(part.text)}</p>" if isinstance(part, Paragraph) else _table(part))
        body += _gallery(pictures)
        title = html.escape(self.title)
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
            + "".join(f'<p class="notice">{html.escape(each)}</p>\n' for each in (self.notice, *self.cautions))
            + "\n".join(body)
            + "\n</body></html>\n"
        )


def _gallery(pictures: Sequence[str]) -> list[str]:
    return [f'<div class="pictures">{"".join(pictures)}</div>'] if pictures else []


def _picture(picture: ReportPicture) -> str:
    data = base64.b64encode(picture.png).decode()
    caption = html.escape(picture.caption)
    kind = ' class="broad"' if _is_wide(picture.png) else ""
    image = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    return f"<figure{kind}>{image}<figcaption>{caption}</figcaption></figure>"


def _table(table: ReportTable) -> str:
    known = list(table.rows[0]) if table.rows else []
    columns = [name for name in known if any(_says(row.get(name)) for row in table.rows)]
    head = "".join(f"<th>{_head(column, table.units.get(column, ''))}</th>" for column in columns)
    rows = "".join("<tr>" + "".join(_cell(row.get(column)) for column in columns) + "</tr>" for row in table.rows)
    empty = "" if table.rows else "<p>(nothing)</p>"
    return (
        f"<h2>{html.escape(table.title)}</h2>{empty}"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _says(value: Any) -> bool:
    """A column in which no cell says anything is left to the CSV file."""
    return value is not None and value != ""


def _head(column: str, unit: str) -> str:
    words, shown = words_and_unit(column, unit)
    return html.escape(words) + (f" <small>{html.escape(shown)}</small>" if shown else "")


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = "" if value is None else str(value)
        kind = next((f' class="{name}"' for name, length in _LENGTHS.items() if len(text) > length), "")
        return f"<td{kind}>{html.escape(text)}</td>"
    digits = 4 if abs(value) < 1000 else 6  # a person reads no more; the CSV file has all
    return f'<td class="number">{value + 0:.{digits}g}</td>'  # + 0: no −0


def _is_wide(png: bytes) -> bool:
    width, height = struct.unpack(">II", png[16:24]) if len(png) >= 24 else (1, 1)
    return bool(width > _WIDE * height)


def _write_csv(table: ReportTable, path: Path) -> None:
    columns = list(table.rows[0]) if table.rows else []
    names = [f"{column} ({table.units[column]})" if column in table.units else column for column in columns]
    lines: list[list[Any]] = [list(names), *([row.get(column) for column in columns] for row in table.rows)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "part"


_LENGTHS = {"long": 60, "some": 24}
"""A cell of more characters needs room, or it becomes a column of single words."""
_WIDE = 1.7

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
.notice { border-left: 4px solid #d08700; padding: .4rem .8rem;
          background: color-mix(in srgb, #d08700 12%, transparent); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
         text-align: left; vertical-align: top; }
th small { font-weight: normal; opacity: .7; }
td.number { text-align: right; }
td.long { min-width: 22rem; } td.some { min-width: 11rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; margin: 1rem 0; }
@media (min-width: 40rem) { figure.broad { grid-column: span 2; } }
figure { margin: 0; } img { width: 100%; background: #000; } figcaption { font-size: .85rem; opacity: .8; }
"""
