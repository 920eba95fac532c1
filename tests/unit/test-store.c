/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-clock.h"
#include "lamp-error.h"
#include "lamp-queue.h"
#include "lamp-store-private.h"
#include "lamp-store-rows.h"
#include "lamp-store-schema.h"
#include "lamp-store.h"
#include "lamp-test-util.h"
#include "lamp-ulid.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define NODE "test-node"
#define NOBODY 65534

/* What the other tool and we do to one file, and how many of its rows that touches. */
#define RANDOM_STEPS (LAMP_TEST_SANITIZED ? 300 : 1500)
#define RANDOM_IDS 60

/* How long another program holds the lock, and how long ours waits for it. */
#define LONG_LOCK (10 * G_TIME_SPAN_SECOND)
#define LOCK_PATIENCE (5 * G_TIME_SPAN_SECOND)

/* What the write-ahead log may take while readers are idle, and what is appended meanwhile. */
#define WAL_MAX (8 * 1024 * 1024)
#define WAL_ROWS (LAMP_TEST_SANITIZED ? 50000 : 200000)
#define APPEND_SLICE 1000

/* A queue that fills and empties, how often, and what the file keeps: 4 MiB of unused pages, the
 * history, and some room. */
#define FILL_ROUNDS (LAMP_TEST_SANITIZED ? 2 : 5)
#define FILL_ROWS 20000
#define FILL_HISTORY 100
#define EMPTY_FILE_MAX (6 * 1024 * 1024)

#define A_MILLION 1000000
#define MANY_ROWS (LAMP_TEST_SANITIZED ? 50000 : A_MILLION)

/* Section 4 of the specification. */
#define SPEC_SCHEMA                                                                                \
  "CREATE TABLE queue ("                                                                           \
  "  id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,"                         \
  "  event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL,"                    \
  "  retry_count INTEGER DEFAULT 0, coalesce_key TEXT );"                                          \
  "CREATE INDEX idx_timestamp ON queue (timestamp);"                                               \
  "CREATE INDEX idx_retry ON queue (retry_count);"                                                 \
  "CREATE INDEX idx_coalesce_key ON queue (coalesce_key);"

#define SHARED_SCHEMA                                                                              \
  "SELECT type, name, lower (replace (replace (sql, ' ', ''), char (10), '')) FROM sqlite_schema " \
  "WHERE name NOT LIKE 'lamppost%' AND tbl_name NOT LIKE 'lamppost%' ORDER BY name"

#define QUEUE_ROWS                                                                                 \
  "SELECT id, event_id, event_type, data, timestamp, retry_count FROM queue ORDER BY id"

typedef struct
{
  char *folder;     /* (owned) */
  char *path;       /* (owned) of the queue */
  LampStore *store; /* (owned) (nullable) */
} Fixture;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->folder = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "queue.db", NULL);
  fixture->store = lamp_store_new (fixture->path, NODE);
}

static void
close_store (Fixture *fixture)
{
  g_assert_finalize_object (g_steal_pointer (&fixture->store));
}

static void
reopen (Fixture *fixture)
{
  close_store (fixture);
  fixture->store = lamp_store_new (fixture->path, NODE);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  lamp_test_assert_warned ();
  if (fixture->store != NULL)
    close_store (fixture);
  lamp_test_folder_free (fixture->folder);
  g_free (fixture->path);
}

/* --- jobs --------------------------------------------------------------- */

static gboolean
do_nothing (LampStore *store,
            gpointer   data,
            GError   **error)
{
  return TRUE;
}

static void
open_store (Fixture   *fixture,
            LampTally *tally)
{
  g_autoptr (GError) error = NULL;

  lamp_store_run (fixture->store, LAMP_STORE_READ, do_nothing, NULL, tally, &error);
  g_assert_no_error (error);
}

static void
assert_open_fails (Fixture    *fixture,
                   const char *reason)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (lamp_store_run (fixture->store, LAMP_STORE_READ, do_nothing, NULL, NULL, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, fixture->path));
  if (strstr (error->message, reason) == NULL)
    g_error ("“%s” doesn't say “%s”", error->message, reason);
}

/* Appends one event as the queue does; @data points to the event's clock. */
static gboolean
insert_run (LampStore *store,
            gpointer   data,
            GError   **error)
{
  gint64 *clock = data;
  char event_id[LAMP_ULID_LENGTH + 1];
  const char *last;

  if (!lamp_store_get_last_ulid (store, &last, error) ||
      !lamp_clock_increment (store, NODE, clock, error))
    return FALSE;

  lamp_ulid_next (last, g_get_real_time (), event_id);
  lamp_store_set_last_ulid (store, event_id);

  return lamp_store_insert (store, event_id, "Inserted", "{}", 2, 1700000000, error);
}

static gboolean
insert_and_fail (LampStore *store,
                 gpointer   data,
                 GError   **error)
{
  if (insert_run (store, data, error))
    g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT, "on purpose");

  return FALSE;
}

static void
insert (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  gint64 clock;

  lamp_store_run (fixture->store, LAMP_STORE_WRITE, insert_run, &clock, NULL, &error);
  g_assert_no_error (error);
}

/* A job that keeps the store's thread until it is let go, so that others gather behind it. */
typedef struct
{
  GMutex lock;
  GCond changed;
  gboolean entered;
  gboolean open;
  GAsyncResult *result; /* (owned) (nullable) */
} Gate;

static gboolean
gate_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  Gate *gate = data;

  g_mutex_lock (&gate->lock);
  gate->entered = TRUE;
  g_cond_signal (&gate->changed);
  while (!gate->open)
    g_cond_wait (&gate->changed, &gate->lock);
  g_mutex_unlock (&gate->lock);

  return TRUE;
}

static Gate *
gate_new (Fixture *fixture)
{
  Gate *gate = g_new0 (Gate, 1);

  g_mutex_init (&gate->lock);
  g_cond_init (&gate->changed);
  lamp_store_run_async (fixture->store, LAMP_STORE_READ, gate_run, gate, NULL, lamp_test_result_cb,
                        &gate->result);

  g_mutex_lock (&gate->lock);
  while (!gate->entered)
    g_cond_wait (&gate->changed, &gate->lock);
  g_mutex_unlock (&gate->lock);

  return gate;
}

static void
gate_open (Gate *gate)
{
  g_mutex_lock (&gate->lock);
  gate->open = TRUE;
  g_cond_signal (&gate->changed);
  g_mutex_unlock (&gate->lock);
}

static void
gate_free (Gate *gate)
{
  lamp_test_wait_until (gate->result != NULL);
  g_mutex_clear (&gate->lock);
  g_cond_clear (&gate->changed);
  g_object_unref (gate->result);
  g_free (gate);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Gate, gate_free)

/* Jobs that wait together, and what became of them. */
typedef struct
{
  GAsyncResult *result; /* (owned) (nullable) */
  gint64 clock;
} Waiting;

static void
hand_in (Fixture      *fixture,
         Waiting      *waiting,
         LampStoreFunc func)
{
  lamp_store_run_async (fixture->store, LAMP_STORE_WRITE, func, &waiting->clock, NULL,
                        lamp_test_result_cb, &waiting->result);
}

