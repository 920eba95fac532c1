/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-private.h"

#include "lamp-backoff.h"

void
lamp_replay_flight_free (LampFlight *flight)
{
  g_clear_object (&flight->replay);
  lamp_batch_unref (flight->batch);
  g_clear_pointer (&flight->outcome, lamp_outcome_free);
  g_free (flight->origin);
  g_free (flight);
}

LampFlight *
lamp_replay_flight_copy (const LampFlight *flight)
{
  LampFlight *copy = g_new0 (LampFlight, 1);

  copy->batch = lamp_batch_ref (flight->batch);
  copy->outcome = lamp_outcome_copy (flight->outcome);
  copy->origin = g_strdup (flight->origin);
  copy->after = flight->after;

  return copy;
}

/* --- settling ----------------------------------------------------------- */

static guint
count_decided (const LampOutcome *outcome)
{
  guint count = 0;

  for (guint i = 0; i < outcome->n_verdicts; i++)
    if (outcome->verdicts[i].kind == LAMP_VERDICT_DELIVERED ||
        outcome->verdicts[i].kind == LAMP_VERDICT_REJECTED)
      count++;

  return count;
}

static void
settle_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  LampFlight *flight = user_data;
  g_autoptr (LampReplay) self = g_steal_pointer (&flight->replay);
  g_autoptr (GError) error = NULL;
  guint delivered;
  guint failed;

  if (lamp_replay_is_gone (self))
    return;

  /* The server may have the events; they are sent again, and it drops the doubles by their ids. */
  if (!lamp_queue_settle_finish (LAMP_QUEUE (source), result, &delivered, &failed, &error))
    {
      if (self->mishap == NULL)
        self->mishap = g_strdup (error->message);
    }
  else
    {
      if (delivered > 0 &&
          g_strcmp0 (flight->origin, lamp_transport_get_origin (self->transport)) != 0)
        lamp_replay_doubt_consent (self);
      self->delivered += delivered;
      self->failed += failed;
      self->done += delivered + failed;

      /* What another program changed meanwhile is to be sent as it is now. */
      if (delivered + failed < count_decided (flight->outcome))
        self->news = TRUE;

      /* A refusal that names its culprits says nothing of the others: they are read again. */
      if (flight->outcome->kind == LAMP_OUTCOME_ANSWERED)
        lamp_replay_hold (self, flight);
      lamp_replay_settled (self, flight);
      g_signal_emit_by_name (self, "changed");
    }

  g_ptr_array_remove (self->flights, flight);
  lamp_replay_go_on (self);
}

/* The flight is among those under way until it is recorded. */
void
lamp_replay_settle (LampReplay *self,
                    LampFlight *flight)
{
  if (!g_ptr_array_find (self->flights, flight, NULL))
    g_ptr_array_add (self->flights, flight);

  flight->replay = g_object_ref (self);
  lamp_queue_settle_async (self->queue, flight->batch, flight->outcome, flight->origin, settle_cb,
                           flight);
}

/* --- sending ------------------------------------------------------------ */

/* Whoever finds fault with the want of events has looked at the token first. */
static gboolean
is_taken (const LampOutcome *outcome)
{
  return outcome->kind == LAMP_OUTCOME_ANSWERED || outcome->kind == LAMP_OUTCOME_REFUSED ||
         outcome->kind == LAMP_OUTCOME_TOO_LARGE;
}

