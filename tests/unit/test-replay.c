/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-replay-fixture.h"

#include <string.h>

#define N_HALVINGS (LAMP_TEST_SANITIZED ? 30 : 100)
#define N_PLACES (LAMP_TEST_SANITIZED ? 4 : 34) /* of an event that is too large, among 100 */
#define N_WALKS (LAMP_TEST_SANITIZED ? 50 : 200)
#define N_WALK_STEPS 150

/* --- events are judged -------------------------------------------------- */

static void
test_accepted (Fixture      *fixture,
               gconstpointer data)
{
  g_autofree char *id = NULL;

  assert_state (fixture, LAMP_STATE_OFFLINE);
  start (fixture);
  assert_state (fixture, LAMP_STATE_IDLE);
  g_assert_true (lamp_replay_get_online (fixture->replay));

  id = emit (fixture);
  go (fixture);
  assert_delivered (fixture, id);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_finished (fixture, "1 0 0 \n");
  assert_error (fixture, "");
}

static void
test_sends_what_waits (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 3);

  assert_batches (fixture, 0);
  g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), ==, -1);
  start (fixture);
  assert_batches (fixture, 1);
  assert_delivered (fixture, ids->pdata[2]);
  assert_state (fixture, LAMP_STATE_IDLE);
}

static void
test_rejected (Fixture      *fixture,
               gconstpointer data)
{
  g_autofree char *good = emit (fixture);
  g_autofree char *bad = emit (fixture);

  push_verdict (fixture, ONLINE, 1, LAMP_VERDICT_REJECTED);
  start (fixture);
  assert_delivered (fixture, good);
  assert_failed (fixture, bad, "code", "words");
  assert_finished (fixture, "1 1 0 \n");
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_batches (fixture, 1);
}

/* Accepted, but not final; or not named while others are. */
static void
test_undecided_waits (Fixture      *fixture,
                      gconstpointer data)
{
  LampVerdictKind verdict = GPOINTER_TO_UINT (data);
  g_autofree char *held = emit (fixture);
  g_autofree char *next = emit (fixture);
  g_autofree char *later = NULL;

  push_verdict (fixture, ONLINE, 0, verdict);
  start (fixture);
  assert_delivered (fixture, next);
  assert_untouched (fixture, held);
  assert_state (fixture, LAMP_STATE_WAITING);
  assert_finished (fixture, "1 0 1 \n");
  assert_next_retry (fixture, 60 * SECOND);

  later = emit (fixture);
  go (fixture);
  assert_delivered (fixture, later);
  assert_batches (fixture, 2);
  assert_size (fixture, 1, 1);
  assert_state (fixture, LAMP_STATE_WAITING);
  assert_next_retry (fixture, 60 * SECOND - GATHER);

  advance (fixture, 60 * SECOND - GATHER);
  assert_batches (fixture, 3);
  assert_delivered (fixture, held);
  assert_state (fixture, LAMP_STATE_IDLE);
}

static LampOutcome *
judge_undecided (LampBatch *batch,
                 gpointer   user_data)
{
  guint size = lamp_batch_get_size (batch);
  LampOutcome *outcome = lamp_outcome_new (ONLINE, size);

  for (guint i = 0; i < size; i++)
    outcome->verdicts[i].kind = LAMP_VERDICT_QUEUED;

  return outcome;
}

/* A server that decides on nothing for a day, and events that came one by one: they go together,
 * ever less often, and each no sooner than after a minute. */
static void
test_undecided_go_together (Fixture      *fixture,
                            gconstpointer data)
{
  guint before;

  start (fixture);
  lamp_transport_dummy_set_judge (fixture->transport, judge_undecided, NULL);
  for (guint i = 0; i < 25; i++)
    {
      emit_some (fixture, 1);
      advance (fixture, SECOND / 5);
    }

  assert_batches (fixture, 25);
  advance (fixture, 55 * SECOND - 1);
  assert_batches (fixture, 25);
  advance (fixture, 10 * SECOND + 1);
  g_assert_cmpuint (lamp_transport_dummy_get_n_batches (fixture->transport), <=, 27);
  assert_pending (fixture, 25);
  for (guint i = 0; i < 60; i++)
    advance (fixture, 60 * SECOND);

  before = lamp_transport_dummy_get_n_batches (fixture->transport);
  g_assert_cmpuint (before, <=, 25 + 2 * 8);
  for (guint i = 0; i < 60; i++)
    advance (fixture, 60 * SECOND);
  g_assert_cmpuint (lamp_transport_dummy_get_n_batches (fixture->transport) - before, <=, 5);
  assert_size (fixture, before, 25);
  g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), <=, 1050 * SECOND);

  lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);
  advance (fixture, 1050 * SECOND);
  assert_pending (fixture, 0);

  /* All that is forgotten with the events. */
  emit_some (fixture, 1);
  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_QUEUED);
  go (fixture);
  advance (fixture, 70 * SECOND);
  assert_pending (fixture, 0);
}

static void
test_probe_keeps_hold (Fixture      *fixture,
                       gconstpointer data)
{
  emit_some (fixture, 1);
  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_QUEUED);
  start (fixture);
  advance (fixture, 10 * SECOND);
  lamp_replay_probe (fixture->replay);
  rest (fixture);
  go (fixture);
  assert_batches (fixture, 1);
  assert_next_retry (fixture, 50 * SECOND - GATHER);

  /* Nothing waits any more when another program takes it. */
  lamp_test_db_run (fixture->db, "DELETE FROM queue");
  advance (fixture, 50 * SECOND);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_batches (fixture, 1);
}

/* What can't be sent at all is failed on the way, and counts. */
static void
test_counts_unfit_rows (Fixture      *fixture,
                        gconstpointer data)
{
  guint64 done;
  guint64 total;

  emit_some (fixture, 2);
  lamp_test_db_run (fixture->db,
                    "INSERT INTO queue (event_id, event_type, data, timestamp) "
                    "VALUES ('a', 'T', '', 1), ('b', 'T', '[]', 1), ('c', 'T', '{}', 1)");
  look (fixture);
  emit_some (fixture, 2);
  lamp_replay_set_batch (fixture->replay, 3, 512 * 1024);
  for (guint i = 0; i < 3; i++)
    lamp_test_expect_warning ("Event * can’t be sent: *");
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_batches (fixture->transport) == 2);
  lamp_replay_get_progress (fixture->replay, &done, &total);
  g_assert_cmpuint (done, ==, 6);
  g_assert_cmpuint (total, ==, 7);
  rest (fixture);
  lamp_test_assert_warned ();
  assert_finished (fixture, "4 3 0 \n");
}

/* --- the server can't be used ------------------------------------------- */

static void
test_no_answer (Fixture      *fixture,
                gconstpointer data)
{
  static const gint64 seconds[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 };
  g_autoptr (GPtrArray) ids = emit_many (fixture, 3);

  lamp_transport_dummy_set_judge (fixture->transport, judge_away, NULL);
  set_health (fixture, AWAY);
  start (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (seconds); i++)
    {
      assert_state (fixture, LAMP_STATE_OFFLINE);
      g_assert_false (lamp_replay_get_online (fixture->replay));
      assert_backoff (fixture, seconds[i] * SECOND);
      assert_finished (fixture, "0 0 3 outcome 2\n");
      assert_error (fixture, "outcome 2");
      ring (fixture);
    }

  for (guint i = 0; i < ids->len; i++)
    assert_untouched (fixture, ids->pdata[i]);

  lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);
  set_health (fixture, ONLINE);
  g_string_truncate (fixture->finished, 0);
  ring (fixture);
  assert_finished (fixture, "3 0 0 \n");
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
}

