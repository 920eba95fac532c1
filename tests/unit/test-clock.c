/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-clock.h"
#include "lamp-queue.h"
#include "lamp-store-private.h"
#include "lamp-test-util.h"
#include "lamp-ulid.h"

#include <string.h>

#include <glib/gstdio.h>

#define NODE "test-node"

/* What each of two processes does, in rounds in which both run at once. */
#define ROUNDS 250
#define TICKS_A_ROUND 20
#define TICKS (ROUNDS * TICKS_A_ROUND)
#define APPENDS_A_ROUND 2
#define APPENDS (ROUNDS * APPENDS_A_ROUND)

typedef struct
{
  char *folder;     /* (owned) */
  char *path;       /* (owned) of the queue */
  char *clock_path; /* (owned) of spec-kitty's clock file */
  LampStore *store; /* (owned) */
} Fixture;

typedef enum
{
  CURRENT,
  INCREMENT,
  UPDATE,
  RAISE,
  READ_FILE,
} Operation;

/* One job for the store. */
typedef struct
{
  Operation operation;
  const char *node_id;
  const char *path;
  gint64 argument;
  gint64 value;
} Job;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autofree char *events = NULL;

  fixture->folder = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "queue.db", NULL);
  fixture->store = lamp_store_new (fixture->path, NODE);

  events = g_build_filename (fixture->folder, "events", NULL);
  g_assert_no_errno (g_mkdir (events, 0700));
  fixture->clock_path = g_build_filename (events, "lamport_clock.json", NULL);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  lamp_test_assert_warned ();
  g_assert_finalize_object (fixture->store);
  lamp_test_folder_free (fixture->folder);
  g_free (fixture->path);
  g_free (fixture->clock_path);
}

static gboolean
run_operation (LampStore *store,
               gpointer   data,
               GError   **error)
{
  Job *job = data;

  switch (job->operation)
    {
    case CURRENT:
      return lamp_clock_current (store, job->node_id, &job->value, error);
    case INCREMENT:
      return lamp_clock_increment (store, job->node_id, &job->value, error);
    case UPDATE:
      return lamp_clock_update (store, job->node_id, job->argument, &job->value, error);
    case RAISE:
      return lamp_clock_raise (store, job->node_id, job->argument, error);
    case READ_FILE:
      return lamp_clock_read_file (store, job->path, error);
    default:
      g_assert_not_reached ();
    }
}

static gint64
run (Fixture    *fixture,
     Operation   operation,
     const char *node_id,
     gint64      argument)
{
  g_autoptr (GError) error = NULL;
  Job job = { operation, node_id, fixture->clock_path, argument, 0 };
  LampStoreMode mode = operation == CURRENT ? LAMP_STORE_READ : LAMP_STORE_WRITE;

  lamp_store_run (fixture->store, mode, run_operation, &job, NULL, &error);
  g_assert_no_error (error);

  return job.value;
}

static void
assert_clock (Fixture    *fixture,
              const char *node_id,
              gint64      expected)
{
  g_assert_cmpint (run (fixture, CURRENT, node_id, 0), ==, expected);
}

static void
write_clock_file (Fixture    *fixture,
                  const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (fixture->clock_path, text, -1, &error);
  g_assert_no_error (error);
}

static void
read_clock_file (Fixture *fixture)
{
  run (fixture, READ_FILE, NULL, 0);
}

/* --- rules -------------------------------------------------------------- */

static void
test_starts_at_zero (Fixture      *fixture,
                     gconstpointer data)
{
  assert_clock (fixture, NODE, 0);
  assert_clock (fixture, "never-seen", 0);
}

static void
test_increments_by_one (Fixture      *fixture,
                        gconstpointer data)
{
  g_assert_cmpint (run (fixture, INCREMENT, NODE, 0), ==, 1);
  g_assert_cmpint (run (fixture, INCREMENT, NODE, 0), ==, 2);
  assert_clock (fixture, NODE, 2);
  assert_clock (fixture, NODE, 2);
}

static void
test_update_is_max_plus_one (Fixture      *fixture,
                             gconstpointer data)
{
  g_assert_cmpint (run (fixture, UPDATE, NODE, 0), ==, 1);
  g_assert_cmpint (run (fixture, UPDATE, NODE, 10), ==, 11);
  g_assert_cmpint (run (fixture, UPDATE, NODE, 10), ==, 12);
  g_assert_cmpint (run (fixture, UPDATE, NODE, 12), ==, 13);
  g_assert_cmpint (run (fixture, UPDATE, NODE, 3), ==, 14);
  assert_clock (fixture, NODE, 14);
}

