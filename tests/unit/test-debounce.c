/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-debounce.h"
#include "lamp-test-util.h"
#include "lamp-timer-dummy.h"

#define MILLISECOND ((gint64) 1000)

typedef struct
{
  LampTimerDummy *timer;
  LampDebounce *debounce;
  GString *shown; /* "idle:3 " a snapshot */
} Fixture;

static void
snapshot_cb (Fixture      *fixture,
             LampSnapshot *snapshot)
{
  g_assert_true (snapshot == lamp_debounce_get (fixture->debounce));
  g_string_append_printf (fixture->shown, "%s:%" G_GUINT64_FORMAT " ",
                          lamp_state_to_string (snapshot->state), snapshot->tally.pending);
}

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  fixture->timer = lamp_timer_dummy_new ();
  fixture->debounce = lamp_debounce_new (LAMP_TIMER (fixture->timer));
  fixture->shown = g_string_new (NULL);
  g_signal_connect_swapped (fixture->debounce, "snapshot", G_CALLBACK (snapshot_cb), fixture);
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  g_assert_finalize_object (fixture->debounce);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
  g_assert_finalize_object (fixture->timer);
  g_string_free (fixture->shown, TRUE);
}

/* Whoever needs more of it than state and number changes it before it is pushed. */
static LampSnapshot *
snapshot_new (LampState state,
              guint64   pending)
{
  LampSnapshot *snapshot = g_rc_box_new0 (LampSnapshot);

  snapshot->state = state;
  snapshot->tally.pending = pending;
  snapshot->node_id = g_strdup ("node");
  snapshot->server_url = g_strdup ("");
  snapshot->queue_path = g_strdup ("queue.db");
  snapshot->last_error = g_strdup ("");
  snapshot->tray_status = g_strdup ("");

  return snapshot;
}

static void
push (Fixture  *fixture,
      LampState state,
      guint64   pending)
{
  g_autoptr (LampSnapshot) snapshot = snapshot_new (state, pending);

  lamp_debounce_push (fixture->debounce, snapshot);
}

static void
wait_for (Fixture *fixture,
          guint    milliseconds)
{
  lamp_timer_dummy_advance (fixture->timer, milliseconds * MILLISECOND);
}

static void
assert_shown (Fixture    *fixture,
              const char *shown)
{
  g_assert_cmpstr (fixture->shown->str, ==, shown);
}

static void
assert_at_rest (Fixture *fixture)
{
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
}

static void
test_debounce_shows_the_first_at_once (Fixture      *fixture,
                                       gconstpointer data)
{
  g_assert_null (lamp_debounce_get (fixture->debounce));
  push (fixture, LAMP_STATE_OFFLINE, 3);
  assert_shown (fixture, "offline:3 ");
  assert_at_rest (fixture);
}

static void
test_debounce_shows_a_state_that_lasts (Fixture      *fixture,
                                        gconstpointer data)
{
  push (fixture, LAMP_STATE_IDLE, 0);
  wait_for (fixture, 10000);
  push (fixture, LAMP_STATE_OFFLINE, 0);
  wait_for (fixture, 499);
  assert_shown (fixture, "idle:0 ");
  wait_for (fixture, 1);
  assert_shown (fixture, "idle:0 offline:0 ");
  assert_at_rest (fixture);
}

static void
test_debounce_swallows_a_flap (Fixture      *fixture,
                               gconstpointer data)
{
  push (fixture, LAMP_STATE_IDLE, 0);
  wait_for (fixture, 10000);
  push (fixture, LAMP_STATE_REPLAYING, 0);
  wait_for (fixture, 499);
  push (fixture, LAMP_STATE_IDLE, 0);
  assert_at_rest (fixture);
  wait_for (fixture, 10000);
  assert_shown (fixture, "idle:0 ");
}

/* The half second begins anew with each picture, and the number goes with it. */
static void
test_debounce_waits_for_the_last_state (Fixture      *fixture,
                                        gconstpointer data)
{
  push (fixture, LAMP_STATE_IDLE, 0);
  push (fixture, LAMP_STATE_REPLAYING, 7);
  wait_for (fixture, 400);
  push (fixture, LAMP_STATE_OFFLINE, 8);
  wait_for (fixture, 400);
  push (fixture, LAMP_STATE_OFFLINE, 9);
  assert_shown (fixture, "idle:0 ");
  wait_for (fixture, 99);
  assert_shown (fixture, "idle:0 ");
  wait_for (fixture, 1);
  assert_shown (fixture, "idle:0 offline:9 ");
  assert_at_rest (fixture);
}

static void
test_debounce_shows_numbers_at_once (Fixture      *fixture,
                                     gconstpointer data)
{
  push (fixture, LAMP_STATE_OFFLINE, 1);
  wait_for (fixture, 250);
  push (fixture, LAMP_STATE_OFFLINE, 2);
  assert_shown (fixture, "offline:1 offline:2 ");
  assert_at_rest (fixture);
}

static void
test_debounce_shows_few_numbers (Fixture      *fixture,
                                 gconstpointer data)
{
  for (guint i = 1; i <= 100; i++)
    {
      push (fixture, LAMP_STATE_OFFLINE, i);
      wait_for (fixture, 10);
    }

  assert_shown (fixture, "offline:1 offline:25 offline:50 offline:75 offline:100 ");
  assert_at_rest (fixture);
}

