/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LampTally:
 * @pending: events that wait
 * @failed: events that were refused
 * @delivered: delivered events that are still listed
 * @settled: those of @delivered that have not left the queue's table for the history yet
 * @oldest_pending: when the oldest pending event was queued, Unix µs, 0 if there is none
 * @last_delivery: when an event was last delivered, Unix µs, 0 for never
 * @lamport_clock: this node's clock
 * @mishaps: how often a damaged file has been replaced since the program started
 *
 * The queue in numbers. Each costs the same at ten events and at ten million:
 * the queue's triggers count, whoever writes the rows (section 4 of the
 * specification).
 */
typedef struct
{
  guint64 pending;
  guint64 failed;
  guint64 delivered;
  guint64 settled;
  gint64 oldest_pending;
  gint64 last_delivery;
  gint64 lamport_clock;
  guint mishaps;
} LampTally;

/**
 * lamp_tally_is_stalled:
 * @stalled_after: the age at which a pending event counts as stalled, µs
 * @now: Unix µs
 *
 * Returns: whether the oldest pending event has waited too long
 */
static inline gboolean
lamp_tally_is_stalled (const LampTally *self,
                       gint64           stalled_after,
                       gint64           now)
{
  return self->oldest_pending > 0 && self->oldest_pending + stalled_after < now;
}

G_END_DECLS
