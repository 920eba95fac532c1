/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-queue.h"
#include "lamp-test-util.h"
#include "lamp-ulid.h"

#include <string.h>

#define NODE "test-node"
#define ORIGIN "https://team.example.org"

/* More than a list looks at in one go, twice. */
#define MANY 4500

#define NO_LIMIT 1000000

#define REST_MS 900
#define REST_PATIENCE_US (10 * G_USEC_PER_SEC)

typedef struct
{
  char *folder;     /* (owned) */
  char *path;       /* (owned) of the queue */
  LampQueue *queue; /* (owned) */
  LampTestDb *db;   /* (owned) the other tool */
  GString *signals; /* (owned) what was emitted, a word each */
} Fixture;

static void
changed_cb (LampQueue *queue,
            gpointer   user_data)
{
  g_string_append (user_data, "changed ");
}

static void
rewritten_cb (LampQueue *queue,
              gpointer   user_data)
{
  g_string_append (user_data, "rewritten ");
}

static void
appended_cb (LampQueue *queue,
             GPtrArray *receipts,
             gpointer   user_data)
{
  for (guint i = 0; i < receipts->len; i++)
    {
      const LampReceipt *receipt = g_ptr_array_index (receipts, i);

      g_string_append_printf (user_data, "appended:%s:%" G_GINT64_FORMAT " ",
                              lamp_event_get_event_type (receipt->event), receipt->lamport_clock);
    }
}

static void
delivered_cb (LampQueue *queue,
              char     **ids,
              gpointer   user_data)
{
  g_string_append_printf (user_data, "delivered:%u ", g_strv_length (ids));
}

static void
failed_cb (LampQueue *queue,
           GPtrArray *refusals,
           gpointer   user_data)
{
  for (guint i = 0; i < refusals->len; i++)
    {
      const LampRefusal *refusal = g_ptr_array_index (refusals, i);

      g_string_append_printf (user_data, "failed:%s:%s ", refusal->code, refusal->message);
      g_assert_true (g_utf8_validate (refusal->event_id, -1, NULL));
    }
}

static void
open_queue (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->queue = lamp_queue_new (fixture->path, NODE);
  lamp_queue_open (fixture->queue, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->folder = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "queue.db", NULL);
  open_queue (fixture);
  fixture->db = lamp_test_db_open (fixture->path);
  fixture->signals = g_string_new (NULL);

  g_signal_connect (fixture->queue, "changed", G_CALLBACK (changed_cb), fixture->signals);
  g_signal_connect (fixture->queue, "rewritten", G_CALLBACK (rewritten_cb), fixture->signals);
  g_signal_connect (fixture->queue, "appended", G_CALLBACK (appended_cb), fixture->signals);
  g_signal_connect (fixture->queue, "delivered", G_CALLBACK (delivered_cb), fixture->signals);
  g_signal_connect (fixture->queue, "failed", G_CALLBACK (failed_cb), fixture->signals);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  lamp_test_assert_warned ();
  lamp_test_db_close (fixture->db);
  lamp_test_finalize (fixture->queue);
  g_string_free (fixture->signals, TRUE);
  lamp_test_folder_free (fixture->folder);
  g_free (fixture->path);
}

static void
assert_signals (Fixture    *fixture,
                const char *expected)
{
  g_assert_cmpstr (fixture->signals->str, ==, expected);
  g_string_truncate (fixture->signals, 0);
}

static void
assert_counts (Fixture *fixture,
               guint    pending,
               guint    failed,
               guint    delivered)
{
  const LampTally *tally = lamp_queue_get_tally (fixture->queue);

  g_assert_cmpuint (tally->pending, ==, pending);
  g_assert_cmpuint (tally->failed, ==, failed);
  g_assert_cmpuint (tally->delivered, ==, delivered);
}

/* --- append ------------------------------------------------------------- */

static GPtrArray *
events_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
}

static GPtrArray *
events_of_types (const char *types)
{
  g_auto (GStrv) names = g_strsplit (types, " ", -1);
  GPtrArray *events = events_new ();

  for (gsize i = 0; names[i] != NULL; i++)
    g_ptr_array_add (events, lamp_test_event ("mission", names[i], NULL));

  return events;
}

/* Stores an event; its id. */
static char *
add (Fixture    *fixture,
     const char *mission_id,
     const char *event_type,
     const char *payload)
{
  g_autoptr (GPtrArray) events = events_new ();
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (events, lamp_test_event (mission_id, event_type, payload));
  receipts = lamp_queue_append (fixture->queue, events, &error);
  g_assert_no_error (error);

  return g_strdup (((const LampReceipt *) g_ptr_array_index (receipts, 0))->event_id);
}

/* Stores an event of each type; their ids. */
static char **
add_types (Fixture    *fixture,
           const char *types)
{
  g_autoptr (GPtrArray) events = events_of_types (types);
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  g_autoptr (GError) error = NULL;

  receipts = lamp_queue_append (fixture->queue, events, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < receipts->len; i++)
    g_strv_builder_add (ids, ((const LampReceipt *) g_ptr_array_index (receipts, i))->event_id);

  return g_strv_builder_end (ids);
}

/* A row of the other tool. */
static void
add_foreign (Fixture    *fixture,
             const char *event_id,
             const char *sql_value)
{
  g_autofree char *sql = g_strdup_printf (
    "INSERT INTO queue (event_id, event_type, data, timestamp) "
    "VALUES (%s, 'Foreign', %s, 1700000000)",
    event_id, sql_value);

  lamp_test_db_run (fixture->db, sql);
}

/* Has the tally read. */
static void
look (Fixture *fixture)
{
  guint count;

  g_assert_true (lamp_queue_discard (fixture->queue, (const char *[]){ NULL }, &count, NULL));
}

static void
test_append_gives_ascending_ids (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autoptr (GPtrArray) events = events_of_types ("a b c");
  char last[LAMP_ULID_LENGTH + 1] = "";
  gint64 clock = 0;

  for (int i = 0; i < 5; i++)
    {
      g_autoptr (GPtrArray) receipts = lamp_queue_append (fixture->queue, events, NULL);

      g_assert_cmpuint (receipts->len, ==, 3);
      for (guint j = 0; j < receipts->len; j++)
        {
          const LampReceipt *receipt = g_ptr_array_index (receipts, j);

          g_assert_true (receipt->event == g_ptr_array_index (events, j));
          g_assert_true (lamp_ulid_is_valid (receipt->event_id));
          g_assert_cmpstr (receipt->event_id, >, last);
          g_assert_cmpint (receipt->lamport_clock, ==, ++clock);
          g_strlcpy (last, receipt->event_id, sizeof last);
        }
    }

  assert_counts (fixture, 15, 0, 0);
  g_assert_cmpint (lamp_queue_get_tally (fixture->queue)->lamport_clock, ==, 15);
}

static void
test_append_stores_the_envelope (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autofree char *id = add (fixture, "mission", "a", "{\"n\":  1}");
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *envelope = lamp_test_db_text (fixture->db, "SELECT data FROM queue");
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  gint64 stored = lamp_test_db_int (fixture->db, "SELECT timestamp FROM queue");

  text = lamp_test_db_text (fixture->db,
                            "SELECT id, event_id, event_type, retry_count,"
                            "  coalesce_key IS NULL, typeof (data),"
                            "  json_extract (data, '$.event_id'),"
                            "  json_extract (data, '$.lamport_clock') FROM queue");
  expected = g_strdup_printf ("1|%s|a|0|1|text|%s|1\n", id, id);
  g_assert_cmpstr (text, ==, expected);
  g_assert_nonnull (strstr (envelope, "{\"n\":  1}"));
  g_assert_cmpint (stored, <=, now);
  g_assert_cmpint (stored, >, now - 60);
}

static void
test_append_async (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GPtrArray) events = events_of_types ("a b");
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_append_async (fixture->queue, events, lamp_test_result_cb, &result);
  g_assert_null (result);
  lamp_test_wait_until (result != NULL);

  /* The tally and the signals come before the answer. */
  assert_counts (fixture, 2, 0, 0);
  assert_signals (fixture, "changed appended:a:1 appended:b:2 ");
  receipts = lamp_queue_append_finish (fixture->queue, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (receipts->len, ==, 2);
}

