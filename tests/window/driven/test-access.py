#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every control has a name on every page, and the window is used by keyboard alone."""
import sys

from desktop import PROGRAM, TOKEN, Desktop, free_port, run, wait_until

# What a person acts on.
INTERACTIVE = {"push button", "toggle button", "check box", "radio button", "text", "password text", "entry",
               "spin button", "combo box", "slider", "page tab", "menu item", "check menu item", "list",
               "table", "link", "switch"}
# GTK's own parts inside a named widget: the arrows of a spin button, the icons of an entry, the
# entry inside of a search entry. Their names can't be given before GTK 4.10.
PART_OF = {"spin button", "entry", "text", "combo box", "scroll bar", "password text"}
# Names that GTK makes of the class.
NO_NAMES = ("", "GtkImage", "GtkButton", "GtkMenuButton", "GtkToggleButton", "GtkCheckButton", "GtkSwitch",
            "GtkListView", "GtkEntry", "GtkText", "GtkSpinButton", "GtkDropDown", "AdwComboRow")


def start(**settings):
    desktop = Desktop(environment={"SAAS_API_KEY": TOKEN})
    desktop.start()
    desktop.port = free_port()
    desktop.set_settings(server_url=f"'http://127.0.0.1:{desktop.port}'", **settings)
    return desktop


def nameless(desktop):
    """What is interactive and has no name of its own."""
    found = []
    for node, _ in desktop.nodes():
        role = desktop.a11y.safe(lambda: node.role)
        name = desktop.a11y.safe(lambda: node.name, "")
        # A preferences group makes a list of its rows; its title is beside it.
        if role not in INTERACTIVE or name not in NO_NAMES or (role, name) == ("list", "GtkListBox"):
            continue
        above = []
        while node.parent is not None:
            node = node.parent
            above.append((desktop.a11y.safe(lambda: node.role), desktop.a11y.safe(lambda: node.name, "")))
        # The button that searches the preferences is libadwaita's own.
        if {"AdwGizmo", "Preferences"} <= {name for _, name in above}:
            continue
        if not PART_OF & {role for role, _ in above[:4]}:
            found.append(f"{role} in {' < '.join(name for _, name in above if name)}")
    return found


def check(desktop, where):
    found = nameless(desktop)
    assert not found, f"without a name, {where}:\n" + "\n".join(found)


def all_controls_have_names():
    desktop = start()
    try:
        desktop.start_receiver(desktop.port, "--reject", "ReviewRequested")
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")
        desktop.emit(3)
        desktop.emit(2, kind="ReviewRequested")
        desktop.wait_for("Failed", 2)
        for page, name in enumerate(("Pending", "Failed", "Delivered"), 1):
            desktop.key(f"alt+{page}")
            check(desktop, name)
        desktop.key("alt+2")
        desktop.click("ReviewRequested", role="label")
        desktop.find("In the server’s words")
        check(desktop, "details")
        desktop.press("Discard…")
        desktop.find("undone", contains=True)
        check(desktop, "discard")
        desktop.press("Cancel Cancel")
        desktop.gone("undone", contains=True)
        desktop.focus_window()
        desktop.key("ctrl+f")
        desktop.press("Filter by mission or type")
        check(desktop, "filter")
        desktop.key("Escape")
        desktop.focus_window()
        desktop.key("ctrl+l")
        desktop.focus_window("Sign In")
        desktop.find("Save and Test Connection")
        check(desktop, "sign in")
        desktop.key("Escape")
        desktop.focus_window()
        desktop.key("ctrl+comma")
        desktop.focus_window("Preferences")
        for tab in ("General", "Server", "Replay", "Queue"):
            desktop.click(tab, role="page tab")
            check(desktop, tab)
        desktop.key("Escape")
        desktop.focus_window()
        desktop.kill_agent()
        desktop.find("Lamppost Is Not Running")
        check(desktop, "not running")
        desktop.close_window()
    finally:
        desktop.end()


def focused(desktop):
    """The name and role of what has the keyboard, or of what it is in."""
    found = ("", "")
    for root in desktop.a11y.roots(PROGRAM):
        for node, _ in desktop.a11y.walk(root):
            if "focused" in desktop.a11y.states(node):
                while node is not None and desktop.a11y.safe(lambda: node.name, "") in NO_NAMES:
                    node = node.parent
                if node is not None:
                    found = (desktop.a11y.safe(lambda: node.name, ""), desktop.a11y.safe(lambda: node.role))
    return found


def tab_to(desktop, *names, key="Tab", limit=40):
    """Presses Tab until one of those has the keyboard, and returns all that had it."""
    seen = []
    for _ in range(limit):
        name, role = focused(desktop)
        seen.append(name)
        if any(name == wanted or wanted in name and role == "page tab" for wanted in names):
            return seen
        desktop.key(key)
    raise AssertionError(f"Tab doesn't lead to {' or '.join(names)}, but to: {', '.join(seen)}")


def by_keyboard_alone():
    desktop = start()
    try:
        desktop.start_receiver(desktop.port, "--reject", "ReviewRequested")
        desktop.start_window()
        desktop.focus_window()
        desktop.find("Nothing to deliver yet")
        desktop.emit(1, kind="ReviewRequested")
        desktop.wait_for("Failed", 1)

        # Every part of the window can be come to with Tab alone.
        for name in ("Replay Now", "Main menu", "Search and filter", "Chart of the last hour"):
            tab_to(desktop, name)

        # Another page, a row of it, what it says, and away with it: not once with the mouse.
        tab_to(desktop, "Failed")
        desktop.key("space")
        desktop.find("Failed events", role="list")
        tab_to(desktop, "Select ReviewRequested")
        desktop.key("Return")
        desktop.find("In the server’s words")
        tab_to(desktop, "Discard…")
        desktop.key("space")
        desktop.find("undone", contains=True)
        # Return must not be what can't be undone.
        desktop.key("Escape")
        desktop.gone("undone", contains=True)
        assert desktop.get("Failed") == 1
        desktop.key("alt+Left")
        desktop.gone("In the server’s words")

        desktop.key("ctrl+f")
        desktop.find("Search in events")
        desktop.type("nothing like it")
        desktop.find("No Results Found")
        desktop.key("Escape")
        desktop.find("ReviewRequested")

        desktop.key("F10")
        desktop.find("Preferences", contains=True, role="menu item", seen=False)
        desktop.key("Escape")
        desktop.key("ctrl+comma")
        desktop.focus_window("Preferences")
        tab_to(desktop, "Show notifications")
        desktop.key("space")
        wait_until(lambda: desktop.setting("notify") == "false", "notify is written")
        desktop.key("Escape")
        desktop.focus_window()
        desktop.stop("receiver")
        desktop.start_receiver(desktop.port)
        desktop.key("ctrl+shift+r")
        desktop.wait_for("Delivered", 1)
        desktop.close_window()
    finally:
        desktop.end()


if __name__ == "__main__":
    sys.exit(run([all_controls_have_names, by_keyboard_alone]))
