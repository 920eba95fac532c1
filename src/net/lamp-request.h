/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <libsoup/soup.h>

#include "lamp-answer.h"
#include "lamp-batch.h"
#include "lamp-outcome.h"

G_BEGIN_DECLS

/**
 * LampRequest:
 *
 * One request and its answer, inside the transport. It is redirected nowhere, has a time limit
 * for all of it, reads 4 MiB at most, and ends in an outcome whatever comes.
 */
typedef struct _LampRequest LampRequest;

/**
 * lamp_request_new:
 * @message: (transfer full): what to send; only the transport's own headers
 * @batch: (nullable): the events that it carries, %NULL for a probe
 * @seconds: how long it may take in all, from now on
 * @cancellable: (nullable): ends it with %LAMP_OUTCOME_CANCELLED
 *
 * Returns: (transfer full): a request
 */
LampRequest      *lamp_request_new         (SoupMessage         *message,
                                            LampBatch           *batch,
                                            guint                seconds,
                                            GCancellable        *cancellable);

void              lamp_request_free        (LampRequest         *self);

/**
 * lamp_request_get_message:
 *
 * Returns: (transfer none): the message, with the answer's head once it has come
 */
SoupMessage      *lamp_request_get_message (LampRequest         *self);

/**
 * lamp_request_set_message:
 * @message: (transfer full): what to send
 *
 * After an answer: forgets it, to send another message in what is left of the time.
 */
void              lamp_request_set_message (LampRequest         *self,
                                            SoupMessage         *message);

/**
 * lamp_request_set_payload:
 * @payload: the events, compressed
 *
 * Sets what is sent. It must do no harm to send it twice.
 */
void              lamp_request_set_payload (LampRequest         *self,
                                            GBytes              *payload);

/**
 * lamp_request_set_plain:
 *
 * The same with the events of its batch as they are.
 */
void              lamp_request_set_plain   (LampRequest         *self);

/**
 * lamp_request_set_repeatable:
 * @repeatable: whether it is sent once more, on a new connection, if one that was kept open
 *   turns out to be gone; only for what has a payload
 */
void              lamp_request_set_repeatable (LampRequest      *self,
                                               gboolean          repeatable);

/**
 * lamp_request_send_async:
 *
 * Sends it. It must live until the callback.
 */
void              lamp_request_send_async  (LampRequest         *self,
                                            SoupSession         *session,
                                            GAsyncReadyCallback  callback,
                                            gpointer             user_data);

/**
 * lamp_request_send_finish:
 *
 * Returns: (transfer full): what became of it
 */
LampOutcome      *lamp_request_send_finish (LampRequest         *self,
                                            GAsyncResult        *result);

/**
 * lamp_request_get_limits:
 *
 * Returns: (transfer none): what a server that is well said of itself
 */
const LampLimits *lamp_request_get_limits  (LampRequest         *self);

G_END_DECLS
