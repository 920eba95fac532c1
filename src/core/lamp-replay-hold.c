/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-private.h"

/* An event the server has not decided on is not sent again before HOLD, and ever later while that
 * goes on. Each would have an end of its own, and a batch: so it ends at a common beat, which is a
 * sixth of the wait. */
#define HOLD (60 * LAMP_SECOND)
#define HOLD_MAX (900 * LAMP_SECOND)
#define BEATS 6

/* 2^4 minutes are past the maximum already. */
#define HOLD_STEPS 4

/* How long it is remembered what was told of an event. */
#define MEMORY HOLD_MAX

static LampHeld *
get_held (LampReplay *self,
          guint       index)
{
  return &g_array_index (self->held, LampHeld, index);
}

/* Where the row is, or would be. */
static guint
find (LampReplay *self,
      gint64      id)
{
  guint low = 0;
  guint high = self->held->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (get_held (self, middle)->id < id)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

static gint64
get_end (gint64 now,
         guint  n_times)
{
  gint64 delay = MIN (HOLD << MIN (n_times, HOLD_STEPS), HOLD_MAX);
  gint64 beat = delay / BEATS;

  return (now + delay + beat - 1) / beat * beat;
}

static void
hold_row (LampReplay *self,
          gint64      id)
{
  guint index = find (self, id);
  LampHeld *held;

  if (index == self->held->len || get_held (self, index)->id != id)
    {
      LampHeld fresh = { .id = id };

      g_array_insert_val (self->held, index, fresh);
    }

  held = get_held (self, index);
  held->until = get_end (lamp_timer_get_time (self->timer), held->n_times);
  held->n_times++;
  held->is_over = FALSE;
}

void
lamp_replay_hold (LampReplay       *self,
                  const LampFlight *flight)
{
  for (guint i = 0; i < flight->outcome->n_verdicts; i++)
    {
      LampVerdictKind kind = flight->outcome->verdicts[i].kind;

      if (kind == LAMP_VERDICT_NONE || kind == LAMP_VERDICT_QUEUED)
        hold_row (self, lamp_batch_get_event (flight->batch, i)->id);
    }
}

GArray *
lamp_replay_dup_held_ids (LampReplay *self)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 now = lamp_timer_get_time (self->timer);
  guint kept = 0;

  for (guint i = 0; i < self->held->len; i++)
    {
      LampHeld held = *get_held (self, i);

      if (held.until > now)
        g_array_append_val (ids, held.id);
      else if (!held.is_over)
        self->news = self->news || held.id <= self->cursor; /* the pass may have gone past it */

      held.is_over = held.until <= now;
      if (held.until + MEMORY > now)
        *get_held (self, kept++) = held;
    }

  g_array_set_size (self->held, kept);

  return ids;
}

guint
lamp_replay_count_held (LampReplay *self)
{
  guint count = 0;

  for (guint i = 0; i < self->held->len; i++)
    count += !get_held (self, i)->is_over;

  return count;
}

gint64
lamp_replay_get_hold_end (LampReplay *self)
{
  gint64 end = G_MAXINT64;

  for (guint i = 0; i < self->held->len; i++)
    if (!get_held (self, i)->is_over)
      end = MIN (end, get_held (self, i)->until);

  return end;
}
