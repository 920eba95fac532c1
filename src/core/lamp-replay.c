/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay.h"

#include "lamp-backoff.h"
#include "lamp-error.h"

#include <glib/gi18n-lib.h>

#define SECOND ((gint64) G_USEC_PER_SEC)

/* The most a server of any age takes (section 6). */
#define BATCH_EVENTS 100
#define BATCH_BYTES (512 * 1024)

#define MAX_RETRIES 3
#define MAX_IN_FLIGHT 4

/* Emits that come together go together. */
#define GATHER (20 * (gint64) 1000)

/* An event the server has not decided on is not sent again before this. */
#define HOLD (60 * SECOND)

#define PROBE_INTERVAL (300 * SECOND)
#define UNAUTHORIZED_INTERVAL (900 * SECOND)
#define MISCONFIGURED_INTERVAL (300 * SECOND)

/* How long the end of the program waits for a batch in flight. */
#define STOP_PATIENCE (3 * SECOND)

/* What is under way. A pass goes READING → SENDING → SETTLING → READING …, after PROBING where
 * the server isn't known yet. */
typedef enum
{
  PHASE_REST,
  PHASE_PROBING,
  PHASE_READING,
  PHASE_SENDING,
  PHASE_SETTLING,
} Phase;

typedef struct
{
  gint64 id;
  gint64 until; /* as of the timer */
} Held;

struct _LampReplay
{
  GObject parent_instance;

  LampQueue *queue;         /* (owned) */
  LampTransport *transport; /* (owned) */
  LampTimer *timer;         /* (owned) */
  LampNetwork *network;     /* (owned) */
  GSource *backoff;         /* (owned) the one alarm */
  GCancellable *cancel;     /* (owned) cancelled when nothing may be in flight any more */

  LampState state; /* without UNCONFIGURED and PAUSED, which lie over it */
  Phase phase;
  gboolean started;
  gboolean paused;
  gboolean online;
  gboolean probing;     /* beside a pass, or between two */
  gboolean known;       /* the server was asked for its limits */
  gboolean asked;       /* a person wants a pass, which could not start yet */
  gboolean news;        /* events came that the pass may have gone past */
  gboolean hint;        /* the network has changed since the pass began */
  gboolean stale_send;  /* the batch in flight went to a server or with a token of before */
  gboolean stale_probe; /* the same of a probe */
  char *last_error;     /* (owned) (nullable) */
  gint64 next_retry;    /* Unix µs, 0 for none */

  guint max_events;
  gsize max_bytes;
  guint max_retries;
  LampOnExhausted on_exhausted;
  guint max_in_flight;
  guint size_limit; /* events a batch since the server found one too large, 0 for no such limit */
  LampLimits limits;

  /* The pass. */
  LampBatch *batch;     /* (owned) (nullable) in flight */
  LampOutcome *outcome; /* (owned) (nullable) of the batch that is being settled */
  char *origin;         /* (owned) (nullable) where it was sent */
  gint64 cursor;        /* rows up to this one are done with */
  GArray *bounds;       /* (owned) of gint64: a refused batch, halved: no batch crosses the last */
  GArray *held;         /* (owned) of Held, by id */
  guint64 done;
  guint64 total;
  guint delivered;
  guint failed;

  GTask *stopping;   /* (owned) (nullable) */
  guint patience_id; /* alarm of STOP_PATIENCE, 0 while nothing stops */
};

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
 *    │  └──────── WAITING ◀────────────────────────────┼───┤
 *    │                └────────────────────────────────┘   │
 *    └──────────────────── no answer ──────────────────────┘
 *
 * Every state but IDLE goes back to REPLAYING when its alarm rings or a person asks; where the
 * alarm finds nothing to send, the last three are over all the same. */
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

static void read_next (LampReplay *self);
static void start_pass (LampReplay *self);
static void probe (LampReplay *self);

