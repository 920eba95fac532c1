/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-host.h"

#include "lamp-test-util.h"

#define INTERFACE "com.canonical.dbusmenu"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* An item as the host has it. */
typedef struct
{
  gint32 id;
  GHashTable *properties; /* (owned) name → GVariant */
  GPtrArray *children;    /* (owned) of Node, which belong to the host */
} Node;

typedef struct
{
  char *name;
  GVariant *parameters;
} Signal;

struct _LampMenuHost
{
  LampMenuHostStyle style;
  GDBusConnection *connection; /* (owned) */
  char *bus_name;              /* (owned) */
  char *object_path;           /* (owned) */
  guint subscription;
  GQueue signals;       /* (owned) of Signal, not dealt with yet */
  GHashTable *nodes;    /* (owned) id → Node */
  GHashTable *deaf;     /* (owned) Plasma: menus whose next LayoutUpdated is overheard */
  guint32 revision;     /* libdbusmenu: of the layout that it has */
  gboolean open;        /* GNOME: it listens only then */
  gboolean old_layout;  /* GNOME: to be read again when it is opened */
  gboolean old_values;  /* GNOME: likewise */
  GAsyncResult *result; /* (owned) (nullable) of the call */
  gboolean waiting;     /* for an answer */
  guint n_before;       /* signals that came before the last answer and still wait */
};

/* The way in which a host takes what it reads over into what it has. */
typedef enum
{
  TAKE_ALL,     /* makes everything anew */
  TAKE_PRESENT, /* changes what is in the answer, but never what an item is */
  TAKE_NEW,     /* leaves the items that it has as they are */
} Take;

static const char *const all[] = { NULL };
static const char *const gnome_names[] = { "type", "children-display", NULL };
static const char *const gtk_names[] = {
  "type", "label", "visible", "enabled", "children-display", "accessible-desc", NULL,
};
static const char *const mate_names[] = {
  "accessible-desc",
  "children-display",
  "disposition",
  "enabled",
  "icon-data",
  "icon-name",
  "label",
  "shortcut",
  "toggle-type",
  "toggle-state",
  "type",
  "visible",
  NULL,
};

static void
node_free (gpointer data)
{
  Node *node = data;

  g_hash_table_unref (node->properties);
  g_ptr_array_unref (node->children);
  g_free (node);
}

static void
signal_free (gpointer data)
{
  Signal *signal = data;

  g_free (signal->name);
  g_variant_unref (signal->parameters);
  g_free (signal);
}

/* Calls */

static void
answer_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  LampMenuHost *self = user_data;

  self->result = g_object_ref (result);
  self->n_before = g_queue_get_length (&self->signals);
}

static GVariant *
call_interface (LampMenuHost *self,
                const char   *interface,
                const char   *method,
                GVariant     *parameters,
                GError      **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  /* One at a time: what comes in between waits, as it does for a host that stands still. */
  g_assert_false (self->waiting);
  self->waiting = TRUE;
  g_dbus_connection_call (self->connection, self->bus_name, self->object_path, interface, method,
                          parameters, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, answer_cb,
                          self);
  lamp_test_wait_until (self->result != NULL);
  self->waiting = FALSE;
  result = g_steal_pointer (&self->result);

  return g_dbus_connection_call_finish (self->connection, result, error);
}

/* What a host asks for an item that it doesn't know to be gone; real hosts log it and go on. */
static GVariant *
ask (LampMenuHost *self,
     const char   *method,
     GVariant     *parameters)
{
  g_autoptr (GError) error = NULL;
  GVariant *answer = call_interface (self, INTERFACE, method, parameters, &error);

  if (answer == NULL)
    g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS);

  return answer;
}

static void
ask_only (LampMenuHost *self,
          const char   *method,
          GVariant     *parameters)
{
  GVariant *answer = ask (self, method, parameters);

  g_clear_pointer (&answer, g_variant_unref);
}

/* What a host has */

static Node *
find_node (LampMenuHost *self,
           gint32        id)
{
  return g_hash_table_lookup (self->nodes, GINT_TO_POINTER (id));
}

static Node *
add_node (LampMenuHost *self,
          gint32        id)
{
  Node *node = g_new0 (Node, 1);

  node->id = id;
  node->properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify) g_variant_unref);
  node->children = g_ptr_array_new ();
  g_hash_table_insert (self->nodes, GINT_TO_POINTER (id), node);

  return node;
}

