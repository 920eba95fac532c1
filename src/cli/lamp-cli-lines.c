/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-lines.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)

/* In milliseconds. A program that writes steadily never waits so long between two lines; a
 * person who looks at the ids doesn't feel it. */
#define PAUSE 100

struct _LampCliLines
{
  GString *buffer; /* (owned) what was read and not forgotten yet */
  gsize position;  /* where the next line starts in it */
  gsize searched;  /* up to here there is no line's end */
  guint64 number;
  int fd;
  gboolean ended;
};

LampCliLines *
lamp_cli_lines_new (int fd)
{
  LampCliLines *self = g_new0 (LampCliLines, 1);

  self->buffer = g_string_new (NULL);
  self->fd = fd;

  return self;
}

void
lamp_cli_lines_free (LampCliLines *self)
{
  g_string_free (self->buffer, TRUE);
  g_free (self);
}

guint64
lamp_cli_lines_get_number (LampCliLines *self)
{
  return self->number;
}

/* Appends what comes next; at the end nothing. */
static gboolean
read_some (int       fd,
           GString  *buffer,
           gboolean *ended,
           GError  **error)
{
  gsize before = buffer->len;
  gssize n_read;
  int code;

  g_string_set_size (buffer, before + READ_BYTES);
  do
    n_read = read (fd, buffer->str + before, READ_BYTES);
  while (n_read < 0 && errno == EINTR);
  code = errno;

  g_string_truncate (buffer, before + MAX (n_read, 0));
  *ended = n_read == 0;

  if (n_read < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                 _("Standard input can’t be read: %s"), g_strerror (code));

  return n_read >= 0;
}

/* Ends the line that starts at the position, @length bytes long. */
static LampCliLineResult
take_line (LampCliLines *self,
           gsize         length,
           const char  **line,
           gsize        *line_length)
{
  char *start = self->buffer->str + self->position;

  start[length] = '\0';
  self->position = MIN (self->position + length + 1, self->buffer->len);
  self->searched = self->position;
  self->number++;

  if (length > 0 && start[length - 1] == '\r')
    start[--length] = '\0';

  *line = start;
  *line_length = length;

  return LAMP_CLI_LINE;
}

static void
forget_lines (LampCliLines *self)
{
  g_string_erase (self->buffer, 0, self->position);
  self->searched -= self->position;
  self->position = 0;
}

static gboolean
is_silent (LampCliLines *self)
{
  GPollFD poll = { .fd = self->fd, .events = G_IO_IN };

  return g_poll (&poll, 1, PAUSE) == 0;
}

static gboolean
check_length (LampCliLines *self,
              GError      **error)
{
  if (self->buffer->len <= LAMP_CLI_LINE_MAX)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
               _("Line %" PRIu64 " is longer than %d MiB"), self->number + 1,
               LAMP_CLI_LINE_MAX / (1024 * 1024));

  return FALSE;
}

LampCliLineResult
lamp_cli_lines_next (LampCliLines *self,
                     gboolean      notice_pause,
                     const char  **line,
                     gsize        *length,
                     GError      **error)
{
  for (;;)
    {
      const char *start = self->buffer->str + self->position;
      const char *end = memchr (self->buffer->str + self->searched, '\n',
                                self->buffer->len - self->searched);

      if (end != NULL)
        return take_line (self, end - start, line, length);

      if (self->ended)
        break;

      self->searched = self->buffer->len;
      forget_lines (self);
      if (!check_length (self, error))
        return LAMP_CLI_LINE_ERROR;

      if (notice_pause && is_silent (self))
        return LAMP_CLI_LINE_PAUSE;

      if (!read_some (self->fd, self->buffer, &self->ended, error))
        return LAMP_CLI_LINE_ERROR;
    }

  if (self->position == self->buffer->len)
    return LAMP_CLI_LINE_END;

  return take_line (self, self->buffer->len - self->position, line, length);
}

char *
lamp_cli_read_all (int      fd,
                   GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean ended = FALSE;

  while (!ended)
    {
      if (!read_some (fd, text, &ended, error))
        return NULL;

      if (text->len > LAMP_CLI_LINE_MAX)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                       _("Standard input is longer than %d MiB"),
                       LAMP_CLI_LINE_MAX / (1024 * 1024));
          return NULL;
        }
    }

  /* What is handed on is a C string. */
  if (memchr (text->str, '\0', text->len) != NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           _("Standard input holds a NUL byte"));
      return NULL;
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}
