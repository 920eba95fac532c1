#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the examples of the documents, as they stand there, with the real programs on a bus of their own.

Usage: run.py SOURCE-FOLDER BUILD-FOLDER. Speaks TAP.

Every block of shell, Python or SQL in a document is either run and its words are looked at, or named in
NOT_RUN with the reason; a new one that is neither is a failure. Only two things are replaced in what is
run: the receiver's port, which may be taken, and the address of the example's server.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

SOURCE, BUILD = (pathlib.Path(argument) for argument in sys.argv[1:])
PATIENCE_S = 20
TOKEN = "a-token-for-trying-out"
ID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"

AGENT = ["io.github.lamppost.Lamppost.Agent", "/io/github/lamppost/Lamppost/Agent",
         "io.github.lamppost.Lamppost.Agent1"]

# The events that the command line's examples name.
KNOWN_ID = "01JZ3V6Q0F8M7W5N2XKT9RBHCD"
OTHER_ID = "01JZ3V6Q0F8M7W5N2XKT9RBHCE"
THIRD_ID = "01JZ3V6Q0F8M7W5N2XKT9RBHCF"

INSTALLS = "changes the system"
FLATPAK = "the Flatpak's own test does it"
TESTS = "runs the tests, or looks at sources"
BY_HAND = "for a person, or for a machine that is not this one"
NOT_RUN = {
    ("README.md", "Lamppost", 1): TESTS,
    ("README.md", "Lamppost", 2): TESTS,
    ("README.md", "Install", 1): INSTALLS,
    ("README.md", "Installed", 1): INSTALLS,
    ("README.md", "Installed", 2): FLATPAK,
    ("CONTRIBUTING.md", "Tests", 1): TESTS,
    ("docs/flatpak.md", None, None): FLATPAK,
    ("docs/tray.md", None, None): TESTS,
    ("docs/queue.md", "Reading it", 1): BY_HAND,
    ("docs/queue.md", "A damaged file", 1): BY_HAND,
    ("docs/receiver.md", "Install it", 1): INSTALLS,
    ("docs/receiver.md", "The token", 1): INSTALLS,
    ("docs/receiver.md", "As a service", 1): INSTALLS,
    ("docs/receiver.md", "A certificate of your own authority", 1): INSTALLS,
    ("docs/receiver.md", "Backup", 1): BY_HAND,
    ("docs/receiver.md", "Upgrading", 1): INSTALLS,
    ("docs/receiver.md", "Removing it", 1): INSTALLS,
    ("docs/troubleshooting.md", None, None): BY_HAND,
    ("docs/architecture.md", None, None): BY_HAND,
}


class Skip(Exception):
    """What is needed isn't there; no failure."""


# --- what stands in the documents ---------------------------------------------


def read_blocks():
    """The text of each block, by document, heading and number below that heading; and its language."""
    blocks = {}
    documents = sorted([*SOURCE.glob("*.md"), *SOURCE.glob("docs/*.md")])
    for document in documents:
        heading, fence, count, lines = "", None, {}, []
        for line in document.read_text(encoding="utf-8").splitlines():
            if fence is not None and line == "```":
                if fence in ("sh", "python", "sql"):
                    count[heading] = count.get(heading, 0) + 1
                    key = str(document.relative_to(SOURCE)), heading, count[heading]
                    blocks[key] = fence, "\n".join(lines) + "\n"
                fence = None
            elif fence is not None:
                lines.append(line)
            elif line.startswith("```"):
                fence, lines = line[3:], []
            elif line.startswith("#"):
                heading = line.lstrip("#").strip()
    return blocks


blocks = read_blocks()
used = set()


def block(document, heading, number, language):
    used.add((document, heading, number))
    found, text = blocks[document, heading, number]
    assert found == language, f"{document}, {heading}: block {number} is {found}"
    return text.replace("https://events.example.org", stage.url).replace("8765", str(stage.port))


# --- the stage ----------------------------------------------------------------


