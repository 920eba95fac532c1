/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-label.h"

#define ELLIPSIS "…"
#define FIRST_STRONG_ISOLATE 0x2068
#define POP_ISOLATE 0x2069

/* Marks, embeddings, overrides and isolates: they belong to a text's layout, not to its words. */
static gboolean
is_direction (gunichar character)
{
  return character == 0x061c || character == 0x200e || character == 0x200f ||
         (character >= 0x202a && character <= 0x202e) ||
         (character >= 0x2066 && character <= 0x2069);
}

static gboolean
is_gap (gunichar character)
{
  return g_unichar_isspace (character) || g_unichar_iscntrl (character) || character == 0x2028 ||
         character == 0x2029;
}

static gboolean
is_right_to_left (gunichar character)
{
  switch (g_unichar_get_script (character))
    {
    case G_UNICODE_SCRIPT_ADLAM:
    case G_UNICODE_SCRIPT_ARABIC:
    case G_UNICODE_SCRIPT_HEBREW:
    case G_UNICODE_SCRIPT_MANDAIC:
    case G_UNICODE_SCRIPT_NKO:
    case G_UNICODE_SCRIPT_SAMARITAN:
    case G_UNICODE_SCRIPT_SYRIAC:
    case G_UNICODE_SCRIPT_THAANA:
      return TRUE;
    default:
      return FALSE;
    }
}

/* The words of a text, one space between them, and no more characters than a label may have. */
static char *
clean (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autoptr (GString) result = g_string_new (NULL);
  gsize kept = 0; /* bytes that stay if the ellipsis is needed */
  guint length = 0;
  gboolean gap = FALSE;

  for (const char *next = valid; *next != '\0'; next = g_utf8_next_char (next))
    {
      gunichar character = g_utf8_get_char (next);

      if (is_direction (character))
        continue;

      if (is_gap (character))
        {
          gap = result->len > 0;
          continue;
        }

      if (length + gap + 1 > LAMP_MENU_LABEL_MAX)
        {
          g_string_truncate (result, kept);
          g_string_append (result, ELLIPSIS);
          break;
        }

      if (gap)
        g_string_append_c (result, ' ');
      g_string_append_unichar (result, character);
      length += gap + 1;
      gap = FALSE;
      if (length < LAMP_MENU_LABEL_MAX)
        kept = result->len;
    }

  return g_string_free (g_steal_pointer (&result), FALSE);
}

char *
lamp_menu_escape_label (const char *text)
{
  g_autofree char *words = NULL;
  g_autoptr (GString) label = NULL;
  gboolean isolate = FALSE;

  g_return_val_if_fail (text != NULL, NULL);

  words = clean (text);
  label = g_string_new (NULL);
  for (const char *next = words; *next != '\0'; next = g_utf8_next_char (next))
    {
      gunichar character = g_utf8_get_char (next);

      isolate |= is_right_to_left (character);
      if (character == '_')
        g_string_append_c (label, '_');
      g_string_append_unichar (label, character);
    }

  if (isolate)
    {
      g_string_prepend_unichar (label, FIRST_STRONG_ISOLATE);
      g_string_append_unichar (label, POP_ISOLATE);
    }

  return g_string_free (g_steal_pointer (&label), FALSE);
}
