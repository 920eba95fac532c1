/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-exporter.h"

#include <glib/gi18n-lib.h>

#include "lamp-menu-bus.h"
#include "lamp-menu-hosts.h"

/* Of the protocol, not of the menu: from 3 on hosts use the calls for groups. */
#define PROTOCOL_VERSION 3

struct _LampMenuExporter
{
  GObject parent_instance;

  GMenuModel *menu;      /* (owned) */
  GActionGroup *actions; /* (owned) */
  LampMenuBus *bus;      /* (owned) */
  LampMenuTree *tree;    /* (owned) (nullable) what hosts know; NULL before the first export */
  LampMenuHosts *hosts;  /* (owned) */
  guint32 revision;      /* of the layout; grows with each change of it */
  gint32 last_id;        /* given to an item; no id is given twice */
  guint batch_id;        /* 0 while hosts know everything */
};

G_DEFINE_FINAL_TYPE (LampMenuExporter, lamp_menu_exporter, G_TYPE_OBJECT)

enum
{
  OPENED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static gboolean
is_exported (LampMenuExporter *self)
{
  return g_dbus_interface_skeleton_get_connection (G_DBUS_INTERFACE_SKELETON (self->bus)) != NULL;
}

/* Change */

static gboolean batch_cb (gpointer user_data);

static void
queue_batch (LampMenuExporter *self)
{
  if (is_exported (self) && self->batch_id == 0)
    self->batch_id = g_idle_add_full (G_PRIORITY_DEFAULT, batch_cb, self, NULL);
}

static void
watch_new_models (LampMenuExporter *self,
                  LampMenuTree     *tree,
                  LampMenuTree     *before)
{
  GHashTableIter iter;
  gpointer model;

  g_hash_table_iter_init (&iter, tree->models);
  while (g_hash_table_iter_next (&iter, &model, NULL))
    {
      if (before == NULL || !g_hash_table_contains (before->models, model))
        g_signal_connect_swapped (model, "items-changed", G_CALLBACK (queue_batch), self);
    }
}

static void
unwatch_old_models (LampMenuExporter *self,
                    LampMenuTree     *tree,
                    LampMenuTree     *before)
{
  GHashTableIter iter;
  gpointer model;

  g_hash_table_iter_init (&iter, before->models);
  while (g_hash_table_iter_next (&iter, &model, NULL))
    {
      if (tree == NULL || !g_hash_table_contains (tree->models, model))
        g_signal_handlers_disconnect_by_func (model, queue_batch, self);
    }
}

static void
set_tree (LampMenuExporter *self,
          LampMenuTree     *tree)
{
  if (tree != NULL)
    watch_new_models (self, tree, self->tree);
  if (self->tree != NULL)
    unwatch_old_models (self, tree, self->tree);
  g_clear_pointer (&self->tree, lamp_menu_tree_free);
  self->tree = tree;
}

/* From here on the answers are those of the menu as it is now. */
static LampMenuChange *
take_change (LampMenuExporter *self)
{
  LampMenuTree *tree = lamp_menu_tree_new (self->menu, self->actions);
  LampMenuChange *change = lamp_menu_tree_follow (tree, self->tree, &self->last_id,
                                                  self->revision + 1);

  g_clear_handle_id (&self->batch_id, g_source_remove);
  set_tree (self, tree);
  if (change->layout)
    self->revision++;

  return change;
}

/* Properties go first: they are of items that hosts know already. */
static void
emit_change (LampMenuExporter *self,
             LampMenuChange   *change)
{
  if (change->properties != NULL)
    lamp_menu_bus_emit_items_properties_updated (self->bus, change->properties,
                                                 g_variant_new ("a(ias)", NULL));

  /* Always of the whole menu: Plasma overhears the next one of a submenu that it has read while
   * opening it. It asks for each submenu when that is opened, see needs_reading(). */
  if (change->layout)
    lamp_menu_bus_emit_layout_updated (self->bus, self->revision, 0);
}

static gboolean
batch_cb (gpointer user_data)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (user_data);
  g_autoptr (LampMenuChange) change = NULL;

  self->batch_id = 0;
  change = take_change (self);
  emit_change (self, change);

  return G_SOURCE_REMOVE;
}

/* Hosts */

/* Whether a host has to read the items of a menu before it shows them. The menu itself it reads
 * when it is told that the layout has changed, so that is needed only if it couldn't be told yet.
 * Plasma reads submenus when they are opened, and then never again unless this says so. */
