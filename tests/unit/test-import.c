/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-import.h"
#include "lamp-queue.h"
#include "lamp-test-util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define NODE "test-node"

/* Enough slices that others must get their turn, and that memory would show. */
#define MANY (LAMP_TEST_SANITIZED ? 5000 : 100000)

/* What a hundred thousand lines (20 MiB) may cost, SQLite's cache and a slice. A sanitizer keeps
 * freed memory, and is known by how much it takes by itself. */
#define MANY_RSS_KIB (16 * 1024)
#define ORDINARY_RSS_KIB (100 * 1024)

#define LINE(id, more) "{\"event_id\":\"" id "\",\"event_type\":\"T\"" more "}"

#define QUEUE_TABLE                                                                                \
  "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL, "      \
  "event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL, "                     \
  "retry_count INTEGER DEFAULT 0);"
#define QUEUE_ROW(id)                                                                              \
  "INSERT INTO queue (event_id, event_type, data, timestamp, retry_count) VALUES "                 \
  "('" id "', 'T', '" LINE (id, "") "', 1700000000, 3);"

typedef struct
{
  char *folder;     /* (owned) */
  char *path;       /* (owned) of the queue */
  char *sources;    /* (owned) the folder of what is imported */
  LampQueue *queue; /* (owned) */
  LampTestDb *db;   /* (owned) the queue's file */
  guint rewritten;
} Fixture;

static void
rewritten_cb (Fixture *fixture)
{
  fixture->rewritten++;
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "queue.db", NULL);
  fixture->sources = lamp_test_folder_new ();
  fixture->queue = lamp_queue_new (fixture->path, NODE);
  lamp_queue_open (fixture->queue, &error);
  g_assert_no_error (error);
  fixture->db = lamp_test_db_open (fixture->path);
  g_signal_connect_swapped (fixture->queue, "rewritten", G_CALLBACK (rewritten_cb), fixture);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_signal_handlers_disconnect_by_data (fixture->queue, fixture);
  lamp_test_db_assert_sound (fixture->db);
  lamp_test_db_close (fixture->db);
  lamp_test_finalize (fixture->queue);
  lamp_test_folder_free (fixture->folder);
  lamp_test_folder_free (fixture->sources);
  g_free (fixture->path);
}

static char *
write_bytes (Fixture    *fixture,
             const char *name,
             const char *text,
             gssize      length)
{
  g_autoptr (GError) error = NULL;
  char *path = g_build_filename (fixture->sources, name, NULL);

  g_file_set_contents (path, text, length, &error);
  g_assert_no_error (error);

  return path;
}

static char *
write_file (Fixture    *fixture,
            const char *text)
{
  return write_bytes (fixture, "events.jsonl", text, -1);
}

/* A queue of another program, with what @sql makes. */
static char *
write_queue (Fixture    *fixture,
             const char *sql)
{
  char *path = g_build_filename (fixture->sources, "other.db", NULL);
  g_autoptr (LampTestDb) db = lamp_test_db_open (path);

  lamp_test_db_run (db, sql);

  return path;
}

static char *
copy_shared (Fixture    *fixture,
             const char *name)
{
  g_autofree char *from_path = lamp_test_dup_shared_file (name);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  if (from_path == NULL)
    return NULL;

  g_file_get_contents (from_path, &text, &length, &error);
  g_assert_no_error (error);

  return write_bytes (fixture, name, text, (gssize) length);
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Names, bytes and times of all that lies in a folder. */
static char *
describe_folder (const char *folder)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *text = NULL;
      g_autofree char *sum = NULL;
      struct stat info;
      gsize length;

      g_assert_no_errno (stat (path, &info));
      g_assert_true (g_file_get_contents (path, &text, &length, NULL));
      sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) text, length);
      g_ptr_array_add (lines,
                       g_strdup_printf ("%s %s %o %ld.%09ld", name, sum, info.st_mode,
                                        (long) info.st_mtim.tv_sec, (long) info.st_mtim.tv_nsec));
    }

  g_ptr_array_sort (lines, compare_names);
  g_ptr_array_add (lines, NULL);

  return g_strjoinv ("\n", (char **) lines->pdata);
}

/* Imports a file, which must stay as it is, with all that lies beside it. */
static LampImportReport *
import (Fixture    *fixture,
        const char *path,
        guint       imported,
        guint       skipped)
{
  g_autofree char *before = describe_folder (fixture->sources);
  g_autofree char *after = NULL;
  g_autoptr (LampImportReport) report = NULL;
  g_autoptr (GError) error = NULL;
  guint rewritten = fixture->rewritten;

  report = lamp_queue_import (fixture->queue, path, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < report->problems->len; i++)
    g_test_message ("%s", (const char *) g_ptr_array_index (report->problems, i));

  after = describe_folder (fixture->sources);
  g_assert_cmpstr (after, ==, before);
  g_assert_cmpuint (report->imported, ==, imported);
  g_assert_cmpuint (report->skipped, ==, skipped);
  g_assert_cmpint (fixture->rewritten > rewritten, ==, imported > 0);

  return g_steal_pointer (&report);
}