static void
set_property (Node       *node,
              const char *name,
              GVariant   *value)
{
  g_hash_table_insert (node->properties, g_strdup (name), g_variant_ref (value));
}

static gboolean
is_fixed (const char *name)
{
  return g_str_equal (name, "type") || g_str_equal (name, "toggle-type") ||
         g_str_equal (name, "children-display");
}

static void
set_properties (Node     *node,
                GVariant *properties,
                gboolean  fixed_too)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, properties);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      if (fixed_too || !is_fixed (name))
        set_property (node, name, value);
    }
}

static const char *
get_text (Node       *node,
          const char *name)
{
  GVariant *value = g_hash_table_lookup (node->properties, name);

  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
           ? g_variant_get_string (value, NULL)
           : "";
}

static gboolean
get_flag (Node       *node,
          const char *name)
{
  GVariant *value = g_hash_table_lookup (node->properties, name);

  return value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN) ||
         g_variant_get_boolean (value);
}

static gboolean
is_on (Node *node)
{
  GVariant *value = g_hash_table_lookup (node->properties, "toggle-state");

  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_INT32) &&
         g_variant_get_int32 (value) == 1;
}

static gboolean
is_submenu (Node *node)
{
  return g_str_equal (get_text (node, "children-display"), "submenu");
}

static void
drop_children (LampMenuHost *self,
               Node         *node)
{
  for (guint i = 0; i < node->children->len; i++)
    {
      Node *child = node->children->pdata[i];

      drop_children (self, child);
      g_hash_table_remove (self->nodes, GINT_TO_POINTER (child->id));
    }
  g_ptr_array_set_size (node->children, 0);
}

/* Those of @before that are no children of @node any more. */
static void
drop_others (LampMenuHost *self,
             Node         *node,
             GPtrArray    *before)
{
  for (guint i = 0; i < before->len; i++)
    {
      Node *child = before->pdata[i];

      if (!g_ptr_array_find (node->children, child, NULL))
        {
          drop_children (self, child);
          g_hash_table_remove (self->nodes, GINT_TO_POINTER (child->id));
        }
    }
}

/* Takes a layout over. New nodes are added to @fresh if that is not NULL. */
static void
take_layout (LampMenuHost *self,
             GVariant     *layout,
             Take          take,
             int           depth,
             GPtrArray    *fresh)
{
  g_autoptr (GVariant) properties = g_variant_get_child_value (layout, 1);
  g_autoptr (GVariant) children = g_variant_get_child_value (layout, 2);
  g_autoptr (GPtrArray) before = NULL;
  gint32 id;
  Node *node;

  g_variant_get_child (layout, 0, "i", &id);
  node = find_node (self, id);
  if (node == NULL)
    {
      node = add_node (self, id);
      set_properties (node, properties, TRUE);
      if (fresh != NULL)
        g_ptr_array_add (fresh, node);
    }
  else if (take == TAKE_PRESENT)
    set_properties (node, properties, FALSE);

  if (depth == 0)
    return;

  before = g_ptr_array_copy (node->children, NULL, NULL);
  g_ptr_array_set_size (node->children, 0);
  for (gsize i = 0; i < g_variant_n_children (children); i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (children, i);
      g_autoptr (GVariant) child = g_variant_get_variant (boxed);
      gint32 child_id;

      take_layout (self, child, take, depth - 1, fresh);
      g_variant_get_child (child, 0, "i", &child_id);
      g_ptr_array_add (node->children, find_node (self, child_id));
    }
  drop_others (self, node, before);
}

/* Returns: whether the item is still there */
static gboolean
read_layout (LampMenuHost      *self,
             gint32             id,
             int                depth,
             const char *const *names,
             Take               take,
             GPtrArray         *fresh)
{
  g_autoptr (GVariant) answer = ask (self, "GetLayout",
                                     g_variant_new ("(ii^as)", id, depth, names));
  g_autoptr (GVariant) layout = NULL;
  Node *node = find_node (self, id);

  if (answer == NULL)
    return FALSE;

  if (take == TAKE_ALL && node != NULL)
    drop_children (self, node);

  g_variant_get (answer, "(u@(ia{sv}av))", &self->revision, &layout);
  take_layout (self, layout, take, depth, fresh);

  return TRUE;
}