/* An old outage doesn't make the next one longer. */
static void
test_success_resets_backoff (Fixture      *fixture,
                             gconstpointer data)
{
  g_autofree char *first = emit (fixture);
  g_autofree char *second = NULL;

  push (fixture, AWAY);
  push (fixture, AWAY);
  start (fixture);
  ring (fixture);
  assert_backoff (fixture, 2 * SECOND);
  ring (fixture);
  assert_delivered (fixture, first);

  push (fixture, AWAY);
  second = emit (fixture);
  go (fixture);
  assert_backoff (fixture, SECOND);
  ring (fixture);
  assert_delivered (fixture, second);
}

/* The server is there again, and yet the backoff runs: the batch may be what ails it. */
static void
test_waits_after_failure (Fixture      *fixture,
                          gconstpointer data)
{
  LampOutcomeKind kind = GPOINTER_TO_UINT (data);
  g_autofree char *id = emit (fixture);
  g_autofree char *other = NULL;

  push (fixture, kind);
  push (fixture, kind);
  start (fixture);
  assert_state (fixture, LAMP_STATE_WAITING);
  g_assert_true (lamp_replay_get_online (fixture->replay));
  assert_backoff (fixture, SECOND);
  assert_untouched (fixture, id);

  other = emit (fixture);
  go (fixture);
  assert_batches (fixture, 1);
  ring (fixture);
  assert_backoff (fixture, 2 * SECOND);
  ring (fixture);
  assert_delivered (fixture, id);
  assert_delivered (fixture, other);

  /* It was the same batch each time; what came later goes in one of its own. */
  assert_batches (fixture, 4);
}

static const struct
{
  LampOutcomeKind kind;
  LampState state;
  gint64 delay;
  const char *error;
} halts[] = {
  { LAMP_OUTCOME_UNAUTHORIZED, LAMP_STATE_UNAUTHORIZED, 900 * SECOND, "outcome 5" },
  { LAMP_OUTCOME_THROTTLED, LAMP_STATE_THROTTLED, THROTTLED, "outcome 7" },
  { LAMP_OUTCOME_MISCONFIGURED, LAMP_STATE_MISCONFIGURED, 300 * SECOND, "outcome 8" },
};

static void
test_halts (Fixture      *fixture,
            gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *id = emit (fixture);
  g_autofree char *other = NULL;
  g_autofree char *line = g_strdup_printf ("0 0 1 %s\n", halts[i].error);

  push (fixture, halts[i].kind);
  start (fixture);
  assert_state (fixture, halts[i].state);
  assert_error (fixture, halts[i].error);
  assert_finished (fixture, line);
  assert_next_retry (fixture, halts[i].delay);
  assert_untouched (fixture, id);

  /* None of these is a reason to go on. */
  other = emit (fixture);
  go (fixture);
  lamp_network_changed (fixture->network);
  lamp_replay_probe (fixture->replay);
  rest (fixture);
  assert_state (fixture, halts[i].state);
  assert_error (fixture, halts[i].error);
  assert_batches (fixture, 1);
  assert_next_retry (fixture, halts[i].delay - GATHER);

  advance (fixture, halts[i].delay - GATHER - 1);
  assert_batches (fixture, 1);
  advance (fixture, 1);
  assert_batches (fixture, 2);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_delivered (fixture, id);
  assert_delivered (fixture, other);
}

static void
test_person_ends_halt (Fixture      *fixture,
                       gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *id = emit (fixture);

  push (fixture, halts[i].kind);
  push (fixture, halts[i].kind);
  start (fixture);
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  assert_batches (fixture, 2);
  assert_state (fixture, halts[i].state);
  assert_next_retry (fixture, halts[i].delay);

  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  assert_delivered (fixture, id);
}

static void
test_new_server_ends_halt (Fixture      *fixture,
                           gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *id = emit (fixture);

  push (fixture, halts[i].kind);
  start (fixture);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  assert_delivered (fixture, id);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
}

/* What was learnt with the old token is not held against the new one. */
static void
test_new_server_in_flight (Fixture      *fixture,
                           gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *id = emit (fixture);

  push (fixture, halts[i].kind);
  start (fixture);
  lamp_replay_now (fixture->replay, NULL);
  rest (fixture);
  assert_delivered (fixture, id);
  advance (fixture, halts[i].delay);

  g_free (id);
  id = emit (fixture);
  push (fixture, halts[i].kind);
  hold (fixture);
  go (fixture);
  lamp_replay_server_changed (fixture->replay);
  release (fixture);
  assert_delivered (fixture, id);
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* The wait ends while nothing may be sent: what comes later must not wait for ever. */
static void
test_halt_ends_while_paused (Fixture      *fixture,
                             gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *id = emit (fixture);

  push (fixture, halts[i].kind);
  start (fixture);
  lamp_replay_set_paused (fixture->replay, TRUE);
  advance (fixture, halts[i].delay);
  assert_batches (fixture, 1);
  lamp_replay_set_paused (fixture->replay, FALSE);
  rest (fixture);
  assert_delivered (fixture, id);
}

static void
test_halt_ends_with_empty_queue (Fixture      *fixture,
                                 gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *late = NULL;

  emit_some (fixture, 1);
  push (fixture, halts[i].kind);
  start (fixture);
  lamp_test_db_run (fixture->db, "DELETE FROM queue");
  look (fixture);
  assert_pending (fixture, 0);
  advance (fixture, halts[i].delay);
  assert_state (fixture, LAMP_STATE_IDLE);

  late = emit (fixture);
  go (fixture);
  assert_delivered (fixture, late);
}

/* --- batches are too large, or refused ---------------------------------- */

static void
test_too_large (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 8);

  push (fixture, LAMP_OUTCOME_TOO_LARGE);
  start (fixture);
  assert_batches (fixture, 3);
  assert_size (fixture, 0, 8);
  assert_size (fixture, 1, 4);
  assert_size (fixture, 2, 4);
  assert_finished (fixture, "8 0 0 \n");

  g_ptr_array_unref (ids);
  ids = emit_many (fixture, 5);
  go (fixture);
  assert_size (fixture, 3, 4);
  assert_size (fixture, 4, 1);

  /* Another server may take more. */
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  g_ptr_array_unref (ids);
  ids = emit_many (fixture, 8);
  go (fixture);
  assert_size (fixture, 5, 8);
}

static void
test_single_too_large (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *big = emit (fixture);
  g_autofree char *next = emit (fixture);

  push (fixture, LAMP_OUTCOME_TOO_LARGE);
  push (fixture, LAMP_OUTCOME_TOO_LARGE);
  start (fixture);
  assert_failed (fixture, big, "oversized", "outcome 6");
  assert_delivered (fixture, next);
  assert_batches (fixture, 3);
  assert_finished (fixture, "1 1 0 \n");
}

typedef struct
{
  GHashTable *fat;  /* ids */
  guint max_events; /* 0 for any number */
} Narrow;

static LampOutcome *
judge_size (LampBatch *batch,
            gpointer   user_data)
{
  Narrow *narrow = user_data;
  guint size = lamp_batch_get_size (batch);
  gboolean is_fat = narrow->max_events > 0 && size > narrow->max_events;

  for (guint i = 0; i < size; i++)
    is_fat = is_fat ||
             g_hash_table_contains (narrow->fat, lamp_batch_get_event (batch, i)->event_id);

  return is_fat ? lamp_outcome_new (LAMP_OUTCOME_TOO_LARGE, size) : NULL;
}

