/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"

G_BEGIN_DECLS

/* The failed events as a text for those who look after the server. */

/**
 * lamp_report_append_event:
 * @row: an a{sv} as of List()
 *
 * Appends what there is to say of one event.
 */
void     lamp_report_append_event (GString             *report,
                                   GVariant            *row);

/**
 * lamp_report_save_async:
 *
 * Writes all failed events to @file, which is replaced.
 */
void     lamp_report_save_async   (LampClient          *client,
                                   GFile               *file,
                                   GCancellable        *cancellable,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data);

/**
 * lamp_report_save_finish:
 *
 * Returns: %FALSE with @error if the events can't be read or the file not be written
 */
gboolean lamp_report_save_finish  (GAsyncResult        *result,
                                   GError             **error);

G_END_DECLS