static void
test_append_is_all_or_none (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree char *filler = g_strnfill (LAMP_EVENT_MAX_BYTES - 600, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", filler);
  g_autoptr (GPtrArray) events = events_of_types ("a b");
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;
  LampEvent *event = NULL;
  gsize length;
  g_autofree char *envelope = NULL;

  /* Long enough that some envelope around it is too long: the one with the largest clock. */
  event = lamp_test_event ("mission", "long", payload);
  envelope = lamp_event_to_envelope (event, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1, &length, NULL);
  g_assert_nonnull (envelope);
  lamp_event_unref (event);

  g_clear_pointer (&filler, g_free);
  g_clear_pointer (&payload, g_free);
  filler = g_strnfill (LAMP_EVENT_MAX_BYTES - 600 + LAMP_EVENT_MAX_BYTES - length, 'x');
  payload = g_strdup_printf ("{\"x\":\"%s\"}", filler);
  g_ptr_array_insert (events, 1, lamp_test_event ("mission", "long", payload));

  /* With a clock of one digit it fits exactly; with more it is too long. */
  receipts = lamp_queue_append (fixture->queue, events, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (receipts->len, ==, 3);
  g_clear_pointer (&receipts, g_ptr_array_unref);
  lamp_test_db_run (fixture->db, "UPDATE lamppost_clock SET value = 100");

  assert_signals (fixture, "changed appended:a:1 appended:long:2 appended:b:3 ");
  receipts = lamp_queue_append (fixture->queue, events, &error);
  g_assert_null (receipts);
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
  assert_signals (fixture, "");

  look (fixture);
  assert_counts (fixture, 3, 0, 0);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM queue"), ==, 3);
  g_assert_cmpint (lamp_queue_get_tally (fixture->queue)->lamport_clock, ==, 100);
}

static void
test_long_one_leaves_neighbours (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autofree char *filler = g_strnfill (LAMP_EVENT_MAX_BYTES - 100, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", filler);
  g_autoptr (GPtrArray) good = events_of_types ("a");
  g_autoptr (GPtrArray) bad = events_new ();
  GAsyncResult *results[20] = { NULL };
  guint stored = 0;

  g_ptr_array_add (bad, lamp_test_event ("mission", "long", payload));
  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    lamp_queue_append_async (fixture->queue, i == 11 ? bad : good, lamp_test_result_cb,
                             &results[i]);

  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GPtrArray) receipts = NULL;
      g_autoptr (GError) error = NULL;

      lamp_test_wait_until (results[i] != NULL);
      receipts = lamp_queue_append_finish (fixture->queue, results[i], &error);
      g_object_unref (results[i]);
      if (i == 11)
        {
          g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
          continue;
        }

      g_assert_no_error (error);
      g_assert_cmpint (((LampReceipt *) g_ptr_array_index (receipts, 0))->lamport_clock, ==,
                       ++stored);
    }

  assert_counts (fixture, 19, 0, 0);
}

static void
test_capacity (Fixture      *fixture,
               gconstpointer data)
{
  g_autoptr (GPtrArray) two = events_of_types ("a b");
  g_autoptr (GPtrArray) one = events_of_types ("c");
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (lamp_queue_get_capacity (fixture->queue), ==, 100000);
  lamp_queue_set_capacity (fixture->queue, 3);
  g_strfreev (add_types (fixture, "x y"));
  g_string_truncate (fixture->signals, 0);

  /* All or none. */
  g_assert_null (lamp_queue_append (fixture->queue, two, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_QUEUE_FULL);
  g_assert_nonnull (strstr (error->message, "it holds 2 of 3 events; nothing was stored"));
  g_clear_error (&error);
  assert_signals (fixture, "");

  receipts = lamp_queue_append (fixture->queue, one, &error);
  g_assert_no_error (error);
  g_assert_cmpint (((LampReceipt *) g_ptr_array_index (receipts, 0))->lamport_clock, ==, 3);
  g_assert_null (lamp_queue_append (fixture->queue, one, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_QUEUE_FULL);
  g_clear_error (&error);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM queue"), ==, 3);

  /* The other tool knows no capacity; ours counts its rows. */
  add_foreign (fixture, "'F'", "'{}'");
  lamp_queue_set_capacity (fixture->queue, 4);
  g_assert_null (lamp_queue_append (fixture->queue, one, NULL));
  lamp_queue_set_capacity (fixture->queue, 5);
  g_clear_pointer (&receipts, g_ptr_array_unref);
  receipts = lamp_queue_append (fixture->queue, one, &error);
  g_assert_no_error (error);
  assert_counts (fixture, 5, 0, 0);
}

/* --- lists -------------------------------------------------------------- */

static LampPage *
list (Fixture    *fixture,
      const char *key,
      const char *value,
      gint64      cursor,
      guint       limit)
{
  g_autoptr (GVariant) options = NULL;
  g_autoptr (LampFilter) filter = NULL;
  g_autoptr (GError) error = NULL;
  LampPage *page;

  if (key != NULL)
    options = g_variant_ref_sink (g_variant_new_parsed ("{%s: <%s>}", key, value));

  filter = lamp_filter_new (options, &error);
  g_assert_no_error (error);
  page = lamp_queue_list (fixture->queue, filter, cursor, limit, &error);
  g_assert_no_error (error);

  return page;
}

static char *
types_of (const LampPage *page)
{
  GString *types = g_string_new (NULL);

  for (guint i = 0; i < page->rows->len; i++)
    {
      const LampRow *row = g_ptr_array_index (page->rows, i);

      g_string_append_printf (types, "%s%s", i > 0 ? " " : "", row->event_type);
    }

  return g_string_free (types, FALSE);
}

static void
assert_list (Fixture    *fixture,
             const char *key,
             const char *value,
             const char *expected)
{
  g_autoptr (LampPage) page = list (fixture, key, value, 0, 100);
  g_autofree char *types = types_of (page);

  g_assert_cmpstr (types, ==, expected);
  g_assert_cmpint (page->next_cursor, ==, 0);
}

/* Reads a batch; @skip and the rest as in lamp_queue_read_batch_async(). */
static LampBatch *
read_batch_of (Fixture *fixture,
               gint64   after,
               gint64   until,
               GArray  *skip,
               guint    max_events,
               gsize    max_bytes)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  LampBatch *batch;

  lamp_queue_read_batch_async (fixture->queue, after, until, skip, max_events, max_bytes,
                               lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  batch = lamp_queue_read_batch_finish (fixture->queue, result, NULL, &error);
  g_assert_no_error (error);

  return batch;
}

static LampBatch *
read_batch (Fixture *fixture,
            guint    max_events)
{
  return read_batch_of (fixture, 0, G_MAXINT64, NULL, max_events, NO_LIMIT);
}

/* Settles a batch: a letter each, d delivered, r rejected, q queued, - nothing. */
static void
settle (Fixture    *fixture,
        LampBatch  *batch,
        const char *verdicts,
        guint       expected_delivered,
        guint       expected_failed)
{
  guint count = lamp_batch_get_size (batch);
  g_autoptr (LampOutcome) outcome = lamp_outcome_new (LAMP_OUTCOME_ANSWERED, count);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint delivered;
  guint failed;

  g_assert_cmpuint (strlen (verdicts), ==, count);
  for (guint i = 0; i < count; i++)
    switch (verdicts[i])
      {
      case 'd':
        outcome->verdicts[i].kind = LAMP_VERDICT_DELIVERED;
        break;
      case 'r':
        outcome->verdicts[i].kind = LAMP_VERDICT_REJECTED;
        outcome->verdicts[i].code = g_strdup ("bad_phase");
        outcome->verdicts[i].message = g_strdup ("No such phase");
        break;
      case 'R':
        outcome->verdicts[i].kind = LAMP_VERDICT_REJECTED;
        break;
      case 'q':
        outcome->verdicts[i].kind = LAMP_VERDICT_QUEUED;
        break;
      default:
        break;
      }

  lamp_queue_settle_async (fixture->queue, batch, outcome, ORIGIN, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_settle_finish (fixture->queue, result, &delivered, &failed, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (delivered, ==, expected_delivered);
  g_assert_cmpuint (failed, ==, expected_failed);
}

static void
read_and_settle (Fixture    *fixture,
                 const char *verdicts)
{
  g_autoptr (LampBatch) batch = read_batch (fixture, (guint) strlen (verdicts));
  guint delivered = 0;
  guint failed = 0;

  for (const char *verdict = verdicts; *verdict != '\0'; verdict++)
    {
      delivered += *verdict == 'd';
      failed += *verdict == 'r' || *verdict == 'R';
    }

  settle (fixture, batch, verdicts, delivered, failed);
}

/* Lets the housekeeping end: it comes back once more when it finds nothing to do. */
static void
calm_down (Fixture *fixture)
{
  for (int i = 0; i < 3; i++)
    {
      look (fixture);
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
}

static void
tidy (Fixture *fixture)
{
  lamp_queue_tidy (fixture->queue);
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->settled == 0);
  calm_down (fixture);
}

/* a b c delivered and in the history, d failed, e delivered and still in the table, f g pending. */
static char **
add_of_all_kinds (Fixture *fixture)
{
  char **ids = add_types (fixture, "a b c d e f g");

  read_and_settle (fixture, "ddd");
  tidy (fixture);
  read_and_settle (fixture, "rd");
  assert_counts (fixture, 2, 1, 4);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->settled, ==, 1);
  g_string_truncate (fixture->signals, 0);

  return ids;
}

static void
test_list_is_newest_first (Fixture      *fixture,
                           gconstpointer data)
{
  g_strfreev (add_of_all_kinds (fixture));

  assert_list (fixture, NULL, NULL, "g f e d c b a");
  assert_list (fixture, "status", "all", "g f e d c b a");
  assert_list (fixture, "status", "pending", "g f");
  assert_list (fixture, "status", "failed", "d");
  assert_list (fixture, "status", "delivered", "e c b a");
}

static void
test_list_of_nothing (Fixture      *fixture,
                      gconstpointer data)
{
  assert_list (fixture, NULL, NULL, "");
  assert_list (fixture, "status", "delivered", "");
}

static void
test_list_in_pages (Fixture      *fixture,
                    gconstpointer data)
{
  static const struct
  {
    guint limit;
    const char *pages[8];
  } cases[] = {
    { 3, { "g f e", "d c b", "a" } },
    { 7, { "g f e d c b a" } },
    { 6, { "g f e d c b", "a" } },
    { 1, { "g", "f", "e", "d", "c", "b", "a" } },
  };

  g_strfreev (add_of_all_kinds (fixture));
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gint64 cursor = 0;

      for (gsize j = 0; cases[i].pages[j] != NULL; j++)
        {
          g_autoptr (LampPage) page = list (fixture, NULL, NULL, cursor, cases[i].limit);
          g_autofree char *types = types_of (page);

          g_assert_cmpstr (types, ==, cases[i].pages[j]);
          cursor = page->next_cursor;
          g_assert_true ((cursor == 0) == (cases[i].pages[j + 1] == NULL));
        }
    }
}

/* What moves to the history between two pages is shown once. */
static void
test_list_while_rows_move (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (LampPage) first = NULL;
  g_autoptr (LampPage) second = NULL;
  g_autofree char *types = NULL;

  g_strfreev (add_of_all_kinds (fixture));
  first = list (fixture, "status", "delivered", 0, 1);
  tidy (fixture);
  second = list (fixture, "status", "delivered", first->next_cursor, 3);
  types = types_of (second);
  g_assert_cmpstr (types, ==, "c b a");
  assert_list (fixture, NULL, NULL, "g f e d c b a");
}

static void
test_list_by_mission (Fixture      *fixture,
                      gconstpointer data)
{
  g_free (add (fixture, "one", "a", NULL));
  g_free (add (fixture, "two", "b", NULL));
  g_free (add (fixture, "one", "c", NULL));
  g_free (add (fixture, "onetwo", "d", NULL));
  add_foreign (fixture, "'F1'", "'{\"aggregate_id\":\"mission/one\"}'");
  add_foreign (fixture, "'F2'", "'{\"aggregate_id\":\"x\",\"payload\":{\"mission_id\":\"two\"}}'");
  add_foreign (fixture, "'F3'", "'no JSON'");

  assert_list (fixture, "mission_id", "one", "Foreign c a");
  assert_list (fixture, "mission_id", "two", "Foreign b");
  assert_list (fixture, "mission_id", "", "Foreign");
  assert_list (fixture, "mission_id", "three", "");
}

static void
test_list_by_type (Fixture      *fixture,
                   gconstpointer data)
{
  g_strfreev (add_types (fixture, "a ab a A"));

  assert_list (fixture, "event_type", "a", "a a");
  assert_list (fixture, "event_type", "A", "A");
  assert_list (fixture, "event_type", "%", "");
  assert_list (fixture, "event_type", "", "");
}

static void
test_list_by_text (Fixture      *fixture,
                   gconstpointer data)
{
  g_free (add (fixture, "m", "percent", "{\"t\":\"ends 50% of it\"}"));
  g_free (add (fixture, "m", "no-percent", "{\"t\":\"ends 500 of it\"}"));
  g_free (add (fixture, "m", "under", "{\"t\":\"left_right\"}"));
  g_free (add (fixture, "m", "no-under", "{\"t\":\"left-right\"}"));
  g_free (add (fixture, "m", "back", "{\"t\":\"dir\\\\file\"}"));
  g_free (add (fixture, "m", "accent", "{\"t\":\"Müller's %_\\\\% \"}"));

  assert_list (fixture, "text", "50% of", "percent");
  assert_list (fixture, "text", "ENDS 50", "no-percent percent");
  assert_list (fixture, "text", "left_r", "under");
  assert_list (fixture, "text", "left-r", "no-under");
  assert_list (fixture, "text", "dir\\\\f", "back");
  assert_list (fixture, "text", "r\\f", "");
  assert_list (fixture, "text", "üLLER'S", "accent");
  assert_list (fixture, "text", "%_\\\\%", "accent");
  assert_list (fixture, "text", "'", "accent");
  assert_list (fixture, "text", "", "accent back no-under under no-percent percent");
}

static void
test_list_looks_through_many (Fixture      *fixture,
                              gconstpointer data)
{
  g_autoptr (GPtrArray) events = events_new ();
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (LampPage) page = NULL;
  g_autofree char *types = NULL;

  g_ptr_array_add (events, lamp_test_event ("m", "rare", NULL));
  for (int i = 0; i < MANY; i++)
    g_ptr_array_add (events, lamp_test_event ("m", "usual", NULL));
  g_ptr_array_insert (events, MANY / 2, lamp_test_event ("m", "rare", NULL));
  receipts = lamp_queue_append (fixture->queue, events, NULL);
  g_assert_cmpuint (receipts->len, ==, MANY + 2);

  assert_list (fixture, "event_type", "rare", "rare rare");
  page = list (fixture, "event_type", "rare", 0, 1);
  types = types_of (page);
  g_assert_cmpstr (types, ==, "rare");
  g_assert_cmpint (page->next_cursor, ==, MANY / 2 + 1);

  g_clear_pointer (&page, lamp_page_free);
  page = list (fixture, NULL, NULL, 0, LAMP_LIST_MAX);
  g_assert_cmpuint (page->rows->len, ==, LAMP_LIST_MAX);
  g_assert_cmpint (page->next_cursor, ==, MANY + 2 - LAMP_LIST_MAX + 1);
}

static void
test_list_async (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (LampFilter) filter = lamp_filter_new (NULL, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (LampPage) page = NULL;
  g_autofree char *types = NULL;
  g_autoptr (GError) error = NULL;

  g_strfreev (add_of_all_kinds (fixture));
  lamp_queue_list_async (fixture->queue, filter, 0, 3, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  page = lamp_queue_list_finish (fixture->queue, result, &error);
  g_assert_no_error (error);
  types = types_of (page);
  g_assert_cmpstr (types, ==, "g f e");
  assert_signals (fixture, "");
}

static void
test_rows_tell_everything (Fixture      *fixture,
                           gconstpointer data)
{
  g_autofree char *id = add (fixture, "my mission", "Joined", "{}");
  gint64 now = g_get_real_time ();
  g_autoptr (LampPage) page = NULL;
  g_autoptr (GVariant) variant = NULL;
  const LampRow *row = NULL;
  const char *text;
  gint64 number;
  guint32 retries;

  read_and_settle (fixture, "r");
  page = list (fixture, NULL, NULL, 0, 1);
  row = g_ptr_array_index (page->rows, 0);
  g_assert_cmpstr (row->event_id, ==, id);
  g_assert_cmpstr (row->event_type, ==, "Joined");
  g_assert_cmpstr (row->mission_id, ==, "my mission");
  g_assert_cmpstr (row->aggregate_id, ==, "mission/my mission");
  g_assert_cmpint (row->status, ==, LAMP_STATUS_FAILED);
  g_assert_cmpstr (row->error_code, ==, "bad_phase");
  g_assert_cmpstr (row->error_message, ==, "No such phase");
  g_assert_cmpint (row->lamport_clock, ==, 1);
  g_assert_cmpuint (row->retry_count, ==, 1);
  g_assert_cmpint (ABS (row->queued_at - now), <, 60 * G_USEC_PER_SEC);
  g_assert_cmpint (row->last_retry_at, >=, now);
  g_assert_cmpint (row->delivered_at, ==, 0);
  g_assert_true (g_str_has_suffix (row->timestamp, "Z"));

  variant = g_variant_ref_sink (lamp_row_to_variant (row));
  g_assert_cmpuint (g_variant_n_children (variant), ==, 13);
  g_assert_true (g_variant_lookup (variant, "status", "&s", &text));
  g_assert_cmpstr (text, ==, "failed");
  g_assert_true (g_variant_lookup (variant, "lamport_clock", "x", &number));
  g_assert_true (g_variant_lookup (variant, "queued_at", "x", &number));
  g_assert_true (g_variant_lookup (variant, "last_retry_at", "x", &number));
  g_assert_true (g_variant_lookup (variant, "delivered_at", "x", &number));
  g_assert_true (g_variant_lookup (variant, "retry_count", "u", &retries));
  g_assert_cmpuint (retries, ==, 1);
}

static void
test_rows_of_any_bytes (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (LampPage) page = NULL;
  g_autoptr (LampRow) row = NULL;

  add_foreign (fixture, "'A'", "'{\"a\":1}' || char (0) || '\"\"\"\"'");
  add_foreign (fixture, "'B'", "CAST (x'7b22ff227d' AS TEXT)");
  add_foreign (fixture, "'C'", "x'7b7d00000000'");
  add_foreign (fixture, "CAST (x'ff41' AS TEXT)", "'[]'");
  add_foreign (fixture, "'D'", "''");
  add_foreign (fixture, "17", "42");

  page = list (fixture, NULL, NULL, 0, 10);
  g_assert_cmpuint (page->rows->len, ==, 6);
  for (guint i = 0; i < page->rows->len; i++)
    {
      /* Everything is fit for the bus. */
      const LampRow *shown = g_ptr_array_index (page->rows, i);
      g_autoptr (GVariant) variant = g_variant_ref_sink (lamp_row_to_variant (shown));

      g_assert_cmpuint (g_variant_n_children (variant), ==, 13);
    }

  row = lamp_queue_get (fixture->queue, "B", NULL);
  g_assert_true (g_utf8_validate (row->envelope, -1, NULL));
}

static void
test_mission_beside_another_aggregate (Fixture      *fixture,
                                       gconstpointer data)
{
  g_autoptr (GVariant) options = NULL;
  g_autoptr (GPtrArray) events = events_new ();
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  options = g_variant_ref_sink (g_variant_new_parsed ("{'aggregate_id': <'project/7'>}"));

  /* Three, so that each has its own mission, and not that of the last. */
  for (int i = 0; i < 3; i++)
    {
      g_autofree char *mission = g_strdup_printf ("mission %d", i);

      g_ptr_array_add (events,
                       lamp_event_new (mission, "a", "{}", i == 1 ? NULL : options, NODE, &error));
      g_assert_no_error (error);
    }
  receipts = lamp_queue_append (fixture->queue, events, &error);
  g_assert_no_error (error);

  /* In the table, and in the history. */
  for (int round = 0; round < 2; round++)
    {
      for (int i = 0; i < 3; i++)
        {
          const LampReceipt *receipt = g_ptr_array_index (receipts, (guint) i);
          g_autofree char *mission = g_strdup_printf ("mission %d", i);
          g_autofree char *own = g_strdup_printf ("mission/mission %d", i);
          g_autoptr (LampRow) row = lamp_queue_get (fixture->queue, receipt->event_id, NULL);

          g_assert_cmpstr (row->mission_id, ==, mission);
          g_assert_cmpstr (row->aggregate_id, ==, i == 1 ? own : "project/7");
          assert_list (fixture, "mission_id", mission, "a");
        }

      if (round == 0)
        {
          read_and_settle (fixture, "ddd");
          tidy (fixture);
        }
    }

  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM lamppost_history"), ==, 3);
}

/* --- get ---------------------------------------------------------------- */

static void
test_get_finds_all_kinds (Fixture      *fixture,
                          gconstpointer data)
{
  static const LampStatus statuses[] = {
    LAMP_STATUS_DELIVERED, LAMP_STATUS_DELIVERED, LAMP_STATUS_DELIVERED, LAMP_STATUS_FAILED,
    LAMP_STATUS_DELIVERED, LAMP_STATUS_PENDING,   LAMP_STATUS_PENDING,
  };
  g_auto (GStrv) ids = add_of_all_kinds (fixture);

  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (LampRow) row = lamp_queue_get (fixture->queue, ids[i], &error);

      g_assert_no_error (error);
      g_assert_cmpstr (row->event_id, ==, ids[i]);
      g_assert_cmpint (row->status, ==, statuses[i]);
      g_assert_cmpint (row->id, ==, (gint64) i + 1);
      g_assert_cmpint (row->lamport_clock, ==, (gint64) i + 1);
      g_assert_nonnull (strstr (row->envelope, ids[i]));
      g_assert_true ((row->delivered_at > 0) == (statuses[i] == LAMP_STATUS_DELIVERED));
    }
}

static void
test_get_not_found (Fixture      *fixture,
                    gconstpointer data)
{
  g_autofree char *long_id = g_strnfill (200, 'x');
  g_autoptr (GString) accents = g_string_new ("x");
  const char *ids[] = { "01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "'", long_id, NULL };

  for (int i = 0; i < 100; i++)
    g_string_append (accents, "é");
  ids[4] = accents->str;

  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (lamp_queue_get (fixture->queue, ids[i], &error));
      g_assert_error (error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_cmpuint (strlen (error->message), <, 160);
    }
}

static void
test_get_async (Fixture      *fixture,
                gconstpointer data)
{
  g_autofree char *id = add (fixture, "m", "a", NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GAsyncResult) other_result = NULL;
  g_autoptr (LampRow) row = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_get_async (fixture->queue, id, lamp_test_result_cb, &result);
  lamp_queue_get_async (fixture->queue, "nobody", lamp_test_result_cb, &other_result);
  lamp_test_wait_until (result != NULL && other_result != NULL);
  row = lamp_queue_get_finish (fixture->queue, result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (row->event_type, ==, "a");
  g_assert_null (lamp_queue_get_finish (fixture->queue, other_result, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND);
}

/* --- filters ------------------------------------------------------------ */

static void
assert_refused (const char *options,
                const char *message)
{
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_parsed (options));
  g_autoptr (GError) error = NULL;

  g_assert_null (lamp_filter_new (variant, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_filter_refuses (void)
{
  assert_refused ("{'status': <'done'>}",
                  "status: must be pending, failed, delivered or all, but is “done”");
  assert_refused ("{'status': <1>}", "status: must be a string");
  assert_refused ("{'text': <'x'>, 'mission_id': <true>}", "mission_id: must be a string");
  assert_refused ("{'mission': <'x'>}",
                  "“mission” is no filter; there are status, mission_id, event_type and text");
}

static void
test_filter_takes (void)
{
  g_autoptr (GVariant) options = g_variant_ref_sink (
    g_variant_new_parsed ("{'status': <'failed'>, 'mission_id': <'m'>, 'event_type': <'t'>, "
                          "'text': <'a'>}"));
  g_autoptr (LampFilter) filter = lamp_filter_new (options, NULL);
  g_autoptr (LampFilter) copy = lamp_filter_copy (filter);

  g_assert_false (copy->all);
  g_assert_cmpint (copy->status, ==, LAMP_STATUS_FAILED);
  g_assert_cmpstr (copy->mission_id, ==, "m");
  g_assert_cmpstr (copy->event_type, ==, "t");
  g_assert_cmpstr (copy->text, ==, "a");
}

static void
test_filter_checks_pages (void)
{
  g_assert_true (lamp_filter_check_page (0, 1, NULL));
  g_assert_true (lamp_filter_check_page (G_MAXINT64, LAMP_LIST_MAX, NULL));
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (
        lamp_filter_check_page (i == 0 ? -1 : 0, i == 1 ? 0 : LAMP_LIST_MAX + (i == 2), &error));
      g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS);
    }
}

/* --- resend and discard ------------------------------------------------- */

static void
test_resend_takes_failed_only (Fixture      *fixture,
                               gconstpointer data)
{
  g_auto (GStrv) ids = add_of_all_kinds (fixture);
  g_autoptr (LampRow) row = NULL;
  g_autoptr (GError) error = NULL;
  guint count = 99;

  lamp_queue_resend (fixture->queue, (const char *const *) ids, &count, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count, ==, 1);
  assert_counts (fixture, 3, 0, 4);
  assert_list (fixture, "status", "pending", "g f d");

  /* The reason goes, what happened stays. */
  row = lamp_queue_get (fixture->queue, ids[3], NULL);
  g_assert_cmpstr (row->error_code, ==, "");
  g_assert_cmpstr (row->error_message, ==, "");
  g_assert_cmpuint (row->retry_count, ==, 1);
  g_assert_cmpint (row->last_retry_at, >, 0);

  lamp_queue_resend (fixture->queue, (const char *const *) ids, &count, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count, ==, 0);
}

static void
test_resend_all (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint count = 99;

  g_strfreev (add_types (fixture, "a b c d e"));
  read_and_settle (fixture, "rdrr");
  assert_counts (fixture, 1, 3, 1);

  lamp_queue_resend_async (fixture->queue, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_resend_finish (fixture->queue, result, &count, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count, ==, 3);
  assert_counts (fixture, 4, 0, 1);

  /* Fails again: the second time is counted. */
  read_and_settle (fixture, "rddd");
  assert_counts (fixture, 0, 1, 4);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT retry_count FROM queue WHERE id = 1"), ==,
                   2);
}

static void
test_discard_takes_failed_only (Fixture      *fixture,
                                gconstpointer data)
{
  g_auto (GStrv) ids = add_of_all_kinds (fixture);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint count = 99;

  lamp_queue_discard_async (fixture->queue, (const char *const *) ids, lamp_test_result_cb,
                            &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_discard_finish (fixture->queue, result, &count, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count, ==, 1);
  assert_counts (fixture, 2, 0, 4);
  assert_list (fixture, NULL, NULL, "g f e c b a");
  g_assert_null (lamp_queue_get (fixture->queue, ids[3], NULL));

  lamp_queue_discard (fixture->queue, (const char *const *) ids, &count, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count, ==, 0);
}

/* --- observe ------------------------------------------------------------ */

static void
test_observe (Fixture      *fixture,
              gconstpointer data)
{
  static const gint64 refused[] = { -1, G_MININT64, (G_GINT64_CONSTANT (1) << 53) + 1, G_MAXINT64 };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gint64 clock = 0;

  lamp_queue_observe_async (fixture->queue, 41, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_observe_finish (fixture->queue, result, &clock, &error);
  g_assert_no_error (error);
  g_assert_cmpint (clock, ==, 42);
  assert_signals (fixture, "changed ");

  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_clear_object (&result);
      lamp_queue_observe_async (fixture->queue, refused[i], lamp_test_result_cb, &result);
      lamp_test_wait_until (result != NULL);
      g_assert_false (lamp_queue_observe_finish (fixture->queue, result, &clock, &error));
      g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
      g_clear_error (&error);
    }

  g_free (add (fixture, "m", "a", NULL));
  g_assert_cmpint (lamp_queue_get_tally (fixture->queue)->lamport_clock, ==, 43);
}

/* --- batches ------------------------------------------------------------ */

/* The ids of the rows in a batch. */
static char *
rows_of (const LampBatch *batch)
{
  GString *rows = g_string_new (NULL);

  for (guint i = 0; i < lamp_batch_get_size (batch); i++)
    g_string_append_printf (rows, "%s%" G_GINT64_FORMAT, i > 0 ? " " : "",
                            lamp_batch_get_event (batch, i)->id);

  return g_string_free (rows, FALSE);
}

static void
assert_batch (Fixture    *fixture,
              gint64      after,
              gint64      until,
              GArray     *skip,
              guint       max_events,
              gsize       max_bytes,
              const char *expected)
{
  g_autoptr (LampBatch) batch = read_batch_of (fixture, after, until, skip, max_events, max_bytes);
  g_autofree char *rows = rows_of (batch);

  g_assert_cmpstr (rows, ==, expected);
}

static void
test_batch_is_oldest_first (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr (GArray) skip = g_array_new (FALSE, FALSE, sizeof (gint64));

  g_strfreev (add_types (fixture, "a b c d e f g h"));
  assert_batch (fixture, 0, G_MAXINT64, NULL, 100, NO_LIMIT, "1 2 3 4 5 6 7 8");
  assert_batch (fixture, 0, G_MAXINT64, NULL, 3, NO_LIMIT, "1 2 3");
  assert_batch (fixture, 3, G_MAXINT64, NULL, 3, NO_LIMIT, "4 5 6");
  assert_batch (fixture, 3, 5, NULL, 100, NO_LIMIT, "4 5");
  assert_batch (fixture, 8, G_MAXINT64, NULL, 100, NO_LIMIT, "");

  for (gint64 id = 2; id <= 6; id += 2)
    g_array_append_val (skip, id);
  assert_batch (fixture, 0, G_MAXINT64, skip, 4, NO_LIMIT, "1 3 5 7");
  assert_batch (fixture, 2, 6, skip, 4, NO_LIMIT, "3 5");
  assert_batch (fixture, 5, 6, skip, 4, NO_LIMIT, "");

  /* Pending ones only. */
  read_and_settle (fixture, "dr-q");
  assert_batch (fixture, 0, G_MAXINT64, NULL, 100, NO_LIMIT, "3 4 5 6 7 8");
}

static void
test_batch_keeps_the_bytes (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree char *id = add (fixture, "m", "a", "{ \"n\" : 1.50 }");
  g_autofree char *envelope = lamp_test_db_text (fixture->db, "SELECT data FROM queue");
  g_autofree char *expected = NULL;
  g_autoptr (LampBatch) batch = read_batch (fixture, 10);
  g_autoptr (GBytes) body = lamp_batch_dup_body (batch);

  g_strchomp (envelope);
  expected = g_strdup_printf ("{\"events\":[%s]}", envelope);
  g_assert_cmpmem (g_bytes_get_data (body, NULL), g_bytes_get_size (body), expected,
                   strlen (expected));
  g_assert_cmpstr (lamp_batch_get_event (batch, 0)->event_id, ==, id);
}

static void
test_batch_keeps_within_bytes (Fixture      *fixture,
                               gconstpointer data)
{
  gsize length;

  g_strfreev (add_types (fixture, "a b c d"));
  length = (gsize) lamp_test_db_int (fixture->db, "SELECT length (data) FROM queue WHERE id = 1");

  /* {"events":[ … , … ]} */
  assert_batch (fixture, 0, G_MAXINT64, NULL, 10, 13 + 2 * length + 1, "1 2");
  assert_batch (fixture, 0, G_MAXINT64, NULL, 10, 13 + 2 * length, "1");
  assert_batch (fixture, 0, G_MAXINT64, NULL, 10, 13 + length, "1");
  assert_counts (fixture, 4, 0, 0);
}

/* One that is longer than what was asked for goes alone; what no server takes isn't sent. */
static void
test_batch_of_the_oversized (Fixture      *fixture,
                             gconstpointer data)
{
  g_autofree char *filler = g_strnfill (5000, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", filler);
  g_autoptr (LampRow) row = NULL;

  g_free (add (fixture, "m", "a", NULL));
  g_free (add (fixture, "m", "b", payload));
  g_free (add (fixture, "m", "c", NULL));
  lamp_test_db_run (
    fixture->db,
    "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('huge', 'T', "
    "'{\"event_id\":\"huge\",\"x\":\"' || hex (zeroblob (262144)) || '\"}', 1)");
  g_free (add (fixture, "m", "d", NULL));
  g_string_truncate (fixture->signals, 0);

  assert_batch (fixture, 0, G_MAXINT64, NULL, 10, 5000, "1");
  assert_batch (fixture, 1, G_MAXINT64, NULL, 10, 5000, "2");
  assert_batch (fixture, 2, G_MAXINT64, NULL, 10, 5000, "3");
  assert_signals (fixture, "");

  lamp_test_expect_warning (
    "Event huge can’t be sent: the event has * bytes, and a batch holds no more than 524288");
  assert_batch (fixture, 3, G_MAXINT64, NULL, 10, 5000, "5");
  lamp_test_assert_warned ();
  assert_counts (fixture, 4, 1, 0);
  g_assert_true (g_str_has_prefix (fixture->signals->str, "changed failed:oversized:"));

  row = lamp_queue_get (fixture->queue, "huge", NULL);
  g_assert_cmpstr (row->error_code, ==, "oversized");
  g_assert_cmpuint (row->retry_count, ==, 0);
}

static void
test_batch_fails_the_corrupt (Fixture      *fixture,
                              gconstpointer data)
{
  static const char *const corrupt[] = {
    "'no JSON'",
    "''",
    "'[]'",
    "'{\"event_type\":\"no id\"}'",
    "'{\"event_id\":7}'",
    "'{\"event_id\":\"A\"} x'",
    "'{\"event_id\":\"A\"}' || char (0)",
    "CAST (x'7b22ff227d' AS TEXT)",
    "x'ff'",
    "42",
  };
  g_autofree char *rows = NULL;
  g_autoptr (LampBatch) batch = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (corrupt); i++)
    {
      g_autofree char *id = g_strdup_printf ("'F%" G_GSIZE_FORMAT "'", i);

      if (i % 3 == 0)
        g_free (add (fixture, "m", "a", NULL));
      add_foreign (fixture, i == 4 ? "CAST (x'ff41' AS TEXT)" : id, corrupt[i]);
      lamp_test_expect_warning ("Event * can’t be sent: the stored event *");
    }

  batch = read_batch (fixture, 100);
  lamp_test_assert_warned ();
  rows = rows_of (batch);
  g_assert_cmpstr (rows, ==, "1 5 9 13");
  assert_counts (fixture, 4, G_N_ELEMENTS (corrupt), 0);
  g_assert_cmpint (
    lamp_test_db_int (fixture->db, "SELECT count(*) FROM lamppost_failure WHERE code = 'corrupt'"),
    ==, G_N_ELEMENTS (corrupt));
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT max (retry_count) FROM queue"), ==, 0);

  /* It was said once. */
  assert_batch (fixture, 0, G_MAXINT64, NULL, 100, NO_LIMIT, "1 5 9 13");
}

/* More corrupt rows than are failed at once, and nothing else. */
static void
test_batch_behind_many_corrupt (Fixture      *fixture,
                                gconstpointer data)
{
  lamp_test_db_run (
    fixture->db,
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) "
    "INSERT INTO queue (event_id, event_type, data, timestamp) "
    "SELECT 'F' || i, 'Foreign', 'broken', 1 FROM n");
  g_free (add (fixture, "m", "a", NULL));
  for (int i = 0; i < 600; i++)
    lamp_test_expect_warning ("Event F* can’t be sent: *");

  assert_batch (fixture, 0, G_MAXINT64, NULL, 100, NO_LIMIT, "601");
  assert_counts (fixture, 1, 600, 0);
}

/* --- settling ----------------------------------------------------------- */

static void
test_settle_records_each_verdict (Fixture      *fixture,
                                  gconstpointer data)
{
  g_auto (GStrv) ids = add_types (fixture, "a b c d e");
  gint64 now = g_get_real_time ();
  g_autoptr (LampRow) rejected = NULL;
  g_autoptr (LampRow) silent = NULL;
  g_autoptr (LampRow) delivered = NULL;
  g_autoptr (LampRow) queued = NULL;

  g_string_truncate (fixture->signals, 0);
  read_and_settle (fixture, "drq-R");
  assert_signals (fixture,
                  "changed delivered:1 failed:bad_phase:No such phase "
                  "failed:rejected:the server gave no reason ");
  assert_counts (fixture, 2, 2, 1);
  assert_list (fixture, "status", "pending", "d c");
  g_assert_cmpint (lamp_queue_get_tally (fixture->queue)->last_delivery, >=, now);

  delivered = lamp_queue_get (fixture->queue, ids[0], NULL);
  g_assert_cmpint (delivered->delivered_at, >=, now);
  g_assert_cmpuint (delivered->retry_count, ==, 0);
  g_assert_cmpint (delivered->last_retry_at, ==, 0);

  rejected = lamp_queue_get (fixture->queue, ids[1], NULL);
  g_assert_cmpstr (rejected->error_code, ==, "bad_phase");
  g_assert_cmpstr (rejected->error_message, ==, "No such phase");
  g_assert_cmpuint (rejected->retry_count, ==, 1);
  g_assert_cmpint (rejected->last_retry_at, >=, now);

  queued = lamp_queue_get (fixture->queue, ids[2], NULL);
  g_assert_cmpint (queued->status, ==, LAMP_STATUS_PENDING);
  g_assert_cmpuint (queued->retry_count, ==, 0);

  silent = lamp_queue_get (fixture->queue, ids[4], NULL);
  g_assert_cmpstr (silent->error_code, ==, "rejected");
}

static void
test_settle_remembers_the_server (Fixture      *fixture,
                                  gconstpointer data)
{
  g_autofree char *text = NULL;

  g_strfreev (add_types (fixture, "a b"));
  read_and_settle (fixture, "d");
  read_and_settle (fixture, "d");
  tidy (fixture);
  text = lamp_test_db_text (fixture->db,
                            "SELECT h.id, origin, h.server = last_server FROM lamppost_history h "
                            "JOIN lamppost_server s ON s.id = h.server JOIN lamppost_counter");
  g_assert_cmpstr (text, ==, "1|" ORIGIN "|1\n2|" ORIGIN "|1\n");
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM lamppost_server"), ==, 1);
}

static void
test_settle_twice_counts_once (Fixture      *fixture,
                               gconstpointer data)
{
  g_autoptr (LampBatch) batch = NULL;

  g_strfreev (add_types (fixture, "a b"));
  batch = read_batch (fixture, 2);
  settle (fixture, batch, "dr", 1, 1);
  g_string_truncate (fixture->signals, 0);
  settle (fixture, batch, "rd", 0, 0);
  settle (fixture, batch, "dr", 0, 0);
  assert_signals (fixture, "");
  assert_counts (fixture, 0, 1, 1);
}

/* An answer counts only for the row that was sent, as it was sent. */
static void
test_settle_changed_rows (Fixture      *fixture,
                          gconstpointer data)
{
  static const char *const changes[] = {
    "UPDATE queue SET data = replace (data, '{}', '{\"n\":1}') WHERE id = %d",
    "UPDATE queue SET event_id = 'other', data = '{\"event_id\":\"other\"}', timestamp = 1 "
    "  WHERE id = %d",
    "INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp) "
    "  SELECT event_id, event_type, '{\"event_id\":\"' || event_id || '\"}', 1 FROM queue"
    "  WHERE id = %d",
    "UPDATE queue SET event_type = 'other' WHERE id = %d",
  };
  g_autoptr (LampBatch) batch = NULL;

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (changes) + 2; i++)
    g_free (add (fixture, "m", "a", NULL));
  batch = read_batch (fixture, 100);
  for (gsize i = 0; i < 2 * G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (GString) sql = g_string_new (changes[i / 2]);
      g_autofree char *id = g_strdup_printf ("%" G_GSIZE_FORMAT, i + 1);
      g_autofree char *other = g_strdup_printf ("other%s", id);

      g_string_replace (sql, "%d", id, 0);
      g_string_replace (sql, "other", other, 0);
      lamp_test_db_run (fixture->db, sql->str);
    }
  lamp_test_db_run (fixture->db, "DELETE FROM queue WHERE id = 9");

  settle (fixture, batch, "drdrdrdrdd", 1, 0);
  assert_counts (fixture, 8, 0, 1);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM lamppost_failure"), ==, 0);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT sum (retry_count) FROM queue"), ==, 0);
}

/* What says nothing of the bytes doesn't spoil the answer. */
static void
test_settle_despite_a_retry (Fixture      *fixture,
                             gconstpointer data)
{
  g_autoptr (LampBatch) batch = NULL;

  g_strfreev (add_types (fixture, "a b"));
  batch = read_batch (fixture, 2);
  lamp_test_db_run (fixture->db,
                    "UPDATE queue SET retry_count = NULL WHERE id = 1;"
                    "UPDATE queue SET retry_count = 4 WHERE id = 2");
  settle (fixture, batch, "rr", 0, 2);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT retry_count FROM queue WHERE id = 1"), ==,
                   1);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT retry_count FROM queue WHERE id = 2"), ==,
                   5);
}

/* --- history ------------------------------------------------------------ */

static void
test_tidy_moves_to_history (Fixture      *fixture,
                            gconstpointer data)
{
  g_auto (GStrv) ids = add_of_all_kinds (fixture);
  g_autoptr (LampRow) before = lamp_queue_get (fixture->queue, ids[4], NULL);
  g_autoptr (LampRow) after = NULL;

  tidy (fixture);
  assert_counts (fixture, 2, 1, 4);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM queue"), ==, 3);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM lamppost_history"), ==, 4);

  after = lamp_queue_get (fixture->queue, ids[4], NULL);
  g_assert_cmpint (after->id, ==, before->id);
  g_assert_cmpstr (after->envelope, ==, before->envelope);
  g_assert_cmpint (after->queued_at, ==, before->queued_at);
  g_assert_cmpint (after->delivered_at, ==, before->delivered_at);
}

