/* SPDX-License-Identifier: GPL-3.0-or-later */

#define _GNU_SOURCE /* posix_openpt() */

#include "config.h"

#include "lamp-agent-run.h"
#include "lamp-test-util.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A person at the wheel: replay and wait, pause, resend, discard, replace the agent. */

#define UNKNOWN "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static void
set_up (LampAgentRun **run,
        gconstpointer  data)
{
  *run = lamp_agent_run_new ();
  lamp_agent_run_start (*run);
}

static void
tear_down (LampAgentRun **run,
           gconstpointer  data)
{
  lamp_agent_run_free (*run);
}

static void
assert_cli (LampAgentRun *run,
            const char   *line,
            int           code,
            const char   *output)
{
  g_autofree char *printed = NULL;
  int ended = lamp_agent_run_cli (run, NULL, line, &printed);

  g_assert_cmpstr (printed, ==, output);
  g_assert_cmpint (ended, ==, code);
}

static guint
count_signals (LampAgentRun *run,
               const char   *name)
{
  g_auto (GStrv) lines = g_strsplit (run->signals->str, "\n", -1);
  guint count = 0;

  for (gsize i = 0; lines[i] != NULL; i++)
    count += g_str_has_prefix (lines[i], name) ? 1 : 0;

  return count;
}

/* Returns the id of an event that the server has refused. */
static char *
fail_event (LampAgentRun *run)
{
  guint64 failed = lamp_agent_run_get_count (run, "Failed");
  char *id;

  lamp_agent_run_set_paused (run, TRUE);
  id = lamp_agent_run_emit (run);
  lamp_fake_server_reject_id (run->server, id, "nope", "Not like this");
  lamp_agent_run_set_paused (run, FALSE);
  lamp_test_wait_until (lamp_agent_run_get_count (run, "Failed") == failed + 1);

  return id;
}

/* --- resend and discard ------------------------------------------------- */

/* Of those that are named, only failed ones count, each once. */
static void
test_mixed_ids (LampAgentRun **fixture,
                gconstpointer  data)
{
  LampAgentRun *run = *fixture;
  g_autofree char *first = fail_event (run);
  g_autofree char *second = fail_event (run);
  g_autofree char *pending = NULL;
  g_autofree char *resend = NULL;
  g_autofree char *discard = NULL;
  g_autofree char *not_failed = NULL;

  lamp_agent_run_set_paused (run, TRUE);
  pending = lamp_agent_run_emit (run);
  discard = g_strdup_printf ("discard %s %s %s %s nonsense", UNKNOWN, first, pending, first);
  assert_cli (run, discard, 0, "1 event was discarded.\n");
  not_failed = g_strdup_printf (
    "0 events were discarded.\n"
    "lamppost: There is no event %s\n"
    "lamppost: There is no event %s\n"
    "lamppost: The event %s hasn’t failed\n"
    "lamppost: There is no event %s\n"
    "lamppost: There is no event nonsense\n",
    UNKNOWN, first, pending, first);
  assert_cli (run, discard, 1, not_failed);
  g_assert_cmpuint (lamp_agent_run_get_count (run, "Failed"), ==, 1);
  g_assert_cmpuint (lamp_agent_run_get_count (run, "Pending"), ==, 1);

  resend = g_strdup_printf ("resend %s %s %s %s nonsense", pending, second, UNKNOWN, second);
  assert_cli (run, resend, 0, "1 event is pending again.\n");
  assert_cli (run, "resend " UNKNOWN, 1,
              "0 events are pending again.\nlamppost: There is no event " UNKNOWN "\n");
  g_assert_cmpuint (lamp_agent_run_get_count (run, "Failed"), ==, 0);
  g_assert_cmpuint (lamp_agent_run_get_count (run, "Pending"), ==, 2);
  assert_cli (run, "resend --all", 0, "0 events are pending again.\n");
}

static void
test_resend_delivers (LampAgentRun **fixture,
                      gconstpointer  data)
{
  LampAgentRun *run = *fixture;

  g_free (fail_event (run));
  g_free (fail_event (run));
  lamp_fake_server_push_results (run->server, "success");
  assert_cli (run, "resend --all", 0, "2 events are pending again.\n");
  lamp_test_wait_until (lamp_agent_run_get_count (run, "Delivered") == 2);
  g_assert_cmpuint (lamp_agent_run_get_count (run, "Failed"), ==, 0);
}

/* --- replay ------------------------------------------------------------- */