def wait_for(what, condition):
    """Returns the first true answer."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE_S} s in vain until {what}")
        time.sleep(0.02)
    return answer


class Stage:
    """A folder, a bus, a home and settings of their own, and what runs there."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        runtime, programs = folder / "runtime", folder / "bin"
        runtime.mkdir(mode=0o700)
        programs.mkdir()
        for path in ("cli/lamppost", "agent/lamppost-agent", "receiver/lamppost-receiver"):
            (programs / path.split("/")[1]).symlink_to(BUILD / "src" / path)
        self.write_events(programs)
        self.env = {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
            "GSETTINGS_BACKEND": "keyfile",
            "GSETTINGS_SCHEMA_DIR": str(BUILD / "data"),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{programs}:/usr/bin:/bin",
            "SERVER": self.url,
            "TOKEN": TOKEN,
            "XDG_RUNTIME_DIR": str(runtime),
        }
        self.env.update({name: value for name, value in os.environ.items()
                         if name.startswith(("ASAN_", "LSAN_", "UBSAN_"))})
        (folder / "token").write_text(TOKEN + "\n", encoding="utf-8")

    def write_events(self, programs):
        """What the examples of the command line take for granted."""
        event = {"event_id": KNOWN_ID, "event_type": "CommentPosted", "aggregate_id": "mission/harbour-lights",
                 "payload": {"text": "hello"}, "timestamp": "2026-01-31T12:00:00.000000Z",
                 "node_id": "0123456789ab", "lamport_clock": 7, "causation_id": None,
                 "project_uuid": "d6ed75a0-0ba9-4b8e-8f62-4bd0a4b5d1f3", "project_slug": None,
                 "correlation_id": "0" * 26, "schema_version": "1.0.0", "data_tier": 0}
        failed = [json.dumps(dict(event, event_id=name, _replay_status="failed")) + "\n"
                  for name in (KNOWN_ID, OTHER_ID)]
        (self.folder / "events.jsonl").write_text("".join(failed), encoding="utf-8")
        with sqlite3.connect(self.folder / "other-queue.db") as other:
            other.execute("CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,"
                          " event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL,"
                          " retry_count INTEGER DEFAULT 0)")
            other.execute("INSERT INTO queue (event_id, event_type, data, timestamp) VALUES (?, ?, ?, 0)",
                          (THIRD_ID, "CommentPosted", json.dumps(dict(event, event_id=THIRD_ID))))
        other.close()
        line = json.dumps({"mission_id": "harbour-lights", "event_type": "CommentPosted", "payload": {}})
        generate = programs / "generate-events"
        generate.write_text(f"#!/bin/sh\nfor i in 1 2 3; do echo '{line}'; done\n", encoding="utf-8")
        generate.chmod(0o755)

    def spawn(self, name, command, **options):
        """Its output goes to a log; a group of its own, so that all of it can be ended."""
        log = self.folder / f"{name}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=self.env,
                                       cwd=self.folder, start_new_session=True,
                                       **{"stdin": subprocess.DEVNULL, **options})
        self.processes.append(process)
        process.words = lambda: log.read_text(encoding="utf-8", errors="replace")
        return process

    def end(self, process, signal_number=signal.SIGTERM):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            pass
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.remove(process)

    def end_all(self):
        for process in reversed(self.processes.copy()):
            self.end(process)

    def run(self, text, interpreter=("bash", "-o", "pipefail", "-c"), status=0, **options):
        """Runs a text as it stands; returns what it says."""
        done = subprocess.run([*interpreter, text], capture_output=True, text=True, env=self.env, cwd=self.folder,
                              timeout=60, **{"input": "", **options})
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{text}\nended with {done.returncode}: {said}"
        return said

    def start_bus(self):
        config = self.folder / "bus.conf"
        config.write_text('<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"'
                          ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
                          f"<busconfig><type>session</type><listen>unix:path={self.folder}/bus</listen>"
                          '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
                          '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>', encoding="utf-8")
        self.spawn("bus", ["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={config}"])
        wait_for("the bus listens", (self.folder / "bus").exists)

    def has_owner(self, name):
        return "true" in self.run(f"gdbus call --session --dest org.freedesktop.DBus --object-path / "
                                  f"--method org.freedesktop.DBus.NameHasOwner {name}")

    def start_agent(self):
        process = self.spawn("agent", ["env", "G_DEBUG=fatal-warnings", "lamppost-agent", "--no-tray"])
        wait_for("the agent is on the bus", lambda: process.poll() is not None or self.has_owner(AGENT[0]))
        assert process.poll() is None, process.words()

    def start_receiver(self, *arguments):
        process = self.spawn("receiver", ["lamppost-receiver", "--port", str(self.port), "--store", "store.db",
                                          *arguments])
        wait_for("the receiver listens", lambda: "Listening on" in process.words())
        return process

    def counts(self):
        status = json.loads(self.run("lamppost status --json"))
        return status["pending"], status["failed"], status["delivered"]