static gboolean
finish (Fixture *fixture,
        Waiting *waiting,
        GError **error)
{
  gboolean good;

  lamp_test_wait_until (waiting->result != NULL);
  good = lamp_store_run_finish (fixture->store, waiting->result, NULL, NULL, error);
  g_clear_object (&waiting->result);

  return good;
}

/* --- the file ----------------------------------------------------------- */

static void
assert_modes (Fixture *fixture)
{
  g_autofree char *wal = g_strconcat (fixture->path, "-wal", NULL);
  g_autofree char *shm = g_strconcat (fixture->path, "-shm", NULL);

  g_assert_cmphex (lamp_test_get_mode (fixture->path), ==, 0600);
  g_assert_cmphex (lamp_test_get_mode (wal), ==, 0600);
  g_assert_cmphex (lamp_test_get_mode (shm), ==, 0600);
}

static void
test_is_private (Fixture      *fixture,
                 gconstpointer data)
{
  mode_t before = umask (0);

  insert (fixture);
  umask (before);
  assert_modes (fixture);
}

static void
test_makes_private_folders (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree char *outer = g_build_filename (fixture->folder, "outer", NULL);
  g_autofree char *inner = g_build_filename (outer, "inner", NULL);
  mode_t before = umask (0);

  g_free (fixture->path);
  fixture->path = g_build_filename (inner, "queue.db", NULL);
  reopen (fixture);
  insert (fixture);
  umask (before);

  assert_modes (fixture);
  g_assert_cmphex (lamp_test_get_mode (outer), ==, 0700);
  g_assert_cmphex (lamp_test_get_mode (inner), ==, 0700);
}

static void
test_leaves_other_folders (Fixture      *fixture,
                           gconstpointer data)
{
  g_autofree char *other = g_build_filename (fixture->folder, "other", NULL);

  g_assert_true (g_file_set_contents (other, "", 0, NULL));
  g_assert_no_errno (g_chmod (fixture->folder, 0755));
  insert (fixture);
  g_assert_cmphex (lamp_test_get_mode (fixture->folder), ==, 0755);
}

/* A sandbox makes it for the queue, and knows nothing of modes. */
static void
test_tightens_an_empty_folder (Fixture      *fixture,
                               gconstpointer data)
{
  g_assert_no_errno (g_chmod (fixture->folder, 0755));
  insert (fixture);
  g_assert_cmphex (lamp_test_get_mode (fixture->folder), ==, 0700);
}

static void
test_tightens_old_files (Fixture      *fixture,
                         gconstpointer data)
{
  mode_t before = umask (0);
  g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

  lamp_test_db_run (db, "PRAGMA journal_mode = WAL;" SPEC_SCHEMA);
  umask (before);
  g_assert_cmphex (lamp_test_get_mode (fixture->path), ==, 0644);

  insert (fixture);
  assert_modes (fixture);
}

static gboolean
read_settings (LampStore *store,
               gpointer   data,
               GError   **error)
{
  sqlite3 *db = lamp_store_get_db (store);
  char **text = data;

  *text = lamp_test_db_text (db,
                             "PRAGMA journal_mode; PRAGMA synchronous; PRAGMA auto_vacuum;"
                             "PRAGMA journal_size_limit");

  return TRUE;
}

static void
test_is_durable (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *text = NULL;

  open_store (fixture, NULL);
  g_assert_true (
    lamp_store_run (fixture->store, LAMP_STORE_READ, read_settings, &text, NULL, NULL));

  /* WAL, FULL, incremental, 4 MiB. */
  g_assert_cmpstr (text, ==, "wal\n2\n2\n4194304\n");
}

static void
test_schema_is_the_shared_one (Fixture      *fixture,
                               gconstpointer data)
{
  g_autoptr (LampTestDb) expected = lamp_test_db_open (":memory:");
  g_autoptr (LampTestDb) db = NULL;
  g_autofree char *expected_text = NULL;
  g_autofree char *text = NULL;

  open_store (fixture, NULL);
  db = lamp_test_db_open (fixture->path);
  text = lamp_test_db_text (db, SHARED_SCHEMA);
  lamp_test_db_run (expected, SPEC_SCHEMA);
  expected_text = lamp_test_db_text (expected, SHARED_SCHEMA);
  g_assert_cmpstr (text, ==, expected_text);

  g_assert_cmpint (lamp_test_db_int (db, "PRAGMA user_version"), ==, LAMP_STORE_SCHEMA_VERSION);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==, 0);
}

static void
test_new_file_is_empty (Fixture      *fixture,
                        gconstpointer data)
{
  LampTally tally = { 1, 1, 1, 1, 1, 1, 1 };

  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 0);
  g_assert_cmpuint (tally.failed, ==, 0);
  g_assert_cmpuint (tally.delivered, ==, 0);
  g_assert_cmpuint (tally.settled, ==, 0);
  g_assert_cmpint (tally.oldest_pending, ==, 0);
  g_assert_cmpint (tally.last_delivery, ==, 0);
  g_assert_cmpint (tally.lamport_clock, ==, 0);
}

/* --- old files ---------------------------------------------------------- */

static void
copy_file (const char *from,
           const char *to)
{
  g_autoptr (GFile) source = g_file_new_for_path (from);
  g_autoptr (GFile) target = g_file_new_for_path (to);
  g_autoptr (GError) error = NULL;

  g_file_copy (source, target, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_no_errno (g_chmod (to, 0644));
}

static char *
dump_bodies (LampTestDb *db)
{
  if (lamp_test_db_int (db,
                        "SELECT count(*) FROM sqlite_schema WHERE name = 'body_upload_queue'") == 0)
    return g_strdup ("");

  return lamp_test_db_text (db,
                            "SELECT sql FROM sqlite_schema WHERE tbl_name = 'body_upload_queue';"
                            "SELECT * FROM body_upload_queue");
}

/* The format before consent to a new server was kept. */
static void
test_opens_version_2 (Fixture      *fixture,
                      gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  LampTally tally;

  insert (fixture);
  close_store (fixture);
  db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (db,
                    "ALTER TABLE lamppost_counter DROP COLUMN agreed_server;"
                    "PRAGMA user_version = 2");

  fixture->store = lamp_store_new (fixture->path, NODE);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 1);
  g_assert_cmpint (lamp_test_db_int (db, "PRAGMA user_version"), ==, LAMP_STORE_SCHEMA_VERSION);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT agreed_server IS NULL FROM lamppost_counter"), ==,
                   1);
}

static void
test_opens_real_file (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *old = lamp_test_dup_shared_file (data);
  g_autoptr (LampTestDb) db = NULL;
  g_autofree char *rows = NULL;
  g_autofree char *rows_now = NULL;
  g_autofree char *bodies = NULL;
  g_autofree char *bodies_now = NULL;
  gint64 count;
  gint64 oldest;
  LampTally tally;

  if (old == NULL)
    return;

  copy_file (old, fixture->path);
  db = lamp_test_db_open (fixture->path);
  rows = lamp_test_db_text (db, QUEUE_ROWS);
  bodies = dump_bodies (db);
  count = lamp_test_db_int (db, "SELECT count(*) FROM queue");
  oldest = lamp_test_db_int (db, "SELECT timestamp FROM queue ORDER BY id LIMIT 1");
  g_assert_cmpint (count, >, 40);

  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, count);
  g_assert_cmpuint (tally.failed + tally.delivered, ==, 0);
  g_assert_cmpint (tally.oldest_pending, ==, oldest * G_USEC_PER_SEC);

  rows_now = lamp_test_db_text (db, QUEUE_ROWS);
  bodies_now = dump_bodies (db);
  g_assert_cmpstr (rows_now, ==, rows);
  g_assert_cmpstr (bodies_now, ==, bodies);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(*) FROM pragma_table_info ('queue') "
                                     "WHERE name = 'coalesce_key' AND type = 'TEXT'"),
                   ==, 1);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM pragma_table_info ('queue')"), ==,
                   7);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(*) FROM sqlite_schema "
                                     "WHERE name = 'idx_coalesce_key'"),
                   ==, 1);

  /* A second time there is nothing to do, and all goes on. */
  reopen (fixture);
  insert (fixture);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, count + 1);
}

