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


def preferences_hold():
    with Session() as session:
        desktop = session.desktop
        session.restart_receiver()
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")

        desktop.key("ctrl+comma")
        desktop.focus_window("Preferences")
        desktop.press("Show notifications", role="check box")
        wait_until(lambda: desktop.setting("notify") == "false", "notify is written")
        desktop.click("Replay", role="page tab")
        desktop.click("Events in a batch", role="spin button")
        desktop.key("ctrl+a")
        desktop.type("25")
        desktop.key("Tab")
        wait_until(lambda: desktop.setting("batch-size") == "25", "batch-size is written")
        desktop.press("Send events", role="check box")
        desktop.wait_for("Paused", True)
        desktop.key("Escape")
        desktop.focus_window()
        desktop.find("Replay is paused.", contains=True)
        desktop.close_window()
        desktop.kill_agent()

        desktop.start_window()
        desktop.focus_window()
        desktop.find("Replay is paused.", contains=True)
        assert desktop.get("Paused")
        desktop.key("ctrl+comma")
        desktop.focus_window("Preferences")
        assert "checked" not in desktop.a11y.states(desktop.find("Show notifications", role="check box"))
        desktop.click("Replay", role="page tab")
        assert "checked" not in desktop.a11y.states(desktop.find("Send events", role="check box"))
        batch = desktop.find("Events in a batch", role="spin button")
        assert batch.prop("Value", "CurrentValue") == 25
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