static void
test_tidy_keeps_what_was_refused_before (Fixture      *fixture,
                                         gconstpointer data)
{
  g_autofree char *id = add (fixture, "m", "a", NULL);
  g_autoptr (LampRow) row = NULL;
  guint count;

  read_and_settle (fixture, "r");
  g_assert_true (lamp_queue_resend (fixture->queue, NULL, &count, NULL));
  read_and_settle (fixture, "d");
  tidy (fixture);

  row = lamp_queue_get (fixture->queue, id, NULL);
  g_assert_cmpint (row->status, ==, LAMP_STATUS_DELIVERED);
  g_assert_cmpuint (row->retry_count, ==, 1);
  g_assert_cmpint (row->last_retry_at, >, 0);
  g_assert_cmpstr (row->error_code, ==, "");
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM lamppost_failure"), ==, 0);
}

static void
test_history_by_number (Fixture      *fixture,
                        gconstpointer data)
{
  lamp_queue_set_history (fixture->queue, 7, 3);
  g_strfreev (add_types (fixture, "a b c d e f g"));
  read_and_settle (fixture, "dd");
  tidy (fixture);
  assert_list (fixture, "status", "delivered", "b a");

  /* The oldest go. */
  read_and_settle (fixture, "dd");
  lamp_queue_tidy (fixture->queue);
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->delivered == 3);
  calm_down (fixture);
  assert_list (fixture, "status", "delivered", "d c b");

  /* None at all. */
  lamp_queue_set_history (fixture->queue, 7, 0);
  read_and_settle (fixture, "dd");
  lamp_queue_tidy (fixture->queue);
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->delivered == 0);
  assert_list (fixture, NULL, NULL, "g");
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM queue"), ==, 1);
}

