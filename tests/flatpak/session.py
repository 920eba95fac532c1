#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ordinary user's session with the Flatpak in it: installs, uses and updates it.

Usage: session.py APPLICATION-ID FILE, in the folder with the bundles, on a bus and a display of its
own. The file gets TAP: whatever the bus starts has the same standard output.
What it starts by the bus is the Flatpak; everything else (receiver, tray host, portals, keyring) is
outside of the sandbox.
"""

import json
import os
import queue
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import urllib.request

from gi.repository import Gio, GLib

APP = sys.argv[1]
AGENT = APP + ".Agent"
AGENT_PATH = "/" + AGENT.replace(".", "/")
AGENT_INTERFACE = "io.github.lamppost.Lamppost.Agent1"
SCHEMA = "io.github.lamppost.Lamppost"
HOME = os.environ["HOME"]
QUEUE = HOME + "/.spec-kitty/queue.db"
TOKEN = "a-token-of-the-team"
PATIENCE = 30

bus = Gio.bus_get_sync(Gio.BusType.SESSION)
children = []


class Skip(Exception):
    pass


def run(*command, check=True):
    # What flatpak itself complains of is no answer.
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=240)
    words = f"$ {' '.join(command)}\n{done.stdout}{done.stderr}"
    print(words, file=sys.stderr, flush=True)
    if check and done.returncode != 0:
        raise AssertionError(f"{done.returncode}: {words}")
    return done


def inside(*command, check=True):
    return run("flatpak", "run", "--command=" + command[0], APP, *command[1:], check=check)


def lamppost(*args, check=True):
    return inside("lamppost", *args, check=check)


def wait_for(what, condition):
    """Looks until it holds: what is waited for is in other processes, some of which only answer."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s for: {what}")
        time.sleep(0.05)
    return result


