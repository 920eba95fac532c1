# SPDX-License-Identifier: GPL-3.0-or-later
"""A language that nobody speaks: ⟦Ŝéńđ éṽéńŧś ···⟧ for “Send events”.

What is on the screen without brackets was not translated, and what doesn't fit will not fit in
German either.
"""
import pathlib
import re
import shutil
import subprocess

import catalogue

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
LANGUAGE = "en_XA"
OPEN, CLOSE = "⟦", "⟧"
LONGER = 0.4

ACCENTED = str.maketrans("AaCcDdEeGgHhIiKkLlNnOoRrSsTtUuWwYyZz", "ÅåÇçĐđÉéĜĝĤĥÎîĶķĻļÑñÔôŔŕŠšŢţÛûŴŵÝýŽž")

# Placeholders; a letter behind “_” is a key and stays, and so do options, addresses and names that
# a program reads.
KEPT = re.compile(r"""%(?:<PRI[a-z0-9]+>|[-+ 0#']*\d*(?:\.\d+)?(?:hh|h|ll|l|z|j|t)?[a-zA-Z%])
                      |_\w | https?://\S* | (?<![\w-])--?[a-z][a-z-]* | \b[A-Z]+(?:_[A-Z]+)+\b
                      | \S*_\S*_\S* | <[^>]*>""", re.X)
# Words of which others than a person make something.
ALONE = {"default:LTR", "translator-credits", "%H:%M", "%-d %b %H:%M", "%-d %b %Y", " ", ", "}


class Missing(Exception):
    """What is needed isn't there; no failure."""


def accent(text):
    """Changes what a person reads, and not what a program does."""
    out, last = [], 0
    for kept in KEPT.finditer(text):
        out += [text[last:kept.start()].translate(ACCENTED), kept[0]]
        last = kept.end()
    return "".join(out) + text[last:].translate(ACCENTED)


def translate(text):
    if text in ALONE:
        return text
    # Line ends and spaces around a text have a meaning of their own.
    body = text.strip()
    begin = text[:len(text) - len(text.lstrip())]
    end = text[len(text.rstrip()):]
    return f"{begin}{OPEN}{accent(body)}{'·' * round(len(body) * LONGER)}{CLOSE}{end}"


def install(folder):
    """Puts the language where programs look for it and returns the environment that they need."""
    for program in ("xgettext", "msgfmt", "gettext"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")
    template = folder / "lamppost.pot"
    made = subprocess.run([HERE / "make-pot", SOURCE, template], capture_output=True, text=True, check=False)
    if made.returncode == 77:
        raise Missing(made.stdout.strip())
    assert made.returncode == 0, made.stdout + made.stderr

    entries = catalogue.read(template)
    for entry in entries:
        if not entry.text:
            entry.flags = []
            entry.translations = [
                f"Language: {LANGUAGE}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
                "Content-Transfer-Encoding: 8bit\nPlural-Forms: nplurals=2; plural=n != 1;\n"]
        else:
            forms = [entry.text] if entry.plural is None else [entry.text, entry.plural]
            entry.translations = [translate(form) for form in forms]
    messages = folder / "locale" / LANGUAGE / "LC_MESSAGES"
    messages.mkdir(parents=True)
    catalogue.write(folder / "pseudo.po", entries)
    subprocess.run(["msgfmt", "--check-format", "-o", messages / "lamppost.mo", folder / "pseudo.po"], check=True)

    env = {"LAMPPOST_LOCALE_DIR": str(folder / "locale"), "LANGUAGE": LANGUAGE, "LC_ALL": "C.UTF-8"}
    # A C library may take C.UTF-8 for a locale without languages.
    said = subprocess.run(["gettext", "lamppost", "Sending"], capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/bin:/bin", **env, "TEXTDOMAINDIR": env["LAMPPOST_LOCALE_DIR"]})
    if OPEN not in said.stdout:
        raise Missing("this system's C library translates nothing in the locale C.UTF-8")
    return env


def find_bare(text, names=r"(?!)"):
    """What has words without any accent; names are no words."""
    return re.findall(r"(?<!\w)[A-Za-z]{2,}(?!\w)(?:[ ,]+[A-Za-z]+(?!\w))*", re.sub(names, "", text))
