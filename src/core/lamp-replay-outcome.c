/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-private.h"

#include "lamp-backoff.h"

#include <glib/gi18n-lib.h>

/* What a batch means that came back with something else than an answer (the table in section 6 of
 * the specification). */

#define UNAUTHORIZED_INTERVAL (900 * LAMP_SECOND)
#define MISCONFIGURED_INTERVAL (300 * LAMP_SECOND)

/* What halts the pass goes before what only one batch is told. */
static guint
get_gravity (LampOutcomeKind kind)
{
  switch (kind)
    {
    case LAMP_OUTCOME_CANCELLED:
      return 4;
    case LAMP_OUTCOME_THROTTLED:
      return 3;
    case LAMP_OUTCOME_UNAUTHORIZED:
      return 2;
    case LAMP_OUTCOME_MISCONFIGURED:
      return 1;
    case LAMP_OUTCOME_ANSWERED:
    case LAMP_OUTCOME_NO_ANSWER:
    case LAMP_OUTCOME_SERVER_ERROR:
    case LAMP_OUTCOME_REFUSED:
    case LAMP_OUTCOME_TOO_LARGE:
    default:
      return 0;
    }
}

gboolean
lamp_replay_is_graver (const LampFlight *flight,
                       const LampFlight *other)
{
  guint left = get_gravity (flight->outcome->kind);
  guint right = get_gravity (other->outcome->kind);

  /* Who asks for the longer wait is asking for all. */
  if (left == right && flight->outcome->retry_after != other->outcome->retry_after)
    return flight->outcome->retry_after > other->outcome->retry_after;

  return left > right || (left == right && flight->after < other->after);
}

static gint64
get_id (const LampFlight *flight,
        guint             index)
{
  return lamp_batch_get_event (flight->batch, index)->id;
}

static guint
get_size (const LampFlight *flight)
{
  return lamp_batch_get_size (flight->batch);
}

static gint64
get_last (const LampFlight *flight)
{
  return get_id (flight, get_size (flight) - 1);
}

static void
isolate (LampReplay       *self,
         const LampFlight *flight)
{
  g_autofree gint64 *rows = g_new (gint64, get_size (flight));

  if (self->isolation != NULL)
    return;

  for (guint i = 0; i < get_size (flight); i++)
    rows[i] = get_id (flight, i);
  self->isolation = lamp_isolation_new (rows, get_size (flight), self->max_retries);
}

/* --- failing without a word of the server ------------------------------- */

static void
reject (LampFlight *flight,
        guint       index,
        const char *code,
        const char *message)
{
  LampVerdict *verdict = &flight->outcome->verdicts[index];

  verdict->kind = LAMP_VERDICT_REJECTED;
  g_free (verdict->code);
  verdict->code = g_strdup (code);
  g_free (verdict->message);
  verdict->message = g_strdup (message);
}

/* The suspect stays until that is recorded: where it can't be, it is tried again. */
void
lamp_replay_fail_suspect (LampReplay *self)
{
  LampFlight *flight = lamp_replay_flight_copy (self->suspect);
  g_autofree char *message = g_strdup_printf (
    _("the server answers other events, but has no answer for this one, also when it is sent "
      "alone: %s"),
    flight->outcome->message);

  reject (flight, 0, "undeliverable", message);
  lamp_replay_settle (self, flight);
}

void
lamp_replay_fail_exhausted (LampReplay *self,
                            LampFlight *flight)
{
  g_autofree char *message =
    g_strdup_printf (_("the batch with this event got no answer in all its tries: %s"),
                     flight->outcome->message);

  /* One that came back to its place in between had fewer tries. */
  for (guint i = 0; i < get_size (flight); i++)
    if (lamp_isolation_has_row (self->isolation, get_id (flight, i)))
      reject (flight, i, "exhausted", message);
  lamp_replay_settle (self, flight);
}

/* --- no true answer ----------------------------------------------------- */

/* It tells that nobody is there as little as that somebody is: the health does. */
static void
doubt (LampReplay *self,
       LampFlight *flight)
{
  /* Nobody is asked any more, and the batch stays. */
  if (!lamp_replay_may_send (self))
    {
      lamp_replay_flight_free (flight);
      lamp_replay_interrupt_pass (self);
      return;
    }

  self->trouble = flight;
  self->phase = LAMP_PHASE_PROBING;
  lamp_replay_ask_health (self);
}

/* With on-exhausted=fail, a batch that has used up its tries is failed as a whole. Being offline
 * uses none up: the last of them counts if the server has answered, if only with an error, or if
 * its health is well just then. */
static void
exhaust (LampReplay *self,
         LampFlight *flight)
{
  if (flight->outcome->kind == LAMP_OUTCOME_SERVER_ERROR)
    lamp_replay_fail_exhausted (self, flight);
  else
    doubt (self, flight);
}

/* An error of the server's own. 502 to 504 are said in the place of one that isn't there, and all
 * else can come from anybody on the way. */
static gboolean
is_firm (const LampOutcome *outcome)
{
  return outcome->kind == LAMP_OUTCOME_SERVER_ERROR && outcome->status >= 500 &&
         (outcome->status < 502 || outcome->status > 504);
}