static void
changed (LampReplay *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
move_to (LampReplay *self,
         LampState   state)
{
  g_assert (allowed[self->state] & TO (state));

  if (state != self->state)
    g_debug ("replay: %s → %s", lamp_state_to_string (self->state), lamp_state_to_string (state));

  self->state = state;
  changed (self);
}

static void
set_error (LampReplay *self,
           const char *message)
{
  if (g_strcmp0 (self->last_error, message) == 0)
    return;

  g_free (self->last_error);
  self->last_error = g_strdup (message);
}

static gboolean
is_configured (LampReplay *self)
{
  return lamp_transport_get_origin (self->transport) != NULL;
}

static gboolean
may_send (LampReplay *self)
{
  return self->started && self->stopping == NULL && !self->paused && is_configured (self);
}

/* --- alarms ------------------------------------------------------------- */

static gboolean
has_pending (LampReplay *self)
{
  return lamp_queue_get_tally (self->queue)->pending > 0;
}

static gboolean
is_resting (LampReplay *self)
{
  return (TO (self->state) & RESTING) != 0;
}

static LampState
resting_state (LampReplay *self)
{
  if (!self->online)
    return LAMP_STATE_OFFLINE;

  return has_pending (self) ? LAMP_STATE_WAITING : LAMP_STATE_IDLE;
}

static gboolean
is_backing_off (LampReplay *self)
{
  return lamp_backoff_get_failures (self->backoff) > 0 && lamp_backoff_get_due (self->backoff) >= 0;
}

/* The one alarm rings after @delay µs. Only a try to send is told as one. */
static void
ring_after (LampReplay *self,
            gint64      delay,
            gboolean    is_retry)
{
  lamp_backoff_wait (self->backoff, delay);
  self->next_retry = is_retry ? g_get_real_time () + delay : 0;
}

static void
ring_after_failure (LampReplay *self)
{
  lamp_backoff_fail (self->backoff);
  self->next_retry = g_get_real_time () + lamp_backoff_get_due (self->backoff) -
                     lamp_timer_get_time (self->timer);
}

static gboolean
alarm_cb (gpointer user_data)
{
  LampReplay *self = user_data;

  if (self->phase != PHASE_REST)
    return G_SOURCE_CONTINUE;

  self->next_retry = 0;
  if (may_send (self) && has_pending (self))
    {
      start_pass (self);
      return G_SOURCE_CONTINUE;
    }

  if (!is_resting (self))
    move_to (self, resting_state (self));
  probe (self);

  /* What has grown too old, on a day without a pass. */
  if (lamp_queue_get_tally (self->queue)->delivered > 0)
    lamp_queue_tidy (self->queue);

  return G_SOURCE_CONTINUE;
}

/* Whether the alarm rings so soon that setting it anew would only put it off. */
static gboolean
rings_soon (LampReplay *self)
{
  gint64 due = lamp_backoff_get_due (self->backoff);

  return due >= 0 && due <= lamp_timer_get_time (self->timer) + GATHER;
}

/* Events that came go at once, unless something else is being waited for. */
static void
send_news (LampReplay *self)
{
  if (self->phase != PHASE_REST || !self->news || !may_send (self) || is_backing_off (self))
    return;

  if (has_pending (self) && is_resting (self) && (self->next_retry == 0 || !rings_soon (self)))
    {
      ring_after (self, GATHER, TRUE);
      changed (self);
    }
}

static void
news_cb (LampReplay *self)
{
  self->news = TRUE;
  send_news (self);
}

/* --- the end of a pass -------------------------------------------------- */

static void
stop_if_asked (LampReplay *self)
{
  g_autoptr (GTask) task = NULL;

  if (self->stopping == NULL || self->phase != PHASE_REST)
    return;

  lamp_timer_clear_alarm (self->timer, &self->patience_id);
  lamp_backoff_stop (self->backoff);
  task = g_steal_pointer (&self->stopping);
  self->started = FALSE;
  g_task_return_boolean (task, TRUE);
}

static void
finish_pass (LampReplay *self,
             LampState   state,
             const char *error)
{
  guint64 left = lamp_queue_get_tally (self->queue)->pending;
  g_autofree char *reason = g_strdup (error != NULL ? error : ""); /* it may be the outcome's */

  self->phase = PHASE_REST;
  g_clear_pointer (&self->batch, lamp_batch_unref);
  g_clear_pointer (&self->outcome, lamp_outcome_free);
  g_array_set_size (self->bounds, 0);
  self->done = 0;
  self->total = 0;
  lamp_queue_tidy (self->queue);
  move_to (self, state);

  g_debug ("replay: pass ended, %u delivered, %u failed, %" G_GUINT64_FORMAT " left: %s",
           self->delivered, self->failed, left, *reason != '\0' ? reason : "done");
  g_signal_emit (self, signals[FINISHED], 0, self->delivered, self->failed,
                 (guint) MIN (left, G_MAXUINT), reason);
  stop_if_asked (self);
}

/* The server can't be used for a while that something else than the backoff decides. */
static void
halt_pass (LampReplay *self,
           LampState   state,
           gint64      delay,
           const char *error)
{
  set_error (self, error);
  ring_after (self, delay, TRUE);
  finish_pass (self, state, error);
}

static void
fail_pass (LampReplay *self,
           LampState   state,
           const char *error)
{
  /* It may have failed because of a network that is another one by now. */
  if (self->hint)
    lamp_backoff_reset (self->backoff);

  set_error (self, error);
  ring_after_failure (self);
  finish_pass (self, state, error);
}

static gint64
earliest_hold (LampReplay *self)
{
  gint64 earliest = G_MAXINT64;

  for (guint i = 0; i < self->held->len; i++)
    earliest = MIN (earliest, g_array_index (self->held, Held, i).until);

  return earliest;
}

static void
complete_pass (LampReplay *self)
{
  set_error (self, NULL);
  lamp_backoff_reset (self->backoff);

  if (self->held->len > 0 && has_pending (self))
    {
      ring_after (self, MAX (earliest_hold (self) - lamp_timer_get_time (self->timer), 0), TRUE);
    }
  else
    {
      g_array_set_size (self->held, 0);
      ring_after (self, PROBE_INTERVAL, FALSE);
    }

  finish_pass (self, resting_state (self), NULL);
  send_news (self);
}

static void
interrupt_pass (LampReplay *self)
{
  const char *error = NULL;

  if (has_pending (self))
    error = self->paused ? _("Replay was paused")
                         : _("Replay was stopped before everything was sent");

  /* The next probe is no backoff, for which events that come would wait. */
  lamp_backoff_reset (self->backoff);
  ring_after (self, PROBE_INTERVAL, FALSE);
  finish_pass (self, resting_state (self), error);
}

/* --- probes ------------------------------------------------------------- */

static void
take_limits (LampReplay       *self,
             const LampLimits *limits)
{
  self->limits = *limits;
  self->known = TRUE;
}

static void
probed_in_pass (LampReplay  *self,
                LampOutcome *outcome)
{
  if (outcome->kind == LAMP_OUTCOME_NO_ANSWER)
    {
      self->online = FALSE;
      fail_pass (self, LAMP_STATE_OFFLINE, outcome->message);
      return;
    }

  if (outcome->kind == LAMP_OUTCOME_ANSWERED)
    self->online = TRUE;

  read_next (self);
}

/* What follows a probe between two passes, unless there is a better reason to wait. */
static void
wait_for_next_probe (LampReplay *self,
                     const char *error)
{
  set_error (self, error);
  lamp_backoff_reset (self->backoff);
  if (!self->online && may_send (self) && has_pending (self))
    ring_after_failure (self);
  else
    ring_after (self, PROBE_INTERVAL, FALSE);
}

static void
probed_at_rest (LampReplay  *self,
                LampOutcome *outcome)
{
  gboolean failed = outcome->kind == LAMP_OUTCOME_NO_ANSWER ||
                    outcome->kind == LAMP_OUTCOME_SERVER_ERROR;

  if (failed)
    self->online = FALSE;
  else if (outcome->kind == LAMP_OUTCOME_ANSWERED)
    self->online = TRUE;

  if (!is_resting (self))
    {
      changed (self);
      return;
    }

  if (!is_backing_off (self) && !rings_soon (self))
    wait_for_next_probe (self, self->online ? NULL : outcome->message);

  move_to (self, resting_state (self));
  if (self->online)
    news_cb (self);
}

static void
probe_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);
  g_autoptr (LampOutcome) outcome = NULL;
  LampLimits limits;

  outcome = lamp_transport_probe_finish (LAMP_TRANSPORT (source), result, &limits);
  g_debug ("replay: probe: %s", outcome->message);
  self->probing = FALSE;

  /* Of a server that is not ours any more. */
  if (self->stale_probe)
    probe (self);
  if (self->probing)
    return;

  if (outcome->kind == LAMP_OUTCOME_CANCELLED)
    {
      if (self->phase == PHASE_PROBING)
        interrupt_pass (self);
      stop_if_asked (self);
      return;
    }

  if (outcome->kind == LAMP_OUTCOME_ANSWERED)
    take_limits (self, &limits);

  if (self->phase == PHASE_PROBING)
    probed_in_pass (self, outcome);
  else if (self->phase == PHASE_REST)
    probed_at_rest (self, outcome);
}