static void
import_quietly (Fixture    *fixture,
                const char *path,
                guint       imported,
                guint       skipped)
{
  g_autoptr (LampImportReport) report = import (fixture, path, imported, skipped);

  g_assert_cmpuint (report->n_problems, ==, 0);
}

static void
assert_refused (Fixture    *fixture,
                const char *path,
                LampError   code,
                const char *pattern)
{
  g_autoptr (LampImportReport) report = NULL;
  g_autoptr (GError) error = NULL;

  report = lamp_queue_import (fixture->queue, path, NULL, NULL, &error);
  g_assert_null (report);
  g_test_message ("%s", error->message);
  g_assert_error (error, LAMP_ERROR, (int) code);
  g_assert_true (g_pattern_match_simple (pattern, error->message));
}

static void
assert_problem (const LampImportReport *report,
                guint                   index,
                const char             *pattern)
{
  const char *problem;

  g_assert_cmpuint (index, <, report->problems->len);
  problem = g_ptr_array_index (report->problems, index);
  if (!g_pattern_match_simple (pattern, problem))
    g_error ("“%s” is not “%s”", problem, pattern);
}

static void
assert_sql (Fixture    *fixture,
            const char *sql,
            const char *expected)
{
  g_autofree char *found = lamp_test_db_text (fixture->db, sql);

  g_assert_cmpstr (found, ==, expected);
}

static void
assert_counts (Fixture *fixture,
               guint    pending,
               guint    failed)
{
  const LampTally *tally = lamp_queue_get_tally (fixture->queue);

  g_assert_cmpuint (tally->pending, ==, pending);
  g_assert_cmpuint (tally->failed, ==, failed);
  g_assert_cmpint (lamp_test_db_int (fixture->db,
                                     "SELECT count(*) FROM lamppost_state "
                                     "WHERE status = 2"),
                   ==, pending);
  g_assert_cmpint (lamp_test_db_int (fixture->db,
                                     "SELECT count(*) FROM lamppost_state "
                                     "WHERE status = 1"),
                   ==, failed);
}

/* --- real files --------------------------------------------------------- */

/* All that matters, in the order of the file. */
static void
test_real_queue (Fixture      *fixture,
                 gconstpointer data)
{
  const char *sql =
    "SELECT event_id, event_type, data, timestamp, retry_count FROM queue "
    "ORDER BY id";
  g_autofree char *path = copy_shared (fixture, data);
  g_autoptr (LampTestDb) db = NULL;
  g_autofree char *expected = NULL;
  guint count;

  if (path == NULL)
    return;

  db = lamp_test_db_open (path);
  expected = lamp_test_db_text (db, sql);
  count = (guint) lamp_test_db_int (db, "SELECT count(*) FROM queue");
  g_assert_cmpint (sqlite3_close (g_steal_pointer (&db)), ==, SQLITE_OK);

  import_quietly (fixture, path, count, 0);
  assert_sql (fixture, sql, expected);
  assert_counts (fixture, count, 0);

  import_quietly (fixture, path, 0, count);
  assert_sql (fixture, sql, expected);
}

static void
test_real_lines (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *path = copy_shared (fixture, "mission-demo.jsonl");
  g_autofree char *events_path = NULL;
  g_autofree char *events = NULL;
  g_auto (GStrv) envelopes = NULL;
  g_autofree char *stored = NULL;
  g_auto (GStrv) rows = NULL;
  g_autoptr (LampImportReport) report = NULL;
  guint found = 0;

  if (path == NULL)
    return;

  report = import (fixture, path, 33, 12);
  g_assert_cmpuint (report->n_problems, ==, 1);
  assert_problem (report, 0, "line 6: not valid JSON at byte *");
  assert_counts (fixture, 22, 11);
  assert_sql (fixture,
              "SELECT count(*), min(code), max(code), count(DISTINCT last_retry_at) "
              "FROM lamppost_failure WHERE last_retry_at % 1000000 = 123456",
              "11|imported|imported|1\n");
  assert_sql (fixture, "SELECT sum(retry_count) FROM queue", "11\n");

  /* The very bytes of the envelopes, without what was put into them. */
  events_path = lamp_test_dup_shared_file ("events.jsonl");
  g_assert_true (g_file_get_contents (events_path, &events, NULL, NULL));
  envelopes = g_strsplit (events, "\n", -1);
  stored = lamp_test_db_text (fixture->db, "SELECT data FROM queue ORDER BY id");
  rows = g_strsplit (stored, "\n", -1);
  for (guint i = 0; rows[i] != NULL && *rows[i] != '\0'; i++)
    found += g_strv_contains ((const char *const *) envelopes, rows[i]);
  g_assert_cmpuint (found, ==, 33);

  g_clear_pointer (&report, lamp_import_report_free);
  report = import (fixture, path, 0, 45);
  g_assert_cmpuint (report->n_problems, ==, 1);
  assert_counts (fixture, 22, 11);
}

/* --- lines -------------------------------------------------------------- */

