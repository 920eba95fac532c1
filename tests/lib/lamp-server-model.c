/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-server-model.h"

#define ORIGIN "https://team.example.org"

#define MS ((gint64) 1000)
#define SECOND ((gint64) G_USEC_PER_SEC)

/* How long a transport waits (section 6 of the specification), and for a server that says to wait
 * but not how long. */
#define SEND_PATIENCE (10 * SECOND)
#define PROBE_PATIENCE (2 * SECOND)
#define RETRY_AFTER (6 * SECOND)

typedef struct
{
  LampServerModel *server; /* holds it */
  GTask *task;             /* (owned) */
  LampBatch *batch;        /* (owned) (nullable) NULL for a probe */
  GSource *cancelled;      /* (owned) */
  LampMood mood;           /* of this request */
  guint token;             /* that it carries */
  guint n_renewals;        /* before it left */
  guint alarm_id;          /* of its end; 0 for one that was abandoned */
  gboolean in_time;        /* whether the server answers before the laptop gives up */
} Flight;

struct _LampServerModel
{
  GObject parent_instance;

  LampTimer *timer;   /* (owned) */
  GRand *random;      /* (owned) */
  GHashTable *events; /* (owned) of LampServerEvent, by their ids */
  GPtrArray *flights; /* (owned) of Flight */
  char *origin;       /* (owned) */
  LampMood mood;
  gboolean line_up;
  guint token_wanted;
  guint token_carried;
  guint n_renewals; /* of token or address, also by the same one */
  guint max_events; /* 0 for any number */
  gboolean tells_limits;
};

static void lamp_server_model_iface_init (LampTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampServerModel,
                               lamp_server_model,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_TRANSPORT,
                                                      lamp_server_model_iface_init))

