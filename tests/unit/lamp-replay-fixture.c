/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-replay-fixture.h"

#include "lamp-fault-vfs.h"

/* The wall clock goes on while a test that holds its own time still looks at it. */
#define TOLERANCE (20 * SECOND)

/* --- what a test does --------------------------------------------------- */

static void
finished_cb (LampReplay *replay,
             guint       delivered,
             guint       failed,
             guint       left,
             const char *error,
             gpointer    user_data)
{
  g_string_append_printf (user_data, "%u %u %u %s\n", delivered, failed, left, error);
}

static void
set_up_in (Fixture *fixture,
           char    *folder)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  fixture->folder = folder;
  path = g_build_filename (fixture->folder, "queue.db", NULL);
  fixture->queue = lamp_queue_new (path, "test-node");
  lamp_queue_open (fixture->queue, &error);
  g_assert_no_error (error);
  fixture->db = lamp_test_db_open (path);
  fixture->timer = lamp_timer_dummy_new ();
  fixture->transport = lamp_transport_dummy_new ();
  fixture->network = lamp_network_dummy_new ();
  fixture->replay = lamp_replay_new (fixture->queue, LAMP_TRANSPORT (fixture->transport),
                                     LAMP_TIMER (fixture->timer), fixture->network);
  fixture->finished = g_string_new (NULL);
  g_signal_connect (fixture->replay, "finished", G_CALLBACK (finished_cb), fixture->finished);
}

void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  set_up_in (fixture, lamp_test_folder_new ());
}

void
set_up_faulty (Fixture      *fixture,
               gconstpointer data)
{
  char *folder = lamp_test_folder_new ();

  lamp_fault_vfs_watch (folder, FALSE);
  set_up_in (fixture, folder);
}

void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_clear_object (&fixture->stopped);
  g_assert_cmpuint (lamp_transport_dummy_get_n_in_flight (fixture->transport), ==, 0);
  g_assert_finalize_object (fixture->replay);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
  g_assert_finalize_object (fixture->timer);
  g_assert_finalize_object (fixture->transport);
  g_assert_finalize_object (fixture->network);
  lamp_test_finalize (fixture->queue);
  lamp_test_db_close (fixture->db);
  lamp_test_folder_free (fixture->folder);
  g_string_free (fixture->finished, TRUE);
}

/* Everything under way keeps the replay alive: its store, its transport, its end. */
static gboolean
is_busy (Fixture *fixture)
{
  guint refs = G_OBJECT (fixture->replay)->ref_count;

  if (fixture->holding)
    refs -= lamp_transport_dummy_get_n_in_flight (fixture->transport);
  if (fixture->stopping && fixture->stopped == NULL)
    refs--;
  else if (fixture->stopping)
    return FALSE;

  return refs > 1;
}

void
iterate (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

void
rest (Fixture *fixture)
{
  do
    {
      iterate ();
      lamp_test_wait_until (!is_busy (fixture));
    }
  while (g_main_context_pending (NULL));
}

void
advance (Fixture *fixture,
         gint64   delay)
{
  lamp_timer_dummy_advance (fixture->timer, delay);
  rest (fixture);
}

void
ring (Fixture *fixture)
{
  lamp_timer_dummy_next_alarm (fixture->timer);
  rest (fixture);
}

void
start (Fixture *fixture)
{
  lamp_replay_start (fixture->replay);
  rest (fixture);
}

char *
emit (Fixture *fixture)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (events, lamp_test_event ("mission", "CommentPosted", NULL));
  lamp_queue_append_async (fixture->queue, events, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  receipts = lamp_queue_append_finish (fixture->queue, result, &error);
  g_assert_no_error (error);

  return g_strdup (((LampReceipt *) g_ptr_array_index (receipts, 0))->event_id);
}

GPtrArray *
emit_many (Fixture *fixture,
           guint    count)
{
  GPtrArray *ids = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < count; i++)
    g_ptr_array_add (ids, emit (fixture));

  return ids;
}