def ask(path, **headers):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(stage.url + path, headers=headers), timeout=10) as answer:
        return json.load(answer)


def expect(pattern, said):
    assert re.search(pattern, said, re.M), f"“{pattern}” is not in:\n{said}"


def need(program):
    if shutil.which(program) is None:
        raise Skip(f"{program} is not installed (tools/setup docs)")


def run_python(text):
    """With PyGObject where that is used."""
    if "gi.repository" in text:
        try:
            import gi  # noqa: F401, pylint: disable=import-outside-toplevel,unused-import
        except ImportError as error:
            raise Skip("python3-gi is not installed (tools/setup docs)") from error
    return stage.run(text, interpreter=(sys.executable, "-c"))


# --- the examples -------------------------------------------------------------


def test_settings():
    """Before the agent is there, which would go and look for the example's server."""
    expect("server-url 'https://example.org'", stage.run(block("README.md", "Settings", 1, "sh")))
    stage.run("gsettings reset io.github.lamppost.Lamppost server-url")


def test_settings_are_all_told():
    """The table has each key that is a person's, with what it is by itself."""
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| key |"):text.index("The window's preferences")]
    told = set(re.findall(r"`([a-z-]+)`", table.replace("`hold`", "").replace("`fail`", "")))
    known = set(stage.run("gsettings list-keys io.github.lamppost.Lamppost").split())
    own = {key for key in known if key.startswith("window-")} | {"stalled-notified"}
    told -= {"true", "false"}
    assert told == known - own, f"differ: {sorted(told ^ (known - own))}"


def test_first_minute():
    # Nobody shows notifications here, of which GLib would warn.
    stage.run("gsettings set io.github.lamppost.Lamppost notify false")
    stage.start_agent()
    script = stage.spawn("first-minute", ["bash", "-c", block("README.md", "The first minute", 1, "sh")])
    assert script.wait(PATIENCE_S) == 0, script.words()
    wait_for("the receiver listens", lambda: f"Listening on {stage.url}\n" in script.words())
    expect(rf"^{ID}$", script.words())
    expect(rf"^{ID} +(pending|delivered) .* harbour-lights +CommentPosted", script.words())
    wait_for("the event is delivered", lambda: stage.counts() == (0, 0, 1))
    expect("delivered", stage.run("lamppost list"))
    stage.end(script)


# What each line of the command line's examples says.
LINES = {
    "emit -m": rf"\A{ID}\n\Z",
    "emit --lines": rf"\A({ID}\n){{3}}\Z",
    "status": r"^pending +0$",
    "list": rf"{KNOWN_ID} +failed .*imported",
    "show": rf'{KNOWN_ID}[\s\S]*"text": ?"hello"',
    "discard": r"\A1 ",
    "resend": r"\A1 ",
    "replay": r"delivered",
    "export": rf'^\{{"event_id":"{ID}"',
    "import": r"\Aother-queue.db: 1 event was imported.*\nevents.jsonl: 2 events were imported",
    "pause": "Replay is paused",
    "unpause": "Replay goes on",
    "login": "The token is kept",
    "logout": "The token is forgotten",
    "doctor": "The server answers",
}


