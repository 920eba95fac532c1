/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-fault-vfs.h"
#include "lamp-replay-fixture.h"

#include <sqlite3.h>
#include <string.h>

#define HERE "https://team.example.org" /* where the dummy is */
#define ELSEWHERE "https://other.example.org"
#define LONG (2 * 3600 * SECOND)

#define N_ISOLATIONS (LAMP_TEST_SANITIZED ? 10 : 40)
#define N_OUTAGES (LAMP_TEST_SANITIZED ? 10 : 60)
#define N_FLIGHTS (LAMP_TEST_SANITIZED ? 10 : 40)

/* When others come. */
#define QUIET (300 * SECOND)

static gboolean mishaps; /* warnings are what a person would read now, and no end of the test */

static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         user_data)
{
  if (mishaps && (level & G_LOG_LEVEL_WARNING) != 0)
    return G_LOG_WRITER_HANDLED;

  return g_log_writer_default (level, fields, n_fields, user_data);
}

/* A server that chokes on some events, and is away at times. */
typedef struct
{
  Fixture *fixture;
  GHashTable *culprits; /* (owned) ids */
  GRand *random;        /* (owned) (nullable) for outages */
  guint outage;         /* batches until it goes away */
  gint64 back;          /* when it is there again, as of the timer */
  GPtrArray *others;    /* (nullable) where ids of events go that come in the meantime */
  gboolean has_no_health;
  gboolean is_mute;   /* it chokes without a word */
  gboolean is_broken; /* on all of them */
  guint n_batches;
  guint fault_at;  /* the batch that it has no answer for, and then nothing can be written */
  gboolean locked; /* because another program holds the lock, and not because the disk is full */
} Server;

static gboolean
is_down (Server *server)
{
  return lamp_timer_get_time (LAMP_TIMER (server->fixture->timer)) < server->back;
}

static void
set_health_of (Server *server)
{
  set_health (server->fixture, server->has_no_health || is_down (server) ? AWAY : ONLINE);
}

static void
break_disk (Server *server)
{
  if (server->locked)
    lamp_test_db_run (server->fixture->db, "BEGIN IMMEDIATE");
  else
    lamp_fault_vfs_fail (1, TRUE, SQLITE_FULL);
}

static void
mend_disk (Server *server)
{
  if (server->locked)
    lamp_test_db_run (server->fixture->db, "ROLLBACK");
  else
    lamp_fault_vfs_mend ();
}

static LampOutcome *
judge (LampBatch *batch,
       gpointer   user_data)
{
  Server *server = user_data;
  guint size = lamp_batch_get_size (batch);

  if (server->random != NULL && server->outage-- == 0)
    {
      server->outage = (guint) g_rand_int_range (server->random, 5, 30);
      server->back = lamp_timer_get_time (LAMP_TIMER (server->fixture->timer)) +
                     g_rand_int_range (server->random, 1, 40) * SECOND / 2;
    }

  if (++server->n_batches == server->fault_at)
    break_disk (server);

  set_health_of (server);
  if (is_down (server))
    return lamp_outcome_new (LAMP_OUTCOME_NO_ANSWER, size);

  for (guint i = 0; i < size; i++)
    if (server->is_broken ||
        g_hash_table_contains (server->culprits, lamp_batch_get_event (batch, i)->event_id))
      {
        LampOutcome *outcome = lamp_outcome_new (server->is_mute ? LAMP_OUTCOME_NO_ANSWER
                                                                 : LAMP_OUTCOME_SERVER_ERROR,
                                                 size);

        outcome->status = server->is_mute ? 0 : 500;

        return outcome;
      }

  return NULL;
}

static void
server_init (Server  *server,
             Fixture *fixture)
{
  memset (server, 0, sizeof *server);
  server->fixture = fixture;
  server->culprits = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  lamp_transport_dummy_set_judge (fixture->transport, judge, server);
}

static void
server_clear (Server *server)
{
  lamp_transport_dummy_set_judge (server->fixture->transport, NULL, NULL);
  g_clear_pointer (&server->culprits, g_hash_table_unref);
  g_clear_pointer (&server->random, g_rand_free);
}

static void
choose_culprit (Server    *server,
                GPtrArray *ids,
                guint      index)
{
  g_hash_table_add (server->culprits, g_strdup (ids->pdata[index]));
}

/* Returns how long it took. */
static gint64
ring_until_empty (Server *server)
{
  Fixture *fixture = server->fixture;
  gint64 waited = 0;

  while (lamp_queue_get_tally (fixture->queue)->pending > 0)
    {
      gint64 delay = lamp_timer_dummy_get_delay (fixture->timer);

      g_assert_cmpint (delay, >=, 0);
      waited += delay;
      g_assert_cmpint (waited, <, LONG);
      if (!server->has_no_health &&
          server->back <= lamp_timer_get_time (LAMP_TIMER (fixture->timer)) + delay)
        set_health (fixture, ONLINE);
      if (server->others != NULL && waited > QUIET)
        g_ptr_array_add (server->others, emit (fixture));
      ring (fixture);
    }

  return waited;
}

static void
assert_undeliverable (Fixture    *fixture,
                      const char *event_id)
{
  g_autoptr (LampRow) row = get_row (fixture, event_id);

  g_assert_cmpstr (lamp_status_to_string (row->status), ==, "failed");
  g_assert_cmpstr (row->error_code, ==, "undeliverable");
  g_assert_cmpuint (row->retry_count, ==, 1);
  g_assert_cmpint (row->last_retry_at, >, 0);
  g_assert_true (g_str_has_prefix (row->error_message, "the server answers other events"));
}

/* Each arrived once, or is a culprit. */
static void
assert_fates (Server    *server,
              GPtrArray *ids,
              gboolean   in_order)
{
  GPtrArray *taken = lamp_transport_dummy_get_taken (server->fixture->transport);
  guint n_taken = 0;

  for (guint i = 0; i < ids->len; i++)
    {
      if (g_hash_table_contains (server->culprits, ids->pdata[i]))
        {
          assert_undeliverable (server->fixture, ids->pdata[i]);
          continue;
        }

      assert_delivered (server->fixture, ids->pdata[i]);
      if (in_order)
        g_assert_cmpstr (taken->pdata[n_taken], ==, ids->pdata[i]);
      n_taken++;
    }

  g_assert_cmpuint (taken->len, ==, n_taken);
}

