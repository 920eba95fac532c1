/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-url.h"

#include "lamp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define HTTP_PORT 80
#define HTTPS_PORT 443

/* What is left of a host once GLib has decoded it; anything else is a trick or a slip. */
#define HOST_CHARACTERS G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS ".-_:%"

static gboolean
is_http (GUri *uri)
{
  return g_str_equal (g_uri_get_scheme (uri), "http");
}

char *
lamp_url_dup_shown (const char *url)
{
  const char *at = strrchr (url, '@');
  const char *host = strstr (url, "://");
  char *shown;

  host = host != NULL && at != NULL && host < at ? host + strlen ("://") : url;
  shown = at == NULL ? g_strdup (url) : g_strdup_printf ("%.*s…%s", (int) (host - url), url, at);

  return g_strdelimit (shown, "\t\n\r", ' ');
}

static gboolean
refuse (const char *url,
        const char *why,
        GError    **error)
{
  g_autofree char *shown = lamp_url_dup_shown (url);

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
               _("The server’s address “%s” can’t be used: %s"), shown, why);

  return FALSE;
}

static gboolean
check (const char *url,
       GUri       *uri,
       gboolean    allow_insecure,
       const char *problem,
       GError    **error)
{
  const char *host = uri != NULL ? g_uri_get_host (uri) : NULL;

  if (strstr (url, "://") == NULL)
    return refuse (url, _("it must begin with https:// (or http:// on this machine)"), error);

  if (uri == NULL)
    return refuse (url, problem, error);

  if (!is_http (uri) && !g_str_equal (g_uri_get_scheme (uri), "https"))
    return refuse (url, _("it must begin with https:// (or http:// on this machine)"), error);

  if (host == NULL || *host == '\0')
    return refuse (url, _("it names no host"), error);

  if (host[strspn (host, HOST_CHARACTERS)] != '\0')
    return refuse (url, _("no host has such a name"), error);

  if (g_uri_get_port (uri) == 0)
    return refuse (url, _("there is no port 0"), error);

  if (g_uri_get_userinfo (uri) != NULL || g_uri_get_query (uri) != NULL ||
      g_uri_get_fragment (uri) != NULL)
    return refuse (url, _("it must hold no user name, no “?” and no “#”"), error);

  if (is_http (uri) && !allow_insecure && !lamp_url_is_loopback (uri))
    return refuse (url,
                   _("http:// would send the token and the events unprotected; use https://, or "
                     "turn on the setting “allow-insecure-http”"),
                   error);

  return TRUE;
}

GUri *
lamp_url_parse_server (const char *url,
                       gboolean    allow_insecure,
                       GError    **error)
{
  g_autoptr (GUri) uri = NULL;
  g_autoptr (GError) problem = NULL;
  g_autofree char *text = NULL;

  g_return_val_if_fail (url != NULL, NULL);

  text = g_strstrip (g_strdup (url));
  uri = g_uri_parse (text, LAMP_URL_FLAGS, &problem);

  if (!check (text, uri, allow_insecure, problem != NULL ? problem->message : NULL, error))
    return NULL;

  return g_steal_pointer (&uri);
}

/* A name may end with the dot of the root, and case means nothing. */
static char *
dup_plain_host (GUri *uri)
{
  char *host = g_ascii_strdown (g_uri_get_host (uri), -1);
  gsize length = strlen (host);

  if (length > 1 && host[length - 1] == '.')
    host[length - 1] = '\0';

  return host;
}

gboolean
lamp_url_is_loopback (GUri *uri)
{
  g_autofree char *host = dup_plain_host (uri);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  if (address != NULL)
    return g_inet_address_get_is_loopback (address);

  return g_str_equal (host, "localhost") || g_str_has_suffix (host, ".localhost");
}

gboolean
lamp_url_same_origin (GUri *a,
                      GUri *b)
{
  g_autofree char *host_a = dup_plain_host (a);
  g_autofree char *host_b = dup_plain_host (b);

  return g_str_equal (g_uri_get_scheme (a), g_uri_get_scheme (b)) && g_str_equal (host_a, host_b) &&
         g_uri_get_port (a) == g_uri_get_port (b);
}

char *
lamp_url_dup_origin (GUri *uri)
{
  g_autofree char *host = dup_plain_host (uri);
  int default_port = is_http (uri) ? HTTP_PORT : HTTPS_PORT;
  int port = g_uri_get_port (uri);

  return g_uri_join (G_URI_FLAGS_NONE, g_uri_get_scheme (uri), NULL, host,
                     port == default_port ? -1 : port, "", NULL, NULL);
}