def start_keyring():
    keyring = stage.spawn("keyring", ["gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock"],
                          stdin=subprocess.PIPE)
    keyring.stdin.write(b"the keyring's password")
    keyring.stdin.close()
    wait_for("the keyring is there", lambda: stage.has_owner("org.freedesktop.secrets"))


def run_line(line):
    """A line of the examples; most say what they did, and end."""
    command = re.search(r"lamppost ([a-z]+(?: -m| --lines)?)", line).group(1)
    if command == "open":
        return False  # needs a screen; the window's tests open it
    if command in ("login", "logout") and shutil.which("gnome-keyring-daemon") is None:
        return False
    if command == "watch":
        watch = stage.spawn("watch", ["bash", "-c", "exec " + line])
        wait_for("watch looks", lambda: "now " in watch.words())
        event_id = stage.run("lamppost emit -m harbour-lights -t CommentPosted").strip()
        wait_for("watch has seen it", lambda: re.search(f"delivered .*{event_id}", watch.words()))
        stage.end(watch, signal.SIGINT)
        return True
    if command == "doctor":
        # Without the token it is asked anew.
        wait_for("the server has answered", lambda: '"online":true' in stage.run("lamppost status --json").replace(" ", ""))
    expect(LINES[command], stage.run(line, input=TOKEN if command == "login" else ""))
    return True


def test_command_line():
    stage.start_receiver()
    if shutil.which("gnome-keyring-daemon") is not None:
        start_keyring()
    wait_for("the server is known to be there", lambda: stage.run("lamppost replay --wait || true") and
             stage.counts()[0] == 0)
    for line in block("README.md", "The command line", 1, "sh").splitlines():
        ran = run_line(line)
        print(f"# {'ran' if ran else 'left out'}: {line}", flush=True)
        wait_for("what was to be sent is sent", lambda: stage.counts()[0] == 0 or "pause" in line)


def reject():
    """From now on there is a type that the server refuses."""
    for process in stage.processes.copy():
        if process.args[0] == "lamppost-receiver":
            stage.end(process)
    stage.start_receiver("--reject", "DemoRejected")
    stage.run("lamppost emit -m harbour-lights -t DemoRejected")
    wait_for("an event has failed", lambda: stage.run("lamppost replay --wait || true") and stage.counts()[1] == 1)


def test_shell_emit():
    expect(rf"^\('{ID}', int64 [0-9]+\)$", stage.run(block("README.md", "In shell", 1, "sh")))


def test_shell_read():
    text = block("README.md", "In shell", 2, "sh")
    need("busctl")
    said = stage.run(text)
    expect(r'^s "(idle|replaying|waiting)"\nt [0-9]+\nt [0-9]+$', said)
    expect(r"readonly t Capacity = 100000;", said)


def test_shell_resend():
    text = block("README.md", "In shell", 3, "sh")
    need("busctl")
    reject()
    expect(r"\Au 1$", stage.run(text))
    wait_for("it has failed again", lambda: stage.counts()[:2] == (0, 1))


def test_shell_follow():
    monitor = stage.spawn("monitor", ["bash", "-c", "exec " + block("README.md", "In shell", 4, "sh")])
    wait_for("it follows", lambda: "is owned by" in monitor.words())
    event_id = stage.run("lamppost emit -m harbour-lights -t CommentPosted").strip()
    for name in ("EventQueued", "EventsDelivered"):
        wait_for(name, lambda: re.search(rf"Agent1\.{name} .*{event_id}", monitor.words()))
    stage.end(monitor, signal.SIGINT)


def test_python_emit():
    said = run_python(block("README.md", "In Python", 1, "python"))
    expect(rf"\Astored ({ID}) with clock [0-9]+\ndelivered \1\n\Z", said)


