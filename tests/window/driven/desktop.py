# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop of its own for the real programs: X server, session bus, settings, keyring.

The helpers that read and press a window by accessible name are not a part of this project; where
they or a package is missing, start() says so in a Skip.
"""
import ctypes
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent.parent
A11Y = SOURCE.parent / "shared" / "trayhost" / "a11y.py"

# Without anybody who shows notifications GLib warns, which would end the agent here.
NOTIFICATIONS = """<node><interface name="org.freedesktop.Notifications">
  <method name="GetCapabilities"><arg type="as" direction="out"/></method>
  <method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/>
    <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
    <arg type="as" direction="in"/><arg type="a{sv}" direction="in"/><arg type="i" direction="in"/>
    <arg type="u" direction="out"/></method>
  <method name="CloseNotification"><arg type="u" direction="in"/></method>
</interface></node>"""

APPLICATION = os.environ.get("LAMP_APPLICATION_ID", "io.github.lamppost.Lamppost")
AGENT = APPLICATION + ".Agent"
INTERFACE = "io.github.lamppost.Lamppost.Agent1"
PROGRAM = "lamppost-window"

TOKEN = "a-token-for-trying-out"
PATIENCE_S = 20


class Skip(Exception):
    """What is needed isn't there; no failure."""


def wait_until(condition, what, patience=PATIENCE_S):
    """Returns the first true answer."""
    end = time.monotonic() + patience
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def end_with_parent():
    """A test that is killed leaves nobody behind: what the bus has started ends with the bus."""
    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)


