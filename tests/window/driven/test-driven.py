#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The window as a person drives it: the real programs, found and pressed by accessible name."""
import os
import re
import sys
import time

from desktop import APPLICATION, TOKEN, Desktop, free_port, run, wait_until


class Session:
    """A desktop with a receiver and, unless it is the first run, a server that is set."""

    def __init__(self, first_run=False, **settings):
        self.desktop = Desktop(environment={} if first_run else {"SAAS_API_KEY": TOKEN})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.first_run = first_run
        self.settings = settings

    def __enter__(self):
        self.desktop.start()
        try:
            if self.first_run:
                self.desktop.start_keyring()
            else:
                self.desktop.set_settings(server_url=f"'{self.url}'", **self.settings)
        except BaseException:
            self.desktop.end()
            raise
        return self

    def __exit__(self, *error):
        if error[0] is not None and "window" in self.desktop.children:
            for name in ("window", "bus"):
                print(f"# {name} says:", *self.desktop.log(name).splitlines()[-30:], sep="\n# ")
            if "LAMP_PICTURES" in os.environ:
                self.desktop.take_picture(os.path.join(os.environ["LAMP_PICTURES"], f"failed-{self.port}.png"))
        self.desktop.end()

    def restart_receiver(self, *arguments):
        if "receiver" in self.desktop.children:
            self.desktop.stop("receiver")
        self.desktop.start_receiver(self.port, *arguments)


def first_run_to_delivered():
    with Session(first_run=True) as session:
        desktop = session.desktop
        session.restart_receiver()
        # Nothing runs yet: opening the window starts the agent.
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Welcome to Lamppost")
        desktop.find("Set Up Later")

        desktop.fill("Server address", session.url, role="text")
        desktop.fill("Token", "of-somebody-else", role="text")
        desktop.press("Save and Test Connection")
        desktop.find(session.url)
        desktop.find("It answers.")
        desktop.find("The server does not take it. Ask for a new one and type it here.")

        desktop.fill("Token", TOKEN, role="text")
        desktop.press("Save and Test Connection")
        desktop.find("The server takes it.")
        desktop.find("It answers.")
        assert desktop.get("LastDelivery") == 0 and desktop.get("State") == "idle"
        desktop.press("Show Events")
        desktop.find("Nothing to deliver yet")

        for number in range(5):
            desktop.cli("emit", "-m", "sunrise", "-t", "DecisionCaptured", "-p", f'{{"number":{number}}}')
        desktop.find("Everything is delivered")
        desktop.click("Delivered (5)", contains=True, role="page tab")
        desktop.find("DecisionCaptured")
        assert desktop.get("Delivered") == 5
        # The token is nowhere to be read.
        assert TOKEN not in desktop.tree()
        desktop.close_window()


def server_down_then_replay():
    with Session() as session:
        desktop = session.desktop
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")
        desktop.emit(128)
        desktop.find("128 events are waiting")
        desktop.find(time.strftime("Offline since %H:", time.localtime(desktop.get("OfflineSince") / 1e6)), contains=True)
        desktop.find("What waits is safe here.", contains=True)
        desktop.find("Next try in", contains=True)
        desktop.find("Pending (128)", contains=True, role="page tab")
        desktop.find("CommentPosted")

        session.restart_receiver()
        desktop.press("Replay Now")
        desktop.find("Everything is delivered")
        desktop.find("Nothing Is Waiting")
        assert (desktop.get("Pending"), desktop.get("Delivered")) == (0, 128)
        desktop.close_window()


def open_failed(session, kind="ReviewRequested"):
    desktop = session.desktop
    desktop.emit(1, kind=kind)
    desktop.click("Failed (1)", contains=True, role="page tab")
    desktop.click(kind, role="label")
    desktop.find("In the server’s words")


def rejected_then_resent():
    with Session() as session:
        desktop = session.desktop
        session.restart_receiver("--reject", "ReviewRequested")
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")
        open_failed(session)
        desktop.find("The server refused it")
        desktop.find("ReviewRequested", contains=True, role="label")
        row = desktop.call("List", "(a{sv}xu)", {"status": desktop.glib.Variant("s", "failed")}, 0, 1)[0][0]
        desktop.find(row["error_message"], contains=True)

        session.restart_receiver()
        desktop.press("Resend")
        desktop.find("Everything is delivered")
        desktop.find("Nothing Has Failed")
        assert (desktop.get("Failed"), desktop.get("Delivered")) == (0, 1)
        desktop.close_window()