/* Many delivered at once, in a history that is short: they are deleted without a copy. */
static void
test_history_of_a_long_pass (Fixture      *fixture,
                             gconstpointer data)
{
  g_autoptr (GPtrArray) events = events_new ();
  g_autoptr (GPtrArray) receipts = NULL;
  g_autofree char *verdicts = g_strnfill (1400, 'd');

  lamp_queue_set_history (fixture->queue, 7, 300);
  for (int i = 0; i < 1400; i++)
    g_ptr_array_add (events, lamp_test_event ("m", "a", NULL));
  receipts = lamp_queue_append (fixture->queue, events, NULL);
  read_and_settle (fixture, verdicts);

  /* So many that settling alone begins to tidy. */
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->delivered == 300);
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->settled == 0);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT min (id) FROM lamppost_history"), ==,
                   1101);
  g_assert_cmpint (lamp_test_db_int (fixture->db, "SELECT count(*) FROM queue"), ==, 0);
}

static void
test_history_by_days (Fixture      *fixture,
                      gconstpointer data)
{
  g_strfreev (add_types (fixture, "a b c d"));
  read_and_settle (fixture, "ddd");
  tidy (fixture);
  lamp_test_db_run (fixture->db,
                    "UPDATE lamppost_history SET delivered_at = delivered_at - 604860000000 "
                    "WHERE id = 2;"
                    "UPDATE lamppost_history SET delivered_at = delivered_at - 604740000000 "
                    "WHERE id = 3");

  lamp_queue_tidy (fixture->queue);
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->delivered == 2);
  assert_list (fixture, "status", "delivered", "c a");
}