static gboolean
needs_reading (LampMenuExporter      *self,
               GDBusMethodInvocation *invocation,
               gint32                 id,
               LampMenuChange        *change)
{
  LampMenuItem *item = lamp_menu_tree_lookup (self->tree, id);

  if (id == 0)
    return change != NULL && change->layout;

  return item != NULL && lamp_menu_hosts_is_behind (self->hosts, invocation, item);
}

static LampMenuItem *
find_item (LampMenuExporter      *self,
           GDBusMethodInvocation *invocation,
           gint32                 id)
{
  LampMenuItem *item = lamp_menu_tree_lookup (self->tree, id);

  if (item == NULL)
    g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                                           "The menu has no entry %d.", id);

  return item;
}

/* Answers */

static gboolean
handle_get_layout (LampMenuBus           *bus,
                   GDBusMethodInvocation *invocation,
                   int                    id,
                   int                    depth,
                   const char *const     *names,
                   gpointer               user_data)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (user_data);
  LampMenuItem *item = find_item (self, invocation, id);

  if (item == NULL)
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  lamp_menu_hosts_add (self->hosts, invocation, self->tree, item, depth, self->revision);
  lamp_menu_bus_complete_get_layout (bus, invocation, self->revision,
                                     lamp_menu_item_layout (item, depth, names));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
add_properties (GVariantBuilder   *builder,
                LampMenuItem      *item,
                const char *const *names)
{
  g_autoptr (GVariant) properties = lamp_menu_item_filter (item, names);

  g_variant_builder_add (builder, "(i@a{sv})", item->id, properties);
}

static void
add_all_properties (GVariantBuilder   *builder,
                    LampMenuItem      *item,
                    const char *const *names)
{
  add_properties (builder, item, names);
  for (guint i = 0; i < item->children->len; i++)
    add_all_properties (builder, item->children->pdata[i], names);
}

static gboolean
handle_get_group_properties (LampMenuBus           *bus,
                             GDBusMethodInvocation *invocation,
                             GVariant              *ids,
                             const char *const     *names,
                             gpointer               user_data)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (user_data);
  GVariantBuilder builder;
  GVariantIter iter;
  gint32 id;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ia{sv})"));
  if (g_variant_n_children (ids) == 0)
    add_all_properties (&builder, self->tree->root, names);

  g_variant_iter_init (&iter, ids);
  while (g_variant_iter_next (&iter, "i", &id))
    {
      LampMenuItem *item = lamp_menu_tree_lookup (self->tree, id);

      if (item != NULL)
        add_properties (&builder, item, names);
    }
  lamp_menu_bus_complete_get_group_properties (bus, invocation, g_variant_builder_end (&builder));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_get_property (LampMenuBus           *bus,
                     GDBusMethodInvocation *invocation,
                     int                    id,
                     const char            *name,
                     gpointer               user_data)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (user_data);
  LampMenuItem *item = find_item (self, invocation, id);
  g_autoptr (GVariant) value = NULL;

  if (item == NULL)
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  value = lamp_menu_item_property (item, name);
  if (value == NULL)
    g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                                           "Entries of a menu have no property “%s”.", name);
  else
    lamp_menu_bus_complete_get_property (bus, invocation, g_variant_new_variant (value));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* What the person saw is what is done; but whether it can be done is asked now, since the host may
 * not know yet that it can't. */
static void
click (LampMenuExporter *self,
       LampMenuItem     *item)
{
  g_autoptr (GVariant) target = item->target != NULL ? g_variant_ref (item->target) : NULL;
  g_autofree char *name = g_strdup (item->action);
  LampMenuAction action = lamp_menu_action_query (self->actions, name, target);

  if (item->kind == LAMP_MENU_ITEM_PLAIN && action.enabled)
    g_action_group_activate_action (self->actions, action.name, target);
}

/* The host has its answer: some hosts, and the panel that they are part of, stand still until
 * then. The item may be gone by now, if an event before this one has changed the menu. */
static void
act (LampMenuExporter *self,
     gint32            id,
     const char       *event)
{
  LampMenuItem *item = lamp_menu_tree_lookup (self->tree, id);

  if (item != NULL && g_str_equal (event, "clicked"))
    click (self, item);
  else if (id == 0 && g_str_equal (event, "opened"))
    g_signal_emit (self, signals[OPENED], 0);
}

