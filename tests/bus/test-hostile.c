/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-process.h"
#include "lamp-test-util.h"

#include <string.h>
#include <unistd.h>

/* Servers that answer what no server should. Whatever the agent makes of it, its clients on the
 * bus don't wait, and no event is lost. The servers have threads of their own, so that only the
 * agent can be what a call waits for. */

#define INTERFACE "io.github.lamppost.Lamppost.Agent1"

/* Section 6 of the specification reads no more than 4 MiB. */
#define LARGE_BYTES (10 * 1024 * 1024)
#define LARGE_DEPTH 10000

#define DRIP_INTERVAL_US 2000
#define LOOK_INTERVAL_MS 20

#define N_EVENTS 100
#define LOOK_MS 2000
#define CALL_INTERVAL_US 1000

#define CALL_MAX_US (LAMP_TEST_SANITIZED ? 500000 : 50000)

typedef void (*AnswerFunc) (GOutputStream *output);

typedef struct
{
  GSocketService *service; /* (owned) */
  char *url;               /* (owned) */
  AnswerFunc answer;
  int n_batches; /* atomic: requests that were read */
} Server;

/* --- the server --------------------------------------------------------- */

static gboolean
send_text (GOutputStream *output,
           const char    *text)
{
  return g_output_stream_write_all (output, text, strlen (text), NULL, NULL, NULL);
}

static void
send_answer (GOutputStream *output,
             const char    *body)
{
  g_autofree char *head = g_strdup_printf (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
    strlen (body));

  if (send_text (output, head))
    send_text (output, body);
}

static void
answer_large (GOutputStream *output)
{
  g_autofree char *filler = g_strnfill (LARGE_BYTES, 'x');
  g_autofree char *body = g_strdup_printf ("{\"accepted\":[],\"filler\":\"%s\"}", filler);

  send_answer (output, body);
}

/* Just short enough to be read, and as many ids as that holds. */
static void
answer_many_ids (GOutputStream *output)
{
  g_autoptr (GString) body = g_string_new ("{\"accepted\":[\"A\"");

  while (body->len < 4 * 1024 * 1024 - 64)
    g_string_append (body, ",\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"");
  g_string_append (body, "]}");
  send_answer (output, body->str);
}

static void
answer_deep (GOutputStream *output)
{
  g_autofree char *open = g_strnfill (LARGE_DEPTH, '[');
  g_autofree char *close = g_strnfill (LARGE_DEPTH, ']');
  g_autofree char *body = g_strconcat ("{\"accepted\":", open, close, "}", NULL);

  send_answer (output, body);
}

/* Byte by byte, and never done. */
static void
answer_dripping (GOutputStream *output)
{
  gboolean open = send_text (output,
                             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 1000000\r\n\r\n{\"accepted\":[");

  while (open)
    {
      open = send_text (output, "1");
      g_usleep (DRIP_INTERVAL_US);
    }
}

static void
answer_endless_head (GOutputStream *output)
{
  gboolean open = send_text (output, "HTTP/1.1 200 OK\r\n");

  while (open)
    open = send_text (output, "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
}

/* Whatever is asked is read to its end, so that the answer isn't lost to a reset. */
static gboolean
read_request (GInputStream *input,
              gboolean     *batch)
{
  g_autoptr (GDataInputStream) data = g_data_input_stream_new (input);
  gsize length = 0;

  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (data), FALSE);
  *batch = FALSE;
  for (gboolean first = TRUE;; first = FALSE)
    {
      g_autofree char *line = g_data_input_stream_read_line (data, NULL, NULL, NULL);

      if (line == NULL)
        return FALSE;
      g_strchomp (line);
      if (first)
        *batch = g_str_has_prefix (line, "POST ");
      if (g_ascii_strncasecmp (line, "content-length:", 15) == 0)
        length = g_ascii_strtoull (line + 15, NULL, 10);
      if (*line == '\0')
        break;
    }

  while (length > 0)
    {
      gssize skipped = g_input_stream_skip (G_INPUT_STREAM (data), length, NULL, NULL);

      if (skipped <= 0)
        return FALSE;
      length -= skipped;
    }

  return TRUE;
}

static gboolean
run_cb (GThreadedSocketService *service,
        GSocketConnection      *connection,
        GObject                *source,
        gpointer                user_data)
{
  Server *server = user_data;
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  gboolean batch;

  if (!read_request (g_io_stream_get_input_stream (G_IO_STREAM (connection)), &batch))
    return TRUE;

  if (batch)
    {
      g_atomic_int_inc (&server->n_batches);
      server->answer (output);
    }
  else
    {
      send_answer (output, "{\"status\":\"ok\"}");
    }

  return TRUE;
}

static Server *
server_new (AnswerFunc answer)
{
  Server *self = g_new0 (Server, 1);
  g_autoptr (GError) error = NULL;
  guint16 port;

  self->answer = answer;
  self->service = g_threaded_socket_service_new (-1);
  port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (self->service), NULL, &error);
  g_assert_no_error (error);
  self->url = g_strdup_printf ("http://127.0.0.1:%u", port);
  g_signal_connect (self->service, "run", G_CALLBACK (run_cb), self);

  return self;
}

static gboolean
look_again_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Once the agent is gone every write fails, so the threads end by themselves. The last one that
 * lets go of the service wakes nobody. */
static void
server_free (Server *self)
{
  guint look_id = g_timeout_add (LOOK_INTERVAL_MS, look_again_cb, NULL);

  g_socket_service_stop (self->service);
  g_socket_listener_close (G_SOCKET_LISTENER (self->service));
  lamp_test_finalize (self->service);
  g_source_remove (look_id);
  g_free (self->url);
  g_free (self);
}

/* --- the clients -------------------------------------------------------- */

typedef struct
{
  GDBusConnection *connection;
  const char *agent_pid;
  gint64 most;     /* µs, without the time in which nobody could run */
  gint64 most_all; /* µs */
  guint n_calls;
  int ending; /* atomic */
} Looker;

static gint64
read_delay (Looker *looker)
{
  g_autofree char *own_pid = g_strdup_printf ("%d", (int) getpid ());

  return lamp_agent_process_get_delay (looker->agent_pid) + lamp_agent_process_get_delay (own_pid);
}

static void
look_once (Looker *looker)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  gint64 delay = read_delay (looker);
  gint64 start = g_get_monotonic_time ();
  gint64 took;

  reply = g_dbus_connection_call_sync (looker->connection, LAMP_AGENT_ID, LAMP_AGENT_PATH,
                                       "org.freedesktop.DBus.Properties", "Get",
                                       g_variant_new ("(ss)", INTERFACE, "Pending"), NULL,
                                       G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, &error);
  took = g_get_monotonic_time () - start;
  g_assert_no_error (error);
  looker->most_all = MAX (looker->most_all, took);
  looker->most = MAX (looker->most, took - (read_delay (looker) - delay));
  looker->n_calls++;
}