static void
test_update_beyond_32_bits (Fixture      *fixture,
                            gconstpointer data)
{
  g_assert_cmpint (run (fixture, UPDATE, NODE, LAMP_CLOCK_RECEIVED_MAX), ==,
                   G_GINT64_CONSTANT (9007199254740993));
  g_assert_cmpint (run (fixture, INCREMENT, NODE, 0), ==, G_GINT64_CONSTANT (9007199254740994));
}

static void
test_raise_never_lowers (Fixture      *fixture,
                         gconstpointer data)
{
  run (fixture, RAISE, NODE, 20);
  assert_clock (fixture, NODE, 20);
  run (fixture, RAISE, NODE, 20);
  assert_clock (fixture, NODE, 20);
  run (fixture, RAISE, NODE, 5);
  assert_clock (fixture, NODE, 20);
  run (fixture, RAISE, "other", 3);
  assert_clock (fixture, "other", 3);
}

static void
test_nodes_coexist (Fixture      *fixture,
                    gconstpointer data)
{
  g_assert_cmpint (run (fixture, UPDATE, NODE, 100), ==, 101);
  g_assert_cmpint (run (fixture, INCREMENT, "laptop", 0), ==, 1);
  g_assert_cmpint (run (fixture, INCREMENT, "Laptop", 0), ==, 1);
  g_assert_cmpint (run (fixture, UPDATE, "laptop", 7), ==, 8);
  assert_clock (fixture, NODE, 101);
  assert_clock (fixture, "laptop", 8);
  assert_clock (fixture, "Laptop", 1);
}

static void
test_survives_restart (Fixture      *fixture,
                       gconstpointer data)
{
  run (fixture, UPDATE, NODE, 41);
  run (fixture, UPDATE, "laptop", 6);

  g_assert_finalize_object (fixture->store);
  fixture->store = lamp_store_new (fixture->path, NODE);

  assert_clock (fixture, NODE, 42);
  assert_clock (fixture, "laptop", 7);
  g_assert_cmpint (run (fixture, INCREMENT, NODE, 0), ==, 43);
}

static gboolean
tick_and_fail (LampStore *store,
               gpointer   data,
               GError   **error)
{
  gint64 value;

  g_assert_true (lamp_clock_increment (store, NODE, &value, error));
  g_assert_true (lamp_clock_increment (store, "laptop", &value, error));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "on purpose");

  return FALSE;
}

static void
test_failed_job_does_not_tick (Fixture      *fixture,
                               gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  run (fixture, INCREMENT, NODE, 0);
  g_assert_false (
    lamp_store_run (fixture->store, LAMP_STORE_WRITE, tick_and_fail, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);

  assert_clock (fixture, NODE, 1);
  assert_clock (fixture, "laptop", 0);
}

static gboolean
check_inside (LampStore *store,
              gpointer   data,
              GError   **error)
{
  gint64 value;

  return lamp_clock_increment (store, NODE, &value, error) &&
         lamp_clock_update (store, NODE, 50, &value, error) &&
         lamp_clock_raise (store, NODE, 60, error) && lamp_clock_current (store, NODE, data, error);
}

static void
test_job_sees_its_own_ticks (Fixture      *fixture,
                             gconstpointer data)
{
  gint64 value = 0;

  g_assert_true (
    lamp_store_run (fixture->store, LAMP_STORE_WRITE, check_inside, &value, NULL, NULL));
  g_assert_cmpint (value, ==, 60);
  assert_clock (fixture, NODE, 60);
}

/* --- the clock file ----------------------------------------------------- */

static void
test_file_raises_every_node (Fixture      *fixture,
                             gconstpointer data)
{
  run (fixture, UPDATE, "high", 99);
  write_clock_file (fixture, "{\"low\": 7, \"high\": 50, \"" NODE "\": 12}\n");
  read_clock_file (fixture);

  assert_clock (fixture, "low", 7);
  assert_clock (fixture, "high", 100);

  /* The largest, 50, counts as received. */
  assert_clock (fixture, NODE, 51);
}

static void
test_file_own_entry_is_a_floor (Fixture      *fixture,
                                gconstpointer data)
{
  write_clock_file (fixture, "{\"" NODE "\": 12, \"low\": 7}");
  read_clock_file (fixture);

  assert_clock (fixture, NODE, 12);
  g_assert_cmpint (run (fixture, INCREMENT, NODE, 0), ==, 13);
}

static void
test_file_again_does_not_tick (Fixture      *fixture,
                               gconstpointer data)
{
  write_clock_file (fixture, "{\"laptop\": 30}");
  for (int i = 0; i < 3; i++)
    {
      read_clock_file (fixture);
      assert_clock (fixture, NODE, 31);
    }

  write_clock_file (fixture, "{\"laptop\": 31}");
  read_clock_file (fixture);
  assert_clock (fixture, NODE, 31);

  write_clock_file (fixture, "{\"laptop\": 32}");
  read_clock_file (fixture);
  assert_clock (fixture, NODE, 33);
}

static void
test_file_real (Fixture      *fixture,
                gconstpointer data)
{
  g_autofree char *path = lamp_test_dup_shared_file ("lamport_clock.json");
  g_autofree char *text = NULL;

  if (path == NULL)
    return;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  write_clock_file (fixture, text);
  read_clock_file (fixture);

  assert_clock (fixture, "cli-workstation", 41);
  assert_clock (fixture, "cli-laptop", 7);
  assert_clock (fixture, NODE, 42);
}

static void
test_file_missing_is_none (Fixture      *fixture,
                           gconstpointer data)
{
  read_clock_file (fixture);
  assert_clock (fixture, NODE, 0);
}

static void
test_file_garbage_is_ignored (Fixture      *fixture,
                              gconstpointer data)
{
  static const char *const texts[] = {
    "", "{", "garbage", "[41]", "41", "{\"laptop\": 41,}", "{\"laptop\": 41} x", "{'laptop': 41}",
  };

  run (fixture, UPDATE, NODE, 4);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      lamp_test_expect_warning ("The clock file “*” is no JSON object of clocks; it is left out");
      write_clock_file (fixture, texts[i]);
      read_clock_file (fixture);
      lamp_test_assert_warned ();
      assert_clock (fixture, NODE, 5);
      assert_clock (fixture, "laptop", 0);
    }
}

