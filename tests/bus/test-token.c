/* SPDX-License-Identifier: GPL-3.0-or-later */

#define _GNU_SOURCE /* memmem() */

#include "config.h"

#include "lamp-agent-run.h"
#include "lamp-test-util.h"

#include <signal.h>
#include <string.h>

/* The token is where it has to be, and nowhere else: a day with all that can go wrong, under
 * debugging, with a server that says the token back in all its answers. Then every byte that came
 * out of it is searched. */

#define PASSWORD "the keyring's password"

typedef struct
{
  char *name;
  GBytes *bytes;
} Needle;

typedef struct
{
  LampAgentRun *run;
  GSubprocess *keyring; /* (nullable) */
  char *token;          /* another one each time */
  char *url_password;
  GPtrArray *needles;       /* of Needle */
  GSocketService *echo;     /* answers anything with the token in each line */
  char *echo_address;       /* host:port */
  GDBusConnection *monitor; /* sees the whole bus */
  GMutex lock;
  guint n_messages; /* under the lock, as the next one */
  char *betrayal;   /* (nullable) the first message with a needle in it */
  guint n_searched;
} Fixture;

/* --- needles ------------------------------------------------------------ */

static void
needle_free (gpointer data)
{
  Needle *self = data;

  g_free (self->name);
  g_bytes_unref (self->bytes);
  g_free (self);
}

static void
add_needle (Fixture    *fixture,
            const char *name,
            const char *text)
{
  Needle *needle = g_new0 (Needle, 1);

  needle->name = g_strdup (name);
  needle->bytes = g_bytes_new (text, strlen (text));
  g_ptr_array_add (fixture->needles, needle);
}

static void
add_needles (Fixture *fixture)
{
  g_autofree char *base64 = NULL;
  g_autofree char *escaped = NULL;

  base64 = g_base64_encode ((const guchar *) fixture->token, strlen (fixture->token));
  escaped = g_uri_escape_string (fixture->token, NULL, FALSE);
  g_assert_cmpstr (escaped, !=, fixture->token);
  add_needle (fixture, "the token", fixture->token);
  add_needle (fixture, "the token in base 64", base64);
  add_needle (fixture, "the token as in an address", escaped);
  add_needle (fixture, "the address's password", fixture->url_password);
}

/* Returns what was found, or NULL. */
static const char *
search_bytes (Fixture    *fixture,
              const void *data,
              gsize       size)
{
  for (guint i = 0; i < fixture->needles->len; i++)
    {
      const Needle *needle = g_ptr_array_index (fixture->needles, i);
      gsize length;
      const void *text = g_bytes_get_data (needle->bytes, &length);

      if (size >= length && memmem (data, size, text, length) != NULL)
        return needle->name;
    }

  return NULL;
}

static void
search_text (Fixture    *fixture,
             const char *what,
             const char *text)
{
  const char *found = search_bytes (fixture, text, strlen (text));

  fixture->n_searched++;
  if (found != NULL)
    g_error ("%s is in %s: %s", found, what, text);
}

/* --- everything on the bus ---------------------------------------------- */

/* The one message that has to hold it. */
static gboolean
is_sign_in (GDBusMessage *message)
{
  return g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
         g_strcmp0 (g_dbus_message_get_member (message), "SetToken") == 0 &&
         g_strcmp0 (g_dbus_message_get_interface (message), LAMP_AGENT_RUN_INTERFACE) == 0;
}

