/* SPDX-License-Identifier: GPL-3.0-or-later */

#define _GNU_SOURCE /* posix_openpt() */

#include "config.h"

#include "lamp-agent-run.h"
#include "lamp-test-util.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The token, kept by the real secret service: from signing in to the header of a request. */

#define TOKEN "first-token-4f1d"
#define OTHER_TOKEN "other-token-9c2e"
#define PASSWORD "the keyring's password"

#define SECRETS "/org/freedesktop/secrets"
#define ERROR_STORAGE "io.github.lamppost.Lamppost.Error.Storage"

#define PROMPTER "org.gnome.keyring.SystemPrompter"

typedef struct
{
  LampAgentRun *run;
  GSubprocess *keyring; /* (nullable) */
  guint n_prompts;
} Fixture;

static void
set_up_bare (Fixture      *fixture,
             gconstpointer data)
{
  fixture->run = lamp_agent_run_new ();
  lamp_fake_server_set_token (fixture->run->server, TOKEN);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  set_up_bare (fixture, data);
  fixture->keyring = lamp_agent_run_start_keyring (fixture->run, PASSWORD);
}

static void
end_keyring (Fixture *fixture)
{
  if (fixture->keyring != NULL)
    lamp_agent_run_end_keyring (g_steal_pointer (&fixture->keyring));
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  if (fixture->run->agent != NULL)
    lamp_agent_run_end (fixture->run);
  end_keyring (fixture);
  lamp_agent_run_free (fixture->run);
}

static void
set_token (Fixture    *fixture,
           const char *token)
{
  lamp_agent_run_call (fixture->run, "SetToken", g_variant_new ("(s)", token));
}

/* Returns the message of a SetToken that must fail. */
static char *
refuse_token (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *name = NULL;

  reply = lamp_agent_run_try (fixture->run, "SetToken", g_variant_new ("(s)", TOKEN), &error);
  g_assert_null (reply);
  name = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (name, ==, ERROR_STORAGE);

  return g_strdup (error->message);
}

static void
deliver (Fixture *fixture)
{
  guint64 delivered = lamp_agent_run_get_count (fixture->run, "Delivered");

  g_free (lamp_agent_run_emit (fixture->run));
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == delivered + 1);
}

static const char *
get_last_authorization (Fixture *fixture)
{
  guint n_batches = lamp_fake_server_get_n_batches (fixture->run->server);
  const LampFakeRequest *request = NULL;

  g_assert_cmpuint (n_batches, >, 0);
  request = lamp_fake_server_get_batch (fixture->run->server, n_batches - 1);

  return soup_message_headers_get_one (request->headers, "Authorization");
}

static void
test_token_is_sent_and_kept (Fixture      *fixture,
                             gconstpointer data)
{
  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  set_token (fixture, TOKEN);
  deliver (fixture);
  g_assert_cmpstr (get_last_authorization (fixture), ==, "Bearer " TOKEN);

  lamp_agent_run_end (fixture->run);
  lamp_agent_run_start (fixture->run);
  deliver (fixture);
  g_assert_cmpstr (get_last_authorization (fixture), ==, "Bearer " TOKEN);
}

static void
test_logout_forgets (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *out = NULL;
  g_autofree char *id = NULL;

  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  set_token (fixture, TOKEN);
  deliver (fixture);
  g_assert_cmpint (lamp_agent_run_cli (fixture->run, NULL, "logout", &out), ==, 0);
  g_assert_cmpstr (out, ==, "The token is forgotten.\n");
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));
  g_assert_null (get_last_authorization (fixture));

  /* Nor is it there after a restart. */
  lamp_agent_run_end (fixture->run);
  lamp_agent_run_start (fixture->run);
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));
  g_assert_null (get_last_authorization (fixture));
}

static void
test_login_from_pipe (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *out = NULL;

  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  g_assert_cmpint (lamp_agent_run_cli (fixture->run, TOKEN "\n", "login", &out), ==, 0);
  g_assert_cmpstr (out, ==, "The token is kept.\n");
  deliver (fixture);
  g_assert_cmpstr (get_last_authorization (fixture), ==, "Bearer " TOKEN);
}

static GSubprocess *
start_login (Fixture *fixture,
             int      stdin_fd)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  launcher = lamp_agent_run_launcher (fixture->run, G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                                      G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_subprocess_launcher_take_stdin_fd (launcher, stdin_fd);
  process = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_CLI"), "login", NULL);
  g_assert_no_error (error);

  return process;
}

/* The prompt comes when typing is hidden. */
static void
wait_for_prompt (GSubprocess *process)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  char letter;

  g_input_stream_read_async (g_subprocess_get_stdout_pipe (process), &letter, 1, G_PRIORITY_DEFAULT,
                             NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (g_subprocess_get_stdout_pipe (process), result,
                                               &error),
                   ==, 1);
}