static void
test_file_unreadable_is_ignored (Fixture      *fixture,
                                 gconstpointer data)
{
  g_assert_no_errno (g_mkdir (fixture->clock_path, 0700));
  lamp_test_expect_warning ("The clock file can’t be read: *");
  read_clock_file (fixture);
  assert_clock (fixture, NODE, 0);
}

static void
test_file_bad_values_are_ignored (Fixture      *fixture,
                                  gconstpointer data)
{
  static const char *const values[] = {
    "9007199254740993", "-1", "1.5", "1e3", "\"7\"", "null", "true", "{}", "99999999999999999999",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"bad\": %s, \"good\": 3}", values[i]);

      lamp_test_expect_warning ("The clock of node “bad” is no number from 0 to 2^53; *");
      write_clock_file (fixture, text);
      read_clock_file (fixture);
      lamp_test_assert_warned ();
      assert_clock (fixture, "bad", 0);
      assert_clock (fixture, "good", 3);
      assert_clock (fixture, NODE, 4);
    }

  write_clock_file (fixture, "{\"largest\": 9007199254740992}");
  read_clock_file (fixture);
  assert_clock (fixture, "largest", LAMP_CLOCK_RECEIVED_MAX);
  assert_clock (fixture, NODE, LAMP_CLOCK_RECEIVED_MAX + 1);
}

static void
test_file_is_read_when_opened (Fixture      *fixture,
                               gconstpointer data)
{
  g_autoptr (LampQueue) queue = lamp_queue_new (fixture->path, NODE);
  g_autoptr (GError) error = NULL;

  write_clock_file (fixture, "{\"laptop\": 30}");
  lamp_queue_open (queue, &error);
  g_assert_no_error (error);
  g_assert_cmpint (lamp_queue_get_tally (queue)->lamport_clock, ==, 31);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

static void
clock_changed_cb (LampQueue *queue,
                  gpointer   user_data)
{
  gint64 *clock = user_data;

  *clock = lamp_queue_get_tally (queue)->lamport_clock;
}

static void
test_file_is_read_when_it_changes (Fixture      *fixture,
                                   gconstpointer data)
{
  g_autoptr (LampQueue) queue = lamp_queue_new (fixture->path, NODE);
  gint64 clock = 0;

  g_assert_true (lamp_queue_open (queue, NULL));
  lamp_queue_watch (queue);
  g_signal_connect (queue, "changed", G_CALLBACK (clock_changed_cb), &clock);

  /* As spec-kitty writes it: a new file, moved over the old one. */
  write_clock_file (fixture, "{\"laptop\": 30}");
  lamp_test_wait_until (clock == 31);
  write_clock_file (fixture, "{\"laptop\": 300}");
  lamp_test_wait_until (clock == 301);

  lamp_test_finalize (g_steal_pointer (&queue));
}

/* --- events of other programs ------------------------------------------- */

/* Rows that must not be walked again with each append. */
#define MANY_ROWS 20000

/* The file as spec-kitty makes it, in its oldest version. */
#define OLD_SCHEMA                                                                                 \
  "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL, "      \
  "event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL, "                     \
  "retry_count INTEGER DEFAULT 0);"

static LampQueue *
open_queue (Fixture *fixture)
{
  LampQueue *queue = lamp_queue_new (fixture->path, NODE);
  g_autoptr (GError) error = NULL;

  lamp_queue_open (queue, &error);
  g_assert_no_error (error);

  return queue;
}

/* The clock of our next event. */
static gint64
append_next (LampQueue *queue)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (events, lamp_test_event ("mission", "Own", NULL));
  receipts = lamp_queue_append (queue, events, &error);
  g_assert_no_error (error);

  return ((const LampReceipt *) g_ptr_array_index (receipts, 0))->lamport_clock;
}

