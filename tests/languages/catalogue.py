# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes what gettext calls PO files; only what their tools are sure to write."""
import ast
import dataclasses
import re


@dataclasses.dataclass
class Entry:
    """One text; without a plural, there is one translation."""
    text: str = ""
    context: str | None = None
    plural: str | None = None
    translations: list = dataclasses.field(default_factory=list)
    flags: list = dataclasses.field(default_factory=list)
    places: list = dataclasses.field(default_factory=list)


def read(path):
    """All entries, without obsolete ones; the header is the one with an empty text."""
    entries = []
    for block in re.split(r"\n\s*\n", path.read_text(encoding="UTF-8")):
        entry, put = Entry(), None
        found = False
        for line in block.splitlines():
            if line.startswith("#,"):
                entry.flags += [flag.strip() for flag in line[2:].split(",")]
            elif line.startswith("#:"):
                entry.places += line[2:].split()
            if line.startswith("#") or not line.strip():
                continue
            keyword, _, literal = line.partition('"')
            literal = ast.literal_eval('"' + literal)
            keyword = keyword.strip()
            if keyword:
                put = keyword
            if put == "msgid":
                found = True
                entry.text += literal
            elif put == "msgctxt":
                entry.context = (entry.context or "") + literal
            elif put == "msgid_plural":
                entry.plural = (entry.plural or "") + literal
            else:
                if keyword:
                    entry.translations.append("")
                entry.translations[-1] += literal
        if found:
            entries.append(entry)
    return entries


def quote(text):
    for old, new in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(old, new)
    return f'"{text}"'


def write(path, entries):
    lines = []
    for entry in entries:
        if entry.flags:
            lines.append("#, " + ", ".join(entry.flags))
        if entry.context is not None:
            lines.append("msgctxt " + quote(entry.context))
        lines.append("msgid " + quote(entry.text))
        if entry.plural is None:
            lines.append("msgstr " + quote(entry.translations[0]))
        else:
            lines.append("msgid_plural " + quote(entry.plural))
            lines += [f"msgstr[{i}] {quote(text)}" for i, text in enumerate(entry.translations)]
        lines.append("")
    path.write_text("\n".join(lines), encoding="UTF-8")