/* Sent again after it was delivered (the other tool's row of the same event): one in the history.
 */
static void
test_history_holds_an_event_once (Fixture      *fixture,
                                  gconstpointer data)
{
  for (int i = 0; i < 2; i++)
    {
      add_foreign (fixture, "'F'",
                   i == 0 ? "'{\"event_id\":\"F\"}'" : "'{\"event_id\":\"F\",\"n\":2}'");
      look (fixture);
      read_and_settle (fixture, "d");
      tidy (fixture);
    }

  assert_counts (fixture, 0, 0, 1);
  assert_list (fixture, NULL, NULL, "Foreign");
  g_assert_cmpint (lamp_test_db_int (fixture->db,
                                     "SELECT count(*) FROM lamppost_history"
                                     "  WHERE data LIKE '%\"n\":2%'"),
                   ==, 1);
}

/* --- what others do ----------------------------------------------------- */

static void
test_watch_tells_of_others (Fixture      *fixture,
                            gconstpointer data)
{
  lamp_queue_watch (fixture->queue);
  g_free (add (fixture, "m", "a", NULL));
  calm_down (fixture);
  g_assert_null (strstr (fixture->signals->str, "rewritten"));
  g_string_truncate (fixture->signals, 0);

  for (int i = 0; i < 3; i++)
    {
      g_autofree char *id = g_strdup_printf ("'F%d'", i);
      gint64 start = g_get_monotonic_time ();

      add_foreign (fixture, id, "'{}'");
      lamp_test_wait_until (strstr (fixture->signals->str, "rewritten") != NULL);
      g_test_message ("noticed after %d ms", (int) ((g_get_monotonic_time () - start) / 1000));
      assert_counts (fixture, 2 + (guint) i, 0, 0);
      assert_signals (fixture, "changed rewritten ");
    }
}

