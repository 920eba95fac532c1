/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_WATCH (lamp_watch_get_type ())

/**
 * LampWatch:
 *
 * Tells when somebody writes to the queue's file, or to the clock file of the
 * spec-kitty command line beside it, without asking while nothing happens
 * (section 4 of the specification). It can't tell who wrote.
 *
 * Signals "queue-written" () and "clock-written" ().
 */
G_DECLARE_FINAL_TYPE (LampWatch, lamp_watch, LAMP, WATCH, GObject)

/**
 * lamp_watch_new:
 * @path: the queue's file; its folder should exist
 *
 * Returns: (transfer full): a watch that works from now on, as long as a main loop runs
 */
LampWatch *lamp_watch_new                (const char *path);

/**
 * lamp_watch_dup_clock_path:
 * @path: the queue's file
 *
 * Returns: (transfer full): events/lamport_clock.json in the same folder
 */
char      *lamp_watch_dup_clock_path     (const char *path);

G_END_DECLS
