/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-activity.h"
#include "lamp-chart.h"
#include "lamp-reason.h"
#include "lamp-report.h"
#include "lamp-words.h"

#include <string.h>

/* What the window says, without a window. */

#define NOW G_GINT64_CONSTANT (1764000000000000)

static LampSnapshot
create_snapshot (LampState state,
                 guint     pending,
                 guint     failed)
{
  LampSnapshot snapshot = { 0 };

  snapshot.state = state;
  snapshot.tally.pending = pending;
  snapshot.tally.failed = failed;

  return snapshot;
}

static void
assert_title (LampSnapshot snapshot,
              const char  *expected)
{
  g_autofree char *title = lamp_words_dup_title (&snapshot);

  g_assert_cmpstr (title, ==, expected);
}

static void
assert_body (LampSnapshot snapshot,
             const char  *expected)
{
  g_autofree char *body = lamp_words_dup_body (&snapshot, NOW);

  g_assert_cmpstr (body, ==, expected);
}

static void
test_title (void)
{
  LampSnapshot snapshot = create_snapshot (LAMP_STATE_IDLE, 0, 0);

  assert_title (snapshot, "Nothing to deliver yet");
  snapshot.tally.last_delivery = NOW;
  assert_title (snapshot, "Everything is delivered");
  assert_title (create_snapshot (LAMP_STATE_OFFLINE, 1, 5), "1 event is waiting");
  assert_title (create_snapshot (LAMP_STATE_OFFLINE, 128, 5), "128 events are waiting");
  assert_title (create_snapshot (LAMP_STATE_IDLE, 0, 2), "2 events have failed");
}

static void
test_body (void)
{
  LampSnapshot snapshot = create_snapshot (LAMP_STATE_OFFLINE, 128, 2);
  g_autofree char *moment = NULL;
  g_autofree char *since = NULL;

  snapshot.next_retry = NOW + 40 * G_TIME_SPAN_SECOND;
  assert_body (snapshot,
               "Offline. What waits is safe here. 2 events have failed. Next try in 40 s.");

  /* What is past isn't counted down. */
  snapshot.next_retry = NOW;
  snapshot.tally.failed = 0;
  assert_body (snapshot, "Offline. What waits is safe here.");

  snapshot.offline_since = NOW - 2 * G_TIME_SPAN_DAY;
  moment = lamp_words_dup_moment (snapshot.offline_since, NOW);
  since = g_strdup_printf ("Offline since %s. What waits is safe here.", moment);
  assert_body (snapshot, since);
  snapshot.offline_since = 0;

  snapshot.stalled = TRUE;
  snapshot.tally.oldest_pending = NOW - 3 * G_TIME_SPAN_DAY;
  assert_body (snapshot, "Offline. What waits is safe here, the oldest event for 3 days.");

  assert_body (create_snapshot (LAMP_STATE_REPLAYING, 5, 0), "Sending.");
  assert_body (create_snapshot (LAMP_STATE_IDLE, 0, 0), "Online.");
}

/* Each state has a sentence. */
static void
test_states (void)
{
  for (guint state = 0; state < LAMP_N_STATES; state++)
    {
      LampSnapshot snapshot = create_snapshot (state, 0, 0);
      g_autofree char *body = lamp_words_dup_body (&snapshot, NOW);

      g_assert_true (g_str_has_suffix (body, "."));
    }
}

static void
assert_count (guint64     count,
              const char *expected)
{
  g_autofree char *words = lamp_words_dup_count (count);

  g_assert_cmpstr (words, ==, expected);
}

static void
test_count (void)
{
  assert_count (0, "0");
  assert_count (9999, "9999");
  assert_count (10000, "10k");
  assert_count (999999, "999k");
  assert_count (1000000, "1.0M");
  assert_count (1250000, "1.2M");
}