/* Returns how many requests that takes. */
static guint
send_fat (Fixture     *fixture,
          Narrow      *narrow,
          guint        count,
          const guint *fat,
          guint        n_fat)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, count);
  guint before = lamp_transport_dummy_get_n_batches (fixture->transport);

  narrow->fat = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n_fat; i++)
    g_hash_table_add (narrow->fat, ids->pdata[fat[i]]);
  lamp_transport_dummy_set_judge (fixture->transport, judge_size, narrow);
  go (fixture);
  lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);
  for (guint i = 0; i < count; i++)
    if (g_hash_table_contains (narrow->fat, ids->pdata[i]))
      assert_failed (fixture, ids->pdata[i], "oversized", "");
    else
      assert_delivered (fixture, ids->pdata[i]);
  g_clear_pointer (&narrow->fat, g_hash_table_unref);

  return lamp_transport_dummy_get_n_batches (fixture->transport) - before;
}

/* What one event is to blame for is no limit: it takes some 2 log2 n batches to find, wherever it
 * is, and those behind it go as before. */
static void
test_fat_events (Fixture      *fixture,
                 gconstpointer data)
{
  static const guint many[] = { 3, 4, 150, 199, 200, 201, 350, 499 };
  Narrow narrow = { 0 };
  guint sum = 0;
  guint n;

  start (fixture);
  for (guint i = 0; i < N_PLACES; i++)
    {
      guint place = i * 99 / (N_PLACES - 1);

      n = send_fat (fixture, &narrow, 100, &place, 1);
      g_assert_cmpuint (n, <=, 22);
      sum += n;
      assert_pending (fixture, 0);
    }
  g_test_message ("%u batches on average", sum / N_PLACES);
  g_assert_cmpuint (sum, <=, N_PLACES * 16);

  n = send_fat (fixture, &narrow, 500, many, G_N_ELEMENTS (many));
  g_test_message ("%u batches for 500 events, %u too large", n, (guint) G_N_ELEMENTS (many));
  g_assert_cmpuint (n, <=, 5 + G_N_ELEMENTS (many) * 20);
  g_assert_cmpuint (send_fat (fixture, &narrow, 300, NULL, 0), ==, 3);
}

/* What a server takes is found out, kept, and asked for ever less often; one event that is too
 * large doesn't make it smaller. Once it takes more, it gets more. */
static void
test_server_takes_few (Fixture      *fixture,
                       gconstpointer data)
{
  static const guint fat = 250;
  Narrow narrow = { .max_events = 10 };
  guint n;

  start (fixture);
  n = send_fat (fixture, &narrow, 600, NULL, 0);
  g_test_message ("%u batches of 10 at most", n);
  g_assert_cmpuint (n, <=, 600 / 6 + 1 + 4 + 8);
  n = send_fat (fixture, &narrow, 500, &fat, 1);
  g_test_message ("%u batches, one event too large", n);
  g_assert_cmpuint (n, <=, 500 / 6 + 1 + 10 + 8);

  narrow.max_events = 0;
  send_fat (fixture, &narrow, 1500, NULL, 0);
  g_assert_cmpuint (send_fat (fixture, &narrow, 300, NULL, 0), ==, 3);
}

static void
test_refused_with_details (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 3);

  push_verdict (fixture, LAMP_OUTCOME_REFUSED, 1, LAMP_VERDICT_REJECTED);
  start (fixture);
  assert_delivered (fixture, ids->pdata[0]);
  assert_failed (fixture, ids->pdata[1], "code", "words");
  assert_delivered (fixture, ids->pdata[2]);
  assert_batches (fixture, 2);
  assert_size (fixture, 1, 2);
  assert_finished (fixture, "2 1 0 \n");
}

static LampOutcome *
judge_culprits (LampBatch *batch,
                gpointer   user_data)
{
  GHashTable *culprits = user_data;
  guint size = lamp_batch_get_size (batch);

  for (guint i = 0; i < size; i++)
    if (g_hash_table_contains (culprits, lamp_batch_get_event (batch, i)->event_id))
      return lamp_outcome_new (LAMP_OUTCOME_REFUSED, size);

  return NULL;
}

static void
check_halving (Fixture *fixture,
               GRand   *random)
{
  guint n = (guint) g_rand_int_range (random, 1, 101);
  guint k = (guint) g_rand_int_range (random, 0, (gint32) MIN (n, 6) + 1);
  g_autoptr (GPtrArray) ids = emit_many (fixture, n);
  g_autoptr (GHashTable) culprits = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *taken = lamp_transport_dummy_get_taken (fixture->transport);
  guint before = lamp_transport_dummy_get_n_batches (fixture->transport);
  guint levels = n > 1 ? g_bit_storage (n - 1) : 0;
  guint index = 0;

  while (g_hash_table_size (culprits) < k)
    g_hash_table_add (culprits, ids->pdata[g_rand_int_range (random, 0, (gint32) n)]);

  g_ptr_array_set_size (taken, 0);
  lamp_transport_dummy_set_judge (fixture->transport, judge_culprits, culprits);
  go (fixture);
  lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);

  g_assert_cmpuint (lamp_transport_dummy_get_n_batches (fixture->transport) - before, <=,
                    2 * k * levels + 1);
  for (guint i = 0; i < n; i++)
    {
      if (g_hash_table_contains (culprits, ids->pdata[i]))
        {
          assert_failed (fixture, ids->pdata[i], "rejected", "");
          continue;
        }

      g_assert_cmpuint (index, <, taken->len);
      g_assert_cmpstr (ids->pdata[i], ==, taken->pdata[index++]);
    }
  g_assert_cmpuint (index, ==, taken->len);
  assert_pending (fixture, 0);
}

static void
test_halving (Fixture      *fixture,
              gconstpointer data)
{
  start (fixture);
  for (guint seed = 0; seed < N_HALVINGS; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);

      g_test_message ("seed %u", seed);
      check_halving (fixture, random);
    }
}

/* The half's last row goes while the half is in flight. */
static void
test_half_is_taken_away (Fixture      *fixture,
                         gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 4);
  g_autofree char *sql = NULL;

  push (fixture, LAMP_OUTCOME_REFUSED);
  hold (fixture);
  start (fixture);
  lamp_transport_dummy_release (fixture->transport);
  lamp_test_wait_until (lamp_transport_dummy_get_n_batches (fixture->transport) == 2);
  sql = g_strdup_printf ("DELETE FROM queue WHERE event_id IN ('%s', '%s')", (char *) ids->pdata[1],
                         (char *) ids->pdata[2]);
  lamp_test_db_run (fixture->db, sql);
  release (fixture);
  assert_delivered (fixture, ids->pdata[0]);
  assert_delivered (fixture, ids->pdata[3]);
  assert_pending (fixture, 0);
  assert_batches (fixture, 3);
}

static void
test_limits (Fixture      *fixture,
             gconstpointer data)
{
  LampLimits limits = { .max_events = 2 };
  g_autoptr (GPtrArray) ids = emit_many (fixture, 5);
  gsize envelope;

  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  start (fixture);
  assert_batches (fixture, 3);
  assert_size (fixture, 0, 2);
  assert_size (fixture, 2, 1);

  {
    g_autoptr (LampRow) row = get_row (fixture, ids->pdata[0]);

    envelope = strlen (row->envelope);
  }
  limits = (LampLimits){ .max_bytes = 3 * envelope + 100 };
  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  g_ptr_array_unref (ids);
  ids = emit_many (fixture, 4);
  go (fixture);
  assert_size (fixture, 3, 3);
  assert_size (fixture, 4, 1);

  /* The setting narrows them too; a server that takes more changes nothing. */
  limits = (LampLimits){ .max_events = 1000 };
  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  lamp_replay_set_batch (fixture->replay, 3, 512 * 1024);
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  g_ptr_array_unref (ids);
  ids = emit_many (fixture, 4);
  go (fixture);
  assert_size (fixture, 5, 3);
}

/* --- a person ----------------------------------------------------------- */