/* --- who is at fault ---------------------------------------------------- */

/* First, last, in the middle: everything else arrives, once and in order. */
static void
test_finds_culprit (Fixture      *fixture,
                    gconstpointer data)
{
  guint index = GPOINTER_TO_UINT (data);
  g_autoptr (GPtrArray) ids = emit_many (fixture, 8);
  Server server;

  server_init (&server, fixture);
  choose_culprit (&server, ids, index);
  start (fixture);
  for (guint i = 0; i < 3; i++)
    {
      assert_batches (fixture, i + 1);
      assert_size (fixture, i, 8);
      assert_backoff (fixture, ((gint64) 1 << i) * SECOND);
      assert_untouched (fixture, ids->pdata[index]);
      ring (fixture);
    }
  assert_size (fixture, 3, 8);
  assert_size (fixture, 4, 1);
  ring_until_empty (&server);
  assert_fates (&server, ids, TRUE);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
  server_clear (&server);
}

static void
test_finds_culprits (Fixture      *fixture,
                     gconstpointer data)
{
  gint64 longest = 0;

  start (fixture);
  for (guint seed = 0; seed < N_ISOLATIONS; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      guint n = (guint) g_rand_int_range (random, 2, 120);
      g_autoptr (GPtrArray) ids = emit_many (fixture, n);
      guint k = (guint) g_rand_int_range (random, 0, (gint32) MIN (n / 2, 3) + 1);
      Server server;
      gint64 waited;

      g_test_message ("seed %u: %u of %u", seed, k, n);
      g_ptr_array_set_size (lamp_transport_dummy_get_taken (fixture->transport), 0);
      server_init (&server, fixture);
      while (g_hash_table_size (server.culprits) < k)
        choose_culprit (&server, ids, (guint) g_rand_int_range (random, 0, (gint32) n));
      go (fixture);
      waited = ring_until_empty (&server);
      longest = MAX (longest, waited);
      g_test_message ("%d s", (int) (waited / SECOND));
      assert_fates (&server, ids, k < 2);
      server_clear (&server);
    }

  g_test_message ("%d s at most", (int) (longest / SECOND));
  g_assert_cmpint (longest, <, 180 * SECOND);
}

/* Whatever the moment: nobody is failed for it. */
static void
test_outages_harm_nobody (Fixture      *fixture,
                          gconstpointer data)
{
  start (fixture);
  for (guint seed = 0; seed < N_OUTAGES; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      guint n = (guint) g_rand_int_range (random, 5, 40);
      g_autoptr (GPtrArray) ids = emit_many (fixture, n);
      guint k = (guint) g_rand_int_range (random, 0, 3);
      Server server;

      g_test_message ("seed %u", seed);
      g_ptr_array_set_size (lamp_transport_dummy_get_taken (fixture->transport), 0);
      server_init (&server, fixture);
      while (g_hash_table_size (server.culprits) < k)
        choose_culprit (&server, ids, (guint) g_rand_int_range (random, 0, (gint32) n));
      server.random = g_rand_new_with_seed (seed);
      server.outage = (guint) g_rand_int_range (random, 0, 12);
      server.others = ids;
      go (fixture);
      ring_until_empty (&server);
      assert_fates (&server, ids, FALSE);
      set_health (fixture, ONLINE);
      server_clear (&server);
    }
}

/* There is nothing to compare it with. */
static void
test_lone_event_stays (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 1);
  g_autofree char *other = NULL;
  Server server;

  server_init (&server, fixture);
  choose_culprit (&server, ids, 0);
  start (fixture);
  for (guint i = 0; i < 30; i++)
    {
      assert_untouched (fixture, ids->pdata[0]);
      assert_state (fixture, LAMP_STATE_WAITING);
      g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), >, 0);
      ring (fixture);
    }

  other = emit (fixture);
  ring_until_empty (&server);
  assert_delivered (fixture, other);
  assert_undeliverable (fixture, ids->pdata[0]);
  server_clear (&server);
}

/* The backoff is the server's: where nothing has got through for long, an event that is looked at
 * more closely is no reason to ask more often, nor is it one that it is failed. */
static void
test_backoff_is_kept (Fixture      *fixture,
                      gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 2);
  Server server;

  server_init (&server, fixture);
  choose_culprit (&server, ids, 0);
  server.is_mute = TRUE;
  start (fixture);
  while (lamp_timer_dummy_get_delay (fixture->timer) < 300 * SECOND)
    ring (fixture);
  assert_delivered (fixture, ids->pdata[1]);
  assert_untouched (fixture, ids->pdata[0]);

  /* It tells its errors from now on, and takes nothing at all. */
  server.is_mute = FALSE;
  server.is_broken = TRUE;
  emit_some (fixture, 3);
  while (lamp_queue_get_tally (fixture->queue)->failed == 0)
    {
      ring (fixture);
      assert_backoff (fixture, 300 * SECOND);
    }
  assert_undeliverable (fixture, ids->pdata[0]);

  server.is_broken = FALSE;
  ring_until_empty (&server);
  assert_state (fixture, LAMP_STATE_IDLE);
  server_clear (&server);
}

/* A round is a probe, and one event only if the server is well; or one event, and another, where
 * the probes were in vain. */