static void
run_foreign (Fixture    *fixture,
             const char *sql)
{
  g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

  lamp_test_db_run (db, sql);
}

#define INSERT(id, clock)                                                                          \
  "INSERT INTO queue (event_id, event_type, data, timestamp) "                                     \
  "VALUES ('" id "', 'T', '{\"lamport_clock\": " clock "}', 1);"

/* Nobody has noticed: the append itself looks. */
static void
test_foreign_counts_as_received (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autoptr (LampQueue) queue = open_queue (fixture);

  g_assert_cmpint (append_next (queue), ==, 1);
  run_foreign (fixture, INSERT ("F", "500"));
  g_assert_cmpint (append_next (queue), ==, 502);
  g_assert_cmpint (lamp_queue_get_tally (queue)->lamport_clock, ==, 502);
  g_assert_cmpint (append_next (queue), ==, 503);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

static void
test_foreign_largest_counts (Fixture      *fixture,
                             gconstpointer data)
{
  g_autoptr (LampQueue) queue = open_queue (fixture);

  run_foreign (fixture, INSERT ("A", "500") INSERT ("B", "700") INSERT ("C", "600"));
  g_assert_cmpint (append_next (queue), ==, 702);

  /* What is behind us is no news. */
  run_foreign (fixture, INSERT ("D", "20"));
  g_assert_cmpint (append_next (queue), ==, 703);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

static void
test_foreign_rewritten (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (LampQueue) queue = open_queue (fixture);

  run_foreign (fixture, INSERT ("F", "500"));
  g_assert_cmpint (append_next (queue), ==, 502);

  run_foreign (fixture,
               "UPDATE queue SET event_id = 'G', data = '{\"lamport_clock\": 700}', "
               "timestamp = 2 WHERE event_id = 'F'");
  g_assert_cmpint (append_next (queue), ==, 702);

  run_foreign (fixture,
               "INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp, "
               "coalesce_key) VALUES ('G', 'T', '{\"lamport_clock\": 900}', 3, 'key')");
  g_assert_cmpint (append_next (queue), ==, 902);

  /* What doesn't concern the bytes is nothing to read. */
  run_foreign (fixture, "UPDATE queue SET retry_count = retry_count + 1");
  g_assert_cmpint (append_next (queue), ==, 903);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

/* Written and gone before anybody looked: what can't be read can't count. */
static void
test_foreign_gone_again (Fixture      *fixture,
                         gconstpointer data)
{
  g_autoptr (LampQueue) queue = open_queue (fixture);

  run_foreign (fixture, INSERT ("F", "500") INSERT ("G", "5"));
  g_assert_cmpint (append_next (queue), ==, 502);
  run_foreign (fixture,
               "UPDATE queue SET data = '{\"lamport_clock\": 700}' WHERE event_id = 'F';"
               "DELETE FROM queue WHERE event_id IN ('F', 'G')");
  g_assert_cmpint (append_next (queue), ==, 503);
  g_assert_cmpint (append_next (queue), ==, 504);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

static void
test_foreign_bad_values_are_ignored (Fixture      *fixture,
                                     gconstpointer data)
{
  static const char *const texts[] = {
    "{\"lamport_clock\": -1}",
    "{\"lamport_clock\": 9007199254740993}",
    "{\"lamport_clock\": 99999999999999999999}",
    "{\"lamport_clock\": \"500\"}",
    "{\"lamport_clock\": 500.5}",
    "{\"lamport_clock\": null}",
    "{\"lamport_clock\": [500]}",
    "{\"payload\": {\"lamport_clock\": 500}}",
    "{}",
    "[{\"lamport_clock\": 500}]",
    "{\"lamport_clock\": 500",
    "no JSON",
    "",
  };
  g_autoptr (LampQueue) queue = open_queue (fixture);

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *sql = g_strdup_printf (
        "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('%u', 'T', '%s', 1)",
        (guint) i, texts[i]);

      run_foreign (fixture, sql);
      g_assert_cmpint (append_next (queue), ==, (gint64) i + 1);
      g_assert_cmpuint (lamp_queue_get_tally (queue)->pending, ==, 2 * (i + 1));
    }

  /* The bad one spoils nothing for the good one. */
  run_foreign (fixture, INSERT ("A", "-1") INSERT ("B", "9007199254740992"));
  g_assert_cmpint (append_next (queue), ==, LAMP_CLOCK_RECEIVED_MAX + 2);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

static void
test_foreign_again_does_not_tick (Fixture      *fixture,
                                  gconstpointer data)
{
  g_autoptr (LampQueue) queue = open_queue (fixture);

  run_foreign (fixture, INSERT ("F", "500"));
  for (int i = 0; i < 3; i++)
    {
      g_assert_true (lamp_queue_open (queue, NULL));
      g_assert_cmpint (lamp_queue_get_tally (queue)->lamport_clock, ==, 501);
    }

  for (int i = 0; i < 3; i++)
    {
      g_assert_finalize_object (g_steal_pointer (&queue));
      queue = open_queue (fixture);
      g_assert_cmpint (lamp_queue_get_tally (queue)->lamport_clock, ==, 501);
    }

  g_assert_finalize_object (g_steal_pointer (&queue));
}

/* An append that is refused has received nothing either: the next one looks again. */
static void
test_foreign_after_a_refusal (Fixture      *fixture,
                              gconstpointer data)
{
  g_autoptr (LampQueue) queue = open_queue (fixture);
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GError) error = NULL;

  run_foreign (fixture, INSERT ("F", "500"));
  lamp_queue_set_capacity (queue, 1);
  g_ptr_array_add (events, lamp_test_event ("mission", "Own", NULL));
  g_assert_null (lamp_queue_append (queue, events, &error));
  g_assert_nonnull (error);

  lamp_queue_set_capacity (queue, 10);
  g_assert_cmpint (append_next (queue), ==, 502);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

/* Rows that were there before us, whether the file was opened first or not. */
static void
test_foreign_before_us (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (LampQueue) queue = NULL;

  run_foreign (fixture, OLD_SCHEMA INSERT ("A", "300") INSERT ("B", "299"));
  if (GPOINTER_TO_INT (data))
    {
      queue = open_queue (fixture);
      g_assert_cmpint (lamp_queue_get_tally (queue)->lamport_clock, ==, 301);
    }
  else
    {
      queue = lamp_queue_new (fixture->path, NODE);
    }

  g_assert_cmpint (append_next (queue), ==, 302);
  g_assert_cmpuint (lamp_queue_get_tally (queue)->pending, ==, 3);

  g_assert_finalize_object (g_steal_pointer (&queue));
}

/* Whichever of two is next, it comes behind; what one has received, both have. */
static void
test_foreign_beside_two (Fixture      *fixture,
                         gconstpointer data)
{
  g_autoptr (LampQueue) first = open_queue (fixture);
  g_autoptr (LampQueue) second = open_queue (fixture);

  g_assert_cmpint (append_next (first), ==, 1);
  g_assert_cmpint (append_next (second), ==, 2);

  run_foreign (fixture, INSERT ("F", "500"));
  g_assert_cmpint (append_next (first), ==, 502);
  g_assert_cmpint (append_next (second), ==, 503);

  run_foreign (fixture, INSERT ("G", "600"));
  g_assert_cmpint (append_next (second), ==, 602);
  g_assert_cmpint (append_next (first), ==, 603);

  /* Each other's events are no foreign ones: they don't count twice. */
  g_assert_true (lamp_queue_open (first, NULL));
  g_assert_true (lamp_queue_open (second, NULL));
  g_assert_cmpint (append_next (second), ==, 604);

  g_assert_finalize_object (g_steal_pointer (&first));
  g_assert_finalize_object (g_steal_pointer (&second));
}

/* Sums what SQLite's virtual machine has done since the last time. */
static int
count_steps (sqlite3 *db)
{
  sqlite3_stmt *statement = NULL;
  int steps = 0;

  while ((statement = sqlite3_next_stmt (db, statement)) != NULL)
    steps += sqlite3_stmt_status (statement, SQLITE_STMTSTATUS_VM_STEP, TRUE);

  return steps;
}

static gboolean
adopt_and_count (LampStore *store,
                 gpointer   data,
                 GError   **error)
{
  int *steps = data;

  count_steps (lamp_store_get_db (store));
  if (!lamp_clock_adopt (store, error))
    return FALSE;

  *steps = count_steps (lamp_store_get_db (store));

  return TRUE;
}

static int
adopt (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  int steps = 0;

  lamp_store_run (fixture->store, LAMP_STORE_WRITE, adopt_and_count, &steps, NULL, &error);
  g_assert_no_error (error);

  return steps;
}

static void
test_foreign_costs_nothing_without (Fixture      *fixture,
                                    gconstpointer data)
{
  g_autofree char *sql = NULL;
  int first;
  int at_few;
  int at_many;
  int again;

  run (fixture, INCREMENT, NODE, 0);
  run_foreign (fixture, INSERT ("F", "500"));
  adopt (fixture);
  at_few = adopt (fixture);

  sql = g_strdup_printf (
    "INSERT INTO queue (event_id, event_type, data, timestamp) "
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
    "WHERE n < %d) SELECT 'N' || n, 'T', '{\"lamport_clock\": 7}', 1 FROM c",
    MANY_ROWS);
  run_foreign (fixture, sql);
  first = adopt (fixture);
  at_many = adopt (fixture);

  /* One more is one more, not all of them again. */
  run_foreign (fixture, INSERT ("G", "600"));
  again = adopt (fixture);

  g_test_message ("steps: %d at 1 row, %d to read %d rows, then %d, %d to read another", at_few,
                  first, MANY_ROWS, at_many, again);
  g_assert_cmpint (first, >, MANY_ROWS);
  g_assert_cmpint (at_many, ==, at_few);
  g_assert_cmpint (at_many, <, 100);
  g_assert_cmpint (again, <, 300);
  assert_clock (fixture, NODE, 601);
}

/* The setting “node-id” was changed: what the node before received, the new one receives too,
 * whether the clock file says something or not. */
static void
test_foreign_before_this_node (Fixture      *fixture,
                               gconstpointer data)
{
  g_autoptr (LampQueue) queue = open_queue (fixture);

  g_assert_cmpint (append_next (queue), ==, 1);
  run_foreign (fixture, INSERT ("F", "500"));
  g_assert_cmpint (append_next (queue), ==, 502);
  g_assert_finalize_object (g_steal_pointer (&queue));

  if (GPOINTER_TO_INT (data))
    write_clock_file (fixture, "{\"somebody\": 100}");
  queue = lamp_queue_new (fixture->path, "new-node");
  g_assert_true (lamp_queue_open (queue, NULL));
  g_assert_cmpint (lamp_queue_get_tally (queue)->lamport_clock, ==, 503);
  g_assert_cmpint (append_next (queue), ==, 504);
  g_assert_true (lamp_queue_open (queue, NULL));
  g_assert_cmpint (append_next (queue), ==, 505);
  g_assert_finalize_object (g_steal_pointer (&queue));

  assert_clock (fixture, NODE, 502);
}

/* A new node reads all the rows once, also where none of them has a clock. */
static void
test_foreign_is_read_once_by_a_node (Fixture      *fixture,
                                     gconstpointer data)
{
  int first;
  int second;

  run_foreign (fixture, OLD_SCHEMA
               "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) "
               "INSERT INTO queue (event_id, event_type, data, timestamp) "
               "SELECT 'N' || n, 'T', '{}', 1 FROM c");
  adopt (fixture);
  g_assert_cmpint (adopt (fixture), <, 100);

  g_assert_finalize_object (fixture->store);
  fixture->store = lamp_store_new (fixture->path, "new-node");
  first = adopt (fixture);
  second = adopt (fixture);
  g_assert_cmpint (first, >, 1000);
  g_assert_cmpint (second, <, 100);
  assert_clock (fixture, "new-node", 0);
}

/* --- several processes -------------------------------------------------- */

/* Another process at the same queue. */
typedef struct
{
  GSubprocess *process;     /* (owned) */
  GDataInputStream *output; /* (owned) */
} Ticker;

static Ticker *
ticker_new (Fixture    *fixture,
            const char *what)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "tests", "lib", "lamp-ticker",
                                                    NULL);
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GError) error = NULL;
  Ticker *ticker = g_new0 (Ticker, 1);

  launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                     G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  ticker->process = g_subprocess_launcher_spawn (launcher, &error, program, what, fixture->path,
                                                 NULL);
  g_assert_no_error (error);
  ticker->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (ticker->process));

  return ticker;
}

