/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-network.h"
#include "lamp-queue.h"
#include "lamp-replay.h"
#include "lamp-test-util.h"
#include "lamp-timer-boot.h"
#include "lamp-transport-soup.h"

#include <string.h>
#include <time.h>

/* How long the main loop is held, turn by turn, while everything is at work: from the end of
 * one poll to the beginning of the next, nobody else is served. What counts is the processor's
 * time, because the machine may have others to serve; the clock's is told as well. */

#define DEFAULT_EVENTS (LAMP_TEST_SANITIZED ? 5000 : 100000)

#define HELD_MAX_US (LAMP_TEST_SANITIZED ? 100000 : 10000)

/* 1 000 events a second, each one an append of its own. */
#define EMIT_INTERVAL_MS 20
#define EMIT_EACH 20

#define FILL_STEP 1000

/* Small ones are what tools emit; a hundred large ones make the largest batch. */
#define SMALL_LENGTH 100
#define LARGE_LENGTH 4800
#define LARGE_ONE_IN 20

typedef struct
{
  gint64 cpu;
  gint64 wall;
} Times;

static struct
{
  gboolean running;
  Times since; /* the end of the last poll */
  Times most;
  Times all;
  guint n_turns;
  guint n_long; /* over a millisecond of the processor's time */
} watchdog;

typedef struct
{
  LampQueue *queue;
  LampReplay *replay;
  guint64 n_delivered;
  guint n_emitted;
  guint n_stored;
} Work;

/* --- the watchdog ------------------------------------------------------- */

static gint64
read_clock (clockid_t id)
{
  struct timespec now;

  clock_gettime (id, &now);

  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static Times
read_times (void)
{
  return (Times){ read_clock (CLOCK_THREAD_CPUTIME_ID), read_clock (CLOCK_MONOTONIC) };
}

static void
end_turn (void)
{
  Times now = read_times ();
  Times held = { now.cpu - watchdog.since.cpu, now.wall - watchdog.since.wall };

  watchdog.n_turns++;
  watchdog.n_long += held.cpu > 1000;
  watchdog.all.cpu += held.cpu;
  watchdog.all.wall += held.wall;
  watchdog.most.cpu = MAX (watchdog.most.cpu, held.cpu);
  watchdog.most.wall = MAX (watchdog.most.wall, held.wall);
}

static int
poll_watched (GPollFD *fds,
              guint    n_fds,
              int      timeout)
{
  int result;

  if (watchdog.running)
    end_turn ();

  result = g_poll (fds, n_fds, timeout);
  watchdog.since = read_times ();

  return result;
}

/* --- the work ----------------------------------------------------------- */

static GSubprocess *
start_receiver (const char *folder,
                char      **url)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (
    G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "src", "receiver",
                                                    "lamppost-receiver", NULL);
  g_autofree char *store = g_build_filename (folder, "receiver.db", NULL);
  g_autofree char *line = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *receiver;

  receiver = g_subprocess_launcher_spawn (launcher, &error, program, "--port", "0", "--store",
                                          store, NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (receiver));
  line = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  *url = g_strchomp (g_strdup (strstr (line, "http://")));

  return receiver;
}

static void
fill (LampQueue *queue,
      guint      n_events,
      guint      length)
{
  g_autofree char *text = g_strnfill (length, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"text\": \"%s\"}", text);

  lamp_queue_set_capacity (queue, 10 * n_events);
  while (n_events > 0)
    {
      g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func (
        (GDestroyNotify) lamp_event_unref);
      g_autoptr (GPtrArray) receipts = NULL;
      g_autoptr (GError) error = NULL;

      for (guint step = MIN (n_events, FILL_STEP); step > 0; step--, n_events--)
        g_ptr_array_add (events, lamp_test_event ("mission-42", "Filled", payload));
      receipts = lamp_queue_append (queue, events, &error);
      g_assert_no_error (error);
    }
}

static void
stored_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Work *work = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) receipts = NULL;

  receipts = lamp_queue_append_finish (LAMP_QUEUE (source), result, &error);
  g_assert_no_error (error);
  work->n_stored++;
}

