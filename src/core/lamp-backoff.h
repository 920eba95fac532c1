/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-timer.h"

G_BEGIN_DECLS

/**
 * LampBackoff:
 *
 * A #GSource that waits longer after each failure: 1, 2, 4 … 300 seconds
 * (section 6 of the specification). Its callback is a #GSourceFunc, called once
 * for each wait that ends. It keeps still until lamp_backoff_fail().
 */
typedef struct _LampBackoff LampBackoff;

/**
 * lamp_backoff_delay:
 * @attempt: how many failures came before this one
 * @jitter: 0 to 1
 *
 * Returns: the delay after the failure, µs
 */
gint64   lamp_backoff_delay       (guint             attempt,
                                   double            jitter);

/**
 * lamp_backoff_source_new:
 * @timer: the time to wait by
 *
 * Returns: (transfer full): a source; attach it and give it a callback
 */
GSource *lamp_backoff_source_new  (LampTimer        *timer);

/**
 * lamp_backoff_fail:
 *
 * Counts a failure and waits for the delay that follows from it.
 */
void     lamp_backoff_fail        (GSource          *source);

/**
 * lamp_backoff_wait:
 * @delay: µs
 *
 * Waits for a time that somebody else has chosen; no failure is counted.
 */
void     lamp_backoff_wait        (GSource          *source,
                                   gint64            delay);

/**
 * lamp_backoff_set_failures:
 * @failures: how many
 *
 * The next failure counts as if so many had come before it.
 */
void     lamp_backoff_set_failures (GSource         *source,
                                   guint             failures);

/**
 * lamp_backoff_stop:
 *
 * Gives up the wait; the failures still count.
 */
void     lamp_backoff_stop        (GSource          *source);

/**
 * lamp_backoff_reset:
 *
 * Gives up the wait and forgets the failures.
 */
void     lamp_backoff_reset       (GSource          *source);

/**
 * lamp_backoff_get_due:
 *
 * Returns: when the wait ends, as of the timer, or -1 if there is none
 */
gint64   lamp_backoff_get_due     (GSource          *source);

/**
 * lamp_backoff_get_failures:
 *
 * Returns: how many failures came since the last reset
 */
guint    lamp_backoff_get_failures (GSource         *source);

G_END_DECLS
