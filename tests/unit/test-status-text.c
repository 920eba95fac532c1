/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-status-text.h"

/* 2026-03-04 12:00:00 UTC, which is the zone of these tests. */
#define NOW (G_GINT64_CONSTANT (1772625600) * G_TIME_SPAN_SECOND)

static void
assert_text (char       *text,
             const char *expected)
{
  g_assert_cmpstr (text, ==, expected);
  g_free (text);
}

static void
assert_summary (LampSnapshot snapshot,
                const char  *expected)
{
  assert_text (lamp_status_text_dup_summary (&snapshot, NOW), expected);
}

static void
test_summary (void)
{
  gint64 soon = NOW + 40 * G_TIME_SPAN_SECOND;

  assert_summary ((LampSnapshot){ .state = LAMP_STATE_IDLE }, "Online, everything is delivered");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_IDLE, .tally.failed = 1 },
                  "Online, 1 failed");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_IDLE, .tally.pending = 1 },
                  "Online, 1 waiting");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_OFFLINE }, "Offline");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_OFFLINE,
                                  .tally.pending = 12,
                                  .next_retry = soon },
                  "Offline, 12 waiting, next try in 40 s");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_WAITING,
                                  .tally.pending = 12,
                                  .tally.failed = 2,
                                  .next_retry = NOW },
                  "Online, 12 waiting, 2 failed");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_REPLAYING,
                                  .tally.pending = 28,
                                  .replay_done = 12,
                                  .replay_total = 40 },
                  "Sending, 28 waiting, 12 of 40");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_PAUSED, .tally.pending = 3 },
                  "Paused, 3 waiting");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_UNCONFIGURED }, "No server is set");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_UNAUTHORIZED }, "Sign-in needed");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_MISCONFIGURED },
                  "The server doesn’t take events");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_UNCONFIGURED, .server_url = (char *) "x" },
                  "The server’s address can’t be used");
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_THROTTLED,
                                  .tally.pending = 1,
                                  .next_retry = NOW + G_TIME_SPAN_HOUR },
                  "The server asks to wait, 1 waiting, next try in 1 h");
}

static void
test_summary_tells_what_is_stalled (void)
{
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_OFFLINE,
                                  .stalled = TRUE,
                                  .tally.pending = 12,
                                  .tally.oldest_pending = NOW - 3 * G_TIME_SPAN_DAY },
                  "Offline, 12 waiting, the oldest for 3 days");

  /* A clock that was set back. */
  assert_summary ((LampSnapshot){ .state = LAMP_STATE_OFFLINE,
                                  .stalled = TRUE,
                                  .tally.pending = 12,
                                  .tally.oldest_pending = NOW + G_TIME_SPAN_DAY },
                  "Offline, 12 waiting, the oldest for 0 s");
}

static void
test_title (void)
{
  LampSnapshot snapshot = { .state = LAMP_STATE_OFFLINE, .tally.pending = 12 };

  assert_text (lamp_status_text_dup_title (&snapshot), "Lamppost: offline");
  assert_text (lamp_status_text_dup_accessible (&snapshot), "Lamppost: offline, 12 waiting");
  assert_text (lamp_status_text_dup_background (&snapshot), "12 waiting, offline");

  snapshot.stalled = TRUE;
  assert_text (lamp_status_text_dup_title (&snapshot),
               "Lamppost: offline, events have waited too long");

  snapshot.tally.failed = 1;
  assert_text (lamp_status_text_dup_title (&snapshot), "Lamppost: offline, 1 failed");
  assert_text (lamp_status_text_dup_accessible (&snapshot),
               "Lamppost: offline, 12 waiting, 1 failed");
  assert_text (lamp_status_text_dup_background (&snapshot), "12 waiting, 1 failed, offline");
}

static void
assert_details (LampSnapshot snapshot,
                const char  *expected)
{
  assert_text (lamp_status_text_dup_details (&snapshot, NOW), expected);
}

static void
test_details (void)
{
  assert_details ((LampSnapshot){ .state = LAMP_STATE_IDLE },
                  "Nothing waits\nNothing was delivered yet");
  assert_details ((LampSnapshot){ .tally.pending = 1,
                                  .tally.failed = 2,
                                  .tally.last_delivery = NOW - G_TIME_SPAN_HOUR,
                                  .next_retry = NOW + 40 * G_TIME_SPAN_SECOND },
                  "1 waiting, 2 failed\nLast delivery: 11:00\nNext try: 12:00:40");
  assert_details ((LampSnapshot){ .tally.last_delivery = NOW - 13 * G_TIME_SPAN_HOUR,
                                  .next_retry = NOW + 12 * G_TIME_SPAN_HOUR },
                  "Nothing waits\nLast delivery: 2026-03-03 23:00\n"
                  "Next try: 2026-03-05 00:00:00");

  /* No year has that many digits. */
  assert_details ((LampSnapshot){ .tally.last_delivery = G_MAXINT64 },
                  "Nothing waits\nLast delivery: ?");
}

