#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The icon is drawn by a real host, and its clicks and its menu do what they say."""

import tray_host


def icon(stage):
    stage.server.start()
    stage.start_agent()
    stage.see_icon()
    stage.wait_for(state="idle")


def left_click(stage):
    stage.click_icon(1)
    tray_host.wait_until("a click arrives", lambda: stage.logged("calls Activate"))
    stage.park()


def open_window(stage):
    before = stage.settle()
    stage.offer_window()
    stage.click_icon(1)
    stage.accessible("wait", "Lamppost", "--role", "frame")
    tray_host.wait_until("the window is drawn", lambda: stage.look().below() != before.below())
    stage.park()
    stage.settle()
    stage.save("window")
    stage.close_window()
    stage.see_again(before)


def right_click(stage):
    stage.click_icon(3)
    tray_host.wait_until("a click arrives", lambda: stage.logged("calls ContextMenu"))
    stage.park()


# A server that doesn't know the token isn't asked again unless somebody says so.
def be_refused(stage):
    stage.server.start("--token", "another")
    stage.emit()
    stage.wait_for(state="unauthorized", pending=1)
    stage.server.start()
    assert stage.status()["pending"] == 1


def replay(stage):
    be_refused(stage)
    stage.open_menu()
    stage.save("menu-sign-in")
    stage.choose("Replay now", "r")
    stage.wait_for(state="idle", pending=0, delivered=1)


def resend(stage):
    stage.server.start("--reject", "Wrong")
    stage.emit("Wrong")
    stage.emit("Wrong")
    stage.wait_for(pending=0, failed=2)
    stage.server.start()
    stage.open_menu()
    stage.save("menu-failed")
    stage.choose("Resend failed (2)", "f")
    stage.wait_for(state="idle", failed=0, delivered=3)


def resend_one(stage):
    stage.server.start("--reject", "Wrong_1")
    stage.emit("Wrong_1")
    stage.wait_for(failed=1)
    stage.server.start()
    stage.open_menu()
    if stage.has_names:
        # With the mouse: a submenu that opens without an event may cost Waybar its life.
        stage.click(*stage.find_entry("Failed events"), 0)
    else:
        stage.key("e")
    stage.settle()
    stage.save("menu-submenu")
    if stage.has_names:
        # The entry's own action would leave the menu open.
        stage.accessible("press", "Wrong_1 · mission-1", "--contains")
        stage.dismiss()
    else:
        # The first entry is selected when the submenu opens.
        stage.key("Return")
        stage.park()
    stage.wait_for(state="idle", failed=0, delivered=4)


def middle_click(stage):
    be_refused(stage)
    stage.click_icon(2)
    stage.wait_for(state="idle", pending=0, delivered=5)
    stage.park()


def pause(stage):
    stage.open_menu()
    stage.choose("Pause replay", "p")
    stage.wait_for(state="paused")
    stage.open_menu()
    stage.save("menu-paused")
    stage.choose("Pause replay", "p")
    stage.wait_for(state="idle")


def quit_agent(stage):
    stage.open_menu()
    stage.save("menu-online")
    stage.choose("Quit", "q")
    assert stage.agent.wait(tray_host.PATIENCE) == 0
    stage.see_no_icon()


def cases(host):
    if host == "sway-swaybar":
        # It knows no menus: either button opens the window.
        return {
            "the icon is drawn": icon,
            "a left click arrives": left_click,
            "a right click arrives": right_click,
        }

    result = {
        "the icon is drawn": icon,
        "a left click opens the window": open_window,
        "Replay now replays": replay,
        "Resend failed resends": resend,
        "a failed event's row resends it": resend_one,
        "a middle click replays": middle_click,
        "Pause replay pauses and goes on": pause,
        "Quit quits": quit_agent,
    }
    if host == "sway-waybar":
        del result["a middle click replays"]  # it tells nobody of that button
    return result


tray_host.run(cases)
