/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-url.h"

#include <string.h>

static void
test_takes (void)
{
  static const struct
  {
    const char *url;
    const char *origin;
  } cases[] = {
    { "https://example.org", "https://example.org" },
    { "  https://example.org\n", "https://example.org" },
    { "HTTPS://Example.ORG:443/", "https://example.org" },
    { "https://example.org./", "https://example.org" },
    { "https://example.org:8443/team/", "https://example.org:8443" },
    { "https://10.0.0.7", "https://10.0.0.7" },
    { "https://[FE80::1]", "https://[fe80::1]" },
    { "https://bücher.example", "https://xn--bcher-kva.example" },
    { "http://127.0.0.1:8765", "http://127.0.0.1:8765" },
    { "http://127.1.2.3", "http://127.1.2.3" },
    { "http://[::1]:8765/", "http://[::1]:8765" },
    { "http://localhost", "http://localhost" },
    { "http://LOCALHOST:80/", "http://localhost" },
    { "http://localhost.:8765", "http://localhost:8765" },
    { "http://team.localhost", "http://team.localhost" },
    { "http://team.localhost.", "http://team.localhost" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GUri) uri = lamp_url_parse_server (cases[i].url, FALSE, &error);
      g_autofree char *origin = NULL;

      g_assert_no_error (error);
      origin = lamp_url_dup_origin (uri);
      g_assert_cmpstr (origin, ==, cases[i].origin);
    }
}

/* http:// that leaves this machine, or may: whatever other programs make of such an address. */
static const char *const unprotected[] = {
  "http://example.org",
  "http://10.0.0.7",
  "http://127.0.0.1.example.org",
  "http://localhost.example.org",
  "http://notlocalhost",
  "http://localhost%2eexample.org",
  "http://0.0.0.0",
  "http://2130706433",
  "http://127.1",
  "http://0177.0.0.1",
  "http://0x7f.0.0.1",
  "http://[::]",
  "http://[::ffff:127.0.0.1]",
  "http://[::ffff:10.0.0.7]",
  "http://[fe80::1]",
  "http://.localhost.example.org",
};

static void
test_refuses_unprotected (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (unprotected); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GUri) allowed = NULL;

      g_test_message ("%s", unprotected[i]);
      g_assert_null (lamp_url_parse_server (unprotected[i], FALSE, &error));
      g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS);
      g_assert_nonnull (strstr (error->message, "allow-insecure-http"));
      allowed = lamp_url_parse_server (unprotected[i], TRUE, NULL);
      g_assert_nonnull (allowed);
      g_assert_false (lamp_url_is_loopback (allowed));
    }
}

static void
test_refuses_tricks (void)
{
  static const char *const urls[] = {
    "",
    "example.org",
    "localhost:8765",
    "ftp://example.org",
    "file:///etc/passwd",
    "https://",
    "https:///api",
    "https:example.org",
    "https://example.org:0",
    "https://example.org:99999",
    "https://example.org:port",
    "https://example.org/?a=b",
    "https://example.org/#a",
    "https://ada@example.org",
    "https://ada:hunter2@example.org",
    "https://ada:hunter2@example.org:port",
    "https://ada:hun ter2@exa[mple.org",
    "ada:hunter2@example.org",
    "http://127.0.0.1@example.org",
    "http://127.0.0.1:80@example.org",
    "http://localhost\\@example.org",
    "http://example.org\\@127.0.0.1",
    "http://127.0.0.1%2f.example.org",
    "http://127.0.0.1%00.example.org",
    "http://127.0.0.1 .example.org",
    "http://127.0.0.1\t.example.org",
    "http://[::1].example.org",
    "https://exam\nple.org",
    "https://exam\r\nple.org",
    "https://a b",
  };

  for (guint i = 0; i < G_N_ELEMENTS (urls); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (lamp_url_parse_server (urls[i], TRUE, &error));
      g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS);
      g_test_message ("%s", error->message);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_null (strstr (error->message, "hunter2"));
      g_assert_null (strstr (error->message, "hun ter2"));
      g_assert_null (strstr (error->message, "(null)"));
    }
}

static void
test_tells_origins_apart (void)
{
  static const struct
  {
    const char *a;
    const char *b;
    gboolean same;
  } cases[] = {
    { "https://example.org/a", "https://EXAMPLE.org:443/b", TRUE },
    { "https://example.org", "https://example.org.", TRUE },
    { "https://example.org", "http://example.org", FALSE },
    { "https://example.org", "https://example.org:8443", FALSE },
    { "https://example.org", "https://www.example.org", FALSE },
    { "http://127.0.0.1:80", "http://127.0.0.1", TRUE },
    { "http://127.0.0.1", "http://localhost", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GUri) a = lamp_url_parse_server (cases[i].a, TRUE, NULL);
      g_autoptr (GUri) b = lamp_url_parse_server (cases[i].b, TRUE, NULL);
      g_autofree char *origin_a = lamp_url_dup_origin (a);
      g_autofree char *origin_b = lamp_url_dup_origin (b);

      g_assert_cmpint (lamp_url_same_origin (a, b), ==, cases[i].same);
      g_assert_cmpint (g_str_equal (origin_a, origin_b), ==, cases[i].same);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/url/takes", test_takes);
  g_test_add_func ("/url/refuses-unprotected", test_refuses_unprotected);
  g_test_add_func ("/url/refuses-tricks", test_refuses_tricks);
  g_test_add_func ("/url/tells-origins-apart", test_tells_origins_apart);

  return g_test_run ();
}