void
emit_some (Fixture *fixture,
           guint    count)
{
  g_ptr_array_unref (emit_many (fixture, count));
}

void
go (Fixture *fixture)
{
  advance (fixture, GATHER);
}

void
push (Fixture        *fixture,
      LampOutcomeKind kind)
{
  lamp_transport_dummy_push (fixture->transport, kind);
}

void
push_verdict (Fixture        *fixture,
              LampOutcomeKind kind,
              guint           index,
              LampVerdictKind verdict)
{
  lamp_transport_dummy_push_verdict (fixture->transport, kind, index, verdict, "code", "words");
}

LampOutcome *
judge_away (LampBatch *batch,
            gpointer   user_data)
{
  LampOutcome *outcome = lamp_outcome_new (AWAY, lamp_batch_get_size (batch));

  g_free (outcome->message);
  outcome->message = g_strdup_printf ("outcome %d", AWAY);

  return outcome;
}

void
set_health (Fixture        *fixture,
            LampOutcomeKind kind)
{
  lamp_transport_dummy_set_health (fixture->transport, kind, NULL);
}

void
hold (Fixture *fixture)
{
  fixture->holding = TRUE;
  lamp_transport_dummy_hold (fixture->transport);
}

void
release (Fixture *fixture)
{
  fixture->holding = FALSE;
  lamp_transport_dummy_release (fixture->transport);
  rest (fixture);
}

void
stop (Fixture *fixture)
{
  fixture->stopping = TRUE;
  lamp_replay_stop_async (fixture->replay, lamp_test_result_cb, &fixture->stopped);
  rest (fixture);
}

void
look (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_open_async (fixture->queue, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_open_finish (fixture->queue, result, &error);
  g_assert_no_error (error);
}

/* --- what a test looks at ----------------------------------------------- */

LampRow *
get_row (Fixture    *fixture,
         const char *event_id)
{
  g_autoptr (GError) error = NULL;
  LampRow *row = lamp_queue_get (fixture->queue, event_id, &error);

  g_assert_no_error (error);

  return row;
}

void
assert_delivered (Fixture    *fixture,
                  const char *event_id)
{
  g_autoptr (LampRow) row = get_row (fixture, event_id);

  g_assert_cmpstr (lamp_status_to_string (row->status), ==, "delivered");
}

void
assert_untouched (Fixture    *fixture,
                  const char *event_id)
{
  g_autoptr (LampRow) row = get_row (fixture, event_id);

  g_assert_cmpstr (lamp_status_to_string (row->status), ==, "pending");
  g_assert_cmpuint (row->retry_count, ==, 0);
  g_assert_cmpstr (row->error_code, ==, "");
  g_assert_cmpint (row->last_retry_at, ==, 0);
}

void
assert_failed (Fixture    *fixture,
               const char *event_id,
               const char *code,
               const char *message)
{
  g_autoptr (LampRow) row = get_row (fixture, event_id);

  g_assert_cmpstr (lamp_status_to_string (row->status), ==, "failed");
  g_assert_cmpuint (row->retry_count, ==, 1);
  g_assert_cmpint (row->last_retry_at, >, 0);
  g_assert_cmpstr (row->error_code, ==, code);
  g_assert_cmpstr (row->error_message, ==, message);
}

void
assert_next_retry (Fixture *fixture,
                   gint64   delay)
{
  gint64 told = lamp_replay_get_next_retry (fixture->replay) - g_get_real_time ();

  g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), ==, delay);
  g_assert_cmpint (told, <, delay + TOLERANCE);
  g_assert_cmpint (told, >, delay - TOLERANCE);
}

void
assert_backoff (Fixture *fixture,
                gint64   base)
{
  gint64 delay = lamp_timer_dummy_get_delay (fixture->timer);

  g_assert_cmpint (delay, >=, base);
  g_assert_cmpint (delay, <=, base + base / 10);
  assert_next_retry (fixture, delay);
}