static void
test_refuses_newer_file (Fixture      *fixture,
                         gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;

  insert (fixture);
  close_store (fixture);
  db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (db, "PRAGMA user_version = 99");
  fixture->store = lamp_store_new (fixture->path, NODE);

  assert_open_fails (fixture,
                     "was written by a newer Lamppost (its format is 99, this program "
                     "knows " G_STRINGIFY (LAMP_STORE_SCHEMA_VERSION) "); update Lamppost");
  g_assert_cmpint (lamp_test_db_int (db, "PRAGMA user_version"), ==, 99);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==, 1);

  /* The same store works once the file is one it knows. */
  lamp_test_db_run (db, "PRAGMA user_version = " G_STRINGIFY (LAMP_STORE_SCHEMA_VERSION));
  insert (fixture);
}

/* --- mishaps ------------------------------------------------------------ */

static void
test_is_a_folder (Fixture      *fixture,
                  gconstpointer data)
{
  g_assert_no_errno (g_mkdir (fixture->path, 0700));
  assert_open_fails (fixture, "Is a directory");
}

static gboolean
become_nobody (void)
{
  if (geteuid () == 0)
    {
      g_assert_no_errno (seteuid (NOBODY));
      return TRUE;
    }

  return FALSE;
}

static void
test_unwritable_folder (Fixture      *fixture,
                        gconstpointer data)
{
  gboolean was_root;

  g_assert_no_errno (g_chmod (fixture->folder, 0555));
  was_root = become_nobody ();
  assert_open_fails (fixture, "Permission denied");
  if (was_root)
    g_assert_no_errno (seteuid (0));

  /* And works again once it may. */
  g_assert_no_errno (g_chmod (fixture->folder, 0755));
  insert (fixture);
}

static void
test_unwritable_file (Fixture      *fixture,
                      gconstpointer data)
{
  gboolean was_root;

  insert (fixture);
  reopen (fixture);
  g_assert_no_errno (g_chmod (fixture->folder, 0755));
  g_assert_no_errno (g_chmod (fixture->path, 0444));
  was_root = become_nobody ();
  assert_open_fails (fixture, "Permission denied");
  if (was_root)
    g_assert_no_errno (seteuid (0));

  g_assert_no_errno (g_chmod (fixture->path, 0600));
  insert (fixture);
}

static gboolean
fill_disk (LampStore *store,
           gpointer   data,
           GError   **error)
{
  lamp_test_db_run (lamp_store_get_db (store), data);

  return TRUE;
}

static void
test_full_disk (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (GError) error = NULL;
  LampTally tally;
  gint64 clock;
  int stored = 0;

  insert (fixture);
  g_assert_true (lamp_store_run (fixture->store, LAMP_STORE_READ, fill_disk,
                                 (gpointer) "PRAGMA max_page_count = 1", NULL, NULL));
  while (lamp_store_run (fixture->store, LAMP_STORE_WRITE, insert_run, &clock, NULL, &error))
    stored++;
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_assert_nonnull (strstr (error->message, "the disk is full"));

  g_assert_true (lamp_store_run (fixture->store, LAMP_STORE_READ, fill_disk,
                                 (gpointer) "PRAGMA max_page_count = 1000000", NULL, NULL));
  insert (fixture);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, stored + 2);

  /* What wasn't stored has not ticked. */
  g_assert_cmpint (tally.lamport_clock, ==, stored + 2);
  db = lamp_test_db_open (fixture->path);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==, stored + 2);
}

/* Another program that holds the lock for a while. */
typedef struct
{
  LampTestDb *db; /* (owned) */
  gint64 until;
  GMutex lock;
  GCond changed;
  gboolean stop;
} Holder;

static gpointer
hold (gpointer data)
{
  Holder *holder = data;

  g_mutex_lock (&holder->lock);
  while (!holder->stop && g_cond_wait_until (&holder->changed, &holder->lock, holder->until))
    ;
  g_mutex_unlock (&holder->lock);
  lamp_test_db_run (holder->db, "COMMIT");

  return NULL;
}

static void
test_waits_for_a_foreign_lock (Fixture      *fixture,
                               gconstpointer data)
{
  Holder holder = { 0 };
  GThread *thread;

  insert (fixture);
  holder.db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (holder.db, "BEGIN IMMEDIATE");
  holder.until = g_get_monotonic_time () + 300 * G_TIME_SPAN_MILLISECOND;
  g_mutex_init (&holder.lock);
  g_cond_init (&holder.changed);
  thread = g_thread_new ("holder", hold, &holder);

  insert (fixture);
  g_assert_cmpint (g_get_monotonic_time (), >=, holder.until);

  g_thread_join (thread);
  g_mutex_clear (&holder.lock);
  g_cond_clear (&holder.changed);
  lamp_test_db_close (holder.db);
}

static void
test_reads_despite_a_foreign_lock (Fixture      *fixture,
                                   gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  LampTally tally;

  insert (fixture);
  db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (db, "BEGIN IMMEDIATE; DELETE FROM queue");
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 1);

  /* Also a program that begins now: it has nothing to write before it is asked to. */
  reopen (fixture);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 1);
  lamp_test_db_run (db, "ROLLBACK");
}

/* Those that wait for the lock together wait for it once: 5 seconds, and not 5 each. */
static void
test_gives_up_after_5_seconds (Fixture      *fixture,
                               gconstpointer data)
{
  Waiting waiting[3] = { 0 };
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (Gate) gate = NULL;
  gint64 start;

  insert (fixture);
  db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (db, "BEGIN IMMEDIATE");

  gate = gate_new (fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    hand_in (fixture, &waiting[i], insert_run);
  start = g_get_monotonic_time ();
  gate_open (gate);

  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (finish (fixture, &waiting[i], &error));
      g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
      g_assert_nonnull (strstr (error->message, fixture->path));
      g_assert_nonnull (strstr (error->message, "locked for 5 seconds"));
    }

  g_assert_cmpint (g_get_monotonic_time () - start, >=, 4 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 9 * G_TIME_SPAN_SECOND);

  lamp_test_db_run (db, "COMMIT");
  insert (fixture);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==, 2);
}