static void
test_lines_keep_bytes (Fixture      *fixture,
                       gconstpointer data)
{
  static const struct
  {
    const char *line;
    const char *stored;
  } cases[] = {
    { "{\"event_id\":\"A\",\"event_type\":\"T\"}", "{\"event_id\":\"A\",\"event_type\":\"T\"}" },
    { "  { \"event_id\" : \"B\" , \"event_type\" : \"T\" }\t",
      "{ \"event_id\" : \"B\" , \"event_type\" : \"T\" }" },
    { "{\"_retry_count\": 2, \"event_id\": \"C\", \"event_type\": \"T\"}",
      "{\"event_id\": \"C\", \"event_type\": \"T\"}" },
    { "{\"event_id\": \"D\", \"_retry_count\": 2, \"event_type\": \"T\"}",
      "{\"event_id\": \"D\", \"event_type\": \"T\"}" },
    { "{\"event_id\": \"E\", \"event_type\": \"T\",  \"_retry_count\": 2 }",
      "{\"event_id\": \"E\", \"event_type\": \"T\" }" },
    { "{ \"_retry_count\":1,\"_replay_status\":\"pending\", \"event_id\":\"F\","
      "\"_last_retry_at\":null ,\"_retry_count\":2,\"event_type\":\"T\"}",
      "{ \"event_id\":\"F\",\"event_type\":\"T\"}" },
    { "{\"event_id\":\"G\",\"event_type\":\"T\",\"payload\":{\"_retry_count\":9,\"n\":1.50,"
      "\"s\":\"\\u00e9 {}\"},\"\\u005fretry_count\":2}",
      "{\"event_id\":\"G\",\"event_type\":\"T\",\"payload\":{\"_retry_count\":9,\"n\":1.50,"
      "\"s\":\"\\u00e9 {}\"}}" },
  };
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autoptr (GString) stored = g_string_new (NULL);
  g_autofree char *path = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_string_append_printf (lines, "%s\n", cases[i].line);
      g_string_append_printf (stored, "%s\n", cases[i].stored);
    }

  path = write_file (fixture, lines->str);
  import_quietly (fixture, path, G_N_ELEMENTS (cases), 0);
  assert_sql (fixture, "SELECT data FROM queue ORDER BY id", stored->str);
  assert_sql (fixture, "SELECT group_concat (event_id || retry_count, ' ') FROM queue",
              "A0 B0 C2 D2 E2 F2 G2\n");
}

static void
test_lines_keep_status (Fixture      *fixture,
                        gconstpointer data)
{
  g_autofree char *path = write_file (
    fixture,
    LINE ("A", ",\"_replay_status\":\"delivered\"") "\n" LINE (
      "B",
      ",\"_replay_status\":\"failed\",\"_retry_count\":4,"
      "\"_last_retry_at\":\"2026-02-16T09:30:00.5+01:00\"") "\n" LINE ("C",
                                                                       ",\"_replay_status\":\"pending\",\"_retry_count\":1,"
                                                                       "\"_last_retry_at\":\"2026-02-16T09:30:00Z\"") "\n" LINE ("D",
                                                                                                                                 ",\"_replay_status\":\"other\",\"_retry_count\":-1,\"_last_retry_at\":\"x\"") "\n" LINE ("E",
                                                                                                                                                                                                                          ",\"_replay_status\":7,\"_retry_count\":\"x\",\"_last_retry_at\":1.5") "\n");
  g_autoptr (LampRow) row = NULL;
  g_autoptr (GError) error = NULL;

  import_quietly (fixture, path, 4, 1);
  assert_counts (fixture, 3, 1);
  assert_sql (fixture,
              "SELECT event_id, retry_count, code, last_retry_at FROM queue q "
              "LEFT JOIN lamppost_failure f ON f.id = q.id ORDER BY q.id",
              "B|4|imported|1771230600500000\nC|1||1771234200000000\nD|0||\nE|0||\n");

  row = lamp_queue_get (fixture->queue, "B", &error);
  g_assert_no_error (error);
  g_assert_cmpint (row->status, ==, LAMP_STATUS_FAILED);
  g_assert_cmpstr (row->error_message, !=, "");
}

static void
test_lines_corrupt (Fixture      *fixture,
                    gconstpointer data)
{
  g_autofree char *path = write_file (fixture, "garbage\n"
                                               LINE ("A", "") "\n"
                                               "\n \t\r\n"
                                               "{\"event_id\":\"B\",\"event_ty\n"
                                               "[1]\n"
                                               "{\"event_type\":\"T\"}\n"
                                               "{\"event_id\":\"\",\"event_type\":\"T\"}\n"
                                               "{\"event_id\":\"C\",\"event_type\":7}\n"
                                               LINE ("D", "") LINE ("E", "") "\n"
                                               LINE ("F", ",\"a\":\"\xff\"") "\n"
                                               LINE ("G", "") "\n"
                                               "{\"event_id\":\"H\"");
  g_autoptr (LampImportReport) report = import (fixture, path, 2, 9);

  g_assert_cmpuint (report->n_problems, ==, 9);
  assert_problem (report, 0, "line 1: not valid JSON at byte 0*");
  assert_problem (report, 1, "line 5: not valid JSON at byte *");
  assert_problem (report, 2, "line 6: not a JSON object");
  assert_problem (report, 3, "line 7: event_id: *");
  assert_problem (report, 4, "line 8: event_id: *");
  assert_problem (report, 5, "line 9: event_type: *");
  assert_problem (report, 6, "line 10: not valid JSON*");
  assert_problem (report, 7, "line 11: not valid JSON*");
  assert_problem (report, 8, "line 13: not valid JSON*");
}

