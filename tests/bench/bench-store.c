/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bench-floor.h"
#include "lamp-bench.h"
#include "lamp-queue.h"
#include "lamp-test-util.h"

#include <unistd.h>

/* Appends against the disk itself and against SQLite without us (section 14 of the
 * specification). With LAMP_BENCH_MILLION=1 also at a million events, which takes minutes. */

#define N_SINGLE 400
#define N_COMMITS 60
#define N_GROUP 100
#define N_ASYNC 3200
#define N_FEW 10000
#define N_MANY 1000000
#define FILL_STEP 1000
#define N_COUNTS 2000

static const guint depths[] = { 1, 16, 64 };
static const char *const async_rows[] = { "queue, 1 in flight", "queue, 16 in flight",
                                          "queue, 64 in flight" };
static const char *const plain_rows[] = { "plain SQLite, commits of 1",
                                          "plain SQLite, commits of 16",
                                          "plain SQLite, commits of 64" };

/* --- the queue ---------------------------------------------------------- */

static LampQueue *
open_queue (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  LampQueue *queue = lamp_queue_new (path, LAMP_BENCH_NODE);
  g_autoptr (GError) error = NULL;

  lamp_queue_set_capacity (queue, 10 * N_MANY);
  lamp_queue_open (queue, &error);
  g_assert_no_error (error);

  return queue;
}

static double
append_to_queue (LampQueue *queue,
                 guint      n_commits,
                 guint      n_rows,
                 GArray    *times)
{
  g_autoptr (GPtrArray) events = lamp_bench_events (n_rows);
  double start = lamp_bench_now ();

  for (guint i = 0; i < n_commits; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) receipts = NULL;
      double before = lamp_bench_now ();
      double took;

      receipts = lamp_queue_append (queue, events, &error);
      g_assert_no_error (error);
      took = lamp_bench_now () - before;
      if (times != NULL)
        g_array_append_val (times, took);
    }

  return n_commits * n_rows / (lamp_bench_now () - start);
}

typedef struct
{
  LampQueue *queue;
  GPtrArray *events;
  guint n_started;
  guint n_answered;
} Callers;

static void appended_cb (GObject *source, GAsyncResult *result, gpointer user_data);

static void
start_append (Callers *callers)
{
  if (callers->n_started == N_ASYNC)
    return;

  callers->n_started++;
  lamp_queue_append_async (callers->queue, callers->events, appended_cb, callers);
}

static void
appended_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Callers *callers = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) receipts = NULL;

  receipts = lamp_queue_append_finish (LAMP_QUEUE (source), result, &error);
  g_assert_no_error (error);
  callers->n_answered++;
  start_append (callers);
}

static double
append_async (LampQueue *queue,
              guint      depth)
{
  g_autoptr (GPtrArray) events = lamp_bench_events (1);
  Callers callers = { queue, events, 0, 0 };
  double start = lamp_bench_now ();

  for (guint i = 0; i < depth; i++)
    start_append (&callers);
  while (callers.n_answered < N_ASYNC)
    g_main_context_iteration (NULL, TRUE);

  return N_ASYNC / (lamp_bench_now () - start);
}

/* --- the rounds --------------------------------------------------------- */

static void
measure_round (LampBench  *bench,
               LampQueue  *queue,
               LampTestDb *plain,
               int         fd)
{
  g_autoptr (GArray) file_times = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) queue_times = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) rest = g_array_new (FALSE, FALSE, sizeof (double));

  lamp_bench_add (bench, "file, 1 row", "rows/s",
                  lamp_bench_append_to_file (fd, N_SINGLE, 1, file_times));
  lamp_bench_add (bench, "queue, 1 row", "rows/s",
                  append_to_queue (queue, N_SINGLE, 1, queue_times));
  lamp_bench_add (bench, "file, 1 row, p50", "us", lamp_bench_percentile (file_times, 0.5) * 1e6);
  lamp_bench_add (bench, "queue, 1 row, p50", "us", lamp_bench_percentile (queue_times, 0.5) * 1e6);
  lamp_bench_add (bench, "file, 1 row, p99", "us", lamp_bench_percentile (file_times, 0.99) * 1e6);
  lamp_bench_add (bench, "queue, 1 row, p99", "us",
                  lamp_bench_percentile (queue_times, 0.99) * 1e6);
  lamp_bench_add (bench, "file, 100 rows", "rows/s",
                  lamp_bench_append_to_file (fd, N_COMMITS, N_GROUP, rest));
  lamp_bench_add (bench, "queue, 100 rows", "rows/s",
                  append_to_queue (queue, N_COMMITS, N_GROUP, NULL));
  lamp_bench_add (bench, "plain SQLite, 100 rows", "rows/s",
                  lamp_bench_append_to_plain (plain, N_COMMITS, N_GROUP));

  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      lamp_bench_add (bench, async_rows[i], "rows/s", append_async (queue, depths[i]));
      lamp_bench_add (bench, plain_rows[i], "rows/s",
                      lamp_bench_append_to_plain (plain, N_ASYNC / depths[i] / 4, depths[i]));
    }
}