/* Far longer than ours waits: an error that says so, nothing lost, and nothing left of it. */
static void
test_foreign_lock_of_10_seconds (Fixture      *fixture,
                                 gconstpointer data)
{
  Holder holder = { 0 };
  LampTally tally;
  GThread *thread;
  g_autoptr (GError) error = NULL;
  gint64 start;
  gint64 clock;

  insert (fixture);
  holder.db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (holder.db, "BEGIN IMMEDIATE");
  start = g_get_monotonic_time ();
  holder.until = start + LONG_LOCK;
  g_mutex_init (&holder.lock);
  g_cond_init (&holder.changed);
  thread = g_thread_new ("holder", hold, &holder);

  g_assert_false (
    lamp_store_run (fixture->store, LAMP_STORE_WRITE, insert_run, &clock, NULL, &error));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, LOCK_PATIENCE * 9 / 10);
  g_assert_cmpint (g_get_monotonic_time () - start, <, LOCK_PATIENCE * 3 / 2);
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_assert_nonnull (strstr (error->message, "another program"));

  /* Reading goes on meanwhile, and once the lock is gone writing does. */
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 1);
  g_thread_join (thread);
  insert (fixture);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 2);
  g_assert_cmpint (tally.lamport_clock, ==, 2);
  lamp_test_db_assert_sound (holder.db);

  g_mutex_clear (&holder.lock);
  g_cond_clear (&holder.changed);
  lamp_test_db_close (holder.db);
}

/* --- group commit ------------------------------------------------------- */

static guint32
read_be32 (const guint8 *bytes)
{
  guint32 value;

  memcpy (&value, bytes, sizeof value);

  return GUINT32_FROM_BE (value);
}

/* The write-ahead log: a header of 32 bytes, then frames, each a header of 24 bytes and a page.
 * The second number of a frame's header is other than 0 where a transaction ends. */
static guint
count_commits (Fixture *fixture)
{
  g_autofree char *path = g_strconcat (fixture->path, "-wal", NULL);
  g_autofree char *contents = NULL;
  const guint8 *wal;
  gsize length;
  guint32 page_size;
  guint commits = 0;

  g_assert_true (g_file_get_contents (path, &contents, &length, NULL));
  if (length == 0)
    return 0;

  wal = (const guint8 *) contents;
  page_size = read_be32 (wal + 8);
  for (gsize offset = 32; offset + 24 + page_size <= length; offset += 24 + page_size)
    if (memcmp (wal + offset + 8, wal + 16, 8) == 0 && read_be32 (wal + offset + 4) != 0)
      commits++;

  return commits;
}

static void
test_open_writes_nothing (Fixture      *fixture,
                          gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  guint before;

  insert (fixture);
  db = lamp_test_db_open (fixture->path);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==, 1);
  before = count_commits (fixture);
  reopen (fixture);
  open_store (fixture, NULL);
  g_assert_cmpuint (count_commits (fixture), ==, before);
}

static void
test_one_commit_for_all_that_wait (Fixture      *fixture,
                                   gconstpointer data)
{
  Waiting waiting[64] = { 0 };
  g_autoptr (Gate) gate = NULL;
  guint before;

  insert (fixture);
  before = count_commits (fixture);

  gate = gate_new (fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    hand_in (fixture, &waiting[i], insert_run);
  gate_open (gate);

  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    {
      g_assert_true (finish (fixture, &waiting[i], NULL));

      /* In the order in which they were handed in. */
      g_assert_cmpint (waiting[i].clock, ==, (gint64) i + 2);
    }

  g_assert_cmpuint (count_commits (fixture) - before, ==, 1);
}

static void
test_few_commits_without_a_gate (Fixture      *fixture,
                                 gconstpointer data)
{
  Waiting waiting[64] = { 0 };
  guint commits;

  insert (fixture);
  commits = count_commits (fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    hand_in (fixture, &waiting[i], insert_run);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    g_assert_true (finish (fixture, &waiting[i], NULL));

  commits = count_commits (fixture) - commits;
  g_test_message ("64 appends were %u commits", commits);
  g_assert_cmpuint (commits, <=, 32);
}

static void
test_failing_job_leaves_neighbours (Fixture      *fixture,
                                    gconstpointer data)
{
  Waiting waiting[9] = { 0 };
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (Gate) gate = NULL;
  gint64 clock = 0;
  LampTally tally;

  open_store (fixture, NULL);
  gate = gate_new (fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    hand_in (fixture, &waiting[i], i == 3 || i == 7 ? insert_and_fail : insert_run);
  gate_open (gate);

  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    {
      g_autoptr (GError) error = NULL;

      if (finish (fixture, &waiting[i], &error))
        {
          g_assert_no_error (error);
          g_assert_cmpint (waiting[i].clock, ==, ++clock);
        }
      else
        {
          g_assert_true (i == 3 || i == 7);
          g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
        }
    }

  g_assert_cmpint (clock, ==, 7);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 7);
  g_assert_cmpint (tally.lamport_clock, ==, 7);
  db = lamp_test_db_open (fixture->path);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(DISTINCT event_id) FROM queue"), ==, 7);
}

static gboolean
select_nonsense (LampStore *store,
                 gpointer   data,
                 GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, "SELECT nonsense", error);

  return statement != NULL;
}

static void
test_failing_read_is_told (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (
    lamp_store_run (fixture->store, LAMP_STORE_READ, select_nonsense, NULL, NULL, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, "no such column: nonsense"));
  insert (fixture);
}

static void
test_last_reference_may_go_early (Fixture      *fixture,
                                  gconstpointer data)
{
  Waiting waiting[8] = { 0 };
  g_autoptr (LampTestDb) db = NULL;
  LampStore *store = fixture->store;

  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    hand_in (fixture, &waiting[i], insert_run);

  /* The jobs keep it. */
  g_object_add_weak_pointer (G_OBJECT (store), (gpointer *) &store);
  g_clear_object (&fixture->store);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    {
      lamp_test_wait_until (waiting[i].result != NULL);
      g_clear_object (&waiting[i].result);
    }
  lamp_test_wait_until (store == NULL);

  db = lamp_test_db_open (fixture->path);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==, 8);
}

/* --- statements of the other tool --------------------------------------- */

/* What must hold whoever wrote: each part is a list of what breaks it. */
#define VIOLATIONS                                                                                 \
  "SELECT 'rows without state', count(*) FROM queue q WHERE 1 <>"                                  \
  "  (SELECT count(*) FROM lamppost_state s WHERE s.id = q.id) HAVING count(*) > 0 "               \
  "UNION ALL SELECT 'states without row', count(*) FROM lamppost_state s"                          \
  "  WHERE s.id NOT IN (SELECT id FROM queue) HAVING count(*) > 0 "                                \
  "UNION ALL SELECT 'reasons without state', count(*) FROM lamppost_failure f"                     \
  "  WHERE f.id NOT IN (SELECT id FROM lamppost_state) HAVING count(*) > 0 "                       \
  "UNION ALL SELECT 'failed without reason', count(*) FROM lamppost_state s"                       \
  "  WHERE s.status = 1 AND s.id NOT IN (SELECT id FROM lamppost_failure WHERE code <> '')"        \
  "  HAVING count(*) > 0 "                                                                         \
  "UNION ALL SELECT 'pending with reason', count(*) FROM lamppost_state s"                         \
  "  JOIN lamppost_failure f ON f.id = s.id WHERE s.status = 2 AND f.code <> ''"                   \
  "  HAVING count(*) > 0 "                                                                         \
  "UNION ALL SELECT 'delivered without server', count(*) FROM lamppost_state s"                    \
  "  WHERE (s.status = 0) <> (s.delivered_at > 0) OR (s.status = 0) <> (s.server IS NOT NULL)"     \
  "  HAVING count(*) > 0 "                                                                         \
  "UNION ALL SELECT 'counters', count(*) FROM lamppost_counter WHERE"                              \
  "  pending <> (SELECT count(*) FROM lamppost_state WHERE status = 2)"                            \
  "  OR failed <> (SELECT count(*) FROM lamppost_state WHERE status = 1)"                          \
  "  OR settled <> (SELECT count(*) FROM lamppost_state WHERE status = 0)"                         \
  "  OR history <> (SELECT count(*) FROM lamppost_history) HAVING count(*) > 0 "                   \
  "UNION ALL SELECT 'one counter', count(*) FROM lamppost_counter HAVING count(*) <> 1"