static void
test_rounds (Fixture      *fixture,
             gconstpointer data)
{
  guint batches;
  guint probes;

  emit_some (fixture, 5);
  lamp_replay_set_max_retries (fixture->replay, 0);
  lamp_transport_dummy_set_judge (fixture->transport, judge_away, NULL);
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_batches (fixture->transport) == 1);
  set_health (fixture, AWAY);
  rest (fixture);
  assert_batches (fixture, 1);
  assert_state (fixture, LAMP_STATE_OFFLINE);
  assert_backoff (fixture, SECOND);

  probes = lamp_transport_dummy_get_n_probes (fixture->transport);
  for (guint i = 1; i < 12; i++)
    {
      gboolean scouts = i > 3 && i % 2 == 0;

      ring (fixture);
      assert_state (fixture, LAMP_STATE_OFFLINE);
      assert_backoff (fixture, MIN ((gint64) 1 << i, 300) * SECOND);
      probes += scouts ? 0 : 1;
      g_assert_cmpuint (lamp_transport_dummy_get_n_probes (fixture->transport), ==, probes);
    }

  /* Well, and yet no answer. */
  batches = lamp_transport_dummy_get_n_batches (fixture->transport);
  g_assert_cmpuint (batches, <=, 1 + 5 * 2);
  set_health (fixture, ONLINE);
  ring (fixture);
  ring (fixture);
  g_assert_cmpuint (lamp_transport_dummy_get_n_batches (fixture->transport), ==, batches + 3);
  for (guint i = 1; i < batches + 3; i++)
    assert_size (fixture, i, 1);
  assert_state (fixture, LAMP_STATE_WAITING);
  assert_pending (fixture, 5);

  lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);
  ring (fixture);
  assert_batches (fixture, batches + 5);
  assert_size (fixture, batches + 3, 1);
  assert_size (fixture, batches + 4, 4);
  assert_pending (fixture, 0);
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* --- a server whose health nobody hears of ------------------------------ */

/* The line is too slow for a probe, or the probe ends elsewhere. */
static void
test_no_health (Fixture      *fixture,
                gconstpointer data)
{
  guint probes;

  emit_some (fixture, 5);
  set_health (fixture, GPOINTER_TO_UINT (data));
  start (fixture);
  for (guint i = 0; i < 3 && data == GUINT_TO_POINTER (AWAY); i++)
    {
      assert_batches (fixture, 0);
      assert_state (fixture, LAMP_STATE_OFFLINE);
      ring (fixture);
    }

  assert_pending (fixture, 0);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
  g_assert_true (lamp_replay_get_online (fixture->replay));

  /* It is known from now on, and goes on being so after each probe in vain. */
  for (guint i = 0; i < 3; i++)
    {
      probes = lamp_transport_dummy_get_n_probes (fixture->transport);
      emit_some (fixture, 1);
      go (fixture);
      assert_pending (fixture, 0);
      g_assert_cmpuint (lamp_transport_dummy_get_n_probes (fixture->transport), ==, probes);
      advance (fixture, 300 * SECOND);
      assert_state (fixture, LAMP_STATE_OFFLINE);
    }
}

/* The same, and an outage, and one event at fault: all others arrive, and it is found as soon as
 * others speak against it. */
static void
test_no_health_and_culprit (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 30);
  guint index = GPOINTER_TO_UINT (data);
  Server server;
  gint64 waited;

  server_init (&server, fixture);
  choose_culprit (&server, ids, index);
  server.has_no_health = TRUE;
  server.others = ids;
  server.back = lamp_timer_get_time (LAMP_TIMER (fixture->timer)) + 100 * SECOND;
  set_health (fixture, AWAY);
  start (fixture);
  waited = ring_until_empty (&server);
  g_test_message ("%d s, %u batches", (int) (waited / SECOND),
                  lamp_transport_dummy_get_n_batches (fixture->transport));
  assert_fates (&server, ids, FALSE);
  g_assert_cmpuint (lamp_transport_dummy_get_n_batches (fixture->transport), <=, 100);
  server_clear (&server);
}

/* A network that comes and goes is no reason to send what the probe is there for. */
static void
test_hint_asks_health (Fixture      *fixture,
                       gconstpointer data)
{
  emit_some (fixture, 2);
  set_health (fixture, AWAY);
  start (fixture);
  for (guint i = 0; i < 2; i++)
    ring (fixture);
  for (guint i = 0; i < 20; i++)
    {
      advance (fixture, 2 * SECOND);
      lamp_network_changed (fixture->network);
      rest (fixture);
    }

  assert_batches (fixture, 0);
  for (guint i = 0; i < 2; i++)
    ring (fixture);
  assert_pending (fixture, 0);
}

/* --- it can't be recorded ----------------------------------------------- */

/* Returns how many batches were sent until the culprit was found. */
static guint
convict (Fixture *fixture,
         guint    fault_at,
         gboolean locked)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 4);
  Server server;
  guint n_batches;

  server_init (&server, fixture);
  choose_culprit (&server, ids, 1);
  server.fault_at = fault_at;
  server.locked = locked;
  go (fixture);
  while (server.n_batches < fault_at)
    ring (fixture);

  /* Nothing is lost by it, nobody is blamed for it, and it is told. */
  if (fault_at > 0)
    {
      g_test_message ("%u: %s", fault_at, lamp_replay_get_last_error (fixture->replay));
      g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), >, 0);
      assert_untouched (fixture, ids->pdata[1]);
      mend_disk (&server);
    }

  ring_until_empty (&server);
  for (guint i = 0; i < ids->len; i++)
    if (i == 1)
      assert_undeliverable (fixture, ids->pdata[i]);
    else
      assert_delivered (fixture, ids->pdata[i]);

  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
  n_batches = server.n_batches;
  server_clear (&server);

  return n_batches;
}

/* The disk is full at any moment, also when the culprit is to be failed. */
static void
test_full_disk (Fixture      *fixture,
                gconstpointer data)
{
  guint n_batches;

  mishaps = TRUE;
  start (fixture);
  n_batches = convict (fixture, 0, FALSE);
  g_test_message ("%u batches", n_batches);
  for (guint fault_at = 1; fault_at <= n_batches; fault_at++)
    convict (fixture, fault_at, FALSE);
  mishaps = FALSE;
}

/* Just when the culprit is to be failed. */
static void
test_locked (Fixture      *fixture,
             gconstpointer data)
{
  guint n_batches;

  mishaps = TRUE;
  start (fixture);
  n_batches = convict (fixture, 0, FALSE);
  convict (fixture, n_batches, TRUE);
  mishaps = FALSE;
}

