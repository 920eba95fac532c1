/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-private.h"

#include "lamp-backoff.h"

/* When something is tried, and what cuts a wait short. */

/* Emits that come together go together. */
#define GATHER (20 * (gint64) 1000)

/* A network that comes and goes, and a person who looks again and again, are no reason for a storm:
 * the hints that are followed get rarer, until there were none for a while. */
#define HINT_GAP (10 * LAMP_SECOND)
#define HINT_GAP_MAX (80 * LAMP_SECOND)
#define HINT_MEMORY (300 * LAMP_SECOND)

/* Failures in a row, of some two minutes in all: from then on no wait begins anew for the sake of a
 * single event. */
#define LONG_SILENCE 7

/* What failed because of a network that is another one by now. */
#define HINT_DELAY LAMP_SECOND

gboolean
lamp_replay_is_backing_off (LampReplay *self)
{
  return lamp_backoff_get_failures (self->backoff) > 0 && lamp_backoff_get_due (self->backoff) >= 0;
}

gboolean
lamp_replay_is_long_silent (LampReplay *self)
{
  return lamp_backoff_get_failures (self->backoff) > LONG_SILENCE;
}

void
lamp_replay_ring_after (LampReplay *self,
                        gint64      delay,
                        gboolean    is_retry)
{
  lamp_backoff_wait (self->backoff, delay);
  self->next_retry = is_retry ? g_get_real_time () + delay : 0;
}

/* The alarm rings at @due at the latest. */
static void
cut_short (LampReplay *self,
           gint64      due)
{
  gint64 rings = lamp_backoff_get_due (self->backoff);

  if (rings < 0 || rings > due)
    lamp_replay_ring_after (self, due - lamp_timer_get_time (self->timer), TRUE);
}

void
lamp_replay_ring_after_failure (LampReplay *self)
{
  gint64 now = lamp_timer_get_time (self->timer);

  lamp_backoff_fail (self->backoff);
  if (self->hint)
    cut_short (self, MAX (now + HINT_DELAY, self->hint_at + self->hint_gap));
  self->next_retry = g_get_real_time () + lamp_backoff_get_due (self->backoff) - now;
}

gboolean
lamp_replay_take_hint (LampReplay *self)
{
  gint64 now = lamp_timer_get_time (self->timer);
  gint64 since = now - self->hint_at;

  if (self->hint_gap > 0 && since < self->hint_gap)
    return FALSE;

  self->hint_gap = self->hint_gap == 0 || since > HINT_MEMORY
                     ? HINT_GAP
                     : MIN (2 * self->hint_gap, HINT_GAP_MAX);
  self->hint_at = now;

  return TRUE;
}

/* Whether the server is asked for its health before it is sent anything: a hint may be wrong, and
 * a batch that is only ever tried as a whole is larger than a probe. */
static gboolean
probes_first (LampReplay *self,
              gboolean    hinted)
{
  return hinted || (!self->online && self->isolation != NULL &&
                    self->on_exhausted == LAMP_ON_EXHAUSTED_FAIL &&
                    lamp_isolation_is_exhausted (self->isolation) &&
                    lamp_backoff_get_failures (self->backoff) > self->max_retries);
}

gboolean
lamp_replay_alarm_cb (gpointer user_data)
{
  LampReplay *self = user_data;
  gboolean hinted = self->hint;

  if (self->phase != LAMP_PHASE_REST)
    return G_SOURCE_CONTINUE;

  self->next_retry = 0;
  self->hint = FALSE;
  if (hinted)
    {
      lamp_replay_take_hint (self);
      self->n_vain = MIN (self->n_vain, LAMP_PROBES_IN_VAIN - 1);
    }

  if (lamp_replay_may_send (self) && lamp_replay_has_pending (self))
    {
      lamp_replay_start_pass (self, probes_first (self, hinted));
      return G_SOURCE_CONTINUE;
    }

  if (!lamp_replay_is_resting (self))
    lamp_replay_move_to (self, lamp_replay_get_rest (self));
  lamp_replay_ask_health (self);

  /* What has grown too old, on a day without a pass. */
  if (lamp_queue_get_tally (self->queue)->delivered > 0)
    lamp_queue_tidy (self->queue);

  return G_SOURCE_CONTINUE;
}

/* Whether the alarm rings so soon that setting it anew would only put it off. */
gboolean
lamp_replay_rings_soon (LampReplay *self)
{
  gint64 due = lamp_backoff_get_due (self->backoff);

  return due >= 0 && due <= lamp_timer_get_time (self->timer) + GATHER;
}

/* Events that came go at once, unless something else is being waited for. */
void
lamp_replay_send_news (LampReplay *self)
{
  if (self->phase != LAMP_PHASE_REST || !self->news || !lamp_replay_may_send (self) ||
      lamp_replay_is_backing_off (self))
    return;

  if (lamp_replay_has_pending (self) && lamp_replay_is_resting (self) &&
      (self->next_retry == 0 || !lamp_replay_rings_soon (self)))
    {
      lamp_replay_ring_after (self, GATHER, TRUE);
      g_signal_emit_by_name (self, "changed");
    }
}

void
lamp_replay_take_news (LampReplay *self)
{
  self->news = TRUE;
  lamp_replay_send_news (self);
}

/* A hint that what failed may work now. */
void
lamp_replay_try_now (LampReplay *self)
{
  if (self->phase != LAMP_PHASE_REST || !lamp_replay_is_resting (self))
    return;

  if (lamp_replay_may_send (self) && lamp_replay_has_pending (self))
    lamp_replay_ring_after (self, 0, TRUE);
  else
    lamp_replay_ask_health (self);
}

/* Where the server is there and only has no answer for the events, that
 * says nothing. */
void
lamp_replay_network_changed (LampReplay *self)
{
  gint64 now = lamp_timer_get_time (self->timer);

  if (self->phase == LAMP_PHASE_REST && (!self->started || !lamp_replay_is_resting (self) ||
                                         (self->online && lamp_replay_is_backing_off (self))))
    return;

  self->hint = TRUE;
  if (self->phase == LAMP_PHASE_REST)
    {
      cut_short (self, self->hint_gap > 0 ? MAX (now, self->hint_at + self->hint_gap) : now);
      g_signal_emit_by_name (self, "changed");
    }
}