static void
assert_consistent (LampTestDb *db,
                   const char *after)
{
  g_autofree char *violations = lamp_test_db_text (db, VIOLATIONS);

  if (*violations != '\0')
    g_error ("After “%s”: %s", after, violations);
}

static gint64
status_of (LampTestDb *db,
           const char *event_id)
{
  g_autofree char *sql = g_strdup_printf (
    "SELECT s.status FROM queue q JOIN lamppost_state s "
    "ON s.id = q.id WHERE q.event_id = '%s'",
    event_id);
  g_autofree char *text = lamp_test_db_text (db, sql);

  return *text == '\0' ? -1 : g_ascii_strtoll (text, NULL, 10);
}

static void run_foreign (LampTestDb *db, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
run_foreign (LampTestDb *db,
             const char *format,
             ...)
{
  g_autofree char *sql = NULL;
  va_list args;

  va_start (args, format);
  sql = g_strdup_vprintf (format, args);
  va_end (args);

  lamp_test_db_run (db, sql);
  assert_consistent (db, sql);
}

/* As a settled answer would leave the event. */
static void
set_status (LampTestDb *db,
            const char *event_id,
            LampStatus  status)
{
  run_foreign (db,
               "UPDATE lamppost_state SET status = %d, server = %s, delivered_at = %d"
               "  WHERE id = (SELECT id FROM queue WHERE event_id = '%s');"
               "INSERT INTO lamppost_failure SELECT s.id, 'c', 'm', 1 FROM lamppost_state s"
               "  JOIN queue q ON q.id = s.id WHERE s.status = 1 AND q.event_id = '%s'",
               status, status == LAMP_STATUS_DELIVERED ? "1" : "NULL",
               status == LAMP_STATUS_DELIVERED, event_id, event_id);
}

#define FOREIGN_INSERT                                                                             \
  " INTO queue (event_id, event_type, data, timestamp, coalesce_key) "                             \
  "VALUES ('%s', 'Foreign', '{\"event_id\":\"%s\",\"n\":%d}', 1700000000, 'key')"

static void
test_foreign_statements (Fixture      *fixture,
                         gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  LampTally tally;

  open_store (fixture, NULL);
  db = lamp_test_db_open (fixture->path);

  run_foreign (db, "INSERT" FOREIGN_INSERT, "A", "A", 1);
  run_foreign (db, "INSERT OR IGNORE" FOREIGN_INSERT, "A", "A", 2);
  run_foreign (db, "INSERT OR IGNORE" FOREIGN_INSERT, "B", "B", 1);
  run_foreign (db, "INSERT OR REPLACE" FOREIGN_INSERT, "C", "C", 1);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 3);

  /* Failed and delivered rows that are replaced or rewritten are new events. */
  set_status (db, "A", LAMP_STATUS_FAILED);
  set_status (db, "B", LAMP_STATUS_FAILED);
  set_status (db, "C", LAMP_STATUS_DELIVERED);
  run_foreign (db, "INSERT OR REPLACE" FOREIGN_INSERT, "A", "A", 3);
  g_assert_cmpint (status_of (db, "A"), ==, LAMP_STATUS_PENDING);
  run_foreign (db,
               "UPDATE queue SET event_id = 'B2', data = '{}', timestamp = 1 WHERE event_id = 'B'");
  g_assert_cmpint (status_of (db, "B2"), ==, LAMP_STATUS_PENDING);
  run_foreign (db,
               "UPDATE queue SET event_id = 'C2', data = '{}', timestamp = 1 WHERE event_id = 'C'");
  g_assert_cmpint (status_of (db, "C2"), ==, LAMP_STATUS_PENDING);
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 3);
  g_assert_cmpuint (tally.failed + tally.delivered, ==, 0);

  /* The same bytes again, a retry and a new key change nothing. */
  set_status (db, "B2", LAMP_STATUS_FAILED);
  run_foreign (db,
               "UPDATE queue SET event_id = 'B2', data = '{}', timestamp = 2 "
               "WHERE event_id = 'B2'");
  run_foreign (db, "UPDATE queue SET retry_count = retry_count + 1 WHERE event_id = 'B2'");
  run_foreign (db, "UPDATE queue SET coalesce_key = NULL WHERE event_id = 'B2'");
  g_assert_cmpint (status_of (db, "B2"), ==, LAMP_STATUS_FAILED);

  /* An id and an event_id that hit two rows at once. */
  run_foreign (db,
               "INSERT OR REPLACE INTO queue (id, event_id, event_type, data, timestamp) "
               "SELECT id, 'B2', 'Foreign', '{}', 1 FROM queue WHERE event_id = 'C2'");
  g_assert_cmpint (status_of (db, "B2"), ==, LAMP_STATUS_PENDING);
  g_assert_cmpint (status_of (db, "C2"), ==, -1);
  run_foreign (db,
               "INSERT INTO queue (event_id, event_type, data, timestamp) "
               "VALUES ('B2', 'Foreign', '{\"x\":1}', 1) "
               "ON CONFLICT (event_id) DO UPDATE SET data = excluded.data");
  run_foreign (db, "INSERT OR REPLACE" FOREIGN_INSERT ", ('D', 'T', '{}', 1, NULL)", "B2", "B2", 9);

  run_foreign (db, "DELETE FROM queue WHERE event_id IN ('A', 'nobody')");
  run_foreign (db, "DELETE FROM queue");
  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending + tally.failed + tally.delivered, ==, 0);
}

typedef struct
{
  LampQueue *queue; /* (owned) */
  LampTestDb *db;   /* (owned) */
} Random;

static char *
random_id (void)
{
  return g_strdup_printf ("F%02d", g_test_rand_int_range (0, RANDOM_IDS));
}

static void
random_foreign (Random *random)
{
  g_autofree char *id = random_id ();
  g_autofree char *other = random_id ();
  int number = g_test_rand_int_range (0, 4);

  switch (g_test_rand_int_range (0, 7))
    {
    case 0:
    case 1:
      run_foreign (random->db, "INSERT OR REPLACE" FOREIGN_INSERT, id, id, number);
      g_assert_cmpint (status_of (random->db, id), ==, LAMP_STATUS_PENDING);
      break;
    case 2:
      run_foreign (random->db, "INSERT OR IGNORE" FOREIGN_INSERT, id, id, number);
      break;
    case 3:
      run_foreign (random->db,
                   "UPDATE OR IGNORE queue SET event_id = '%s', data = '{\"event_id\":\"%s\"}', "
                   "timestamp = 1700000001 WHERE event_id = '%s'",
                   other, other, id);
      break;
    case 4:
      run_foreign (random->db, "DELETE FROM queue WHERE event_id IN ('%s', '%s')", id, other);
      break;
    case 5:
      run_foreign (random->db,
                   "UPDATE queue SET retry_count = retry_count + 1 WHERE event_id IN ('%s', '%s')",
                   id, other);
      break;
    default:
      run_foreign (random->db,
                   "BEGIN IMMEDIATE; DELETE FROM queue WHERE event_id = '%s';"
                   "INSERT" FOREIGN_INSERT "; %s",
                   id, id, id, number, number == 0 ? "ROLLBACK" : "COMMIT");
      break;
    }
}

