/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-queue.h"
#include "lamp-store-schema.h"
#include "lamp-test-util.h"
#include "lamp-trend.h"

#include <inttypes.h>

#define MINUTE LAMP_TREND_MINUTE

typedef struct
{
  char *folder;     /* (owned) */
  char *path;       /* (owned) of the queue */
  LampQueue *queue; /* (owned) */
  LampTrend *trend; /* (owned) */
  LampTestDb *db;   /* (owned) */
} Fixture;

static void
open_queue (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->queue = lamp_queue_new (fixture->path, NULL);
  fixture->trend = lamp_trend_new (fixture->queue);
  lamp_queue_open (fixture->queue, &error);
  g_assert_no_error (error);
}

static void
close_queue (Fixture *fixture)
{
  lamp_test_finalize (fixture->trend);
  lamp_test_finalize (fixture->queue);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->folder = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "queue.db", NULL);
  open_queue (fixture);
  fixture->db = lamp_test_db_open (fixture->path);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  close_queue (fixture);
  lamp_test_db_close (fixture->db);
  lamp_test_folder_free (fixture->folder);
  g_free (fixture->path);
}

static gint64
this_minute (void)
{
  return g_get_real_time () / MINUTE;
}

static void
flush (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;

  lamp_queue_flush_async (fixture->queue, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_flush_finish (fixture->queue, result);
}

static guint
count_delivered (Fixture *fixture)
{
  g_autoptr (GArray) points = lamp_trend_dup_points (fixture->trend, 0, LAMP_TREND_REACH);
  guint sum = 0;

  for (guint i = 0; i < points->len; i++)
    sum += g_array_index (points, LampTrendPoint, i).delivered;

  return sum;
}

/* Until the file's part has come: @delivered events in all. */
static void
load (Fixture *fixture,
      guint    delivered)
{
  lamp_trend_load (fixture->trend);
  lamp_test_wait_until (count_delivered (fixture) == delivered);
}

/* A minute of the past, as an agent of that time has left it. */
static void
remember (Fixture *fixture,
          gint64   minutes_ago,
          guint    pending,
          guint    delivered,
          guint    failed)
{
  g_autofree char *sql = g_strdup_printf ("INSERT INTO lamppost_trend VALUES (%" PRId64
                                          ", %u, %u, %u)",
                                          this_minute () - minutes_ago, pending, delivered, failed);

  lamp_test_db_run (fixture->db, sql);
}

static void
append (Fixture *fixture,
        guint    count)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < count; i++)
    g_ptr_array_add (events, lamp_test_event ("mission", "Test", NULL));

  receipts = lamp_queue_append (fixture->queue, events, &error);
  g_assert_no_error (error);
}

/* As the queue tells of events that the server took. */
static void
deliver (Fixture *fixture,
         guint    count)
{
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  g_auto (GStrv) list = NULL;

  for (guint i = 0; i < count; i++)
    g_strv_builder_add (ids, "ID");

  list = g_strv_builder_end (ids);
  g_signal_emit_by_name (fixture->queue, "delivered", list);
}

static LampTrendPoint
point_at (GArray *points,
          int     index)
{
  guint place = index < 0 ? points->len - (guint) -index : (guint) index;

  g_assert_cmpuint (place, <, points->len);

  return g_array_index (points, LampTrendPoint, place);
}

/* What the points of the last @minutes add up to, in steps of as many. */
static void
assert_last (Fixture *fixture,
             gint64   minutes,
             guint    pending,
             guint    delivered)
{
  g_autoptr (GArray) points = lamp_trend_dup_points (fixture->trend,
                                                     g_get_real_time () - minutes * MINUTE, MINUTE);
  guint sum = 0;

  for (guint i = 0; i < points->len; i++)
    sum += point_at (points, (int) i).delivered;

  g_assert_cmpuint (sum, ==, delivered);
  g_assert_cmpuint (point_at (points, -1).pending, ==, pending);
}

static void
test_empty (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GArray) points = lamp_trend_dup_points (fixture->trend, 0, MINUTE);

  /* A day and an hour, and the step that runs. */
  g_assert_cmpuint (points->len, ==, 25 * 60 + 1);
  for (guint i = 0; i < points->len; i++)
    {
      LampTrendPoint point = point_at (points, (int) i);

      g_assert_cmpint (point.time % MINUTE, ==, 0);
      g_assert_cmpuint (point.pending + point.delivered + point.failed, ==, 0);
    }
}

