/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_WINDOW (lamp_window_get_type ())

/**
 * LampWindow:
 *
 * The window: whether everything is delivered, if not why, and what can be done.
 */
G_DECLARE_FINAL_TYPE (LampWindow, lamp_window, LAMP, WINDOW, AdwApplicationWindow)

/**
 * lamp_window_new:
 * @settings: only written to, but for the window's own size and page
 *
 * Returns: (transfer none): a window that waits for a client
 */
LampWindow *lamp_window_new         (GtkApplication *application,
                                     GSettings      *settings);

/**
 * lamp_window_set_client:
 *
 * From now on the window shows what the agent tells; to be called once.
 */
void        lamp_window_set_client  (LampWindow     *self,
                                     LampClient     *client);

/**
 * lamp_window_show_page:
 * @name: "pending", "failed" or "delivered"
 */
void        lamp_window_show_page   (LampWindow     *self,
                                     const char     *name);

/**
 * lamp_window_show_problem:
 * @problem: why there will never be a client, in words for a person
 */
void        lamp_window_show_problem (LampWindow     *self,
                                      const char     *problem);

G_END_DECLS