def test_python_resend():
    if stage.counts()[1] == 0:
        reject()
    said = run_python(block("README.md", "In Python", 2, "python"))
    expect(rf"\Astate \w+\nwaiting \d+\n{ID} DemoRejected rejected_type .*\nsent again 1\n\Z", said)


def test_python_error():
    said = run_python(block("README.md", "In Python", 3, "python"))
    expect(r"^io.github.lamppost.Lamppost.Error.InvalidEvent$", said)
    expect(r"^payload: .*double quotes", said)


def test_queries():
    """With an event of each kind there."""
    wait_for("it has failed again", lambda: stage.counts()[:2] == (0, 1))
    stage.run("lamppost pause; lamppost emit -m harbour-lights -t CommentPosted")
    path = f"file:{stage.folder}/.spec-kitty/queue.db?mode=ro"
    for key in [key for key in blocks if key[:2] == ("docs/queue.md", "Useful queries")]:
        with sqlite3.connect(path, uri=True) as queue:
            rows = queue.execute(block(*key, "sql")).fetchall()
        queue.close()
        assert rows, f"no rows: {blocks[key][1]}"
        print(f"# {key[2]}: {rows[0]}")
        assert "counters_are_right" not in blocks[key][1] or rows == [(1,)], rows
        assert "quick_check" not in blocks[key][1] or rows == [("ok",)], rows
    stage.run("lamppost unpause")


def test_deleting_everything():
    stage.run(block("docs/privacy.md", "Deleting everything", 1, "sh"))
    wait_for("the agent has ended", lambda: not stage.has_owner(AGENT[0]))
    left = [path.name for path in (stage.folder / ".spec-kitty").iterdir()]
    assert not left, left
    assert stage.run("gsettings get io.github.lamppost.Lamppost server-url") == "''\n"


def test_receiver():
    stage.end_all()
    receiver = stage.spawn("receiver", ["bash", "-c", "exec " + block("README.md", "The receiver", 1, "sh")])
    wait_for("the receiver listens", lambda: f"Listening on {stage.url}\n" in receiver.words())
    assert ask("/health")["status"] == "ok"
    assert ask("/api/v1/events", Authorization=f"Bearer {TOKEN}")["total"] == 0


def fill_receiver():
    """With three events."""
    # Without a bus the events are only stored, so they are sent as an agent would.
    lines = (stage.folder / "more.jsonl")
    lines.write_text("".join(json.dumps({"mission_id": "harbour-lights", "event_type": f"Type{i}", "payload": {}})
                             + "\n" for i in range(3)), encoding="utf-8")
    del stage.env["DBUS_SESSION_BUS_ADDRESS"]
    stage.run("lamppost emit --lines <more.jsonl")
    envelopes = stage.run("lamppost export --status pending").splitlines()
    events = [json.dumps({key: value for key, value in json.loads(line).items() if key[0] != "_"})
              for line in envelopes if '"Type' in line]
    request = urllib.request.Request(stage.url + "/api/v1/events/batch/",
                                     data=f'{{"events":[{",".join(events)}]}}'.encode(),
                                     headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        assert len(json.load(answer)["accepted_event_ids"]) == 3


def test_receiver_questions():
    fill_receiver()
    is_well = block("docs/receiver.md", "Is it well?", 1, "sh")
    read = block("docs/receiver.md", "Reading the events", 1, "sh")
    need("curl")
    expect('"status": ?"ok"', stage.run(is_well))
    said = stage.run(read)
    expect('Type0.*Type1.*"next":2,"total":3}', said)
    expect('"Type2".*"next":3,"total":3}', said)


def test_receiver_follow():
    program = block("docs/receiver.md", "Reading the events", 2, "python")
    follow = stage.spawn("follow", [sys.executable, "-c", program])
    wait_for("it has read what is there", lambda: follow.poll() is not None or follow.words().count("\n") == 3)
    expect(r"\A\d+ [0-9a-f]{12} Type0\n.*Type1\n.*Type2\n\Z", follow.words())


def read_words():
    """All that the programs can say, a text a line; what is put into it becomes “…”."""
    texts = []
    for source in SOURCE.glob("src/**/*.c"):
        text = source.read_text(encoding="utf-8")
        text = re.sub(r'"\s*(PRI[a-z]\d+|G_G?U?INT64_FORMAT|G_GSIZE_FORMAT)\s*"', "s", text)
        texts += re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'"\s*"', "", text))
    for ui in SOURCE.glob("ui/*.ui"):
        texts += re.findall(r">([^<>]+)<", ui.read_text(encoding="utf-8"))
    texts = [re.sub(r"%[-0-9.]*l?[a-z]", "…", text.replace("\\\"", '"').replace("\\n", "")) for text in texts]
    return "\n".join(texts)


