/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-batch-limit.h"

#include "lamp-batch.h"

/* After so many full batches twice as many events are tried. Each time that this is too many, twice
 * as many batches, so that a server that means the number is asked in vain ever less often. While
 * one event is searched for, at most two batches of the same size get through. */
#define PATIENCE_MIN 3
#define PATIENCE_MAX 96

void
lamp_batch_limit_refused (LampBatchLimit *self,
                          guint           size,
                          gint64          first,
                          gint64          last)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (size >= 2);

  if (first > self->until)
    {
      self->before = self->limit;
      self->until = last;
    }

  self->patience = self->is_grown ? MIN (2 * self->patience, PATIENCE_MAX)
                                  : MAX (self->patience, PATIENCE_MIN);
  self->is_grown = FALSE;
  self->limit = size / 2;
  self->n_full = 0;
}

void
lamp_batch_limit_refused_single (LampBatchLimit *self,
                                 gint64          row)
{
  g_return_if_fail (self != NULL);

  if (row > self->until)
    return;

  self->limit = self->before;
  self->n_full = 0;
}

void
lamp_batch_limit_passed (LampBatchLimit *self,
                         guint           size)
{
  g_return_if_fail (self != NULL);

  if (self->limit == 0 || size < self->limit)
    return;

  if (self->is_grown)
    self->patience = PATIENCE_MIN;
  self->is_grown = FALSE;
  if (++self->n_full < self->patience)
    return;

  self->limit *= 2;
  self->is_grown = TRUE;
  self->n_full = 0;
  if (self->limit >= LAMP_BATCH_MAX_EVENTS)
    self->limit = 0;
}