static void
test_pause (Fixture      *fixture,
            gconstpointer data)
{
  g_autofree char *in_flight = NULL;
  g_autofree char *later = NULL;

  start (fixture);
  in_flight = emit (fixture);
  hold (fixture);
  go (fixture);
  assert_state (fixture, LAMP_STATE_REPLAYING);
  lamp_replay_set_paused (fixture->replay, TRUE);
  assert_state (fixture, LAMP_STATE_PAUSED);
  later = emit (fixture);
  release (fixture);
  assert_delivered (fixture, in_flight);
  assert_untouched (fixture, later);
  assert_finished (fixture, "1 0 1 Replay was paused\n");
  assert_state (fixture, LAMP_STATE_PAUSED);
  g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), ==, 0);

  advance (fixture, 3600 * SECOND);
  assert_batches (fixture, 1);
  assert_untouched (fixture, later);

  lamp_replay_set_paused (fixture->replay, FALSE);
  rest (fixture);
  assert_delivered (fixture, later);
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* Paused and not any more while a batch is in flight: the pass just goes on. */
static void
test_short_pause (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree char *id = emit (fixture);

  hold (fixture);
  start (fixture);
  lamp_replay_set_paused (fixture->replay, TRUE);
  lamp_replay_set_paused (fixture->replay, FALSE);
  release (fixture);
  assert_delivered (fixture, id);
  assert_finished (fixture, "1 0 0 \n");
}

static void
test_now_refused (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr (GError) paused = NULL;
  g_autoptr (GError) unconfigured = NULL;

  start (fixture);
  lamp_replay_set_paused (fixture->replay, TRUE);
  g_assert_false (lamp_replay_now (fixture->replay, &paused));
  g_assert_error (paused, LAMP_ERROR, LAMP_ERROR_PAUSED);

  lamp_transport_dummy_set_origin (fixture->transport, NULL);
  lamp_replay_server_changed (fixture->replay);
  assert_state (fixture, LAMP_STATE_UNCONFIGURED);
  g_assert_false (lamp_replay_now (fixture->replay, &unconfigured));
  g_assert_error (unconfigured, LAMP_ERROR, LAMP_ERROR_UNCONFIGURED);
  assert_finished (fixture, "");
}

static void
test_empty_pass (Fixture      *fixture,
                 gconstpointer data)
{
  start (fixture);
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  assert_finished (fixture, "0 0 0 \n");
  assert_batches (fixture, 0);
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* Whether the token is taken is found out without an event, but only when somebody asks. */
static void
test_asks_with_nothing (Fixture      *fixture,
                        gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);

  start (fixture);
  advance (fixture, 3600 * SECOND);
  assert_batches (fixture, 0);

  push (fixture, halts[i].kind);
  g_assert_true (lamp_replay_test (fixture->replay, NULL));
  rest (fixture);
  assert_batches (fixture, 1);
  assert_state (fixture, halts[i].state);
  assert_error (fixture, halts[i].error);

  advance (fixture, 3600 * SECOND);
  assert_batches (fixture, 1);
  g_assert_true (lamp_replay_test (fixture->replay, NULL));
  rest (fixture);
  assert_batches (fixture, 2);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
}

/* That there are no events is found out only by who has let us in. */
static void
test_nothing_is_refused (Fixture      *fixture,
                         gconstpointer data)
{
  start (fixture);
  push (fixture, GPOINTER_TO_UINT (data));
  g_assert_true (lamp_replay_test (fixture->replay, NULL));
  rest (fixture);
  assert_finished (fixture, "0 0 0 \n");
  assert_batches (fixture, 1);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
}

static void
test_nothing_is_not_answered (Fixture      *fixture,
                              gconstpointer data)
{
  g_autofree char *id = NULL;

  start (fixture);
  push (fixture, GPOINTER_TO_UINT (data));
  g_assert_true (lamp_replay_test (fixture->replay, NULL));
  rest (fixture);
  assert_batches (fixture, 1);
  assert_state (fixture, LAMP_STATE_OFFLINE);
  g_assert_cmpstr (lamp_replay_get_last_error (fixture->replay), !=, "");

  id = emit (fixture);
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  assert_delivered (fixture, id);
  assert_size (fixture, 1, 1);
  assert_batches (fixture, 2);
}

/* The answer to the old token says nothing of the new one. */
static void
test_token_changes_while_asking (Fixture      *fixture,
                                 gconstpointer data)
{
  start (fixture);
  push (fixture, LAMP_OUTCOME_UNAUTHORIZED);
  hold (fixture);
  g_assert_true (lamp_replay_test (fixture->replay, NULL));
  rest (fixture);
  lamp_replay_server_changed (fixture->replay);
  release (fixture);
  assert_batches (fixture, 2);
  assert_finished (fixture, "0 0 0 \n");
  assert_state (fixture, LAMP_STATE_IDLE);
}

/* Somebody waits for the end of that pass. */
static void
test_now_before_start (Fixture      *fixture,
                       gconstpointer data)
{
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  rest (fixture);
  assert_finished (fixture, "");
  start (fixture);
  assert_finished (fixture, "0 0 0 \n");
  assert_state (fixture, LAMP_STATE_IDLE);
  g_assert_true (lamp_replay_get_online (fixture->replay));
}

static void
test_now_cuts_backoff_short (Fixture      *fixture,
                             gconstpointer data)
{
  g_autofree char *id = emit (fixture);

  push (fixture, AWAY);
  push (fixture, AWAY);
  push (fixture, AWAY);
  start (fixture);
  ring (fixture);
  assert_backoff (fixture, 2 * SECOND);
  lamp_replay_now (fixture->replay, NULL);
  rest (fixture);
  assert_batches (fixture, 3);
  assert_backoff (fixture, SECOND);
  lamp_replay_now (fixture->replay, NULL);
  rest (fixture);
  assert_delivered (fixture, id);
}

static void
test_stop (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *in_flight = emit (fixture);
  g_autofree char *later = NULL;

  hold (fixture);
  lamp_transport_dummy_release (fixture->transport);
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_probes (fixture->transport) == 1 &&
                        lamp_transport_dummy_get_n_in_flight (fixture->transport) == 0);
  lamp_transport_dummy_hold (fixture->transport);
  rest (fixture);
  assert_batches (fixture, 1);
  later = emit (fixture);
  stop (fixture);
  lamp_timer_dummy_advance (fixture->timer, 3 * SECOND - 1);
  rest (fixture);
  g_assert_null (fixture->stopped);

  fixture->holding = FALSE;
  lamp_transport_dummy_release (fixture->transport);
  lamp_test_wait_until (fixture->stopped != NULL);
  lamp_replay_stop_finish (fixture->replay, fixture->stopped);
  assert_delivered (fixture, in_flight);
  assert_untouched (fixture, later);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);

  /* What has ended stays so. */
  lamp_network_changed (fixture->network);
  lamp_replay_probe (fixture->replay);
  lamp_replay_now (fixture->replay, NULL);
  iterate ();
  g_assert_cmpuint (lamp_transport_dummy_get_n_probes (fixture->transport), ==, 1);
  assert_batches (fixture, 1);
}

static void
test_stop_has_no_more_patience (Fixture      *fixture,
                                gconstpointer data)
{
  g_autofree char *id = NULL;

  start (fixture);
  id = emit (fixture);
  hold (fixture);
  go (fixture);
  stop (fixture);
  g_assert_null (fixture->stopped);
  lamp_timer_dummy_advance (fixture->timer, 3 * SECOND);
  lamp_test_wait_until (fixture->stopped != NULL);
  assert_untouched (fixture, id);
}