static void
random_append (Random *random)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;
  int count = g_test_rand_int_range (1, 4);

  for (int i = 0; i < count; i++)
    g_ptr_array_add (events, lamp_test_event ("mission", "Own", NULL));

  receipts = lamp_queue_append (random->queue, events, &error);
  g_assert_no_error (error);
}

/* Reads a batch; the other tool may come in between; settles it at random. */
static void
random_settle (Random *random)
{
  g_autoptr (GAsyncResult) read = NULL;
  g_autoptr (GAsyncResult) settled = NULL;
  g_autoptr (LampBatch) batch = NULL;
  g_autoptr (LampOutcome) outcome = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_read_batch_async (random->queue, 0, G_MAXINT64, NULL, 5, 100000, lamp_test_result_cb,
                               &read);
  lamp_test_wait_until (read != NULL);
  batch = lamp_queue_read_batch_finish (random->queue, read, NULL, &error);
  g_assert_no_error (error);

  if (g_test_rand_bit ())
    random_foreign (random);

  outcome = lamp_outcome_new (LAMP_OUTCOME_ANSWERED, lamp_batch_get_size (batch));
  for (guint i = 0; i < outcome->n_verdicts; i++)
    outcome->verdicts[i].kind = (LampVerdictKind) g_test_rand_int_range (LAMP_VERDICT_NONE,
                                                                         LAMP_VERDICT_REJECTED + 1);

  lamp_queue_settle_async (random->queue, batch, outcome, "https://example.org",
                           lamp_test_result_cb, &settled);
  lamp_test_wait_until (settled != NULL);
  lamp_queue_settle_finish (random->queue, settled, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
random_repair (Random *random)
{
  g_autofree char *id = random_id ();
  g_autofree char *other = random_id ();
  const char *const ids[] = { id, other, "nobody", NULL };
  g_autoptr (GError) error = NULL;
  guint count;

  switch (g_test_rand_int_range (0, 8))
    {
    case 0:
      lamp_queue_resend (random->queue, NULL, &count, &error);
      break;
    case 1:
    case 2:
      lamp_queue_resend (random->queue, ids, &count, &error);
      break;
    case 3:
    case 4:
      lamp_queue_discard (random->queue, ids, &count, &error);
      break;
    default:
      lamp_queue_tidy (random->queue);
      break;
    }

  g_assert_no_error (error);
}

static void
assert_tally (Random *random)
{
  g_autofree char *truth = NULL;
  g_autofree char *shown = NULL;
  const LampTally *tally;
  guint count;

  /* Nothing to do, but it reads the numbers. */
  g_assert_true (lamp_queue_discard (random->queue, (const char *[]){ NULL }, &count, NULL));
  tally = lamp_queue_get_tally (random->queue);
  truth = lamp_test_db_text (random->db,
                             "SELECT (SELECT count(*) FROM lamppost_state WHERE status = 2), "
                             "(SELECT count(*) FROM lamppost_state WHERE status = 1), "
                             "(SELECT count(*) FROM lamppost_state WHERE status = 0) +"
                             "  (SELECT count(*) FROM lamppost_history), "
                             "coalesce ((SELECT queued_at FROM lamppost_state WHERE status = 2"
                             "  ORDER BY id LIMIT 1), 0)");
  shown = g_strdup_printf ("%" G_GUINT64_FORMAT "|%" G_GUINT64_FORMAT "|%" G_GUINT64_FORMAT
                           "|%" G_GINT64_FORMAT "\n",
                           tally->pending, tally->failed, tally->delivered, tally->oldest_pending);
  g_assert_cmpstr (shown, ==, truth);
}

static void
test_random_series (Fixture      *fixture,
                    gconstpointer data)
{
  Random random = { 0 };

  close_store (fixture);
  random.queue = lamp_queue_new (fixture->path, NODE);
  lamp_queue_set_history (random.queue, 7, 30);
  g_assert_true (lamp_queue_open (random.queue, NULL));
  random.db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (random.db, "PRAGMA synchronous = OFF");

  for (int i = 0; i < RANDOM_STEPS; i++)
    {
      switch (g_test_rand_int_range (0, 10))
        {
        case 0:
          random_append (&random);
          break;
        case 1:
        case 2:
          random_settle (&random);
          break;
        case 3:
          random_repair (&random);
          break;
        default:
          random_foreign (&random);
          break;
        }

      assert_consistent (random.db, "a step of ours");
    }

  lamp_queue_tidy (random.queue);
  lamp_test_wait_until (lamp_queue_get_tally (random.queue)->settled == 0 &&
                        lamp_queue_get_tally (random.queue)->delivered <= 30);
  assert_consistent (random.db, "the last tidying");
  assert_tally (&random);
  g_test_message ("%" G_GUINT64_FORMAT " pending, %" G_GUINT64_FORMAT " failed, %" G_GUINT64_FORMAT
                  " delivered in the end",
                  lamp_queue_get_tally (random.queue)->pending,
                  lamp_queue_get_tally (random.queue)->failed,
                  lamp_queue_get_tally (random.queue)->delivered);

  lamp_test_db_close (random.db);
  lamp_test_finalize (random.queue);
}

/* --- the size of the files ---------------------------------------------- */

static gint64
size_of (const char *path)
{
  GStatBuf info;

  return g_stat (path, &info) == 0 ? (gint64) info.st_size : 0;
}

static void
append_slice (LampQueue *queue,
              guint      n)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (events, lamp_test_event ("mission", "Filling", "{\"n\":1}"));
  receipts = lamp_queue_append (queue, events, &error);
  g_assert_no_error (error);
}

/* TRUE while there was something. */
static gboolean
deliver_slice (LampQueue *queue)
{
  g_autoptr (GAsyncResult) read = NULL;
  g_autoptr (GAsyncResult) settled = NULL;
  g_autoptr (LampBatch) batch = NULL;
  g_autoptr (LampOutcome) outcome = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_read_batch_async (queue, 0, G_MAXINT64, NULL, APPEND_SLICE, WAL_MAX,
                               lamp_test_result_cb, &read);
  lamp_test_wait_until (read != NULL);
  batch = lamp_queue_read_batch_finish (queue, read, NULL, &error);
  g_assert_no_error (error);
  if (lamp_batch_get_size (batch) == 0)
    return FALSE;

  outcome = lamp_outcome_new (LAMP_OUTCOME_ANSWERED, lamp_batch_get_size (batch));
  for (guint i = 0; i < outcome->n_verdicts; i++)
    outcome->verdicts[i].kind = LAMP_VERDICT_DELIVERED;
  lamp_queue_settle_async (queue, batch, outcome, "https://example.org", lamp_test_result_cb,
                           &settled);
  lamp_test_wait_until (settled != NULL);
  lamp_queue_settle_finish (queue, settled, NULL, NULL, &error);
  g_assert_no_error (error);

  return TRUE;
}

/* Its task keeps the queue alive until it is done. */
static void
tidy (LampQueue *queue)
{
  lamp_queue_tidy (queue);
  lamp_test_wait_until (G_OBJECT (queue)->ref_count == 1);
}

static LampQueue *
start_queue (Fixture *fixture)
{
  LampQueue *queue = NULL;
  g_autoptr (GError) error = NULL;

  close_store (fixture);
  queue = lamp_queue_new (fixture->path, NODE);
  lamp_queue_set_capacity (queue, A_MILLION);
  lamp_queue_set_history (queue, 7, FILL_HISTORY);
  lamp_queue_open (queue, &error);
  g_assert_no_error (error);

  return queue;
}

static void
test_log_is_bounded (Fixture      *fixture,
                     gconstpointer data)
{
  LampQueue *queue = start_queue (fixture);
  g_autoptr (LampTestDb) reader = lamp_test_db_open (fixture->path);
  g_autofree char *log = g_strconcat (fixture->path, "-wal", NULL);
  gint64 largest = 0;

  for (guint i = 0; i < WAL_ROWS; i += APPEND_SLICE)
    {
      append_slice (queue, APPEND_SLICE);
      largest = MAX (largest, size_of (log));

      /* A reader that reads, and is idle again. */
      g_assert_cmpint (lamp_test_db_int (reader, "SELECT pending FROM lamppost_counter"), ==,
                       i + APPEND_SLICE);
    }

  g_test_message ("the log was %" G_GINT64_FORMAT " KiB at most", largest / 1024);
  g_assert_cmpint (largest, >, 0);
  g_assert_cmpint (largest, <=, WAL_MAX);
  lamp_test_db_assert_sound (reader);
  g_assert_finalize_object (queue);
}

/* Without what is still in the log. */
static gint64
file_size (Fixture *fixture)
{
  g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

  g_assert_cmpint (lamp_test_db_int (db, "PRAGMA wal_checkpoint (TRUNCATE)"), ==, 0);

  return size_of (fixture->path);
}

/* Ours gives back what it no longer needs. A file that the other tool has made can't, but it
 * grows no further: its unused pages are used again. */
static void
test_file_is_bounded (Fixture      *fixture,
                      gconstpointer data)
{
  gboolean other = GPOINTER_TO_INT (data);
  gint64 first = 0;
  LampQueue *queue;

  if (other)
    {
      g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

      lamp_test_db_run (db, SPEC_SCHEMA);
    }

  queue = start_queue (fixture);
  for (int round = 1; round <= FILL_ROUNDS; round++)
    {
      gint64 full;
      gint64 empty;

      for (guint i = 0; i < FILL_ROWS; i += APPEND_SLICE)
        append_slice (queue, APPEND_SLICE);
      full = file_size (fixture);
      if (round == 1)
        first = full;

      while (deliver_slice (queue))
        ;
      tidy (queue);
      g_assert_cmpuint (lamp_queue_get_tally (queue)->delivered, ==, FILL_HISTORY);
      g_assert_cmpuint (lamp_queue_get_tally (queue)->settled, ==, 0);
      empty = file_size (fixture);

      g_test_message ("round %d: %" G_GINT64_FORMAT " KiB full, %" G_GINT64_FORMAT " KiB empty",
                      round, full / 1024, empty / 1024);
      g_assert_cmpint (full, <=, first * 6 / 5);
      g_assert_cmpint (first, >, EMPTY_FILE_MAX);
      g_assert_cmpint (empty, <=, other ? first * 6 / 5 : EMPTY_FILE_MAX);
    }

  {
    g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

    lamp_test_db_assert_sound (db);
    g_assert_cmpint (lamp_test_db_int (db, "PRAGMA auto_vacuum"), ==, other ? 0 : 2);
  }
  g_assert_finalize_object (queue);
}

/* --- query plans -------------------------------------------------------- */

static gboolean
ignore_pending (gint64      id,
                gint64      revision,
                const char *event_id,
                const char *envelope,
                gsize       length,
                gpointer    user_data)
{
  return TRUE;
}

static gboolean
ignore_row (LampRow *row,
            gpointer user_data)
{
  lamp_row_free (row);

  return TRUE;
}

/* Prepares every statement that runs once an event, a page or a batch. */
static gboolean
use_all (LampStore *store,
         gpointer   data,
         GError   **error)
{
  static const LampFilter filters[] = {
    { .all = TRUE },
    { .status = LAMP_STATUS_PENDING },
    { .status = LAMP_STATUS_FAILED },
    { .status = LAMP_STATUS_DELIVERED },
  };
  g_autoptr (LampRow) row = NULL;
  gboolean changed;
  gint64 server;
  gint64 last;
  guint count = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (filters); i++)
    if (!lamp_store_walk_rows (store, &filters[i], 100, 10, ignore_row, NULL, &last, error))
      return FALSE;

  return lamp_store_walk_pending (store, 0, 100, NULL, ignore_pending, NULL, error) &&
         lamp_store_find (store, "nobody", &row, error) &&
         lamp_store_get_server (store, "https://example.org", &server, error) &&
         lamp_store_mark_delivered (store, 1, 0, server, 1, &changed, error) &&
         lamp_store_mark_failed (store, 2, 0, "c", "m", 1, 1, &changed, error) &&
         lamp_store_resend (store, "nobody", &count, error) &&
         lamp_store_discard (store, "nobody", &count, error) &&
         lamp_store_move_settled (store, 10, 10, &count, error) &&
         lamp_store_prune_history (store, 10, 0, 0, &count, error);
}