static gboolean
handle_event (LampMenuBus           *bus,
              GDBusMethodInvocation *invocation,
              int                    id,
              const char            *event,
              GVariant              *data,
              guint                  timestamp,
              gpointer               user_data)
{
  g_autoptr (LampMenuExporter) self = g_object_ref (LAMP_MENU_EXPORTER (user_data));

  if (find_item (self, invocation, id) == NULL)
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  lamp_menu_bus_complete_event (bus, invocation);
  act (self, id, event);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* The protocol has an error for groups only if there is no item for any of the ids. */
static gboolean
check_group (GDBusMethodInvocation *invocation,
             gsize                  count,
             GArray                *unknown)
{
  if (count == 0 || unknown->len < count)
    return TRUE;

  g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                                         "The menu has none of these entries.");

  return FALSE;
}

static GVariant *
ids_to_variant (GArray *ids)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_INT32, ids->data, ids->len, sizeof (gint32));
}

static gboolean
handle_event_group (LampMenuBus           *bus,
                    GDBusMethodInvocation *invocation,
                    GVariant              *events,
                    gpointer               user_data)
{
  g_autoptr (LampMenuExporter) self = g_object_ref (LAMP_MENU_EXPORTER (user_data));
  g_autoptr (GArray) unknown = g_array_new (FALSE, FALSE, sizeof (gint32));
  GVariantIter iter;
  const char *name;
  gint32 id;

  g_variant_iter_init (&iter, events);
  while (g_variant_iter_next (&iter, "(i&svu)", &id, NULL, NULL, NULL))
    {
      if (lamp_menu_tree_lookup (self->tree, id) == NULL)
        g_array_append_val (unknown, id);
    }

  if (!check_group (invocation, g_variant_n_children (events), unknown))
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  lamp_menu_bus_complete_event_group (bus, invocation, ids_to_variant (unknown));

  g_variant_iter_init (&iter, events);
  while (g_variant_iter_next (&iter, "(i&svu)", &id, &name, NULL, NULL))
    act (self, id, name);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_about_to_show (LampMenuBus           *bus,
                      GDBusMethodInvocation *invocation,
                      int                    id,
                      gpointer               user_data)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (user_data);
  g_autoptr (LampMenuChange) change = NULL;

  if (find_item (self, invocation, id) == NULL)
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  if (self->batch_id != 0)
    change = take_change (self);
  lamp_menu_bus_complete_about_to_show (bus, invocation,
                                        needs_reading (self, invocation, id, change));

  /* After the answer: once it was told to read, Plasma overhears the next change of the layout,
   * which has to be this one. */
  if (change != NULL)
    emit_change (self, change);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_about_to_show_group (LampMenuBus           *bus,
                            GDBusMethodInvocation *invocation,
                            GVariant              *ids,
                            gpointer               user_data)
{
  g_autoptr (LampMenuExporter) self = g_object_ref (LAMP_MENU_EXPORTER (user_data));
  g_autoptr (LampMenuChange) change = NULL;
  g_autoptr (GArray) unknown = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) needed = g_array_new (FALSE, FALSE, sizeof (gint32));
  gsize count = 0;
  const gint32 *id = g_variant_get_fixed_array (ids, &count, sizeof (gint32));
  gboolean opened = FALSE;

  for (gsize i = 0; i < count; i++)
    {
      if (lamp_menu_tree_lookup (self->tree, id[i]) == NULL)
        g_array_append_val (unknown, id[i]);
      opened |= id[i] == 0;
    }
  if (!check_group (invocation, count, unknown))
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  if (self->batch_id != 0)
    change = take_change (self);
  for (gsize i = 0; i < count; i++)
    {
      if (needs_reading (self, invocation, id[i], change))
        g_array_append_val (needed, id[i]);
    }
  lamp_menu_bus_complete_about_to_show_group (bus, invocation, ids_to_variant (needed),
                                              ids_to_variant (unknown));
  if (change != NULL)
    emit_change (self, change);

  /* Those that ask for groups send no event when they open the menu itself. The others do; and
   * GNOME asks without a person, as soon as it sees the menu. */
  if (opened)
    g_signal_emit (self, signals[OPENED], 0);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
lamp_menu_exporter_dispose (GObject *object)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (object);

  lamp_menu_exporter_unexport (self);
  if (self->actions != NULL)
    g_signal_handlers_disconnect_by_data (self->actions, self);
  set_tree (self, NULL);
  g_clear_object (&self->menu);
  g_clear_object (&self->actions);

  G_OBJECT_CLASS (lamp_menu_exporter_parent_class)->dispose (object);
}

