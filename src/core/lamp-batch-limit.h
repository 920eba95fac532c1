/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LampBatchLimit:
 * @limit: events a batch, 0 for no limit
 * @before: what it was before the search for one that is too large began
 * @until: that search is for rows up to this one, 0 for none
 * @n_full: batches as large as the limit that got through since it was set
 * @patience: how many of them let it grow
 * @is_grown: it did, and no batch as large got through since
 *
 * How many events a server takes, after it has found a batch too large (413). It doesn't say whether
 * it means their number, their bytes, or one of them: so the limit is halved and kept, it grows
 * again while all is well, and what a single event was to blame for is taken back. All zero to begin
 * with.
 */
typedef struct
{
  guint limit;
  guint before;
  gint64 until;
  guint n_full;
  guint patience;
  gboolean is_grown;
} LampBatchLimit;

/**
 * lamp_batch_limit_refused:
 * @size: how many events the batch had, at least 2
 * @first: the batch's first row
 * @last: its last one
 *
 * A batch was too large.
 */
void lamp_batch_limit_refused        (LampBatchLimit *self,
                                      guint           size,
                                      gint64          first,
                                      gint64          last);

/**
 * lamp_batch_limit_refused_single:
 * @row: the row of the event
 *
 * An event alone was too large, so the batches with it were, whatever their size.
 */
void lamp_batch_limit_refused_single (LampBatchLimit *self,
                                      gint64          row);

/**
 * lamp_batch_limit_passed:
 * @size: how many events the batch had
 *
 * A batch got through.
 */
void lamp_batch_limit_passed         (LampBatchLimit *self,
                                      guint           size);

G_END_DECLS
