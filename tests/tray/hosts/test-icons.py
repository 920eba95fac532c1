#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every picture of the icon on light and dark panels, as a name (installed) and as pixels (from
the build tree): each is another one, and stands out from the panel."""

import itertools
import os
import pathlib
import subprocess

import tray_host

# What WCAG asks of graphics.
CONTRAST = 3

THEMES = {
    "xfce-panel": {"light": "Adwaita", "dark": "Adwaita:dark"},
    # Each has one colour of its own, of which a theme changes nothing.
    "sway-waybar": {"dark": "Adwaita"},
    "lxqt-panel": {"black": "Adwaita"},
}


def be_online(stage):
    stage.server.start()
    stage.wait_for(state="idle")


def be_sending(stage):
    stage.server.hold()
    stage.emit()
    stage.wait_for(state="replaying")


def be_offline(stage):
    stage.server.stop()
    stage.emit()
    stage.wait_for(state="offline")


def be_paused(stage):
    stage.server.start()
    stage.wait_for(state="idle")
    stage.lamppost("pause")
    stage.wait_for(state="paused")


def be_failed(stage):
    stage.server.start("--reject", "Wrong")
    stage.lamppost("unpause")
    stage.emit("Wrong")
    stage.wait_for(failed=1)


# What the tooltip says tells that the icon is told, too.
STATES = {
    "online": (be_online, "Lamppost: online'"),
    "sending": (be_sending, "Lamppost: sending'"),
    "offline": (be_offline, "Lamppost: offline'"),
    "paused": (be_paused, "Lamppost: paused'"),
    "attention": (be_failed, "1 failed"),
}


def stands_out(stage, picture):
    """The best contrast in the icon: edges are of any shade between icon and panel."""
    left, top, width, height = picture.difference(stage.empty)
    return max(contrast_at(stage, picture, x, y)
               for x in range(left, left + width) for y in range(top, top + height))


def contrast_at(stage, picture, x, y):
    return tray_host.contrast(picture.pixel(x, y), stage.empty.pixel(x, y))


def show_all(stage, name):
    pictures = {}
    for state, (become, words) in STATES.items():
        become(stage)
        tray_host.wait_until(f"the icon is told of {state}", lambda: words in stage.item("ToolTip"))
        pictures[state] = stage.see_icon()
        stage.save(f"{name}-{state}")
        if state == "sending":
            stage.server.go_on()
            stage.wait_for(state="idle", pending=0)

    for a, b in itertools.combinations(pictures, 2):
        assert pictures[a].panel() != pictures[b].panel(), f"{a} looks like {b}"
    for state, picture in pictures.items():
        value = stands_out(stage, picture)
        assert value >= CONTRAST, f"the contrast of {state} is {value:.1f} : 1"


def install(stage):
    """Where a package would put them, below a folder of the test's own."""
    subprocess.run(["meson", "install", "-C", tray_host.BUILD, "--no-rebuild", "--quiet",
                    "--destdir", stage.folder / "installed"],
                   check=True, stdout=subprocess.DEVNULL)
    data = pathlib.Path(os.environ["LAMP_DATA_DIR"])
    return f"{stage.folder / 'installed' / data.relative_to('/')}:{tray_host.SYSTEM_DATA}"


def show(stage, theme, installed):
    stage.data = install(stage) if installed else tray_host.SYSTEM_DATA
    stage.restart_host(GTK_THEME=THEMES[stage.host][theme], XDG_DATA_DIRS=stage.data)
    stage.empty = None
    stage.server.start()
    stage.start_agent()
    stage.wait_for(state="idle")
    name = stage.item("IconName")
    assert ("symbolic" in name) == installed, f"the icon’s name is {name}"

    show_all(stage, f"{'name' if installed else 'pixels'}-{theme}")
    stage.end_agent()
    for file in (stage.folder / "queue").iterdir():
        file.unlink()
    stage.see_no_icon()


def cases(host):
    def case(theme, installed):
        return lambda stage: show(stage, theme, installed)

    return {f"{'names' if installed else 'pixels'}, {theme} panel": case(theme, installed)
            for theme in THEMES[host] for installed in (False, True)}


tray_host.run(cases)