/* The table of one row, and the index that LIMIT reads from one end. */
static gboolean
is_short (const char *step)
{
  static const char *const steps[] = {
    "SCAN lamppost_counter",
    "SCAN lamppost_history USING COVERING INDEX lamppost_history_delivered",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    if (strstr (step, steps[i]) != NULL)
      return TRUE;

  return FALSE;
}

static gboolean
check_plans (LampStore *store,
             gpointer   data,
             GError   **error)
{
  sqlite3 *db = lamp_store_get_db (store);
  GString *bad = data;

  for (sqlite3_stmt *statement = sqlite3_next_stmt (db, NULL); statement != NULL;
       statement = sqlite3_next_stmt (db, statement))
    {
      const char *sql = sqlite3_sql (statement);
      g_autofree char *explain = g_strconcat ("EXPLAIN QUERY PLAN ", sql, NULL);
      g_autofree char *plan = NULL;
      g_auto (GStrv) steps = NULL;

      if (g_str_has_prefix (sql, "EXPLAIN") || g_str_has_prefix (sql, "PRAGMA"))
        continue;

      plan = lamp_test_db_text (db, explain);
      steps = g_strsplit (plan, "\n", -1);
      g_test_message ("%s\n%s", sql, plan);
      for (gsize i = 0; steps[i] != NULL; i++)
        {
          gboolean walk = strstr (steps[i], "SCAN") != NULL && !is_short (steps[i]);

          if (walk || strstr (steps[i], "TEMP B-TREE") != NULL)
            g_string_append_printf (bad, "%s: %s\n", sql, steps[i]);
        }
    }

  return TRUE;
}

static void
test_plans_walk_no_table (Fixture      *fixture,
                          gconstpointer data)
{
  g_autoptr (GString) bad = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 5; i++)
    insert (fixture);
  lamp_store_run (fixture->store, LAMP_STORE_WRITE, use_all, NULL, NULL, &error);
  g_assert_no_error (error);

  g_assert_true (lamp_store_run (fixture->store, LAMP_STORE_READ, check_plans, bad, NULL, NULL));
  g_assert_cmpstr (bad->str, ==, "");
}

