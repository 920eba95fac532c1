/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-private.h"

#include "lamp-backoff.h"
#include "lamp-error.h"

#include <glib/gi18n-lib.h>

#define MAX_RETRIES 3
#define MAX_IN_FLIGHT 4

G_DEFINE_FINAL_TYPE (LampReplay, lamp_replay, G_TYPE_OBJECT)

enum
{
  CHANGED,
  FINISHED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/*                    ┌──────────── nothing left ───────────┐
 *                    ▼                                     │
 *   OFFLINE ──────▶ IDLE ── emit, alarm, a person ──▶ REPLAYING ──▶ UNAUTHORIZED  (token, 15 min)
 *    ▲  ▲  probe     ▲                                 ▲   │ ├────▶ THROTTLED     (as told)
 *    │  │            │ probe               alarm       │   │ └────▶ MISCONFIGURED (5 min)
 *    │  └──────── WAITING ◀── file, or events at fault ┼───┤
 *    │                └────────────────────────────────┘   │
 *    └──────────────────── no answer ──────────────────────┘
 *
 * Every state but IDLE goes back to REPLAYING when its alarm rings or a person asks; where the
 * alarm finds nothing to send, the last three are over all the same. What a pass does is in
 * lamp-replay-pass.c, how it finds out who is at fault in lamp-isolation.c. */
#define TO(state) (1u << (state))
#define RESTING (TO (LAMP_STATE_IDLE) | TO (LAMP_STATE_WAITING) | TO (LAMP_STATE_OFFLINE))
static const guint allowed[LAMP_N_STATES] = {
  [LAMP_STATE_IDLE] = RESTING | TO (LAMP_STATE_REPLAYING),
  [LAMP_STATE_WAITING] = RESTING | TO (LAMP_STATE_REPLAYING),
  [LAMP_STATE_OFFLINE] = RESTING | TO (LAMP_STATE_REPLAYING),
  [LAMP_STATE_REPLAYING] = RESTING | TO (LAMP_STATE_UNAUTHORIZED) | TO (LAMP_STATE_THROTTLED) |
                           TO (LAMP_STATE_MISCONFIGURED),
  [LAMP_STATE_UNAUTHORIZED] = RESTING | TO (LAMP_STATE_REPLAYING),
  [LAMP_STATE_THROTTLED] = RESTING | TO (LAMP_STATE_REPLAYING),
  [LAMP_STATE_MISCONFIGURED] = RESTING | TO (LAMP_STATE_REPLAYING),
};

static void
changed (LampReplay *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

void
lamp_replay_move_to (LampReplay *self,
                     LampState   state)
{
  g_assert (allowed[self->state] & TO (state));

  if (state != self->state)
    g_debug ("replay: %s → %s", lamp_state_to_string (self->state), lamp_state_to_string (state));

  self->state = state;
  if (self->online)
    self->offline_since = 0;
  else if (state == LAMP_STATE_OFFLINE && self->offline_since == 0)
    self->offline_since = g_get_real_time ();
  changed (self);
}

void
lamp_replay_set_error (LampReplay *self,
                       const char *message)
{
  if (g_strcmp0 (self->last_error, message) == 0)
    return;

  g_free (self->last_error);
  self->last_error = g_strdup (message);
}

gboolean
lamp_replay_may_send (LampReplay *self)
{
  return self->started && self->stopping == NULL && !self->paused &&
         lamp_replay_is_configured (self) && lamp_replay_get_consent (self) != LAMP_CONSENT_WANTED;
}

gboolean
lamp_replay_has_pending (LampReplay *self)
{
  return lamp_queue_get_tally (self->queue)->pending > 0;
}

gboolean
lamp_replay_is_gone (LampReplay *self)
{
  return self->queue == NULL;
}

gboolean
lamp_replay_is_resting (LampReplay *self)
{
  return (TO (self->state) & RESTING) != 0;
}

LampState
lamp_replay_get_rest (LampReplay *self)
{
  if (!self->online)
    return LAMP_STATE_OFFLINE;

  return lamp_replay_has_pending (self) ? LAMP_STATE_WAITING : LAMP_STATE_IDLE;
}

/* --- from outside ------------------------------------------------------- */

/* Nothing waits any more: somebody else has emptied the queue. */
static void
forget_waiting (LampReplay *self)
{
  if (lamp_replay_get_consent (self) == LAMP_CONSENT_WANTED)
    lamp_replay_check_consent (self);

  if (self->state != LAMP_STATE_WAITING)
    return;

  g_array_set_size (self->held, 0);
  lamp_backoff_reset (self->backoff);
  lamp_replay_ring_after (self, LAMP_PROBE_INTERVAL, FALSE);
  lamp_replay_move_to (self, LAMP_STATE_IDLE);
}

static void
tally_changed_cb (LampReplay *self)
{
  /* Pending ones that nobody told of: resent ones, or the file could not be opened before. */
  if (self->phase == LAMP_PHASE_REST && self->next_retry == 0 && lamp_replay_has_pending (self))
    lamp_replay_take_news (self);

  if (self->phase == LAMP_PHASE_REST && !lamp_replay_has_pending (self))
    forget_waiting (self);
}

void
lamp_replay_start (LampReplay *self)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  if (self->started)
    return;

  self->started = TRUE;
  if (lamp_replay_get_consent (self) == LAMP_CONSENT_UNKNOWN)
    lamp_replay_check_consent (self);
  if (self->asked && lamp_replay_may_send (self))
    lamp_replay_start_pass (self, FALSE);
  else
    lamp_replay_try_now (self);
}

gboolean
lamp_replay_now (LampReplay *self,
                 GError    **error)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), FALSE);

  if (!lamp_replay_is_configured (self))
    {
      g_set_error_literal (error, LAMP_ERROR, LAMP_ERROR_UNCONFIGURED,
                           _("There is no server to send to; set “server-url” or SAAS_API_URL"));
      return FALSE;
    }

  if (self->paused)
    {
      g_set_error_literal (error, LAMP_ERROR, LAMP_ERROR_PAUSED,
                           _("Replay is paused; “lamppost unpause” lets it go on"));
      return FALSE;
    }

  if (lamp_replay_is_asking (self))
    {
      g_set_error_literal (error, LAMP_ERROR, LAMP_ERROR_PAUSED, self->stranger);
      return FALSE;
    }

  /* A person says that the server should be there: an old outage counts no more. */
  lamp_backoff_reset (self->backoff);
  self->news = TRUE;
  self->asked = self->phase == LAMP_PHASE_REST;
  if (self->asked && lamp_replay_may_send (self))
    {
      if (self->isolation != NULL && lamp_isolation_is_trying (self->isolation))
        g_clear_pointer (&self->isolation, lamp_isolation_free);
      self->one_only = self->state == LAMP_STATE_THROTTLED;
      lamp_replay_start_pass (self, FALSE);
    }

  return TRUE;
}