static void
probe (LampReplay *self)
{
  if (self->probing || !self->started || self->stopping != NULL || !is_configured (self))
    return;

  self->probing = TRUE;
  self->stale_probe = FALSE;
  lamp_transport_probe_async (self->transport, self->cancel, probe_cb, g_object_ref (self));
}

/* --- what an outcome means ---------------------------------------------- */

static void
hold (LampReplay *self)
{
  gint64 until = lamp_timer_get_time (self->timer) + HOLD;

  for (guint i = 0; i < self->outcome->n_verdicts; i++)
    {
      LampVerdictKind kind = self->outcome->verdicts[i].kind;
      Held held = { lamp_batch_get_event (self->batch, i)->id, until };

      if (kind == LAMP_VERDICT_NONE || kind == LAMP_VERDICT_QUEUED)
        g_array_append_val (self->held, held);
    }
}

static gint64
last_id (LampBatch *batch)
{
  return lamp_batch_get_event (batch, lamp_batch_get_size (batch) - 1)->id;
}

/* Rows up to @id are done with; so is a half that ends there. */
static void
advance (LampReplay *self,
         gint64      id)
{
  self->cursor = id;
  while (self->bounds->len > 0 && g_array_index (self->bounds, gint64, self->bounds->len - 1) <= id)
    g_array_set_size (self->bounds, self->bounds->len - 1);
}

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
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);
  g_autoptr (GError) error = NULL;
  guint delivered;
  guint failed;

  /* The server may have the events; they are sent again, and it drops the doubles by their ids. */
  if (!lamp_queue_settle_finish (LAMP_QUEUE (source), result, &delivered, &failed, &error))
    {
      fail_pass (self, LAMP_STATE_WAITING, error->message);
      return;
    }

  self->delivered += delivered;
  self->failed += failed;
  self->done += delivered + failed;

  /* What another program changed meanwhile is to be sent as it is now. */
  if (delivered + failed < count_decided (self->outcome))
    self->news = TRUE;

  /* A refusal that names its culprits says nothing of the others: they are read again. */
  if (self->outcome->kind == LAMP_OUTCOME_ANSWERED)
    {
      hold (self);
      advance (self, last_id (self->batch));
    }

  changed (self);
  read_next (self);
}

