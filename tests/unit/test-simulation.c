/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-laptop.h"
#include "lamp-test-util.h"

#include <string.h>

/* Days of a laptop: a network that comes and goes, a server in moods, an agent that is killed, all
 * by chance. A day is the same each time it runs:
 *
 *   LAMP_SIM_SEED=17 test-simulation     runs day 17 alone and tells everything that happens
 *   LAMP_SIM_DAYS=5000 test-simulation   runs as many days
 */

#define MS ((gint64) 1000)
#define SECOND ((gint64) G_USEC_PER_SEC)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

#define N_DAYS (LAMP_TEST_SANITIZED ? 15 : 1000)
#define DAY (14 * HOUR)
#define NIGHT (10 * HOUR)

/* Once the world is well, everything that can arrive does so in this time: the longest wait that a
 * server may ask for, a token, and some minutes to find culprits. */
#define HEALING (3 * HOUR)

/* What a queue must be left alone for (section 6 of the specification). */
#define HOLD (60 * SECOND)
#define UNAUTHORIZED (15 * MINUTE)
#define MISCONFIGURED (5 * MINUTE)

/* How many batches get through before one is as large again as one that was too large. */
#define GROWS_AFTER 3

/* Requests to a server that is down. */
#define STORM_START MINUTE
#define STORM_START_MAX 20
#define STORM_LATER (10 * MINUTE)

/* The last try of a batch, a probe before and one behind it, its first event alone, and another. Of
 * several in flight the other batches as well. */
#define STORM_LATER_SLACK 5

/* The wall clock goes on while simulated time stands still. */
#define TOLERANCE (20 * SECOND)

#define N_NODES 2

static const char *const origins[] = { "https://team.example.org", "https://new.example.org" };
#define NO_ORIGIN G_MAXUINT

typedef struct
{
  guint seed;
  GRand *random;             /* (owned) */
  LampLaptop *laptop;        /* (owned) */
  LampServerModel *server;   /* the laptop's */
  GPtrArray *nodes[N_NODES]; /* (owned) of LampServerEvent, in their order */
  guint first_open[N_NODES]; /* those before have arrived */
  gint64 beginning;
  guint culprits_of_1000;

  gboolean paused;
  gboolean in_pass;
  guint max_events;
  LampOnExhausted on_exhausted;
  guint max_retries;
  guint in_flight;
  guint64 n_delivered;  /* as the queue tells */
  guint64 pass_counted; /* as the passes tell */

  guint origin; /* of the server there is */
  guint home;   /* that took the last event */
  guint agreed; /* that may have what was meant for another */
  guint epoch;  /* how often it has changed */

  gint64 quiet_until;  /* no batch may leave before */
  gboolean throttled;  /* it is the server that has asked for that */
  guint n_spare;       /* batches that may leave all the same, because a person says so */
  gint64 down_since;   /* the first request that was in vain; 0 while there was none */
  guint n_down_early;  /* requests of the first minute */
  guint n_down_later;  /* requests after ten */
  gboolean was_empty;  /* nothing was pending */
  gboolean was_hidden; /* no next try was told, because nothing may be sent, or nothing waits */
  gint64 last_told;    /* the next retry, as it was told */
  gint64 last_due;     /* when its alarm rings */
  guint n_requests;
  guint size_limit;  /* of a batch, since the server found one too large */
  guint n_passed;    /* batches that were answered since */
  guint last_size;   /* of a batch */
  gboolean asked;    /* somebody wants to know whether the token is taken */
  guint n_asked;     /* “replay now”; every other one tests the connection */
  guint n_overtaken; /* by a witness against one that was innocent */
} Day;

typedef struct
{
  guint n_events;
  guint n_requests;
  guint n_overtaken;
  guint64 n_delivered;
} Totals;

static gboolean verbose;

/* --- telling ------------------------------------------------------------ */

static char *
dup_clock (Day *day)
{
  gint64 ms = (lamp_laptop_get_time (day->laptop) - day->beginning) / MS;

  return g_strdup_printf ("%02d:%02d:%02d.%03d", (int) (ms / 3600000), (int) (ms / 60000 % 60),
                          (int) (ms / 1000 % 60), (int) (ms % 1000));
}