static void
emit_paused (LampAgentRun *run,
             guint         count)
{
  lamp_agent_run_set_paused (run, TRUE);
  for (guint i = 0; i < count; i++)
    g_free (lamp_agent_run_emit (run));
}

/* However often a person asks while it runs. */
static void
test_pass_ends_once (LampAgentRun **fixture,
                     gconstpointer  data)
{
  LampAgentRun *run = *fixture;

  /* Whatever ran at the start has ended before. */
  lamp_agent_run_call (run, "ReplayNow", NULL);
  lamp_test_wait_until (count_signals (run, "ReplayFinished") > 0);
  lamp_test_wait_until (lamp_agent_run_is_state (run, "idle"));
  g_string_truncate (run->signals, 0);

  lamp_fake_server_set_delay (run->server, 300);
  g_free (lamp_agent_run_emit (run));
  g_assert_true (lamp_fake_server_wait_batches (run->server, 1));
  for (guint i = 0; i < 3; i++)
    lamp_agent_run_call (run, "ReplayNow", NULL);
  lamp_test_wait_until (lamp_agent_run_is_state (run, "idle"));

  /* What comes behind the next pass' end has seen all of this one's. */
  lamp_agent_run_call (run, "ReplayNow", NULL);
  lamp_test_wait_until (strstr (run->signals->str, "ReplayFinished (uint32 0, ") != NULL ||
                        strstr (run->signals->str, "ReplayFinished (0, ") != NULL);
  g_assert_cmpuint (count_signals (run, "ReplayFinished"), ==, 2);
  g_assert_cmpuint (count_signals (run, "EventsDelivered"), ==, 1);
}

static void
test_wait_tells_what_is_left (LampAgentRun **fixture,
                              gconstpointer  data)
{
  LampAgentRun *run = *fixture;
  g_autofree char *printed = NULL;

  emit_paused (run, 3);
  assert_cli (run, "replay --wait", 1,
              "lamppost: Replay is paused; “lamppost unpause” lets it go on\n");

  lamp_fake_server_stop (run->server);
  assert_cli (run, "unpause", 0, "Replay goes on.\n");
  g_assert_cmpint (lamp_agent_run_cli (run, NULL, "replay --wait", &printed), ==, 1);
  g_assert_nonnull (strstr (printed, "0 events were delivered.\n3 are still waiting.\n"));
  g_assert_nonnull (strstr (printed, "lamppost: "));

  lamp_fake_server_start (run->server);
  g_clear_pointer (&printed, g_free);
  g_assert_cmpint (lamp_agent_run_cli (run, NULL, "replay --wait", &printed), ==, 0);
  g_assert_null (strchr (printed, '\033'));
  g_assert_cmpuint (lamp_agent_run_get_count (run, "Delivered"), ==, 3);
}

static int
open_terminal (int *other_end)
{
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);

  g_assert_cmpint (grantpt (terminal) | unlockpt (terminal), ==, 0);
  *other_end = open (ptsname (terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (*other_end, >=, 0);
  g_assert_cmpint (fcntl (terminal, F_SETFL, O_NONBLOCK), ==, 0);

  return terminal;
}

/* A terminal hands out no more than it likes to at once; at its end there is an error. */
static char *
read_terminal (int terminal)
{
  GString *shown = g_string_new (NULL);
  char part[1024];
  gssize length;

  while ((length = read (terminal, part, sizeof part)) > 0)
    g_string_append_len (shown, part, length);

  return g_string_free (shown, FALSE);
}

static void
test_bar_at_terminal (LampAgentRun **fixture,
                      gconstpointer  data)
{
  LampAgentRun *run = *fixture;
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  int other_end;
  int terminal = open_terminal (&other_end);
  g_autofree char *shown = NULL;

  /* Three batches, slow enough for each to be seen. */
  emit_paused (run, 250);
  lamp_fake_server_set_delay (run->server, 600);
  launcher = lamp_agent_run_launcher (run, G_SUBPROCESS_FLAGS_NONE);
  g_subprocess_launcher_take_stdout_fd (launcher, dup (other_end));
  g_subprocess_launcher_setenv (launcher, "TERM", "xterm", TRUE);
  lamp_agent_run_set_paused (run, FALSE);
  process = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_CLI"), "replay",
                                         "--wait", NULL);
  g_assert_no_error (error);
  g_assert_cmpint (lamp_agent_run_wait (process), ==, 0);
  close (other_end);
  g_clear_object (&launcher);
  shown = read_terminal (terminal);
  g_assert_nonnull (strstr (shown, "] 100/250"));
  g_assert_nonnull (strstr (shown, "] 200/250"));
  g_assert_nonnull (strstr (shown, "250 events were delivered."));
  close (terminal);
}