gboolean
lamp_replay_test (LampReplay *self,
                  GError    **error)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), FALSE);

  /* Before the pass, which may have come to its end when it has started. */
  self->curious = TRUE;
  if (lamp_replay_now (self, error))
    return TRUE;

  self->curious = FALSE;

  return FALSE;
}

/* What was learnt of the events was learnt with the server or the token of before. */
static void
forget_trouble (LampReplay *self)
{
  g_clear_pointer (&self->isolation, lamp_isolation_free);
  g_clear_pointer (&self->suspect, lamp_replay_flight_free);
  g_clear_pointer (&self->trouble, lamp_replay_flight_free);
  self->serial = FALSE;
  self->one_only = FALSE;
  self->rewind = 0;
  for (guint i = 0; i < self->flights->len; i++)
    ((LampFlight *) g_ptr_array_index (self->flights, i))->stale = TRUE;
}

void
lamp_replay_server_changed (LampReplay *self)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  lamp_replay_forget_server (self);
  forget_trouble (self);
  self->news = TRUE;
  g_array_set_size (self->held, 0);
  lamp_replay_set_error (self, NULL);
  if (self->started && lamp_replay_get_consent (self) == LAMP_CONSENT_UNKNOWN)
    lamp_replay_check_consent (self);
  if (self->phase == LAMP_PHASE_REST)
    {
      lamp_backoff_reset (self->backoff);
      self->online = FALSE;
      self->next_retry = 0;
      lamp_replay_move_to (self, LAMP_STATE_OFFLINE);
      lamp_replay_try_now (self);
    }

  changed (self);
}

void
lamp_replay_probe (LampReplay *self)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  if (self->phase == LAMP_PHASE_REST && lamp_replay_take_hint (self))
    lamp_replay_ask_health (self);
}

void
lamp_replay_set_paused (LampReplay *self,
                        gboolean    paused)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  if (!paused)
    lamp_replay_give_consent (self);

  if (self->paused == paused)
    return;

  self->paused = paused;
  if (!paused)
    lamp_replay_try_now (self);
  changed (self);
}

gboolean
lamp_replay_get_paused (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), FALSE);

  return self->paused || lamp_replay_is_asking (self);
}

void
lamp_replay_set_batch (LampReplay *self,
                       guint       max_events,
                       gsize       max_bytes)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  self->max_events = CLAMP (max_events, 1, LAMP_BATCH_MAX_EVENTS);
  self->max_bytes = MIN (max_bytes, LAMP_BATCH_MAX_BYTES);
}

void
lamp_replay_set_max_retries (LampReplay *self,
                             guint       max_retries)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  self->max_retries = max_retries;
}

void
lamp_replay_set_on_exhausted (LampReplay     *self,
                              LampOnExhausted what)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  self->on_exhausted = what;
}

