/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-batch.h"
#include "lamp-outcome.h"

G_BEGIN_DECLS

/**
 * LampLimits:
 * @max_events: events a batch
 * @max_bytes: bytes a batch, uncompressed
 * @retry_after_min: the shortest wait the server asks for when throttling, µs
 * @retry_after_max: the longest, µs
 *
 * What a server says of itself in the body of its /health. 0 where it says nothing.
 */
typedef struct
{
  guint max_events;
  gsize max_bytes;
  gint64 retry_after_min;
  gint64 retry_after_max;
} LampLimits;

/**
 * lamp_answer_read:
 * @batch: (nullable): what was sent, or %NULL for a probe of /health
 * @url: where it was sent; shown in the message without user, password and query
 * @status: the HTTP status
 * @retry_after: µs, from lamp_answer_read_retry_after(); 0 without that header
 * @body: (array length=length) (nullable): the body of the answer, whatever it is
 * @length: bytes
 *
 * Understands an answer by the table in section 6 of the specification, in each of
 * the three dialects, also mixed. Statuses are read in any case of letters. Ids are compared byte for byte; those that we
 * didn't send are ignored. If an event is named more than once the worst verdict
 * counts. Events of a refused batch that `details` names are rejected; all others
 * stay %LAMP_VERDICT_NONE.
 *
 * A 200 or 207 is %LAMP_OUTCOME_ANSWERED only if its body is a JSON object, at most 64
 * deep, that names at least one event of @batch; a probe needs no more than 200.
 *
 * Messages end with the server's own words, cut at 1000 characters and without
 * control characters; not so for 401 and 403, whose words might quote the token.
 *
 * Whether a redirection leads to another origin (%LAMP_OUTCOME_NO_ANSWER) is for the
 * transport to know; here every 3xx is %LAMP_OUTCOME_MISCONFIGURED.
 *
 * Returns: (transfer full): the outcome
 */
LampOutcome *lamp_answer_read             (const LampBatch *batch,
                                           const char      *url,
                                           guint            status,
                                           gint64           retry_after,
                                           const char      *body,
                                           gsize            length);

/**
 * lamp_answer_read_health:
 * @body: (array length=length) (nullable): the body of the answer, whatever it is
 * @length: bytes
 * @limits: (out caller-allocates): what it says
 *
 * Reads sync_ingress.limits out of a server's /health. What isn't a whole number
 * above 0 counts as not said.
 */
void         lamp_answer_read_health      (const char      *body,
                                           gsize            length,
                                           LampLimits      *limits);

/**
 * lamp_answer_read_retry_after:
 * @header: (nullable): the value of Retry-After, seconds (a fraction is rounded up) or a
 *   date of HTTP
 * @now: the wall clock in µs since 1970, which a date is compared with
 *
 * Reads how long the server asks us to wait (section 6 of the specification).
 *
 * Returns: µs from @now, 1 s to 1 h; 0 if there is no header or it can't be read
 */
gint64       lamp_answer_read_retry_after (const char      *header,
                                           gint64           now);

G_END_DECLS