def test_words_are_said():
    """What the programs say in the troubles that are told of: in blocks, and in the first cells of tables."""
    text = (SOURCE / "docs/troubleshooting.md").read_text(encoding="utf-8")
    lines = [line for said in re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S) for line in said.splitlines()]
    for cell in re.findall(r"^\| ([^|]*`[^|]*) \|", text, re.M):
        lines += re.findall(r"`([^`]+)`", cell)
    known = read_words()
    missing = []

    assert len(lines) > 60
    for line in lines:
        # A sentence may be put together of several.
        parts = re.split("…|: |, ", re.sub(r"^ *[✓✗!→] ", "", line))
        missing += [line for part in parts if part.strip(" ,;:.()") not in known]
    assert not missing, "no program says: " + "; ".join(missing)


def read_anchors(document):
    """The headings, as they stand in an address."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links():
    """Links lead to what is there, and each document is named in the README."""
    named = set()
    for document in [*SOURCE.glob("*.md"), *SOURCE.glob("docs/*.md")]:
        text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)]+)\)", text):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            assert target.exists(), f"{document.name} leads to {link}, which isn't there"
            assert not anchor or anchor in read_anchors(target), f"{document.name}: no heading {link}"
            if document.name == "README.md":
                named.add(target)
    unnamed = {path for path in SOURCE.glob("docs/*.md")} - named
    assert not unnamed, f"README.md doesn't name {unnamed}"


def test_every_block_is_known():
    unknown = [key for key in blocks if key not in used and key not in NOT_RUN and (key[0], None, None) not in NOT_RUN]
    assert not unknown, f"neither run nor named: {unknown}"
    gone = [key for key in NOT_RUN if key[1] is not None and key not in blocks]
    assert not gone, f"named, but not there: {gone}"


TESTS_IN_ORDER = [
    test_settings, test_settings_are_all_told, test_first_minute, test_command_line, test_shell_emit,
    test_shell_read, test_shell_resend, test_shell_follow, test_python_emit, test_python_resend,
    test_python_error, test_queries, test_deleting_everything, test_receiver, test_receiver_questions,
    test_receiver_follow, test_words_are_said, test_links, test_every_block_is_known,
]


def main():
    global stage  # pylint: disable=global-statement
    failed = False

    print(f"1..{len(TESTS_IN_ORDER)}")
    with tempfile.TemporaryDirectory(prefix="lamppost-docs-") as folder:
        stage = Stage(pathlib.Path(folder))
        try:
            stage.start_bus()
            for number, test in enumerate(TESTS_IN_ORDER, 1):
                name = "/docs/" + test.__name__.removeprefix("test_").replace("_", "-")
                try:
                    test()
                    print(f"ok {number} {name}", flush=True)
                except Skip as reason:
                    print(f"ok {number} {name} # SKIP {reason}", flush=True)
                except Exception:  # pylint: disable=broad-except
                    failed = True
                    words = [traceback.format_exc()]
                    words += [f"{log.name}: {log.read_text(errors='replace')}" for log in stage.folder.glob("*.log")]
                    for line in "\n".join(words).splitlines():
                        print(f"# {line}")
                    print(f"not ok {number} {name}", flush=True)
        finally:
            stage.end_all()
    return failed


stage = None
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
sys.exit(main())
