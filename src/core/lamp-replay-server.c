/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-private.h"

#include "lamp-backoff.h"

#include <glib/gi18n-lib.h>

#define RETRY_AFTER_MIN LAMP_SECOND
#define RETRY_AFTER_MAX (3600 * LAMP_SECOND)

gboolean
lamp_replay_is_configured (LampReplay *self)
{
  return lamp_transport_get_origin (self->transport) != NULL;
}

void
lamp_replay_forget_server (LampReplay *self)
{
  self->known = FALSE;
  self->n_vain = 0;
  self->size = (LampBatchLimit){ 0 };
  self->limits = (LampLimits){ 0 };
  self->stale_probe = TRUE;
  if (g_strcmp0 (self->foregone, lamp_transport_get_origin (self->transport)) != 0)
    g_clear_pointer (&self->foregone, g_free);
}

void
lamp_replay_know_server (LampReplay *self)
{
  self->known = TRUE;
  self->n_vain = 0;
  self->scouting = FALSE;
}

/* What the server says of itself narrows what we would do. */
gint64
lamp_replay_clamp_retry_after (LampReplay *self,
                               gint64      delay)
{
  if (self->limits.retry_after_min > 0)
    delay = MAX (delay, self->limits.retry_after_min);
  if (self->limits.retry_after_max > 0)
    delay = MIN (delay, self->limits.retry_after_max);

  return CLAMP (delay, RETRY_AFTER_MIN, RETRY_AFTER_MAX);
}

gboolean
lamp_replay_is_true_answer (const LampOutcome *outcome)
{
  return outcome->kind != LAMP_OUTCOME_NO_ANSWER && outcome->kind != LAMP_OUTCOME_SERVER_ERROR;
}

/* --- probes ------------------------------------------------------------- */

/* What follows a probe between two passes, unless there is a better reason to wait. */
static void
wait_for_next_probe (LampReplay *self,
                     const char *error)
{
  lamp_replay_set_error (self, error);
  lamp_backoff_reset (self->backoff);
  if (!self->online && lamp_replay_may_send (self) && lamp_replay_has_pending (self))
    lamp_replay_ring_after_failure (self);
  else
    lamp_replay_ring_after (self, LAMP_PROBE_INTERVAL, FALSE);
}

static void
probed_at_rest (LampReplay        *self,
                const LampOutcome *outcome)
{
  if (!lamp_replay_is_true_answer (outcome))
    self->online = FALSE;
  else if (outcome->kind == LAMP_OUTCOME_ANSWERED)
    self->online = TRUE;

  if (!lamp_replay_is_resting (self))
    {
      g_signal_emit_by_name (self, "changed");
      return;
    }

  if (!lamp_replay_is_backing_off (self) && !lamp_replay_rings_soon (self))
    wait_for_next_probe (self, self->online ? NULL : outcome->message);

  lamp_replay_move_to (self, lamp_replay_get_rest (self));
  if (self->online)
    lamp_replay_take_news (self);
}

static void
probe_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);
  g_autoptr (LampOutcome) outcome = NULL;
  LampLimits limits;

  if (lamp_replay_is_gone (self))
    return;

  outcome = lamp_transport_probe_finish (LAMP_TRANSPORT (source), result, &limits);
  g_debug ("replay: probe: %s", outcome->message);
  self->probing = FALSE;

  /* Of a server that is not ours any more. */
  if (self->stale_probe)
    lamp_replay_ask_health (self);
  if (self->probing)
    return;

  /* Nobody needs it any more. */
  if (outcome->kind == LAMP_OUTCOME_CANCELLED || self->stopping != NULL)
    {
      if (self->phase == LAMP_PHASE_PROBING)
        lamp_replay_interrupt_pass (self);
      lamp_replay_stop_if_asked (self);
      return;
    }

  self->well = outcome->kind == LAMP_OUTCOME_ANSWERED;
  if (self->well)
    self->limits = limits;

  /* One that has no health to tell of has no limits to tell of either. */
  if (lamp_replay_is_true_answer (outcome))
    lamp_replay_know_server (self);

  if (self->phase == LAMP_PHASE_PROBING)
    lamp_replay_probed_in_pass (self, outcome);
  else if (self->phase == LAMP_PHASE_REST)
    probed_at_rest (self, outcome);
}

void
lamp_replay_ask_health (LampReplay *self)
{
  if (self->probing || !self->started || self->stopping != NULL ||
      !lamp_replay_is_configured (self))
    return;

  self->probing = TRUE;
  self->stale_probe = FALSE;
  lamp_transport_probe_async (self->transport, self->cancel, probe_cb, g_object_ref (self));
}

/* --- consent ------------------------------------------------------------ */

/* What was found out is for one origin; of any other nothing is known. */
LampConsent
lamp_replay_get_consent (LampReplay *self)
{
  const char *origin = lamp_transport_get_origin (self->transport);

  if (origin == NULL || g_strcmp0 (self->judged, origin) != 0)
    return LAMP_CONSENT_UNKNOWN;

  return self->consent;
}