/* --- the whole batch is failed ------------------------------------------ */

static void
test_exhausted_is_failed (Fixture      *fixture,
                          gconstpointer data)
{
  LampOutcomeKind kind = GPOINTER_TO_UINT (data);
  g_autoptr (GPtrArray) ids = emit_many (fixture, 3);
  g_autofree char *next = NULL;
  g_autofree char *message =
    g_strdup_printf ("the batch with this event got no answer in all its tries: outcome %d", kind);

  lamp_replay_set_on_exhausted (fixture->replay, LAMP_ON_EXHAUSTED_FAIL);
  for (guint i = 0; i < 4; i++)
    push (fixture, kind);
  start (fixture);
  next = emit (fixture);
  ring (fixture);
  ring (fixture);
  assert_untouched (fixture, ids->pdata[0]);
  ring (fixture);
  for (guint i = 0; i < 3; i++)
    assert_failed (fixture, ids->pdata[i], "exhausted", message);
  assert_delivered (fixture, next);
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* One that comes back to its place after some tries isn't failed for all of them. */
static void
test_exhausted_spares_latecomer (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 3);
  g_autofree char *take = g_strdup_printf (
    "CREATE TEMP TABLE taken AS SELECT * FROM queue WHERE event_id = '%s';"
    "DELETE FROM queue WHERE id = (SELECT id FROM taken)",
    (char *) ids->pdata[1]);

  lamp_replay_set_on_exhausted (fixture->replay, LAMP_ON_EXHAUSTED_FAIL);
  lamp_test_db_run (fixture->db, take);
  look (fixture);
  for (guint i = 0; i < 4; i++)
    push (fixture, LAMP_OUTCOME_SERVER_ERROR);
  start (fixture);
  assert_size (fixture, 0, 2);
  lamp_test_db_run (fixture->db, "INSERT INTO queue SELECT * FROM taken");
  look (fixture);
  for (guint i = 0; i < 3; i++)
    ring (fixture);
  assert_size (fixture, 3, 3);
  assert_failed (fixture, ids->pdata[0], "exhausted",
                 "the batch with this event got no answer in all its tries: outcome 3");
  assert_failed (fixture, ids->pdata[2], "exhausted",
                 "the batch with this event got no answer in all its tries: outcome 3");
  assert_delivered (fixture, ids->pdata[1]);
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* The program ends, or is paused, while the last try is under way. */
static void
test_ends_before_exhausted (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree char *id = emit (fixture);

  lamp_replay_set_on_exhausted (fixture->replay, LAMP_ON_EXHAUSTED_FAIL);
  for (guint i = 0; i < 4; i++)
    push (fixture, AWAY);
  start (fixture);
  ring (fixture);
  ring (fixture);
  hold (fixture);
  ring (fixture);
  assert_batches (fixture, 4);
  if (GPOINTER_TO_INT (data))
    stop (fixture);
  else
    lamp_replay_set_paused (fixture->replay, TRUE);
  fixture->holding = FALSE;
  lamp_transport_dummy_release (fixture->transport);
  lamp_test_wait_until (lamp_replay_get_state (fixture->replay) != LAMP_STATE_REPLAYING &&
                        (fixture->stopped != NULL) == GPOINTER_TO_INT (data));
  rest (fixture);
  assert_untouched (fixture, id);
}

/* Being offline never counts, whatever the setting. */
static void
test_offline_is_not_failed (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 3);

  lamp_replay_set_on_exhausted (fixture->replay, LAMP_ON_EXHAUSTED_FAIL);
  lamp_transport_dummy_set_judge (fixture->transport, judge_away, NULL);
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_batches (fixture->transport) == 1);
  set_health (fixture, AWAY);
  rest (fixture);
  for (guint i = 0; i < 20; i++)
    ring (fixture);
  for (guint i = 0; i < 3; i++)
    assert_untouched (fixture, ids->pdata[i]);
  assert_state (fixture, LAMP_STATE_OFFLINE);

  /* The batch is not sent as a whole while nobody is there. */
  g_assert_cmpuint (lamp_transport_dummy_get_n_batches (fixture->transport), <=, 12);
  for (guint i = 4; i < lamp_transport_dummy_get_n_batches (fixture->transport); i++)
    assert_size (fixture, i, 1);

  lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);
  set_health (fixture, ONLINE);
  ring (fixture);
  assert_delivered (fixture, ids->pdata[2]);
}

/* --- several in flight -------------------------------------------------- */

static void
test_several_in_flight (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GPtrArray) ids = NULL;

  start (fixture);
  lamp_replay_set_batch (fixture->replay, 2, 512 * 1024);
  lamp_replay_set_in_flight (fixture->replay, 4);
  ids = emit_many (fixture, 12);
  hold (fixture);
  go (fixture);
  g_assert_cmpuint (lamp_transport_dummy_get_n_in_flight (fixture->transport), ==, 4);
  release (fixture);
  assert_batches (fixture, 6);
  for (guint i = 0; i < ids->len; i++)
    assert_delivered (fixture, ids->pdata[i]);
  assert_finished (fixture, "12 0 0 \n");
}

/* The others are waited for and recorded; what follows goes one by one, until all is well. */
static void
test_trouble_with_several (Fixture      *fixture,
                           gconstpointer data)
{
  LampOutcomeKind kind = GPOINTER_TO_UINT (data);
  g_autoptr (GPtrArray) ids = NULL;

  start (fixture);
  lamp_replay_set_batch (fixture->replay, 2, 512 * 1024);
  lamp_replay_set_in_flight (fixture->replay, 3);
  ids = emit_many (fixture, 8);
  push (fixture, ONLINE);
  push (fixture, kind);
  push (fixture, ONLINE);
  hold (fixture);
  go (fixture);
  g_assert_cmpuint (lamp_transport_dummy_get_n_in_flight (fixture->transport), ==, 3);
  release (fixture);
  while (lamp_queue_get_tally (fixture->queue)->pending > 0)
    ring (fixture);
  for (guint i = 0; i < ids->len; i++)
    assert_delivered (fixture, ids->pdata[i]);
  g_assert_cmpuint (lamp_transport_dummy_get_taken (fixture->transport)->len, ==, 8);
}