/* On GDBus' own thread. What the secret service is told is encrypted, so it is searched, too. */
static GDBusMessage *
monitor_cb (GDBusConnection *connection,
            GDBusMessage    *message,
            gboolean         incoming,
            gpointer         user_data)
{
  Fixture *fixture = user_data;
  gsize size = 0;
  g_autofree guchar *blob = NULL;
  const char *found = NULL;

  if (!incoming)
    return message;

  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
  if (blob != NULL && !is_sign_in (message))
    found = search_bytes (fixture, blob, size);

  g_mutex_lock (&fixture->lock);
  fixture->n_messages++;
  if (found != NULL && fixture->betrayal == NULL)
    fixture->betrayal = g_dbus_message_print (message, 0);
  g_mutex_unlock (&fixture->lock);
  g_main_context_wakeup (NULL);

  /* Its own calls are answered before it is a monitor, and a monitor answers nobody. */
  if (g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    g_clear_object (&message);

  return message;
}

static void
start_monitor (Fixture *fixture)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  fixture->monitor =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (fixture->run->bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_add_filter (fixture->monitor, monitor_cb, fixture, NULL);
  reply = g_dbus_connection_call_sync (fixture->monitor, "org.freedesktop.DBus",
                                       "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring",
                                       "BecomeMonitor", g_variant_new_parsed ("(@as [], @u 0)"),
                                       NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

/* --- a server that repeats what it is told ------------------------------ */

static gboolean
echo_cb (GThreadedSocketService *service,
         GSocketConnection      *connection,
         GObject                *source,
         gpointer                user_data)
{
  Fixture *fixture = user_data;
  char request[65536];
  g_autofree char *answer = NULL;

  if (g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (connection)), request,
                           sizeof request, NULL, NULL) <= 0)
    return TRUE;

  answer = g_strdup_printf (
    "HTTP/1.1 401 %s\r\nWWW-Authenticate: Bearer realm=\"%s\"\r\n"
    "X-Token: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
    fixture->token, fixture->token, fixture->token, strlen (fixture->token), fixture->token);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), answer,
                             strlen (answer), NULL, NULL, NULL);

  return TRUE;
}

static void
start_echo (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  guint16 port;

  fixture->echo = g_threaded_socket_service_new (4);
  port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (fixture->echo), NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->echo, "run", G_CALLBACK (echo_cb), fixture);
  fixture->echo_address = g_strdup_printf ("localhost:%u", port);
}

/* --- before and after --------------------------------------------------- */

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_mutex_init (&fixture->lock);
  fixture->token = g_strdup_printf ("tok/%08x+%08x=", g_random_int (), g_random_int ());
  fixture->url_password = g_strdup_printf ("pw%08x%08x", g_random_int (), g_random_int ());
  fixture->needles = g_ptr_array_new_with_free_func (needle_free);
  add_needles (fixture);

  fixture->run = lamp_agent_run_new ();
  fixture->run->logs = lamp_test_folder_new ();
  lamp_agent_run_setenv (fixture->run, "G_MESSAGES_DEBUG", "all");
  lamp_fake_server_set_token (fixture->run->server, fixture->token);
  start_echo (fixture);
  start_monitor (fixture);
  fixture->keyring = lamp_agent_run_start_keyring (fixture->run, PASSWORD);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *logs = g_strdup (fixture->run->logs);

  if (fixture->run->agent != NULL)
    lamp_agent_run_end (fixture->run);
  if (fixture->keyring != NULL)
    lamp_agent_run_end_keyring (fixture->keyring);

  g_dbus_connection_close_sync (fixture->monitor, NULL, NULL);
  g_object_unref (fixture->monitor);
  g_socket_service_stop (fixture->echo);
  g_socket_listener_close (G_SOCKET_LISTENER (fixture->echo));
  g_object_unref (fixture->echo);
  lamp_agent_run_free (fixture->run);
  lamp_test_folder_free (g_steal_pointer (&logs));
  g_ptr_array_unref (fixture->needles);
  g_free (fixture->betrayal);
  g_free (fixture->echo_address);
  g_free (fixture->token);
  g_free (fixture->url_password);
  g_mutex_clear (&fixture->lock);
}

/* --- where it may not be ------------------------------------------------ */

static void
search_file (Fixture    *fixture,
             const char *path)
{
  g_autofree char *contents = NULL;
  gsize size = 0;
  const char *found = NULL;

  /* A process may have ended, and a socket has no contents. */
  if (!g_file_get_contents (path, &contents, &size, NULL))
    return;

  fixture->n_searched++;
  found = search_bytes (fixture, contents, size);
  if (found != NULL)
    g_error ("%s is in the file %s", found, path);
}