enum
{
  REQUEST,
  TAKEN,
  ANSWERED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* What becomes of a request that reaches neither a judge nor nobody at all. */
static const struct
{
  const char *name;
  LampOutcomeKind probe;
  LampOutcomeKind batch; /* ANSWERED: as the events are */
  gboolean takes;        /* although the answer doesn't say so */
  gint64 longest;        /* that an answer takes */
} moods[LAMP_N_MOODS] = {
  [LAMP_MOOD_WELL] = { "well", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_ANSWERED, FALSE, 300 * MS },
  [LAMP_MOOD_SLOW] = { "slow", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_ANSWERED, FALSE, 15 * SECOND },
  [LAMP_MOOD_AWAY] = { "away", LAMP_OUTCOME_NO_ANSWER, LAMP_OUTCOME_NO_ANSWER, FALSE, 15 * SECOND },
  [LAMP_MOOD_PORTAL] = { "portal", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_SERVER_ERROR, FALSE,
                         300 * MS },
  [LAMP_MOOD_LOSSY] = { "lossy", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_NO_ANSWER, FALSE,
                        15 * SECOND },
  [LAMP_MOOD_DEAF] = { "deaf", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_NO_ANSWER, TRUE, 15 * SECOND },
  [LAMP_MOOD_BROKEN] = { "broken", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_SERVER_ERROR, FALSE,
                         300 * MS },
  [LAMP_MOOD_LATE] = { "late", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_SERVER_ERROR, TRUE, 3 * SECOND },
  [LAMP_MOOD_SICK] = { "sick", LAMP_OUTCOME_SERVER_ERROR, LAMP_OUTCOME_SERVER_ERROR, FALSE,
                       300 * MS },
  [LAMP_MOOD_THROTTLING] = { "throttling", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_THROTTLED, FALSE,
                             300 * MS },
  [LAMP_MOOD_FLAPPING] = { "flapping", LAMP_OUTCOME_ANSWERED, LAMP_OUTCOME_ANSWERED, FALSE,
                           300 * MS },
  [LAMP_MOOD_LOST] = { "lost", LAMP_OUTCOME_MISCONFIGURED, LAMP_OUTCOME_MISCONFIGURED, FALSE,
                       300 * MS },
};

static const char *const natures[LAMP_N_NATURES] = {
  [LAMP_NATURE_GOOD] = "Good",          [LAMP_NATURE_QUEUED] = "Queued",
  [LAMP_NATURE_UNNAMED] = "Unnamed",    [LAMP_NATURE_REJECTED] = "Rejected",
  [LAMP_NATURE_NAMED] = "Named",        [LAMP_NATURE_REFUSED] = "Refused",
  [LAMP_NATURE_TOO_LARGE] = "TooLarge", [LAMP_NATURE_BREAKS] = "Breaks",
  [LAMP_NATURE_CRASHES] = "Crashes",
};

const char *
lamp_nature_to_string (LampNature nature)
{
  return natures[nature];
}

const char *
lamp_mood_to_string (LampMood mood)
{
  return moods[mood].name;
}

static void
event_free (gpointer data)
{
  LampServerEvent *event = data;

  g_free (event->event_id);
  g_free (event);
}

static void
flight_free (gpointer data)
{
  Flight *flight = data;

  lamp_timer_clear_alarm (flight->server->timer, &flight->alarm_id);
  g_source_destroy (flight->cancelled);
  g_source_unref (flight->cancelled);
  g_clear_pointer (&flight->batch, lamp_batch_unref);
  g_object_unref (flight->task);
  g_free (flight);
}

/* --- what the server says ----------------------------------------------- */

static LampServerEvent *
event_at (LampServerModel *self,
          LampBatch       *batch,
          guint            index)
{
  return lamp_server_model_find (self, lamp_batch_get_event (batch, index)->event_id);
}

static void
take (LampServerModel *self,
      LampServerEvent *event)
{
  if (event->taken)
    return;

  event->taken = TRUE;
  g_signal_emit (self, signals[TAKEN], 0, event);
}

static void
reject (LampVerdict     *verdict,
        LampServerEvent *event)
{
  verdict->kind = LAMP_VERDICT_REJECTED;
  verdict->code = g_strdup (natures[event->nature]);
  verdict->message = g_strdup_printf ("No room for %s", event->event_id);
}

static void
judge_event (LampServerModel *self,
             LampServerEvent *event,
             LampVerdict     *verdict)
{
  if (event->nature == LAMP_NATURE_REJECTED)
    {
      reject (verdict, event);
    }
  else if (event->patience > 0 && !event->taken)
    {
      event->patience--;
      event->held = TRUE;
      if (event->nature == LAMP_NATURE_QUEUED)
        verdict->kind = LAMP_VERDICT_QUEUED;
    }
  else
    {
      take (self, event);
      verdict->kind = LAMP_VERDICT_DELIVERED;
    }
}

/* The worst one decides over all, before any is taken. */
static LampOutcomeKind
judge_batch (LampServerModel *self,
             LampBatch       *batch)
{
  static const LampOutcomeKind by_nature[LAMP_N_NATURES] = {
    [LAMP_NATURE_NAMED] = LAMP_OUTCOME_REFUSED,
    [LAMP_NATURE_REFUSED] = LAMP_OUTCOME_REFUSED,
    [LAMP_NATURE_TOO_LARGE] = LAMP_OUTCOME_TOO_LARGE,
    [LAMP_NATURE_BREAKS] = LAMP_OUTCOME_SERVER_ERROR,
    [LAMP_NATURE_CRASHES] = LAMP_OUTCOME_NO_ANSWER,
  };
  guint size = lamp_batch_get_size (batch);
  LampNature worst = LAMP_NATURE_GOOD;

  if (self->max_events > 0 && size > self->max_events)
    return LAMP_OUTCOME_TOO_LARGE;

  for (guint i = 0; i < size; i++)
    worst = MAX (worst, event_at (self, batch, i)->nature);

  return by_nature[worst];
}

/* Two of its errors are the server's own; the others come from somebody on the way. */
static gboolean
is_own_error (LampServerModel *self,
              Flight          *flight)
{
  if (flight->batch == NULL)
    return FALSE;

  return flight->mood == LAMP_MOOD_BROKEN || flight->mood == LAMP_MOOD_LATE ||
         (moods[flight->mood].batch == LAMP_OUTCOME_ANSWERED &&
          judge_batch (self, flight->batch) == LAMP_OUTCOME_SERVER_ERROR);
}

static void
name_culprits (LampServerModel *self,
               LampBatch       *batch,
               LampOutcome     *outcome)
{
  for (guint i = 0; i < outcome->n_verdicts; i++)
    if (event_at (self, batch, i)->nature == LAMP_NATURE_NAMED)
      reject (&outcome->verdicts[i], event_at (self, batch, i));
}

/* An answer that names no event is no answer (section 6 of the specification). */
static void
judge_events (LampServerModel *self,
              LampBatch       *batch,
              LampOutcome     *outcome)
{
  guint n_named = 0;

  for (guint i = 0; i < outcome->n_verdicts; i++)
    {
      judge_event (self, event_at (self, batch, i), &outcome->verdicts[i]);
      n_named += outcome->verdicts[i].kind != LAMP_VERDICT_NONE;
    }

  if (n_named == 0)
    outcome->kind = LAMP_OUTCOME_SERVER_ERROR;
}

static gint64
choose_retry_after (LampServerModel *self)
{
  static const char *const headers[] = {
    NULL,
    "0",
    "1",
    "7",
    "90",
    "3600",
    "100000000000",
    "-3",
    "soon",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
  };
  gint64 delay = lamp_answer_read_retry_after (headers[g_rand_int_range (self->random, 0,
                                                                         G_N_ELEMENTS (headers))],
                                               g_get_real_time ());

  return delay > 0 ? delay : RETRY_AFTER;
}

static LampOutcomeKind
kind_of (LampServerModel *self,
         Flight          *flight)
{
  gboolean is_probe = flight->batch == NULL;

  if (!self->line_up)
    return LAMP_OUTCOME_NO_ANSWER;
  if (is_probe || moods[flight->mood].batch != LAMP_OUTCOME_ANSWERED)
    return is_probe ? moods[flight->mood].probe : moods[flight->mood].batch;
  if (flight->token != self->token_wanted)
    return LAMP_OUTCOME_UNAUTHORIZED;

  return judge_batch (self, flight->batch);
}

/* Says what it was about, so that nobody can be failed for another's outcome. */
static void
describe (const Flight *flight,
          LampOutcome  *outcome)
{
  guint size = flight->batch != NULL ? lamp_batch_get_size (flight->batch) : 0;

  g_free (outcome->message);
  outcome->message = g_strdup_printf ("outcome %d for %u from %s (%s)", outcome->kind, size,
                                      size > 0 ? lamp_batch_get_event (flight->batch, 0)->event_id
                                      : flight->batch != NULL ? "nothing"
                                                              : "a probe",
                                      moods[flight->mood].name);
}

static LampOutcome *
judge (LampServerModel *self,
       Flight          *flight)
{
  guint size = flight->batch != NULL ? lamp_batch_get_size (flight->batch) : 0;
  LampOutcomeKind kind = kind_of (self, flight);
  LampOutcome *outcome = lamp_outcome_new (kind, size);
  gboolean takes = self->line_up && moods[flight->mood].takes && size > 0 &&
                   flight->token == self->token_wanted &&
                   judge_batch (self, flight->batch) == LAMP_OUTCOME_ANSWERED;

  if (kind == LAMP_OUTCOME_REFUSED)
    name_culprits (self, flight->batch, outcome);
  if ((kind == LAMP_OUTCOME_ANSWERED && size > 0) || takes)
    judge_events (self, flight->batch, outcome);

  /* The laptop hears of nothing that was said too late or is lost. */
  if (takes || !flight->in_time)
    {
      lamp_outcome_free (outcome);
      outcome = lamp_outcome_new (!takes || !flight->in_time ? LAMP_OUTCOME_NO_ANSWER : kind, size);
    }

  if (outcome->kind == LAMP_OUTCOME_SERVER_ERROR && is_own_error (self, flight))
    outcome->status = 500;
  if (outcome->kind == LAMP_OUTCOME_THROTTLED)
    outcome->retry_after = choose_retry_after (self);
  describe (flight, outcome);

  return outcome;
}

/* --- requests ----------------------------------------------------------- */

static void
finish (Flight      *flight,
        LampOutcome *outcome)
{
  LampServerModel *self = flight->server;
  g_autoptr (GTask) task = g_object_ref (flight->task);

  g_signal_emit (self, signals[ANSWERED], 0, flight->batch, outcome,
                 flight->n_renewals != self->n_renewals);
  g_ptr_array_remove (self->flights, flight);
  g_task_return_pointer (task, outcome, (GDestroyNotify) lamp_outcome_free);
}

static void
end_cb (gpointer user_data)
{
  Flight *flight = user_data;

  flight->alarm_id = 0;
  finish (flight, judge (flight->server, flight));
}

/* The laptop doesn't wait any more; the server may know nothing of that. */
static gboolean
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  Flight *flight = user_data;
  guint size = flight->batch != NULL ? lamp_batch_get_size (flight->batch) : 0;

