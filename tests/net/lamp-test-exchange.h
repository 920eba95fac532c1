/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-transport-soup.h"

G_BEGIN_DECLS

/* One exchange with a server, for the tests of this folder. */

#define LAMP_TEST_A "01ARZ3NDEKTSV4RRFFQ69G5FAA"
#define LAMP_TEST_B "01ARZ3NDEKTSV4RRFFQ69G5FAB"

/* Characters that mean something in patterns, in JSON and in addresses. */
#define LAMP_TEST_TOKEN "s3cr.t+/*[token]$^(x)|?{2}/end=="

/**
 * lamp_test_transport_new:
 *
 * Returns: (transfer full): one that speaks with a server and has a token
 */
LampTransportSoup *lamp_test_transport_new (const char        *url);

/**
 * lamp_test_batch_new:
 *
 * Returns: (transfer full): a batch of two small events, A and B
 */
LampBatch         *lamp_test_batch_new     (void);

/**
 * lamp_test_send:
 *
 * Sends that batch, and checks what holds for every outcome: words in one line of valid text, no
 * token in any of them, a verdict for each event.
 *
 * Returns: (transfer full): what became of it
 */
LampOutcome       *lamp_test_send          (LampTransportSoup *transport);

/**
 * lamp_test_probe:
 * @limits: (out): what the server said of itself
 *
 * Returns: (transfer full): what became of a probe, checked in the same way
 */
LampOutcome       *lamp_test_probe         (LampTransportSoup *transport,
                                            LampLimits        *limits);

/**
 * lamp_test_check_outcome:
 *
 * The checks alone.
 */
void               lamp_test_check_outcome (const LampOutcome *outcome,
                                            guint              n_verdicts);

/**
 * lamp_test_dup_verdicts:
 *
 * Returns: (transfer full): a letter an event: d for delivered, q for queued, r for rejected, a
 *   dot for none
 */
char              *lamp_test_dup_verdicts  (const LampOutcome *outcome);

G_END_DECLS