static void
lamp_menu_exporter_finalize (GObject *object)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (object);

  lamp_menu_hosts_free (self->hosts);
  g_signal_handlers_disconnect_by_data (self->bus, self);
  g_object_unref (self->bus);

  G_OBJECT_CLASS (lamp_menu_exporter_parent_class)->finalize (object);
}

static void
lamp_menu_exporter_class_init (LampMenuExporterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_menu_exporter_dispose;
  object_class->finalize = lamp_menu_exporter_finalize;

  signals[OPENED] = g_signal_new ("opened", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 0);
}

static void
lamp_menu_exporter_init (LampMenuExporter *self)
{
  static const char *const no_paths[] = { NULL };
  static const struct
  {
    const char *signal;
    GCallback handler;
  } handlers[] = {
    { "handle-get-layout", G_CALLBACK (handle_get_layout) },
    { "handle-get-group-properties", G_CALLBACK (handle_get_group_properties) },
    { "handle-get-property", G_CALLBACK (handle_get_property) },
    { "handle-event", G_CALLBACK (handle_event) },
    { "handle-event-group", G_CALLBACK (handle_event_group) },
    { "handle-about-to-show", G_CALLBACK (handle_about_to_show) },
    { "handle-about-to-show-group", G_CALLBACK (handle_about_to_show_group) },
  };
  /* TRANSLATORS: leave it as it is; where one writes from right to left, it is default:RTL */
  const char *direction = _("default:LTR");

  self->hosts = lamp_menu_hosts_new ();
  self->bus = lamp_menu_bus_skeleton_new ();
  for (guint i = 0; i < G_N_ELEMENTS (handlers); i++)
    g_signal_connect (self->bus, handlers[i].signal, handlers[i].handler, self);

  lamp_menu_bus_set_version (self->bus, PROTOCOL_VERSION);
  lamp_menu_bus_set_text_direction (self->bus,
                                    g_str_equal (direction, "default:RTL") ? "rtl" : "ltr");
  lamp_menu_bus_set_status (self->bus, "normal");
  lamp_menu_bus_set_icon_theme_path (self->bus, no_paths);
}

LampMenuExporter *
lamp_menu_exporter_new (GMenuModel   *menu,
                        GActionGroup *actions)
{
  static const char *const changes[] = { "action-added", "action-removed", "action-enabled-changed",
                                         "action-state-changed" };
  LampMenuExporter *self;

  g_return_val_if_fail (G_IS_MENU_MODEL (menu), NULL);
  g_return_val_if_fail (G_IS_ACTION_GROUP (actions), NULL);

  self = g_object_new (LAMP_TYPE_MENU_EXPORTER, NULL);
  self->menu = g_object_ref (menu);
  self->actions = g_object_ref (actions);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    g_signal_connect_swapped (actions, changes[i], G_CALLBACK (queue_batch), self);

  return self;
}

gboolean
lamp_menu_exporter_export (LampMenuExporter *self,
                           GDBusConnection  *connection,
                           const char       *object_path,
                           GError          **error)
{
  g_autoptr (LampMenuChange) change = NULL;

  g_return_val_if_fail (LAMP_IS_MENU_EXPORTER (self), FALSE);
  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), FALSE);
  g_return_val_if_fail (g_variant_is_object_path (object_path), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  lamp_menu_exporter_unexport (self);

  /* Nobody is there to be told; but whoever was there before the menu went away will read a
   * revision that has grown. */
  change = take_change (self);

  return g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->bus), connection,
                                           object_path, error);
}

void
lamp_menu_exporter_unexport (LampMenuExporter *self)
{
  g_return_if_fail (LAMP_IS_MENU_EXPORTER (self));

  g_clear_handle_id (&self->batch_id, g_source_remove);
  lamp_menu_hosts_clear (self->hosts);
  if (is_exported (self))
    g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->bus));
}

void
lamp_menu_exporter_set_status (LampMenuExporter *self,
                               const char       *status)
{
  g_return_if_fail (LAMP_IS_MENU_EXPORTER (self));
  g_return_if_fail (g_strcmp0 (status, "normal") == 0 || g_strcmp0 (status, "notice") == 0);

  lamp_menu_bus_set_status (self->bus, status);
}
