/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-answer.h"
#include "lamp-batch.h"
#include "lamp-outcome.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRANSPORT (lamp_transport_get_type ())

/**
 * LampTransport:
 *
 * The way to the server. Every request ends in an outcome; there are no errors
 * beside it, so that a broken line can't be taken for an answer.
 */
G_DECLARE_INTERFACE (LampTransport, lamp_transport, LAMP, TRANSPORT, GObject)

struct _LampTransportInterface
{
  GTypeInterface parent_interface;

  const char  *(*get_origin)   (LampTransport        *self);
  void         (*send_async)   (LampTransport        *self,
                                LampBatch            *batch,
                                GCancellable         *cancellable,
                                GAsyncReadyCallback   callback,
                                gpointer              user_data);
  LampOutcome *(*send_finish)  (LampTransport        *self,
                                GAsyncResult         *result);
  void         (*probe_async)  (LampTransport        *self,
                                GCancellable         *cancellable,
                                GAsyncReadyCallback   callback,
                                gpointer              user_data);
  LampOutcome *(*probe_finish) (LampTransport        *self,
                                GAsyncResult         *result,
                                LampLimits           *limits);
};

/**
 * lamp_transport_get_origin:
 *
 * Returns: (transfer none) (nullable): scheme, host and port of the server, %NULL
 *   while there is none
 */
const char  *lamp_transport_get_origin   (LampTransport        *self);

/**
 * lamp_transport_send_async:
 *
 * Sends a batch (section 6 of the specification); waits for the answer at most 10 s.
 */
void         lamp_transport_send_async   (LampTransport        *self,
                                          LampBatch            *batch,
                                          GCancellable         *cancellable,
                                          GAsyncReadyCallback   callback,
                                          gpointer              user_data);

/**
 * lamp_transport_send_finish:
 *
 * Returns: (transfer full): what became of it
 */
LampOutcome *lamp_transport_send_finish  (LampTransport        *self,
                                          GAsyncResult         *result);

/**
 * lamp_transport_probe_async:
 *
 * Asks the server for its health; waits for the answer at most 2 s.
 */
void         lamp_transport_probe_async  (LampTransport        *self,
                                          GCancellable         *cancellable,
                                          GAsyncReadyCallback   callback,
                                          gpointer              user_data);

/**
 * lamp_transport_probe_finish:
 * @limits: (out): what the server said of itself, zeros where it said nothing
 *
 * Returns: (transfer full): %LAMP_OUTCOME_ANSWERED if the server is well
 */
LampOutcome *lamp_transport_probe_finish (LampTransport        *self,
                                          GAsyncResult         *result,
                                          LampLimits           *limits);

G_END_DECLS