def discard_asks_first():
    with Session() as session:
        desktop = session.desktop
        session.restart_receiver("--reject", "ReviewRequested")
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")
        open_failed(session)

        desktop.press("Discard…")
        desktop.find("undone", contains=True)
        desktop.press("Cancel", contains=True)
        desktop.gone("undone", contains=True)
        assert desktop.get("Failed") == 1

        desktop.press("Discard…")
        desktop.find("undone", contains=True)
        desktop.press("Discard Discard", role="push button")
        desktop.wait_for("Failed", 0)
        desktop.find("Nothing Has Failed")
        assert desktop.get("Delivered") == 0
        desktop.close_window()


# What is changed on each page of the preferences: by its name, its key, and what is in the settings then.
SWITCHES = {"General": [("Start at login", "autostart", "false"),
                        ("Show how many events wait", "show-count", "false"),
                        ("Show notifications", "notify", "false")],
            "Server": [("Allow http:// to other computers", "allow-insecure-http", "true")],
            "Replay": [("Send events", "paused", "true"), ("Always compress", "compress", "true")],
            "Queue": []}
NUMBERS = {"General": [("Hours until waiting counts as stalled", "stalled-after-hours", 36, 36)],
           "Server": [],
           "Replay": [("Events in a batch", "batch-size", 25, 25),
                      ("Size of a batch in KiB", "max-batch-bytes", 64, 65536),
                      ("Batches on the way at once", "in-flight", 2, 2),
                      ("Further tries when the server does not answer", "max-retries", 5, 5)],
           "Queue": [("Events that are kept until they are delivered", "capacity", 2000, 2000),
                     ("Days that they are kept", "history-days", 30, 30),
                     ("Events that are kept at most", "history-events", 500, 500)]}
ENTRIES = {"General": [],
           "Server": [("Server address", "server-url", "http://localhost:8765"),
                      ("Node id (empty: made automatically)", "node-id", "abcdef012345")],
           "Replay": [],
           "Queue": []}
# And the words of what is chosen.
CHOICES = {"General": [],
           "Server": [],
           "Replay": [("When the tries are used up", "on-exhausted", "'fail'", "Set them to failed")],
           "Queue": []}


class Controls:
    """The preferences, looked up once: the window's tree is large."""

    def __init__(self, desktop):
        self.desktop = desktop
        desktop.key("ctrl+comma")
        desktop.focus_window("Preferences")
        desktop.find("Send events", role="check box", seen=False)
        self.nodes = {(desktop.a11y.safe(lambda: node.role), desktop.a11y.safe(lambda: node.name)): node
                      for node, _ in desktop.nodes()}

    def show(self, page):
        self.desktop.click(page, role="page tab")
        first = [("check box", switch[0]) for switch in SWITCHES[page]] or \
                [("spin button", number[0]) for number in NUMBERS[page]]
        wait_until(lambda: self.desktop.is_seen(self.nodes[first[0]]), f"{page} is shown")

    def enter(self, role, name, text, key, setting, written):
        self.desktop.click_node(self.nodes[role, name])
        self.desktop.key("ctrl+a")
        self.desktop.type(text)
        self.desktop.key(key)
        self.wait_written(setting, written)

    def wait_written(self, setting, written):
        wait_until(lambda: self.desktop.setting(setting) == written, f"{setting} is written")

    def change(self, page):
        self.show(page)
        for name, key, written in SWITCHES[page]:
            assert self.desktop.a11y.press(self.nodes["check box", name]), name
            self.wait_written(key, written)
        for name, key, number, written in NUMBERS[page]:
            self.enter("spin button", name, str(number), "Tab", key, str(written))
        for name, key, text in ENTRIES[page]:
            self.enter("text", name, text, "Return", key, f"'{text}'")
        for name, key, written, _ in CHOICES[page]:
            self.desktop.click_node(self.nodes["combo box", name])
            self.desktop.key("Down", "Return")
            self.wait_written(key, written)

    def check(self, page):
        for name, key, written in SWITCHES[page]:
            # The replay switch says the opposite of its key.
            on = (written == "true") != (key == "paused")
            assert ("checked" in self.desktop.a11y.states(self.nodes["check box", name])) == on, name
        for name, _, number, _ in NUMBERS[page]:
            assert self.nodes["spin button", name].prop("Value", "CurrentValue") == number, name
        for name, _, text in ENTRIES[page]:
            found = [self.desktop.a11y.text(part) for part, _ in self.desktop.a11y.walk(self.nodes["text", name])]
            assert text in found, f"{name}: {found}"
        for _, _, _, chosen in CHOICES[page]:
            assert ("label", chosen) in self.nodes, chosen