static void
test_count (void)
{
  assert_text (lamp_status_text_dup_count (0), "");
  assert_text (lamp_status_text_dup_count (1), "1");
  assert_text (lamp_status_text_dup_count (99), "99");
  assert_text (lamp_status_text_dup_count (100), "99+");
  assert_text (lamp_status_text_dup_count (G_MAXUINT64), "99+");
}

static void
test_duration (void)
{
  assert_text (lamp_status_text_dup_duration (0), "0 s");
  assert_text (lamp_status_text_dup_duration (G_TIME_SPAN_MINUTE - 1), "59 s");
  assert_text (lamp_status_text_dup_duration (G_TIME_SPAN_MINUTE), "1 min");
  assert_text (lamp_status_text_dup_duration (G_TIME_SPAN_HOUR), "1 h");
  assert_text (lamp_status_text_dup_duration (2 * G_TIME_SPAN_DAY - 1), "47 h");
  assert_text (lamp_status_text_dup_duration (2 * G_TIME_SPAN_DAY), "2 days");
}

/* Section 11 of the specification. */
static void
test_icon (void)
{
  static const char *const icons[LAMP_N_STATES] = {
    [LAMP_STATE_UNCONFIGURED] = "offline",
    [LAMP_STATE_PAUSED] = "paused",
    [LAMP_STATE_UNAUTHORIZED] = "attention",
    [LAMP_STATE_MISCONFIGURED] = "attention",
    [LAMP_STATE_THROTTLED] = "offline",
    [LAMP_STATE_REPLAYING] = "sending",
    [LAMP_STATE_OFFLINE] = "offline",
    [LAMP_STATE_WAITING] = "offline",
    [LAMP_STATE_IDLE] = "online",
  };

  for (guint i = 0; i < LAMP_N_STATES; i++)
    {
      LampSnapshot good = { .state = i };
      LampSnapshot failed = { .state = i, .tally.failed = 1 };
      LampSnapshot stalled = { .state = i, .stalled = TRUE };

      g_assert_cmpstr (lamp_status_text_get_icon (&good), ==, icons[i]);
      g_assert_cmpstr (lamp_status_text_get_icon (&failed), ==, "attention");
      g_assert_cmpstr (lamp_status_text_get_icon (&stalled), ==, "attention");
    }
}

static GVariant *
properties_new (const char *state,
                gint64      oldest_pending)
{
  g_auto (GVariantDict) properties = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&properties, "State", "s", state);
  g_variant_dict_insert (&properties, "Pending", "t", (guint64) 12);
  g_variant_dict_insert (&properties, "Failed", "t", (guint64) 2);
  g_variant_dict_insert (&properties, "OldestPending", "x", oldest_pending);
  g_variant_dict_insert (&properties, "NextRetry", "x", (gint64) NOW + G_TIME_SPAN_SECOND);
  g_variant_dict_insert (&properties, "ServerUrl", "s", "https://example.org");

  /* Another type than it should be: as if it were not there. */
  g_variant_dict_insert (&properties, "Online", "s", "yes");

  return g_variant_ref_sink (g_variant_dict_end (&properties));
}

static void
test_properties (void)
{
  g_autoptr (GVariant) known = properties_new ("offline", NOW - 2);
  g_autoptr (GVariant) unknown = properties_new ("", 0);
  g_autoptr (LampSnapshot) snapshot = lamp_snapshot_new_from_properties (known, 1, NOW);

  g_assert_null (lamp_snapshot_new_from_properties (unknown, 1, NOW));
  g_assert_nonnull (snapshot);
  g_assert_cmpint (snapshot->state, ==, LAMP_STATE_OFFLINE);
  g_assert_cmpuint (snapshot->tally.pending, ==, 12);
  g_assert_cmpuint (snapshot->tally.failed, ==, 2);
  g_assert_true (snapshot->stalled);
  g_assert_false (snapshot->online);
  g_assert_cmpstr (snapshot->server_url, ==, "https://example.org");
  g_assert_cmpstr (snapshot->last_error, ==, "");
  assert_summary (*snapshot, "Offline, 12 waiting, the oldest for 0 s, 2 failed, next try in 1 s");
}

int
main (int    argc,
      char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/status-text/summary", test_summary);
  g_test_add_func ("/status-text/summary-tells-what-is-stalled",
                   test_summary_tells_what_is_stalled);
  g_test_add_func ("/status-text/title", test_title);
  g_test_add_func ("/status-text/details", test_details);
  g_test_add_func ("/status-text/count", test_count);
  g_test_add_func ("/status-text/duration", test_duration);
  g_test_add_func ("/status-text/icon", test_icon);
  g_test_add_func ("/status-text/properties", test_properties);

  return g_test_run ();
}