static void
settle (LampReplay *self)
{
  self->phase = PHASE_SETTLING;
  lamp_queue_settle_async (self->queue, self->batch, self->outcome, self->origin, settle_cb,
                           g_object_ref (self));
}

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
               const char *code)
{
  LampVerdict *verdict = &self->outcome->verdicts[0];

  verdict->kind = LAMP_VERDICT_REJECTED;
  g_free (verdict->code);
  verdict->code = g_strdup (code);
  g_free (verdict->message);
  verdict->message = g_strdup (self->outcome->message);
  settle (self);
}

/* One of many is to blame: the left half first, so that the order stays. */
static void
halve (LampReplay *self)
{
  guint middle = (lamp_batch_get_size (self->batch) - 1) / 2;
  gint64 last = last_id (self->batch);

  g_debug ("replay: batch of %u is halved: %s", lamp_batch_get_size (self->batch),
           self->outcome->message);
  if (self->bounds->len == 0 || g_array_index (self->bounds, gint64, self->bounds->len - 1) != last)
    g_array_append_val (self->bounds, last);
  g_array_append_val (self->bounds, lamp_batch_get_event (self->batch, middle)->id);
  read_next (self);
}

static void
handle_refused (LampReplay *self)
{
  if (names_an_event (self->outcome))
    settle (self);
  else if (lamp_batch_get_size (self->batch) == 1)
    reject_single (self, "rejected");
  else
    halve (self);
}

