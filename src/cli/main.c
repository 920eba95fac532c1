/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-text.h"
#include "lamp-cli.h"
#include "lamp-locale.h"

#include <glib/gi18n.h>

/* In the order in which the help lists them: what is done most first. */
static const LampCliCommand commands[] = {
  /* TRANSLATORS: words in capitals stand for what is given; the same as in each command’s help */
  { "emit", N_("-m MISSION -t TYPE [-p JSON]"), N_("Store an event and send it"), lamp_cli_emit },
  { "status", NULL, N_("Tell what is going on"), lamp_cli_status },
  { "list", NULL, N_("List events, the newest first"), lamp_cli_list },
  { "show", N_("ID"), N_("Show one event"), lamp_cli_show },
  { "replay", NULL, N_("Send what waits, now"), lamp_cli_replay },
  { "resend", N_("ID… | --all"), N_("Put failed events back to pending"), lamp_cli_resend },
  { "discard", N_("ID…"), N_("Delete failed events"), lamp_cli_discard },
  { "import", N_("FILE…"), N_("Add events from another queue"), lamp_cli_import },
  { "export", NULL, N_("Print the events as JSON lines, the oldest first"), lamp_cli_export },
  { "watch", NULL, N_("Tell of everything as it happens"), lamp_cli_watch },
  { "login", NULL, N_("Store the token for the server"), lamp_cli_login },
  { "logout", NULL, N_("Forget the token"), lamp_cli_logout },
  { "pause", NULL, N_("Hold replay back"), lamp_cli_pause },
  { "unpause", NULL, N_("Let replay go on; also the consent to a new server"), lamp_cli_unpause },
  { "doctor", NULL, N_("Find out what is wrong, and what to do"), lamp_cli_doctor },
  { "open", NULL, N_("Open the window"), lamp_cli_open_window },
};

static char *
dup_usage (const LampCliCommand *command)
{
  const char *arguments = command->arguments;

  return g_strjoin (" ", command->name, arguments != NULL ? _(arguments) : NULL, NULL);
}

static void
print_help (void)
{
  gsize width = 0;

  g_print (
    _("Usage:\n  lamppost COMMAND [OPTION…]\n\n"
      "Keeps events safe until the team server has taken them.\n\n"
      "Commands:\n"));

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *usage = dup_usage (&commands[i]);

      width = MAX (width, lamp_cli_text_width (usage));
    }

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *usage = dup_usage (&commands[i]);
      g_autoptr (GString) line = g_string_new (NULL);

      lamp_cli_pad (line, usage, width);
      g_print ("  %s  %s\n", line->str, _(commands[i].summary));
    }

  g_print (
    _("\n“lamppost COMMAND --help” tells about a command’s options.\n"
      "“lamppost --version” prints the version.\n"
      "Ends with 0 if done, 1 if it failed, 2 if the command line is wrong,\n"
      "3 if the agent or the queue is out of reach.\n"));
}

static const LampCliCommand *
find_command (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (commands[i].name, name))
      return &commands[i];

  return NULL;
}

static LampCliExit
refuse (const char *message)
{
  lamp_cli_complain (message);
  g_printerr ("%s\n", _("“lamppost --help” lists the commands."));

  return LAMP_CLI_USAGE;
}

static LampCliExit
refuse_word (const char *word)
{
  g_autofree char *valid = g_utf8_make_valid (word, -1);
  g_autofree char *message = NULL;

  message = g_strdup_printf (*word == '-' ? _("There is no option “%s”.")
                                          : _("There is no command “%s”."),
                             valid);

  return refuse (message);
}

static LampCliExit
run (char ***arguments)
{
  const char *word = (*arguments)[0];
  g_auto (LampCli) cli = { NULL };

  if (word == NULL)
    return refuse (_("A command is missing."));

  if (g_str_equal (word, "--help") || g_str_equal (word, "-h"))
    {
      print_help ();
      return LAMP_CLI_DONE;
    }

  if (g_str_equal (word, "--version"))
    {
      g_print ("lamppost " LAMP_VERSION "\n");
      return LAMP_CLI_DONE;
    }

  cli.command = find_command (word);
  if (cli.command == NULL)
    return refuse_word (word);

  /* The command stands where GOption expects the program's name. */
  return cli.command->run (&cli, arguments);
}

int
main (int   argc,
      char *argv[])
{
  g_auto (GStrv) arguments = NULL;
  LampCliExit code;

  lamp_locale_init ();
  g_set_prgname ("lamppost");

  arguments = g_strdupv (argc > 0 ? argv + 1 : argv);
  code = run (&arguments);

  if (!lamp_cli_flush ())
    {
      /* A reader that has read enough is no error to speak of. */
      if (lamp_cli_has_reader ())
        lamp_cli_complain (_("What was to be printed could not be written."));
      code = code == LAMP_CLI_DONE ? LAMP_CLI_FAILED : code;
    }

  return code;
}