static void
set_true (gpointer user_data)
{
  gboolean *value = user_data;

  *value = TRUE;
}

/* Lets the main loop run for a while; how often it woke up, the end of the while included. */
static guint
rest (guint milliseconds)
{
  gint64 end = g_get_monotonic_time () + milliseconds * G_TIME_SPAN_MILLISECOND;
  guint n_turns = 0;
  gboolean over = FALSE;

  g_timeout_add_once (milliseconds, set_true, &over);
  while (!over)
    {
      g_main_context_iteration (NULL, TRUE);
      n_turns++;
    }
  g_assert_cmpint (g_get_monotonic_time (), >=, end);

  return n_turns;
}

/* Whether no source of the main loop wants to be woken at a time. */
static gboolean
is_at_rest (void)
{
  GMainContext *context = g_main_context_default ();
  GPollFD fds[16];
  gboolean ready;
  int priority;
  int timeout;

  g_assert_true (g_main_context_acquire (context));
  ready = g_main_context_prepare (context, &priority);
  g_main_context_query (context, priority, &timeout, fds, G_N_ELEMENTS (fds));
  g_main_context_release (context);

  return !ready && timeout == -1;
}

/* GLib tells of a file's last change up to 2 s after it; then nothing runs any more. */
static void
wait_for_rest (void)
{
  gint64 end = g_get_monotonic_time () + REST_PATIENCE_US;

  while (rest (REST_MS) > 1 || !is_at_rest ())
    g_assert_cmpint (g_get_monotonic_time (), <, end);
}