def preferences_hold():
    with Session() as session:
        desktop = session.desktop
        session.restart_receiver()
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")

        controls = Controls(desktop)
        for page in SWITCHES:
            controls.change(page)
        for name, value in (("Paused", True), ("Capacity", 2000), ("ServerUrl", "http://localhost:8765")):
            desktop.wait_for(name, value)
        desktop.key("Escape")
        desktop.focus_window()
        desktop.find("Replay is paused.", contains=True)
        desktop.close_window()
        desktop.kill_agent()

        desktop.start_window()
        desktop.focus_window()
        desktop.find("Replay is paused.", contains=True)
        assert (desktop.get("Paused"), desktop.get("Capacity")) == (True, 2000)
        # The node is what it is from a start on.
        assert (desktop.get("ServerUrl"), desktop.get("NodeId")) == ("http://localhost:8765", "abcdef012345")
        controls = Controls(desktop)
        for page in SWITCHES:
            controls.check(page)
        desktop.key("Escape")
        desktop.focus_window()
        desktop.close_window()


def agent_killed():
    with Session() as session:
        desktop = session.desktop
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")
        desktop.emit(3, kind="CommentPosted")
        desktop.find("3 events are waiting")

        desktop.kill_agent()
        desktop.find("Lamppost Is Not Running")
        desktop.find("Nothing is lost", contains=True)
        # Another tool goes on without the agent, and what it stores is in the list afterwards.
        desktop.press("Start")
        desktop.find("3 events are waiting")
        desktop.emit(2, kind="MissionJoined")
        desktop.find("5 events are waiting")
        desktop.find("MissionJoined")
        desktop.find("CommentPosted")
        rows = [node for node, _ in desktop.nodes()
                if desktop.a11y.safe(lambda: node.name) in ("MissionJoined", "CommentPosted")
                and desktop.a11y.safe(lambda: node.role) == "label"]
        assert len(rows) == 5, f"{len(rows)} rows"
        desktop.close_window()


def each_pause_says_why():
    with Session() as session:
        desktop = session.desktop
        session.restart_receiver()
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")
        desktop.emit(1)
        desktop.find("Everything is delivered")
        desktop.stop("receiver")
        desktop.emit(1)
        desktop.wait_for("State", "offline")
        assert desktop.get("LastError")

        desktop.set("Paused", "b", True)
        desktop.find("Replay is paused.", contains=True)
        assert desktop.get("LastError") == "" and not desktop.look_for("can’t be reached", contains=True)
        desktop.press("Resume")
        desktop.gone("Replay is paused.", contains=True)

        # What waits is not for just any server.
        session.port = free_port()
        desktop.set_settings(server_url=f"'http://127.0.0.1:{session.port}'")
        desktop.find(f"and the server is http://127.0.0.1:{session.port} now", contains=True)
        session.restart_receiver()
        assert desktop.get("Pending") == 1
        desktop.press("Resume")
        desktop.find("Everything is delivered")
        desktop.gone("and the server is", contains=True)
        desktop.close_window()


def activate_action(desktop, name):
    """As the portal does in a sandbox, where the agent's notifications are the application's."""
    desktop.bus.call_sync(APPLICATION, "/" + APPLICATION.replace(".", "/"), "org.freedesktop.Application",
                          "ActivateAction", desktop.glib.Variant("(sava{sv})", (name, [], {})), None, 0, 30000,
                          None)


def notifications_act_without_window():
    with Session() as session:
        desktop = session.desktop
        session.restart_receiver("--reject", "ReviewRequested")
        desktop.start_agent()
        desktop.emit(2, kind="ReviewRequested")
        desktop.wait_for("Failed", 2)
        wait_until(lambda: desktop.notifications, "somebody is told")
        buttons = set(re.findall(r"app\.(\w+)", str(desktop.notifications[-1])))
        assert buttons == {"resend", "show"}, buttons
        assert not desktop.is_owned(APPLICATION)

        session.restart_receiver()
        activate_action(desktop, "resend")
        desktop.wait_for("Delivered", 2)
        desktop.stop("receiver")
        desktop.emit(1)
        desktop.wait_for("State", "offline")
        session.restart_receiver()
        activate_action(desktop, "replay")
        desktop.wait_for("Delivered", 3)
        assert not desktop.window_ids("Lamppost")
        activate_action(desktop, "show")
        desktop.focus_window()
        desktop.find("Everything is delivered")
        desktop.key("ctrl+q")
        desktop.wait_owned(APPLICATION, False)


if __name__ == "__main__":
    sys.exit(run([first_run_to_delivered, server_down_then_replay, rejected_then_resent, discard_asks_first,
                  preferences_hold, agent_killed, each_pause_says_why,
                  notifications_act_without_window]))