static void
handle_too_large (LampReplay *self)
{
  guint size = lamp_batch_get_size (self->batch);

  if (size == 1)
    {
      reject_single (self, "oversized");
      return;
    }

  self->size_limit = size / 2;
  read_next (self);
}

static void
handle_outcome (LampReplay *self)
{
  const LampOutcome *outcome = self->outcome;

  switch (outcome->kind)
    {
    case LAMP_OUTCOME_ANSWERED:
      lamp_backoff_reset (self->backoff);
      settle (self);
      break;
    case LAMP_OUTCOME_CANCELLED:
      interrupt_pass (self);
      break;
    case LAMP_OUTCOME_NO_ANSWER:
    case LAMP_OUTCOME_SERVER_ERROR:
      fail_pass (self, LAMP_STATE_OFFLINE, outcome->message);
      if (self->phase == PHASE_REST)
        probe (self);
      break;
    case LAMP_OUTCOME_REFUSED:
      handle_refused (self);
      break;
    case LAMP_OUTCOME_TOO_LARGE:
      handle_too_large (self);
      break;
    case LAMP_OUTCOME_UNAUTHORIZED:
      halt_pass (self, LAMP_STATE_UNAUTHORIZED, UNAUTHORIZED_INTERVAL, outcome->message);
      break;
    case LAMP_OUTCOME_THROTTLED:
      halt_pass (self, LAMP_STATE_THROTTLED, outcome->retry_after, outcome->message);
      break;
    case LAMP_OUTCOME_MISCONFIGURED:
      halt_pass (self, LAMP_STATE_MISCONFIGURED, MISCONFIGURED_INTERVAL, outcome->message);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* --- the pass ----------------------------------------------------------- */

static void
send_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);

  g_clear_pointer (&self->outcome, lamp_outcome_free);
  self->outcome = lamp_transport_send_finish (LAMP_TRANSPORT (source), result);
  g_debug ("replay: batch of %u: %s", lamp_batch_get_size (self->batch), self->outcome->message);

  if (self->outcome->kind != LAMP_OUTCOME_CANCELLED)
    self->online = self->outcome->kind != LAMP_OUTCOME_NO_ANSWER &&
                   self->outcome->kind != LAMP_OUTCOME_SERVER_ERROR;

  /* It says something of these events, but nothing of the server there is now. */
  if (self->stale_send && self->outcome->kind != LAMP_OUTCOME_ANSWERED)
    read_next (self);
  else
    handle_outcome (self);
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (LampReplay) self = LAMP_REPLAY (user_data);
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&self->batch, lamp_batch_unref);
  self->batch = lamp_queue_read_batch_finish (LAMP_QUEUE (source), result, &error);

  if (self->batch == NULL)
    {
      fail_pass (self, resting_state (self), error->message);
    }
  else if (lamp_batch_get_size (self->batch) > 0 && may_send (self))
    {
      self->phase = PHASE_SENDING;
      self->stale_send = FALSE;
      g_free (self->origin);
      self->origin = g_strdup (lamp_transport_get_origin (self->transport));
      lamp_transport_send_async (self->transport, self->batch, self->cancel, send_cb,
                                 g_object_ref (self));
    }
  else if (self->bounds->len > 0)
    {
      /* What was left of a half is gone: another program took it. */
      advance (self, g_array_index (self->bounds, gint64, self->bounds->len - 1));
      read_next (self);
    }
  else if (lamp_batch_get_size (self->batch) == 0 && self->news && may_send (self))
    {
      /* They may have come behind the cursor: one that was resent keeps its place. */
      self->cursor = 0;
      self->news = FALSE;
      read_next (self);
    }
  else if (lamp_batch_get_size (self->batch) == 0)
    {
      complete_pass (self);
    }
  else
    {
      interrupt_pass (self);
    }
}