/* What the other tool does, is noticed without anybody asking. */
static void
test_watch_follows_everything (Fixture      *fixture,
                               gconstpointer data)
{
  static const struct
  {
    const char *sql;
    guint64 pending;
    gint64 clock;
  } steps[] = {
    { "INSERT INTO queue (event_id, event_type, data, timestamp) "
      "VALUES ('A', 'T', '{\"lamport_clock\": 500}', 1)",
      1, 501 },
    { "UPDATE queue SET event_id = 'B', data = '{\"lamport_clock\": 700}', timestamp = 2", 1, 701 },
    { "INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp, coalesce_key) "
      "VALUES ('B', 'T', '{\"lamport_clock\": 900}', 3, 'key')",
      1, 901 },
    { "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('C', 'T', '{}', 1)", 2,
      901 },
    { "DELETE FROM queue WHERE event_id IN ('B', 'C')", 0, 901 },
  };
  const LampTally *tally = lamp_queue_get_tally (fixture->queue);

  lamp_queue_watch (fixture->queue);
  wait_for_rest ();

  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      gint64 start;

      g_string_truncate (fixture->signals, 0);

      start = g_get_monotonic_time ();
      lamp_test_db_run (fixture->db, steps[i].sql);
      lamp_test_wait_until (tally->pending == steps[i].pending &&
                            tally->lamport_clock == steps[i].clock &&
                            strstr (fixture->signals->str, "rewritten ") != NULL);
      g_assert_cmpint (g_get_monotonic_time () - start, <, 2 * G_USEC_PER_SEC);
    }

  wait_for_rest ();
}

