/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bench-floor.h"
#include "lamp-bench.h"
#include "lamp-network.h"
#include "lamp-replay.h"
#include "lamp-timer-boot.h"
#include "lamp-transport-soup.h"

#include <string.h>

/* A pass of our own replay against raw requests to the same server, each followed by a commit
 * that marks a batch in a narrow table. */

#define N_EVENTS 20000
#define BATCH 100
#define FILL_STEP 1000
#define ANSWER_MAX 16384

/* --- the floor ---------------------------------------------------------- */

static LampTestDb *
fill_plain (const char *folder)
{
  LampTestDb *db = lamp_bench_open_plain (folder);

  lamp_test_db_run (db,
                    "CREATE TABLE state (status INTEGER, id INTEGER, at INTEGER,"
                    "  PRIMARY KEY (status, id)) WITHOUT ROWID");
  lamp_bench_append_to_plain (db, N_EVENTS / FILL_STEP, FILL_STEP);
  lamp_test_db_run (db, "INSERT INTO state SELECT 2, id, 0 FROM queue ORDER BY id");

  return db;
}

static void
read_batch (sqlite3_stmt *statement,
            gint64        first,
            GString      *body)
{
  g_string_assign (body, "{\"events\":[");
  sqlite3_bind_int64 (statement, 1, first);
  sqlite3_bind_int64 (statement, 2, first + BATCH - 1);
  while (sqlite3_step (statement) == SQLITE_ROW)
    {
      if (body->str[body->len - 1] != '[')
        g_string_append_c (body, ',');
      g_string_append_len (body, (const char *) sqlite3_column_text (statement, 0),
                           sqlite3_column_bytes (statement, 0));
    }
  sqlite3_reset (statement);
  g_string_append (body, "]}");
}

static void
mark_batch (LampTestDb   *db,
            sqlite3_stmt *statement,
            gint64        first)
{
  sqlite3_bind_int64 (statement, 1, first);
  sqlite3_bind_int64 (statement, 2, first + BATCH - 1);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_DONE);
  sqlite3_reset (statement);
}

static void
post (GIOStream *stream,
      GString   *body)
{
  g_autofree char *head = g_strdup_printf (
    "POST /api/v1/events/batch/ HTTP/1.1\r\n"
    "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
    body->len);
  char answer[ANSWER_MAX + 1];
  gsize have = 0;
  const char *end = NULL;
  const char *length;

  g_string_prepend (body, head);
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (stream), body->str,
                                            body->len, NULL, NULL, NULL));
  for (;;)
    {
      gssize got = g_input_stream_read (g_io_stream_get_input_stream (stream), answer + have,
                                        ANSWER_MAX - have, NULL, NULL);

      g_assert_cmpint (got, >, 0);
      have += got;
      answer[have] = '\0';
      end = strstr (answer, "\r\n\r\n");
      length = strstr (answer, "Content-Length: ");
      if (end != NULL && have - (end + 4 - answer) >= g_ascii_strtoull (length + 16, NULL, 10))
        return;
    }
}

static double
replay_raw (const char *url)
{
  char *folder = lamp_test_folder_new ();
  LampTestDb *db = fill_plain (folder);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GString) body = g_string_new (NULL);
  sqlite3_stmt *select = NULL;
  sqlite3_stmt *mark = NULL;
  double start;
  double took;

  sqlite3_prepare_v2 (db, "SELECT data FROM queue WHERE id BETWEEN ?1 AND ?2", -1, &select, NULL);
  sqlite3_prepare_v2 (
    db, "UPDATE state SET status = 0, at = 1 WHERE status = 2 AND id BETWEEN ?1 AND ?2", -1, &mark,
    NULL);
  g_socket_client_set_enable_proxy (client, FALSE);
  start = lamp_bench_now ();
  connection = g_socket_client_connect_to_host (client, url + strlen ("http://"), 80, NULL, NULL);
  g_assert_nonnull (connection);
  for (gint64 first = 1; first < N_EVENTS; first += BATCH)
    {
      read_batch (select, first, body);
      post (G_IO_STREAM (connection), body);
      mark_batch (db, mark, first);
    }
  took = lamp_bench_now () - start;

  sqlite3_finalize (select);
  sqlite3_finalize (mark);
  lamp_test_db_close (db);
  lamp_test_folder_free (folder);

  return N_EVENTS / took;
}

/* --- ours --------------------------------------------------------------- */

static void
fill (LampQueue *queue)
{
  g_autoptr (GPtrArray) events = lamp_bench_events (FILL_STEP);

  for (guint i = 0; i < N_EVENTS / FILL_STEP; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) receipts = lamp_queue_append (queue, events, &error);

      g_assert_no_error (error);
      g_assert_nonnull (receipts);
    }
}

static void
finished_cb (LampReplay *replay,
             guint       delivered,
             guint       failed,
             guint       left,
             const char *error,
             double     *at)
{
  g_assert_cmpstr (error, ==, "");
  g_assert_cmpuint (left, ==, 0);
  *at = lamp_bench_now ();
}

static double
replay_ours (const char *url)
{
  char *folder = lamp_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  LampQueue *queue = lamp_queue_new (path, LAMP_BENCH_NODE);
  g_autoptr (LampTransportSoup) transport = lamp_transport_soup_new ();
  g_autoptr (LampTimer) timer = lamp_timer_boot_new ();
  g_autoptr (LampNetwork) network = lamp_network_monitor_new ();
  LampReplay *replay = NULL;
  g_autoptr (GError) error = NULL;
  double start;
  double end = 0;

  fill (queue);
  lamp_transport_soup_set_server (transport, url, FALSE, &error);
  g_assert_no_error (error);
  replay = lamp_replay_new (queue, LAMP_TRANSPORT (transport), timer, network);
  g_signal_connect (replay, "finished", G_CALLBACK (finished_cb), &end);
  start = lamp_bench_now ();
  lamp_replay_start (replay);
  lamp_test_wait_until (end > 0);
  g_assert_cmpuint (lamp_queue_get_tally (queue)->pending, ==, 0);

  /* What it moves to the history is no part of the pass. */
  lamp_test_wait_until (lamp_queue_get_tally (queue)->settled == 0);
  g_object_run_dispose (G_OBJECT (replay));
  g_object_unref (replay);
  lamp_test_finalize (queue);
  lamp_test_folder_free (folder);

  return N_EVENTS / (end - start);
}

int
main (void)
{
  g_autoptr (LampBench) bench = lamp_bench_new ("Replay of 20 000 events, 431 bytes");
  g_autoptr (GSubprocess) sink = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *url = NULL;
  g_autoptr (GError) error = NULL;

  sink = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, g_getenv ("LAMP_BENCH_SINK"),
                           NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (sink));
  url = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_nonnull (url);

  for (guint i = 0; i < lamp_bench_rounds (); i++)
    {
      lamp_bench_add (bench, "raw socket + a narrow mark a batch", "events/s", replay_raw (url));
      lamp_bench_add (bench, "replay", "events/s", replay_ours (url));
    }
  lamp_bench_relate (bench, "replay", "raw socket + a narrow mark a batch",
                     "must 0.55, stretch 0.70");
  lamp_bench_print (bench);

  g_subprocess_force_exit (sink);
  g_subprocess_wait (sink, NULL, NULL);

  return 0;
}