static void
test_login_at_terminal (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GSubprocess) process = NULL;
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  int other_end;
  char shown[256] = "";

  if (fixture->keyring == NULL)
    {
      close (terminal);
      return;
    }

  g_assert_cmpint (grantpt (terminal) | unlockpt (terminal), ==, 0);
  other_end = open (ptsname (terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (other_end, >=, 0);

  lamp_agent_run_start (fixture->run);
  process = start_login (fixture, dup (other_end));
  wait_for_prompt (process);
  g_assert_cmpint (write (terminal, TOKEN "\n", strlen (TOKEN) + 1), ==, strlen (TOKEN) + 1);
  g_assert_cmpint (lamp_agent_run_wait (process), ==, 0);

  g_assert_cmpint (fcntl (terminal, F_SETFL, O_NONBLOCK), ==, 0);
  g_assert_cmpint (read (terminal, shown, sizeof shown - 1), <, sizeof shown - 1);
  g_assert_null (strstr (shown, TOKEN));
  deliver (fixture);
  close (other_end);
  close (terminal);
}

/* The server wants another token in the middle of it all; with one, everything goes on by itself.
 */
static void
test_new_token_goes_on (Fixture      *fixture,
                        gconstpointer data)
{
  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  set_token (fixture, TOKEN);
  deliver (fixture);

  lamp_fake_server_set_token (fixture->run->server, OTHER_TOKEN);
  for (guint i = 0; i < 5; i++)
    g_free (lamp_agent_run_emit (fixture->run));
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));
  g_assert_cmpuint (lamp_agent_run_get_count (fixture->run, "Pending"), ==, 5);
  g_assert_cmpuint (lamp_agent_run_get_count (fixture->run, "Failed"), ==, 0);

  set_token (fixture, OTHER_TOKEN);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 6);
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "idle"));
}

static void
assert_says (Fixture    *fixture,
             const char *input,
             const char *line,
             const char *words)
{
  g_autofree char *printed = NULL;

  lamp_agent_run_cli (fixture->run, input, line, &printed);
  if (strstr (printed, words) == NULL)
    g_error ("“%s” is not in “%s”", words, printed);
}

static void
test_environment_overrides (Fixture      *fixture,
                            gconstpointer data)
{
  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_setenv (fixture->run, "SAAS_API_KEY", TOKEN);
  lamp_agent_run_start (fixture->run);
  set_token (fixture, OTHER_TOKEN);
  deliver (fixture);
  g_assert_cmpstr (get_last_authorization (fixture), ==, "Bearer " TOKEN);

  /* Where it is refused, a person must know that signing in won't do. */
  lamp_fake_server_set_token (fixture->run->server, OTHER_TOKEN);
  g_free (lamp_agent_run_emit (fixture->run));
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));
  assert_says (fixture, NULL, "doctor", "The agent has it from SAAS_API_KEY.");
  assert_says (fixture, NULL, "doctor", "✗ http://127.0.0.1:");
  assert_says (fixture, TOKEN "\n", "login", "But SAAS_API_KEY is set and overrides it");
  assert_says (fixture, NULL, "logout", "But SAAS_API_KEY is set and overrides it");
  set_token (fixture, OTHER_TOKEN);
  lamp_agent_run_end (fixture->run);

  /* Without it the one that is kept is in force. */
  lamp_agent_run_setenv (fixture->run, "SAAS_API_KEY", NULL);
  lamp_agent_run_start (fixture->run);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 2);
}

/* --- locked ------------------------------------------------------------- */

/* Refuses each prompt, as a person who cancels does. */
static void
prompter_cb (GDBusConnection       *connection,
             const char            *sender,
             const char            *path,
             const char            *interface,
             const char            *method,
             GVariant              *parameters,
             GDBusMethodInvocation *invocation,
             gpointer               user_data)
{
  Fixture *fixture = user_data;

  if (g_str_equal (method, "BeginPrompting"))
    fixture->n_prompts++;
  g_dbus_method_invocation_return_dbus_error (invocation,
                                              "org.gnome.keyring.internal.Prompter."
                                              "Failed",
                                              "Cancelled");
}

static void
own_cb (GDBusConnection *connection,
        const char      *name,
        gpointer         user_data)
{
  *(gboolean *) user_data = TRUE;
}

static void
start_prompter (Fixture *fixture)
{
  static const char xml[] =
    "<node><interface name='org.gnome.keyring.internal.Prompter'>"
    "<method name='BeginPrompting'><arg type='o' direction='in'/></method>"
    "<method name='PerformPrompt'><arg type='o' direction='in'/>"
    "<arg type='s' direction='in'/><arg type='a{sv}' direction='in'/>"
    "<arg type='s' direction='in'/></method>"
    "<method name='StopPrompting'><arg type='o' direction='in'/></method>"
    "</interface></node>";
  static const GDBusInterfaceVTable vtable = { .method_call = prompter_cb };
  g_autoptr (GDBusNodeInfo) node = NULL;
  g_autoptr (GError) error = NULL;
  gboolean owned = FALSE;

  node = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  g_dbus_connection_register_object (fixture->run->connection, "/org/gnome/keyring/Prompter",
                                     node->interfaces[0], &vtable, fixture, NULL, &error);
  g_assert_no_error (error);
  g_bus_own_name_on_connection (fixture->run->connection, PROMPTER, G_BUS_NAME_OWNER_FLAGS_NONE,
                                own_cb, NULL, &owned, NULL);
  lamp_test_wait_until (owned);
}

