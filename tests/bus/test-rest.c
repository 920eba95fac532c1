/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-process.h"
#include "lamp-test-util.h"

/* How often an agent wakes up that has nothing to do. It is looked at from outside, for
 * LAMP_REST_SECONDS after LAMP_REST_SETTLE_SECONDS, by what the kernel says of its threads:
 * each time that one goes to sleep of its own will it was awake before. */

#define DEFAULT_SECONDS 20
#define DEFAULT_SETTLE_SECONDS 10

#define N_PENDING 10

/* Once a minute, and a little more: offline an agent that has just begun is still on its way to
 * the longest wait, with tries after 16, 32 and 64 seconds. */
#define ALLOWED_ONLINE 1
#define ALLOWED_OFFLINE 3

/* Nobody listens there. */
#define CLOSED_URL "http://127.0.0.1:9"
#define OUTSIDE_URL "https://192.0.2.1"

typedef struct
{
  const char *name;
  LampAgentProcess *run;
  guint n_allowed; /* times that it may wake up, beside once a minute */
  GString *times;  /* (owned) the seconds in which it was awake */
  guint n_times;   /* with some of them in a row as one */
  guint awake_at;
  guint64 first; /* wake-ups of its threads, when looked at first */
  guint64 last;
} Scene;

static guint
read_seconds (const char *variable,
              guint       otherwise)
{
  const char *text = g_getenv (variable);

  return text != NULL ? (guint) g_ascii_strtoull (text, NULL, 10) : otherwise;
}

static void
wait_seconds (guint seconds)
{
  gint64 until = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;

  while (g_get_monotonic_time () < until)
    g_usleep (until - g_get_monotonic_time ());
}

static gboolean
can_run (const char *const *arguments)
{
  g_autoptr (GSubprocess) process =
    g_subprocess_newv (arguments,
                       G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL);

  return process != NULL && g_subprocess_wait_check (process, NULL, NULL);
}

/* A network of its own, in which everything is down. NULL where we may not have one. */
static const char *const *
find_isolation (void)
{
  static const char *const as_root[] = { "unshare", "--net", "true", NULL };
  static const char *const as_user[] = { "unshare", "--user", "--map-root-user",
                                         "--net",   "true",   NULL };

  if (can_run (as_root))
    return as_root;

  return can_run (as_user) ? as_user : NULL;
}

static LampAgentProcess *
start_pending (const char        *url,
               const char *const *isolation)
{
  LampAgentProcess *run = lamp_agent_process_new ();

  if (isolation != NULL)
    {
      run->wrapper = g_strdupv ((char **) isolation);
      g_clear_pointer (&run->wrapper[g_strv_length (run->wrapper) - 1], g_free);
    }
  lamp_agent_process_fill (run, N_PENDING);
  lamp_agent_process_start (run, url);
  lamp_test_wait_until (lamp_bus_agent1_get_last_error (run->proxy)[0] != '\0');

  return run;
}

/* Looks once a second, which doesn't wake anybody up. */
static void
look (Scene *scene,
      guint  second)
{
  guint64 count = lamp_agent_process_count_wakeups (scene->run, NULL);

  if (second == 0)
    {
      scene->first = count;
    }
  else if (count != scene->last)
    {
      if (scene->n_times == 0 || second != scene->awake_at + 1)
        scene->n_times++;
      scene->awake_at = second;
      g_string_append_printf (scene->times, " %u", second);
    }

  scene->last = count;
}

static void
report (Scene *scene,
        guint  seconds)
{
  g_autoptr (GString) threads = g_string_new (NULL);

  lamp_agent_process_count_wakeups (scene->run, threads);
  g_test_message ("%s: woke up %u times in %u seconds (%s ), its threads %" G_GUINT64_FORMAT
                  " times; state %s; since the start\n%s",
                  scene->name, scene->n_times, seconds, scene->times->str,
                  scene->last - scene->first, lamp_bus_agent1_get_state (scene->run->proxy),
                  threads->str);
}

static void
watch (Scene *scenes,
       guint  n_scenes,
       guint  seconds)
{
  for (guint i = 0; i < n_scenes; i++)
    scenes[i].times = g_string_new (NULL);

  wait_seconds (read_seconds ("LAMP_REST_SETTLE_SECONDS", DEFAULT_SETTLE_SECONDS));
  for (guint second = 0; second <= seconds; second++)
    {
      for (guint i = 0; i < n_scenes; i++)
        look (&scenes[i], second);
      wait_seconds (1);
    }

  /* What they have told meanwhile. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  for (guint i = 0; i < n_scenes; i++)
    report (&scenes[i], seconds);
  for (guint i = 0; i < n_scenes; i++)
    {
      g_assert_cmpuint (scenes[i].n_times, <=, scenes[i].n_allowed + seconds / 60);
      g_string_free (scenes[i].times, TRUE);
    }
}

static void
test_few_wakeups (void)
{
  const char *const *isolation = find_isolation ();
  g_autofree char *url = NULL;
  g_autoptr (LampAgentProcess) online = lamp_agent_process_new ();
  g_autoptr (LampAgentProcess) refused = start_pending (CLOSED_URL, NULL);
  g_autoptr (LampAgentProcess) offline = isolation != NULL ? start_pending (OUTSIDE_URL, isolation)
                                                           : NULL;
  Scene scenes[] = {
    { "online, nothing pending", online, ALLOWED_ONLINE },
    { "network up, server gone, 10 pending", refused, ALLOWED_OFFLINE },
    { "network down, 10 pending", offline, ALLOWED_OFFLINE },
  };
  GSubprocess *receiver = lamp_agent_process_start_receiver (online, &url);

  lamp_agent_process_start (online, url);
  lamp_test_wait_until (lamp_bus_agent1_get_online (online->proxy));
  if (isolation == NULL)
    g_test_message ("No right to a network of its own: not tried with the network down");

  watch (scenes, offline != NULL ? 3 : 2, read_seconds ("LAMP_REST_SECONDS", DEFAULT_SECONDS));
  lamp_agent_process_kill_process (&receiver);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/rest/few-wakeups", test_few_wakeups);

  return g_test_run ();
}