static void
ticker_free (Ticker *ticker)
{
  g_autoptr (GError) error = NULL;

  g_output_stream_close (g_subprocess_get_stdin_pipe (ticker->process), NULL, &error);
  g_assert_no_error (error);
  g_subprocess_wait_check (ticker->process, NULL, &error);
  g_assert_no_error (error);

  g_object_unref (ticker->output);
  g_object_unref (ticker->process);
  g_free (ticker);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Ticker, ticker_free)

static void
ask (Ticker *ticker,
     guint   count)
{
  GOutputStream *input = g_subprocess_get_stdin_pipe (ticker->process);
  g_autoptr (GError) error = NULL;

  g_output_stream_printf (input, NULL, NULL, &error, "%u\n", count);
  g_assert_no_error (error);
}

static void
hear (Ticker    *ticker,
      guint      count,
      GPtrArray *lines)
{
  for (guint i = 0; i < count; i++)
    {
      g_autoptr (GError) error = NULL;
      char *line = g_data_input_stream_read_line (ticker->output, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_nonnull (line);
      g_ptr_array_add (lines, line);
    }
}

static void
run_two_tickers (Fixture    *fixture,
                 const char *what,
                 guint       count,
                 GPtrArray  *first_lines,
                 GPtrArray  *second_lines)
{
  g_autoptr (Ticker) first = ticker_new (fixture, what);
  g_autoptr (Ticker) second = ticker_new (fixture, what);

  for (int i = 0; i < ROUNDS; i++)
    {
      ask (first, count);
      ask (second, count);
      hear (first, count, first_lines);
      hear (second, count, second_lines);
    }
}

/* Puts each line at the place of its clock, which no other line may have. */
static void
sort_by_clock (GPtrArray *lines,
               GPtrArray *sorted)
{
  gint64 last = 0;

  for (guint i = 0; i < lines->len; i++)
    {
      char *line = g_ptr_array_index (lines, i);
      gint64 value = g_ascii_strtoll (line, NULL, 10);

      g_assert_cmpint (value, >, last);
      g_assert_cmpint (value, <=, sorted->len);
      g_assert_null (g_ptr_array_index (sorted, value - 1));
      g_ptr_array_index (sorted, value - 1) = line;
      last = value;
    }
}

static guint
count_turns (GPtrArray *sorted,
             GPtrArray *lines)
{
  gboolean before = TRUE;
  guint turns = 0;
  guint position = 0;

  for (guint i = 0; i < sorted->len; i++)
    {
      gboolean own = position < lines->len &&
                     g_ptr_array_index (sorted, i) == g_ptr_array_index (lines, position);

      position += own;
      turns += own != before;
      before = own;
    }

  return turns;
}

static GPtrArray *
run_and_sort (Fixture    *fixture,
              const char *what,
              guint       count)
{
  g_autoptr (GPtrArray) first = g_ptr_array_new ();
  g_autoptr (GPtrArray) second = g_ptr_array_new ();
  GPtrArray *sorted = g_ptr_array_new_with_free_func (g_free);

  run_two_tickers (fixture, what, count, first, second);
  g_ptr_array_set_size (sorted, (int) (first->len + second->len));
  sort_by_clock (first, sorted);
  sort_by_clock (second, sorted);
  g_test_message ("the two took turns %u times", count_turns (sorted, first));

  return sorted;
}

static void
test_processes_never_share_a_value (Fixture      *fixture,
                                    gconstpointer data)
{
  g_autoptr (GPtrArray) sorted = run_and_sort (fixture, "tick", TICKS_A_ROUND);

  g_assert_cmpuint (sorted->len, ==, 2 * TICKS);
  assert_clock (fixture, NODE, 2 * TICKS);
}

/* In the order of their clocks, ids rise. */
static void
assert_ids_rise (GPtrArray *sorted,
                 char      *last)
{
  for (guint i = 0; i < sorted->len; i++)
    {
      const char *event_id = strchr (g_ptr_array_index (sorted, i), ' ') + 1;

      g_assert_true (lamp_ulid_is_valid (event_id));
      g_assert_cmpstr (event_id, >, last);
      g_strlcpy (last, event_id, LAMP_ULID_LENGTH + 1);
    }
}

static void
test_ids_rise_across_processes (Fixture      *fixture,
                                gconstpointer data)
{
  g_autoptr (GPtrArray) sorted = run_and_sort (fixture, "append", APPENDS_A_ROUND);
  char last[LAMP_ULID_LENGTH + 1] = "";
  g_autoptr (LampTestDb) db = NULL;

  g_assert_cmpuint (sorted->len, ==, 2 * APPENDS);
  assert_ids_rise (sorted, last);

  /* And so they stand in the queue. */
  db = lamp_test_db_open (fixture->path);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==, 2 * APPENDS);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(*) FROM queue a JOIN queue b ON b.id = a.id + 1 "
                                     "WHERE b.event_id <= a.event_id"
                                     "  OR json_extract (b.data, '$.lamport_clock') <>"
                                     "    json_extract (a.data, '$.lamport_clock') + 1"),
                   ==, 0);
}