static void
test_stop_with_several (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GPtrArray) ids = NULL;

  start (fixture);
  lamp_replay_set_batch (fixture->replay, 1, 512 * 1024);
  lamp_replay_set_in_flight (fixture->replay, 2);
  ids = emit_many (fixture, 4);
  hold (fixture);
  go (fixture);
  lamp_replay_stop_async (fixture->replay, lamp_test_result_cb, &fixture->stopped);
  fixture->stopping = TRUE;
  fixture->holding = FALSE;
  lamp_transport_dummy_release (fixture->transport);
  lamp_test_wait_until (fixture->stopped != NULL);
  assert_delivered (fixture, ids->pdata[0]);
  assert_delivered (fixture, ids->pdata[1]);
  assert_untouched (fixture, ids->pdata[2]);
  assert_batches (fixture, 2);
}

static void
test_pause_with_several (Fixture      *fixture,
                         gconstpointer data)
{
  g_autoptr (GPtrArray) ids = NULL;

  start (fixture);
  lamp_replay_set_batch (fixture->replay, 1, 512 * 1024);
  lamp_replay_set_in_flight (fixture->replay, 2);
  ids = emit_many (fixture, 4);
  hold (fixture);
  go (fixture);
  lamp_replay_set_paused (fixture->replay, TRUE);
  release (fixture);
  assert_pending (fixture, 2);
  assert_batches (fixture, 2);
  assert_finished (fixture, "2 0 2 Replay was paused\n");
  lamp_replay_set_paused (fixture->replay, FALSE);
  rest (fixture);
  assert_pending (fixture, 0);
  g_assert_cmpuint (lamp_transport_dummy_get_taken (fixture->transport)->len, ==, 4);
}

static LampOutcome *
judge_by_chance (LampBatch *batch,
                 gpointer   user_data)
{
  static const LampOutcomeKind kinds[] = { LAMP_OUTCOME_NO_ANSWER,    LAMP_OUTCOME_REFUSED,
                                           LAMP_OUTCOME_UNAUTHORIZED, LAMP_OUTCOME_TOO_LARGE,
                                           LAMP_OUTCOME_THROTTLED,    LAMP_OUTCOME_SERVER_ERROR };
  GRand *random = user_data;
  guint size = lamp_batch_get_size (batch);

  /* What is alone is taken: nothing is to be failed here. */
  if (size == 1 || g_rand_int_range (random, 0, 3) > 0)
    return NULL;

  return lamp_outcome_new (kinds[g_rand_int_range (random, 0, G_N_ELEMENTS (kinds))], size);
}

/* Nothing is lost and nothing sent twice, whatever comes back in which order. */
static void
test_several_by_chance (Fixture      *fixture,
                        gconstpointer data)
{
  start (fixture);
  for (guint seed = 0; seed < N_FLIGHTS; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      g_autoptr (GPtrArray) ids = NULL;

      g_test_message ("seed %u", seed);
      g_ptr_array_set_size (lamp_transport_dummy_get_taken (fixture->transport), 0);
      lamp_replay_set_batch (fixture->replay, 2 + (guint) g_rand_int_range (random, 0, 5),
                             512 * 1024);
      lamp_replay_set_in_flight (fixture->replay, 1 + (guint) g_rand_int_range (random, 0, 4));
      lamp_transport_dummy_set_judge (fixture->transport, judge_by_chance, random);
      ids = emit_many (fixture, 40);
      go (fixture);
      while (lamp_queue_get_tally (fixture->queue)->pending > 0)
        ring (fixture);
      for (guint i = 0; i < ids->len; i++)
        assert_delivered (fixture, ids->pdata[i]);
      g_assert_cmpuint (lamp_transport_dummy_get_taken (fixture->transport)->len, ==, 40);
      lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);
      lamp_replay_server_changed (fixture->replay);
      rest (fixture);
    }
}

/* --- another server ----------------------------------------------------- */

static void
set_server (Fixture    *fixture,
            const char *origin)
{
  lamp_transport_dummy_set_origin (fixture->transport, origin);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
}

/* One event was taken here, and one waits. */
static char *
make_history (Fixture *fixture)
{
  emit_some (fixture, 1);
  start (fixture);
  push (fixture, LAMP_OUTCOME_UNAUTHORIZED);

  return emit (fixture);
}

static void
assert_asks (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  assert_state (fixture, LAMP_STATE_PAUSED);
  g_assert_true (lamp_replay_get_paused (fixture->replay));
  g_assert_nonnull (strstr (lamp_replay_get_last_error (fixture->replay), HERE));
  g_assert_nonnull (strstr (lamp_replay_get_last_error (fixture->replay), ELSEWHERE));
  g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), ==, 0);
  g_assert_false (lamp_replay_now (fixture->replay, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_PAUSED);
  g_assert_nonnull (strstr (error->message, ELSEWHERE));
}

static void
test_asks_before_new_server (Fixture      *fixture,
                             gconstpointer data)
{
  g_autofree char *id = make_history (fixture);

  go (fixture);
  assert_batches (fixture, 2);
  set_server (fixture, ELSEWHERE);
  assert_asks (fixture);
  lamp_network_changed (fixture->network);
  advance (fixture, LONG);
  assert_batches (fixture, 2);
  assert_untouched (fixture, id);

  /* It is the consent, though nobody has paused. */
  lamp_replay_set_paused (fixture->replay, FALSE);
  rest (fixture);
  assert_delivered (fixture, id);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
  g_assert_false (lamp_replay_get_paused (fixture->replay));
}

