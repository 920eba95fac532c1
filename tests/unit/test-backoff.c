/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-backoff.h"
#include "lamp-boot-clock.h"
#include "lamp-test-util.h"
#include "lamp-timer-boot.h"
#include "lamp-timer-dummy.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define REAL_DELAY (100 * (gint64) 1000)

typedef struct
{
  LampTimerDummy *timer;
  GSource *source;
  guint n_calls;
  guint again; /* failures that the callback still reports */
} Fixture;

static gboolean
count_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->n_calls++;
  if (fixture->again > 0)
    {
      fixture->again--;
      lamp_backoff_fail (fixture->source);
    }

  return G_SOURCE_CONTINUE;
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->timer = lamp_timer_dummy_new ();
  fixture->source = lamp_backoff_source_new (LAMP_TIMER (fixture->timer));
  g_source_set_callback (fixture->source, count_cb, fixture, NULL);
  g_source_attach (fixture->source, NULL);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  if (fixture->source != NULL)
    g_source_destroy (fixture->source);
  g_clear_pointer (&fixture->source, g_source_unref);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
  g_assert_finalize_object (fixture->timer);
}

static void
iterate (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
assert_calls (Fixture *fixture,
              gint64   delay,
              guint    n_calls)
{
  lamp_timer_dummy_advance (fixture->timer, delay);
  iterate ();
  g_assert_cmpuint (fixture->n_calls, ==, n_calls);
}

static void
test_delay (void)
{
  static const gint64 seconds[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 };

  for (guint i = 0; i < G_N_ELEMENTS (seconds); i++)
    g_assert_cmpint (lamp_backoff_delay (i, 0), ==, seconds[i] * SECOND);

  g_assert_cmpint (lamp_backoff_delay (1000, 0), ==, 300 * SECOND);
  g_assert_cmpint (lamp_backoff_delay (G_MAXUINT, 0), ==, 300 * SECOND);
}

static void
test_jitter (void)
{
  for (guint attempt = 0; attempt < 12; attempt++)
    {
      gint64 base = lamp_backoff_delay (attempt, 0);

      g_assert_cmpint (lamp_backoff_delay (attempt, 1), ==, base + base / 10);
      for (guint i = 0; i < 100; i++)
        {
          gint64 delay = lamp_backoff_delay (attempt, g_test_rand_double ());

          g_assert_cmpint (delay, >=, base);
          g_assert_cmpint (delay, <=, base + base / 10);
        }
    }
}

static void
test_keeps_still (Fixture      *fixture,
                  gconstpointer data)
{
  assert_calls (fixture, 1000 * SECOND, 0);
  g_assert_cmpint (lamp_backoff_get_due (fixture->source), ==, -1);
  g_assert_cmpuint (lamp_backoff_get_failures (fixture->source), ==, 0);
}

static void
test_fires_once (Fixture      *fixture,
                 gconstpointer data)
{
  lamp_backoff_wait (fixture->source, 5 * SECOND);
  assert_calls (fixture, 5 * SECOND - 1, 0);
  assert_calls (fixture, 1, 1);
  g_assert_cmpint (lamp_backoff_get_due (fixture->source), ==, -1);
  assert_calls (fixture, 1000 * SECOND, 1);
  g_assert_cmpuint (lamp_backoff_get_failures (fixture->source), ==, 0);
}

static void
test_wait_replaces_wait (Fixture      *fixture,
                         gconstpointer data)
{
  lamp_backoff_wait (fixture->source, 5 * SECOND);
  lamp_backoff_wait (fixture->source, 10 * SECOND);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 1);
  assert_calls (fixture, 9 * SECOND, 0);
  lamp_backoff_wait (fixture->source, -SECOND);
  assert_calls (fixture, 0, 1);
}