static void
append_in_another_process (Fixture *fixture,
                           guint    count,
                           gint64   clock_before,
                           char    *last)
{
  g_autoptr (Ticker) ticker = ticker_new (fixture, "append");
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  ask (ticker, count);
  hear (ticker, count, lines);
  g_assert_cmpint (g_ascii_strtoll (g_ptr_array_index (lines, 0), NULL, 10), ==, clock_before + 1);
  assert_ids_rise (lines, last);
}

static void
test_ids_rise_across_restarts (Fixture      *fixture,
                               gconstpointer data)
{
  char last[LAMP_ULID_LENGTH + 1] = "";

  append_in_another_process (fixture, 20, 0, last);
  append_in_another_process (fixture, 20, 20, last);
  append_in_another_process (fixture, 20, 40, last);
}

static void
test_ids_rise_when_the_wall_clock_steps_back (Fixture      *fixture,
                                              gconstpointer data)
{
  char ahead[LAMP_ULID_LENGTH + 1];
  char last[LAMP_ULID_LENGTH + 1] = "";
  g_autofree char *sql = NULL;
  g_autoptr (LampTestDb) db = NULL;

  append_in_another_process (fixture, 1, 0, last);

  /* What an hour set back looks like: the last id is an hour ahead of the clock. */
  lamp_ulid_next (NULL, g_get_real_time () + G_TIME_SPAN_HOUR, ahead);
  sql = g_strdup_printf ("UPDATE lamppost_counter SET last_ulid = '%s'", ahead);
  db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (db, sql);

  g_strlcpy (last, ahead, sizeof last);
  append_in_another_process (fixture, 20, 1, last);
  g_assert_cmpint (lamp_ulid_get_time (last), ==, lamp_ulid_get_time (ahead));
  append_in_another_process (fixture, 20, 21, last);
}