static void tell (Day *day, const char *format, ...) G_GNUC_PRINTF (2, 3);
static void fail (Day *day, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
tell (Day        *day,
      const char *format,
      ...)
{
  g_autofree char *text = NULL;
  g_autofree char *clock = NULL;
  va_list args;

  if (!verbose)
    return;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  clock = dup_clock (day);
  g_test_message ("%s %s", clock, text);
}

static void
fail (Day        *day,
      const char *format,
      ...)
{
  g_autofree char *clock = dup_clock (day);
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_error ("Day %u, %s: %s. LAMP_SIM_SEED=%u runs that day alone.", day->seed, clock, text,
           day->seed);
}

static guint
choose (Day  *day,
        guint end)
{
  return (guint) g_rand_int_range (day->random, 0, (gint32) end);
}

static gboolean
is_culprit (const LampServerEvent *event)
{
  return event->nature >= LAMP_NATURE_REJECTED;
}

/* Whether no batch that it is in ever gets an answer. */
static gboolean
is_mute (const LampServerEvent *event)
{
  return event->nature == LAMP_NATURE_BREAKS || event->nature == LAMP_NATURE_CRASHES;
}

static gint64
get_time (Day *day)
{
  return lamp_laptop_get_time (day->laptop);
}

/* --- what may cut a wait short ------------------------------------------ */

static void
watch_for_storm (Day *day)
{
  day->down_since = 0;
  day->n_down_early = 0;
  day->n_down_later = 0;
}

/* Something that makes it worth trying again. */
static void
stir (Day *day)
{
  watch_for_storm (day);
}

/* The same, and so much so that it overrides what the server has said. */
static void
wake (Day *day)
{
  stir (day);
  day->quiet_until = 0;
  day->n_spare = 0;
}

static void
forget_server (Day *day)
{
  day->size_limit = G_MAXUINT;
  for (guint node = 0; node < N_NODES; node++)
    for (guint i = 0; i < day->nodes[node]->len; i++)
      ((LampServerEvent *) day->nodes[node]->pdata[i])->held_until = 0;
}

/* --- what is watched ---------------------------------------------------- */

static void
count_for_storm (Day *day)
{
  gint64 age;
  guint slack;

  if (!lamp_server_model_is_down (day->server))
    return;

  /* A wait that the server had asked for is over, and the backoff begins. */
  if (day->down_since < day->quiet_until && day->quiet_until <= get_time (day))
    watch_for_storm (day);

  if (day->down_since == 0)
    day->down_since = get_time (day);
  age = get_time (day) - day->down_since;
  if (age <= STORM_START && ++day->n_down_early > STORM_START_MAX)
    fail (day, "%u requests in the first minute without a server", day->n_down_early);

  slack = STORM_LATER_SLACK + day->in_flight - 1;
  if (age > STORM_LATER && ++day->n_down_later > (age - STORM_LATER) / MINUTE + slack)
    fail (day, "%u requests without a server in the %d minutes after the tenth", day->n_down_later,
          (int) ((age - STORM_LATER) / MINUTE));
}

static void
check_quiet (Day *day)
{
  gint64 early = day->quiet_until - get_time (day);

  if (early > 0 && day->n_spare == 0)
    fail (day, "a batch was sent %d s before the server may be asked again",
          (int) (early / SECOND));

  day->n_spare = 0;
}

static void
request_cb (LampServerModel *server,
            LampBatch       *batch,
            gpointer         user_data)
{
  Day *day = user_data;
  guint size = batch != NULL ? lamp_batch_get_size (batch) : 0;

  day->n_requests++;
  count_for_storm (day);
  if (batch == NULL)
    {
      tell (day, "  probe");
      return;
    }

  day->last_size = size;
  tell (day, "  batch of %u from %s", size,
        size > 0 ? lamp_batch_get_event (batch, 0)->event_id : "a person who asks");
  if (day->paused)
    fail (day, "a batch was sent while paused");
  if (size == 0 && !day->asked)
    fail (day, "a batch without events was sent, and nobody has asked");
  if (size > day->size_limit)
    fail (day, "a batch of %u, and the server takes %u at most", size, day->size_limit);
  if (size > day->max_events)
    fail (day, "a batch of %u, and %u are allowed", size, day->max_events);
  check_quiet (day);

  for (guint i = 0; i < size; i++)
    {
      LampServerEvent *event = lamp_server_model_find (server,
                                                       lamp_batch_get_event (batch, i)->event_id);

      event->n_sent++;
      event->sent_to = day->origin;
      if (day->home != NO_ORIGIN && day->home != day->origin && day->agreed != day->origin &&
          event->epoch < day->epoch)
        fail (day, "%s is sent to a server that it was not meant for", event->event_id);
      if (event->told)
        fail (day, "%s was accepted and is sent again", event->event_id);
      if (get_time (day) < event->held_until)
        fail (day, "%s is sent again before the server may have decided", event->event_id);
    }
}

/* Whether others of its node may arrive before it. */
static gboolean
may_be_overtaken (const LampServerEvent *event)
{
  return event->taken || event->held || event->gone || event->n_failures > 0 || is_culprit (event);
}

/* Whether one that got no answer alone is under suspicion, and whether it is a culprit. */
static gboolean
is_searching (Day      *day,
              gboolean *is_right)
{
  gboolean found = FALSE;

  *is_right = FALSE;
  for (guint node = 0; node < N_NODES; node++)
    for (guint i = 0; i < day->nodes[node]->len; i++)
      {
        const LampServerEvent *event = day->nodes[node]->pdata[i];

        if (event->gone || event->told || event->n_alone == 0)
          continue;

        found = TRUE;
        *is_right = *is_right || is_mute (event);
      }

  return found;
}

/* While somebody is under suspicion, another event is tried alone: it is the evidence if it gets
 * through, and then ahead of its time. In vain where the server just came back in between. */
static void
check_order (Day                   *day,
             const LampServerEvent *event,
             const LampServerEvent *earlier)
{
  gboolean is_right = FALSE;

  if (may_be_overtaken (earlier))
    return;

  if (day->last_size > 1 || !is_searching (day, &is_right))
    fail (day, "%s (%u) arrives before %s (%u)", event->event_id, event->place, earlier->event_id,
          earlier->place);

  if (!is_right)
    {
      tell (day, "  %s overtakes %s", event->event_id, earlier->event_id);
      day->n_overtaken++;
    }
}

static void
taken_cb (LampServerModel *server,
          LampServerEvent *event,
          gpointer         user_data)
{
  Day *day = user_data;
  GPtrArray *node = day->nodes[event->node];
  guint *first = &day->first_open[event->node];

  for (guint i = *first; i < event->place && day->in_flight == 1; i++)
    check_order (day, event, node->pdata[i]);

  while (*first < node->len && ((LampServerEvent *) node->pdata[*first])->taken)
    (*first)++;
}

static void
note_verdict (Day             *day,
              LampServerEvent *event,
              LampVerdictKind  kind,
              gboolean         answered)
{
  if (kind == LAMP_VERDICT_DELIVERED)
    event->told = TRUE;
  else if (kind == LAMP_VERDICT_REJECTED)
    event->evidence++;
  else if (answered)
    event->held_until = get_time (day) + HOLD;
}

/* What is said of a batch is said of each event in it, and of a batch of one still more so. */
static void
note_batch (LampServerEvent *event,
            LampOutcomeKind  kind,
            gboolean         is_alone)
{
  if (kind == LAMP_OUTCOME_NO_ANSWER || kind == LAMP_OUTCOME_SERVER_ERROR)
    {
      event->n_muted++;
      event->n_alone += is_alone;
    }
  else if (is_alone && (kind == LAMP_OUTCOME_REFUSED || kind == LAMP_OUTCOME_TOO_LARGE))
    {
      event->evidence++;
    }
}

/* Where several are in flight, only one of those that were too large is looked at. */
static void
note_size (Day               *day,
           const LampOutcome *outcome)
{
  guint size = outcome->n_verdicts;

  if (size == 0)
    return;

  if (outcome->kind == LAMP_OUTCOME_TOO_LARGE && day->in_flight == 1)
    {
      day->size_limit = size > 1 ? size / 2 : G_MAXUINT;
      day->n_passed = 0;
    }
  else if (outcome->kind == LAMP_OUTCOME_ANSWERED && ++day->n_passed >= GROWS_AFTER)
    {
      day->size_limit = day->size_limit > G_MAXUINT / 2 ? G_MAXUINT : 2 * day->size_limit;
      day->n_passed = 0;
    }
}

static void
answered_cb (LampServerModel *server,
             LampBatch       *batch,
             LampOutcome     *outcome,
             gboolean         stale,
             gpointer         user_data)
{
  Day *day = user_data;
  gint64 quiet = 0;

  tell (day, "  %s%s", stale ? "stale " : "",
        *outcome->message != '\0' ? outcome->message : "no outcome");
  if (batch == NULL)
    return;

  if (outcome->kind == LAMP_OUTCOME_THROTTLED)
    quiet = outcome->retry_after;
  if (outcome->kind == LAMP_OUTCOME_UNAUTHORIZED)
    quiet = UNAUTHORIZED;
  if (outcome->kind == LAMP_OUTCOME_MISCONFIGURED)
    quiet = MISCONFIGURED;
  if (quiet > 0 && !stale)
    {
      day->quiet_until = get_time (day) + quiet;
      day->throttled = outcome->kind == LAMP_OUTCOME_THROTTLED;
      day->n_spare = 0;
    }

  if (!stale)
    note_size (day, outcome);

  for (guint i = 0; i < outcome->n_verdicts; i++)
    {
      LampVerdictKind verdict = outcome->verdicts[i].kind;
      LampServerEvent *event = lamp_server_model_find (server,
                                                       lamp_batch_get_event (batch, i)->event_id);

      note_verdict (day, event, verdict, outcome->kind == LAMP_OUTCOME_ANSWERED);
      if (verdict == LAMP_VERDICT_NONE)
        note_batch (event, outcome->kind, outcome->n_verdicts == 1);
    }
}

static LampServerEvent *
add_event (Day        *day,
           guint       node,
           const char *event_id,
           LampNature  nature)
{
  LampServerEvent *event = lamp_server_model_expect (day->server, event_id, nature);

  event->node = node;
  event->place = day->nodes[node]->len;
  event->epoch = day->epoch;
  g_ptr_array_add (day->nodes[node], event);

  return event;
}

static LampNature
nature_from_string (const char *name)
{
  LampNature nature = 0;

  while (!g_str_equal (lamp_nature_to_string (nature), name))
    nature++;

  return nature;
}

static void
appended_cb (LampQueue *queue,
             GPtrArray *receipts,
             gpointer   user_data)
{
  Day *day = user_data;

  for (guint i = 0; i < receipts->len; i++)
    {
      const LampReceipt *receipt = receipts->pdata[i];

      add_event (day, 0, receipt->event_id,
                 nature_from_string (lamp_event_get_event_type (receipt->event)));
    }
}

static void
delivered_cb (LampQueue *queue,
              char     **event_ids,
              gpointer   user_data)
{
  Day *day = user_data;

  for (guint i = 0; event_ids[i] != NULL; i++)
    {
      const LampServerEvent *event = lamp_server_model_find (day->server, event_ids[i]);

      day->n_delivered++;
      day->home = event->sent_to;
      if (!event->told)
        fail (day, "%s is delivered, and no answer said so", event_ids[i]);
    }
}

/* The code that an event fails with, by its nature; NULL for one that must not fail. */
static const char *const codes[LAMP_N_NATURES] = {
  [LAMP_NATURE_REJECTED] = "Rejected",    [LAMP_NATURE_NAMED] = "Named",
  [LAMP_NATURE_REFUSED] = "rejected",     [LAMP_NATURE_TOO_LARGE] = "oversized",
  [LAMP_NATURE_BREAKS] = "undeliverable", [LAMP_NATURE_CRASHES] = "undeliverable",
};

/* An event fails for a reason of its own, and for what was found out about it. */
static void
check_reason (Day               *day,
              LampServerEvent   *event,
              const LampRefusal *refusal)
{
  if (day->on_exhausted == LAMP_ON_EXHAUSTED_FAIL && g_str_equal (refusal->code, "exhausted"))
    {
      if (event->n_muted <= day->max_retries)
        fail (day, "%s is exhausted after %u tries", event->event_id, event->n_muted);
      return;
    }

  if (g_strcmp0 (refusal->code, codes[event->nature]) != 0)
    fail (day, "%s (%s) failed as “%s”: %s", event->event_id, lamp_nature_to_string (event->nature),
          refusal->code, refusal->message);
  if (strstr (refusal->message, event->event_id) == NULL)
    fail (day, "%s failed for another’s reason: %s", event->event_id, refusal->message);
  if (event->evidence + (is_mute (event) ? event->n_alone : 0) == 0)
    fail (day, "%s failed without evidence", event->event_id);
}

static void
failed_cb (LampQueue *queue,
           GPtrArray *refusals,
           gpointer   user_data)
{
  Day *day = user_data;

  for (guint i = 0; i < refusals->len; i++)
    {
      const LampRefusal *refusal = refusals->pdata[i];
      LampServerEvent *event = lamp_server_model_find (day->server, refusal->event_id);

      tell (day, "  %s failed: %s, %s", event->event_id, refusal->code, refusal->message);
      check_reason (day, event, refusal);
      event->evidence = 0;
      event->n_muted = 0;
      event->n_alone = 0;
      event->n_failures++;
    }
}

static void
changed_cb (LampReplay *replay,
            gpointer    user_data)
{
  Day *day = user_data;

  if (lamp_replay_get_state (replay) == LAMP_STATE_REPLAYING)
    day->in_pass = TRUE;
}

static void
finished_cb (LampReplay *replay,
             guint       delivered,
             guint       failed,
             guint       left,
             const char *error,
             gpointer    user_data)
{
  Day *day = user_data;

  tell (day, "  pass: %u delivered, %u failed, %u left: %s", delivered, failed, left, error);
  if (!day->in_pass)
    fail (day, "a pass finished twice");
  if (left != lamp_queue_get_tally (lamp_laptop_get_queue (day->laptop))->pending)
    fail (day, "%u events are left, says the pass", left);

  day->in_pass = FALSE;
  day->asked = FALSE;
  day->pass_counted += delivered;
}

static void
started_cb (LampLaptop *laptop,
            gpointer    user_data)
{
  Day *day = user_data;
  LampQueue *queue = lamp_laptop_get_queue (laptop);
  LampReplay *replay = lamp_laptop_get_replay (laptop);

  g_signal_connect (queue, "appended", G_CALLBACK (appended_cb), day);
  g_signal_connect (queue, "delivered", G_CALLBACK (delivered_cb), day);
  g_signal_connect (queue, "failed", G_CALLBACK (failed_cb), day);
  g_signal_connect (replay, "changed", G_CALLBACK (changed_cb), day);
  g_signal_connect (replay, "finished", G_CALLBACK (finished_cb), day);
  lamp_replay_set_batch (replay, day->max_events, 512 * 1024);
  lamp_replay_set_on_exhausted (replay, day->on_exhausted);
  lamp_replay_set_max_retries (replay, day->max_retries);
  lamp_replay_set_in_flight (replay, day->in_flight);
  lamp_replay_set_paused (replay, day->paused);
  day->last_told = 0;
}

/* --- at rest ------------------------------------------------------------ */

/* What is told of the next try is true: its alarm rings then. */
static void
check_next_retry (Day *day)
{
  gint64 told = lamp_replay_get_next_retry (lamp_laptop_get_replay (day->laptop));
  gint64 delay = lamp_laptop_get_delay (day->laptop);

  if (told == 0)
    {
      day->last_told = 0;
      return;
    }

  if (delay < 0)
    fail (day, "a next try is told, and no alarm is due");

  if (told != day->last_told)
    {
      gint64 wrong = told - g_get_real_time () - delay;

      /* The wall clock stands still here: of what was hidden a while the distance isn't known. */
      if (!day->was_hidden && ABS (wrong) > TOLERANCE)
        fail (day, "the next try is told %d s beside its alarm", (int) (wrong / SECOND));
      day->last_told = told;
      day->last_due = get_time (day) + delay;
    }
  else if (get_time (day) + delay != day->last_due)
    {
      fail (day, "the alarm of the next try was moved, and what is told wasn’t");
    }
}

static void
check_evidence (Day *day)
{
  for (guint node = 0; node < N_NODES; node++)
    for (guint i = 0; i < day->nodes[node]->len; i++)
      {
        const LampServerEvent *event = day->nodes[node]->pdata[i];

        if (event->evidence > 0 && event->nature == LAMP_NATURE_REJECTED && !event->gone)
          fail (day, "%s was rejected, and nobody noticed", event->event_id);
      }
}

static void
rested_cb (LampLaptop *laptop,
           gpointer    user_data)
{
  Day *day = user_data;
  LampReplay *replay = lamp_laptop_get_replay (laptop);
  const LampTally *tally = lamp_queue_get_tally (lamp_laptop_get_queue (laptop));
  LampState state = lamp_replay_get_state (replay);
  gboolean is_empty = tally->pending == 0;
  guint64 done;
  guint64 total;

  /* Events that come into an empty queue are worth a try. */
  if (day->was_empty && !is_empty)
    stir (day);
  day->was_empty = is_empty;
  if (is_empty)
    day->agreed = day->origin;

  check_next_retry (day);
  day->was_hidden = lamp_replay_get_paused (replay) || is_empty;
  if (lamp_server_model_get_n_in_flight (day->server) > 0)
    return;

  if (state == LAMP_STATE_REPLAYING)
    fail (day, "a pass goes nowhere");
  if (day->in_pass)
    fail (day, "a pass ended, and nobody was told");
  if (lamp_laptop_get_delay (laptop) < 0)
    fail (day, "no alarm is due");
  lamp_replay_get_progress (replay, &done, &total);
  if (done != 0 || total != 0)
    fail (day, "%d of %d events, and no pass runs", (int) done, (int) total);
  if (!is_empty && !lamp_replay_get_paused (replay) && lamp_replay_get_next_retry (replay) == 0)
    fail (day, "%d events wait for nothing", (int) tally->pending);
}

/* --- what happens ------------------------------------------------------- */

static LampNature
choose_nature (Day *day)
{
  guint chance = choose (day, 1000);

  if (chance < 20)
    return LAMP_NATURE_REJECTED;
  if (chance < 40)
    return LAMP_NATURE_QUEUED;
  if (chance < 60)
    return LAMP_NATURE_UNNAMED;
  if (chance < 60 + day->culprits_of_1000)
    return LAMP_NATURE_NAMED + choose (day, LAMP_N_NATURES - LAMP_NATURE_NAMED);

  return LAMP_NATURE_GOOD;
}

static void
emit (Day *day)
{
  guint n_groups = choose (day, 40) == 0 ? 30 : 1 + choose (day, 2);

  for (guint i = 0; i < n_groups; i++)
    {
      LampNature nature = choose_nature (day);
      guint count = nature == LAMP_NATURE_GOOD ? 1 + choose (day, 5) : 1;

      tell (day, "emit %u × %s", count, lamp_nature_to_string (nature));
      lamp_laptop_emit (day->laptop, nature, count);
    }
}

static void
write_events (Day     *day,
              gboolean is_noticed)
{
  guint count = 1 + choose (day, 5);

  for (guint i = 0; i < count; i++)
    {
      g_autofree char *event_id = g_strdup_printf ("01KF%022u", day->nodes[1]->len);
      LampNature nature = choose_nature (day);

      tell (day, "another program writes %s: %s", event_id, lamp_nature_to_string (nature));
      add_event (day, 1, event_id, nature);
      lamp_laptop_write (day->laptop, event_id, nature);
    }

  if (is_noticed)
    {
      lamp_laptop_run (day->laptop, choose (day, 2000) * MS);
      lamp_laptop_look (day->laptop);
    }
}

static void
erase_event (Day *day)
{
  LampServerEvent *event;

  if (day->nodes[1]->len == 0)
    return;

  event = day->nodes[1]->pdata[choose (day, day->nodes[1]->len)];
  if (event->told || !lamp_laptop_erase (day->laptop, event->event_id))
    return;

  tell (day, "another program deletes %s", event->event_id);
  event->gone = TRUE;
  lamp_laptop_look (day->laptop);
}

static void
change_mood (Day *day)
{
  LampMood mood = choose (day, 2) == 0 ? LAMP_MOOD_WELL : choose (day, LAMP_N_MOODS);

  tell (day, "the server is %s", lamp_mood_to_string (mood));
  lamp_server_model_set_mood (day->server, mood);
  watch_for_storm (day);
}

static void
change_network (Day     *day,
                gboolean up,
                gboolean told)
{
  tell (day, "the network is %s%s", up ? "up" : "down", told ? "" : ", but nobody says so");
  lamp_server_model_set_line (day->server, up);
  if (choose (day, 2) == 0)
    lamp_server_model_cut (day->server);
  stir (day);
  if (told)
    lamp_laptop_network_changed (day->laptop);
}

static void
come_and_go (Day *day)
{
  gboolean up = choose (day, 3) > 0;
  gboolean told = choose (day, 5) > 0;

  change_network (day, up, told);
}

static void
flap (Day *day)
{
  for (guint i = 2 + choose (day, 10); i > 0; i--)
    {
      change_network (day, i % 2 == 0, TRUE);
      lamp_laptop_run (day->laptop, choose (day, 3000) * MS);
    }
}

static void
sleep_well (Day *day)
{
  gint64 delay = choose (day, 2) == 0 ? choose (day, 60) * SECOND : choose (day, 480) * MINUTE;
  gboolean told = choose (day, 3) > 0;

  tell (day, "sleeps for %d s%s", (int) (delay / SECOND), told ? "" : ", and nobody says so");
  lamp_laptop_sleep (day->laptop, delay, told);
  stir (day);
}

static void
replay_now (Day *day)
{
  gboolean is_test = day->n_asked++ % 2 == 0;

  tell (day, "“replay now”");
  day->asked = day->asked || is_test;

  /* A server that has asked to be left alone is tried once. */
  if (day->throttled && get_time (day) < day->quiet_until)
    day->n_spare = 1;
  else
    wake (day);
  stir (day);
  if (is_test)
    lamp_replay_test (lamp_laptop_get_replay (day->laptop), NULL);
  else
    lamp_replay_now (lamp_laptop_get_replay (day->laptop), NULL);
  lamp_laptop_rest (day->laptop);
}

static void
set_paused (Day     *day,
            gboolean paused)
{
  tell (day, paused ? "“pause”" : "“unpause”");
  day->paused = paused;
  if (!paused)
    day->agreed = day->origin;
  stir (day);
  lamp_replay_set_paused (lamp_laptop_get_replay (day->laptop), paused);
  lamp_laptop_rest (day->laptop);
}

static void
resend_all (Day *day)
{
  tell (day, "“resend --all”");
  stir (day);
  lamp_laptop_resend_all (day->laptop);
}

static void
look (Day *day)
{
  tell (day, "a window opens");
  stir (day);
  lamp_replay_probe (lamp_laptop_get_replay (day->laptop));
  lamp_laptop_rest (day->laptop);
}

static void
expire_token (Day *day)
{
  tell (day, "the token expires");
  lamp_server_model_expire_token (day->server);
}

static void
renew_token (Day *day)
{
  tell (day, "a new token");
  lamp_server_model_renew_token (day->server);
  wake (day);
  forget_server (day);
  lamp_replay_server_changed (lamp_laptop_get_replay (day->laptop));
  lamp_laptop_rest (day->laptop);
}

static void
change_server (Day *day)
{
  day->origin = 1 - day->origin;
  day->epoch++;
  tell (day, "the server is %s", origins[day->origin]);
  lamp_server_model_set_origin (day->server, origins[day->origin]);
  wake (day);
  forget_server (day);
  lamp_replay_server_changed (lamp_laptop_get_replay (day->laptop));
  lamp_laptop_rest (day->laptop);
}

static void
restart (Day     *day,
         gboolean killed)
{
  tell (day, killed ? "killed" : "quits");
  if (killed)
    lamp_laptop_kill (day->laptop);
  else
    lamp_laptop_quit (day->laptop);

  if (choose (day, 2) == 0)
    write_events (day, FALSE);

  wake (day);
  forget_server (day);
  day->in_pass = FALSE;
  day->was_empty = TRUE;
  day->was_hidden = TRUE;
  lamp_laptop_start (day->laptop);
}

static void
happen (Day *day)
{
  guint what = choose (day, 100);

  if (what < 38)
    emit (day);
  else if (what < 50)
    write_events (day, TRUE);
  else if (what < 63)
    change_mood (day);
  else if (what < 71)
    come_and_go (day);
  else if (what < 73)
    flap (day);
  else if (what < 76)
    sleep_well (day);
  else if (what < 79)
    replay_now (day);
  else if (what < 83)
    set_paused (day, choose (day, 4) == 0);
  else if (what < 85)
    resend_all (day);
  else if (what < 87)
    look (day);
  else if (what < 89)
    expire_token (day);
  else if (what < 93)
    renew_token (day);
  else if (what < 97)
    restart (day, TRUE);
  else if (what < 99)
    restart (day, FALSE);
  else if (choose (day, 2) == 0)
    erase_event (day);
  else
    change_server (day);
}

static gint64
choose_delay (Day *day)
{
  guint chance = choose (day, 20);

  if (chance < 7)
    return choose (day, 100) * MS;
  if (chance < 13)
    return choose (day, 30 * 1000) * MS;
  if (chance < 18)
    return choose (day, 15 * 60) * SECOND;

  return choose (day, 120) * MINUTE;
}

/* --- the evening -------------------------------------------------------- */

/* The world is well from now on. */
static void
heal (Day *day)
{
  gint64 end = get_time (day) + HEALING;
  LampReplay *replay = lamp_laptop_get_replay (day->laptop);
  LampQueue *queue = lamp_laptop_get_queue (day->laptop);
  guint n_seconds = 0;

  stir (day);
  tell (day, "all is well");
  lamp_server_model_set_mood (day->server, LAMP_MOOD_WELL);
  renew_token (day);
  set_paused (day, FALSE);
  change_network (day, TRUE, choose (day, 2) == 0);
  lamp_laptop_look (day->laptop);

  while (lamp_queue_get_tally (queue)->pending > 0 ||
         lamp_replay_get_state (replay) != LAMP_STATE_IDLE)
    {
      if (get_time (day) >= end)
        fail (day, "after %d hours all is not well: %d events wait, %s, %s", (int) (HEALING / HOUR),
              (int) lamp_queue_get_tally (queue)->pending,
              lamp_state_to_string (lamp_replay_get_state (replay)),
              lamp_replay_get_last_error (replay));

      lamp_laptop_run (day->laptop, SECOND);

      /* An event that gets no answer is told from a server that gives none by others that get
       * through; where it is the last one, it waits for them. */
      if (++n_seconds % 60 == 0)
        lamp_laptop_emit (day->laptop, LAMP_NATURE_GOOD, 1);

      /* Asked for consent. */
      if (lamp_replay_get_paused (replay))
        set_paused (day, FALSE);
    }

  if (*lamp_replay_get_last_error (replay) != '\0')
    fail (day, "all is well, and yet: %s", lamp_replay_get_last_error (replay));
}

/* Each event is where it belongs. */
static void
check_fate (Day             *day,
            LampServerEvent *event)
{
  LampQueue *queue = lamp_laptop_get_queue (day->laptop);
  g_autoptr (GError) error = NULL;
  g_autoptr (LampRow) row = lamp_queue_get (queue, event->event_id, &error);
  LampStatus status = is_culprit (event) ? LAMP_STATUS_FAILED : LAMP_STATUS_DELIVERED;

  if (event->gone && row == NULL)
    return;

  if (row == NULL)
    fail (day, "%s is lost: %s", event->event_id, error->message);
  if (row->retry_count != event->n_failures)
    fail (day, "%s has a retry count of %u after %u refusals", event->event_id, row->retry_count,
          event->n_failures);
  if (day->on_exhausted == LAMP_ON_EXHAUSTED_FAIL && g_str_equal (row->error_code, "exhausted"))
    return;

  if (row->status != status)
    fail (day, "%s (%s) is %s", event->event_id, lamp_nature_to_string (event->nature),
          lamp_status_to_string (row->status));
  if (event->taken != (status == LAMP_STATUS_DELIVERED))
    fail (day, "%s is %s, and the server knows better", event->event_id,
          lamp_status_to_string (row->status));
  if (status == LAMP_STATUS_FAILED && !g_str_equal (row->error_code, codes[event->nature]))
    fail (day, "%s failed as “%s”", event->event_id, row->error_code);
}

static void
check_day (Day *day)
{
  const LampTally *tally = lamp_queue_get_tally (lamp_laptop_get_queue (day->laptop));
  guint n_there = 0;

  for (guint node = 0; node < N_NODES; node++)
    for (guint i = 0; i < day->nodes[node]->len; i++)
      {
        LampServerEvent *event = day->nodes[node]->pdata[i];

        check_fate (day, event);
        n_there += !event->gone || event->taken;
      }

  check_evidence (day);
  if (tally->delivered + tally->failed > n_there)
    fail (day, "there are %d events, and only %u were emitted",
          (int) (tally->delivered + tally->failed), n_there);
  if (day->pass_counted != day->n_delivered)
    fail (day, "the passes tell of %d delivered events, and the queue of %d",
          (int) day->pass_counted, (int) day->n_delivered);
}

/* One choice after the other, for compilers differ in the order of arguments, and the days with
 * them. */
static void
set_limits (Day *day)
{
  guint max_events = 1 + choose (day, 60);
  gboolean told = choose (day, 2) == 0;

  lamp_server_model_set_limits (day->server, max_events, told);
}

/* --- a day -------------------------------------------------------------- */

static void
live (guint   seed,
      Totals *totals)
{
  Day day = { .seed = seed };

  g_test_message ("LAMP_SIM_SEED=%u", seed);
  g_random_set_seed (seed); /* of the jitter */
  day.random = g_rand_new_with_seed (seed);
  day.laptop = lamp_laptop_new (seed);
  day.server = lamp_laptop_get_server (day.laptop);
  day.beginning = get_time (&day);
  day.was_empty = TRUE;
  day.size_limit = G_MAXUINT;
  day.home = NO_ORIGIN;
  day.agreed = NO_ORIGIN;
  for (guint node = 0; node < N_NODES; node++)
    day.nodes[node] = g_ptr_array_new ();

  g_signal_connect (day.laptop, "started", G_CALLBACK (started_cb), &day);
  g_signal_connect (day.laptop, "rested", G_CALLBACK (rested_cb), &day);
  g_signal_connect (day.server, "request", G_CALLBACK (request_cb), &day);
  g_signal_connect (day.server, "taken", G_CALLBACK (taken_cb), &day);
  g_signal_connect (day.server, "answered", G_CALLBACK (answered_cb), &day);

  day.max_events = choose (&day, 2) == 0 ? 100 : 1 + choose (&day, 30);
  day.max_retries = choose (&day, 2) == 0 ? 3 : choose (&day, 6);
  day.on_exhausted = choose (&day, 15) == 0 ? LAMP_ON_EXHAUSTED_FAIL : LAMP_ON_EXHAUSTED_HOLD;
  day.in_flight = choose (&day, 4) == 0 ? 2 + choose (&day, 3) : 1;
  day.culprits_of_1000 = choose (&day, 2);
  day.culprits_of_1000 *= choose (&day, 60);
  if (choose (&day, 3) == 0)
    set_limits (&day);

  lamp_laptop_start (day.laptop);
  while (get_time (&day) < day.beginning + DAY)
    {
      lamp_laptop_run (day.laptop, choose_delay (&day));
      if (choose (&day, 3) == 0)
        lamp_laptop_step (day.laptop, MINUTE); /* in the midst of something */
      happen (&day);
    }

  tell (&day, "good night");
  lamp_laptop_sleep (day.laptop, NIGHT, TRUE);
  heal (&day);
  check_day (&day);
  lamp_laptop_quit (day.laptop);
  lamp_laptop_assert_sound (day.laptop);
  g_assert_finalize_object (day.laptop);

  totals->n_requests += day.n_requests;
  totals->n_delivered += day.n_delivered;
  totals->n_overtaken += day.n_overtaken;
  for (guint node = 0; node < N_NODES; node++)
    {
      totals->n_events += day.nodes[node]->len;
      g_ptr_array_unref (day.nodes[node]);
    }
  g_rand_free (day.random);
}

static void
test_days (void)
{
  const char *only = g_getenv ("LAMP_SIM_SEED");
  const char *days = g_getenv ("LAMP_SIM_DAYS");
  guint n_days = days != NULL ? (guint) g_ascii_strtoull (days, NULL, 10) : N_DAYS;
  Totals totals = { 0 };

  verbose = only != NULL;
  if (verbose)
    {
      live ((guint) g_ascii_strtoull (only, NULL, 10), &totals);
      return;
    }

  for (guint seed = 1; seed <= n_days; seed++)
    live (seed, &totals);
  g_test_message ("%u days: %u events, %" G_GUINT64_FORMAT " delivered in %u requests; %u were "
                  "overtaken",
                  n_days, totals.n_events, totals.n_delivered, totals.n_requests,
                  totals.n_overtaken);
}

int
main (int    argc,
      char **argv)
{
  /* Thousands of commits: what a power cut leaves of them is not the matter here. */
  if (g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", FALSE);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/simulation/days", test_days);

  return g_test_run ();
}
