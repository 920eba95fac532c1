/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-secret.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* No token is nearly so long. The buffer never grows: a copy left behind could not be wiped. */
#define SECRET_MAX_BYTES 8192

/* What ends a program that waits for a line; the terminal must show what is typed again then. */
static const int deadly[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };

static struct termios shown; /* how the terminal was */

static void
restore_and_die (int number)
{
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &shown);
  signal (number, SIG_DFL);
  raise (number);
}

static void
set_deadly (void (*handler) (int))
{
  for (gsize i = 0; i < G_N_ELEMENTS (deadly); i++)
    signal (deadly[i], handler);
}

/* Returns whether standard input is a terminal. */
static gboolean
hide_typing (void)
{
  struct termios hidden;

  if (tcgetattr (STDIN_FILENO, &shown) != 0)
    return FALSE;

  set_deadly (restore_and_die);
  hidden = shown;
  hidden.c_lflag &= ~(tcflag_t) ECHO;
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &hidden);

  return TRUE;
}

static void
show_typing (void)
{
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &shown);
  set_deadly (SIG_DFL);
  g_printerr ("\n");
}

/* Fills the buffer up to a line's end; returns the line's length or -1. */
static gssize
read_line (char    *buffer,
           gsize    size,
           GError **error)
{
  gsize length = 0;
  gssize n_read = 1;

  while (n_read > 0 && length < size && memchr (buffer, '\n', length) == NULL)
    {
      do
        n_read = read (STDIN_FILENO, buffer + length, size - length);
      while (n_read < 0 && errno == EINTR);

      length += MAX (n_read, 0);
    }

  if (n_read < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _("Standard input can’t be read: %s"),
                   g_strerror (errno));
      return -1;
    }

  return length;
}

static gboolean
check_secret (const char *secret,
              gsize       length,
              GError    **error)
{
  const char *message = NULL;

  if (length >= SECRET_MAX_BYTES)
    message = _("The token is too long.");
  else if (*secret == '\0')
    message = _("No token was given.");

  for (const char *byte = secret; message == NULL && *byte != '\0'; byte++)
    if (!g_ascii_isgraph (*byte))
      message = _("The token holds a character that no token has.");

  if (message != NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, message);

  return message == NULL;
}

char *
lamp_cli_read_secret (const char *prompt,
                      GError    **error)
{
  g_autoptr (LampCliSecret) secret = g_malloc0 (SECRET_MAX_BYTES + 1);
  gboolean terminal = hide_typing ();
  gssize length;

  if (terminal)
    g_printerr ("%s", prompt);

  length = read_line (secret, SECRET_MAX_BYTES, error);
  if (terminal)
    show_typing ();

  if (length < 0)
    return NULL;

  secret[strcspn (secret, "\n")] = '\0';
  g_strstrip (secret);

  return check_secret (secret, length, error) ? g_steal_pointer (&secret) : NULL;
}

void
lamp_cli_free_secret (char *secret)
{
  if (secret == NULL)
    return;

  explicit_bzero (secret, SECRET_MAX_BYTES + 1);
  g_free (secret);
}
