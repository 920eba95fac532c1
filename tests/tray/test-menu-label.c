/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-label.h"

#include <string.h>

#define FSI "\xe2\x81\xa8"
#define PDI "\xe2\x81\xa9"

static void
assert_label (const char *text,
              const char *expected)
{
  g_autofree char *label = lamp_menu_escape_label (text);

  g_assert_cmpstr (label, ==, expected);
}

static void
test_words (void)
{
  assert_label ("", "");
  assert_label ("CommentPosted", "CommentPosted");
  assert_label ("a_b & <c>", "a__b & <c>");
  assert_label ("__", "____");
  assert_label ("Größe €", "Größe €");
}

static void
test_gaps (void)
{
  assert_label (" two\twords \r\n", "two words");
  assert_label (
    "a\x01\x7f"
    "b\xe2\x80\xa8"
    "c\xc2\x85"
    "d",
    "a b c d");
  assert_label ("\n\n", "");
  assert_label (
    "bad \xff"
    "byte",
    "bad \xef\xbf\xbd"
    "byte");
}

static void
test_direction (void)
{
  /* An override would write the rest of the row backwards. */
  assert_label (
    "a\xe2\x80\xae"
    "b\xe2\x81\xa9"
    "c\xd8\x9c"
    "d",
    "abcd");
  assert_label ("\xd7\xa9\xd7\x9c", FSI "\xd7\xa9\xd7\x9c" PDI);
  assert_label ("x \xd8\xb3_", FSI "x \xd8\xb3__" PDI);
}

static void
test_length (void)
{
  g_autofree char *sixty = g_strnfill (60, 'x');
  g_autofree char *more = g_strnfill (10000, 'x');
  g_autofree char *cut = g_strdup_printf ("%.59s…", more);
  g_autofree char *underscores = g_strnfill (100, '_');
  g_autofree char *spaces = g_strdup_printf ("%s  \n ", sixty);
  g_autofree char *label = lamp_menu_escape_label (underscores);

  assert_label (sixty, sixty);
  assert_label (spaces, sixty);
  assert_label (more, cut);

  /* Doubling them makes it no longer on the screen. */
  g_assert_cmpuint (strspn (label, "_"), ==, 118);
  g_assert_cmpstr (label + 118, ==, "…");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/menu-label/words", test_words);
  g_test_add_func ("/menu-label/gaps-are-one-space", test_gaps);
  g_test_add_func ("/menu-label/direction-stays-inside", test_direction);
  g_test_add_func ("/menu-label/is-cut", test_length);

  return g_test_run ();
}
