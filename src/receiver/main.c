/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-locale.h"
#include "lamp-receiver.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#ifdef G_OS_UNIX
#include <glib-unix.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 8765
#define TOKEN_VARIABLE "LAMPPOST_RECEIVER_TOKEN"

/* Beside EXIT_SUCCESS and EXIT_FAILURE, as in the other programs. */
#define EXIT_USAGE 2

typedef struct
{
  char *address;    /* (owned) (nullable) */
  char *store;      /* (owned) (nullable) */
  char *token;      /* (owned) (nullable) */
  char *token_file; /* (owned) (nullable) */
  char **reject;    /* (owned) (nullable) */
  int port;
  gboolean version;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->address);
  g_free (self->store);
  g_free (self->token);
  g_free (self->token_file);
  g_strfreev (self->reject);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static int
fail (int         status,
      const char *message)
{
  g_printerr ("lamppost-receiver: %s\n", message);

  return status;
}

/* Others on the machine see a program's arguments for as long as it runs. The parser has
 * its own copy, so what stands there can be blotted out. */
static void
hide_token (char *arguments[])
{
  static const char option[] = "--token";
  const gsize length = strlen (option);

  for (gsize i = 1; arguments[i] != NULL && arguments[i - 1] != NULL; i++)
    {
      char *secret = NULL;

      if (g_str_equal (arguments[i - 1], option))
        secret = arguments[i];
      else if (strncmp (arguments[i], option, length) == 0 && arguments[i][length] == '=')
        secret = arguments[i] + length + 1;

      if (secret != NULL)
        memset (secret, '*', strlen (secret));
    }
}

static gboolean
parse_options (Options *options,
               int      argc,
               char    *argv[],
               GError **error)
{
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &options->port,
      /* TRANSLATORS: “(8765)” is what holds where nothing is given */
      N_("Port to listen on, 0 for any that is free (8765)"), N_("PORT") },
    { "address", 'a', 0, G_OPTION_ARG_STRING, &options->address,
      /* TRANSLATORS: “(127.0.0.1)” is what holds where nothing is given */
      N_("Address to listen on (127.0.0.1)"), N_("ADDRESS") },
    { "store", 's', 0, G_OPTION_ARG_FILENAME, &options->store,
      N_("File that keeps the events, :memory: for none"), N_("FILE") },
    { "token-file", 0, 0, G_OPTION_ARG_FILENAME, &options->token_file,
      N_("File with the token that senders must know"), N_("FILE") },
    { "token", 0, 0, G_OPTION_ARG_STRING, &options->token,
      N_("The token itself; better use a file or the variable LAMPPOST_RECEIVER_TOKEN"),
      N_("TOKEN") },
    { "reject", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->reject,
      N_("Reject events of this type, for trying out (may be repeated)"), N_("TYPE") },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, N_("Print the version and exit"),
      NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autofree char **arguments = g_memdup2 (argv, sizeof (char *) * (argc + 1));
  gboolean parsed;

  g_option_context_set_summary (context, _("Receives events from Lamppost and keeps them."));
  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  parsed = g_option_context_parse (context, &argc, &argv, error);
  hide_token (arguments);

  if (parsed && argc > 1)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, _("“%s” is one word too many"),
                 argv[1]);

  return parsed && argc == 1;
}

static gboolean
check_options (const Options *options,
               GError       **error)
{
  const char *message = NULL;

  if (options->port < 0 || options->port > G_MAXUINT16)
    message = _("A port is a number from 0 to 65535");
  else if (options->address != NULL && !g_hostname_is_ip_address (options->address))
    message = _("The address must be numeric, like 127.0.0.1 or ::1");
  else if (options->token != NULL && options->token_file != NULL)
    message = _("Give the token only once");
  else if (options->token != NULL && *options->token == '\0')
    message = _("The token is empty");

  if (message != NULL)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);

  return message == NULL;
}