class Desktop:
    """Everything is private and ends with end()."""

    def __init__(self, size=(1280, 900), look=(), environment=None):
        self.size = size
        self.look = dict(look)
        self.extra = environment or {}
        self.children = {}
        self.folder = None
        self.env = None
        self.a11y = None
        self.gio = None
        self.bus = None
        self.loop = None
        self.notifications = []

    # --- up and down ---------------------------------------------------------

    def start(self):
        for program in ("Xvfb", "dbus-daemon", "xdotool"):
            if shutil.which(program) is None:
                raise Skip(f"{program} is not installed")
        if not A11Y.exists():
            raise Skip("the helpers that drive a window (../shared/trayhost) are not here")
        if not os.path.exists("/usr/share/dbus-1/services/org.a11y.Bus.service"):
            raise Skip("at-spi2-core is not installed")
        try:
            from gi.repository import Gio, GLib
        except ImportError as error:
            raise Skip(f"python3-gi is not installed ({error})") from error

        self.gio, self.glib = Gio, GLib
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lamp-"))
        self._make_environment()
        try:
            self._start_display()
            self._start_bus()
        except BaseException:
            self.end()
            raise
        return self

    def _make_environment(self):
        env = {key: os.environ[key] for key in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
               if key in os.environ}
        for name, folder in (("HOME", "home"), ("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"),
                             ("XDG_CACHE_HOME", "cache"), ("XDG_STATE_HOME", "state"),
                             ("XDG_RUNTIME_DIR", "run"), ("SPEC_KITTY_HOME", "queue")):
            (self.folder / folder).mkdir(mode=0o700)
            env[name] = str(self.folder / folder)
        env.update(
            LC_ALL="C.UTF-8", LANGUAGE="", TZ="UTC", NO_COLOR="1",
            GSETTINGS_BACKEND="keyfile", GSETTINGS_SCHEMA_DIR=os.environ["GSETTINGS_SCHEMA_DIR"],
            DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent",
            # One renderer and one theme: the same pixels every time.
            GSK_RENDERER="cairo", GDK_BACKEND="x11", GTK_USE_PORTAL="0", GTK_A11Y="atspi",
            ADW_DISABLE_PORTAL="1", LAMPPOST_TRAY="null")
        env.update(self.extra)
        self.env = env

        look = {"gtk-enable-animations": "0", "gtk-cursor-blink": "0", "gtk-icon-theme-name": "Adwaita",
                "gtk-font-name": "Cantarell 11", "gtk-xft-antialias": "1", "gtk-xft-hinting": "0",
                "gtk-xft-rgba": "none", "gtk-decoration-layout": ":close", **self.look}
        gtk = self.folder / "config" / "gtk-4.0"
        gtk.mkdir()
        (gtk / "settings.ini").write_text(
            "[Settings]\n" + "".join(f"{key}={value}\n" for key, value in look.items()))

        # As if installed: icons, and files that let the bus start agent and window.
        for kind, pattern in (("symbolic", "*Lamppost-symbolic.svg"), ("scalable", "*Lamppost.svg")):
            apps = self.folder / "data" / "icons" / "hicolor" / kind / "apps"
            apps.mkdir(parents=True)
            for icon in (SOURCE / "data" / "icons").glob(pattern):
                shutil.copy(icon, apps)
        services = self.folder / "data" / "dbus-1" / "services"
        services.mkdir(parents=True)
        for name, command in ((AGENT, os.environ["LAMP_AGENT"]),
                              (APPLICATION, os.environ["LAMP_WINDOW"] + " --gapplication-service")):
            (services / (name + ".service")).write_text(
                f"[D-BUS Service]\nName={name}\nExec=/usr/bin/env G_DEBUG=fatal-warnings {command}\n")

    def _start_display(self):
        read, write = os.pipe()
        self.spawn("display", ["Xvfb", "-displayfd", str(write), "-screen", "0",
                               "%dx%dx24" % self.size, "-nolisten", "tcp", "-noreset"],
                   pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            raise AssertionError("Xvfb did not start:\n" + self.log("display"))
        self.env["DISPLAY"] = ":" + number

    def _start_bus(self):
        process = self.spawn("bus", ["dbus-daemon", "--session", "--nofork", "--print-address"],
                             stdout=subprocess.PIPE)
        address = process.stdout.readline().decode().strip()
        self.env["DBUS_SESSION_BUS_ADDRESS"] = address
        flags = self.gio.DBusConnectionFlags
        self.bus = self.gio.DBusConnection.new_for_address_sync(
            address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        self.bus.set_exit_on_close(False)

        self._serve_notifications(address, flags)

        spec = importlib.util.spec_from_file_location("a11y", A11Y)
        self.a11y = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.a11y)
        answer = self.bus.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress",
                                    None, None, 0, 20000, None)
        self.a11y.Bus.conn = self.gio.DBusConnection.new_for_address_sync(
            answer.unpack()[0], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        self.a11y.Bus.conn.set_exit_on_close(False)

    def _serve_notifications(self, address, flags):
        self.context = self.glib.MainContext()
        ready = threading.Event()

        def handle(connection, sender, path, interface, method, arguments, invocation):
            if method == "Notify":
                self.notifications.append(arguments.unpack())
            answers = {"GetCapabilities": ("(as)", (["body", "actions"],)),
                       "Notify": ("(u)", (len(self.notifications),))}
            answer = answers.get(method)
            invocation.return_value(answer and self.glib.Variant(*answer))

        def serve():
            self.context.push_thread_default()
            bus = self.gio.DBusConnection.new_for_address_sync(
                address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
            bus.set_exit_on_close(False)
            node = self.gio.DBusNodeInfo.new_for_xml(NOTIFICATIONS)
            bus.register_object("/org/freedesktop/Notifications", node.interfaces[0], handle, None, None)
            bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "RequestName", self.glib.Variant("(su)", ("org.freedesktop.Notifications", 0)),
                          None, 0, 10000, None)
            self.loop = self.glib.MainLoop(self.context)
            ready.set()
            self.loop.run()

        threading.Thread(target=serve, daemon=True).start()
        if not ready.wait(10):
            raise AssertionError("nobody shows notifications")

    def end(self):
        if self.loop is not None:
            self.loop.quit()
        for name in reversed(list(self.children)):
            self.stop(name)
        # What the bus has started ends with the bus; a window may take a moment.
        if self.env is not None:
            mark = f"SPEC_KITTY_HOME={self.folder}/queue".encode()
            for pid in self._marked(mark):
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + 5
            while self._marked(mark) and time.monotonic() < end:
                time.sleep(0.02)
            for pid in self._marked(mark):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _marked(mark):
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) != os.getpid():
                try:
                    with open(f"/proc/{entry}/environ", "rb") as file:
                        if mark in file.read().split(b"\0"):
                            with open(f"/proc/{entry}/stat", "rb") as stat:
                                if stat.read().rpartition(b") ")[2][:1] != b"Z":
                                    found.append(int(entry))
                except OSError:
                    pass
        return found

    # --- programs ------------------------------------------------------------

    def spawn(self, name, command, env=None, **options):
        log = open(self.folder / f"{name}.log", "ab")
        options.setdefault("stdout", log)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("preexec_fn", end_with_parent)
        process = subprocess.Popen(command, env={**self.env, **(env or {})}, stderr=log, **options)
        log.close()
        self.children[name] = process
        return process

    def stop(self, name, how=signal.SIGTERM):
        process = self.children.pop(name)
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return -signal.SIGKILL

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start_keyring(self):
        if shutil.which("gnome-keyring-daemon") is None:
            raise Skip("gnome-keyring-daemon is not installed")
        process = self.spawn("keyring", ["gnome-keyring-daemon", "--foreground", "--components=secrets",
                                         "--unlock"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        process.stdin.write(b"the keyring's password")
        process.stdin.close()
        self.wait_owned("org.freedesktop.secrets")

    def start_receiver(self, port, *arguments):
        self.spawn("receiver", [os.environ["LAMP_RECEIVER"], "--port", str(port), "--store",
                                str(self.folder / "receiver.sqlite"), *arguments],
                   env={"LAMPPOST_RECEIVER_TOKEN": TOKEN})

        def answers():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_until(answers, "the receiver listens")

    def start_agent(self):
        """As whoever talks to it first does."""
        self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                           "StartServiceByName", self.glib.Variant("(su)", (AGENT, 0)), None, 0, 30000, None)

    def get_pid(self, name=AGENT):
        return self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "GetConnectionUnixProcessID", self.glib.Variant("(s)", (name,)), None, 0,
                                  10000, None).unpack()[0]

    def kill_agent(self):
        os.kill(self.get_pid(), signal.SIGKILL)
        self.wait_owned(AGENT, False)

    def start_window(self, *arguments, env=None):
        process = self.spawn("window", [os.environ["LAMP_WINDOW"], *arguments],
                             env={"G_DEBUG": "fatal-warnings", **(env or {})})
        self.wait_owned(APPLICATION)
        return process

    def close_window(self):
        """As a person does; the process must end well."""
        process = self.children["window"]
        self.key("ctrl+q")
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:
            raise AssertionError("the window doesn't end when it is closed")
        del self.children["window"]
        assert code == 0, f"the window ended with {code}:\n{self.log('window')}"

    def cli(self, *arguments, stdin=None):
        return subprocess.run([os.environ["LAMP_CLI"], *arguments], env=self.env, input=stdin, text=True,
                              capture_output=True, timeout=60, check=True).stdout

    # --- the agent -----------------------------------------------------------

    def is_owned(self, name):
        return self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "NameHasOwner", self.glib.Variant("(s)", (name,)), None, 0, 10000,
                                  None).unpack()[0]

    def wait_owned(self, name, owned=True):
        wait_until(lambda: self.is_owned(name) == owned, f"{name} {'appears' if owned else 'goes'}")

    def call(self, method, signature="()", *arguments):
        path = "/" + AGENT.replace(".", "/")
        return self.bus.call_sync(AGENT, path, INTERFACE, method, self.glib.Variant(signature, arguments),
                                  None, 0, 60000, None).unpack()

    def get(self, name):
        path = "/" + AGENT.replace(".", "/")
        return self.bus.call_sync(AGENT, path, "org.freedesktop.DBus.Properties", "Get",
                                  self.glib.Variant("(ss)", (INTERFACE, name)), None, 0, 60000,
                                  None).unpack()[0]

    def set(self, name, signature, value):
        path = "/" + AGENT.replace(".", "/")
        self.bus.call_sync(AGENT, path, "org.freedesktop.DBus.Properties", "Set", self.glib.Variant(
            "(ssv)", (INTERFACE, name, self.glib.Variant(signature, value))), None, 0, 60000, None)

    def wait_for(self, name, value):
        wait_until(lambda: self.get(name) == value, f"{name} is {value}")

    def emit(self, count, mission="sunrise", kind="CommentPosted"):
        events = [(mission, kind, json.dumps({"n": i}), {}) for i in range(count)]
        while events:
            part, events = events[:1000], events[1000:]
            self.call("EmitBatch", "(a(sssa{sv}))", part)

    def setting(self, key):
        """What the settings file says, as a GVariant's text; None where the default holds."""
        file = self.folder / "config" / "glib-2.0" / "settings" / "keyfile"
        if not file.exists():
            return None
        found = re.search(rf"^{re.escape(key)}=(.*)$", file.read_text(), re.M)
        return found and found.group(1)

    def set_settings(self, **values):
        folder = self.folder / "config" / "glib-2.0" / "settings"
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{key.replace('_', '-')}={value}\n" for key, value in values.items())
        (folder / "keyfile").write_text("[io/github/lamppost/Lamppost]\n" + lines)

    # --- the window ----------------------------------------------------------

    def nodes(self):
        """All there is to see in the window's application, with the depth."""
        for root in self.a11y.roots(PROGRAM):
            yield from self.walk(root)

    def walk(self, node, depth=0):
        """Leaves out what isn't visible, and what is in there."""
        states = self.a11y.states(node)
        if "visible" not in states and node.parent is not None \
                and self.a11y.safe(lambda: node.role) != "application" and depth > 1:
            return
        yield node, depth
        for child in self.a11y.safe(node.children, []):
            yield from self.walk(child, depth + 1)

    def get_top(self, node):
        """The window that something is in."""
        while node.parent is not None and self.a11y.safe(lambda: node.parent.role) not in (None, "application"):
            node = node.parent
        return node

    def is_seen(self, node):
        """Whether it can be seen: GTK doesn't tell, so what is in its middle is asked for.

        A page of a stack that isn't shown is in the tree like all others."""
        top = self.get_top(node)
        x, y, width, height = self.a11y.safe(lambda: self.a11y.extents(node), (0, 0, 0, 0))
        _, _, right, bottom = self.a11y.safe(lambda: self.a11y.extents(top), (0, 0, 0, 0))
        x, y = x + width // 2, y + height // 2
        if width <= 0 or height <= 0 or not (0 <= x < right and 0 <= y < bottom):
            return False
        name, path = self.a11y.safe(
            lambda: top.call("Component", "GetAccessibleAtPoint", "(iiu)", x, y, 1)[0], ("", ""))
        # Inside an entry there is something that isn't accessible; what is insensitive isn't found.
        if not name or "sensitive" not in self.a11y.states(node):
            return True
        while not path.endswith(("/null", "/root")):
            if path == node.path:
                return True
            hit = self.a11y.Node(name, path)
            name, path = self.a11y.safe(lambda: hit.prop("Accessible", "Parent"), ("", "/null"))
        return False

    def look_for(self, name, role=None, contains=False, want=(), seen=True):
        for node, _ in self.nodes():
            text = self.a11y.safe(lambda: node.name, "")
            if (text == name or contains and name in text) \
                    and (role is None or self.a11y.safe(lambda: node.role) == role) \
                    and not set(want) - set(self.a11y.states(node)) \
                    and (not seen or self.is_seen(node)):
                return node
        return None

    def find(self, name, patience=PATIENCE_S, **how):
        """Waits for something visible of that accessible name."""
        try:
            return wait_until(lambda: self.look_for(name, **how), f"“{name}” in the window", patience)
        except AssertionError as error:
            raise AssertionError(f"{error}; there is:\n{self.tree()}") from None

    def gone(self, name, **how):
        try:
            wait_until(lambda: not self.look_for(name, **how), f"“{name}” goes from the window")
        except AssertionError as error:
            raise AssertionError(f"{error}; there is:\n{self.tree()}") from None

    def press(self, name, **how):
        how.setdefault("want", ("sensitive",))
        node = self.find(name, **how)
        assert self.a11y.press(node), f"“{name}” refuses to be pressed"

    def fill(self, name, text, **how):
        node = self.find(name, **how)
        for part, _ in self.a11y.walk(node):
            if "EditableText" in self.a11y.safe(lambda: part.interfaces, ()):
                part.call("EditableText", "SetTextContents", "(s)", text)
                return
        raise AssertionError(f"nothing can be typed into “{name}”")

    def click(self, name, **how):
        """With the mouse, for what has no action."""
        self.click_node(self.find(name, **how))

    def click_node(self, node):
        top = self.get_top(node)
        window = self.window_ids(re.escape(top.name))[-1]
        place = dict(line.split("=") for line in
                     self.xdotool("getwindowgeometry", "--shell", window).split())
        x, y, width, height = self.a11y.extents(node)
        _, _, inner_width, inner_height = self.a11y.extents(top)
        # The shadow around a window belongs to it, too.
        x += int(place["X"]) + (int(place["WIDTH"]) - inner_width) // 2 + width // 2
        y += int(place["Y"]) + (int(place["HEIGHT"]) - inner_height) // 2 + height // 2
        self.xdotool("mousemove", x + 1, y, "mousemove", x, y, "click", 1)

    def take_picture(self, path, window="root"):
        subprocess.run(["import", "-window", str(window), str(path)], env=self.env, check=True, timeout=30)

    def tree(self):
        lines = []
        for node, depth in self.nodes():
            lines.append("  " * depth + f"{self.a11y.safe(lambda: node.role)} "
                         f"{self.a11y.safe(lambda: node.name, '')!r}")
        return "\n".join(lines)

    def xdotool(self, *arguments):
        return subprocess.run(["xdotool", *map(str, arguments)], env=self.env, capture_output=True,
                              text=True, timeout=20, check=True).stdout

    def key(self, *keys):
        self.xdotool("key", "--clearmodifiers", *keys)

    def type(self, text):
        self.xdotool("type", "--clearmodifiers", text)

    def window_ids(self, title):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", f"^{title}$"],
                               env=self.env, capture_output=True, text=True, timeout=20).stdout.split()
        return [int(window) for window in found]

    def focus_window(self, title="Lamppost"):
        """There is no window manager that would do it."""
        window = wait_until(lambda: self.window_ids(title), f"a window called {title}")[-1]
        self.xdotool("windowfocus", "--sync", window)
        return window


def run(cases):
    """Runs functions one by one and tells of them as TAP. Each makes its own desktop."""
    chosen = [case for case in cases if len(sys.argv) < 2 or case.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, case in enumerate(chosen, 1):
        name = case.__name__.replace("_", "-")
        begin = time.monotonic()
        try:
            case()
            print(f"ok {number} {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} {name} # SKIP {reason}", flush=True)
        except Exception as error:
            failed += 1
            import traceback
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print(f"not ok {number} {name}", flush=True)
        print(f"# {time.monotonic() - begin:.1f} s", flush=True)
    return 1 if failed else 0
