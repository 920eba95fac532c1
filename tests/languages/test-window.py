#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the window and the notifications show is there to be translated, and fits."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "window" / "driven"))

import pseudo
from desktop import TOKEN, Desktop, Skip, free_port, run, wait_until

SIZES = {"narrow": (360, 640), "wide": (1100, 750)}
SETTLED_S = 0.15

# What is no word of ours: names, what events and the server say, and keys.
NAMES = "|".join((
    r"https?://\S*", r"/\S+", r"Lamppost", r"lamppost(-agent|-receiver)?", r"(?<![\w-])--?[a-z][a-z-]*",
    r"[0-9A-Z]{26}", r"\b[0-9a-f]{12}\b", r"mission/sunrise|sunrise",
    r"event_type ReviewRequested is not taken here", r"CommentPosted|ReviewRequested", r"\brejected\b",
    r"Ctrl|Alt|Shift", r"\d+ \w{3} (\d\d:\d\d|\d{4})", r"\d+ KiB",
    # GLib's.
    r"Could not connect to \S+", r"Connection refused"))
# What libadwaita and GTK say themselves; they bring their own translations.
TOOLKIT = {"GtkShortcutsWindow": {"Shortcuts"}, "AdwAboutWindow": None}
TOOLKIT_TEXTS = {"Show Text", "Hide Text", "Search"}
# A list's rows may be cut: the whole text is in the details.
MAY_BE_CUT = {"LampEventRow"}