static void
test_lines_endings (Fixture      *fixture,
                    gconstpointer data)
{
  g_autofree char *path =
    write_file (fixture,
                "\xef\xbb\xbf" LINE ("A", "") "\r\n\r\n" LINE ("B", "") "\n" LINE ("C", ""));

  import_quietly (fixture, path, 3, 0);
  assert_sql (fixture, "SELECT data FROM queue ORDER BY id",
              LINE ("A", "") "\n" LINE ("B", "") "\n" LINE ("C", "") "\n");
}

static void
test_lines_too_long (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *fits = g_strnfill (LAMP_IMPORT_LINE_MAX - strlen (LINE ("B", ",\"a\":\"\"")),
                                      'x');
  g_autofree char *much = g_strnfill (5 * LAMP_IMPORT_LINE_MAX, 'x');
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autofree char *path = NULL;
  g_autoptr (LampImportReport) report = NULL;

  g_string_append_printf (lines, LINE ("A", ",\"a\":\"%s\"") "\n", much);
  g_string_append_printf (lines, LINE ("B", ",\"a\":\"%s\"") "\n", fits);
  g_string_append_printf (lines, LINE ("C", ",\"a\":\"%sx\"") "\n" LINE ("D", "") "\n", fits);
  g_string_append_printf (lines, LINE ("E", ",\"a\":\"%s\""), much);

  path = write_file (fixture, lines->str);
  report = import (fixture, path, 2, 3);
  assert_problem (report, 0, "line 1: longer than 1 MiB");
  assert_problem (report, 1, "line 3: longer than 1 MiB");
  assert_problem (report, 2, "line 5: longer than 1 MiB");
  assert_sql (fixture, "SELECT event_id FROM queue ORDER BY id", "B\nD\n");
}

static void
test_lines_problems_are_bounded (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autoptr (GString) lines = g_string_new (LINE ("A", "") "\n");
  g_autofree char *path = NULL;
  g_autoptr (LampImportReport) report = NULL;

  for (guint i = 0; i < 1200; i++)
    g_string_append (lines, "{\n");

  path = write_file (fixture, lines->str);
  report = import (fixture, path, 1, 1200);
  g_assert_cmpuint (report->n_problems, ==, 1200);
  g_assert_cmpuint (report->problems->len, ==, LAMP_IMPORT_PROBLEMS_MAX);
}