static void
test_follows (Fixture      *fixture,
              gconstpointer data)
{
  append (fixture, 5);
  deliver (fixture, 2);
  deliver (fixture, 1);

  assert_last (fixture, 1, 5, 3);
}

static void
test_carries_on (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GArray) points = NULL;

  remember (fixture, 90, 7, 0, 1);
  remember (fixture, 30, 3, 4, 2);
  load (fixture, 4);
  points = lamp_trend_dup_points (fixture->trend, g_get_real_time () - 60 * MINUTE, MINUTE);

  /* What nobody changed stays as it was; what came before the first step counts. */
  g_assert_cmpuint (point_at (points, 0).pending, ==, 7);
  g_assert_cmpuint (point_at (points, 0).delivered, ==, 0);
  g_assert_cmpuint (point_at (points, -1).pending, ==, 3);
  g_assert_cmpuint (point_at (points, -1).failed, ==, 2);
  g_assert_cmpuint (point_at (points, -1).delivered, ==, 0);
}

static void
test_sums_up (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GArray) points = NULL;
  guint sum = 0;

  for (guint i = 1; i <= 120; i++)
    remember (fixture, i, i, 1, 0);
  load (fixture, 120);
  points = lamp_trend_dup_points (fixture->trend, 0, 15 * MINUTE);

  for (guint i = 0; i < points->len; i++)
    {
      LampTrendPoint point = point_at (points, (int) i);

      g_assert_cmpint (point.time % (15 * MINUTE), ==, 0);
      g_assert_cmpuint (point.delivered, <=, 15);
      sum += point.delivered;
    }
  g_assert_cmpuint (sum, ==, 120);
  g_assert_cmpuint (point_at (points, -1).pending, ==, 1);
}

static void
test_survives (Fixture      *fixture,
               gconstpointer data)
{
  append (fixture, 4);
  deliver (fixture, 3);
  lamp_trend_save (fixture->trend);
  flush (fixture);
  close_queue (fixture);

  /* The minute may be the same one. */
  open_queue (fixture);
  deliver (fixture, 2);
  load (fixture, 5);
  assert_last (fixture, 5, 4, 5);

  lamp_trend_save (fixture->trend);
  flush (fixture);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT sum (delivered) FROM lamppost_trend"), ==,
                   5);
}

static void
test_forgets (Fixture      *fixture,
              gconstpointer data)
{
  remember (fixture, 26 * 60, 9, 9, 9);
  remember (fixture, 60, 1, 1, 0);
  append (fixture, 1);
  lamp_trend_save (fixture->trend);
  flush (fixture);

  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM lamppost_trend"), ==, 2);
}

/* Written by a clock that ran a day ahead and was set right since. */
static void
test_clock_set_back (Fixture      *fixture,
                     gconstpointer data)
{
  remember (fixture, -24 * 60, 9, 9, 9);
  remember (fixture, 3, 2, 1, 0);
  load (fixture, 1);

  assert_last (fixture, 10, 2, 1);
}

static void
test_migrates (void)
{
  char *folder = lamp_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  LampQueue *queue = lamp_queue_new (path, NULL);
  LampTestDb *db = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_open (queue, &error);
  g_assert_no_error (error);
  lamp_test_finalize (queue);

  /* Format 1 is the same without the trend, and without the consent of format 3. */
  db = lamp_test_db_open (path);
  lamp_test_db_run (db,
                    "DROP TABLE lamppost_trend;"
                    "ALTER TABLE lamppost_counter DROP COLUMN agreed_server;"
                    "PRAGMA user_version = 1");

  queue = lamp_queue_new (path, NULL);
  lamp_queue_open (queue, &error);
  g_assert_no_error (error);
  lamp_test_finalize (queue);

  g_assert_cmpint (lamp_test_db_int (db, "PRAGMA user_version"), ==, LAMP_STORE_SCHEMA_VERSION);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM lamppost_trend"), ==, 0);
  lamp_test_db_close (db);
  lamp_test_folder_free (folder);
}

int
main (int   argc,
      char *argv[])
{
  const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/trend/empty", test_empty },
    { "/trend/follows-the-queue", test_follows },
    { "/trend/carries-on-what-did-not-change", test_carries_on },
    { "/trend/sums-up-longer-steps", test_sums_up },
    { "/trend/survives-the-program", test_survives },
    { "/trend/forgets-what-is-older-than-its-reach", test_forgets },
    { "/trend/clock-set-back", test_clock_set_back },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  g_test_add_func ("/trend/older-file-is-migrated", test_migrates);

  return g_test_run ();
}
