# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests on real tray hosts share.

A test names its cases and calls run(). That starts a host by the scripts of ../shared/trayhost
(or $LAMPPOST_SHARED/trayhost), on a display and a bus of its own, and itself once more in there.
Each case gets the Stage: the host, a server, the agent and what is to be seen. Where the scripts
or the host aren't there, the test is skipped.

Pictures are left in the build folder, in tray-pictures, for people to look at.
"""

import importlib.util
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import traceback

# In seconds. A machine with much to do needs a while; nothing waits longer than it has to.
PATIENCE = 30

# A picture is what it will be if it is the same after this time.
STEADY = 0.3

# The panel is at the upper edge; nothing else is drawn there.
PANEL_HEIGHT = 40

# Where the pointer is out of the way: a hovered icon may be drawn lighter.
PARKED = (500, 400)

BUILD = pathlib.Path(os.environ["G_TEST_BUILDDIR"])
SOURCE = pathlib.Path(os.environ["G_TEST_SRCDIR"])

# Hosts that a script starts if it is asked for them in this way.
VARIANTS = {"sway-swaybar": ("sway-waybar", {"TRAYHOST_BAR": "swaybar"})}

# What the bus doesn't know when it starts the window.
WINDOW_NEEDS = ("DISPLAY", "WAYLAND_DISPLAY", "GSETTINGS_BACKEND", "GSETTINGS_SCHEMA_DIR")

# For what isn't installed.
SYSTEM_DATA = "/usr/local/share:/usr/share"


def scripts():
    shared = os.environ.get("LAMPPOST_SHARED") or SOURCE.parent / "shared"
    return pathlib.Path(shared) / "trayhost"


def wait_until(what, condition, patience=PATIENCE):
    """Returns what condition() does as soon as that is true."""
    end = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.05)


class Picture:
    """The screen at one moment, as rows of 3 bytes a pixel."""

    def __init__(self, width, height, data):
        self.width = width
        self.height = height
        self.data = data

    def panel(self):
        return self.data[:PANEL_HEIGHT * self.width * 3]

    def below(self):
        return self.data[PANEL_HEIGHT * self.width * 3:]

    def row(self, y):
        return self.data[y * self.width * 3:(y + 1) * self.width * 3]

    def pixel(self, x, y):
        return self.row(y)[x * 3:x * 3 + 3]

    def difference(self, other, height=PANEL_HEIGHT):
        """The box around all pixels of the panel, or down to a height, that differ, as x, y,
        width, height."""
        found = [(x, y) for y in range(height) if self.row(y) != other.row(y)
                 for x in range(self.width) if self.pixel(x, y) != other.pixel(x, y)]
        if not found:
            return None
        left, right = min(x for x, _ in found), max(x for x, _ in found)
        top, bottom = found[0][1], found[-1][1]
        return left, top, right - left + 1, bottom - top + 1


def luminance(pixel):
    """As WCAG 2 defines it."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in pixel]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class Server:
    """lamppost-receiver, at the same address each time."""

    def __init__(self, folder):
        self.folder = folder
        self.port = 0
        self.process = None

    def start(self, *options):
        self.stop()
        self.process = subprocess.Popen(
            [os.environ["LAMP_RECEIVER"], "--port", str(self.port),
             "--store", self.folder / "receiver.db", *options],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"http://\S+:(\d+)", line)
        assert match, f"the receiver said {line!r}"
        self.port = int(match[1])

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.communicate()
            self.process = None

    def hold(self):
        """It accepts connections, and answers nothing until it may go on."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class Stage:
    """A host, a server and an agent."""

    def __init__(self, host):
        self.host = host
        self.folder = pathlib.Path(os.environ["TRAYHOST_DIR"])
        self.pictures = BUILD / "tray-pictures"
        self.pictures.mkdir(exist_ok=True)
        self.server = Server(self.folder)
        self.agent = None
        self.log = self.folder / "agent.log"
        self.data = SYSTEM_DATA
        self.empty = None
        self.menu = None

        path = scripts() / "find-colour.py"
        spec = importlib.util.spec_from_file_location("find_colour", path)
        self.screen = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.screen)

    @property
    def has_names(self):
        """Waybar's menu has entries with names, and no keyboard; the others' have keys."""
        return self.host == "sway-waybar"

    # --- what is to be seen ---

    def look(self):
        return Picture(*self.screen.grab())

    def save(self, name):
        """Keeps a picture for people."""
        target = self.pictures / f"{self.host}-{name}.png"
        subprocess.run([scripts() / "screenshot.sh", target], check=True)

    def settle(self):
        """Waits until nothing moves any more; returns the picture."""
        last = self.look()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            time.sleep(STEADY)
            picture = self.look()
            if picture.data == last.data:
                return picture
            last = picture
        raise AssertionError("the picture doesn’t come to rest")

    def see_panel(self, what, condition):
        """Waits until the panel at rest is as it should be; returns the picture."""
        return wait_until(what, lambda: (picture := self.settle()) and condition(picture) and picture)

    def see_icon(self):
        picture = self.see_panel("the icon is drawn", lambda p: p.panel() != self.empty.panel())
        box = picture.difference(self.empty)
        assert 8 <= box[2] <= 32 and 8 <= box[3] <= 32, f"an icon doesn’t look like this: {box}"
        return picture

    def see_no_icon(self):
        self.see_panel("the icon is gone", lambda p: p.panel() == self.empty.panel())

    def see_again(self, picture):
        self.see_panel("the panel looks as before", lambda p: p.panel() == picture.panel())

    def find_icon(self):
        """Its middle."""
        x, y, width, height = self.look().difference(self.empty)
        return x + width // 2, y + height // 2

    # --- mouse and keyboard ---

    def click(self, x, y, button):
        subprocess.run([scripts() / "click.sh", str(x), str(y), str(button)], check=True)

    def park(self):
        self.click(*PARKED, 0)

    def click_icon(self, button):
        self.click(*self.find_icon(), button)

    def key(self, *keys):
        subprocess.run(["xdotool", "key", "--delay", "120", *keys], check=True)

    def open_menu(self):
        middle = self.find_icon()
        self.click(*middle, 0)
        before = self.settle()
        self.click(*middle, 3)
        if self.has_names:
            self.accessible("wait", "Quit", "--state", "showing")
        wait_until("the menu is open", lambda: self.look().below() != before.below())
        self.menu = self.settle().difference(before, before.height)

    def choose(self, name, key):
        """An entry of the open menu, by its name or by its mnemonic."""
        if self.has_names:
            self.accessible("press", name)
        else:
            self.key(key)
        self.park()

    def find_entry(self, name):
        """The middle of an entry that has a name."""
        found = subprocess.run([scripts() / "a11y.py", "get", name, "--contains"], check=True,
                               stdout=subprocess.PIPE).stdout
        x, y, width, height = json.loads(found)["extents"]
        return self.menu[0] + x + width // 2, self.menu[1] + y + height // 2

    def dismiss(self):
        if self.has_names:
            self.click(*PARKED, 1)
        else:
            self.key("Escape")
        self.park()

    def accessible(self, *arguments):
        subprocess.run([scripts() / "a11y.py", *arguments], check=True, stdout=subprocess.DEVNULL)

    # --- the agent ---

    def environment(self):
        return os.environ | {
            "SPEC_KITTY_HOME": str(self.folder / "queue"),
            "SAAS_API_URL": self.server.url,
            "SAAS_API_KEY": "key",
            "LAMPPOST_TRAY_DEBUG": "1",
            "G_DEBUG": "fatal-criticals",
            "GSETTINGS_BACKEND": "keyfile",
            "GSETTINGS_SCHEMA_DIR": str(BUILD / "data"),
            "XDG_DATA_DIRS": self.data,
            "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
        }

    def start_agent(self):
        if self.empty is None:
            self.park()
            self.empty = self.settle()
        with open(self.log, "a") as log:
            self.agent = subprocess.Popen([os.environ["LAMP_AGENT"]], env=self.environment(),
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end_agent(self):
        if self.agent is not None:
            self.agent.terminate()
            assert self.agent.wait(PATIENCE) == 0
            self.agent = None

    def lamppost(self, *arguments):
        subprocess.run([os.environ["LAMP_CLI"], *arguments], env=self.environment(), check=True,
                       stdout=subprocess.DEVNULL)

    def status(self):
        """What the agent says of itself; not much while there is none, which is no error here."""
        result = subprocess.run([os.environ["LAMP_CLI"], "status", "--json"],
                                env=self.environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        return json.loads(result.stdout or "{}")

    def emit(self, event_type="CommentPosted"):
        self.lamppost("emit", "-m", "mission-1", "-t", event_type)

    def wait_for(self, **wanted):
        wait_until(f"status is {wanted}", lambda: wanted.items() <= self.status().items())

    def logged(self, text):
        return self.log.read_text().count(text)

    def call(self, owner, path, method, *arguments):
        """A call on the bus; returns the answer as gdbus prints it, nothing for an error."""
        return subprocess.run(["gdbus", "call", "--session", "-d", owner, "-o", path,
                               "-m", method, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout

    def offer_window(self):
        """From now on the bus starts the window when somebody asks for it."""
        application = os.environ["LAMP_APPLICATION_ID"]
        folder = pathlib.Path(os.environ["XDG_DATA_HOME"]) / "dbus-1" / "services"
        folder.mkdir(parents=True)
        environment = self.environment()
        variables = [f"{key}={environment[key]}" for key in WINDOW_NEEDS if key in environment]
        (folder / f"{application}.service").write_text(
            f"[D-BUS Service]\nName={application}\n"
            f"Exec=/usr/bin/env {' '.join(variables)} {os.environ['LAMP_WINDOW']} "
            "--gapplication-service\n")
        self.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus.ReloadConfig")

    def close_window(self):
        application = os.environ["LAMP_APPLICATION_ID"]
        self.call(application, "/" + application.replace(".", "/"), "org.gtk.Actions.Activate",
                  "quit", "[]", "{}")

    def item(self, name):
        """A property of the icon, as gdbus prints it."""
        status = self.status().get("tray_status") or ""
        owner = re.search(r"(:\d+\.\d+)/StatusNotifierItem", status)
        if owner is None:
            return ""
        return self.call(owner[1], "/StatusNotifierItem", "org.freedesktop.DBus.Properties.Get",
                         "org.kde.StatusNotifierItem", name)

    # --- the host ---

    def restart_host(self, **environment):
        subprocess.run([os.environ["TRAYHOST_RUN"], "--host-restart"], check=True,
                       env=os.environ | environment)

    def end(self):
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
        self.server.stop()


def perform(host, cases):
    """Inside: one case after the other, in TAP. What one leaves is what the next finds, so the
    first failure is the last case."""
    stage = Stage(host)
    failed = False
    print(f"1..{len(cases)}", flush=True)
    for number, (name, case) in enumerate(cases.items(), 1):
        if failed:
            print(f"not ok {number} - {host}: {name} # another failed before", flush=True)
            continue
        try:
            case(stage)
            print(f"ok {number} - {host}: {name}", flush=True)
        except Exception:
            failed = True
            stage.save(f"failed-{name.replace(' ', '-')}")
            print(f"not ok {number} - {host}: {name}", flush=True)
            for line in (traceback.format_exc() + stage.log.read_text()[-4000:]).splitlines():
                print(f"# {line}", flush=True)
    stage.end()
    return failed


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def present(host):
    """Outside: starts the host, and this program once more in there."""
    name, variant = VARIANTS.get(host, (host, {}))
    script = scripts() / f"run-{name}.sh"
    if not script.exists():
        skip(f"{script} isn’t there")

    # sway doesn't run as root, so the script becomes another user where that is allowed.
    sandboxed = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "true"]
    if name == "sway-waybar" and os.getuid() == 0 and \
            subprocess.run(sandboxed, stderr=subprocess.DEVNULL).returncode != 0:
        skip("sway can’t run as root, and user namespaces are not allowed here")

    result = subprocess.run([script, "--", *sys.argv, "--inside"],
                            env=os.environ | variant | {"XDG_DATA_DIRS": SYSTEM_DATA})
    if result.returncode == 77:
        skip(f"{host} isn’t installed (tools/setup tray)")
    return result.returncode


def run(cases):
    host = sys.argv[1]
    if "--inside" in sys.argv:
        sys.exit(perform(host, cases(host)))
    sys.exit(present(host))