static void
read_properties (LampMenuHost *self,
                 GPtrArray    *nodes)
{
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GVariant) list = NULL;
  GVariantBuilder ids;
  GVariantIter iter;
  GVariant *properties;
  gint32 id;

  g_variant_builder_init (&ids, G_VARIANT_TYPE ("ai"));
  for (guint i = 0; i < nodes->len; i++)
    g_variant_builder_add (&ids, "i", ((Node *) nodes->pdata[i])->id);
  if (nodes->len == 0)
    {
      g_variant_builder_clear (&ids);
      return;
    }

  answer = ask (self, "GetGroupProperties", g_variant_new ("(ai^as)", &ids, all));
  list = g_variant_get_child_value (answer, 0);
  g_variant_iter_init (&iter, list);
  while (g_variant_iter_loop (&iter, "(i@a{sv})", &id, &properties))
    {
      Node *node = find_node (self, id);

      if (node != NULL)
        set_properties (node, properties, TRUE);
    }
}

/* Styles */

static void
read_gnome (LampMenuHost *self,
            gboolean      first)
{
  g_autoptr (GPtrArray) fresh = g_ptr_array_new ();

  self->old_layout = FALSE;
  read_layout (self, 0, -1, gnome_names, TAKE_NEW, fresh);
  if (first)
    ask_only (self, "AboutToShow", g_variant_new ("(i)", 0));
  g_ptr_array_remove (fresh, find_node (self, 0));
  read_properties (self, fresh);
}

static void
read_gnome_values (LampMenuHost *self)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer node;

  self->old_values = FALSE;
  g_hash_table_iter_init (&iter, self->nodes);
  while (g_hash_table_iter_next (&iter, NULL, &node))
    g_ptr_array_add (nodes, node);
  read_properties (self, nodes);
}

/* One call a level, as libdbusmenu does it. */
static void
read_gtk_level (LampMenuHost *self,
                Node         *node,
                GPtrArray    *fresh)
{
  g_autoptr (GPtrArray) level = g_ptr_array_new ();

  for (guint i = 0; i < node->children->len; i++)
    {
      if (g_ptr_array_find (fresh, node->children->pdata[i], NULL))
        g_ptr_array_add (level, node->children->pdata[i]);
    }
  read_properties (self, level);

  for (guint i = 0; i < node->children->len; i++)
    read_gtk_level (self, node->children->pdata[i], fresh);
}

static void
read_gtk (LampMenuHost *self)
{
  g_autoptr (GPtrArray) fresh = g_ptr_array_new ();

  read_layout (self, 0, -1, gtk_names, TAKE_NEW, fresh);
  read_gtk_level (self, find_node (self, 0), fresh);
}

static void
read_lxqt (LampMenuHost *self,
           gint32        id)
{
  g_autoptr (GArray) submenus = g_array_new (FALSE, FALSE, sizeof (gint32));
  Node *node;

  if (!read_layout (self, id, 1, all, TAKE_ALL, NULL))
    return;

  node = find_node (self, id);
  for (guint i = 0; i < node->children->len; i++)
    {
      Node *child = node->children->pdata[i];

      if (is_submenu (child))
        g_array_append_val (submenus, child->id);
    }
  for (guint i = 0; i < submenus->len; i++)
    read_lxqt (self, g_array_index (submenus, gint32, i));
}

static void
read_first (LampMenuHost *self)
{
  g_autoptr (GVariant) values = NULL;
  g_autoptr (GError) error = NULL;

  switch (self->style)
    {
    case LAMP_MENU_HOST_PLASMA:
      read_layout (self, 0, 1, all, TAKE_PRESENT, NULL);
      break;
    case LAMP_MENU_HOST_LXQT:
      read_lxqt (self, 0);
      break;
    case LAMP_MENU_HOST_GNOME:
    case LAMP_MENU_HOST_GTK:
      values = call_interface (self, PROPERTIES, "GetAll", g_variant_new ("(s)", INTERFACE),
                               &error);
      g_assert_no_error (error);
      if (self->style == LAMP_MENU_HOST_GNOME)
        read_gnome (self, TRUE);
      else
        read_gtk (self);
      break;
    case LAMP_MENU_HOST_MATE:
      read_layout (self, 0, -1, mate_names, TAKE_ALL, NULL);
      break;
    case LAMP_MENU_HOST_SWAY:
      break;
    case LAMP_MENU_HOST_N_STYLES:
    default:
      g_assert_not_reached ();
    }
}