static void
test_clock_received (Fixture      *fixture,
                     gconstpointer data)
{
  static const struct
  {
    const char *clock;
    gint64 after;
  } cases[] = {
    { "5", 6 },   { "3", 6 },      { "6", 6 },
    { "7", 8 },   { "-1", 8 },     { "9007199254740993", 8 },
    { "9.5", 8 }, { "\"99\"", 8 }, { "9007199254740992", G_GINT64_CONSTANT (9007199254740993) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = NULL;
      g_autofree char *path = NULL;

      line = g_strdup_printf (LINE ("E%u", ",\"lamport_clock\":%s"), i, cases[i].clock);
      path = write_file (fixture, line);
      import_quietly (fixture, path, 1, 0);
      g_assert_cmpint (lamp_queue_get_tally (fixture->queue)->lamport_clock, ==, cases[i].after);
      import_quietly (fixture, path, 0, 1);
      g_assert_cmpint (lamp_queue_get_tally (fixture->queue)->lamport_clock, ==, cases[i].after);
    }
}

/* --- what is there already ---------------------------------------------- */

static void
move_to_history (Fixture *fixture)
{
  g_autofree char *sql =
    g_strdup_printf ("UPDATE lamppost_state SET status = 0, delivered_at = %" G_GINT64_FORMAT
                     " WHERE status = 2",
                     g_get_real_time ());
  g_autoptr (GError) error = NULL;

  lamp_test_db_run (fixture->db, sql);
  lamp_queue_tidy (fixture->queue);
  lamp_queue_open (fixture->queue, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->settled == 0);
  assert_sql (fixture, "SELECT count(*) FROM queue", "0\n");
}

static void
test_known_in_history (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *path = write_file (fixture, LINE ("A", "") "\n" LINE ("B", "") "\n");
  g_autofree char *other = write_bytes (fixture, "other", LINE ("A", ",\"x\":1"), -1);
  g_autoptr (LampImportReport) report = NULL;

  import_quietly (fixture, path, 2, 0);
  move_to_history (fixture);
  import_quietly (fixture, path, 0, 2);
  assert_counts (fixture, 0, 0);

  report = import (fixture, other, 0, 1);
  assert_problem (report, 0, "line 1: *“A”*other content*");
  assert_counts (fixture, 0, 0);
}

static void
test_known_with_other_bytes (Fixture      *fixture,
                             gconstpointer data)
{
  g_autofree char *path =
    write_file (fixture,
                LINE ("A", "") "\n" LINE ("B",
                                          "") "\n" LINE ("A",
                                                         "") "\n" LINE ("A",
                                                                        " ") "\n" LINE ("C",
                                                                                        "") "\n");
  g_autoptr (LampImportReport) report = import (fixture, path, 3, 2);

  g_assert_cmpuint (report->n_problems, ==, 1);
  assert_problem (report, 0, "line 4: *“A”*other content*");
  assert_sql (fixture, "SELECT data FROM queue WHERE event_id = 'A'", LINE ("A", "") "\n");
}

/* --- queues ------------------------------------------------------------- */

static void
test_queue_skips_unreadable_rows (Fixture      *fixture,
                                  gconstpointer data)
{
  g_autofree char *path = write_queue (
    fixture,
    QUEUE_TABLE QUEUE_ROW ("A")
    "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('B', 'T', 'no json', 1);"
    "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('C', 'T', '[]', 1);"
    "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('D', 'T', '{}', 1);"
    "INSERT INTO queue (id, event_id, event_type, data, timestamp) VALUES (70, 'E', 'T', '', 1);"
    QUEUE_ROW ("F"));
  g_autoptr (LampImportReport) report = import (fixture, path, 2, 4);

  assert_problem (report, 0, "row 2: not valid JSON*");
  assert_problem (report, 1, "row 3: not a JSON object");
  assert_problem (report, 2, "row 4: event_id: *");
  assert_problem (report, 3, "row 70: not valid JSON*");
  assert_sql (fixture, "SELECT event_id, timestamp, retry_count FROM queue ORDER BY id",
              "A|1700000000|3\nF|1700000000|3\n");
}

/* One that Lamppost has migrated: with its own words for what is failed. */
static void
test_queue_of_lamppost (Fixture      *fixture,
                        gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->folder, "other.db", NULL);
  g_autoptr (LampQueue) other = lamp_queue_new (path, "other-node");
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_open (other, &error);
  g_assert_no_error (error);
  db = lamp_test_db_open (path);
  lamp_test_db_run (db, QUEUE_ROW ("A") QUEUE_ROW ("B") QUEUE_ROW ("C") QUEUE_ROW ("D")
                    "UPDATE lamppost_state SET status = 0 WHERE id = 1;"
                    "UPDATE lamppost_state SET status = 1 WHERE id = 2;"
                    "UPDATE lamppost_state SET mission = 'm' WHERE id = 3;"
                    "UPDATE queue SET coalesce_key = 'k' WHERE id = 3;"
                    "INSERT INTO lamppost_failure VALUES (2, 'bad', 'No such phase', 5000000);"
                    "INSERT INTO lamppost_failure VALUES (4, '', '', 7000000);");

  /* It is in use: with a log beside it, and its index, where each reader leaves a mark. */
  import_quietly (fixture, path, 3, 1);
  assert_counts (fixture, 2, 1);
  assert_sql (fixture,
              "SELECT event_id, status, retry_count, mission, coalesce_key, code, message, "
              "last_retry_at FROM queue q JOIN lamppost_state s ON s.id = q.id "
              "LEFT JOIN lamppost_failure f ON f.id = q.id ORDER BY q.id",
              "B|1|3|||bad|No such phase|5000000\nC|2|3|m|k|||\nD|2|3||||"
              "|7000000\n");

  lamp_test_db_run (db, "PRAGMA user_version = 99");
  assert_refused (fixture, path, LAMP_ERROR_INVALID_ARGS, "*newer Lamppost*");
}

static void
copy_side_file (const char *from,
                const char *to,
                const char *suffix)
{
  g_autofree char *from_path = g_strconcat (from, suffix, NULL);
  g_autofree char *to_path = g_strconcat (to, suffix, NULL);
  g_autofree char *text = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (from_path, &text, &length, NULL));
  g_assert_true (g_file_set_contents (to_path, text, (gssize) length, NULL));
}

static void
test_queue_with_log (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *live = g_build_filename (fixture->folder, "live.db", NULL);
  g_autofree char *left = g_build_filename (fixture->sources, "left.db", NULL);
  g_autofree char *stale = g_build_filename (fixture->sources, "stale.db", NULL);
  g_autofree char *alone = g_build_filename (fixture->sources, "alone.db", NULL);
  g_autoptr (LampTestDb) db = lamp_test_db_open (live);

  lamp_test_db_run (db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;" QUEUE_TABLE
                          QUEUE_ROW ("A") "PRAGMA wal_checkpoint (TRUNCATE);" QUEUE_ROW ("B"));

  /* As a copy of the folder has it, with and without the index; and the file alone. */
  copy_side_file (live, left, "");
  copy_side_file (live, left, "-wal");
  copy_side_file (live, stale, "");
  copy_side_file (live, stale, "-wal");
  copy_side_file (live, stale, "-shm");
  copy_side_file (live, alone, "");

  import_quietly (fixture, alone, 1, 0);
  import_quietly (fixture, left, 1, 1);
  import_quietly (fixture, stale, 0, 2);
  import_quietly (fixture, live, 0, 2);
  assert_sql (fixture, "SELECT event_id FROM queue ORDER BY id", "A\nB\n");
}