/* The steps that SQLite's machine has made since the last call for the numbers of the queue. */
static gboolean
count_steps (LampStore *store,
             gpointer   data,
             GError   **error)
{
  sqlite3 *db = lamp_store_get_db (store);
  int *steps = data;

  *steps = 0;
  for (sqlite3_stmt *statement = sqlite3_next_stmt (db, NULL); statement != NULL;
       statement = sqlite3_next_stmt (db, statement))
    if (g_str_has_prefix (sqlite3_sql (statement), "SELECT pending, failed"))
      *steps = sqlite3_stmt_status (statement, SQLITE_STMTSTATUS_VM_STEP, TRUE);

  return TRUE;
}

/* Each job is followed by one look at the numbers. */
static int
steps_of_a_tally (Fixture *fixture)
{
  int steps = 0;

  for (int i = 0; i < 3; i++)
    g_assert_true (
      lamp_store_run (fixture->store, LAMP_STORE_READ, count_steps, &steps, NULL, NULL));

  return steps;
}

static void
test_counts_cost_the_same (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  LampTally tally;
  int few;
  int many;

  insert (fixture);
  few = steps_of_a_tally (fixture);
  db = lamp_test_db_open (fixture->path);
  lamp_test_db_run (db,
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9999) "
                    "INSERT INTO queue (event_id, event_type, data, timestamp) "
                    "SELECT 'F' || i, 'Foreign', '{}', 1 FROM n");
  many = steps_of_a_tally (fixture);
  g_test_message ("%d steps with 1 event, %d with 10 000", few, many);
  g_assert_cmpint (few, >, 0);
  g_assert_cmpint (many, ==, few);

  open_store (fixture, &tally);
  g_assert_cmpuint (tally.pending, ==, 10000);
}

/* The µs that a job takes which does nothing: its way to the store's thread, one look at the
 * numbers, and the way back. The best of some, for others are at work on the machine. */
static double
time_of_a_tally (Fixture *fixture)
{
  gint64 best = G_MAXINT64;

  for (int i = 0; i < 20; i++)
    {
      gint64 start = g_get_monotonic_time ();

      for (int j = 0; j < 100; j++)
        open_store (fixture, NULL);
      best = MIN (best, g_get_monotonic_time () - start);
    }

  return (double) best / 100;
}

/* Rows that were there before us, as their insertion is cheaper then. */
static void
make_rows (Fixture *fixture,
           guint    n_rows)
{
  g_autofree char *sql =
    g_strdup_printf ("PRAGMA synchronous = OFF; BEGIN; " SPEC_SCHEMA
                     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT %u) "
                     "INSERT INTO queue (event_id, event_type, data, timestamp) "
                     "SELECT printf ('%%08d', i), 'Foreign', '{}', 1 FROM n; COMMIT",
                     n_rows);
  g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

  lamp_test_db_run (db, sql);
}

static void
test_counts_at_a_million (Fixture      *fixture,
                          gconstpointer data)
{
  static const guint sizes[] = { 10, MANY_ROWS };
  int steps[G_N_ELEMENTS (sizes)];

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      LampTally tally;

      make_rows (fixture, sizes[i]);
      insert (fixture);
      steps[i] = steps_of_a_tally (fixture);
      g_test_message ("%u rows: %d steps, %.1f µs with the way to the thread and back", sizes[i],
                      steps[i], time_of_a_tally (fixture));
      open_store (fixture, &tally);
      g_assert_cmpuint (tally.pending, ==, sizes[i] + 1);
      close_store (fixture);
      g_assert_no_errno (g_remove (fixture->path));
      fixture->store = lamp_store_new (fixture->path, NODE);
    }

  g_assert_cmpint (steps[0], >, 0);
  g_assert_cmpint (steps[1], ==, steps[0]);
}

#define ADD(path, function) ADD_WITH (path, NULL, function)
#define ADD_WITH(path, data, function)                                                             \
  g_test_add ("/store/" path, Fixture, data, set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  lamp_test_catch_warnings ();

  ADD ("file/is-private", test_is_private);
  ADD ("file/makes-private-folders", test_makes_private_folders);
  ADD ("file/leaves-other-folders", test_leaves_other_folders);
  ADD ("file/tightens-an-empty-folder", test_tightens_an_empty_folder);
  ADD ("file/tightens-old-files", test_tightens_old_files);
  ADD ("file/is-durable", test_is_durable);
  ADD ("file/schema-is-the-shared-one", test_schema_is_the_shared_one);
  ADD ("file/new-one-is-empty", test_new_file_is_empty);
  ADD ("file/open-writes-nothing", test_open_writes_nothing);
  ADD ("old/opens-version-2", test_opens_version_2);
  ADD_WITH ("old/opens-2026-02", "queue-2026-02.db", test_opens_real_file);
  ADD_WITH ("old/opens-2026-03", "queue-2026-03.db", test_opens_real_file);
  ADD ("old/refuses-newer", test_refuses_newer_file);
  ADD ("mishap/is-a-folder", test_is_a_folder);
  ADD ("mishap/unwritable-folder", test_unwritable_folder);
  ADD ("mishap/unwritable-file", test_unwritable_file);
  ADD ("mishap/full-disk", test_full_disk);
  ADD ("lock/waits", test_waits_for_a_foreign_lock);
  ADD ("lock/reads-go-on", test_reads_despite_a_foreign_lock);
  ADD ("lock/gives-up-after-5-seconds", test_gives_up_after_5_seconds);
  ADD ("lock/of-10-seconds", test_foreign_lock_of_10_seconds);
  ADD ("group/one-commit-for-all-that-wait", test_one_commit_for_all_that_wait);
  ADD ("group/few-commits-without-a-gate", test_few_commits_without_a_gate);
  ADD ("group/failing-job-leaves-neighbours", test_failing_job_leaves_neighbours);
  ADD ("group/failing-read-is-told", test_failing_read_is_told);
  ADD ("group/last-reference-may-go-early", test_last_reference_may_go_early);
  ADD ("foreign/statements", test_foreign_statements);
  ADD ("foreign/random-series", test_random_series);
  ADD ("size/log-is-bounded", test_log_is_bounded);
  ADD_WITH ("size/file-is-bounded", GINT_TO_POINTER (FALSE), test_file_is_bounded);
  ADD_WITH ("size/file-of-the-other-tool-is-bounded", GINT_TO_POINTER (TRUE), test_file_is_bounded);
  ADD ("plans/walk-no-table", test_plans_walk_no_table);
  ADD ("plans/counts-cost-the-same", test_counts_cost_the_same);
  ADD ("plans/counts-cost-the-same-at-a-million", test_counts_at_a_million);

  return g_test_run ();
}