class Reader:
    """The window with somebody who reads it."""

    def __init__(self, desktop, width):
        self.width = width
        self.process = desktop.spawn("window", [os.environ["LAMP_WINDOW_READER"]], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, env={"G_DEBUG": "fatal-warnings"})
        self.desktop = desktop
        self.found = []
        self.seen = set()

    def do(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()

    def read(self):
        self.do("read")
        texts = []
        while True:
            line = self.process.stdout.readline().decode()
            if not line:
                raise AssertionError("the window ended:\n" + self.desktop.log("window"))
            if line == "\n":
                return texts
            texts.append(json.loads(line))

    def settle(self):
        """Reads until nothing changes."""
        texts, end = self.read(), time.monotonic() + 10
        while time.monotonic() < end:
            time.sleep(SETTLED_S)
            before, texts = texts, self.read()
            if texts and texts == before:
                return texts
        return texts

    def wait(self, condition, what):
        def holds():
            texts = self.read()
            return condition(texts) and texts
        return wait_until(holds, what)

    def wait_window(self, kind):
        self.wait(lambda texts: texts and texts[0]["window"] == kind, kind)

    def wait_text(self, english):
        text = pseudo.translate(english)
        try:
            self.wait(lambda texts: any(text in entry["text"] for entry in texts), f"“{english}”")
        except AssertionError as error:
            there = [entry["text"] for entry in self.read()]
            raise AssertionError(f"{error}; there is: {there}") from None

    def check(self, place):
        """Notes what isn't translated, doesn't fit, or can't be read."""
        for entry in self.settle():
            self.seen.add(entry["text"])
            toolkit = TOOLKIT.get(entry["window"], set())
            if toolkit is not None and entry["text"] not in TOOLKIT_TEXTS | toolkit:
                for part in pseudo.find_bare(entry["text"], NAMES):
                    self.found.append(f"{place}: “{part}” is not translated ({entry['kind']} in {entry['in']})")
            if entry["window"] == "LampWindow" and entry["width"] > self.width:
                self.found.append(f"{place}: needs {entry['width']} pixels")
            if entry["kind"] == "label" and pseudo.OPEN in entry["text"]:
                if entry["cut"] and entry["in"] not in MAY_BE_CUT:
                    self.found.append(f"{place}: {entry['text']} is cut off ({entry['in']})")
                if entry["left"] < 0 or entry["right"] > entry["width"]:
                    self.found.append(f"{place}: {entry['text']} is beside the window: {entry['left']} to "
                                      f"{entry['right']} of {entry['width']}")

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(10)
        assert code == 0, f"the window ended with {code}:\n" + self.desktop.log("window")
        del self.desktop.children["window"]


class Session:
    def __init__(self, size, **settings):
        self.width, self.height = SIZES[size]
        self.settings = dict(window_width=self.width, window_height=self.height, **settings)

    def __enter__(self):
        self.languages = tempfile.TemporaryDirectory(prefix="lamp-")
        try:
            env = pseudo.install(pathlib.Path(self.languages.name))
        except pseudo.Missing as reason:
            raise Skip(str(reason)) from reason
        self.desktop = Desktop((1300, 1000), environment={"SAAS_API_KEY": TOKEN, **env})
        self.desktop.start()
        self.desktop.set_settings(**self.settings)
        return self

    def __exit__(self, *error):
        if error[0] is not None and "LAMP_PICTURES" in os.environ:
            self.desktop.take_picture(os.path.join(os.environ["LAMP_PICTURES"], "failed-languages.png"))
        self.desktop.end()
        self.languages.cleanup()


def walk_first_run(size):
    with Session(size) as session:
        reader = Reader(session.desktop, session.width)
        reader.wait_text("Welcome to Lamppost")
        reader.check("first run")
        reader.do("action", "win.end-welcome")
        for number, page in enumerate(("pending", "failed", "delivered")):
            reader.do("action", "win.page", page)
            reader.wait_text(("Nothing Is Waiting", "Nothing Has Failed", "Nothing Delivered Yet")[number])
            reader.check("empty " + page)
        reader.end()
        return reader


def walk_all_pages(size):
    port = free_port()
    with Session(size, server_url=f"'http://127.0.0.1:{port}'") as session:
        desktop = session.desktop
        desktop.start_receiver(port, "--reject", "ReviewRequested")
        desktop.start_agent()
        desktop.emit(3)
        desktop.emit(2, kind="ReviewRequested")
        desktop.wait_for("Failed", 2)
        desktop.wait_for("Delivered", 3)
        desktop.stop("receiver")
        desktop.emit(4)
        desktop.wait_for("State", "offline")

        reader = Reader(desktop, session.width)
        reader.wait_text("Waiting")
        for page in ("pending", "delivered", "failed"):
            reader.do("action", "win.page", page)
            reader.check(page)
        reader.do("activate", 0)
        reader.wait_text("In the server’s words")
        reader.check("details")
        reader.do("action", "win.discard-current")
        reader.wait_window("AdwMessageDialog")
        reader.check("discard")
        reader.do("close")
        reader.wait_window("LampWindow")
        reader.do("action", "win.close-details")
        reader.do("menu")
        reader.check("menu")
        reader.do("close")
        reader.do("action", "win.search")
        reader.check("search")
        for action, kind in (("win.sign-in", "LampSignIn"), ("app.about", "AdwAboutWindow"),
                             ("win.show-help-overlay", "GtkShortcutsWindow")):
            reader.do("action", action)
            reader.wait_window(kind)
            reader.check(action)
            reader.do("close")
            reader.wait_window("LampWindow")
        reader.do("action", "app.preferences")
        reader.wait_window("LampPreferences")
        for number in range(4):
            reader.do("view", number)
            reader.check(f"preferences {number + 1}")
        reader.do("close")
        reader.wait_window("LampWindow")
        desktop.kill_agent()
        reader.wait_text("Lamppost Is Not Running")
        reader.check("agent is gone")
        for note in desktop.notifications:
            for text in (note[3], note[4], *note[5][1::2]):
                reader.found += [f"notification: “{part}” is not translated" for part in pseudo.find_bare(text, NAMES)]
        reader.end()
        return reader


def judge(reader):
    assert sum(pseudo.OPEN in text for text in reader.seen) > 5, "hardly anything was seen"
    assert not reader.found, "\n".join(dict.fromkeys(reader.found))


def first_run_narrow():
    judge(walk_first_run("narrow"))


def first_run_wide():
    judge(walk_first_run("wide"))


def all_pages_narrow():
    judge(walk_all_pages("narrow"))


def all_pages_wide():
    judge(walk_all_pages("wide"))


if __name__ == "__main__":
    sys.exit(run([first_run_narrow, first_run_wide, all_pages_narrow, all_pages_wide]))