static void
deal_with_layout (LampMenuHost *self,
                  guint32       revision,
                  gint32        parent)
{
  switch (self->style)
    {
    case LAMP_MENU_HOST_PLASMA:
      if (!g_hash_table_remove (self->deaf, GINT_TO_POINTER (parent)) &&
          find_node (self, parent) != NULL)
        read_layout (self, parent, 1, all, TAKE_PRESENT, NULL);
      break;
    case LAMP_MENU_HOST_LXQT:
      read_lxqt (self, parent);
      break;
    case LAMP_MENU_HOST_GNOME:
      if (self->open || find_node (self, 0)->children->len == 0)
        read_gnome (self, FALSE);
      else
        self->old_layout = TRUE;
      break;
    case LAMP_MENU_HOST_GTK:
      if (revision > self->revision)
        read_gtk (self);
      break;
    case LAMP_MENU_HOST_MATE:
      read_layout (self, 0, -1, mate_names, TAKE_ALL, NULL);
      break;
    case LAMP_MENU_HOST_SWAY:
    case LAMP_MENU_HOST_N_STYLES:
    default:
      break;
    }
}

static void
deal_with_properties (LampMenuHost *self,
                      GVariant     *updated,
                      GVariant     *removed)
{
  GVariantIter iter;
  GVariant *properties;
  const char **names;
  gint32 id;

  if (self->style == LAMP_MENU_HOST_GNOME && !self->open)
    {
      self->old_values = TRUE;
      return;
    }

  g_variant_iter_init (&iter, updated);
  while (g_variant_iter_loop (&iter, "(i@a{sv})", &id, &properties))
    {
      Node *node = find_node (self, id);

      if (node != NULL)
        set_properties (node, properties, self->style != LAMP_MENU_HOST_PLASMA);
    }

  g_variant_iter_init (&iter, removed);
  while (g_variant_iter_loop (&iter, "(i^a&s)", &id, &names))
    {
      Node *node = find_node (self, id);

      for (guint i = 0; node != NULL && names[i] != NULL; i++)
        g_hash_table_remove (node->properties, names[i]);
    }
}

static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *name,
           GVariant        *parameters,
           gpointer         user_data)
{
  LampMenuHost *self = user_data;
  Signal *signal = g_new0 (Signal, 1);

  signal->name = g_strdup (name);
  signal->parameters = g_variant_ref (parameters);
  g_queue_push_tail (&self->signals, signal);
}

static void
deal_with_signals (LampMenuHost *self,
                   guint         count)
{
  Signal *signal;

  while (count-- > 0 && (signal = g_queue_pop_head (&self->signals)) != NULL)
    {
      if (g_str_equal (signal->name, "LayoutUpdated"))
        {
          guint32 revision;
          gint32 parent;

          g_variant_get (signal->parameters, "(ui)", &revision, &parent);
          deal_with_layout (self, revision, parent);
        }
      else if (g_str_equal (signal->name, "ItemsPropertiesUpdated"))
        {
          g_autoptr (GVariant) updated = g_variant_get_child_value (signal->parameters, 0);
          g_autoptr (GVariant) removed = g_variant_get_child_value (signal->parameters, 1);

          deal_with_properties (self, updated, removed);
        }
      signal_free (signal);
    }
}

LampMenuHost *
lamp_menu_host_new (LampMenuHostStyle style,
                    GDBusConnection  *connection,
                    const char       *bus_name,
                    const char       *object_path)
{
  LampMenuHost *self = g_new0 (LampMenuHost, 1);

  self->style = style;
  self->connection = g_object_ref (connection);
  self->bus_name = g_strdup (bus_name);
  self->object_path = g_strdup (object_path);
  self->nodes = g_hash_table_new_full (NULL, NULL, NULL, node_free);
  self->deaf = g_hash_table_new (NULL, NULL);
  self->subscription = g_dbus_connection_signal_subscribe (connection, bus_name, INTERFACE, NULL,
                                                           object_path, NULL,
                                                           G_DBUS_SIGNAL_FLAGS_NONE, signal_cb,
                                                           self, NULL);
  read_first (self);

  return self;
}

void
lamp_menu_host_free (LampMenuHost *self)
{
  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_queue_clear_full (&self->signals, signal_free);
  g_hash_table_unref (self->nodes);
  g_hash_table_unref (self->deaf);
  g_object_unref (self->connection);
  g_free (self->bus_name);
  g_free (self->object_path);
  g_free (self);
}

const char *
lamp_menu_host_style_name (LampMenuHostStyle style)
{
  static const char *const names[LAMP_MENU_HOST_N_STYLES] = { "plasma", "lxqt", "gnome",
                                                              "gtk",    "mate", "sway" };

  return names[style];
}

