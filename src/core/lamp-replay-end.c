/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-private.h"

#include "lamp-backoff.h"

#include <glib/gi18n-lib.h>

/* How a pass ends, and how all of them do. */

/* How long the end of the program waits for a batch in flight. */
#define STOP_PATIENCE (3 * LAMP_SECOND)

/* However the one batch fared that a person has sent: the wait that the server has asked for goes
 * on, also for what comes later. */
static gboolean
goes_on_waiting (LampReplay *self)
{
  gint64 wait = self->throttled_until - lamp_timer_get_time (self->timer);

  if (!self->one_only || wait <= 0)
    return FALSE;

  lamp_replay_ring_after (self, wait, TRUE);

  return TRUE;
}

static void
finish_pass (LampReplay *self,
             LampState   state,
             const char *error)
{
  guint64 left = lamp_queue_get_tally (self->queue)->pending;
  g_autofree char *reason = g_strdup (error != NULL ? error : ""); /* it may be the mishap */

  g_assert (self->flights->len == 0 && !self->reading);

  if (state != LAMP_STATE_UNAUTHORIZED && state != LAMP_STATE_MISCONFIGURED &&
      goes_on_waiting (self))
    state = LAMP_STATE_THROTTLED;

  self->phase = LAMP_PHASE_REST;
  self->one_only = FALSE;
  self->scouting = FALSE;
  self->curious = FALSE;
  g_clear_pointer (&self->trouble, lamp_replay_flight_free);
  g_clear_pointer (&self->mishap, g_free);
  self->done = 0;
  self->total = 0;
  lamp_queue_tidy (self->queue);
  lamp_replay_move_to (self, state);

  g_debug ("replay: pass ended, %u delivered, %u failed, %" G_GUINT64_FORMAT " left: %s",
           self->delivered, self->failed, left, *reason != '\0' ? reason : "done");
  g_signal_emit_by_name (self, "finished", self->delivered, self->failed,
                         (guint) MIN (left, G_MAXUINT), reason);
  lamp_replay_stop_if_asked (self);
}

void
lamp_replay_halt_pass (LampReplay *self,
                       LampState   state,
                       gint64      delay,
                       const char *error)
{
  lamp_replay_set_error (self, error);
  lamp_replay_ring_after (self, delay, TRUE);
  finish_pass (self, state, error);
}

void
lamp_replay_fail_pass (LampReplay *self,
                       LampState   state,
                       const char *error)
{
  lamp_replay_set_error (self, error);
  lamp_replay_ring_after_failure (self);
  finish_pass (self, state, error);
}

void
lamp_replay_interrupt_pass (LampReplay *self)
{
  const char *error = NULL;

  if (lamp_replay_has_pending (self))
    {
      error = self->paused ? _("Replay was paused")
                           : _("Replay was stopped before everything was sent");
      if (lamp_replay_get_consent (self) == LAMP_CONSENT_WANTED)
        error = self->stranger;
    }

  /* The next probe is no backoff, for which events that come would wait. */
  lamp_backoff_reset (self->backoff);
  lamp_replay_ring_after (self, LAMP_PROBE_INTERVAL, FALSE);
  finish_pass (self, lamp_replay_get_rest (self), error);
}

void
lamp_replay_complete_pass (LampReplay *self)
{
  gint64 hold_end = lamp_replay_get_hold_end (self);

  /* Why the server is away is still true when there was nothing to send it. */
  if (self->online)
    lamp_replay_set_error (self, NULL);
  lamp_backoff_reset (self->backoff);

  if (!lamp_replay_has_pending (self))
    g_array_set_size (self->held, 0);
  if (lamp_replay_has_pending (self) && hold_end < G_MAXINT64)
    lamp_replay_ring_after (self, MAX (hold_end - lamp_timer_get_time (self->timer), 0), TRUE);
  else
    lamp_replay_ring_after (self, LAMP_PROBE_INTERVAL, FALSE);

  finish_pass (self, lamp_replay_get_rest (self), NULL);
  lamp_replay_send_news (self);
}

/* --- for good ----------------------------------------------------------- */

void
lamp_replay_stop_if_asked (LampReplay *self)
{
  g_autoptr (GTask) task = NULL;

  if (self->stopping == NULL || self->phase != LAMP_PHASE_REST || self->probing)
    return;

  lamp_timer_clear_alarm (self->timer, &self->patience_id);
  lamp_backoff_stop (self->backoff);
  task = g_steal_pointer (&self->stopping);
  self->started = FALSE;
  g_task_return_boolean (task, TRUE);
}

static void
patience_cb (gpointer user_data)
{
  LampReplay *self = user_data;

  self->patience_id = 0;
  g_cancellable_cancel (self->cancel);
}

void
lamp_replay_stop_async (LampReplay         *self,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));
  g_return_if_fail (self->stopping == NULL);

  self->stopping = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (self->stopping, lamp_replay_stop_async);
  self->patience_id = lamp_timer_set_alarm (self->timer,
                                            lamp_timer_get_time (self->timer) + STOP_PATIENCE,
                                            patience_cb, self);

  /* A probe is not waited for; beside a batch it goes on. */
  if (self->phase != LAMP_PHASE_SENDING && self->probing)
    g_cancellable_cancel (self->cancel);
  lamp_replay_stop_if_asked (self);
}

void
lamp_replay_stop_finish (LampReplay   *self,
                         GAsyncResult *result)
{
  g_return_if_fail (g_task_is_valid (result, self));

  g_task_propagate_boolean (G_TASK (result), NULL);
}