static void
test_moment (void)
{
  g_autofree char *never = lamp_words_dup_moment (0, NOW);
  g_autofree char *today = lamp_words_dup_moment (NOW, NOW);
  g_autofree char *this_year = lamp_words_dup_moment (NOW - 3 * G_TIME_SPAN_DAY, NOW);
  g_autofree char *long_ago = lamp_words_dup_moment (NOW - 800 * G_TIME_SPAN_DAY, NOW);

  g_assert_cmpstr (never, ==, "");
  g_assert_cmpstr (today, ==, "16:00");
  g_assert_cmpstr (this_year, ==, "21 Nov 16:00");
  g_assert_cmpstr (long_ago, ==, "16 Sep 2023");
}

static void
test_reason (void)
{
  static const char *const codes[] = { "rejected", "oversized", "undeliverable", "corrupt",
                                       "invalid_event" };

  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_assert_cmpstr (lamp_reason_for_code (codes[i]).title, !=, "");
      g_assert_cmpstr (lamp_reason_for_code (codes[i]).advice, !=, "");
      if (i > 0)
        g_assert_cmpstr (lamp_reason_for_code (codes[i]).title, !=,
                         lamp_reason_for_code (codes[0]).title);
    }

  /* A server has codes of its own. */
  g_assert_cmpstr (lamp_reason_for_code ("E_1234").title, ==,
                   lamp_reason_for_code ("rejected").title);
}

static void
test_scale (void)
{
  g_assert_cmpuint (lamp_chart_get_scale (0), ==, 4);
  g_assert_cmpuint (lamp_chart_get_scale (5), ==, 6);
  g_assert_cmpuint (lamp_chart_get_scale (7), ==, 10);
  g_assert_cmpuint (lamp_chart_get_scale (128), ==, 200);
  g_assert_cmpuint (lamp_chart_get_scale (201), ==, 400);
  g_assert_cmpuint (lamp_chart_get_scale (1000000), ==, 1000000);
  g_assert_cmpuint (lamp_chart_get_scale (G_MAXUINT), ==, G_MAXUINT);
}

static void
test_summary (void)
{
  g_autoptr (GVariant) points = g_variant_ref_sink (
    g_variant_new_parsed ("@a(xuuu) [(0, 7, 0, 0), (60, 12, 3, 0), (120, 2, 10, 1)]"));
  g_autofree char *hour = lamp_activity_dup_summary (points, FALSE);
  g_autofree char *day = lamp_activity_dup_summary (points, TRUE);

  g_assert_cmpstr (hour, ==,
                   "In the last hour: 13 delivered, at most 12 waiting. "
                   "Now: 2 waiting, 1 failed.");
  g_assert_true (g_str_has_prefix (day, "In the last day: 13 "));
}

static void
test_report (void)
{
  g_autoptr (GString) report = g_string_new (NULL);
  g_autoptr (GVariant) row = g_variant_ref_sink (g_variant_new_parsed (
    "{'event_id': <'01ABC'>, 'event_type': <'CommentPosted'>, 'mission_id': <'m1'>, "
    "'error_code': <'oversized'>, 'error_message': <'300 KiB'>, 'retry_count': <uint32 2>}"));

  lamp_report_append_event (report, row);
  g_assert_nonnull (strstr (report->str, "01ABC  CommentPosted\n"));
  g_assert_nonnull (strstr (report->str, "Mission: m1\n"));
  g_assert_nonnull (strstr (report->str, "It is too large (oversized)\n"));
  g_assert_nonnull (strstr (report->str, "300 KiB\n"));
  g_assert_nonnull (strstr (report->str, "refusals: 2\n"));
}

int
main (int    argc,
      char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/words/title-tells-whether-all-is-delivered", test_title);
  g_test_add_func ("/words/body-tells-why-not", test_body);
  g_test_add_func ("/words/each-state-has-a-sentence", test_states);
  g_test_add_func ("/words/counts-are-short", test_count);
  g_test_add_func ("/words/times-are-short", test_moment);
  g_test_add_func ("/words/each-code-has-a-reason", test_reason);
  g_test_add_func ("/chart/scale-is-round", test_scale);
  g_test_add_func ("/chart/summary-says-the-same", test_summary);
  g_test_add_func ("/report/names-what-happened", test_report);

  return g_test_run ();
}