class Child:
    """A program whose lines of output are kept."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=sys.stderr, text=True)
        self.lines = []
        self.new = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        children.append(self)

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self.new.put(line.rstrip("\n"))

    def wait(self, text):
        return wait_for(text, lambda: next((line for line in self.lines if text in line), None))

    def calls(self, method):
        """The portal's calls of one method."""
        calls = [json.loads(line) for line in self.lines]
        return [call[1:] for call in calls if call[0] == method]

    def ask(self, command):
        """A command for the tray host, and its answer."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        while True:
            answer = json.loads(self.new.get(timeout=PATIENCE))
            if answer.get("reply") == command:
                assert "error" not in answer, answer
                return answer["result"]

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=10)


# --- the agent, from outside ---------------------------------------------------------------------


def call(name, path, interface, method, parameters=None):
    return bus.call_sync(name, path, interface, method, parameters, None, 0, 1000 * PATIENCE).unpack()


def agent(method, signature=None, *args):
    parameters = GLib.Variant(signature, args) if signature else None
    return call(AGENT, AGENT_PATH, AGENT_INTERFACE, method, parameters)


def get(name):
    return call(AGENT, AGENT_PATH, "org.freedesktop.DBus.Properties", "Get",
                GLib.Variant("(ss)", (AGENT_INTERFACE, name)))[0]


def emit(event_type="CommentPosted"):
    return agent("Emit", "(sssa{sv})", "harbour-lights", event_type, '{"text": "hello"}', {})[0]


def has_owner(name):
    return call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                "NameHasOwner", GLib.Variant("(s)", (name,)))[0]


def kill():
    run("flatpak", "kill", APP, check=False)
    wait_for("the end of the agent", lambda: not has_owner(AGENT))


def set_setting(key, value):
    inside("gsettings", "set", SCHEMA, key, value)


# --- what is outside of the sandbox --------------------------------------------------------------


class Receiver:
    def __init__(self, name, *options):
        self.child = Child(f"{HOME}/lamppost-receiver", "--port", "0", "--store",
                           f"{HOME}/{name}.db", *options)
        self.url = self.child.wait("http://").split()[-1].rstrip("/")
        self.token = None

    def ids(self):
        request = urllib.request.Request(self.url + "/api/v1/events?limit=1000")
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return [event["event_id"] for event in json.load(answer)["events"]]

    def wait_for(self, *ids):
        wait_for("the events at the receiver", lambda: set(ids) <= set(self.ids()))


# --- the tests, in this order --------------------------------------------------------------------

state = {}


def installs_for_an_ordinary_user():
    assert os.geteuid() != 0
    run("flatpak", "remote-add", "--user", "--if-not-exists", "--no-gpg-verify", "standin",
        os.environ["STANDIN"])
    run("flatpak", "install", "--user", "-y", "--noninteractive", HOME + "/old.flatpak")
    # dbus-daemon looks by itself, but when is its own affair.
    call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")


def asks_for_no_other_permission():
    with open(HOME + "/permissions", encoding="utf-8") as file:
        expected = file.read().strip()
    told = run("flatpak", "info", "--show-permissions", APP).stdout.strip()
    assert told == expected, f"{told}\n\nis not\n\n{expected}"


def exports_what_a_desktop_looks_for():
    exports = HOME + "/.local/share/flatpak/exports/share/"
    names = [f"dbus-1/services/{AGENT}.service", f"applications/{AGENT}.desktop",
             f"icons/hicolor/scalable/apps/{APP}.svg"]
    names += [f"icons/hicolor/symbolic/apps/{APP}-{icon}-symbolic.svg"
              for icon in ("attention", "offline", "online", "paused", "sending")]
    if state["window"]:
        names += [f"dbus-1/services/{APP}.service", f"applications/{APP}.desktop"]
    # flatpak-builder of Debian 12 renames it.
    files = HOME + f"/.local/share/flatpak/app/{APP}/current/active/files/share/"
    assert any(os.path.exists(files + name) for name in
               (f"metainfo/{APP}.metainfo.xml", f"appdata/{APP}.appdata.xml"))
    for name in names:
        assert os.path.exists(exports + name), name


def starts_by_the_bus():
    assert not has_owner(AGENT)
    assert get("State") == "unconfigured"
    assert has_owner(AGENT)


def an_event_from_outside_arrives_outside():
    receiver = state["receiver"] = Receiver("first", "--reject", "Refused")
    set_setting("server-url", receiver.url)
    receiver.wait_for(emit())


def the_queue_is_the_hosts():
    assert os.stat(QUEUE).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(QUEUE)).st_mode & 0o777 == 0o700
    # As the other tool writes it.
    envelope = {"event_id": "01JZ3V6Q0F8M7W5N2XKT9RBHCD", "event_type": "Foreign", "payload": {},
                "aggregate_id": "mission/harbour-lights", "lamport_clock": 7,
                "timestamp": "2026-01-01T00:00:00Z", "node_id": "other", "causation_id": None,
                "project_uuid": "0b3a2a2e-8f0f-4b0e-9d5a-5f7f3b7d0001", "project_slug": None,
                "correlation_id": "0" * 26, "schema_version": "1.0.0", "data_tier": 0}
    with sqlite3.connect(QUEUE) as db:
        db.execute("INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp, "
                   "coalesce_key) VALUES (?, ?, ?, ?, NULL)",
                   (envelope["event_id"], envelope["event_type"], json.dumps(envelope),
                    int(time.time())))
    db.close()
    state["receiver"].wait_for(envelope["event_id"])


def the_command_line_is_inside():
    status = json.loads(lamppost("status", "--json").stdout)
    assert status["delivered"] >= 2, status
    event_id = lamppost("emit", "-m", "harbour-lights", "-t", "FromInside").stdout.strip()
    state["receiver"].wait_for(event_id)
    assert "lamppost-receiver" in inside("lamppost-receiver", "--version").stdout


def goes_without_portals():
    """Nobody has started a portal or a secret service yet."""
    try:
        agent("SetToken", "(s)", TOKEN)
        raise AssertionError("the token was taken")
    except GLib.Error as error:
        assert "secret service" in error.message, error.message
    assert TOKEN not in get("LastError")

    # Somebody wants it to start at login, and a window is there to ask through.
    owner = Gio.bus_own_name_on_connection(bus, APP, 0, None, None)
    wait_for("a word about it", lambda: "Background portal" in get("LastError"))
    assert "false" in inside("gsettings", "get", SCHEMA, "autostart").stdout
    Gio.bus_unown_name(owner)
    assert not has_owner(APP)

    said = lamppost("doctor", check=False).stdout
    for word in ("no secrets", "no notifications", "at login", "when the network is back"):
        assert word in said, said


def forbidden_things_stay_forbidden():
    with open(HOME + "/secret", "w", encoding="utf-8") as file:
        file.write("secret")
    owner = Gio.bus_own_name_on_connection(bus, "org.example.Other", 0, None, None)
    wait_for("a name", lambda: has_owner("org.example.Other"))
    ask = ["gdbus", "call", "--session", "-d", "org.freedesktop.DBus", "-o", "/", "-m"]
    refused = [
        ["cat", HOME + "/secret"],
        ["gdbus", "call", "--session", "-d", "org.example.Other", "-o", "/", "-m",
         "org.freedesktop.DBus.Peer.Ping"],
        ask + ["org.freedesktop.DBus.RequestName", "org.kde.StatusNotifierItem-2-1", "0"],
        ask + ["org.freedesktop.DBus.RequestName", "org.example.Ours", "0"],
        ["flatpak-spawn", "--host", "true"],
        ["unshare", "-U", "true"],
        ["touch", "/app/made"],
    ]
    for command in refused:
        done = inside(*command, check=False)
        assert done.returncode != 0, f"{command}: {done.stdout}"
    # Its home is one of its own: what it writes there reaches nobody.
    inside("sh", "-c", f"touch {HOME}/made; mkdir -p {HOME}/.config/autostart; "
           f"touch {HOME}/.config/autostart/made", check=False)
    assert not os.path.exists(HOME + "/made")
    assert not os.path.exists(HOME + "/.config/autostart")
    names = inside(*ask, "org.freedesktop.DBus.ListNames").stdout
    assert "org.example.Other" not in names, names
    processes = inside("sh", "-c", "echo /proc/[0-9]*").stdout.split()
    assert len(processes) < 6, processes
    Gio.bus_unown_name(owner)


def lives_on_after_a_kill():
    state["receiver"].child.end()
    state["left"] = [emit() for _ in range(3)]
    kill()
    assert get("Pending") == 3
    assert get("Delivered") >= 3


def an_update_keeps_everything():
    before = get("LamportClock")
    delivered = get("Delivered")
    kill()
    run("flatpak", "install", "--user", "-y", "--noninteractive", "--or-update",
        HOME + "/new.flatpak")
    assert inside("test", "-f", f"/app/share/dbus-1/interfaces/{AGENT_INTERFACE}.xml",
                  check=False).returncode == 0, "it is the old one still"
    assert get("Pending") == 3
    assert get("LamportClock") == before
    assert get("Delivered") == delivered
    # A setting, too.
    assert get("ServerUrl") == state["receiver"].url


def a_token_goes_through_the_keyring():
    Child("gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")
    children[-1].process.stdin.write("password")
    children[-1].process.stdin.close()
    wait_for("the keyring", lambda: has_owner("org.freedesktop.secrets"))
    state["portal"] = Child("/usr/bin/python3", HOME + "/portal.py")
    state["portal"].wait('"up"')
    kill()
    agent("SetToken", "(s)", TOKEN)
    assert state["portal"].calls("RetrieveSecret")

    assert "has all portals" in lamppost("doctor", check=False).stdout

    # It is there the next time, and nowhere in plain sight.
    kill()
    with open(HOME + "/token", "w", encoding="utf-8") as file:
        file.write(TOKEN)
    receiver = state["receiver"] = Receiver("second", "--reject", "Refused", "--token-file",
                                            HOME + "/token")
    receiver.token = TOKEN
    set_setting("server-url", receiver.url)
    # A portal that isn't heard once is asked again.
    with open(HOME + "/deaf", "w", encoding="utf-8"):
        pass
    # Another server gets them only if that is wanted.
    wait_for("the pause", lambda: get("Paused"))
    lamppost("unpause")
    receiver.wait_for(*state["left"])
    assert not os.path.exists(HOME + "/deaf")
    found = run("grep", "-rl", TOKEN, HOME + "/.var", HOME + "/.spec-kitty", check=False).stdout
    assert not found, found


def find_row(host, words):
    """The id and the properties of a row of the menu."""
    host.ask("open")
    rows = host.ask("layout")[2]
    return next((row for row in rows if words in row[1].get("label", "").replace("_", "")), None)


def has_check(host, row, checked):
    properties = dict(host.ask("layout")[2])[row]
    return properties.get("toggle-state") == checked


def the_icon_shows_and_its_menu_works():
    for style in ("xfce", "gnome", "kde", "lxqt", "swaybar"):
        host = Child("/usr/bin/python3", HOME + "/mock-host.py", "--style", style)
        # By its unique name: it has no other on the bus.
        assert json.loads(host.wait('"registered"'))["argument"].startswith(":")
        props = host.ask("props")
        assert props["IconName"].startswith(APP + "-"), props
        assert not props["IconPixmap"], "a picture, though the icon is exported"
        host.ask("open")
        if style in ("kde", "lxqt"):
            assert len(host.ask("layout")[1][2]) > 8
        if style in ("xfce", "gnome"):
            row = find_row(host, "Pause replay")[0]
            host.ask(f"click {row}")
            wait_for("a click on “Pause replay”", lambda: get("Paused"))
            wait_for("its check", lambda: has_check(host, row, 1))
            host.ask(f"click {row}")
            wait_for("the second click", lambda: not get("Paused"))
            wait_for("no check", lambda: has_check(host, row, 0))
        assert "Shown by" in get("TrayStatus"), get("TrayStatus")
        host.end()
        wait_for("no icon", lambda: "Shown by" not in get("TrayStatus"))


def a_desktop_is_told_and_asked():
    portal = state["portal"]
    event_id = emit("Refused")
    wait_for("a failed event", lambda: get("Failed") == 1)
    wait_for("a notification", lambda: portal.calls("AddNotification"))
    wait_for("a status", lambda: any("1 failed" in call[0]["message"]
                                     for call in portal.calls("SetStatus")))
    agent("Discard", "(as)", [event_id])

    if not state["window"]:
        state["name"] = Gio.bus_own_name_on_connection(bus, APP, 0, None, None)
    else:
        call(APP, "/" + APP.replace(".", "/"), "org.freedesktop.Application", "Activate",
             GLib.Variant("(a{sv})", ({},)))
    set_setting("autostart", "true")
    options = wait_for("a request", lambda: portal.calls("RequestBackground"))[0][1]
    assert options["autostart"] is True, options
    assert options["commandline"] == ["lamppost-agent"], options
    assert "true" in inside("gsettings", "get", SCHEMA, "autostart").stdout


def the_desktop_menu_has_actions():
    """Replay and pause need no window."""
    if not state["window"]:
        raise Skip("this build has no window")
    path = "/" + APP.replace(".", "/")
    action = GLib.Variant("(sava{sv})", ("pause", [], {}))
    call(APP, path, "org.freedesktop.Application", "ActivateAction", action)
    wait_for("the pause", lambda: get("Paused"))
    lamppost("unpause")
    event_id = emit()
    action = GLib.Variant("(sava{sv})", ("replay", [], {}))
    call(APP, path, "org.freedesktop.Application", "ActivateAction", action)
    state["receiver"].wait_for(event_id)


def the_window_is_on_the_screen():
    if not state["window"]:
        raise Skip("this build has no window")
    wait_for("the window", lambda: run("xdotool", "search", "--onlyvisible", "--name", "Lamppost",
                                       check=False).returncode == 0)

    def shot():
        run("import", "-window", "root", HOME + "/window.png")
        colours = run("identify", "-format", "%k", HOME + "/window.png").stdout
        return int(colours) > 100

    wait_for("something in the window", shot)
    assert "Lamppost" in run("xdotool", "search", "--name", "Lamppost", "getwindowname", "%@").stdout


def ends_when_told():
    agent("Quit")
    wait_for("its end", lambda: not has_owner(AGENT))


def uninstalls_and_leaves_the_queue():
    kill()
    run("flatpak", "uninstall", "--user", "-y", "--noninteractive", APP)
    left = run("find", HOME + "/.local/share/flatpak/exports", "-name", "*amppost*").stdout
    assert not left, left
    assert os.path.exists(QUEUE)


TESTS = [
    installs_for_an_ordinary_user,
    asks_for_no_other_permission,
    exports_what_a_desktop_looks_for,
    starts_by_the_bus,
    an_event_from_outside_arrives_outside,
    the_queue_is_the_hosts,
    the_command_line_is_inside,
    goes_without_portals,
    forbidden_things_stay_forbidden,
    lives_on_after_a_kill,
    an_update_keeps_everything,
    a_token_goes_through_the_keyring,
    the_icon_shows_and_its_menu_works,
    a_desktop_is_told_and_asked,
    the_window_is_on_the_screen,
    the_desktop_menu_has_actions,
    ends_when_told,
    uninstalls_and_leaves_the_queue,
]


def tell(tap, line):
    print(line, file=tap, flush=True)
    print(line, file=sys.stderr, flush=True)


def main(tap):
    # flatpak asks it about parental controls.
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = os.environ["DBUS_SESSION_BUS_ADDRESS"]
    os.environ["GSK_RENDERER"] = "cairo"
    failed = False
    tell(tap, f"1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        name = "/flatpak/" + test.__name__.replace("_", "-")
        started = time.monotonic()
        print(f"=== {name}", file=sys.stderr, flush=True)
        try:
            state["window"] = os.path.exists(
                f"{HOME}/.local/share/flatpak/app/{APP}/current/active/files/bin/lamppost-window")
            test()
            tell(tap, f"ok {number} {name}")
        except Skip as skip:
            tell(tap, f"ok {number} {name} # SKIP {skip}")
        except Exception:  # pylint: disable=broad-except
            failed = True
            tell(tap, f"not ok {number} {name}")
            for line in traceback.format_exc().splitlines():
                tell(tap, "# " + line)
            lamppost("doctor", check=False)
        tell(tap, f"# {time.monotonic() - started:.1f} s")
        if failed and number == 1:
            tell(tap, "Bail out! It can't be installed")
            break

    run("flatpak", "kill", APP, check=False)
    for child in reversed(children):
        if child.process.poll() is None:
            child.end()
    sys.exit(1 if failed else 0)


with open(sys.argv[2], "w", encoding="utf-8") as file:
    main(file)