/* --- pause -------------------------------------------------------------- */

/* Whatever the setting says: a pause may have another reason than that. */
static void
test_unpause_is_always_sent (LampAgentRun **fixture,
                             gconstpointer  data)
{
  LampAgentRun *run = *fixture;

  assert_cli (run, "unpause", 0, "Replay goes on.\n");
  assert_cli (run, "unpause", 0, "Replay goes on.\n");
  g_free (lamp_agent_run_emit (run));
  lamp_test_wait_until (lamp_agent_run_get_count (run, "Delivered") == 1);
  assert_cli (run, "pause", 0, "Replay is paused. Events are stored all the same.\n");
  g_free (lamp_agent_run_emit (run));
  g_assert_true (lamp_agent_run_is_state (run, "paused"));
  assert_cli (run, "unpause", 0, "Replay goes on.\n");
  lamp_test_wait_until (lamp_agent_run_get_count (run, "Delivered") == 2);
}

/* --- doctor ------------------------------------------------------------- */

static void
assert_doctor (LampAgentRun *run,
               const char   *finding)
{
  g_autofree char *printed = NULL;

  lamp_agent_run_cli (run, NULL, "doctor", &printed);
  if (strstr (printed, finding) == NULL)
    g_error ("“%s” is not in “%s”", finding, printed);
}

static void
test_doctor (LampAgentRun **fixture,
             gconstpointer  data)
{
  LampAgentRun *run = *fixture;

  lamp_test_wait_until (lamp_agent_run_is_state (run, "idle"));
  assert_doctor (run, "✓ The server answers: http://127.0.0.1:");
  assert_doctor (run, "✓ No event waits.");

  lamp_fake_server_push_throttled (run->server, 429, "60");
  g_free (lamp_agent_run_emit (run));
  lamp_test_wait_until (lamp_agent_run_is_state (run, "throttled"));
  assert_doctor (run, "! The server asks to wait.\n  → ");
  assert_doctor (run, "✓ The oldest event has waited for ");

  lamp_fake_server_set_token (run->server, "another");
  lamp_agent_run_call (run, "ReplayNow", NULL);
  lamp_test_wait_until (lamp_agent_run_is_state (run, "unauthorized"));
  assert_doctor (run, "✗ The server doesn’t take the token.\n  → Run “lamppost login”");

  lamp_agent_run_age_pending (run, 48);
  lamp_agent_run_call (run, "ReplayNow", NULL);
  assert_doctor (run, "✗ The oldest event has waited for ");

  lamp_fake_server_set_token (run->server, NULL);
  lamp_fake_server_push_status (run->server, 426, "{}");
  lamp_agent_run_call (run, "ReplayNow", NULL);
  lamp_test_wait_until (lamp_agent_run_is_state (run, "misconfigured"));
  assert_doctor (run, "✗ What answers at the server’s address doesn’t take what is sent.\n  → ");
}

/* None at all, and one that is of no use, are two things. */
static void
test_doctor_without_server (LampAgentRun **fixture,
                            gconstpointer  data)
{
  LampAgentRun *run = *fixture;
  g_autofree char *doctor = NULL;
  g_autofree char *status = NULL;
  g_autofree char *replay = NULL;

  lamp_agent_run_end (run);
  lamp_agent_run_setenv (run, "SAAS_API_URL", NULL);
  lamp_agent_run_start (run);
  assert_doctor (run, "✗ No server is set.\n  → ");
  lamp_agent_run_cli (run, NULL, "doctor", &doctor);
  g_assert_null (strstr (doctor, "no problem"));

  lamp_agent_run_end (run);
  lamp_agent_run_setenv (run, "SAAS_API_URL", "ftp://example.org");
  lamp_agent_run_start (run);
  assert_doctor (run, "✗ The server’s address can’t be used.\n  → ");
  g_assert_cmpint (lamp_agent_run_cli (run, NULL, "replay", &replay), ==, 1);
  g_assert_nonnull (strstr (replay, "must begin with https://"));
  lamp_agent_run_cli (run, NULL, "status", &status);
  g_assert_nonnull (strstr (status, "The server’s address can’t be used"));
}

/* What is set for another server, while the environment names ours, is no news of it: the wait it
 * asked for goes on. The capacity comes with the same file, and can be seen. */