static void
send_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  LampFlight *flight = user_data;
  g_autoptr (LampReplay) self = g_steal_pointer (&flight->replay);
  guint index = 0;

  if (lamp_replay_is_gone (self))
    return;

  flight->outcome = lamp_transport_send_finish (LAMP_TRANSPORT (source), result);
  g_debug ("replay: batch of %u: %s", lamp_batch_get_size (flight->batch),
           flight->outcome->message);

  if (flight->outcome->kind != LAMP_OUTCOME_CANCELLED)
    self->online = lamp_replay_is_true_answer (flight->outcome);
  if (self->online && !flight->stale)
    lamp_replay_know_server (self);

  /* What it says of no events it says of the token. */
  if (flight->outcome->kind != LAMP_OUTCOME_CANCELLED && !flight->stale)
    self->curious = FALSE;
  if (lamp_batch_get_size (flight->batch) == 0 && is_taken (flight->outcome))
    {
      g_ptr_array_remove (self->flights, flight);
      lamp_replay_go_on (self);
      return;
    }

  if (flight->outcome->kind == LAMP_OUTCOME_ANSWERED)
    {
      self->n_exhausted = 0;
      lamp_backoff_reset (self->backoff);
      lamp_replay_settle (self, flight);
      return;
    }

  /* It says something of these events, but nothing of the server there is now. */
  if (!g_ptr_array_find (self->flights, flight, &index))
    g_assert_not_reached ();
  g_ptr_array_steal_index (self->flights, index);
  self->rewind = MIN (self->rewind, flight->after);
  if (flight->stale && flight->outcome->kind != LAMP_OUTCOME_CANCELLED)
    {
      lamp_replay_flight_free (flight);
    }
  else if (self->trouble == NULL || lamp_replay_is_graver (flight, self->trouble))
    {
      g_clear_pointer (&self->trouble, lamp_replay_flight_free);
      self->trouble = flight;
    }
  else
    {
      lamp_replay_flight_free (flight);
    }

  lamp_replay_go_on (self);
}

static void
send_batch (LampReplay *self,
            LampBatch  *batch)
{
  LampFlight *flight = g_new0 (LampFlight, 1);
  guint size = lamp_batch_get_size (batch);

  flight->replay = g_object_ref (self);
  flight->batch = lamp_batch_ref (batch);
  flight->origin = g_strdup (lamp_transport_get_origin (self->transport));
  flight->after = self->cursor;
  g_ptr_array_add (self->flights, flight);
  if (size > 0)
    self->cursor = lamp_batch_get_event (batch, size - 1)->id;
  self->n_sent++;
  self->sure = FALSE;
  lamp_transport_send_async (self->transport, batch, self->cancel, send_cb, flight);
}

/* --- reading ------------------------------------------------------------ */

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (LampBatch) batch = NULL;
  guint failed;

  self->reading = FALSE;
  if (lamp_replay_is_gone (self))
    return;

  batch = lamp_queue_read_batch_finish (LAMP_QUEUE (source), result, &failed, &error);
  self->failed += failed;
  self->done += failed;

  if (batch == NULL && self->mishap == NULL)
    self->mishap = g_strdup (error->message);

  /* Where something has come between, it is read again later. */
  if (batch != NULL && self->mishap == NULL && self->trouble == NULL &&
      self->rewind == G_MAXINT64 && lamp_replay_may_send (self) &&
      lamp_replay_get_consent (self) == LAMP_CONSENT_GIVEN)
    {
      if (lamp_batch_get_size (batch) > 0)
        send_batch (self, batch);
      else if (self->isolation != NULL)
        lamp_isolation_nothing (self->isolation);
      else
        self->at_end = TRUE;
    }

  lamp_replay_go_on (self);
}

static void
count_total (LampReplay *self)
{
  guint64 pending = lamp_queue_get_tally (self->queue)->pending;

  self->total = self->done + pending - MIN (pending, lamp_replay_count_held (self));
}

static guint
at_most (guint value,
         guint limit)
{
  return limit > 0 ? MIN (value, limit) : value;
}

/* The first event finds out whether anybody is there. A batch that still has tries is tried. */
static gboolean
goes_alone (LampReplay *self)
{
  return self->scouting &&
         (self->isolation == NULL || lamp_isolation_is_exhausted (self->isolation));
}

static void
read_rows (LampReplay *self,
           gint64      until,
           guint       limit)
{
  guint max_events = at_most (at_most (at_most (self->max_events, self->limits.max_events),
                                       self->size.limit),
                              goes_alone (self) ? 1 : limit);
  gsize max_bytes = self->max_bytes;
  g_autoptr (GArray) skip = NULL;

  if (self->limits.max_bytes > 0)
    max_bytes = MIN (max_bytes, self->limits.max_bytes);

  self->reading = TRUE;
  skip = lamp_replay_dup_held_ids (self);
  count_total (self);
  lamp_queue_read_batch_async (self->queue, self->cursor, until, skip, max_events, max_bytes,
                               read_cb, g_object_ref (self));
}

