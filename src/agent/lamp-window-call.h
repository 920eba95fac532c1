/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The window is a program of its own, started by the bus when it is called. */

/**
 * lamp_window_call_async:
 * @action: (nullable): an action of the window's application that takes no parameter; %NULL
 *   to show the window
 * @token: (nullable): the activation token that lets the window come to the front
 */
void     lamp_window_call_async  (GDBusConnection     *connection,
                                  const char          *action,
                                  const char          *token,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data);

/**
 * lamp_window_call_finish:
 * @error: return location; %LAMP_ERROR_NOT_FOUND if there is no window on this machine
 */
gboolean lamp_window_call_finish (GDBusConnection     *connection,
                                  GAsyncResult        *result,
                                  GError             **error);

G_END_DECLS
