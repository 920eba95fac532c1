/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib-object.h>

#include "lamp-batch.h"

G_BEGIN_DECLS

/**
 * LampVerdictKind:
 * @LAMP_VERDICT_NONE: the server did not name the event; it stays pending
 * @LAMP_VERDICT_DELIVERED: the server has it (accepted, success, warning, duplicate)
 * @LAMP_VERDICT_QUEUED: the server took it but has not decided (queued, pending)
 * @LAMP_VERDICT_REJECTED: the server refused this event
 *
 * What a server said of one event.
 */
typedef enum
{
  LAMP_VERDICT_NONE,
  LAMP_VERDICT_DELIVERED,
  LAMP_VERDICT_QUEUED,
  LAMP_VERDICT_REJECTED,
} LampVerdictKind;

/**
 * LampVerdict:
 * @kind: what was said
 * @code: (owned) (nullable) the server's short name for the reason
 * @message: (owned) (nullable) the server's words
 */
typedef struct
{
  LampVerdictKind kind;
  char *code;
  char *message;
} LampVerdict;

/**
 * LampOutcomeKind:
 * @LAMP_OUTCOME_ANSWERED: 200 or 207 that names events of the batch: a verdict each
 * @LAMP_OUTCOME_CANCELLED: our own shutdown, cancel or pause: nothing changes
 * @LAMP_OUTCOME_NO_ANSWER: not reached, timed out, or sent to another origin
 * @LAMP_OUTCOME_SERVER_ERROR: 408, 425, 5xx, or a 2xx that can't be read
 * @LAMP_OUTCOME_REFUSED: 400 or 422: the batch, or the events it names
 * @LAMP_OUTCOME_UNAUTHORIZED: 401 or 403
 * @LAMP_OUTCOME_TOO_LARGE: 413
 * @LAMP_OUTCOME_THROTTLED: 429, or 503 with Retry-After
 * @LAMP_OUTCOME_MISCONFIGURED: any other answer: this isn't the server's address
 *
 * What became of one request (the table in section 6 of the specification).
 */
typedef enum
{
  LAMP_OUTCOME_ANSWERED,
  LAMP_OUTCOME_CANCELLED,
  LAMP_OUTCOME_NO_ANSWER,
  LAMP_OUTCOME_SERVER_ERROR,
  LAMP_OUTCOME_REFUSED,
  LAMP_OUTCOME_UNAUTHORIZED,
  LAMP_OUTCOME_TOO_LARGE,
  LAMP_OUTCOME_THROTTLED,
  LAMP_OUTCOME_MISCONFIGURED,
} LampOutcomeKind;

#define LAMP_TYPE_OUTCOME (lamp_outcome_get_type ())

/**
 * LampOutcome:
 * @kind: what became of the request
 * @status: the HTTP status, 0 without an answer
 * @message: (owned) (not nullable) for a person: what happened, with address and status
 * @retry_after: µs to wait after %LAMP_OUTCOME_THROTTLED, 1 s to 1 h, 6 s where the server
 *   doesn't say; otherwise 0
 * @verdicts: (owned) one for each event of the batch, in its order; all
 *   %LAMP_VERDICT_NONE where the server named no event
 * @n_verdicts: how many; 0 for a probe
 *
 * A request always has an outcome; there is no error beside it. Owned by whoever
 * asked; filled by the transport.
 */
typedef struct
{
  LampOutcomeKind kind;
  guint status;
  char *message;
  gint64 retry_after;
  LampVerdict *verdicts;
  guint n_verdicts;
} LampOutcome;

GType        lamp_outcome_get_type (void) G_GNUC_CONST;

/**
 * lamp_outcome_new:
 * @kind: what became of the request
 * @n_verdicts: the events of the batch; 0 for a probe
 *
 * Makes an outcome with an empty message and %LAMP_VERDICT_NONE for each event.
 *
 * Returns: (transfer full): an outcome
 */
LampOutcome *lamp_outcome_new      (LampOutcomeKind    kind,
                                    guint              n_verdicts);
/**
 * lamp_outcome_copy:
 * @self: an outcome
 *
 * Returns: (transfer full): a copy, with all verdicts
 */
LampOutcome *lamp_outcome_copy     (const LampOutcome *self);
/**
 * lamp_outcome_free:
 * @self: (transfer full): an outcome
 *
 * Frees an outcome and its verdicts.
 */
void         lamp_outcome_free     (LampOutcome       *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampOutcome, lamp_outcome_free)

G_END_DECLS
