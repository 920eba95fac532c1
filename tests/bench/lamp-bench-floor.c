/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bench-floor.h"

#include "lamp-bench.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- the disk ----------------------------------------------------------- */

int
lamp_bench_open_file (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "floor", NULL);
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);

  return fd;
}

/* Returns rows a second; @times gets how long each commit took. */
double
lamp_bench_append_to_file (int     fd,
                           guint   n_commits,
                           guint   n_rows,
                           GArray *times)
{
  char row[LAMP_BENCH_EVENT_BYTES];
  double start = lamp_bench_now ();

  memset (row, 'x', sizeof row);
  for (guint i = 0; i < n_commits; i++)
    {
      double before = lamp_bench_now ();
      double took;

      for (guint j = 0; j < n_rows; j++)
        g_assert_cmpint (write (fd, row, sizeof row), ==, sizeof row);
      g_assert_no_errno (fdatasync (fd));
      took = lamp_bench_now () - before;
      g_array_append_val (times, took);
    }

  return n_commits * n_rows / (lamp_bench_now () - start);
}

/* --- SQLite without us -------------------------------------------------- */

LampTestDb *
lamp_bench_open_plain (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "plain.db", NULL);
  LampTestDb *db = lamp_test_db_open (path);

  lamp_test_db_run (db,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                    "CREATE TABLE IF NOT EXISTS queue ("
                    "  id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,"
                    "  event_type TEXT NOT NULL, data TEXT NOT NULL,"
                    "  timestamp INTEGER NOT NULL, retry_count INTEGER DEFAULT 0,"
                    "  coalesce_key TEXT);"
                    "CREATE INDEX IF NOT EXISTS idx_timestamp ON queue (timestamp);"
                    "CREATE INDEX IF NOT EXISTS idx_retry ON queue (retry_count);"
                    "CREATE INDEX IF NOT EXISTS idx_coalesce_key ON queue (coalesce_key);");

  return db;
}

double
lamp_bench_append_to_plain (LampTestDb *db,
                            guint       n_commits,
                            guint       n_rows)
{
  static guint64 number;
  sqlite3_stmt *insert = NULL;
  g_autofree char *data = g_strnfill (LAMP_BENCH_EVENT_BYTES, 'x');
  double start = lamp_bench_now ();

  sqlite3_prepare_v2 (
    db, "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES (?1, ?2, ?3, ?4)", -1,
    &insert, NULL);
  for (guint i = 0; i < n_commits; i++)
    {
      lamp_test_db_run (db, "BEGIN IMMEDIATE");
      for (guint j = 0; j < n_rows; j++)
        {
          char id[27];

          g_snprintf (id, sizeof id, "01ARZ3NDEK%016" G_GINT64_MODIFIER "X", number++);
          sqlite3_bind_text (insert, 1, id, -1, SQLITE_STATIC);
          sqlite3_bind_text (insert, 2, "CommentPosted", -1, SQLITE_STATIC);
          sqlite3_bind_text (insert, 3, data, LAMP_BENCH_EVENT_BYTES, SQLITE_STATIC);
          sqlite3_bind_int64 (insert, 4, g_get_real_time () / G_USEC_PER_SEC);
          g_assert_cmpint (sqlite3_step (insert), ==, SQLITE_DONE);
          sqlite3_reset (insert);
        }
      lamp_test_db_run (db, "COMMIT");
    }
  sqlite3_finalize (insert);

  return n_commits * n_rows / (lamp_bench_now () - start);
}