static void
handle_mute (LampReplay *self,
             LampFlight *flight)
{
  g_autofree char *message = g_strdup (flight->outcome->message);

  /* There is no event that could be at fault. */
  if (get_size (flight) == 0)
    {
      lamp_replay_flight_free (flight);
      lamp_replay_fail_pass (self, LAMP_STATE_OFFLINE, message);
      return;
    }

  lamp_replay_set_error (self, message);
  isolate (self, flight);
  if (self->on_exhausted == LAMP_ON_EXHAUSTED_FAIL && lamp_isolation_is_exhausted (self->isolation))
    {
      exhaust (self, flight);
      return;
    }

  lamp_isolation_muted (self->isolation, get_id (flight, 0), get_last (flight),
                        is_firm (flight->outcome));
  if (get_size (flight) == 1 && lamp_isolation_get_head (self->isolation) == get_last (flight))
    {
      g_clear_pointer (&self->suspect, lamp_replay_flight_free);
      self->suspect = flight;
    }
  else
    {
      lamp_replay_flight_free (flight);
    }

  lamp_replay_go_on (self);
}

/* --- refusals ----------------------------------------------------------- */

static gboolean
names_an_event (const LampOutcome *outcome)
{
  for (guint i = 0; i < outcome->n_verdicts; i++)
    if (outcome->verdicts[i].kind != LAMP_VERDICT_NONE)
      return TRUE;

  return FALSE;
}

/* The batch has one event, so what was said of the batch was said of the event. */
static void
reject_single (LampReplay *self,
               LampFlight *flight,
               const char *code)
{
  reject (flight, 0, code, flight->outcome->message);
  lamp_replay_settle (self, flight);
}

static void
handle_refused (LampReplay *self,
                LampFlight *flight)
{
  lamp_backoff_reset (self->backoff);
  if (names_an_event (flight->outcome))
    {
      lamp_replay_settle (self, flight);
      return;
    }

  if (get_size (flight) == 1)
    {
      reject_single (self, flight, "rejected");
      return;
    }

  isolate (self, flight);
  lamp_isolation_blamed (self->isolation, get_last (flight));
  lamp_replay_flight_free (flight);
  lamp_replay_go_on (self);
}

static void
handle_too_large (LampReplay *self,
                  LampFlight *flight)
{
  lamp_backoff_reset (self->backoff);
  if (get_size (flight) == 1)
    {
      reject_single (self, flight, "oversized");
      return;
    }

  lamp_batch_limit_refused (&self->size, get_size (flight), get_id (flight, 0), get_last (flight));
  if (self->isolation != NULL)
    lamp_isolation_spoke (self->isolation);
  lamp_replay_flight_free (flight);
  lamp_replay_go_on (self);
}

/* --- halts -------------------------------------------------------------- */

static void
halt (LampReplay *self,
      LampFlight *flight,
      LampState   state,
      gint64      delay)
{
  lamp_replay_halt_pass (self, state, delay, flight->outcome->message);
  lamp_replay_flight_free (flight);
}

static void
handle_throttled (LampReplay *self,
                  LampFlight *flight)
{
  gint64 delay = lamp_replay_clamp_retry_after (self, flight->outcome->retry_after);

  self->throttled_until = lamp_timer_get_time (self->timer) + delay;
  halt (self, flight, LAMP_STATE_THROTTLED, delay);
}

/* --- all of them -------------------------------------------------------- */

void
lamp_replay_handle_trouble (LampReplay *self,
                            LampFlight *flight)
{
  self->serial = TRUE;
  switch (flight->outcome->kind)
    {
    case LAMP_OUTCOME_NO_ANSWER:
    case LAMP_OUTCOME_SERVER_ERROR:
      handle_mute (self, flight);
      break;
    case LAMP_OUTCOME_REFUSED:
      handle_refused (self, flight);
      break;
    case LAMP_OUTCOME_TOO_LARGE:
      handle_too_large (self, flight);
      break;
    case LAMP_OUTCOME_UNAUTHORIZED:
      halt (self, flight, LAMP_STATE_UNAUTHORIZED, UNAUTHORIZED_INTERVAL);
      break;
    case LAMP_OUTCOME_THROTTLED:
      handle_throttled (self, flight);
      break;
    case LAMP_OUTCOME_MISCONFIGURED:
      halt (self, flight, LAMP_STATE_MISCONFIGURED, MISCONFIGURED_INTERVAL);
      break;
    case LAMP_OUTCOME_ANSWERED:
    case LAMP_OUTCOME_CANCELLED:
    default:
      g_assert_not_reached ();
    }
}

/* Failed for the want of an answer: as one of a batch that is tried as a whole, or as the culprit.
 * If no other was left that could get through, a server that was silent for long may be so still.
 */
static void
settled_without_answer (LampReplay *self)
{
  if (lamp_isolation_is_trying (self->isolation))
    {
      g_clear_pointer (&self->isolation, lamp_isolation_free);
      self->n_exhausted++;
    }
  else
    {
      g_clear_pointer (&self->suspect, lamp_replay_flight_free);
      if (lamp_isolation_failed (self->isolation) || !lamp_replay_is_long_silent (self))
        lamp_backoff_reset (self->backoff);
    }
}

void
lamp_replay_settled (LampReplay *self,
                     LampFlight *flight)
{
  LampOutcomeKind kind = flight->outcome->kind;

  if (kind == LAMP_OUTCOME_ANSWERED && !flight->stale)
    lamp_batch_limit_passed (&self->size, get_size (flight));
  if (kind == LAMP_OUTCOME_TOO_LARGE && !flight->stale)
    lamp_batch_limit_refused_single (&self->size, get_last (flight));

  if (self->isolation == NULL)
    self->serial = self->serial && kind != LAMP_OUTCOME_ANSWERED;
  else if (kind == LAMP_OUTCOME_NO_ANSWER || kind == LAMP_OUTCOME_SERVER_ERROR)
    settled_without_answer (self);
  else if (kind == LAMP_OUTCOME_ANSWERED || get_size (flight) == 1)
    lamp_isolation_passed (self->isolation, get_last (flight));
  else
    lamp_isolation_spoke (self->isolation);
}