  if (flight->alarm_id != 0 && g_rand_boolean (flight->server->random))
    lamp_outcome_free (judge (flight->server, flight));
  finish (flight, lamp_outcome_new (LAMP_OUTCOME_CANCELLED, size));

  return G_SOURCE_REMOVE;
}

static LampMood
choose_luck (LampServerModel *self)
{
  static const LampMood lucks[] = {
    LAMP_MOOD_WELL, LAMP_MOOD_WELL, LAMP_MOOD_AWAY, LAMP_MOOD_DEAF, LAMP_MOOD_LOSSY,
  };

  return lucks[g_rand_int_range (self->random, 0, G_N_ELEMENTS (lucks))];
}

static void
fly (LampServerModel *self,
     GTask           *task,
     LampBatch       *batch)
{
  gint64 patience = batch != NULL ? SEND_PATIENCE : PROBE_PATIENCE;
  Flight *flight = g_new0 (Flight, 1);
  gint64 duration;

  g_signal_emit (self, signals[REQUEST], 0, batch);
  flight->server = self;
  flight->task = task;
  g_task_set_check_cancellable (task, FALSE);
  flight->batch = batch != NULL ? lamp_batch_ref (batch) : NULL;
  flight->token = self->token_carried;
  flight->n_renewals = self->n_renewals;
  flight->mood = self->mood == LAMP_MOOD_FLAPPING ? choose_luck (self) : self->mood;

  /* Half of the time something fails at once. */
  duration = 1 + (gint64) (g_rand_double (self->random) * (double) moods[flight->mood].longest);
  if (moods[flight->mood].batch == LAMP_OUTCOME_NO_ANSWER && g_rand_boolean (self->random))
    duration = 1 + duration / 100;
  flight->in_time = duration <= patience;
  flight->alarm_id =
    lamp_timer_set_alarm (self->timer, lamp_timer_get_time (self->timer) + MIN (duration, patience),
                          end_cb, flight);

  flight->cancelled = g_cancellable_source_new (g_task_get_cancellable (task));
  g_source_set_callback (flight->cancelled, G_SOURCE_FUNC (cancelled_cb), flight, NULL);
  g_source_attach (flight->cancelled, g_main_context_get_thread_default ());
  g_ptr_array_add (self->flights, flight);
}

