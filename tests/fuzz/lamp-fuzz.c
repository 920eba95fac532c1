/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fuzz.h"

#include <stdlib.h>
#include <string.h>

/* A criticism is a find like any other; GLib would end the program by a trap that libFuzzer
 * doesn't catch, and the input would be lost. */
static GLogWriterOutput
writer (GLogLevelFlags   level,
        const GLogField *fields,
        gsize            n_fields,
        gpointer         user_data)
{
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0)
    {
      g_log_writer_standard_streams (level, fields, n_fields, NULL);
      abort ();
    }

  return G_LOG_WRITER_HANDLED;
}

int
LLVMFuzzerInitialize (int    *argc,
                      char ***argv)
{
  g_log_set_writer_func (writer, NULL, NULL);

  return 0;
}

void
lamp_fuzz_assert_words (const char *text)
{
  g_assert_nonnull (text);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (; *text != '\0'; text = g_utf8_next_char (text))
    g_assert_false (g_unichar_iscntrl (g_utf8_get_char (text)));
}

char *
lamp_fuzz_take_line (const char **data,
                     const char  *end)
{
  const char *start = *data;
  const char *stop = start < end ? memchr (start, '\n', end - start) : NULL;

  *data = stop != NULL ? stop + 1 : end;

  return g_strndup (start, (stop != NULL ? stop : end) - start);
}

char *
lamp_fuzz_read_member (const LampJson *object,
                       const char     *name)
{
  LampJson value;

  g_assert_true (lamp_json_find (object, name, &value));
  g_assert_true (value.type == LAMP_JSON_STRING || value.type == LAMP_JSON_NULL);

  return lamp_json_dup_string (&value);
}