/* A program that ended in the middle of a commit has left its journal. */
static void
test_queue_with_journal (Fixture      *fixture,
                         gconstpointer data)
{
  g_autofree char *live = g_build_filename (fixture->folder, "live.db", NULL);
  g_autofree char *left = g_build_filename (fixture->sources, "left.db", NULL);
  g_autoptr (LampTestDb) db = lamp_test_db_open (live);

  lamp_test_db_run (db, "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1;" QUEUE_TABLE
                        QUEUE_ROW ("A") "BEGIN IMMEDIATE; DELETE FROM queue;"
                        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                        "  WHERE i < 500) INSERT INTO queue (event_id, event_type, data, timestamp)"
                        "  SELECT i, 'T', hex (zeroblob (500)), 1 FROM n;");
  copy_side_file (live, left, "");
  copy_side_file (live, left, "-journal");
  lamp_test_db_run (db, "ROLLBACK");

  import_quietly (fixture, left, 1, 0);
  assert_sql (fixture, "SELECT event_id FROM queue ORDER BY id", "A\n");
}

static void
test_queue_pages (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree char *path = write_queue (
    fixture, QUEUE_TABLE
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
    "INSERT INTO queue (id, event_id, event_type, data, timestamp) SELECT i * 7, 'E' || i, 'T', "
    "'{\"event_id\":\"E' || i || '\",\"event_type\":\"T\",\"a\":\"' || hex (zeroblob (10000)) "
    "|| '\"}', 1 FROM n;");

  import_quietly (fixture, path, 1000, 0);
  import_quietly (fixture, path, 0, 1000);
}

/* --- refusals ----------------------------------------------------------- */

static void
test_refusals (Fixture      *fixture,
               gconstpointer data)
{
  g_autofree char *missing = g_build_filename (fixture->sources, "no", NULL);
  g_autofree char *empty = write_bytes (fixture, "empty", "", 0);
  g_autofree char *mark = write_bytes (fixture, "mark", "\xef\xbb\xbf", -1);
  g_autofree char *blank = write_bytes (fixture, "blank", "\n\n", -1);
  g_autofree char *text = write_bytes (fixture, "text", "Dear diary,\ntoday {…}\n", -1);
  g_autofree char *bytes = write_bytes (fixture, "bytes", "{\0\1\2", 4);
  g_autofree char *cut = write_bytes (fixture, "cut", "SQLite format 3\0abcdefghijklmnop", 32);
  g_autofree char *pipe = g_build_filename (fixture->sources, "pipe", NULL);
  g_autofree char *none = write_queue (fixture, "CREATE TABLE a (b);");
  g_autofree char *odd = g_build_filename (fixture->sources, "odd.db", NULL);
  g_autoptr (LampTestDb) db = lamp_test_db_open (odd);

  lamp_test_db_run (db, "CREATE TABLE queue (b);");
  g_assert_no_errno (mkfifo (pipe, 0600));

  assert_refused (fixture, missing, LAMP_ERROR_NOT_FOUND, "There is no file “*/no”");
  assert_refused (fixture, fixture->sources, LAMP_ERROR_INVALID_ARGS, "*it is a folder");
  assert_refused (fixture, pipe, LAMP_ERROR_INVALID_ARGS, "*not a regular file");
  assert_refused (fixture, empty, LAMP_ERROR_INVALID_ARGS, "*it is empty");
  assert_refused (fixture, mark, LAMP_ERROR_INVALID_ARGS, "*it is empty");
  assert_refused (fixture, blank, LAMP_ERROR_INVALID_ARGS, "*neither a queue nor lines*");
  assert_refused (fixture, text, LAMP_ERROR_INVALID_ARGS, "*neither a queue nor lines*");
  assert_refused (fixture, bytes, LAMP_ERROR_INVALID_ARGS, "*neither a queue nor lines*");
  assert_refused (fixture, cut, LAMP_ERROR_STORAGE, "*damaged or not a queue*");
  assert_refused (fixture, none, LAMP_ERROR_INVALID_ARGS, "*database without a queue*");
  assert_refused (fixture, odd, LAMP_ERROR_STORAGE, "*no such column*");
  g_assert_cmpuint (fixture->rewritten, ==, 0);
}

/* Were these files opened and closed, the locks of the queue's own connection would be gone. */
static void
test_refuses_itself (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *log = g_strconcat (fixture->path, "-wal", NULL);
  g_autofree char *link = g_build_filename (fixture->sources, "link", NULL);

  g_assert_no_errno (symlink (fixture->path, link));
  assert_refused (fixture, fixture->path, LAMP_ERROR_INVALID_ARGS, "*the queue itself*");
  assert_refused (fixture, log, LAMP_ERROR_INVALID_ARGS, "*the queue itself*");
  assert_refused (fixture, link, LAMP_ERROR_INVALID_ARGS, "*the queue itself*");
}

static void
test_unreadable (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *path = write_file (fixture, LINE ("A", ""));

  g_assert_no_errno (g_chmod (path, 0));
  if (g_access (path, R_OK) == 0)
    {
      g_test_skip ("root reads everything");
      return;
    }

  assert_refused (fixture, path, LAMP_ERROR_STORAGE, "*can’t be read*");
}

/* A queue of 200 rows, of which the pages behind the first are noise. */
static char *
write_damaged_queue (Fixture *fixture)
{
  char *path = write_queue (fixture, QUEUE_TABLE
                            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n "
                            "WHERE n < 200) "
                            "INSERT INTO queue (event_id, event_type, data, timestamp) "
                            "SELECT 'D' || n, 'T', '{\"event_id\":\"D' || n || '\",\"event_type\":"
                            "\"T\",\"p\":\"' || hex (zeroblob (500)) || '\"}', 1 FROM n;");
  g_autofree char *text = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  g_assert_cmpuint (length, >, 40 * 4096);
  memset (text + 10 * 4096, 0x5a, length - 10 * 4096);
  g_assert_true (g_file_set_contents (path, text, (gssize) length, NULL));

  return path;
}