static void
test_debounce_shows_the_last_number (Fixture      *fixture,
                                     gconstpointer data)
{
  push (fixture, LAMP_STATE_OFFLINE, 1);
  push (fixture, LAMP_STATE_OFFLINE, 2);
  push (fixture, LAMP_STATE_OFFLINE, 3);
  assert_shown (fixture, "offline:1 ");
  wait_for (fixture, 250);
  assert_shown (fixture, "offline:1 offline:3 ");
  assert_at_rest (fixture);
}

/* A number that comes back within the interval is no change. */
static void
test_debounce_knows_the_same_again (Fixture      *fixture,
                                    gconstpointer data)
{
  push (fixture, LAMP_STATE_OFFLINE, 1);
  push (fixture, LAMP_STATE_OFFLINE, 2);
  push (fixture, LAMP_STATE_OFFLINE, 1);
  push (fixture, LAMP_STATE_OFFLINE, 1);
  assert_at_rest (fixture);
  wait_for (fixture, 10000);
  assert_shown (fixture, "offline:1 ");
}

/* An emit every 100 ms, each sent at once: the eye sees the steady state and its numbers. */
static void
test_debounce_is_calm_under_a_stream (Fixture      *fixture,
                                      gconstpointer data)
{
  push (fixture, LAMP_STATE_IDLE, 0);
  for (guint i = 1; i <= 20; i++)
    {
      push (fixture, LAMP_STATE_REPLAYING, i);
      wait_for (fixture, 50);
      push (fixture, LAMP_STATE_IDLE, i);
      wait_for (fixture, 50);
    }

  g_assert_null (strstr (fixture->shown->str, "replaying"));
  g_assert_nonnull (strstr (fixture->shown->str, "idle:20 "));
}

/* The state that is shown is over, and no other one keeps still. */
static void
test_debounce_shows_no_old_state_for_long (Fixture      *fixture,
                                           gconstpointer data)
{
  push (fixture, LAMP_STATE_OFFLINE, 0);
  for (guint i = 1; i <= 20; i++)
    {
      push (fixture, LAMP_STATE_REPLAYING, i);
      wait_for (fixture, 50);
      push (fixture, LAMP_STATE_IDLE, i);
      wait_for (fixture, 50);
    }

  g_assert_true (g_str_has_prefix (fixture->shown->str, "offline:0 idle:20 ") ||
                 g_str_has_prefix (fixture->shown->str, "offline:0 replaying:20 "));
}

/* The same state, but its lamp calls. */
static void
test_debounce_holds_attention_and_pause (Fixture      *fixture,
                                         gconstpointer data)
{
  g_autoptr (LampSnapshot) failed = snapshot_new (LAMP_STATE_IDLE, 1);
  g_autoptr (LampSnapshot) stalled = snapshot_new (LAMP_STATE_OFFLINE, 2);
  g_autoptr (LampSnapshot) paused = snapshot_new (LAMP_STATE_UNCONFIGURED, 3);

  failed->tally.failed = 1;
  stalled->stalled = TRUE;
  paused->paused = TRUE;
  push (fixture, LAMP_STATE_IDLE, 0);
  wait_for (fixture, 10000);
  lamp_debounce_push (fixture->debounce, failed);
  wait_for (fixture, 499);
  assert_shown (fixture, "idle:0 ");
  wait_for (fixture, 1);
  assert_shown (fixture, "idle:0 idle:1 ");

  lamp_debounce_push (fixture->debounce, stalled);
  wait_for (fixture, 500);
  assert_shown (fixture, "idle:0 idle:1 offline:2 ");

  push (fixture, LAMP_STATE_UNCONFIGURED, 2);
  wait_for (fixture, 500);
  lamp_debounce_push (fixture->debounce, paused);
  wait_for (fixture, 499);
  assert_shown (fixture, "idle:0 idle:1 offline:2 unconfigured:2 ");
  wait_for (fixture, 1);
  assert_shown (fixture, "idle:0 idle:1 offline:2 unconfigured:2 unconfigured:3 ");
  assert_at_rest (fixture);
}

static void
test_debounce_ends_with_something_to_show (Fixture      *fixture,
                                           gconstpointer data)
{
  push (fixture, LAMP_STATE_IDLE, 0);
  push (fixture, LAMP_STATE_OFFLINE, 0);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 1);
}

#define ADD(path, func)                                                                            \
  g_test_add ("/debounce/" path, Fixture, NULL, setup, test_debounce_##func, teardown)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("shows-the-first-at-once", shows_the_first_at_once);
  ADD ("shows-a-state-that-lasts", shows_a_state_that_lasts);
  ADD ("swallows-a-flap", swallows_a_flap);
  ADD ("waits-for-the-last-state", waits_for_the_last_state);
  ADD ("shows-numbers-at-once", shows_numbers_at_once);
  ADD ("shows-few-numbers", shows_few_numbers);
  ADD ("shows-the-last-number", shows_the_last_number);
  ADD ("knows-the-same-again", knows_the_same_again);
  ADD ("is-calm-under-a-stream", is_calm_under_a_stream);
  ADD ("shows-no-old-state-for-long", shows_no_old_state_for_long);
  ADD ("holds-attention-and-pause", holds_attention_and_pause);
  ADD ("ends-with-something-to-show", ends_with_something_to_show);

  return g_test_run ();
}