static void
test_fail_waits_longer (Fixture      *fixture,
                        gconstpointer data)
{
  for (guint i = 0; i < 12; i++)
    {
      gint64 base = lamp_backoff_delay (i, 0);
      gint64 delay;

      lamp_backoff_fail (fixture->source);
      g_assert_cmpuint (lamp_backoff_get_failures (fixture->source), ==, i + 1);
      delay = lamp_timer_dummy_get_delay (fixture->timer);
      g_assert_cmpint (delay, ==,
                       lamp_backoff_get_due (fixture->source) -
                         lamp_timer_get_time (LAMP_TIMER (fixture->timer)));
      g_assert_cmpint (delay, >=, base);
      g_assert_cmpint (delay, <=, base + base / 10);
      assert_calls (fixture, base - 1, i);
      assert_calls (fixture, base / 10 + 1, i + 1);
    }
}

static void
test_fail_in_callback (Fixture      *fixture,
                       gconstpointer data)
{
  fixture->again = 2;
  lamp_backoff_fail (fixture->source);
  for (guint i = 0; i < 3; i++)
    {
      lamp_timer_dummy_next_alarm (fixture->timer);
      iterate ();
      g_assert_cmpuint (fixture->n_calls, ==, i + 1);
    }

  g_assert_cmpuint (lamp_backoff_get_failures (fixture->source), ==, 3);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
}

static void
test_reset (Fixture      *fixture,
            gconstpointer data)
{
  lamp_backoff_fail (fixture->source);
  lamp_backoff_fail (fixture->source);
  lamp_backoff_reset (fixture->source);
  g_assert_cmpuint (lamp_backoff_get_failures (fixture->source), ==, 0);
  assert_calls (fixture, 1000 * SECOND, 0);

  lamp_backoff_fail (fixture->source);
  assert_calls (fixture, SECOND + SECOND / 10, 1);
}

static void
test_stop (Fixture      *fixture,
           gconstpointer data)
{
  lamp_backoff_fail (fixture->source);
  lamp_backoff_stop (fixture->source);
  g_assert_cmpuint (lamp_backoff_get_failures (fixture->source), ==, 1);
  g_assert_cmpint (lamp_backoff_get_due (fixture->source), ==, -1);
  assert_calls (fixture, 1000 * SECOND, 0);
}

static void
test_destroyed_while_waiting (Fixture      *fixture,
                              gconstpointer data)
{
  lamp_backoff_fail (fixture->source);
  g_source_destroy (fixture->source);
  assert_calls (fixture, 1000 * SECOND, 0);

  g_clear_pointer (&fixture->source, g_source_unref);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
}

static void
test_boot_timer (void)
{
  g_autoptr (LampTimer) timer = lamp_timer_boot_new ();
  Fixture fixture = { .source = lamp_backoff_source_new (timer) };
  gint64 begin = lamp_boot_clock_get_time ();

  g_source_set_callback (fixture.source, count_cb, &fixture, NULL);
  g_source_attach (fixture.source, NULL);
  lamp_backoff_wait (fixture.source, REAL_DELAY);
  lamp_test_wait_until (fixture.n_calls > 0);
  g_assert_cmpint (lamp_boot_clock_get_time () - begin, >=, REAL_DELAY);
  iterate ();
  g_assert_cmpuint (fixture.n_calls, ==, 1);

  /* One that waits when everything ends. */
  lamp_backoff_wait (fixture.source, REAL_DELAY);
  g_source_destroy (fixture.source);
  g_source_unref (fixture.source);
}

int
main (int    argc,
      char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *fixture, gconstpointer data);
  } cases[] = {
    { "/backoff/keeps-still", test_keeps_still },
    { "/backoff/fires-once", test_fires_once },
    { "/backoff/wait-replaces-wait", test_wait_replaces_wait },
    { "/backoff/fail-waits-longer", test_fail_waits_longer },
    { "/backoff/fail-in-callback", test_fail_in_callback },
    { "/backoff/reset-forgets-failures", test_reset },
    { "/backoff/stop-keeps-failures", test_stop },
    { "/backoff/destroyed-while-waiting", test_destroyed_while_waiting },
  };

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/backoff/delay-doubles-up-to-300-seconds", test_delay);
  g_test_add_func ("/backoff/jitter-is-up-to-a-tenth", test_jitter);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add (cases[i].path, Fixture, NULL, set_up, cases[i].test, tear_down);
  g_test_add_func ("/backoff/boot-timer", test_boot_timer);

  return g_test_run ();
}