static void
test_same_server_stays (LampAgentRun **fixture,
                        gconstpointer  data)
{
  LampAgentRun *run = *fixture;
  g_autofree char *printed = NULL;

  lamp_fake_server_push_throttled (run->server, 429, "60");
  g_free (lamp_agent_run_emit (run));
  lamp_test_wait_until (lamp_agent_run_is_state (run, "throttled"));

  run->settings = g_strdup (
    "allow-insecure-http=true\nserver-url='https://example.org'\n"
    "capacity=uint32 54321\n");
  lamp_agent_run_cli (run, NULL, "status", &printed);
  lamp_test_wait_until (lamp_agent_run_get_count (run, "Capacity") == 54321);
  lamp_agent_run_call (run, "Observe", g_variant_new ("(x)", (gint64) 7));
  g_assert_true (lamp_agent_run_is_state (run, "throttled"));
  g_assert_cmpuint (lamp_fake_server_get_n_batches (run->server), ==, 1);
}

/* --- another agent ------------------------------------------------------ */

/* What became of the batch in flight is told by the agent that has the name by then. */
static void
test_replaced_agent_is_heard (LampAgentRun **fixture,
                              gconstpointer  data)
{
  LampAgentRun *run = *fixture;
  g_autoptr (GSubprocess) old = NULL;
  g_autofree char *id = NULL;
  g_autofree char *line = NULL;

  lamp_fake_server_set_delay (run->server, 1000);
  id = lamp_agent_run_emit (run);
  g_assert_true (lamp_fake_server_wait_batches (run->server, 1));
  old = g_steal_pointer (&run->agent);
  run->agent = lamp_agent_run_spawn (run, "--replace");
  g_assert_cmpint (lamp_agent_run_wait (old), ==, 0);

  line = g_strdup_printf ("EventsDelivered (['%s'],)\n", id);
  lamp_test_wait_until (strstr (run->signals->str, line) != NULL);
  lamp_test_wait_until (lamp_agent_run_get_count (run, "Delivered") == 1);
  g_assert_cmpuint (count_signals (run, "EventsDelivered"), ==, 1);
}

/* --- another person ----------------------------------------------------- */

/* Two sessions on one machine: each has its bus, its queue and its server. */
static void
test_two_people_do_not_meet (LampAgentRun **fixture,
                             gconstpointer  data)
{
  LampAgentRun *one = *fixture;
  g_autoptr (LampAgentRun) other = lamp_agent_run_new ();
  g_autofree char *id = NULL;
  g_autofree char *line = NULL;
  g_autofree char *printed = NULL;

  lamp_agent_run_start (other);
  g_assert_true (one->owned);
  id = lamp_agent_run_emit (one);
  line = g_strdup_printf ("show %s", id);
  lamp_test_wait_until (lamp_agent_run_get_count (one, "Delivered") == 1);

  g_assert_cmpint (lamp_agent_run_cli (one, NULL, line, NULL), ==, 0);
  g_assert_cmpint (lamp_agent_run_cli (other, NULL, line, &printed), ==, 1);
  g_assert_cmpuint (lamp_agent_run_get_count (other, "Delivered"), ==, 0);
  g_assert_cmpuint (lamp_fake_server_get_n_batches (other->server), ==, 0);
  g_assert_cmpstr (other->signals->str, ==, "");

  /* And one's end is not the other's. */
  lamp_agent_run_end (other);
  g_assert_true (one->owned);
  g_assert_cmpuint (lamp_agent_run_get_count (one, "Delivered"), ==, 1);
}

#define ADD(path, func) g_test_add ("/control/" path, LampAgentRun *, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_dbus_unset ();

  ADD ("mixed-ids", test_mixed_ids);
  ADD ("resend-delivers", test_resend_delivers);
  ADD ("replay/ends-once", test_pass_ends_once);
  ADD ("replay/tells-what-is-left", test_wait_tells_what_is_left);
  ADD ("replay/bar-at-terminal", test_bar_at_terminal);
  ADD ("unpause", test_unpause_is_always_sent);
  ADD ("doctor", test_doctor);
  ADD ("doctor-without-server", test_doctor_without_server);
  ADD ("same-server-stays", test_same_server_stays);
  ADD ("replaced-agent-is-heard", test_replaced_agent_is_heard);
  ADD ("two-people-do-not-meet", test_two_people_do_not_meet);

  return g_test_run ();
}