void
lamp_replay_set_in_flight (LampReplay *self,
                           guint       batches)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  self->max_in_flight = CLAMP (batches, 1, MAX_IN_FLIGHT);
}

LampState
lamp_replay_get_state (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), LAMP_STATE_UNCONFIGURED);

  if (!lamp_replay_is_configured (self))
    return LAMP_STATE_UNCONFIGURED;

  return lamp_replay_get_paused (self) ? LAMP_STATE_PAUSED : self->state;
}

gboolean
lamp_replay_get_online (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), FALSE);

  return self->online;
}

void
lamp_replay_get_progress (LampReplay *self,
                          guint64    *done,
                          guint64    *total)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  *done = self->done;
  *total = self->total;
}

gint64
lamp_replay_get_next_retry (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), 0);

  return lamp_replay_may_send (self) && lamp_replay_has_pending (self) ? self->next_retry : 0;
}

gint64
lamp_replay_get_offline_since (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), 0);

  return self->offline_since;
}

const char *
lamp_replay_get_last_error (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), NULL);

  if (lamp_replay_is_asking (self))
    return self->stranger;

  /* What went wrong before is not what they wait for. */
  if (self->paused)
    return "";

  return self->last_error != NULL ? self->last_error : "";
}

/* --- the object --------------------------------------------------------- */

static void
lamp_replay_dispose (GObject *object)
{
  LampReplay *self = LAMP_REPLAY (object);

  self->started = FALSE;
  forget_trouble (self);
  if (self->cancel != NULL)
    g_cancellable_cancel (self->cancel);
  if (self->backoff != NULL)
    g_source_destroy (self->backoff);
  if (self->timer != NULL)
    lamp_timer_clear_alarm (self->timer, &self->patience_id);
  if (self->queue != NULL)
    g_signal_handlers_disconnect_by_data (self->queue, self);
  if (self->network != NULL)
    g_signal_handlers_disconnect_by_data (self->network, self);

  g_clear_pointer (&self->backoff, g_source_unref);
  g_clear_object (&self->cancel);
  g_clear_object (&self->queue);
  g_clear_object (&self->transport);
  g_clear_object (&self->timer);
  g_clear_object (&self->network);

  G_OBJECT_CLASS (lamp_replay_parent_class)->dispose (object);
}

static void
lamp_replay_finalize (GObject *object)
{
  LampReplay *self = LAMP_REPLAY (object);

  g_ptr_array_unref (self->flights);
  g_array_unref (self->held);
  g_free (self->mishap);
  g_free (self->judged);
  g_free (self->checking);
  g_free (self->agreeing);
  g_free (self->foregone);
  g_free (self->stranger);
  g_free (self->last_error);

  G_OBJECT_CLASS (lamp_replay_parent_class)->finalize (object);
}

static void
lamp_replay_class_init (LampReplayClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = lamp_replay_dispose;
  object_class->finalize = lamp_replay_finalize;

  signals[CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 0);
  signals[FINISHED] = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 4, G_TYPE_UINT, G_TYPE_UINT, G_TYPE_UINT,
                                    G_TYPE_STRING);
}

static void
lamp_replay_init (LampReplay *self)
{
  self->state = LAMP_STATE_OFFLINE;
  self->max_events = LAMP_BATCH_MAX_EVENTS;
  self->max_bytes = LAMP_BATCH_MAX_BYTES;
  self->max_retries = MAX_RETRIES;
  self->on_exhausted = LAMP_ON_EXHAUSTED_HOLD;
  self->max_in_flight = 1;
  self->cancel = g_cancellable_new ();
  self->flights = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_replay_flight_free);
  self->held = g_array_new (FALSE, FALSE, sizeof (LampHeld));
}

LampReplay *
lamp_replay_new (LampQueue     *queue,
                 LampTransport *transport,
                 LampTimer     *timer,
                 LampNetwork   *network)
{
  LampReplay *self = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (queue), NULL);
  g_return_val_if_fail (LAMP_IS_TRANSPORT (transport), NULL);
  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);
  g_return_val_if_fail (LAMP_IS_NETWORK (network), NULL);

  self = g_object_new (LAMP_TYPE_REPLAY, NULL);
  self->queue = g_object_ref (queue);
  self->transport = g_object_ref (transport);
  self->timer = g_object_ref (timer);
  self->network = g_object_ref (network);

  self->backoff = lamp_backoff_source_new (timer);
  g_source_set_callback (self->backoff, lamp_replay_alarm_cb, self, NULL);
  g_source_attach (self->backoff, g_main_context_get_thread_default ());

  g_signal_connect_object (queue, "changed", G_CALLBACK (tally_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (queue, "appended", G_CALLBACK (lamp_replay_take_news), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (queue, "rewritten", G_CALLBACK (lamp_replay_take_news), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (network, "changed", G_CALLBACK (lamp_replay_network_changed), self,
                           G_CONNECT_SWAPPED);

  return self;
}
