/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* This installation as a node of the Lamport clock (section 3 of the specification). */

/**
 * lamp_node_default_id:
 *
 * Makes the id that this installation has unless a setting names another one: the
 * first 12 hexadecimal digits, in lower case, of the SHA-256 of "hostname:username".
 * That is what the other tool on this machine calls itself too.
 *
 * Returns: (transfer full): the id
 */
char    *lamp_node_default_id       (void);

/**
 * lamp_node_dup_project_uuid:
 * @node_id: the id of a node
 *
 * Makes the project_uuid of events whose caller gives none: a UUID of version 5
 * (RFC 4122, named by SHA-1) of @node_id in a namespace of ours, so it is the same
 * each time for the same node.
 *
 * Returns: (transfer full): the UUID, 36 characters in lower case
 */
char    *lamp_node_dup_project_uuid (const char *node_id);

G_END_DECLS