#define ADD_WITH(path, data, function)                                                             \
  g_test_add ("/clock/" path, Fixture, GINT_TO_POINTER (data), set_up, function, tear_down)
#define ADD(path, function) ADD_WITH (path, 0, function)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  lamp_test_catch_warnings ();

  ADD ("starts-at-zero", test_starts_at_zero);
  ADD ("increments-by-one", test_increments_by_one);
  ADD ("update-is-max-plus-one", test_update_is_max_plus_one);
  ADD ("update-beyond-32-bits", test_update_beyond_32_bits);
  ADD ("raise-never-lowers", test_raise_never_lowers);
  ADD ("nodes-coexist", test_nodes_coexist);
  ADD ("survives-restart", test_survives_restart);
  ADD ("failed-job-does-not-tick", test_failed_job_does_not_tick);
  ADD ("job-sees-its-own-ticks", test_job_sees_its_own_ticks);
  ADD ("file/raises-every-node", test_file_raises_every_node);
  ADD ("file/own-entry-is-a-floor", test_file_own_entry_is_a_floor);
  ADD ("file/again-does-not-tick", test_file_again_does_not_tick);
  ADD ("file/real", test_file_real);
  ADD ("file/missing-is-none", test_file_missing_is_none);
  ADD ("file/garbage-is-ignored", test_file_garbage_is_ignored);
  ADD ("file/unreadable-is-ignored", test_file_unreadable_is_ignored);
  ADD ("file/bad-values-are-ignored", test_file_bad_values_are_ignored);
  ADD ("file/is-read-when-opened", test_file_is_read_when_opened);
  ADD ("file/is-read-when-it-changes", test_file_is_read_when_it_changes);
  ADD ("foreign/counts-as-received", test_foreign_counts_as_received);
  ADD ("foreign/largest-counts", test_foreign_largest_counts);
  ADD ("foreign/rewritten", test_foreign_rewritten);
  ADD ("foreign/gone-again", test_foreign_gone_again);
  ADD ("foreign/bad-values-are-ignored", test_foreign_bad_values_are_ignored);
  ADD ("foreign/again-does-not-tick", test_foreign_again_does_not_tick);
  ADD ("foreign/after-a-refusal", test_foreign_after_a_refusal);
  ADD_WITH ("foreign/before-us", FALSE, test_foreign_before_us);
  ADD_WITH ("foreign/before-us-opened", TRUE, test_foreign_before_us);
  ADD ("foreign/beside-two", test_foreign_beside_two);
  ADD ("foreign/costs-nothing-without", test_foreign_costs_nothing_without);
  ADD_WITH ("foreign/before-this-node", FALSE, test_foreign_before_this_node);
  ADD_WITH ("foreign/before-this-node-and-a-file", TRUE, test_foreign_before_this_node);
  ADD ("foreign/is-read-once-by-a-node", test_foreign_is_read_once_by_a_node);
  ADD ("processes/never-share-a-value", test_processes_never_share_a_value);
  ADD ("processes/ids-rise", test_ids_rise_across_processes);
  ADD ("processes/ids-rise-across-restarts", test_ids_rise_across_restarts);
  ADD ("processes/ids-rise-when-the-wall-clock-steps-back",
       test_ids_rise_when_the_wall_clock_steps_back);

  return g_test_run ();
}