void
lamp_menu_host_settle (LampMenuHost *self)
{
  do
    {
      g_autoptr (GVariant) version = NULL;
      g_autoptr (GError) error = NULL;

      deal_with_signals (self, G_MAXUINT);

      /* What the menu has sent before its answer is here with that. */
      version = call_interface (self, PROPERTIES, "Get",
                                g_variant_new ("(ss)", INTERFACE, "Version"), &error);
      g_assert_no_error (error);
    }
  while (!g_queue_is_empty (&self->signals));
}

/* What a person does */

static void
send_event (LampMenuHost *self,
            gint32        id,
            const char   *event,
            GVariant     *data)
{
  ask_only (self, "Event", g_variant_new ("(isvu)", id, event, data, 0));
}

static gboolean
about_to_show (LampMenuHost *self,
               gint32        id)
{
  g_autoptr (GVariant) answer = ask (self, "AboutToShow", g_variant_new ("(i)", id));
  gboolean needed = FALSE;

  if (answer != NULL)
    g_variant_get (answer, "(b)", &needed);

  return needed;
}

static void
open_plasma (LampMenuHost *self,
             gint32        id)
{
  gboolean needed = about_to_show (self, id);
  Node *node;

  /* What came before the answer, this host has dealt with when that comes. */
  deal_with_signals (self, self->n_before);
  node = find_node (self, id);
  if (node != NULL && (needed || node->children->len == 0))
    {
      g_hash_table_add (self->deaf, GINT_TO_POINTER (id));
      read_layout (self, id, 1, all, TAKE_PRESENT, NULL);
    }
  send_event (self, id, "opened", g_variant_new_string (""));
}

static void
open_gnome (LampMenuHost *self,
            gint32        id)
{
  self->open = TRUE;
  send_event (self, id, "opened", g_variant_new_int32 (0));
  if (about_to_show (self, id) || self->old_layout)
    read_gnome (self, FALSE);
  if (self->old_values)
    read_gnome_values (self);
}

static void
open_gtk (LampMenuHost *self,
          gint32        id)
{
  g_autoptr (GVariant) answer = ask (self, "AboutToShowGroup",
                                     g_variant_new_parsed ("([%i],)", id));
  g_autoptr (GVariant) needed = NULL;

  if (answer != NULL)
    {
      needed = g_variant_get_child_value (answer, 0);
      if (g_variant_n_children (needed) > 0)
        read_gtk (self);
    }
  if (id != 0)
    ask_only (self, "EventGroup", g_variant_new_parsed ("([(%i, 'opened', <0>, uint32 7)],)", id));
}

void
lamp_menu_host_open (LampMenuHost *self,
                     gint32        id)
{
  switch (self->style)
    {
    case LAMP_MENU_HOST_PLASMA:
      open_plasma (self, id);
      break;
    case LAMP_MENU_HOST_LXQT:
      if (about_to_show (self, id))
        read_lxqt (self, id);
      send_event (self, id, "opened", g_variant_new_string (""));
      break;
    case LAMP_MENU_HOST_GNOME:
      open_gnome (self, id);
      break;
    case LAMP_MENU_HOST_GTK:
      open_gtk (self, id);
      break;
    case LAMP_MENU_HOST_MATE:
      send_event (self, id, "opened", g_variant_new_string (""));
      if (about_to_show (self, id))
        read_layout (self, 0, -1, mate_names, TAKE_ALL, NULL);
      break;
    case LAMP_MENU_HOST_SWAY:
      about_to_show (self, id);
      send_event (self, id, "opened", g_variant_new_byte (0));
      if (id == 0)
        read_layout (self, 0, -1, all, TAKE_ALL, NULL);
      break;
    case LAMP_MENU_HOST_N_STYLES:
    default:
      g_assert_not_reached ();
    }
  deal_with_signals (self, G_MAXUINT);
}

void
lamp_menu_host_close (LampMenuHost *self,
                      gint32        id)
{
  if (self->style == LAMP_MENU_HOST_GTK)
    {
      if (id != 0)
        ask_only (self, "EventGroup",
                  g_variant_new_parsed ("([(%i, 'closed', <0>, uint32 7)],)", id));
    }
  else
    send_event (self, id, "closed", g_variant_new_string (""));

  if (id == 0)
    self->open = FALSE;
}

static gboolean
can_open (Node *node)
{
  return is_submenu (node) && get_flag (node, "enabled") && get_flag (node, "visible");
}

