/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tls-words.h"

#include <glib/gi18n-lib.h>

/* Longer names are nobody's; a sentence must stay one. */
#define NAME_CHARACTERS 100
#define NAMES_MAX 3

static char *
dup_tidy (const char *text,
          gssize      length)
{
  g_autofree char *valid = g_utf8_make_valid (text, length);
  GString *tidied = g_string_new (NULL);
  const char *at = valid;

  for (guint i = 0; *at != '\0' && i < NAME_CHARACTERS; i++, at = g_utf8_next_char (at))
    {
      gunichar character = g_utf8_get_char (at);

      g_string_append_unichar (tidied, g_unichar_isprint (character) ? character : ' ');
    }

  return g_string_free (tidied, FALSE);
}

/* For whom a certificate is, the first few. */
static char *
dup_names (GTlsCertificate *certificate)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GString) list = g_string_new (NULL);
  g_autofree char *subject = NULL;

  if (certificate == NULL)
    return NULL;

  names = g_tls_certificate_get_dns_names (certificate);
  for (guint i = 0; names != NULL && i < MIN (names->len, NAMES_MAX); i++)
    {
      gsize length;
      const char *bytes = g_bytes_get_data (names->pdata[i], &length);
      g_autofree char *name = dup_tidy (bytes, length);

      g_string_append_printf (list, "%s%s", list->len > 0 ? ", " : "", name);
    }

  if (list->len > 0)
    return g_strdup (list->str);

  subject = g_tls_certificate_get_subject_name (certificate);

  return subject != NULL ? dup_tidy (subject, -1) : NULL;
}

static char *
dup_date (GDateTime *date)
{
  g_autoptr (GDateTime) utc = date != NULL ? g_date_time_to_utc (date) : NULL;

  return utc != NULL ? g_date_time_format (utc, "%Y-%m-%d %H:%M UTC") : g_strdup ("?");
}

static char *
words_for_name (const char      *host,
                GTlsCertificate *certificate)
{
  g_autofree char *names = dup_names (certificate);

  return g_strdup_printf (_("its certificate is for %s, not for %s. Check the server’s address; "
                            "perhaps this network wants you to sign in first"),
                          names != NULL ? names : "?", host);
}

static char *
words_for_expired (const char      *host,
                   GTlsCertificate *certificate)
{
  g_autoptr (GDateTime) end = certificate != NULL
                                ? g_tls_certificate_get_not_valid_after (certificate)
                                : NULL;
  g_autofree char *date = dup_date (end);

  return g_strdup_printf (_("its certificate ended on %s. Whoever runs the server must renew it; "
                            "if that date is still to come, set this machine’s clock"),
                          date);
}

static char *
words_for_not_yet (const char      *host,
                   GTlsCertificate *certificate)
{
  g_autoptr (GDateTime) begin = certificate != NULL
                                  ? g_tls_certificate_get_not_valid_before (certificate)
                                  : NULL;
  g_autofree char *date = dup_date (begin);

  return g_strdup_printf (_("its certificate begins only on %s. Check this machine’s clock; if it "
                            "is right, tell whoever runs the server"),
                          date);
}

static char *
words_for_unknown (const char      *host,
                   GTlsCertificate *certificate)
{
  g_autofree char *issuer = certificate != NULL ? g_tls_certificate_get_issuer_name (certificate)
                                                : NULL;
  g_autofree char *subject = certificate != NULL ? g_tls_certificate_get_subject_name (certificate)
                                                 : NULL;
  g_autofree char *shown = NULL;

  if (issuer != NULL && g_strcmp0 (issuer, subject) == 0)
    return g_strdup (
      _("its certificate is signed by nobody but itself. If the server is yours, "
        "add the certificate to those that this system trusts; if not, tell "
        "whoever runs it"));

  shown = issuer != NULL ? dup_tidy (issuer, -1) : g_strdup ("?");

  return g_strdup_printf (_("its certificate was signed by “%s”, which this system doesn’t know. "
                            "If you trust that authority, add its certificate to those that this "
                            "system trusts"),
                          shown);
}

static char *
words_for_revoked (const char      *host,
                   GTlsCertificate *certificate)
{
  return g_strdup (_("its certificate was revoked. Whoever runs the server must get a new one"));
}

static char *
words_for_weak (const char      *host,
                GTlsCertificate *certificate)
{
  return g_strdup (
    _("its certificate is made in a way that isn’t safe any more. Whoever runs the "
      "server must get a new one"));
}

/* Of several faults the first here is told: the one that explains the others. */
static const struct
{
  GTlsCertificateFlags flag;
  char *(*words) (const char *host, GTlsCertificate *certificate);
} faults[] = {
  { G_TLS_CERTIFICATE_BAD_IDENTITY, words_for_name },
  { G_TLS_CERTIFICATE_EXPIRED, words_for_expired },
  { G_TLS_CERTIFICATE_NOT_ACTIVATED, words_for_not_yet },
  { G_TLS_CERTIFICATE_REVOKED, words_for_revoked },
  { G_TLS_CERTIFICATE_UNKNOWN_CA, words_for_unknown },
  { G_TLS_CERTIFICATE_INSECURE, words_for_weak },
};

char *
lamp_tls_words (const char          *host,
                GTlsCertificate     *certificate,
                GTlsCertificateFlags errors)
{
  g_return_val_if_fail (host != NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (faults); i++)
    if ((errors & faults[i].flag) != 0)
      return faults[i].words (host, certificate);

  return g_strdup (_("its certificate can’t be checked. Tell whoever runs the server"));
}