/* Nobody needs its answer any more. */
static void
test_stop_does_not_wait_for_probe (Fixture      *fixture,
                                   gconstpointer data)
{
  emit_some (fixture, GPOINTER_TO_UINT (data));
  lamp_replay_prepare (fixture->replay);
  hold (fixture);
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_probes (fixture->transport) == 1);
  stop (fixture);
  lamp_test_wait_until (fixture->stopped != NULL);
  g_assert_cmpuint (lamp_transport_dummy_get_n_in_flight (fixture->transport), ==, 0);
  assert_batches (fixture, 0);
  release (fixture);
}

/* Whatever is under way then: reading, sending, recording. */
static void
test_dispose_at_any_time (Fixture      *fixture,
                          gconstpointer data)
{
  for (guint turns = 0; turns < 60; turns++)
    {
      emit_some (fixture, 2);
      lamp_replay_start (fixture->replay);
      for (guint i = 0; i < turns * turns; i++)
        g_main_context_iteration (NULL, FALSE);
      g_object_run_dispose (G_OBJECT (fixture->replay));
      rest (fixture);
      g_assert_finalize_object (fixture->replay);
      fixture->replay = lamp_replay_new (fixture->queue, LAMP_TRANSPORT (fixture->transport),
                                         LAMP_TIMER (fixture->timer), fixture->network);
    }

  start (fixture);
  assert_pending (fixture, 0);
}

static void
test_stop_at_rest (Fixture      *fixture,
                   gconstpointer data)
{
  start (fixture);
  stop (fixture);
  g_assert_nonnull (fixture->stopped);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
}

/* A failure at the end starts nothing new. */
static void
test_stop_and_failure (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *id = NULL;

  start (fixture);
  id = emit (fixture);
  hold (fixture);
  go (fixture);
  push (fixture, AWAY);
  stop (fixture);
  lamp_transport_dummy_release (fixture->transport);
  lamp_test_wait_until (fixture->stopped != NULL);
  iterate ();
  g_assert_cmpuint (lamp_transport_dummy_get_n_probes (fixture->transport), ==, 1);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
  assert_untouched (fixture, id);
}

/* --- things that happen meanwhile --------------------------------------- */

static void
test_emits_share_batch (Fixture      *fixture,
                        gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  start (fixture);
  first = emit (fixture);
  assert_next_retry (fixture, GATHER);
  advance (fixture, GATHER / 2);
  assert_batches (fixture, 0);
  second = emit (fixture);
  advance (fixture, GATHER / 2);
  assert_batches (fixture, 1);
  assert_size (fixture, 0, 2);
}

/* A tool that never stops must not keep everything from being sent. */
static void
test_steady_emits (Fixture      *fixture,
                   gconstpointer data)
{
  start (fixture);
  for (guint i = 0; i < 10; i++)
    {
      emit_some (fixture, 1);
      advance (fixture, GATHER / 2);
    }

  g_assert_cmpuint (lamp_transport_dummy_get_n_batches (fixture->transport), >=, 4);
}

static void
test_emit_while_pass_runs (Fixture      *fixture,
                           gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  start (fixture);
  first = emit (fixture);
  hold (fixture);
  go (fixture);
  second = emit (fixture);
  release (fixture);
  assert_delivered (fixture, first);
  assert_delivered (fixture, second);
  assert_finished (fixture, "2 0 0 \n");
}

/* The server isn't there at the start, and an event comes while it is asked. */
static void
test_emit_while_probed (Fixture      *fixture,
                        gconstpointer data)
{
  g_autofree char *id = NULL;

  set_health (fixture, AWAY);
  hold (fixture);
  start (fixture);
  id = emit (fixture);
  release (fixture);
  for (guint i = 0; i < 3 && lamp_replay_get_state (fixture->replay) != LAMP_STATE_IDLE; i++)
    {
      g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), <, 3 * SECOND);
      g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), >, 0);
      if (i == 1)
        set_health (fixture, ONLINE);
      ring (fixture);
    }
  assert_delivered (fixture, id);
}

static void
test_deleted_in_flight (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GPtrArray) ids = NULL;
  g_autofree char *sql = NULL;

  start (fixture);
  ids = emit_many (fixture, 3);
  hold (fixture);
  go (fixture);
  sql = g_strdup_printf ("DELETE FROM queue WHERE event_id = '%s'", (char *) ids->pdata[1]);
  lamp_test_db_run (fixture->db, sql);
  release (fixture);
  assert_delivered (fixture, ids->pdata[0]);
  assert_delivered (fixture, ids->pdata[2]);
  assert_finished (fixture, "2 0 0 \n");
  assert_batches (fixture, 1);
}

/* The answer is for bytes that are gone; those that are there now are sent, without being told. */
static void
test_changed_in_flight (Fixture      *fixture,
                        gconstpointer data)
{
  const char *sql = data;
  g_autofree char *id = NULL;

  start (fixture);
  id = emit (fixture);
  hold (fixture);
  go (fixture);
  lamp_test_db_run (fixture->db, sql);
  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_REJECTED);
  push (fixture, ONLINE);
  lamp_transport_dummy_release (fixture->transport);
  release (fixture);
  assert_batches (fixture, 2);
  assert_delivered (fixture, id);
  assert_finished (fixture, "1 0 0 \n");
}

static void
test_resend_behind_cursor (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 3);
  const char *first[] = { ids->pdata[0], NULL };
  guint count = 0;

  lamp_replay_set_batch (fixture->replay, 1, 512 * 1024);
  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_REJECTED);
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_batches (fixture->transport) == 2);
  hold (fixture);
  assert_failed (fixture, first[0], "code", "words");
  g_assert_true (lamp_queue_resend (fixture->queue, first, &count, NULL));
  g_assert_cmpuint (count, ==, 1);
  g_assert_true (lamp_replay_now (fixture->replay, NULL));
  release (fixture);
  assert_delivered (fixture, first[0]);
  assert_batches (fixture, 4);
  assert_finished (fixture, "3 1 0 \n");
}

/* Nobody says “replay” this time. */
/* Nobody asks for a pass: the one that runs has to go back, though the server decides on nothing
 * any more that would tell it so. */
static void
test_resend_while_pass_runs (Fixture      *fixture,
                             gconstpointer data)
{
  g_autoptr (GPtrArray) ids = emit_many (fixture, 2);
  const char *first[] = { ids->pdata[0], NULL };
  guint count = 0;

  lamp_replay_set_batch (fixture->replay, 1, 512 * 1024);
  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_REJECTED);
  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_REJECTED);
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_batches (fixture->transport) == 2);
  hold (fixture);
  g_assert_true (lamp_queue_resend (fixture->queue, first, &count, NULL));
  g_assert_cmpuint (count, ==, 1);
  release (fixture);
  advance (fixture, GATHER);
  assert_delivered (fixture, first[0]);
  assert_batches (fixture, 3);
  assert_state (fixture, LAMP_STATE_IDLE);
}

static void
test_resend_at_rest (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *id = emit (fixture);
  guint count = 0;

  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_REJECTED);
  start (fixture);
  g_assert_true (lamp_queue_resend (fixture->queue, NULL, &count, NULL));
  go (fixture);
  assert_delivered (fixture, id);
}

static void
test_other_tool_at_rest (Fixture      *fixture,
                         gconstpointer data)
{
  start (fixture);
  lamp_queue_watch (fixture->queue);
  lamp_test_db_run (fixture->db,
                    "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES "
                    "('theirs', 'T', '{\"event_id\":\"theirs\",\"event_type\":\"T\"}', 1)");
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->pending == 1);
  rest (fixture);
  go (fixture);
  assert_delivered (fixture, "theirs");
}

static void
test_network_cuts_backoff_short (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autofree char *id = emit (fixture);

  set_health (fixture, AWAY);
  start (fixture);
  ring (fixture);
  ring (fixture);
  ring (fixture);
  set_health (fixture, ONLINE);
  lamp_network_changed (fixture->network);
  rest (fixture);
  assert_delivered (fixture, id);
}