static void
test_locked (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *problem = NULL;
  g_autofree char *message = NULL;

  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  set_token (fixture, TOKEN);
  lamp_agent_run_end (fixture->run);
  end_keyring (fixture);

  start_prompter (fixture);
  fixture->keyring = lamp_agent_run_start_keyring (fixture->run, NULL);
  lamp_agent_run_start (fixture->run);
  g_free (lamp_agent_run_emit (fixture->run));
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));
  problem = lamp_agent_run_dup_text (fixture->run, "LastError");
  g_assert_nonnull (strstr (problem, "locked"));
  g_assert_null (get_last_authorization (fixture));
  g_assert_cmpuint (fixture->n_prompts, ==, 0);
  lamp_agent_run_end (fixture->run);

  /* Whoever signs in is there to be asked. (libsecret 0.20 leaks a little where a prompt fails.) */
  lamp_agent_run_setenv (fixture->run, "ASAN_OPTIONS", "detect_leaks=0");
  lamp_agent_run_start (fixture->run);
  message = refuse_token (fixture);
  g_assert_nonnull (strstr (message, "can’t be kept"));
  g_assert_cmpuint (fixture->n_prompts, ==, 1);
}

/* The keyring is started when the agent runs already. */
static void
test_keyring_comes_later (Fixture      *fixture,
                          gconstpointer data)
{
  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  set_token (fixture, TOKEN);
  lamp_agent_run_end (fixture->run);
  end_keyring (fixture);

  lamp_agent_run_start (fixture->run);
  g_free (lamp_agent_run_emit (fixture->run));
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));

  fixture->keyring = lamp_agent_run_start_keyring (fixture->run, PASSWORD);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
}

static GVariant *
call_keyring (Fixture    *fixture,
              const char *path,
              const char *interface,
              const char *method,
              GVariant   *parameters)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *reply;

  g_dbus_connection_call (fixture->run->connection, "org.freedesktop.secrets", path, interface,
                          method, parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  reply = g_dbus_connection_call_finish (fixture->run->connection, result, &error);
  g_assert_no_error (error);

  return reply;
}

/* What the session does at login, with the password that was typed there. */
static void
unlock (Fixture *fixture)
{
  g_autoptr (GVariant) opened = NULL;
  g_autoptr (GVariant) unlocked = NULL;
  const char *session;
  GVariant *password = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, PASSWORD, strlen (PASSWORD),
                                                  1);

  opened = call_keyring (fixture, SECRETS, "org.freedesktop.Secret.Service", "OpenSession",
                         g_variant_new_parsed ("('plain', <''>)"));
  g_variant_get (opened, "(v&o)", NULL, &session);
  unlocked =
    call_keyring (fixture, SECRETS, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
                  "UnlockWithMasterPassword",
                  g_variant_new ("(o(o@ay@ays))", "/org/freedesktop/secrets/collection/login",
                                 session, g_variant_new_parsed ("@ay []"), password, "text/plain"));
}

static void
test_unlocked_later (Fixture      *fixture,
                     gconstpointer data)
{
  if (fixture->keyring == NULL)
    return;

  lamp_agent_run_start (fixture->run);
  set_token (fixture, TOKEN);
  lamp_agent_run_end (fixture->run);
  end_keyring (fixture);

  fixture->keyring = lamp_agent_run_start_keyring (fixture->run, NULL);
  lamp_agent_run_start (fixture->run);
  g_free (lamp_agent_run_emit (fixture->run));
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "unauthorized"));

  unlock (fixture);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
}

/* --- no secret service -------------------------------------------------- */

static void
test_no_secret_service (Fixture      *fixture,
                        gconstpointer data)
{
  g_autofree char *message = NULL;
  g_autofree char *out = NULL;

  lamp_fake_server_set_token (fixture->run->server, NULL);
  lamp_agent_run_start (fixture->run);
  message = refuse_token (fixture);
  g_assert_nonnull (strstr (message, "Start a keyring"));
  g_assert_null (strstr (message, TOKEN));
  g_assert_cmpint (lamp_agent_run_cli (fixture->run, TOKEN "\n", "login", &out), ==, 1);
  g_assert_nonnull (strstr (out, "Start a keyring"));

  deliver (fixture);
  g_assert_null (get_last_authorization (fixture));
}

#define ADD(path, func) g_test_add ("/secrets/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_dbus_unset ();

  ADD ("sent-and-kept", test_token_is_sent_and_kept);
  ADD ("logout", test_logout_forgets);
  ADD ("login/from-pipe", test_login_from_pipe);
  ADD ("login/at-terminal", test_login_at_terminal);
  ADD ("new-token-goes-on", test_new_token_goes_on);
  ADD ("environment-overrides", test_environment_overrides);
  ADD ("locked", test_locked);
  ADD ("unlocked-later", test_unlocked_later);
  ADD ("keyring-comes-later", test_keyring_comes_later);
  g_test_add ("/secrets/no-secret-service", Fixture, NULL, set_up_bare, test_no_secret_service,
              tear_down);

  return g_test_run ();
}