static void
search_folder (Fixture    *fixture,
               const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      /* The keyring's own, and encrypted, too. */
      if (g_str_equal (name, "keyrings"))
        continue;
      if (g_file_test (path, G_FILE_TEST_IS_SYMLINK))
        continue;

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        search_folder (fixture, path);
      else if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        search_file (fixture, path);
    }
}

/* Of all processes, ours among them. The test has put neither there, but the address's password. */
static void
search_processes (Fixture *fixture,
                  gboolean with_environment)
{
#ifdef __linux__
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *command = g_build_filename ("/proc", name, "cmdline", NULL);
      g_autofree char *environment = g_build_filename ("/proc", name, "environ", NULL);

      if (!g_ascii_isdigit (*name))
        continue;

      search_file (fixture, command);
      if (with_environment)
        search_file (fixture, environment);
    }
#endif
}

static void
search_everything (Fixture *fixture,
                   gboolean with_environment)
{
  search_folder (fixture, fixture->run->home);
  search_folder (fixture, fixture->run->logs);
  search_processes (fixture, with_environment);

  g_mutex_lock (&fixture->lock);
  if (fixture->betrayal != NULL)
    g_error ("A message on the bus holds it:\n%s", fixture->betrayal);
  g_mutex_unlock (&fixture->lock);
}

/* --- what is done ------------------------------------------------------- */

/* Whatever it ends with. */
static void
run_cli (Fixture    *fixture,
         const char *input,
         const char *line)
{
  g_autofree char *output = NULL;

  lamp_agent_run_cli (fixture->run, input, line, &output);
  search_text (fixture, line, output);
}

static void
look_around (Fixture *fixture)
{
  static const char *const lines[] = {
    "status", "status --json", "list", "list --json --status failed", "export", "doctor",
  };
  g_autofree char *problem = lamp_agent_run_dup_text (fixture->run, "LastError");

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    run_cli (fixture, NULL, lines[i]);

  search_text (fixture, "LastError", problem);
}

static void
replay_until (Fixture    *fixture,
              const char *state)
{
  guint n_batches = lamp_fake_server_get_n_batches (fixture->run->server);

  lamp_agent_run_call (fixture->run, "ReplayNow", NULL);
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->run->server) > n_batches &&
                        lamp_agent_run_is_state (fixture->run, state));
  look_around (fixture);
}

static void
answer_with (Fixture *fixture,
             guint    status)
{
  g_autofree char *body = g_strdup_printf ("{\"error\":\"%s\",\"message\":\"%s\"}", fixture->token,
                                           fixture->token);
  LampFakeAnswer *answer = lamp_fake_server_push_status (fixture->run->server, status, body);

  lamp_fake_answer_set_header (answer, "X-Token", fixture->token);
  lamp_fake_answer_set_header (answer, "Content-Type", "application/json");
}

static void
be_refused (Fixture *fixture)
{
  g_autofree char *id = lamp_agent_run_emit (fixture->run);
  g_autofree char *other_id = NULL;
  g_autofree char *body = NULL;
  g_autofree char *location = g_strdup_printf ("http://localhost:1/%s", fixture->token);
  const char *ids[] = { NULL, NULL };
  g_autofree char *show = NULL;

  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));
  look_around (fixture);

  answer_with (fixture, 412);
  replay_until (fixture, "misconfigured");

  /* The second is the answer when it is tried again. */
  lamp_fake_server_push_redirect (fixture->run->server, location);
  body = g_strdup_printf ("{\"error\":\"%s\",\"details\":{\"event_id\":\"%s\",\"error\":\"%s\"}}",
                          fixture->token, id, fixture->token);
  lamp_fake_server_push_status (fixture->run->server, 400, body);
  lamp_agent_run_call (fixture->run, "ReplayNow", NULL);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Failed") == 1);

  lamp_agent_run_set_paused (fixture->run, TRUE);
  other_id = lamp_agent_run_emit (fixture->run);
  ids[0] = other_id;
  lamp_fake_server_push_reject (fixture->run->server, ids, fixture->token, fixture->token);
  lamp_agent_run_set_paused (fixture->run, FALSE);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Failed") == 2);

  show = g_strconcat ("show ", id, NULL);
  run_cli (fixture, NULL, show);
  look_around (fixture);
}