/* The network comes back while the last try of the old one is still under way. */
static void
test_network_changes_in_flight (Fixture      *fixture,
                                gconstpointer data)
{
  g_autofree char *id = emit (fixture);

  /* Once the tries are used up, the event is tried alone at once. */
  for (guint i = 0; i < 9; i++)
    push (fixture, AWAY);
  start (fixture);
  for (guint i = 0; i < 6; i++)
    ring (fixture);
  assert_backoff (fixture, 64 * SECOND);
  hold (fixture);
  ring (fixture);
  lamp_network_changed (fixture->network);
  release (fixture);
  assert_backoff (fixture, SECOND);
  ring (fixture);
  ring (fixture);
  assert_delivered (fixture, id);
}

static void
test_server_goes_in_flight (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree char *id = NULL;

  start (fixture);
  id = emit (fixture);
  hold (fixture);
  go (fixture);
  push (fixture, AWAY);
  lamp_transport_dummy_set_origin (fixture->transport, NULL);
  lamp_replay_server_changed (fixture->replay);
  release (fixture);
  assert_state (fixture, LAMP_STATE_UNCONFIGURED);
  advance (fixture, 3600 * SECOND);
  assert_untouched (fixture, id);

  lamp_transport_dummy_set_origin (fixture->transport, "https://other.example.org");
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  assert_delivered (fixture, id);
}

/* An answer of the old server says nothing of the new one. */
static void
test_stale_probe (Fixture      *fixture,
                  gconstpointer data)
{
  LampLimits limits = { .max_events = 1 };

  emit_some (fixture, 3);
  lamp_transport_dummy_set_health (fixture->transport, ONLINE, &limits);
  hold (fixture);
  start (fixture);
  lamp_replay_server_changed (fixture->replay);
  lamp_transport_dummy_release (fixture->transport);
  lamp_test_wait_until (lamp_transport_dummy_get_n_probes (fixture->transport) == 2);
  set_health (fixture, ONLINE);
  release (fixture);
  assert_batches (fixture, 1);
  assert_size (fixture, 0, 3);
}

/* The answer can't be recorded: the server gets the events twice, and nothing is lost. */
static void
test_storage_error (Fixture      *fixture,
                    gconstpointer data)
{
  g_autofree char *id = NULL;

  start (fixture);
  id = emit (fixture);
  lamp_test_db_run (fixture->db,
                    "CREATE TRIGGER no_room BEFORE UPDATE ON lamppost_state "
                    "BEGIN SELECT RAISE (ABORT, 'no room'); END");
  go (fixture);
  assert_state (fixture, LAMP_STATE_WAITING);
  assert_untouched (fixture, id);
  g_assert_nonnull (strstr (lamp_replay_get_last_error (fixture->replay), "no room"));
  assert_backoff (fixture, SECOND);
  ring (fixture);
  assert_backoff (fixture, SECOND);

  lamp_test_db_run (fixture->db, "DROP TRIGGER no_room");
  ring (fixture);
  assert_delivered (fixture, id);
  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
  g_assert_cmpuint (lamp_transport_dummy_get_taken (fixture->transport)->len, ==, 3);
}

static void
test_progress (Fixture      *fixture,
               gconstpointer data)
{
  guint64 done;
  guint64 total;

  emit_some (fixture, 3);
  lamp_replay_set_batch (fixture->replay, 1, 512 * 1024);
  lamp_replay_start (fixture->replay);
  lamp_test_wait_until (lamp_transport_dummy_get_n_batches (fixture->transport) == 2);
  lamp_replay_get_progress (fixture->replay, &done, &total);
  g_assert_cmpuint (done, ==, 1);
  g_assert_cmpuint (total, ==, 3);
  rest (fixture);
  lamp_replay_get_progress (fixture->replay, &done, &total);
  g_assert_cmpuint (done, ==, 0);
  g_assert_cmpuint (total, ==, 0);
}

/* A server without /health, or one that wants a token for it: an event goes out at once. */
static void
test_one_request_an_emit (Fixture      *fixture,
                          gconstpointer data)
{
  set_health (fixture, GPOINTER_TO_UINT (data));
  start (fixture);
  for (guint i = 1; i <= 5; i++)
    {
      emit_some (fixture, 1);
      go (fixture);
      assert_batches (fixture, i);
    }

  g_assert_cmpuint (lamp_transport_dummy_get_n_probes (fixture->transport), ==, 1);

  /* A new token is another server. */
  lamp_replay_server_changed (fixture->replay);
  rest (fixture);
  g_assert_cmpuint (lamp_transport_dummy_get_n_probes (fixture->transport), ==, 2);
}

/* There is nothing to send, and the server is still away. */
static void
test_error_stays_while_offline (Fixture      *fixture,
                                gconstpointer data)
{
  emit_some (fixture, 1);
  push_verdict (fixture, ONLINE, 0, LAMP_VERDICT_QUEUED);
  start (fixture);
  assert_error (fixture, "");
  set_health (fixture, AWAY);
  lamp_replay_probe (fixture->replay);
  rest (fixture);
  assert_state (fixture, LAMP_STATE_OFFLINE);
  lamp_replay_now (fixture->replay, NULL);
  rest (fixture);
  assert_state (fixture, LAMP_STATE_OFFLINE);
  assert_error (fixture, "outcome 2");
  assert_batches (fixture, 1);
}

static void
test_probes_now_and_then (Fixture      *fixture,
                          gconstpointer data)
{
  start (fixture);
  for (guint i = 1; i < 4; i++)
    {
      g_assert_cmpuint (lamp_transport_dummy_get_n_probes (fixture->transport), ==, i);
      g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), ==, 300 * SECOND);
      g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), ==, 0);
      set_health (fixture, i % 2 == 1 ? AWAY : ONLINE);
      ring (fixture);
      assert_state (fixture, i % 2 == 1 ? LAMP_STATE_OFFLINE : LAMP_STATE_IDLE);
    }
}

/* --- a walk in the dark ------------------------------------------------- */

typedef struct
{
  Fixture fixture;
  guint seed;
  GRand *random;
  GPtrArray *ids;
  GHashTable *accused; /* ids that the server has evidence against */
  guint friendly;      /* of 10 batches, how many are well received */
} Walk;

static guint
choose (Walk *walk,
        guint end)
{
  return (guint) g_rand_int_range (walk->random, 0, (gint32) end);
}

static LampOutcome *
judge_by_chance (LampBatch *batch,
                 gpointer   user_data)
{
  Walk *walk = user_data;
  guint size = lamp_batch_get_size (batch);
  LampOutcomeKind kind = choose (walk, 10) < walk->friendly
                           ? LAMP_OUTCOME_ANSWERED
                           : LAMP_OUTCOME_NO_ANSWER +
                               (LampOutcomeKind) choose (walk, LAMP_OUTCOME_MISCONFIGURED -
                                                                 LAMP_OUTCOME_NO_ANSWER + 1);
  LampOutcome *outcome = lamp_outcome_new (kind, size);
  gboolean names = kind == LAMP_OUTCOME_ANSWERED ||
                   (kind == LAMP_OUTCOME_REFUSED && choose (walk, 2) == 0);

  if (kind == LAMP_OUTCOME_THROTTLED)
    outcome->retry_after = THROTTLED;

  for (guint i = 0; i < size; i++)
    {
      guint chance = choose (walk, 12);
      LampVerdict *verdict = &outcome->verdicts[i];
      const char *id = lamp_batch_get_event (batch, i)->event_id;

      if (kind == LAMP_OUTCOME_ANSWERED)
        verdict->kind = chance < 9 ? LAMP_VERDICT_DELIVERED : (LampVerdictKind) (chance - 9);
      if (chance == 11 && names)
        verdict->kind = LAMP_VERDICT_REJECTED;
      if (verdict->kind == LAMP_VERDICT_REJECTED ||
          (size == 1 && (kind == LAMP_OUTCOME_REFUSED || kind == LAMP_OUTCOME_TOO_LARGE ||
                         kind == LAMP_OUTCOME_NO_ANSWER || kind == LAMP_OUTCOME_SERVER_ERROR)))
        g_hash_table_add (walk->accused, g_strdup (id));
    }

  return outcome;
}

