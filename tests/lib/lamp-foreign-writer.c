/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include <glib.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* The other tool at work on the queue's file:
 *
 *   lamp-foreign-writer PATH SEED MILLISECONDS
 *
 * It does what the spec-kitty command line does, with its statements, a connection for each
 * operation, and what Python's sqlite3 does by itself: 5 seconds of patience, a deferred
 * transaction before the first statement that writes. It knows nothing of Lamppost.
 *
 * For each commit it prints what has become of its events, a line each:
 *
 *   put EVENT_ID SERIAL    the event is in the queue with the bytes of this serial number
 *   gone EVENT_ID          it is not any more, by its own doing
 *
 * It ends with 1 and says why at the first error, a lock that took too long among them. */

/* As Python's sqlite3.connect(). */
#define BUSY_TIMEOUT_MS 5000

/* What a scan of the other tool leaves alone between two events. */
#define PAUSE_MAX_US 8000

#define N_COALESCE_KEYS 12

/* How many of its last events it comes back to. */
#define N_RECENT 40
#define N_IDS_MAX 5

/* Its clocks are ahead of ours, so that ours has something to follow. */
#define CLOCK_AHEAD 1000

#define TYPE_PLAIN "MissionCreated"
#define TYPE_COALESCED "MissionDossierArtifactIndexed"

typedef struct
{
  const char *path;
  guint seed;
  GRand *random;     /* (owned) */
  GPtrArray *recent; /* (owned) of event ids */
  guint n_events;
  guint serial;
} Writer;

static void
fail (sqlite3    *db,
      const char *what)
{
  fprintf (stderr, "lamp-foreign-writer: %s: %s\n", what, sqlite3_errmsg (db));
  exit (1);
}

static sqlite3 *
connect_to (Writer *writer)
{
  sqlite3 *db = NULL;

  if (sqlite3_open_v2 (writer->path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
    fail (db, "open");
  sqlite3_busy_timeout (db, BUSY_TIMEOUT_MS);

  return db;
}

static void
execute (sqlite3    *db,
         const char *sql)
{
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail (db, sql);
}

static void
disconnect (sqlite3 *db)
{
  if (sqlite3_close (db) != SQLITE_OK)
    fail (db, "close");
}

static sqlite3_stmt *
prepare (sqlite3    *db,
         const char *sql)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL) != SQLITE_OK)
    fail (db, sql);

  return statement;
}

static void
finish (sqlite3      *db,
        sqlite3_stmt *statement)
{
  if (sqlite3_step (statement) != SQLITE_DONE)
    fail (db, sqlite3_sql (statement));
  sqlite3_finalize (statement);
}

/* --- events ------------------------------------------------------------- */

static char *
new_event_id (Writer *writer)
{
  return g_strdup_printf ("01KF%04X%018X", writer->seed, ++writer->n_events);
}

static const char *
pick_recent (Writer *writer)
{
  guint index = (guint) g_rand_int_range (writer->random, 0, (int) writer->recent->len);

  return g_ptr_array_index (writer->recent, index);
}

static void
remember (Writer     *writer,
          const char *event_id)
{
  g_ptr_array_add (writer->recent, g_strdup (event_id));
  if (writer->recent->len > N_RECENT)
    g_ptr_array_remove_index (writer->recent, 0);
}

/* As json.dumps() writes it: with a blank after each colon and comma. */
static char *
new_data (Writer     *writer,
          const char *event_id,
          const char *event_type)
{
  g_autofree char *filler = g_strnfill ((gsize) g_rand_int_range (writer->random, 0, 3000), 'f');

  writer->serial++;

  return g_strdup_printf (
    "{\"event_id\": \"%s\", \"event_type\": \"%s\", \"aggregate_id\": \"mission/foreign\", "
    "\"payload\": {\"serial\": %u, \"filler\": \"%s\"}, \"lamport_clock\": %u, "
    "\"node_id\": \"foreign-%u\"}",
    event_id, event_type, writer->serial, filler, CLOCK_AHEAD + writer->serial, writer->seed);
}

