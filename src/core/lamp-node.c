/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-node.h"

#include <string.h>

#define DEFAULT_ID_DIGITS 12

#define UUID_BYTES 16
#define SHA1_BYTES 20

/* The namespace of our projects' UUIDs. Made once at random; another one would give every
 * installation another project. */
static const guint8 namespace[UUID_BYTES] = {
  0x5e, 0x0c, 0x47, 0x9b, 0x21, 0xd3, 0x4f, 0x86, 0x9a, 0x6e, 0xf2, 0x58, 0x0b, 0xc1, 0x74, 0x3d,
};

char *
lamp_node_default_id (void)
{
  g_autofree char *name = g_strdup_printf ("%s:%s", g_get_host_name (), g_get_user_name ());
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);

  return g_strndup (digest, DEFAULT_ID_DIGITS);
}

/* The layout and the name-based version 5 of RFC 4122, sections 4.1 and 4.3. */
char *
lamp_node_dup_project_uuid (const char *node_id)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  guint8 b[SHA1_BYTES];
  gsize length = sizeof b;

  g_return_val_if_fail (node_id != NULL, NULL);

  g_checksum_update (checksum, namespace, sizeof namespace);
  g_checksum_update (checksum, (const guchar *) node_id, strlen (node_id));
  g_checksum_get_digest (checksum, b, &length);

  b[6] = (b[6] & 0x0f) | 0x50;
  b[8] = (b[8] & 0x3f) | 0x80;

  return g_strdup_printf ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                          b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                          b[12], b[13], b[14], b[15]);
}