static gint64
choose_time (Walk *walk)
{
  static const gint64 times[] = {
    GATHER / 2, GATHER, SECOND, 7 * SECOND, 60 * SECOND, 900 * SECOND
  };

  return times[choose (walk, G_N_ELEMENTS (times))];
}

static void
set_server (Walk    *walk,
            gboolean there)
{
  lamp_transport_dummy_set_origin (walk->fixture.transport, there ? "https://a.example.org" : NULL);
  lamp_replay_server_changed (walk->fixture.replay);
}

static void
resend_all (Walk *walk)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint count;

  lamp_queue_resend_async (walk->fixture.queue, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_resend_finish (walk->fixture.queue, result, &count, &error);
  g_assert_no_error (error);
}

/* Behind the queue's back, as the other tool does. */
static void
change_row (Walk *walk)
{
  g_autofree char *sql = NULL;

  if (walk->ids->len == 0)
    return;

  sql = g_strdup_printf ("UPDATE queue SET data = data || ' ' WHERE event_id = '%s'",
                         (char *) walk->ids->pdata[choose (walk, walk->ids->len)]);
  lamp_test_db_run (walk->fixture.db, sql);
  look (&walk->fixture);
}

static void
step (Walk *walk)
{
  Fixture *fixture = &walk->fixture;

  switch (choose (walk, 20))
    {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      g_ptr_array_add (walk->ids, emit (fixture));
      break;
    case 5:
    case 6:
    case 7:
      lamp_timer_dummy_advance (fixture->timer, choose_time (walk));
      break;
    case 8:
    case 9:
      if (lamp_timer_dummy_get_n_alarms (fixture->timer) > 0)
        lamp_timer_dummy_next_alarm (fixture->timer);
      break;
    case 10:
      lamp_network_changed (fixture->network);
      break;
    case 11:
      lamp_replay_set_paused (fixture->replay, choose (walk, 3) == 0);
      break;
    case 12:
      set_health (fixture, choose (walk, 2) == 0
                             ? ONLINE
                             : (LampOutcomeKind) (LAMP_OUTCOME_NO_ANSWER + choose (walk, 2) * 6));
      break;
    case 13:
      walk->friendly = choose (walk, 11);
      break;
    case 14:
      if (choose (walk, 2) == 0)
        lamp_replay_now (fixture->replay, NULL);
      else
        lamp_replay_test (fixture->replay, NULL);
      break;
    case 15:
      set_server (walk, choose (walk, 4) != 0);
      break;
    case 16:
      resend_all (walk);
      break;
    case 17:
      change_row (walk);
      break;
    case 18:
      if (fixture->holding)
        lamp_transport_dummy_release (fixture->transport);
      else
        lamp_transport_dummy_hold (fixture->transport);
      fixture->holding = !fixture->holding;
      break;
    default:
      lamp_replay_probe (fixture->replay);
      break;
    }
}

/* What waits is waited for: with an alarm, and that is what is told. */
static void
assert_awake (Walk *walk)
{
  Fixture *fixture = &walk->fixture;
  LampState state;

  rest (fixture);
  state = lamp_replay_get_state (fixture->replay);
  if (lamp_transport_dummy_get_n_in_flight (fixture->transport) > 0)
    return;

  g_assert_cmpint (state, !=, LAMP_STATE_REPLAYING);
  if (state == LAMP_STATE_PAUSED || state == LAMP_STATE_UNCONFIGURED)
    return;

  if (lamp_queue_get_tally (fixture->queue)->pending > 0)
    g_assert_cmpint (lamp_replay_get_next_retry (fixture->replay), >, 0);
  g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), >=, 0);
}

static void
assert_fates (Walk *walk)
{
  GPtrArray *taken = lamp_transport_dummy_get_taken (walk->fixture.transport);

  for (guint i = 0; i < walk->ids->len; i++)
    {
      const char *id = walk->ids->pdata[i];
      g_autoptr (LampRow) row = get_row (&walk->fixture, id);

      if (row->status == LAMP_STATUS_DELIVERED)
        g_assert_true (g_ptr_array_find_with_equal_func (taken, id, g_str_equal, NULL));
      if (row->status == LAMP_STATUS_FAILED)
        g_assert_true (g_hash_table_contains (walk->accused, id));
    }
}

/* All waits run at the same time, so the longest counts: 900 s after a 401, up to 330 s of backoff,
 * 300 s between probes, and for an event that the server has not decided on 900 s and what is left
 * of a beat, which is a sixth of them. */
#define LONGEST_WAIT (1050 * SECOND)

/* The server is fine from now on: everything arrives, in the longest wait there is. */
static void
end_walk (Walk *walk)
{
  Fixture *fixture = &walk->fixture;
  gint64 waited = 0;

  lamp_transport_dummy_set_judge (fixture->transport, NULL, NULL);
  set_health (fixture, ONLINE);
  if (lamp_transport_get_origin (LAMP_TRANSPORT (fixture->transport)) == NULL ||
      choose (walk, 2) == 0)
    set_server (walk, TRUE);
  release (fixture);
  lamp_replay_set_paused (fixture->replay, FALSE);
  assert_awake (walk);

  /* Where nothing waits, the next probe finds the server. */
  while (lamp_queue_get_tally (fixture->queue)->pending > 0 ||
         lamp_replay_get_state (fixture->replay) != LAMP_STATE_IDLE)
    {
      waited += lamp_timer_dummy_get_delay (fixture->timer);
      if (waited > LONGEST_WAIT)
        g_error (
          "Walk %u: after %d s all is well, and yet %d events wait, %s, “%s”. "
          "LAMP_TEST_SEED=%u walks it alone, but not always as fast.",
          walk->seed, (int) (waited / SECOND), (int) lamp_queue_get_tally (fixture->queue)->pending,
          lamp_state_to_string (lamp_replay_get_state (fixture->replay)),
          lamp_replay_get_last_error (fixture->replay), walk->seed);
      ring (fixture);
    }

  assert_state (fixture, LAMP_STATE_IDLE);
  assert_error (fixture, "");
}

static void
walk (guint seed)
{
  Walk walk = { .seed = seed, .friendly = 5 };
  guint n_steps = N_WALK_STEPS;

  g_test_message ("seed %u", seed);
  walk.random = g_rand_new_with_seed (seed);
  walk.ids = g_ptr_array_new_with_free_func (g_free);
  walk.accused = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  set_up (&walk.fixture, NULL);
  lamp_transport_dummy_set_judge (walk.fixture.transport, judge_by_chance, &walk);
  lamp_replay_set_batch (walk.fixture.replay, 1 + choose (&walk, 8), 512 * 1024);
  lamp_replay_set_in_flight (walk.fixture.replay, 1 + choose (&walk, 4));
  lamp_replay_set_max_retries (walk.fixture.replay, choose (&walk, 4));
  lamp_replay_start (walk.fixture.replay);

  for (guint i = 0; i < n_steps; i++)
    {
      step (&walk);
      for (guint turns = choose (&walk, 6); turns > 0; turns--)
        g_main_context_iteration (NULL, FALSE);
      if (choose (&walk, 3) == 0)
        assert_awake (&walk);
    }

  end_walk (&walk);
  assert_fates (&walk);
  tear_down (&walk.fixture, NULL);
  g_hash_table_unref (walk.accused);
  g_ptr_array_unref (walk.ids);
  g_rand_free (walk.random);
}

