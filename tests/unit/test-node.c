/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-node.h"

#include <string.h>

static void
test_default_id_is_twelve_hex_digits (void)
{
  g_autofree char *id = lamp_node_default_id ();

  g_assert_cmpuint (strlen (id), ==, 12);
  g_assert_cmpuint (strspn (id, "0123456789abcdef"), ==, 12);
}

static void
test_default_id_is_the_hash_of_host_and_user (void)
{
  g_autofree char *name = g_strdup_printf ("%s:%s", g_get_host_name (), g_get_user_name ());
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);
  g_autofree char *id = lamp_node_default_id ();

  g_assert_true (g_str_has_prefix (hash, id));
}

static void
test_default_id_is_stable (void)
{
  g_autofree char *first = lamp_node_default_id ();
  g_autofree char *second = lamp_node_default_id ();

  g_assert_cmpstr (first, ==, second);
}

/* Another value here would move every event of every installation to another project. */
static void
test_project_uuid_is_stable (void)
{
  g_autofree char *uuid = lamp_node_dup_project_uuid ("abcdef012345");

  g_assert_cmpstr (uuid, ==, "97e0f67f-0c8d-549c-b280-2937d9c6650b");
}

static void
test_project_uuid_has_version_five (void)
{
  static const char *const ids[] = { "", "a", "abcdef012345", "node of Zoë" };

  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      g_autofree char *uuid = lamp_node_dup_project_uuid (ids[i]);

      g_assert_true (g_uuid_string_is_valid (uuid));
      g_assert_cmpint (uuid[14], ==, '5');
      g_assert_nonnull (strchr ("89ab", uuid[19]));
    }
}

static void
test_project_uuid_differs_by_node (void)
{
  g_autofree char *first = lamp_node_dup_project_uuid ("abcdef012345");
  g_autofree char *second = lamp_node_dup_project_uuid ("abcdef012346");

  g_assert_cmpstr (first, !=, second);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/node/default-id-is-twelve-hex-digits", test_default_id_is_twelve_hex_digits);
  g_test_add_func ("/node/default-id-is-the-hash-of-host-and-user",
                   test_default_id_is_the_hash_of_host_and_user);
  g_test_add_func ("/node/default-id-is-stable", test_default_id_is_stable);
  g_test_add_func ("/node/project-uuid-is-stable", test_project_uuid_is_stable);
  g_test_add_func ("/node/project-uuid-has-version-five", test_project_uuid_has_version_five);
  g_test_add_func ("/node/project-uuid-differs-by-node", test_project_uuid_differs_by_node);

  return g_test_run ();
}