/* Leaves NULL where no token was given; a file without one is a mistake. */
static gboolean
read_token (const Options *options,
            char         **token,
            GError       **error)
{
  const char *variable = g_getenv (TOKEN_VARIABLE);
  g_autofree char *text = NULL;

  if (options->token_file != NULL)
    {
      if (!g_file_get_contents (options->token_file, &text, NULL, error))
        return FALSE;

      if (*g_strstrip (text) == '\0')
        {
          g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, _("The file %s holds no token"),
                       options->token_file);
          return FALSE;
        }
    }
  else if (options->token != NULL)
    {
      text = g_strdup (options->token);
    }
  else if (variable != NULL && *variable != '\0')
    {
      text = g_strdup (variable);
    }

  *token = g_steal_pointer (&text);

  return TRUE;
}

static LampReceiverStore *
open_store (const Options *options,
            GError       **error)
{
  g_autofree char *path = g_strdup (options->store);
  LampReceiverStore *store;

  if (path == NULL)
    path = g_build_filename (g_get_user_data_dir (), "lamppost-receiver", "events.db", NULL);

  store = lamp_receiver_store_open (path, error);
  if (store == NULL)
    /* TRANSLATORS: the reason follows; keep the space at the end */
    g_prefix_error (error, _("Cannot open the store: "));

  return store;
}

static void
warn_if_open (const char *address,
              const char *token)
{
  g_autoptr (GInetAddress) inet_address = g_inet_address_new_from_string (address);

  if (token == NULL && inet_address != NULL && !g_inet_address_get_is_loopback (inet_address))
    g_printerr (_("There is no token: whoever reaches %s can read and add events. "
                  "Use --token-file.\n"),
                address);
}

#ifdef G_OS_UNIX
static gboolean
end_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);

  return G_SOURCE_CONTINUE;
}
#endif

static void
serve (LampReceiver *receiver)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autofree char *url = lamp_receiver_dup_url (receiver);

#ifdef G_OS_UNIX
  guint term_id = g_unix_signal_add (SIGTERM, end_cb, loop);
  guint interrupt_id = g_unix_signal_add (SIGINT, end_cb, loop);
#endif

  /* Programs read this line, so it is the same in every language. */
  g_print ("Listening on %s\n", url);
  fflush (stdout);

  g_main_loop_run (loop);

#ifdef G_OS_UNIX
  g_source_remove (term_id);
  g_source_remove (interrupt_id);
#endif
}

static int
run (const Options *options)
{
  const char *address = options->address != NULL ? options->address : "127.0.0.1";
  g_autoptr (LampReceiverStore) store = NULL;
  g_autoptr (LampReceiver) receiver = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *token = NULL;

  if (!read_token (options, &token, &error))
    return fail (EXIT_FAILURE, error->message);

  store = open_store (options, &error);
  if (store == NULL)
    return fail (EXIT_FAILURE, error->message);

  receiver = lamp_receiver_new (address, options->port, token, store);
  lamp_receiver_set_reject_types (receiver, (const char *const *) options->reject);

  if (!lamp_receiver_listen (receiver, &error))
    {
      /* TRANSLATORS: the reason follows; keep the space at the end */
      g_prefix_error (&error, _("Cannot listen on %s, port %d: "), address, options->port);
      return fail (EXIT_FAILURE, error->message);
    }

  warn_if_open (address, token);
  serve (receiver);

  return EXIT_SUCCESS;
}

int
main (int   argc,
      char *argv[])
{
  g_auto (Options) options = { .port = DEFAULT_PORT };
  g_autoptr (GError) error = NULL;

  lamp_locale_init ();

  /* Scripts read the one line on standard output. */
  g_log_writer_default_set_use_stderr (TRUE);

  if (!parse_options (&options, argc, argv, &error))
    return fail (EXIT_USAGE, error->message);

  if (options.version)
    {
      g_print ("lamppost-receiver %s\n", LAMP_VERSION);
      return EXIT_SUCCESS;
    }

  if (!check_options (&options, &error))
    return fail (EXIT_USAGE, error->message);

  return run (&options);
}