static gpointer
look_thread (gpointer data)
{
  Looker *looker = data;

  while (!g_atomic_int_get (&looker->ending))
    {
      look_once (looker);
      g_usleep (CALL_INTERVAL_US);
    }

  return NULL;
}

static void
set_true (gpointer user_data)
{
  gboolean *value = user_data;

  *value = TRUE;
}

static void
check_answer (const char *name,
              AnswerFunc  answer)
{
  g_autoptr (LampAgentProcess) run = lamp_agent_process_new ();
  Server *server = server_new (answer);
  Looker looker = { lamp_agent_process_connect (run) };
  gboolean over = FALSE;
  GThread *thread;

  lamp_agent_process_fill (run, N_EVENTS);
  lamp_agent_process_start (run, server->url);
  looker.agent_pid = g_subprocess_get_identifier (run->agent);
  thread = g_thread_new ("look", look_thread, &looker);
  lamp_test_wait_until (g_atomic_int_get (&server->n_batches) > 0);
  g_timeout_add_once (LOOK_MS, set_true, &over);
  lamp_test_wait_until (over);
  g_atomic_int_set (&looker.ending, TRUE);
  g_thread_join (thread);

  g_test_message (
    "%s: %u calls beside %d requests: %.1f ms at most, %.1f ms as far as anybody "
    "could run; at most %u KiB",
    name, looker.n_calls, g_atomic_int_get (&server->n_batches), looker.most_all / 1e3,
    looker.most / 1e3, lamp_agent_process_get_memory (run, "VmHWM"));
  g_assert_cmpuint (looker.n_calls, >, 0);
  g_assert_cmpint (looker.most, <=, CALL_MAX_US);
  g_assert_cmpuint (lamp_bus_agent1_get_pending (run->proxy), ==, N_EVENTS);
  g_assert_cmpuint (lamp_bus_agent1_get_failed (run->proxy), ==, 0);

  lamp_agent_process_disconnect (looker.connection);
  lamp_agent_process_kill_process (&run->agent);
  server_free (server);
}

static const struct
{
  const char *name;
  AnswerFunc answer;
} answers[] = {
  { "large", answer_large },       { "many-ids", answer_many_ids },         { "deep", answer_deep },
  { "dripping", answer_dripping }, { "endless-head", answer_endless_head },
};

static void
test_answer (gconstpointer data)
{
  const guint *index = data;

  check_answer (answers[*index].name, answers[*index].answer);
}

int
main (int   argc,
      char *argv[])
{
  guint indices[G_N_ELEMENTS (answers)];

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *path = g_strconcat ("/hostile/", answers[i].name, NULL);

      indices[i] = i;
      g_test_add_data_func (path, &indices[i], test_answer);
    }

  return g_test_run ();
}