static const char *
lamp_server_model_get_origin (LampTransport *transport)
{
  return LAMP_SERVER_MODEL (transport)->origin;
}

static void
lamp_server_model_send_async (LampTransport      *transport,
                              LampBatch          *batch,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data)
{
  fly (LAMP_SERVER_MODEL (transport), g_task_new (transport, cancellable, callback, user_data),
       batch);
}

static LampOutcome *
lamp_server_model_send_finish (LampTransport *transport,
                               GAsyncResult  *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}

static void
lamp_server_model_probe_async (LampTransport      *transport,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  fly (LAMP_SERVER_MODEL (transport), g_task_new (transport, cancellable, callback, user_data),
       NULL);
}

static LampOutcome *
lamp_server_model_probe_finish (LampTransport *transport,
                                GAsyncResult  *result,
                                LampLimits    *limits)
{
  LampServerModel *self = LAMP_SERVER_MODEL (transport);
  LampOutcome *outcome = g_task_propagate_pointer (G_TASK (result), NULL);

  *limits = (LampLimits){ 0 };
  if (outcome->kind == LAMP_OUTCOME_ANSWERED && self->tells_limits)
    limits->max_events = self->max_events;

  return outcome;
}

static void
lamp_server_model_iface_init (LampTransportInterface *iface)
{
  iface->get_origin = lamp_server_model_get_origin;
  iface->send_async = lamp_server_model_send_async;
  iface->send_finish = lamp_server_model_send_finish;
  iface->probe_async = lamp_server_model_probe_async;
  iface->probe_finish = lamp_server_model_probe_finish;
}

/* --- the object --------------------------------------------------------- */

static void
lamp_server_model_finalize (GObject *object)
{
  LampServerModel *self = LAMP_SERVER_MODEL (object);

  g_assert_cmpuint (self->flights->len, ==, 0);
  g_ptr_array_unref (self->flights);
  g_hash_table_unref (self->events);
  g_free (self->origin);
  g_rand_free (self->random);
  g_object_unref (self->timer);

  G_OBJECT_CLASS (lamp_server_model_parent_class)->finalize (object);
}