/* --- the pass ----------------------------------------------------------- */

/* Where the batch was only tried again, nobody has asked the server how it is; but a pass that was
 * to find that out is as good as a probe. */
static void
wait_after_trial (LampReplay      *self,
                  const LampTrial *trial)
{
  gboolean goes_on = trial->at_least || lamp_replay_is_long_silent (self);
  guint before = goes_on ? lamp_backoff_get_failures (self->backoff) : 0;
  guint failures = MAX (trial->failures, before);
  gboolean trying = lamp_isolation_is_trying (self->isolation);
  gboolean asks = trying && !self->scouting;

  self->online = !trying && self->well;
  lamp_backoff_set_failures (self->backoff, failures);
  lamp_replay_fail_pass (self, self->online ? LAMP_STATE_WAITING : LAMP_STATE_OFFLINE,
                         self->last_error);
  if (asks && self->phase == LAMP_PHASE_REST)
    lamp_replay_ask_health (self);
}

static void
follow_isolation (LampReplay *self)
{
  LampTrial trial = lamp_isolation_next (self->isolation);

  switch (trial.kind)
    {
    case LAMP_TRIAL_SEND:
      self->cursor = trial.after;
      read_rows (self, trial.until, trial.limit);
      break;
    case LAMP_TRIAL_PROBE:
      self->phase = LAMP_PHASE_PROBING;
      lamp_replay_ask_health (self);
      break;
    case LAMP_TRIAL_FAIL:
      lamp_replay_fail_suspect (self);
      break;
    case LAMP_TRIAL_WAIT:
      wait_after_trial (self, &trial);
      break;
    case LAMP_TRIAL_DONE:
    default:
      /* Some that were tried early, or came back, lie before its last row, and behind it. */
      self->cursor = 0;
      g_clear_pointer (&self->isolation, lamp_isolation_free);
      lamp_replay_go_on (self);
      break;
    }
}

/* Nothing is behind the cursor, and nothing is in flight. */
static void
reach_end (LampReplay *self)
{
  gboolean is_sure = self->sure || lamp_queue_get_tally (self->queue)->pending == 0;

  if (!self->news && is_sure && self->curious)
    {
      g_autoptr (LampBatch) nothing = lamp_batch_new ();

      send_batch (self, nothing);
      return;
    }

  if (!self->news && is_sure)
    {
      lamp_replay_complete_pass (self);
      return;
    }

  /* They may have come behind the cursor: one that was resent keeps its place. What is left and
   * not held may also have come from another program, after the end was read and before anybody
   * told: so it is read once more after the last answer. */
  self->sure = TRUE;
  self->at_end = FALSE;
  self->news = FALSE;
  self->cursor = 0;
  lamp_replay_go_on (self);
}

/* One batch that is failed for the want of an answer may be at fault itself, and the next one shows
 * that. After the second one in a row it's the server, which is asked no more often than if the
 * batches stayed. */
static gboolean
is_weary (LampReplay *self)
{
  return self->n_exhausted > 1 && self->n_sent > 0 && self->isolation == NULL &&
         lamp_replay_has_pending (self);
}

/* All that was under way has come back. */
static void
go_on_alone (LampReplay *self)
{
  if (self->rewind < G_MAXINT64)
    {
      self->cursor = self->rewind;
      self->at_end = FALSE;
    }
  self->rewind = G_MAXINT64;

  if (self->trouble != NULL && self->trouble->outcome->kind == LAMP_OUTCOME_CANCELLED)
    lamp_replay_interrupt_pass (self);
  else if (self->mishap != NULL)
    lamp_replay_fail_pass (self, self->online ? LAMP_STATE_WAITING : LAMP_STATE_OFFLINE,
                           self->mishap);
  else if (self->trouble != NULL)
    lamp_replay_handle_trouble (self, g_steal_pointer (&self->trouble));
  else if (!lamp_replay_may_send (self))
    lamp_replay_interrupt_pass (self);
  else if (lamp_replay_get_consent (self) == LAMP_CONSENT_UNKNOWN)
    lamp_replay_check_consent (self);
  else if (self->one_only && self->n_sent > 0 && lamp_replay_has_pending (self))
    lamp_replay_halt_pass (self, LAMP_STATE_THROTTLED,
                           MAX (self->throttled_until - lamp_timer_get_time (self->timer), 0),
                           self->last_error);
  else if (is_weary (self))
    lamp_replay_fail_pass (self, self->online ? LAMP_STATE_WAITING : LAMP_STATE_OFFLINE,
                           self->last_error);
  else if (self->isolation != NULL)
    follow_isolation (self);
  else if (self->at_end)
    reach_end (self);
  else
    read_rows (self, G_MAXINT64, 0);
}

