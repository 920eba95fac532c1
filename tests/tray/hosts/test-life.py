#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The icon of a real host follows what comes and goes: the server, the panel, the agent."""

import tray_host

online = None


def see_online(stage):
    global online

    stage.server.start()
    stage.start_agent()
    stage.wait_for(state="idle")
    tray_host.wait_until("the icon says so", lambda: "online" in stage.item("ToolTip"))
    online = stage.see_icon()


def server_goes(stage):
    stage.server.stop()
    stage.emit()
    stage.wait_for(state="offline", pending=1)
    stage.see_panel("the lamp is dark",
                    lambda p: p.panel() not in (online.panel(), stage.empty.panel()))
    stage.save("offline")


def server_comes(stage):
    stage.server.start()
    stage.wait_for(state="idle", pending=0)
    stage.see_again(online)
    stage.save("online")


def panel_restarts(stage):
    for _ in range(3):
        stage.restart_host()
        stage.see_again(online)


# The menu of a host that has come back is the whole one.
def menu_after_restart(stage):
    stage.open_menu()
    stage.save("menu-after-restart")
    stage.dismiss()
    stage.see_again(online)


def agent_killed(stage):
    stage.agent.kill()
    stage.agent.wait()
    stage.see_no_icon()


def agent_returns(stage):
    stage.start_agent()
    stage.wait_for(state="idle")
    stage.see_again(online)


def cases(host):
    return {
        "the icon is drawn": see_online,
        "it goes dark with the server": server_goes,
        "it is lit when the server returns": server_comes,
        "it returns after each of three restarts": panel_restarts,
        "and so does the menu": menu_after_restart,
        "a killed agent leaves no icon": agent_killed,
        "the next agent has one again": agent_returns,
    }


tray_host.run(cases)