static void
bind_event (sqlite3_stmt *statement,
            const char   *event_id,
            const char   *event_type,
            const char   *data)
{
  int column = 1;

  sqlite3_bind_text (statement, column++, event_id, -1, SQLITE_TRANSIENT);
  if (event_type != NULL)
    sqlite3_bind_text (statement, column++, event_type, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text (statement, column++, data, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int64 (statement, column, g_get_real_time () / G_USEC_PER_SEC);
}

/* --- what it does ------------------------------------------------------- */

static void
count (Writer *writer)
{
  sqlite3 *db = connect_to (writer);
  sqlite3_stmt *statement = prepare (db, "SELECT COUNT(*) FROM queue");

  if (sqlite3_step (statement) != SQLITE_ROW)
    fail (db, sqlite3_sql (statement));
  finish (db, statement);
  disconnect (db);
}

static void
insert (Writer     *writer,
        const char *sql,
        const char *event_id,
        const char *event_type,
        const char *coalesce_key)
{
  g_autofree char *data = new_data (writer, event_id, event_type);
  sqlite3 *db = connect_to (writer);
  sqlite3_stmt *statement;

  execute (db, "BEGIN");
  statement = prepare (db, sql);
  bind_event (statement, event_id, event_type, data);
  if (sqlite3_bind_parameter_count (statement) > 4)
    sqlite3_bind_text (statement, 5, coalesce_key, -1, SQLITE_TRANSIENT);
  finish (db, statement);
  execute (db, "COMMIT");
  disconnect (db);
  printf ("put %s %u\n", event_id, writer->serial);
}

#define INSERT "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES (?, ?, ?, ?)"
#define REPLACE                                                                                    \
  "INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp, coalesce_key) "            \
  "VALUES (?, ?, ?, ?, ?)"

static void
insert_new (Writer *writer)
{
  g_autofree char *event_id = new_event_id (writer);

  insert (writer, g_rand_boolean (writer->random) ? INSERT : REPLACE, event_id, TYPE_PLAIN, NULL);
  remember (writer, event_id);
}

/* The same event with other bytes. */
static void
replace (Writer *writer)
{
  insert (writer, REPLACE, pick_recent (writer), TYPE_PLAIN, NULL);
}

/* The row that has the key becomes another event. FALSE: there was none, or it has gone between
 * the two statements (then the tool itself would lose the event: this one goes on as without). */
static gboolean
try_coalesce (Writer     *writer,
              const char *event_id,
              const char *key)
{
  sqlite3 *db = connect_to (writer);
  sqlite3_stmt *statement =
    prepare (db, "SELECT id, event_id FROM queue WHERE coalesce_key = ? LIMIT 1");
  g_autofree char *old_event_id = NULL;
  g_autofree char *data = NULL;
  gint64 id;
  gboolean changed;

  sqlite3_bind_text (statement, 1, key, -1, SQLITE_TRANSIENT);
  if (sqlite3_step (statement) != SQLITE_ROW)
    {
      sqlite3_finalize (statement);
      disconnect (db);
      return FALSE;
    }

  id = sqlite3_column_int64 (statement, 0);
  old_event_id = g_strdup ((const char *) sqlite3_column_text (statement, 1));
  finish (db, statement);

  data = new_data (writer, event_id, TYPE_COALESCED);
  execute (db, "BEGIN");
  statement = prepare (db, "UPDATE queue SET event_id=?, data=?, timestamp=? WHERE id=?");
  bind_event (statement, event_id, NULL, data);
  sqlite3_bind_int64 (statement, 4, id);
  finish (db, statement);
  changed = sqlite3_changes (db) > 0;
  execute (db, "COMMIT");
  disconnect (db);

  if (changed)
    printf ("gone %s\nput %s %u\n", old_event_id, event_id, writer->serial);

  return changed;
}

static void
coalesce (Writer *writer)
{
  g_autofree char *event_id = new_event_id (writer);
  g_autofree char *key = g_strdup_printf (TYPE_COALESCED "|%u|%d", writer->seed,
                                          g_rand_int_range (writer->random, 0, N_COALESCE_KEYS));

  if (!try_coalesce (writer, event_id, key))
    insert (writer, REPLACE, event_id, TYPE_COALESCED, key);
}

/* Runs a statement on some of its events, and forgets those if they are @gone. */
static void
touch_recent (Writer     *writer,
              const char *format,
              gboolean    gone,
              gboolean    in_vain)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  guint n_ids = (guint) g_rand_int_range (writer->random, 1, N_IDS_MAX + 1);
  g_autoptr (GString) marks = g_string_new ("?");
  g_autofree char *sql = NULL;
  sqlite3 *db = connect_to (writer);
  sqlite3_stmt *statement;

  for (guint i = 1; i < n_ids; i++)
    g_string_append (marks, ",?");
  sql = g_strdup_printf ("%s (%s)", format, marks->str);

  execute (db, "BEGIN");
  statement = prepare (db, sql);
  for (guint i = 0; i < n_ids; i++)
    {
      const char *event_id = pick_recent (writer);

      sqlite3_bind_text (statement, (int) i + 1, event_id, -1, SQLITE_TRANSIENT);
      g_ptr_array_add (ids, g_strdup (event_id));
    }
  finish (db, statement);
  execute (db, in_vain ? "ROLLBACK" : "COMMIT");
  disconnect (db);

  for (guint i = 0; gone && !in_vain && i < n_ids; i++)
    printf ("gone %s\n", (const char *) g_ptr_array_index (ids, i));
}

#define DELETE_IN "DELETE FROM queue WHERE event_id IN"
#define RETRY_IN "UPDATE queue SET retry_count = retry_count + 1 WHERE event_id IN"

static void
do_something (Writer *writer)
{
  int what = g_rand_int_range (writer->random, 0, 100);

  if (what < 35 || writer->recent->len == 0)
    insert_new (writer);
  else if (what < 60)
    coalesce (writer);
  else if (what < 78)
    replace (writer);
  else if (what < 84)
    touch_recent (writer, DELETE_IN, TRUE, FALSE);
  else if (what < 88)
    touch_recent (writer, DELETE_IN, TRUE, TRUE);
  else if (what < 94)
    touch_recent (writer, RETRY_IN, FALSE, FALSE);
  else
    count (writer);
}

int
main (int   argc,
      char *argv[])
{
  Writer writer = { 0 };
  gint64 end;

  if (argc != 4)
    {
      fprintf (stderr, "Usage: %s PATH SEED MILLISECONDS\n", argv[0]);
      return 2;
    }

  writer.path = argv[1];
  writer.seed = (guint) g_ascii_strtoull (argv[2], NULL, 10);
  writer.random = g_rand_new_with_seed (writer.seed);
  writer.recent = g_ptr_array_new_with_free_func (g_free);
  end = g_get_monotonic_time () + g_ascii_strtoll (argv[3], NULL, 10) * G_TIME_SPAN_MILLISECOND;

  while (g_get_monotonic_time () < end)
    {
      do_something (&writer);
      g_usleep ((gulong) g_rand_int_range (writer.random, 0, PAUSE_MAX_US));
    }

  g_ptr_array_unref (writer.recent);
  g_rand_free (writer.random);

  return 0;
}
