/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-blot.h"

#include <string.h>

/* A shorter piece of a token tells nothing, and common words would be hit. */
#define PIECE_MIN 4

static void
replace_token (GString    *text,
               const char *token)
{
  gsize length = strlen (token);

  g_string_replace (text, token, "…", 0);

  /* Words are cut somewhere, perhaps within the token. */
  for (gsize n = MIN (length - 1, text->len); n >= PIECE_MIN; n--)
    if (memcmp (text->str + text->len - n, token, n) == 0)
      {
        g_string_truncate (text, text->len - n);
        g_string_append (text, "…");
        break;
      }
}

static void
blot (const char *token,
      char      **text)
{
  g_autoptr (GString) string = NULL;
  g_auto (GStrv) pieces = NULL;
  g_autofree char *escaped = NULL;

  if (*text == NULL)
    return;

  /* What is quoted as JSON may have its slashes escaped. */
  pieces = g_strsplit (token, "/", -1);
  escaped = g_strjoinv ("\\/", pieces);
  string = g_string_new (*text);
  replace_token (string, token);
  replace_token (string, escaped);
  g_free (*text);
  *text = g_string_free (g_steal_pointer (&string), FALSE);
}

void
lamp_blot_outcome (LampOutcome *outcome,
                   const char  *token)
{
  g_return_if_fail (outcome != NULL);
  g_return_if_fail (token != NULL && *token != '\0');

  blot (token, &outcome->message);
  for (guint i = 0; i < outcome->n_verdicts; i++)
    {
      blot (token, &outcome->verdicts[i].code);
      blot (token, &outcome->verdicts[i].message);
    }
}