static void
measure_appends (const char *folder)
{
  g_autoptr (LampBench) bench = lamp_bench_new ("Durable appends, 431 bytes");
  g_autoptr (LampQueue) queue = open_queue (folder);
  g_autoptr (LampTestDb) plain = lamp_bench_open_plain (folder);
  int fd = lamp_bench_open_file (folder);

  for (guint i = 0; i < lamp_bench_rounds (); i++)
    measure_round (bench, queue, plain, fd);

  lamp_bench_relate (bench, "queue, 1 row", "file, 1 row", "must 0.90, stretch 1.0");
  lamp_bench_relate (bench, "queue, 1 row, p99", "file, 1 row, p99", "must 1.5 at most");
  lamp_bench_relate (bench, "queue, 100 rows", "file, 100 rows", "must 0.40, stretch 0.45");
  lamp_bench_relate (bench, "queue, 100 rows", "plain SQLite, 100 rows", "for the note");
  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    lamp_bench_relate (bench, async_rows[i], plain_rows[i], "for the note");
  lamp_bench_print (bench);
  close (fd);
}

/* --- a million ---------------------------------------------------------- */

static void
fill (LampQueue *queue,
      guint      n_events)
{
  while (lamp_queue_get_tally (queue)->pending < n_events)
    append_to_queue (queue, 1, FILL_STEP, NULL);
}

/* A page of one row: the tally comes with every answer. */
static double
count (LampQueue *queue)
{
  const LampFilter filter = { .all = TRUE };
  double start = lamp_bench_now ();

  for (guint i = 0; i < N_COUNTS; i++)
    lamp_page_free (lamp_queue_list (queue, &filter, 0, 1, NULL));

  return (lamp_bench_now () - start) / N_COUNTS * 1e6;
}

static void
measure_depth (const char *folder)
{
  g_autofree char *many_folder = g_build_filename (folder, "many", NULL);
  g_autoptr (LampBench) bench = lamp_bench_new ("A million events");
  g_autoptr (LampQueue) few = open_queue (folder);
  g_autoptr (LampQueue) many = open_queue (many_folder);

  fill (few, N_FEW);
  fill (many, N_MANY);
  for (guint i = 0; i < lamp_bench_rounds (); i++)
    {
      lamp_bench_add (bench, "10 000: append of 100", "us/event",
                      1e6 / append_to_queue (few, 20, N_GROUP, NULL));
      lamp_bench_add (bench, "1 000 000: append of 100", "us/event",
                      1e6 / append_to_queue (many, 20, N_GROUP, NULL));
      lamp_bench_add (bench, "10 000: counts and a row", "us", count (few));
      lamp_bench_add (bench, "1 000 000: counts and a row", "us", count (many));
    }
  lamp_bench_relate (bench, "1 000 000: append of 100", "10 000: append of 100",
                     "must 1.10 at most");
  lamp_bench_relate (bench, "1 000 000: counts and a row", "10 000: counts and a row",
                     "must 1.05 at most");
  lamp_bench_print (bench);
}

int
main (void)
{
  char *folder = lamp_test_folder_new ();

  if (g_getenv ("LAMP_BENCH_MILLION") != NULL)
    measure_depth (folder);
  else
    measure_appends (folder);
  lamp_test_folder_free (folder);

  return 0;
}