static gboolean
emit_cb (gpointer user_data)
{
  Work *work = user_data;

  for (guint i = 0; i < EMIT_EACH; i++)
    {
      g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func (
        (GDestroyNotify) lamp_event_unref);

      g_ptr_array_add (events, lamp_test_event ("mission-42", "Emitted", NULL));
      lamp_queue_append_async (work->queue, events, stored_cb, work);
      work->n_emitted++;
    }

  return G_SOURCE_CONTINUE;
}

static void
delivered_cb (Work              *work,
              const char *const *event_ids)
{
  work->n_delivered += g_strv_length ((char **) event_ids);
}

static void
replay (Work *work,
        guint n_events)
{
  guint emit_id = g_timeout_add (EMIT_INTERVAL_MS, emit_cb, work);

  memset (&watchdog, 0, sizeof watchdog);
  watchdog.running = TRUE;
  watchdog.since = read_times ();
  lamp_replay_start (work->replay);
  lamp_test_wait_until (work->n_delivered >= n_events);
  g_source_remove (emit_id);
  lamp_test_wait_until (work->n_stored == work->n_emitted &&
                        work->n_delivered == n_events + work->n_emitted);
  watchdog.running = FALSE;
  g_assert_cmpuint (lamp_queue_get_tally (work->queue)->pending, ==, 0);
}

static void
run (guint n_events,
     guint length)
{
  char *folder = lamp_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  g_autofree char *url = NULL;
  GSubprocess *receiver = start_receiver (folder, &url);
  g_autoptr (LampTransportSoup) transport = lamp_transport_soup_new ();
  g_autoptr (LampTimer) timer = lamp_timer_boot_new ();
  g_autoptr (LampNetwork) network = lamp_network_monitor_new ();
  g_autoptr (GError) error = NULL;
  GAsyncResult *stopped = NULL;
  Work work = { NULL };

  work.queue = lamp_queue_new (path, "test-node");
  fill (work.queue, n_events, length);
  lamp_queue_watch (work.queue);
  g_signal_connect_swapped (work.queue, "delivered", G_CALLBACK (delivered_cb), &work);
  lamp_transport_soup_set_server (transport, url, FALSE, &error);
  g_assert_no_error (error);
  work.replay = lamp_replay_new (work.queue, LAMP_TRANSPORT (transport), timer, network);

  replay (&work, n_events);
  g_test_message (
    "%u events replayed, %u emitted: %u turns, %u over 1 ms; held at most %.2f ms of "
    "the processor’s time, %.2f ms of the clock’s; %.2f s and %.2f s in all",
    n_events, work.n_emitted, watchdog.n_turns, watchdog.n_long, watchdog.most.cpu / 1e3,
    watchdog.most.wall / 1e3, watchdog.all.cpu / 1e6, watchdog.all.wall / 1e6);
  g_assert_cmpint (watchdog.most.cpu, <=, HELD_MAX_US);

  lamp_replay_stop_async (work.replay, lamp_test_result_cb, &stopped);
  lamp_test_wait_until (stopped != NULL);
  lamp_replay_stop_finish (work.replay, stopped);
  g_clear_object (&stopped);
  lamp_test_finalize (work.replay);
  lamp_test_finalize (work.queue);
  g_subprocess_force_exit (receiver);
  g_subprocess_wait (receiver, NULL, NULL);
  g_object_unref (receiver);
  lamp_test_folder_free (folder);
}

static guint
read_size (void)
{
  const char *size = g_getenv ("LAMP_HOLD_EVENTS");

  return size != NULL ? (guint) g_ascii_strtoull (size, NULL, 10) : DEFAULT_EVENTS;
}

static void
test_while_replaying (void)
{
  run (read_size (), SMALL_LENGTH);
}

/* A batch of 512 KiB. */
static void
test_with_large_events (void)
{
  run (read_size () / LARGE_ONE_IN, LARGE_LENGTH);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_main_context_set_poll_func (NULL, poll_watched);

  g_test_add_func ("/hold/while-replaying", test_while_replaying);
  g_test_add_func ("/hold/with-large-events", test_with_large_events);

  return g_test_run ();
}
