#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether each language of po/LINGUAS is whole and says all that the English text does.

Usage: check-languages.py SOURCE-FOLDER
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import catalogue

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
SHOWN_MAX = 10

# What is the same in every language: options, variables and settings in a sentence.
NAMES = re.compile(r"(?<![\w-])--[a-z][a-z-]*|\b[A-Z]+(?:_[A-Z]+)+\b|\b[a-z]+(?:_[a-z]+)+\b(?=:)")
# These end a text with their own room behind them.
WIDE = "：，。、；？！）」』”"
ELLIPSIS = ("…", "...")
COLONS = (":", "：")


def end_of(text):
    return text[len(text.rstrip()):]


def start_of(text):
    return text[:len(text) - len(text.lstrip())]


def find_faults(text, translation):
    """What msgfmt doesn't look at."""
    if start_of(text) != start_of(translation) and text.strip():
        yield "begins with other spaces"
    if end_of(text) != end_of(translation) and text.strip() \
            and not (translation.rstrip()[-1:] in WIDE and not end_of(translation)):
        yield "ends with other spaces"
    if text.rstrip().endswith("…") != translation.rstrip().endswith(ELLIPSIS):
        yield "has its … elsewhere"
    if text.rstrip().endswith(":") and not translation.rstrip().endswith(COLONS):
        yield "lacks the colon at the end"
    for name in sorted(set(NAMES.findall(text)) - set(NAMES.findall(translation))):
        if name not in translation:
            yield f"lacks {name}"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def look_at(file, template, folder):
    """Returns what is wrong with a language."""
    if not file.exists():
        return ["it is in po/LINGUAS, but there is no such file"]

    faults = []
    checked = run("msgfmt", "--check", "--check-accelerators=_", "-o", "/dev/null", str(file))
    if checked.returncode != 0:
        faults += checked.stderr.splitlines()
    # What has been added since, or was changed, is missing here.
    merged = folder / file.name
    done = run("msgmerge", "--quiet", "--no-fuzzy-matching", "-o", str(merged), str(file), str(template))
    if done.returncode != 0:
        return faults + done.stderr.splitlines()

    for entry in catalogue.read(merged):
        what = "“" + (f"{entry.context}|" if entry.context else "") + entry.text.replace("\n", "↵") + "”"
        if not entry.text:
            continue
        if "fuzzy" in entry.flags:
            faults.append(f"{what} is fuzzy")
        elif not all(entry.translations):
            faults.append(f"{what} is not translated")
        else:
            for i, translation in enumerate(entry.translations):
                text = entry.plural if entry.plural is not None and i > 0 else entry.text
                faults += [f"{what}: “{translation}” {fault}" for fault in find_faults(text, translation)]
    return faults


def main():
    source = pathlib.Path(sys.argv[1])
    for program in ("msgfmt", "msgmerge"):
        if shutil.which(program) is None:
            print(f"{program} is not installed (tools/setup)")
            return SKIPPED

    languages = [word for line in (source / "po" / "LINGUAS").read_text().splitlines()
                 if not line.startswith("#") for word in line.split()]
    if not languages:
        print("There is no language in po/LINGUAS but English")
        return 0

    status = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        template = folder / "lamppost.pot"
        made = run(str(HERE / "make-pot"), str(source), str(template))
        if made.returncode != 0:
            print(made.stdout + made.stderr, end="")
            return made.returncode

        for language in languages:
            faults = look_at(source / "po" / f"{language}.po", template, folder)
            for fault in faults[:SHOWN_MAX]:
                print(f"{language}: {fault}")
            if len(faults) > SHOWN_MAX:
                print(f"{language}: and {len(faults) - SHOWN_MAX} more")
            status |= bool(faults)
    if status == 0:
        print(f"{len(languages)} languages are whole: {', '.join(languages)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