static int
compare_ids (gconstpointer a,
             gconstpointer b)
{
  gint64 left = *(const gint64 *) a;
  gint64 right = *(const gint64 *) b;

  return (left > right) - (left < right);
}

/* The rows that are held now; holds that are over are forgotten. */
static GArray *
dup_held_ids (LampReplay *self)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 now = lamp_timer_get_time (self->timer);
  guint kept = 0;

  for (guint i = 0; i < self->held->len; i++)
    {
      Held held = g_array_index (self->held, Held, i);

      if (held.until <= now)
        {
          /* The pass may have gone past it. */
          self->news = self->news || held.id <= self->cursor;
          continue;
        }

      g_array_index (self->held, Held, kept++) = held;
      g_array_append_val (ids, held.id);
    }

  g_array_set_size (self->held, kept);
  g_array_sort (ids, compare_ids);

  return ids;
}

static void
count_total (LampReplay *self)
{
  guint64 pending = lamp_queue_get_tally (self->queue)->pending;

  self->total = self->done + pending - MIN (pending, self->held->len);
}

static guint
at_most (guint value,
         guint limit)
{
  return limit > 0 ? MIN (value, limit) : value;
}

static void
read_next (LampReplay *self)
{
  guint max_events = at_most (at_most (self->max_events, self->limits.max_events),
                              self->size_limit);
  gsize max_bytes = self->max_bytes;
  gint64 until = G_MAXINT64;
  g_autoptr (GArray) skip = NULL;

  if (!may_send (self))
    {
      interrupt_pass (self);
      return;
    }

  if (self->limits.max_bytes > 0)
    max_bytes = MIN (max_bytes, self->limits.max_bytes);
  if (self->bounds->len > 0)
    until = g_array_index (self->bounds, gint64, self->bounds->len - 1);

  self->phase = PHASE_READING;
  skip = dup_held_ids (self);
  count_total (self);
  lamp_queue_read_batch_async (self->queue, self->cursor, until, skip, max_events, max_bytes,
                               read_cb, g_object_ref (self));
}

static void
start_pass (LampReplay *self)
{
  g_assert (self->phase == PHASE_REST);

  lamp_backoff_stop (self->backoff);
  self->next_retry = 0;
  self->cursor = 0;
  self->news = FALSE;
  self->hint = FALSE;
  self->asked = FALSE;
  self->done = 0;
  count_total (self);
  self->delivered = 0;
  self->failed = 0;
  self->phase = PHASE_PROBING;
  move_to (self, LAMP_STATE_REPLAYING);

  if (self->known)
    read_next (self);
  else
    probe (self);
}

/* --- from outside ------------------------------------------------------- */

/* A hint that what failed may work now. */
static void
try_now (LampReplay *self)
{
  if (self->phase != PHASE_REST || !is_resting (self))
    return;

  if (may_send (self) && has_pending (self))
    ring_after (self, 0, TRUE);
  else
    probe (self);
}

static void
network_changed_cb (LampReplay *self)
{
  self->hint = self->phase != PHASE_REST;
  try_now (self);
}

static void
tally_changed_cb (LampReplay *self)
{
  /* Pending ones that nobody told of: resent ones, or the file could not be opened before. */
  if (self->phase == PHASE_REST && self->next_retry == 0 && has_pending (self))
    news_cb (self);

  /* Nothing waits any more: somebody else has emptied the queue. */
  if (self->phase == PHASE_REST && self->state == LAMP_STATE_WAITING && !has_pending (self))
    {
      g_array_set_size (self->held, 0);
      lamp_backoff_reset (self->backoff);
      ring_after (self, PROBE_INTERVAL, FALSE);
      move_to (self, LAMP_STATE_IDLE);
    }
}

void
lamp_replay_start (LampReplay *self)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  if (self->started)
    return;

  self->started = TRUE;
  if (self->asked && may_send (self))
    start_pass (self);
  else
    try_now (self);
}

