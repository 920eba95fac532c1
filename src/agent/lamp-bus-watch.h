/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_BUS_WATCH (lamp_bus_watch_get_type ())

/**
 * LampBusWatch:
 *
 * A program whose session bus dies must not die with it: the queue is still there,
 * and so is the server. But a connection that was closed stays closed. So this one
 * knocks where the bus was until another one opens, every 3 seconds.
 *
 * Signal "back" (): there is a bus again; once.
 */
G_DECLARE_FINAL_TYPE (LampBusWatch, lamp_bus_watch, LAMP, BUS_WATCH, GObject)

/**
 * lamp_bus_watch_new:
 * @connection: to the session bus; from now on its end does not end the program
 *
 * Returns: (transfer full): a watch that keeps still while the bus lives
 */
LampBusWatch *lamp_bus_watch_new (GDBusConnection *connection);

G_END_DECLS