static void
lamp_server_model_class_init (LampServerModelClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lamp_server_model_finalize;

  signals[REQUEST] = g_signal_new ("request", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 1, LAMP_TYPE_BATCH | G_SIGNAL_TYPE_STATIC_SCOPE);
  signals[TAKEN] = g_signal_new ("taken", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                 1, G_TYPE_POINTER);
  signals[ANSWERED] = g_signal_new ("answered", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 3, LAMP_TYPE_BATCH | G_SIGNAL_TYPE_STATIC_SCOPE,
                                    LAMP_TYPE_OUTCOME | G_SIGNAL_TYPE_STATIC_SCOPE, G_TYPE_BOOLEAN);
}

static void
lamp_server_model_init (LampServerModel *self)
{
  self->events = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, event_free);
  self->flights = g_ptr_array_new_with_free_func (flight_free);
  self->origin = g_strdup (ORIGIN);
  self->line_up = TRUE;
}

LampServerModel *
lamp_server_model_new (LampTimer *timer,
                       guint      seed)
{
  LampServerModel *self = g_object_new (LAMP_TYPE_SERVER_MODEL, NULL);

  self->timer = g_object_ref (timer);
  self->random = g_rand_new_with_seed (seed);

  return self;
}

LampServerEvent *
lamp_server_model_expect (LampServerModel *self,
                          const char      *event_id,
                          LampNature       nature)
{
  LampServerEvent *event = g_new0 (LampServerEvent, 1);

  event->event_id = g_strdup (event_id);
  event->nature = nature;
  if (nature == LAMP_NATURE_QUEUED || nature == LAMP_NATURE_UNNAMED)
    event->patience = (guint) g_rand_int_range (self->random, 1, 3);
  if (!g_hash_table_insert (self->events, event->event_id, event))
    g_error ("There are two events %s", event_id);

  return event;
}

LampServerEvent *
lamp_server_model_find (LampServerModel *self,
                        const char      *event_id)
{
  LampServerEvent *event = g_hash_table_lookup (self->events, event_id);

  if (event == NULL)
    g_error ("Nobody has emitted %s", event_id);

  return event;
}

void
lamp_server_model_set_origin (LampServerModel *self,
                              const char      *origin)
{
  g_free (self->origin);
  self->origin = g_strdup (origin);
  self->n_renewals++;
}

void
lamp_server_model_set_limits (LampServerModel *self,
                              guint            max_events,
                              gboolean         told)
{
  self->max_events = max_events;
  self->tells_limits = told;
}

void
lamp_server_model_set_mood (LampServerModel *self,
                            LampMood         mood)
{
  self->mood = mood;
}

LampMood
lamp_server_model_get_mood (LampServerModel *self)
{
  return self->mood;
}

void
lamp_server_model_set_line (LampServerModel *self,
                            gboolean         up)
{
  self->line_up = up;
}

gboolean
lamp_server_model_get_line (LampServerModel *self)
{
  return self->line_up;
}

gboolean
lamp_server_model_is_down (LampServerModel *self)
{
  LampOutcomeKind kind = moods[self->mood].batch;

  return !self->line_up || kind == LAMP_OUTCOME_NO_ANSWER || kind == LAMP_OUTCOME_SERVER_ERROR;
}

void
lamp_server_model_expire_token (LampServerModel *self)
{
  self->token_wanted++;
}

void
lamp_server_model_renew_token (LampServerModel *self)
{
  self->token_carried = self->token_wanted;
  self->n_renewals++;
}

/* What was sent has arrived, or hasn't; nobody will be told. */
static void
lose (Flight *flight)
{
  flight->in_time = FALSE;
  if (flight->alarm_id != 0 && g_rand_boolean (flight->server->random))
    lamp_outcome_free (judge (flight->server, flight));
  lamp_timer_clear_alarm (flight->server->timer, &flight->alarm_id);
}

void
lamp_server_model_cut (LampServerModel *self)
{
  while (self->flights->len > 0)
    {
      Flight *flight = self->flights->pdata[0];
      guint size = flight->batch != NULL ? lamp_batch_get_size (flight->batch) : 0;
      LampOutcome *outcome = lamp_outcome_new (LAMP_OUTCOME_NO_ANSWER, size);

      lose (flight);
      describe (flight, outcome);
      finish (flight, outcome);
    }
}

void
lamp_server_model_abandon (LampServerModel *self)
{
  for (guint i = 0; i < self->flights->len; i++)
    lose (self->flights->pdata[i]);
}

guint
lamp_server_model_get_n_in_flight (LampServerModel *self)
{
  return self->flights->len;
}
