/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-hosts.h"

struct _LampMenuHosts
{
  GHashTable *hosts; /* (owned) name on the bus → Host */
};

typedef struct
{
  guint watch_id;
  GHashTable *levels; /* (owned) id of a submenu → revision at which its items were read */
} Host;

static void
host_free (gpointer data)
{
  Host *host = data;

  g_bus_unwatch_name (host->watch_id);
  g_hash_table_unref (host->levels);
  g_free (host);
}

LampMenuHosts *
lamp_menu_hosts_new (void)
{
  LampMenuHosts *self = g_new0 (LampMenuHosts, 1);

  self->hosts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, host_free);

  return self;
}

void
lamp_menu_hosts_free (LampMenuHosts *self)
{
  g_hash_table_unref (self->hosts);
  g_free (self);
}

void
lamp_menu_hosts_clear (LampMenuHosts *self)
{
  g_hash_table_remove_all (self->hosts);
}

static void
vanished_cb (GDBusConnection *connection,
             const char      *name,
             gpointer         user_data)
{
  LampMenuHosts *self = user_data;

  g_hash_table_remove (self->hosts, name);
}

static Host *
ensure_host (LampMenuHosts         *self,
             GDBusMethodInvocation *invocation,
             const char            *name)
{
  Host *host = g_hash_table_lookup (self->hosts, name);

  if (host == NULL)
    {
      host = g_new0 (Host, 1);
      host->levels = g_hash_table_new (NULL, NULL);
      host->watch_id =
        g_bus_watch_name_on_connection (g_dbus_method_invocation_get_connection (invocation), name,
                                        G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, vanished_cb, self,
                                        NULL);
      g_hash_table_insert (self->hosts, g_strdup (name), host);
    }

  return host;
}

static gboolean
is_gone (gpointer id,
         gpointer revision,
         gpointer tree)
{
  return lamp_menu_tree_lookup (tree, GPOINTER_TO_INT (id)) == NULL;
}

static void
add_levels (Host         *host,
            LampMenuItem *item,
            int           depth,
            guint32       revision)
{
  if (depth == 0 || item->kind != LAMP_MENU_ITEM_SUBMENU)
    return;

  g_hash_table_insert (host->levels, GINT_TO_POINTER (item->id), GUINT_TO_POINTER (revision));
  for (guint i = 0; i < item->children->len; i++)
    add_levels (host, item->children->pdata[i], depth > 0 ? depth - 1 : depth, revision);
}

void
lamp_menu_hosts_add (LampMenuHosts         *self,
                     GDBusMethodInvocation *invocation,
                     LampMenuTree          *tree,
                     LampMenuItem          *item,
                     int                    depth,
                     guint32                revision)
{
  const char *name = g_dbus_method_invocation_get_sender (invocation);
  Host *host;

  /* Without a bus between there are no names. */
  if (name == NULL)
    return;

  host = ensure_host (self, invocation, name);
  g_hash_table_foreach_remove (host->levels, is_gone, tree);
  add_levels (host, item, depth, revision);
}

gboolean
lamp_menu_hosts_is_behind (LampMenuHosts         *self,
                           GDBusMethodInvocation *invocation,
                           LampMenuItem          *item)
{
  const char *name = g_dbus_method_invocation_get_sender (invocation);
  Host *host = name != NULL ? g_hash_table_lookup (self->hosts, name) : NULL;
  gpointer revision;

  return host != NULL &&
         g_hash_table_lookup_extended (host->levels, GINT_TO_POINTER (item->id), NULL, &revision) &&
         GPOINTER_TO_UINT (revision) < item->changed;
}