static void
collect_submenus (Node   *node,
                  GArray *ids)
{
  for (guint i = 0; i < node->children->len; i++)
    {
      Node *child = node->children->pdata[i];

      if (can_open (child))
        g_array_append_val (ids, child->id);
    }
}

static void
open_below (LampMenuHost *self,
            gint32        id)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  lamp_menu_host_open (self, id);
  if (find_node (self, id) == NULL)
    return;

  collect_submenus (find_node (self, id), ids);
  for (guint i = 0; i < ids->len; i++)
    {
      if (lamp_menu_host_has (self, g_array_index (ids, gint32, i)))
        open_below (self, g_array_index (ids, gint32, i));
    }
}

void
lamp_menu_host_open_all (LampMenuHost *self)
{
  open_below (self, 0);
}

gboolean
lamp_menu_host_click (LampMenuHost *self,
                      gint32        id,
                      GError      **error)
{
  g_autoptr (GVariant) answer = NULL;
  GVariant *data = self->style == LAMP_MENU_HOST_SWAY    ? g_variant_new_byte (0)
                   : self->style == LAMP_MENU_HOST_GNOME ? g_variant_new_int32 (0)
                                                         : g_variant_new_string ("");

  if (self->style == LAMP_MENU_HOST_PLASMA || self->style == LAMP_MENU_HOST_LXQT)
    lamp_menu_host_close (self, 0);

  if (self->style == LAMP_MENU_HOST_GTK)
    {
      g_variant_unref (g_variant_ref_sink (data));
      answer = call_interface (self, INTERFACE, "EventGroup",
                               g_variant_new_parsed ("([(%i, 'clicked', <0>, uint32 7)],)", id),
                               error);
    }
  else
    answer = call_interface (self, INTERFACE, "Event",
                             g_variant_new ("(isvu)", id, "clicked", data, 0), error);

  return answer != NULL;
}

/* What a person sees */

static char *
strip (const char *label)
{
  GString *text = g_string_new (NULL);

  for (const char *next = label; *next != '\0'; next++)
    {
      if (*next != '_' || *++next != '\0')
        g_string_append_c (text, *next);
    }

  return g_string_free (text, FALSE);
}

static gint32
find_label (Node       *node,
            const char *label)
{
  for (guint i = 0; i < node->children->len; i++)
    {
      Node *child = node->children->pdata[i];
      g_autofree char *text = strip (get_text (child, "label"));
      gint32 found = -1;

      if (!get_flag (child, "visible"))
        continue;

      if (g_str_equal (text, label))
        return child->id;

      if (can_open (child))
        found = find_label (child, label);
      if (found >= 0)
        return found;
    }

  return -1;
}

gint32
lamp_menu_host_find (LampMenuHost *self,
                     const char   *label)
{
  Node *root = find_node (self, 0);

  return root != NULL ? find_label (root, label) : -1;
}

gboolean
lamp_menu_host_has (LampMenuHost *self,
                    gint32        id)
{
  return find_node (self, id) != NULL;
}

static void
show_node (Node    *node,
           int      depth,
           GString *text)
{
  const char *toggle = get_text (node, "toggle-type");
  const char *icon = get_text (node, "icon-name");

  g_string_append_printf (text, "%*s", 2 * depth, "");
  if (g_str_equal (get_text (node, "type"), "separator"))
    {
      g_string_append (text, "---\n");
      return;
    }

  if (g_str_equal (toggle, "radio"))
    g_string_append (text, is_on (node) ? "(x) " : "( ) ");
  else if (g_str_equal (toggle, "checkmark"))
    g_string_append (text, is_on (node) ? "[x] " : "[ ] ");
  g_string_append (text, get_text (node, "label"));
  if (*icon != '\0')
    g_string_append_printf (text, " {%s}", icon);
  if (is_submenu (node))
    g_string_append (text, " >");
  if (!get_flag (node, "enabled"))
    g_string_append (text, " (off)");
  g_string_append_c (text, '\n');
}

static void
show_children (Node    *node,
               int      depth,
               GString *text)
{
  for (guint i = 0; i < node->children->len; i++)
    {
      Node *child = node->children->pdata[i];

      if (!get_flag (child, "visible"))
        continue;

      show_node (child, depth, text);
      if (can_open (child))
        show_children (child, depth + 1, text);
    }
}

char *
lamp_menu_host_show (LampMenuHost *self)
{
  Node *root = find_node (self, 0);
  GString *text = g_string_new (NULL);

  if (root != NULL)
    show_children (root, 0, text);

  return g_string_free (text, FALSE);
}