/* What is damaged is the file that is read, not the queue: that one is not replaced. */
static void
test_damage_is_the_files_own (Fixture      *fixture,
                              gconstpointer data)
{
  g_autofree char *damaged = write_damaged_queue (fixture);
  g_autofree char *cut = write_bytes (fixture, "cut", "SQLite format 3\0abcdefghijklmnop", 32);
  g_autofree char *good = write_file (fixture, LINE ("A", ""));
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *notice = NULL;
  g_autoptr (GDir) dir = NULL;
  const char *name;

  import_quietly (fixture, good, 1, 0);
  before = describe_folder (fixture->sources);
  for (int i = 0; i < 2; i++)
    {
      assert_refused (fixture, damaged, LAMP_ERROR_STORAGE, "*other.db*damaged*");
      assert_refused (fixture, cut, LAMP_ERROR_STORAGE, "*cut*damaged*");
    }
  after = describe_folder (fixture->sources);
  g_assert_cmpstr (after, ==, before);

  notice = lamp_queue_dup_notice (fixture->queue);
  g_assert_null (notice);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->mishaps, ==, 0);
  dir = g_dir_open (fixture->folder, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    g_assert_null (strstr (name, "corrupt"));
  assert_sql (fixture, "PRAGMA integrity_check", "ok\n");
  import_quietly (fixture, good, 0, 1);
}

/* --- breaking off ------------------------------------------------------- */

static char *
write_numbered (Fixture *fixture,
                guint    n_lines)
{
  char *path = write_file (fixture, "");
  FILE *file = g_fopen (path, "w");

  g_assert_nonnull (file);
  for (guint i = 0; i < n_lines; i++)
    fprintf (file,
             LINE ("%08u",
                   ",\"payload\":{\"text\":\"some text of a common length, which an "
                   "event has\",\"n\":%u},\"lamport_clock\":%u,"
                   "\"_replay_status\":\"pending\"") "\n",
             i, i, i);
  g_assert_no_errno (fclose (file));

  return path;
}

static void
test_full_in_the_middle (Fixture      *fixture,
                         gconstpointer data)
{
  g_autofree char *path = write_numbered (fixture, 2000);

  lamp_queue_set_capacity (fixture->queue, 1234);
  assert_refused (fixture, path, LAMP_ERROR_QUEUE_FULL, "*1234*1234 events were imported*");
  assert_counts (fixture, 1234, 0);

  /* What is there already needs no room. */
  assert_refused (fixture, path, LAMP_ERROR_QUEUE_FULL, "The queue is full*");
  assert_counts (fixture, 1234, 0);

  lamp_queue_set_capacity (fixture->queue, 2000);
  import_quietly (fixture, path, 766, 1234);
  import_quietly (fixture, path, 0, 2000);
}

static void
test_fails_in_the_middle (Fixture      *fixture,
                          gconstpointer data)
{
  g_autofree char *path = write_numbered (fixture, 2000);

  lamp_test_db_run (fixture->db,
                    "CREATE TRIGGER stop BEFORE INSERT ON queue "
                    "WHEN NEW.event_id = '00001300' "
                    "BEGIN SELECT raise (ABORT, 'stop here'); END");
  assert_refused (fixture, path, LAMP_ERROR_STORAGE, "*stop here. 1000 events were imported*");
  assert_counts (fixture, 1000, 0);
  g_assert_cmpuint (fixture->rewritten, ==, 2);

  lamp_test_db_run (fixture->db, "DROP TRIGGER stop");
  import_quietly (fixture, path, 1000, 1000);
}

/* --- many --------------------------------------------------------------- */

/* A field of /proc/self/status, 0 where there is none. */
static gssize
memory_kib (const char *field)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;

  line = strstr (text, field);

  return line != NULL ? (gssize) g_ascii_strtoull (line + strlen (field), NULL, 10) : 0;
}

/* From now on VmHWM is the peak since now. */
static gboolean
forget_peak (void)
{
  int fd = g_open ("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC, 0);
  gboolean done = fd >= 0 && write (fd, "5", 1) == 1;

  if (fd >= 0)
    g_close (fd, NULL);

  return done;
}

typedef struct
{
  Fixture *fixture;
  guint asked;
  guint answered;
  guint refused;
  gboolean over;
  double progress;
} Others;

static void append_again (Others *others);

static void
appended_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Others *others = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) receipts = lamp_queue_append_finish (LAMP_QUEUE (source), result, &error);

  g_assert_no_error (error);
  g_assert_nonnull (receipts);
  others->answered++;
  if (!others->over)
    append_again (others);
}