static void
test_old_server_again (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *id = make_history (fixture);

  go (fixture);
  set_server (fixture, ELSEWHERE);
  assert_asks (fixture);
  set_server (fixture, HERE);
  assert_delivered (fixture, id);
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* Nothing waits: the new one is used, also for what comes later. */
static void
test_new_server_of_empty_queue (Fixture      *fixture,
                                gconstpointer data)
{
  g_autofree char *id = NULL;

  emit_some (fixture, 1);
  start (fixture);
  set_server (fixture, ELSEWHERE);
  assert_state (fixture, LAMP_STATE_IDLE);
  id = emit (fixture);
  go (fixture);
  assert_delivered (fixture, id);
}

/* What waited goes another way. */
static void
test_question_is_void (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *late = NULL;

  g_free (make_history (fixture));
  go (fixture);
  set_server (fixture, ELSEWHERE);
  assert_asks (fixture);
  lamp_test_db_run (fixture->db, "DELETE FROM queue");
  look (fixture);
  rest (fixture);
  assert_state (fixture, LAMP_STATE_IDLE);
  late = emit (fixture);
  go (fixture);
  assert_delivered (fixture, late);
}

/* The address changes while a batch is under way: its answer is recorded, and if it has none,
 * nothing is sent to the new one. */
static void
test_new_server_in_flight (Fixture      *fixture,
                           gconstpointer data)
{
  LampOutcomeKind kind = GPOINTER_TO_UINT (data);
  g_autoptr (GPtrArray) ids = NULL;

  emit_some (fixture, 1);
  start (fixture);
  lamp_replay_set_batch (fixture->replay, 1, 512 * 1024);
  lamp_replay_set_in_flight (fixture->replay, 2);
  ids = emit_many (fixture, 3);
  push (fixture, ONLINE);
  push (fixture, kind);
  hold (fixture);
  go (fixture);
  assert_batches (fixture, 3);
  lamp_transport_dummy_set_origin (fixture->transport, ELSEWHERE);
  lamp_replay_server_changed (fixture->replay);
  release (fixture);
  assert_delivered (fixture, ids->pdata[0]);
  assert_asks (fixture);
  assert_batches (fixture, 3);
  assert_untouched (fixture, ids->pdata[2]);

  lamp_replay_set_paused (fixture->replay, FALSE);
  rest (fixture);
  assert_pending (fixture, 0);
}

/* The very first batch of all is under way while the address changes: whom the other events were
 * meant for is only known when it is taken. */
static void
test_first_batch_in_flight (Fixture      *fixture,
                            gconstpointer data)
{
  guint n_flights = GPOINTER_TO_UINT (data);
  g_autoptr (GPtrArray) ids = NULL;

  start (fixture);
  lamp_replay_set_batch (fixture->replay, 1, 512 * 1024);
  lamp_replay_set_in_flight (fixture->replay, n_flights);
  ids = emit_many (fixture, 3);
  hold (fixture);
  go (fixture);
  assert_batches (fixture, n_flights);
  lamp_transport_dummy_set_origin (fixture->transport, ELSEWHERE);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  release (fixture);
  assert_delivered (fixture, ids->pdata[0]);
  assert_asks (fixture);
  assert_batches (fixture, n_flights);
  assert_untouched (fixture, ids->pdata[2]);
}

/* Whoever lets replay go on after the address was changed means the new one, also before it was
 * found out that there is something to ask; and nothing is sent before that. */
static void
test_agrees_before_being_asked (Fixture      *fixture,
                                gconstpointer data)
{
  gboolean was_paused = GPOINTER_TO_INT (data);
  g_autofree char *id = make_history (fixture);
  guint batches;

  go (fixture);
  lamp_replay_set_paused (fixture->replay, was_paused);
  rest (fixture);
  batches = lamp_transport_dummy_get_n_batches (fixture->transport);
  lamp_transport_dummy_set_origin (fixture->transport, ELSEWHERE);
  lamp_replay_server_changed (fixture->replay);
  lamp_replay_set_paused (fixture->replay, FALSE);
  assert_batches (fixture, batches);
  rest (fixture);
  g_assert_false (lamp_replay_get_paused (fixture->replay));
  assert_delivered (fixture, id);
}

/* The address was changed while a batch was under way, and a person has paused meanwhile. */
static void
test_agrees_after_flight (Fixture      *fixture,
                          gconstpointer data)
{
  gboolean is_early = GPOINTER_TO_INT (data);
  g_autofree char *id = make_history (fixture);

  hold (fixture);
  go (fixture);
  lamp_replay_set_paused (fixture->replay, TRUE);
  lamp_transport_dummy_set_origin (fixture->transport, ELSEWHERE);
  lamp_replay_server_changed (fixture->replay);
  if (is_early)
    lamp_replay_set_paused (fixture->replay, FALSE);
  release (fixture);
  if (!is_early)
    {
      g_assert_nonnull (strstr (lamp_replay_get_last_error (fixture->replay), ELSEWHERE));
      assert_untouched (fixture, id);
      lamp_replay_set_paused (fixture->replay, FALSE);
      rest (fixture);
    }

  g_assert_false (lamp_replay_get_paused (fixture->replay));
  assert_delivered (fixture, id);
}

/* It was said of one server, and the next is another one; or it was said before. */
static void
test_agrees_to_that_one_only (Fixture      *fixture,
                              gconstpointer data)
{
  gboolean before = GPOINTER_TO_INT (data);
  g_autofree char *id = make_history (fixture);
  guint batches;

  go (fixture);
  batches = lamp_transport_dummy_get_n_batches (fixture->transport);
  if (!before)
    {
      lamp_transport_dummy_set_origin (fixture->transport, "https://third.example.org");
      lamp_replay_server_changed (fixture->replay);
    }
  lamp_replay_set_paused (fixture->replay, FALSE);
  lamp_transport_dummy_set_origin (fixture->transport, ELSEWHERE);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  assert_asks (fixture);
  assert_batches (fixture, batches);
  assert_untouched (fixture, id);
}

/* The question, and the answer, outlive the program. */
static void
test_question_survives_restart (Fixture      *fixture,
                                gconstpointer data)
{
  gboolean answered = GPOINTER_TO_INT (data);
  g_autofree char *id = make_history (fixture);

  go (fixture);
  set_server (fixture, ELSEWHERE);
  assert_asks (fixture);
  if (answered)
    {
      push (fixture, LAMP_OUTCOME_UNAUTHORIZED);
      lamp_replay_set_paused (fixture->replay, FALSE);
      rest (fixture);
    }

  stop (fixture);
  fixture->stopping = FALSE;
  g_clear_object (&fixture->stopped);
  g_assert_finalize_object (fixture->replay);
  fixture->replay = lamp_replay_new (fixture->queue, LAMP_TRANSPORT (fixture->transport),
                                     LAMP_TIMER (fixture->timer), fixture->network);
  lamp_replay_set_paused (fixture->replay, FALSE);
  lamp_replay_prepare (fixture->replay);
  g_assert_true (lamp_replay_get_paused (fixture->replay) != answered);
  start (fixture);
  if (answered)
    assert_delivered (fixture, id);
  else
    assert_asks (fixture);
}

/* --- what the server says of itself ------------------------------------- */

static void
test_clamps_retry_after (Fixture      *fixture,
                         gconstpointer data)
{
  LampLimits limits = { .retry_after_min = 30 * SECOND };

  emit_some (fixture, 1);
  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  push (fixture, LAMP_OUTCOME_THROTTLED);
  start (fixture);
  assert_next_retry (fixture, 30 * SECOND);

  limits = (LampLimits){ .retry_after_max = 3 * SECOND };
  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  push (fixture, LAMP_OUTCOME_THROTTLED);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  assert_next_retry (fixture, 3 * SECOND);

  limits = (LampLimits){ .retry_after_min = 7200 * SECOND };
  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  push (fixture, LAMP_OUTCOME_THROTTLED);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  assert_next_retry (fixture, 3600 * SECOND);
}

/* It wants to be left alone: one batch, once, when a person asks. */
static void
test_throttled_sends_one_batch (Fixture      *fixture,
                                gconstpointer data)
{
  emit_some (fixture, 6);
  lamp_replay_set_batch (fixture->replay, 2, 512 * 1024);
  push (fixture, LAMP_OUTCOME_THROTTLED);
  start (fixture);
  assert_state (fixture, LAMP_STATE_THROTTLED);
  assert_pending (fixture, 6);
  lamp_replay_set_in_flight (fixture->replay, 4);
  advance (fixture, SECOND);

  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  assert_state (fixture, LAMP_STATE_THROTTLED);
  assert_pending (fixture, 4);
  assert_next_retry (fixture, THROTTLED - SECOND);

  push (fixture, LAMP_OUTCOME_THROTTLED);
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  assert_next_retry (fixture, THROTTLED);
  advance (fixture, THROTTLED);
  assert_pending (fixture, 0);
}

/* That it took all there was doesn't end the wait: what comes later is left alone. Nor does it if
 * that batch gets no answer, or a person pauses meanwhile. */
static void
test_throttled_goes_on (Fixture      *fixture,
                        gconstpointer data)
{
  guint how = GPOINTER_TO_UINT (data);
  guint batches;

  emit_some (fixture, 1);
  push (fixture, LAMP_OUTCOME_THROTTLED);
  start (fixture);
  if (how == 1)
    push (fixture, LAMP_OUTCOME_SERVER_ERROR);
  if (how == 2)
    hold (fixture);
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  if (how == 2)
    {
      lamp_replay_set_paused (fixture->replay, TRUE);
      release (fixture);
      lamp_replay_set_paused (fixture->replay, FALSE);
      rest (fixture);
    }
  assert_state (fixture, LAMP_STATE_THROTTLED);
  assert_pending (fixture, how == 1);

  batches = lamp_transport_dummy_get_n_batches (fixture->transport);
  emit_some (fixture, 1);
  rest (fixture);
  assert_next_retry (fixture, THROTTLED);
  advance (fixture, THROTTLED - SECOND);
  assert_batches (fixture, batches);
  advance (fixture, SECOND);
  assert_pending (fixture, 0);
}

/* A small limit is no reason to fail an event that nobody has judged. */
static void
test_long_event_goes_alone (Fixture      *fixture,
                            gconstpointer data)
{
  LampLimits limits = { .max_bytes = 10 };
  g_autoptr (GPtrArray) ids = emit_many (fixture, 2);

  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  lamp_replay_set_batch (fixture->replay, 100, 20);
  push (fixture, ONLINE);
  push (fixture, LAMP_OUTCOME_TOO_LARGE);
  start (fixture);
  assert_size (fixture, 0, 1);
  assert_delivered (fixture, ids->pdata[0]);
  assert_failed (fixture, ids->pdata[1], "oversized", "outcome 6");
}

/* --- a storm ------------------------------------------------------------ */

static guint
count_requests (Fixture *fixture)
{
  return lamp_transport_dummy_get_n_probes (fixture->transport) +
         lamp_transport_dummy_get_n_batches (fixture->transport);
}

/* The server is away, the network comes and goes, events come, and somebody keeps looking. */
static void
test_no_storm (Fixture      *fixture,
               gconstpointer data)
{
  guint before;

  lamp_replay_set_on_exhausted (fixture->replay, GPOINTER_TO_UINT (data));
  start (fixture);
  emit_some (fixture, 3);
  lamp_transport_dummy_set_judge (fixture->transport, judge_away, NULL);
  set_health (fixture, AWAY);
  before = count_requests (fixture);
  for (guint i = 1; i <= 1800; i++)
    {
      advance (fixture, SECOND);
      lamp_network_changed (fixture->network);
      rest (fixture);
      if (i % 20 == 0)
        emit_some (fixture, 1);
      if (i % 7 == 0)
        lamp_replay_probe (fixture->replay);
      rest (fixture);

      if (i == 60)
        g_assert_cmpuint (count_requests (fixture) - before, <=, 20);
      if (i == 600)
        before = count_requests (fixture);
      if (i > 600 && i % 60 == 0)
        {
          g_assert_cmpuint (count_requests (fixture) - before, <=, 1);
          before = count_requests (fixture);
        }
      g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), >, 0);
    }

  /* A person is always obeyed. */
  before = count_requests (fixture);
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  g_assert_cmpuint (count_requests (fixture), >, before);
}