gboolean
lamp_replay_now (LampReplay *self,
                 GError    **error)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), FALSE);

  if (!is_configured (self))
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

  /* A person says that the server should be there: an old outage counts no more. */
  lamp_backoff_reset (self->backoff);
  self->news = TRUE;
  self->asked = self->phase == PHASE_REST;
  if (self->asked && may_send (self))
    start_pass (self);

  return TRUE;
}

void
lamp_replay_server_changed (LampReplay *self)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  self->known = FALSE;
  self->size_limit = 0;
  self->limits = (LampLimits){ 0 };
  self->stale_send = TRUE;
  self->stale_probe = TRUE;
  self->news = TRUE;
  g_array_set_size (self->held, 0);
  set_error (self, NULL);
  if (self->phase == PHASE_REST)
    {
      lamp_backoff_reset (self->backoff);
      self->online = FALSE;
      self->next_retry = 0;
      move_to (self, LAMP_STATE_OFFLINE);
      try_now (self);
    }

  changed (self);
}

void
lamp_replay_probe (LampReplay *self)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  if (self->phase == PHASE_REST)
    probe (self);
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
  stop_if_asked (self);
}

void
lamp_replay_stop_finish (LampReplay   *self,
                         GAsyncResult *result)
{
  g_return_if_fail (g_task_is_valid (result, self));

  g_task_propagate_boolean (G_TASK (result), NULL);
}

void
lamp_replay_set_paused (LampReplay *self,
                        gboolean    paused)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  if (self->paused == paused)
    return;

  self->paused = paused;
  if (!paused)
    try_now (self);
  changed (self);
}

gboolean
lamp_replay_get_paused (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), FALSE);

  return self->paused;
}

void
lamp_replay_set_batch (LampReplay *self,
                       guint       max_events,
                       gsize       max_bytes)
{
  g_return_if_fail (LAMP_IS_REPLAY (self));

  self->max_events = CLAMP (max_events, 1, BATCH_EVENTS);
  self->max_bytes = MIN (max_bytes, BATCH_BYTES);
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

  if (!is_configured (self))
    return LAMP_STATE_UNCONFIGURED;

  return self->paused ? LAMP_STATE_PAUSED : self->state;
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

  return may_send (self) && has_pending (self) ? self->next_retry : 0;
}

const char *
lamp_replay_get_last_error (LampReplay *self)
{
  g_return_val_if_fail (LAMP_IS_REPLAY (self), NULL);

  return self->last_error != NULL ? self->last_error : "";
}

/* --- the object --------------------------------------------------------- */

static void
lamp_replay_dispose (GObject *object)
{
  LampReplay *self = LAMP_REPLAY (object);

  self->started = FALSE;
  if (self->cancel != NULL)
    g_cancellable_cancel (self->cancel);
  if (self->backoff != NULL)
    g_source_destroy (self->backoff);
  if (self->timer != NULL)
    lamp_timer_clear_alarm (self->timer, &self->patience_id);

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

  g_clear_pointer (&self->batch, lamp_batch_unref);
  g_clear_pointer (&self->outcome, lamp_outcome_free);
  g_array_unref (self->bounds);
  g_array_unref (self->held);
  g_free (self->origin);
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
  self->max_events = BATCH_EVENTS;
  self->max_bytes = BATCH_BYTES;
  self->max_retries = MAX_RETRIES;
  self->on_exhausted = LAMP_ON_EXHAUSTED_HOLD;
  self->max_in_flight = 1;
  self->cancel = g_cancellable_new ();
  self->bounds = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->held = g_array_new (FALSE, FALSE, sizeof (Held));
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
  g_source_set_callback (self->backoff, alarm_cb, self, NULL);
  g_source_attach (self->backoff, g_main_context_get_thread_default ());

  g_signal_connect_object (queue, "changed", G_CALLBACK (tally_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (queue, "appended", G_CALLBACK (news_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (queue, "rewritten", G_CALLBACK (news_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (network, "changed", G_CALLBACK (network_changed_cb), self,
                           G_CONNECT_SWAPPED);

  return self;
}