gboolean
lamp_replay_is_asking (LampReplay *self)
{
  return self->agreeing == NULL && lamp_replay_get_consent (self) == LAMP_CONSENT_WANTED;
}

static void
set_consent (LampReplay *self,
             const char *origin,
             const char *last)
{
  g_free (self->judged);
  self->judged = g_strdup (origin);
  self->consent = last != NULL ? LAMP_CONSENT_WANTED : LAMP_CONSENT_GIVEN;
  g_clear_pointer (&self->stranger, g_free);
  if (last != NULL)
    self->stranger = g_strdup_printf (
      _("The events that wait were for %s, and the server is %s now, so replay is paused. "
        "“lamppost unpause” sends them to the new one; or set the old address again"),
      last, origin);
}

/* Whatever waits for it goes on. */
static void
follow_consent (LampReplay *self,
                gboolean    was_wanted)
{
  gboolean is_wanted = lamp_replay_get_consent (self) == LAMP_CONSENT_WANTED;

  if (self->phase == LAMP_PHASE_SENDING)
    lamp_replay_go_on (self);
  else if (was_wanted && !is_wanted)
    lamp_replay_try_now (self);

  g_signal_emit_by_name (self, "changed");
}

/* Who has let replay go on since the address changed meant this server. */
static void
judge_origin (LampReplay *self,
              const char *origin,
              const char *last)
{
  g_autofree char *foregone = g_steal_pointer (&self->foregone);

  set_consent (self, origin, last);
  if (g_strcmp0 (foregone, origin) == 0)
    lamp_replay_give_consent (self);
}

static void
checked_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);
  g_autofree char *origin = g_steal_pointer (&self->checking);
  g_autofree char *last = NULL;
  g_autoptr (GError) error = NULL;
  gboolean was_wanted;

  if (lamp_replay_is_gone (self))
    return;

  if (self->check_again || g_strcmp0 (origin, lamp_transport_get_origin (self->transport)) != 0)
    {
      self->check_again = FALSE;
      lamp_replay_check_consent (self);
      if (self->checking != NULL)
        return;
    }

  was_wanted = lamp_replay_get_consent (self) == LAMP_CONSENT_WANTED;
  if (lamp_queue_check_server_finish (LAMP_QUEUE (source), result, &last, &error))
    judge_origin (self, origin, last);
  else if (self->phase == LAMP_PHASE_SENDING && self->mishap == NULL)
    self->mishap = g_strdup (error->message);

  follow_consent (self, was_wanted);
}

void
lamp_replay_check_consent (LampReplay *self)
{
  if (self->checking != NULL || !lamp_replay_is_configured (self))
    return;

  self->checking = g_strdup (lamp_transport_get_origin (self->transport));
  lamp_queue_check_server_async (self->queue, self->checking, checked_cb, g_object_ref (self));
}

static void
agreed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);
  g_autofree char *origin = g_steal_pointer (&self->agreeing);
  g_autoptr (GError) error = NULL;
  gboolean was_wanted;

  if (lamp_replay_is_gone (self))
    return;

  was_wanted = lamp_replay_get_consent (self) == LAMP_CONSENT_WANTED;
  if (!lamp_queue_agree_to_server_finish (LAMP_QUEUE (source), result, &error))
    g_warning ("Replay stays paused: %s", error->message);
  else if (g_strcmp0 (self->judged, origin) == 0)
    set_consent (self, origin, NULL);

  follow_consent (self, was_wanted);
}

void
lamp_replay_doubt_consent (LampReplay *self)
{
  g_clear_pointer (&self->judged, g_free);
  self->check_again = self->checking != NULL;
  lamp_replay_check_consent (self);
}

/* Of somebody who was asked; or who will be, because whether to ask is not found out yet: what is
 * said after the address was changed is said of the new one. */
void
lamp_replay_give_consent (LampReplay *self)
{
  if (self->started && lamp_replay_get_consent (self) == LAMP_CONSENT_UNKNOWN)
    {
      g_free (self->foregone);
      self->foregone = g_strdup (lamp_transport_get_origin (self->transport));
    }

  if (self->agreeing != NULL || lamp_replay_get_consent (self) != LAMP_CONSENT_WANTED)
    return;

  self->agreeing = g_strdup (lamp_transport_get_origin (self->transport));
  lamp_queue_agree_to_server_async (self->queue, self->agreeing, agreed_cb, g_object_ref (self));
  g_signal_emit_by_name (self, "changed");
}

void
lamp_replay_prepare (LampReplay *self)
{
  g_autofree char *origin = g_strdup (lamp_transport_get_origin (self->transport));
  g_autofree char *last = NULL;

  g_return_if_fail (LAMP_IS_REPLAY (self));

  /* A file that can't be read is asked again before anything is sent. */
  if (origin != NULL && lamp_queue_check_server (self->queue, origin, &last, NULL))
    set_consent (self, origin, last);
}