static void
test_walks (void)
{
  const char *only = g_getenv ("LAMP_TEST_SEED");

  if (only != NULL)
    walk ((guint) g_ascii_strtoull (only, NULL, 10));
  else
    for (guint seed = 0; seed < N_WALKS; seed++)
      walk (seed);
}

int
main (int    argc,
      char **argv)
{
  static const char rewrite[] = "UPDATE queue SET data = data || ' '";
  static const char replace[] =
    "INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp, coalesce_key) "
    "SELECT event_id, event_type, data, timestamp, coalesce_key FROM queue";
  const struct
  {
    const char *path;
    void (*test) (Fixture *fixture, gconstpointer data);
    gconstpointer data;
  } cases[] = {
    { "accepted-is-delivered", test_accepted, NULL },
    { "sends-what-waits-at-start", test_sends_what_waits, NULL },
    { "rejected-is-failed", test_rejected, NULL },
    { "queued-waits-60-seconds", test_undecided_waits, GUINT_TO_POINTER (LAMP_VERDICT_QUEUED) },
    { "unnamed-waits-60-seconds", test_undecided_waits, GUINT_TO_POINTER (LAMP_VERDICT_NONE) },
    { "undecided-go-together", test_undecided_go_together, NULL },
    { "counts-unfit-rows", test_counts_unfit_rows, NULL },
    { "probe-keeps-hold", test_probe_keeps_hold, NULL },
    { "no-answer-backs-off", test_no_answer, NULL },
    { "success-resets-backoff", test_success_resets_backoff, NULL },
    { "waits-after-no-answer", test_waits_after_failure,
      GUINT_TO_POINTER (LAMP_OUTCOME_NO_ANSWER) },
    { "waits-after-server-error", test_waits_after_failure,
      GUINT_TO_POINTER (LAMP_OUTCOME_SERVER_ERROR) },
    { "too-large-is-halved-and-kept", test_too_large, NULL },
    { "single-too-large-is-oversized", test_single_too_large, NULL },
    { "too-large-for-one-event", test_fat_events, NULL },
    { "too-large-for-the-number", test_server_takes_few, NULL },
    { "refused-with-details", test_refused_with_details, NULL },
    { "refused-is-halved", test_halving, NULL },
    { "half-is-taken-away", test_half_is_taken_away, NULL },
    { "limits-narrow-batches", test_limits, NULL },
    { "pause-finishes-batch", test_pause, NULL },
    { "short-pause-changes-nothing", test_short_pause, NULL },
    { "now-is-refused", test_now_refused, NULL },
    { "empty-pass-finishes", test_empty_pass, NULL },
    { "asks-with-nothing/unauthorized", test_asks_with_nothing, GUINT_TO_POINTER (0) },
    { "asks-with-nothing/throttled", test_asks_with_nothing, GUINT_TO_POINTER (1) },
    { "asks-with-nothing/misconfigured", test_asks_with_nothing, GUINT_TO_POINTER (2) },
    { "nothing-is-refused", test_nothing_is_refused, GUINT_TO_POINTER (LAMP_OUTCOME_REFUSED) },
    { "nothing-is-too-large", test_nothing_is_refused, GUINT_TO_POINTER (LAMP_OUTCOME_TOO_LARGE) },
    { "nothing-is-not-answered", test_nothing_is_not_answered,
      GUINT_TO_POINTER (LAMP_OUTCOME_NO_ANSWER) },
    { "nothing-breaks-the-server", test_nothing_is_not_answered,
      GUINT_TO_POINTER (LAMP_OUTCOME_SERVER_ERROR) },
    { "token-changes-while-asking", test_token_changes_while_asking, NULL },
    { "now-before-start", test_now_before_start, NULL },
    { "now-cuts-backoff-short", test_now_cuts_backoff_short, NULL },
    { "stop-records-answer", test_stop, NULL },
    { "stop-waits-3-seconds", test_stop_has_no_more_patience, NULL },
    { "stop-at-rest", test_stop_at_rest, NULL },
    { "stop-does-not-wait-for-probe", test_stop_does_not_wait_for_probe, GUINT_TO_POINTER (0) },
    { "stop-does-not-wait-for-probe-of-pass", test_stop_does_not_wait_for_probe,
      GUINT_TO_POINTER (2) },
    { "dispose-at-any-time", test_dispose_at_any_time, NULL },
    { "stop-and-failure", test_stop_and_failure, NULL },
    { "emits-share-batch", test_emits_share_batch, NULL },
    { "steady-emits-are-sent", test_steady_emits, NULL },
    { "emit-while-pass-runs", test_emit_while_pass_runs, NULL },
    { "emit-while-probed", test_emit_while_probed, NULL },
    { "deleted-in-flight", test_deleted_in_flight, NULL },
    { "changed-in-flight", test_changed_in_flight, rewrite },
    { "replaced-in-flight", test_changed_in_flight, replace },
    { "resend-behind-cursor", test_resend_behind_cursor, NULL },
    { "resend-while-pass-runs", test_resend_while_pass_runs, NULL },
    { "resend-at-rest", test_resend_at_rest, NULL },
    { "other-tool-at-rest", test_other_tool_at_rest, NULL },
    { "network-cuts-backoff-short", test_network_cuts_backoff_short, NULL },
    { "network-changes-in-flight", test_network_changes_in_flight, NULL },
    { "server-goes-in-flight", test_server_goes_in_flight, NULL },
    { "stale-probe-is-repeated", test_stale_probe, NULL },
    { "storage-error-loses-nothing", test_storage_error, NULL },
    { "progress", test_progress, NULL },
    { "one-request-an-emit-without-health", test_one_request_an_emit,
      GUINT_TO_POINTER (LAMP_OUTCOME_MISCONFIGURED) },
    { "one-request-an-emit-with-health-for-few", test_one_request_an_emit,
      GUINT_TO_POINTER (LAMP_OUTCOME_UNAUTHORIZED) },
    { "error-stays-while-offline", test_error_stays_while_offline, NULL },
    { "probes-now-and-then", test_probes_now_and_then, NULL },
  };
  static const struct
  {
    const char *path;
    void (*test) (Fixture *fixture, gconstpointer data);
  } halt_cases[] = {
    { "waits", test_halts },
    { "ends-by-person", test_person_ends_halt },
    { "ends-by-new-server", test_new_server_ends_halt },
    { "of-before-new-server", test_new_server_in_flight },
    { "ends-while-paused", test_halt_ends_while_paused },
    { "ends-with-empty-queue", test_halt_ends_with_empty_queue },
  };

  /* Thousands of commits: what a power cut leaves of them is not the matter here. */
  if (g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", FALSE);

  g_test_init (&argc, &argv, NULL);
  lamp_test_catch_warnings ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/replay/", cases[i].path, NULL);

      g_test_add (path, Fixture, cases[i].data, set_up, cases[i].test, tear_down);
    }

  for (guint i = 0; i < G_N_ELEMENTS (halt_cases); i++)
    for (guint j = 0; j < G_N_ELEMENTS (halts); j++)
      {
        g_autofree char *path = g_strdup_printf ("/replay/%s/%s",
                                                 lamp_state_to_string (halts[j].state),
                                                 halt_cases[i].path);

        g_test_add (path, Fixture, GUINT_TO_POINTER (j), set_up, halt_cases[i].test, tear_down);
      }

  g_test_add_func ("/replay/random-walks", test_walks);

  return g_test_run ();
}