int
main (int    argc,
      char **argv)
{
  const struct
  {
    const char *path;
    void (*test) (Fixture *fixture, gconstpointer data);
    gconstpointer data;
  } cases[] = {
    { "isolation/first", test_finds_culprit, GUINT_TO_POINTER (0) },
    { "isolation/second", test_finds_culprit, GUINT_TO_POINTER (1) },
    { "isolation/middle", test_finds_culprit, GUINT_TO_POINTER (4) },
    { "isolation/last", test_finds_culprit, GUINT_TO_POINTER (7) },
    { "isolation/several", test_finds_culprits, NULL },
    { "isolation/outages-harm-nobody", test_outages_harm_nobody, NULL },
    { "isolation/lone-event-stays", test_lone_event_stays, NULL },
    { "isolation/backoff-is-kept", test_backoff_is_kept, NULL },
    { "isolation/rounds", test_rounds, NULL },
    { "no-health/no-answer", test_no_health, GUINT_TO_POINTER (AWAY) },
    { "no-health/server-error", test_no_health, GUINT_TO_POINTER (LAMP_OUTCOME_SERVER_ERROR) },
    { "no-health/first-is-culprit", test_no_health_and_culprit, GUINT_TO_POINTER (0) },
    { "no-health/other-is-culprit", test_no_health_and_culprit, GUINT_TO_POINTER (17) },
    { "no-health/last-is-culprit", test_no_health_and_culprit, GUINT_TO_POINTER (29) },
    { "no-health/hint", test_hint_asks_health, NULL },
    { "exhausted/server-error", test_exhausted_is_failed,
      GUINT_TO_POINTER (LAMP_OUTCOME_SERVER_ERROR) },
    { "exhausted/no-answer", test_exhausted_is_failed, GUINT_TO_POINTER (LAMP_OUTCOME_NO_ANSWER) },
    { "exhausted/not-one-that-came-late", test_exhausted_spares_latecomer, NULL },
    { "exhausted/not-while-it-ends", test_ends_before_exhausted, GINT_TO_POINTER (TRUE) },
    { "exhausted/not-while-paused", test_ends_before_exhausted, NULL },
    { "exhausted/offline-does-not-count", test_offline_is_not_failed, NULL },
    { "in-flight/several", test_several_in_flight, NULL },
    { "in-flight/no-answer", test_trouble_with_several, GUINT_TO_POINTER (LAMP_OUTCOME_NO_ANSWER) },
    { "in-flight/refused", test_trouble_with_several, GUINT_TO_POINTER (LAMP_OUTCOME_REFUSED) },
    { "in-flight/too-large", test_trouble_with_several, GUINT_TO_POINTER (LAMP_OUTCOME_TOO_LARGE) },
    { "in-flight/throttled", test_trouble_with_several, GUINT_TO_POINTER (LAMP_OUTCOME_THROTTLED) },
    { "in-flight/unauthorized", test_trouble_with_several,
      GUINT_TO_POINTER (LAMP_OUTCOME_UNAUTHORIZED) },
    { "in-flight/stop", test_stop_with_several, NULL },
    { "in-flight/pause", test_pause_with_several, NULL },
    { "in-flight/by-chance", test_several_by_chance, NULL },
    { "consent/is-asked-for", test_asks_before_new_server, NULL },
    { "consent/old-server-again", test_old_server_again, NULL },
    { "consent/not-for-empty-queue", test_new_server_of_empty_queue, NULL },
    { "consent/void-once-nothing-waits", test_question_is_void, NULL },
    { "consent/in-flight-answered", test_new_server_in_flight, GUINT_TO_POINTER (ONLINE) },
    { "consent/in-flight-lost", test_new_server_in_flight, GUINT_TO_POINTER (AWAY) },
    { "consent/first-batch-in-flight", test_first_batch_in_flight, GUINT_TO_POINTER (1) },
    { "consent/first-batches-in-flight", test_first_batch_in_flight, GUINT_TO_POINTER (2) },
    { "consent/agrees-before-being-asked", test_agrees_before_being_asked, NULL },
    { "consent/agrees-and-unpauses", test_agrees_before_being_asked, GINT_TO_POINTER (TRUE) },
    { "consent/agrees-after-flight", test_agrees_after_flight, NULL },
    { "consent/agrees-in-flight", test_agrees_after_flight, GINT_TO_POINTER (TRUE) },
    { "consent/agrees-to-that-one-only", test_agrees_to_that_one_only, NULL },
    { "consent/agreed-before-the-change", test_agrees_to_that_one_only, GINT_TO_POINTER (TRUE) },
    { "consent/question-survives-restart", test_question_survives_restart, NULL },
    { "consent/answer-survives-restart", test_question_survives_restart, GINT_TO_POINTER (TRUE) },
    { "limits/retry-after", test_clamps_retry_after, NULL },
    { "limits/throttled-sends-one-batch", test_throttled_sends_one_batch, NULL },
    { "limits/throttled-goes-on-when-empty", test_throttled_goes_on, NULL },
    { "limits/throttled-goes-on-after-error", test_throttled_goes_on, GUINT_TO_POINTER (1) },
    { "limits/throttled-goes-on-when-paused", test_throttled_goes_on, GUINT_TO_POINTER (2) },
    { "limits/long-event-goes-alone", test_long_event_goes_alone, NULL },
    { "no-storm", test_no_storm, GUINT_TO_POINTER (LAMP_ON_EXHAUSTED_HOLD) },
    { "no-storm-with-fail", test_no_storm, GUINT_TO_POINTER (LAMP_ON_EXHAUSTED_FAIL) },
  };

  /* Thousands of commits: what a power cut leaves of them is not the matter here. */
  if (g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", FALSE);

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
  lamp_fault_vfs_register ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/replay-server/", cases[i].path, NULL);

      g_test_add (path, Fixture, cases[i].data, set_up, cases[i].test, tear_down);
    }

  g_test_add ("/replay-server/disk/full", Fixture, NULL, set_up_faulty, test_full_disk, tear_down);
  g_test_add ("/replay-server/disk/locked", Fixture, NULL, set_up, test_locked, tear_down);

  return g_test_run ();
}