/* Whatever is to be done next: called whenever something has come back. */
void
lamp_replay_go_on (LampReplay *self)
{
  gboolean one_by_one = self->serial || self->one_only || self->isolation != NULL;

  if (self->phase != LAMP_PHASE_SENDING || self->reading || self->checking != NULL)
    return;

  if (self->flights->len == 0)
    {
      go_on_alone (self);
      return;
    }

  if (one_by_one || self->flights->len >= self->max_in_flight || self->at_end ||
      self->trouble != NULL || self->mishap != NULL || self->rewind < G_MAXINT64 ||
      !lamp_replay_may_send (self) || lamp_replay_get_consent (self) != LAMP_CONSENT_GIVEN)
    return;

  read_rows (self, G_MAXINT64, 0);
}

void
lamp_replay_probed_in_pass (LampReplay        *self,
                            const LampOutcome *outcome)
{
  gboolean well = lamp_replay_is_true_answer (outcome);
  gboolean isolating = self->isolation != NULL &&
                       lamp_isolation_next (self->isolation).kind == LAMP_TRIAL_PROBE;

  if (outcome->kind == LAMP_OUTCOME_ANSWERED || !well)
    self->online = well;
  if (!well)
    lamp_replay_set_error (self, outcome->message);
  if (self->n_sent == 0 && (outcome->kind == LAMP_OUTCOME_NO_ANSWER || (isolating && !well)))
    self->n_vain++;

  self->phase = LAMP_PHASE_SENDING;
  if (self->trouble != NULL && well)
    {
      lamp_replay_fail_exhausted (self, g_steal_pointer (&self->trouble));
      return;
    }

  if (isolating)
    lamp_isolation_probed (self->isolation, well);

  if ((!isolating && outcome->kind == LAMP_OUTCOME_NO_ANSWER) || self->trouble != NULL)
    lamp_replay_fail_pass (self, LAMP_STATE_OFFLINE, outcome->message);
  else
    lamp_replay_go_on (self);
}

void
lamp_replay_start_pass (LampReplay *self,
                        gboolean    probe_first)
{
  g_assert (self->phase == LAMP_PHASE_REST);

  lamp_backoff_stop (self->backoff);
  self->next_retry = 0;
  self->cursor = 0;
  self->rewind = G_MAXINT64;
  self->at_end = FALSE;
  self->n_sent = 0;
  self->sure = FALSE;
  self->news = self->isolation != NULL; /* the pass begins in the midst of the rows */
  self->hint = FALSE;
  self->asked = FALSE;
  self->done = 0;
  count_total (self);
  self->delivered = 0;
  self->failed = 0;
  lamp_replay_move_to (self, LAMP_STATE_REPLAYING);

  if (self->isolation != NULL)
    lamp_isolation_waited (self->isolation);

  self->scouting = self->n_vain >= LAMP_PROBES_IN_VAIN;
  if (self->scouting)
    self->n_vain = LAMP_PROBES_IN_VAIN - 1;
  if (self->scouting && self->isolation != NULL)
    lamp_isolation_dare (self->isolation);

  if (!self->scouting && (probe_first || !self->known))
    {
      self->phase = LAMP_PHASE_PROBING;
      lamp_replay_ask_health (self);
    }
  else
    {
      self->phase = LAMP_PHASE_SENDING;
      lamp_replay_go_on (self);
    }
}