/* Whatever looks at the file first tells. */
static void
test_opening_again_tells_of_others (Fixture      *fixture,
                                    gconstpointer data)
{
  add_foreign (fixture, "'F'", "'{}'");
  g_assert_true (lamp_queue_open (fixture->queue, NULL));
  assert_signals (fixture, "changed rewritten ");
  g_assert_true (lamp_queue_open (fixture->queue, NULL));
  assert_signals (fixture, "");
}

static void
test_opens_async (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  LampQueue *queue = NULL;

  g_strfreev (add_types (fixture, "a b c"));
  queue = lamp_queue_new (fixture->path, NULL);
  g_assert_cmpstr (lamp_queue_get_path (queue), ==, fixture->path);
  g_assert_cmpuint (strlen (lamp_queue_get_node_id (queue)), ==, 12);
  lamp_queue_open_async (queue, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_open_finish (queue, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (lamp_queue_get_tally (queue)->pending, ==, 3);

  /* The default node is another one than that of the events, and has received them. */
  g_assert_cmpint (lamp_queue_get_tally (queue)->lamport_clock, ==, 4);

  g_clear_object (&result);
  g_assert_finalize_object (queue);
}

static void
test_cannot_open (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->path, "below-a-file", "queue.db", NULL);
  g_autoptr (GPtrArray) events = events_of_types ("a");
  g_autoptr (GError) error = NULL;
  LampQueue *queue = lamp_queue_new (path, NODE);

  g_assert_false (lamp_queue_open (queue, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  g_assert_null (lamp_queue_append (queue, events, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);

  g_assert_finalize_object (queue);
}

static void
test_default_path (void)
{
  g_autofree char *path = NULL;
  g_autofree char *home = g_build_filename (g_get_home_dir (), ".spec-kitty", "queue.db", NULL);

  g_setenv ("SPEC_KITTY_HOME", "/some/where", TRUE);
  path = lamp_queue_dup_default_path ();
  g_assert_cmpstr (path, ==, "/some/where/queue.db");

  g_free (path);
  g_setenv ("SPEC_KITTY_HOME", "", TRUE);
  path = lamp_queue_dup_default_path ();
  g_assert_cmpstr (path, ==, home);

  g_free (path);
  g_unsetenv ("SPEC_KITTY_HOME");
  path = lamp_queue_dup_default_path ();
  g_assert_cmpstr (path, ==, home);
}

#define ADD(path, function) g_test_add ("/queue/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  lamp_test_catch_warnings ();

  ADD ("append/gives-ascending-ids", test_append_gives_ascending_ids);
  ADD ("append/stores-the-envelope", test_append_stores_the_envelope);
  ADD ("append/async", test_append_async);
  ADD ("append/is-all-or-none", test_append_is_all_or_none);
  ADD ("append/long-one-leaves-neighbours", test_long_one_leaves_neighbours);
  ADD ("append/capacity", test_capacity);
  ADD ("list/is-newest-first", test_list_is_newest_first);
  ADD ("list/of-nothing", test_list_of_nothing);
  ADD ("list/in-pages", test_list_in_pages);
  ADD ("list/while-rows-move", test_list_while_rows_move);
  ADD ("list/by-mission", test_list_by_mission);
  ADD ("list/by-type", test_list_by_type);
  ADD ("list/by-text", test_list_by_text);
  ADD ("list/looks-through-many", test_list_looks_through_many);
  ADD ("list/async", test_list_async);
  ADD ("list/rows-tell-everything", test_rows_tell_everything);
  ADD ("list/rows-of-any-bytes", test_rows_of_any_bytes);
  ADD ("list/mission-beside-another-aggregate", test_mission_beside_another_aggregate);
  ADD ("get/finds-all-kinds", test_get_finds_all_kinds);
  ADD ("get/not-found", test_get_not_found);
  ADD ("get/async", test_get_async);
  g_test_add_func ("/queue/filter/refuses", test_filter_refuses);
  g_test_add_func ("/queue/filter/takes", test_filter_takes);
  g_test_add_func ("/queue/filter/checks-pages", test_filter_checks_pages);
  ADD ("resend/takes-failed-only", test_resend_takes_failed_only);
  ADD ("resend/all", test_resend_all);
  ADD ("discard/takes-failed-only", test_discard_takes_failed_only);
  ADD ("observe", test_observe);
  ADD ("batch/is-oldest-first", test_batch_is_oldest_first);
  ADD ("batch/keeps-the-bytes", test_batch_keeps_the_bytes);
  ADD ("batch/keeps-within-bytes", test_batch_keeps_within_bytes);
  ADD ("batch/of-the-oversized", test_batch_of_the_oversized);
  ADD ("batch/fails-the-corrupt", test_batch_fails_the_corrupt);
  ADD ("batch/behind-many-corrupt", test_batch_behind_many_corrupt);
  ADD ("settle/records-each-verdict", test_settle_records_each_verdict);
  ADD ("settle/remembers-the-server", test_settle_remembers_the_server);
  ADD ("settle/twice-counts-once", test_settle_twice_counts_once);
  ADD ("settle/not-for-changed-rows", test_settle_changed_rows);
  ADD ("settle/despite-a-retry", test_settle_despite_a_retry);
  ADD ("tidy/moves-to-history", test_tidy_moves_to_history);
  ADD ("tidy/keeps-what-was-refused-before", test_tidy_keeps_what_was_refused_before);
  ADD ("history/by-number", test_history_by_number);
  ADD ("history/of-a-long-pass", test_history_of_a_long_pass);
  ADD ("history/by-days", test_history_by_days);
  ADD ("history/holds-an-event-once", test_history_holds_an_event_once);
  ADD ("watch/tells-of-others", test_watch_tells_of_others);
  ADD ("watch/follows-everything", test_watch_follows_everything);
  ADD ("watch/opening-again-tells-of-others", test_opening_again_tells_of_others);
  ADD ("open/async", test_opens_async);
  ADD ("open/cannot", test_cannot_open);
  g_test_add_func ("/queue/open/default-path", test_default_path);

  return g_test_run ();
}