static void
restart_with_url (Fixture    *fixture,
                  const char *url)
{
  lamp_agent_run_end (fixture->run);
  lamp_agent_run_setenv (fixture->run, "SAAS_API_URL", url);
  lamp_agent_run_start (fixture->run);
}

static gboolean
has_problem (Fixture *fixture)
{
  g_autofree char *problem = lamp_agent_run_dup_text (fixture->run, "LastError");

  return *problem != '\0';
}

/* The right server but badly asked for, and a wrong one. An event waits. */
static void
misconfigure (Fixture *fixture)
{
  g_autofree char *echo = g_strdup_printf ("http://%s", fixture->echo_address);
  g_autofree char *tls = g_strdup_printf ("https://%s", fixture->echo_address);
  g_autofree char *open = g_strdup_printf ("http://user:%s@example.org/", fixture->url_password);
  g_autofree char *broken = g_strdup_printf ("https://user:%s@h.example:99999/",
                                             fixture->url_password);
  const char *urls[] = { echo, tls, open, broken };

  for (gsize i = 0; i < G_N_ELEMENTS (urls); i++)
    {
      restart_with_url (fixture, urls[i]);
      run_cli (fixture, NULL, "unpause");
      run_cli (fixture, NULL, "emit -m m -t T");
      run_cli (fixture, NULL, "replay");
      lamp_test_wait_until (has_problem (fixture));
      look_around (fixture);
      search_everything (fixture, urls[i] == echo || urls[i] == tls);
    }
}

static GSubprocess *
start_watch (Fixture *fixture)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autofree char *path = g_build_filename (fixture->run->logs, "watch", NULL);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  launcher = lamp_agent_run_launcher (fixture->run, G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_subprocess_launcher_set_stdout_file_path (launcher, path);
  process = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_CLI"), "watch", NULL);
  g_assert_no_error (error);

  return process;
}

static void
test_is_nowhere (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GSubprocess) watch = NULL;
  g_autofree char *input = g_strconcat (fixture->token, "\n", NULL);

  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  watch = start_watch (fixture);
  run_cli (fixture, input, "login");
  run_cli (fixture, NULL, "emit -m m -t T");
  run_cli (fixture, NULL, "replay --wait");
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
  look_around (fixture);
  search_everything (fixture, TRUE);

  answer_with (fixture, 401);
  be_refused (fixture);
  search_everything (fixture, TRUE);
  misconfigure (fixture);

  run_cli (fixture, NULL, "logout");
  g_subprocess_send_signal (watch, SIGINT);
  g_subprocess_wait (watch, NULL, NULL);
  lamp_agent_run_call (fixture->run, "Quit", NULL);
  g_assert_cmpint (lamp_agent_run_wait (fixture->run->agent), ==, 0);
  g_clear_object (&fixture->run->agent);
  search_everything (fixture, FALSE);

  g_test_message ("%u texts and files searched, %u messages", fixture->n_searched,
                  fixture->n_messages);
  g_assert_cmpuint (fixture->n_messages, >, 100);
}

static gboolean
is_betrayed (Fixture *fixture)
{
  gboolean betrayed;

  g_mutex_lock (&fixture->lock);
  betrayed = fixture->betrayal != NULL;
  g_mutex_unlock (&fixture->lock);

  return betrayed;
}

/* A search that finds nothing anywhere proves nothing. */
static void
test_search_finds (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *text = g_strdup_printf ("x%sx", fixture->token);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (search_bytes (fixture, text, strlen (text)));
  g_assert_null (search_bytes (fixture, text, strlen (text) - 2));

  g_dbus_connection_emit_signal (fixture->run->connection, NULL, "/", "org.example.Test", "Test",
                                 g_variant_new ("(s)", text), &error);
  g_assert_no_error (error);
  g_dbus_connection_flush_sync (fixture->run->connection, NULL, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (is_betrayed (fixture));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_dbus_unset ();

  g_test_add ("/token/search-finds", Fixture, NULL, set_up, test_search_finds, tear_down);
  g_test_add ("/token/is-nowhere", Fixture, NULL, set_up, test_is_nowhere, tear_down);

  return g_test_run ();
}