static void
refused_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Others *others = user_data;
  g_autoptr (GError) error = NULL;

  g_assert_null (lamp_queue_append_finish (LAMP_QUEUE (source), result, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
  others->refused++;
}

/* One that goes well and one that doesn't, so that the slice beside them runs again. */
static void
append_again (Others *others)
{
  g_autoptr (GPtrArray) good = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GPtrArray) bad = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autofree char *filling = g_strnfill (LAMP_EVENT_MAX_BYTES - 20, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"a\":\"%s\"}", filling);

  others->asked++;
  g_ptr_array_add (good, lamp_test_event ("m", "Between", NULL));
  g_ptr_array_add (bad, lamp_test_event ("m", "TooLong", payload));
  lamp_queue_append_async (others->fixture->queue, bad, refused_cb, others);
  lamp_queue_append_async (others->fixture->queue, good, appended_cb, others);
}

static void
progress_cb (const LampImportReport *report,
             double                  progress,
             gpointer                user_data)
{
  Others *others = user_data;

  g_assert_cmpfloat (progress, >=, others->progress);
  others->progress = progress;
}

static void
test_many_lines (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *path = write_numbered (fixture, MANY);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (LampImportReport) report = NULL;
  g_autoptr (GError) error = NULL;
  gboolean measured = forget_peak ();
  gssize before = memory_kib ("VmRSS:");
  gint64 start = g_get_monotonic_time ();
  gssize peak;

  lamp_queue_set_capacity (fixture->queue, MANY);
  lamp_queue_import_async (fixture->queue, path, NULL, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  report = lamp_queue_import_finish (fixture->queue, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (report->imported, ==, MANY);

  peak = memory_kib ("VmHWM:") - before;
  g_test_message ("%u lines in %.1f s, %zd KiB more at the most than before (%zd KiB)", MANY,
                  (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC, peak, before);
  if (measured && before < ORDINARY_RSS_KIB)
    g_assert_cmpint (peak, <, MANY_RSS_KIB);
  assert_counts (fixture, MANY, 0);
  g_assert_cmpint (lamp_queue_get_tally (fixture->queue)->lamport_clock, >=, MANY);
}

static void
test_others_between (Fixture      *fixture,
                     gconstpointer data)
{
  const guint n_lines = LAMP_TEST_SANITIZED ? 5000 : 20000;
  g_autofree char *path = write_numbered (fixture, n_lines);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (LampImportReport) report = NULL;
  g_autoptr (GError) error = NULL;
  Others others = { .fixture = fixture };

  lamp_queue_import_async (fixture->queue, path, progress_cb, &others, lamp_test_result_cb,
                           &result);
  append_again (&others);
  lamp_test_wait_until (result != NULL);
  others.over = TRUE;
  g_test_message ("%u appended meanwhile, %u refused", others.answered, others.refused);
  g_assert_cmpuint (others.answered, >=, n_lines / LAMP_IMPORT_SLICE_EVENTS / 2);
  lamp_test_wait_until (others.answered == others.asked && others.refused == others.asked);

  report = lamp_queue_import_finish (fixture->queue, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (report->imported, ==, n_lines);
  g_assert_cmpuint (report->skipped, ==, 0);
  g_assert_cmpfloat (others.progress, ==, 1);
  assert_counts (fixture, n_lines + others.answered, 0);

  /* Each in the order of the file, whatever came between. */
  assert_sql (fixture,
              "SELECT count(*) FROM queue a JOIN queue b ON b.event_id = "
              "printf ('%08d', a.event_id + 1) WHERE a.event_type = 'T' AND b.id < a.id",
              "0\n");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
#define ADD_DATA(path, data, func) g_test_add (path, Fixture, data, set_up, func, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD_DATA ("/import/real/queue-2026-02", "queue-2026-02.db", test_real_queue);
  ADD_DATA ("/import/real/queue-2026-03", "queue-2026-03.db", test_real_queue);
  ADD ("/import/real/mission", test_real_lines);
  ADD ("/import/lines/keep-bytes", test_lines_keep_bytes);
  ADD ("/import/lines/keep-status", test_lines_keep_status);
  ADD ("/import/lines/corrupt", test_lines_corrupt);
  ADD ("/import/lines/endings", test_lines_endings);
  ADD ("/import/lines/too-long", test_lines_too_long);
  ADD ("/import/lines/problems-are-bounded", test_lines_problems_are_bounded);
  ADD ("/import/clock-received", test_clock_received);
  ADD ("/import/known/in-history", test_known_in_history);
  ADD ("/import/known/with-other-bytes", test_known_with_other_bytes);
  ADD ("/import/queue/unreadable-rows", test_queue_skips_unreadable_rows);
  ADD ("/import/queue/of-lamppost", test_queue_of_lamppost);
  ADD ("/import/queue/with-log", test_queue_with_log);
  ADD ("/import/queue/with-journal", test_queue_with_journal);
  ADD ("/import/queue/pages", test_queue_pages);
  ADD ("/import/refusals", test_refusals);
  ADD ("/import/refuses-itself", test_refuses_itself);
  ADD ("/import/unreadable", test_unreadable);
  ADD ("/import/damage-is-the-files-own", test_damage_is_the_files_own);
  ADD ("/import/full-in-the-middle", test_full_in_the_middle);
  ADD ("/import/fails-in-the-middle", test_fails_in_the_middle);
  ADD ("/import/many-lines", test_many_lines);
  ADD ("/import/others-between", test_others_between);

  return g_test_run ();
}
