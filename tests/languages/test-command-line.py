#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the programs print is there to be translated."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pseudo

COMMANDS = ("emit", "status", "list", "show", "replay", "resend", "discard", "import", "export", "watch",
            "login", "logout", "pause", "unpause", "doctor", "open")

# What is no word of ours: names, what stands for a value of an option in the list of commands, what
# GLib says itself, and what the files and events of this test are called.
NAMES = "|".join((
    r"https?://\S+", r"/\S+", r"lamppost(-agent|-receiver)?", r"(?<![\w-])--?[a-z][a-z-]*",
    r"\b(" + "|".join(COMMANDS) + r")\b(?= |\n)", r"\b[A-Z]+=?…?(?=[\s\]]|$)",
    r"Usage:", r"Help Options:", r"Application Options:", r"Show help options", r"Unknown option",
    r"[0-9A-Z]{26}", r"sunrise", r"CommentPosted", r"pending|failed|delivered", r"[0-9a-f]{12}",
    r"\{[^}]*\}(,[^}]*\})?", r"mission/sunrise", r"\d+(\.\d+)?\s*[kMG]?B\b", r"\bbytes\b"))


class Person:
    """Somebody with a home of their own, and without a desktop."""

    def __init__(self, folder, env):
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder),
                    "XDG_CONFIG_HOME": str(folder), "SPEC_KITTY_HOME": str(folder), "NO_COLOR": "1",
                    "GSETTINGS_BACKEND": "memory", "TZ": "UTC",
                    "GSETTINGS_SCHEMA_DIR": os.environ["GSETTINGS_SCHEMA_DIR"],
                    "G_DEBUG": "fatal-warnings", **env}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def say(self, program, *arguments, text=None):
        done = subprocess.run([os.environ[program], *arguments], env=self.env, input=text or "", text=True,
                              capture_output=True, timeout=30, check=False)
        return done.stdout + done.stderr


def check(person, program, *arguments, text=None):
    said = person.say(program, *arguments, text=text)
    what = " ".join((os.path.basename(os.environ[program]),) + arguments)
    if not said.strip():
        return [f"{what}: says nothing"]
    found = [f"{what}: {part!r}" for part in pseudo.find_bare(said, NAMES)]
    if pseudo.OPEN not in said:
        found.append(f"{what}: nothing is translated in {said!r}")
    return found


def cases(folder):
    yield "help", [("LAMP_CLI", "--help"), ("LAMP_CLI",), ("LAMP_CLI", "--0"), ("LAMP_CLI", "0"),
                   ("LAMP_AGENT", "--help"), ("LAMP_AGENT", "--port"), ("LAMP_RECEIVER", "--help"),
                   ("LAMP_RECEIVER", "--port", "99999999"), ("LAMP_RECEIVER", "a", "b")]
    yield "help-of-commands", [("LAMP_CLI", command, "--help") for command in COMMANDS]
    yield "errors", [
        ("LAMP_CLI", "emit"), ("LAMP_CLI", "emit", "-m", "sunrise"), ("LAMP_CLI", "show"),
        ("LAMP_CLI", "show", "a", "b"), ("LAMP_CLI", "show", "01K9Z7T4HM0000000000000000"),
        ("LAMP_CLI", "list", "--limit=-1"), ("LAMP_CLI", "discard"), ("LAMP_CLI", "resend"),
        ("LAMP_CLI", "import"), ("LAMP_CLI", "import", str(folder / "none")), ("LAMP_CLI", "replay"),
        ("LAMP_CLI", "watch"), ("LAMP_CLI", "pause"), ("LAMP_CLI", "open")]
    yield "without-an-agent", [("LAMP_CLI", "status"), ("LAMP_CLI", "list"), ("LAMP_CLI", "doctor")]


def main():
    with tempfile.TemporaryDirectory(prefix="lamp-") as name:
        folder = pathlib.Path(name)
        try:
            env = pseudo.install(folder)
        except pseudo.Missing as reason:
            print(f"1..0 # SKIP {reason}")
            return 0

        person = Person(folder, env)
        identity = person.say("LAMP_CLI", "emit", "-m", "sunrise", "-t", "CommentPosted", "-p", "{}").strip()
        assert re.fullmatch("[0-9A-Z]{26}", identity), identity
        status = 0
        groups = list(cases(folder)) + [("an-event", [("LAMP_CLI", "show", identity)])]
        print(f"1..{len(groups)}")
        for number, (title, calls) in enumerate(groups, 1):
            found = [fault for call in calls for fault in check(person, *call)]
            for fault in found:
                print(f"# {fault}")
            print(f"{'not ok' if found else 'ok'} {number} {title}", flush=True)
            status |= bool(found)
        return status


if __name__ == "__main__":
    sys.exit(main())
