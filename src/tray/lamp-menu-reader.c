/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-reader.h"

#include "lamp-menu-exporter.h"

/* A bus ends the connection of who sends a message of more than 64 levels. Each level of a menu
 * takes three of them. */
#define DEPTH_MAX 16

typedef struct
{
  GActionGroup *actions;
  GHashTable *models;
} Reader;

/* A model that is being read, and those that it is in. */
typedef struct _Frame
{
  const struct _Frame *outer;
  GMenuModel *model;
} Frame;

/* One level of the menu while it is read. */
typedef struct
{
  LampMenuItem *item;
  GHashTable *keys; /* (owned) how many items there are of each sort */
  guint depth;
  gboolean gap; /* whether a section begins or has ended here */
} Level;

static void read_model (Reader *self, Level *level, GMenuModel *model, const Frame *outer);

/* What makes an entry another one for a host, which takes all this only once, and what makes it
 * another one for its author. Of those that are alike in it, which of them it is. */
static char *
make_key (Level        *level,
          LampMenuItem *item,
          const char   *name)
{
  g_autofree char *target = item->target != NULL ? g_variant_print (item->target, TRUE) : NULL;
  g_autofree char *sort = NULL;
  guint count;
  char *key;

  if (name != NULL)
    sort = g_strdup_printf ("%d %d %d name %s", item->kind, item->toggle, item->icon != NULL, name);
  else
    sort = g_strdup_printf ("%d %d %d action %s %s", item->kind, item->toggle, item->icon != NULL,
                            item->action != NULL ? item->action : "", target != NULL ? target : "");

  count = GPOINTER_TO_UINT (g_hash_table_lookup (level->keys, sort));
  key = g_strdup_printf ("%u %s", count, sort);
  g_hash_table_insert (level->keys, g_steal_pointer (&sort), GUINT_TO_POINTER (count + 1));

  return key;
}

static void
append (Level        *level,
        LampMenuItem *item,
        const char   *name)
{
  item->key = make_key (level, item, name);
  g_ptr_array_add (level->item->children, item);
}

static void
append_gap (Level *level)
{
  if (level->gap && level->item->children->len > 0)
    append (level, lamp_menu_item_new (LAMP_MENU_ITEM_SEPARATOR), NULL);
  level->gap = FALSE;
}

static char *
get_string (GMenuModel *model,
            int         position,
            const char *attribute)
{
  char *text = NULL;

  g_menu_model_get_item_attribute (model, position, attribute, "s", &text);

  return text;
}

static char *
get_icon (GMenuModel *model,
          int         position,
          const char *attribute)
{
  g_autoptr (GVariant) value = g_menu_model_get_item_attribute_value (model, position, attribute,
                                                                      NULL);
  g_autoptr (GIcon) icon = value != NULL ? g_icon_deserialize (value) : NULL;

  return G_IS_THEMED_ICON (icon) ? g_strdup (g_themed_icon_get_names (G_THEMED_ICON (icon))[0])
                                 : NULL;
}

/* What an item shows of its action: whether there is one, and how it stands. */
static void
apply_action (Reader       *self,
              LampMenuItem *item,
              GMenuModel   *model,
              int           position)
{
  g_autofree char *hidden_when = get_string (model, position, "hidden-when");
  LampMenuAction action;

  item->action = get_string (model, position, G_MENU_ATTRIBUTE_ACTION);
  if (item->action != NULL)
    item->target = g_menu_model_get_item_attribute_value (model, position, G_MENU_ATTRIBUTE_TARGET,
                                                          NULL);

  action = lamp_menu_action_query (self->actions, item->action, item->target);
  item->enabled = action.enabled;
  if (item->kind == LAMP_MENU_ITEM_SUBMENU)
    item->enabled |= item->action == NULL;
  else
    {
      item->toggle = action.toggle;
      item->on = action.on;
    }

  /* "macos-menubar" hides it elsewhere. */
  item->visible = g_strcmp0 (hidden_when, "action-disabled") == 0  ? action.enabled
                  : g_strcmp0 (hidden_when, "action-missing") == 0 ? action.name != NULL
                                                                   : TRUE;
}

/* A separator is seen only between things that are seen: hiding the entries around it hides it,
 * and that is no change of the layout. */
static gboolean
show_separators (GPtrArray *children)
{
  LampMenuItem *separator = NULL;
  gboolean any = FALSE;

  for (guint i = 0; i < children->len; i++)
    {
      LampMenuItem *item = children->pdata[i];

      if (item->kind == LAMP_MENU_ITEM_SEPARATOR)
        {
          if (any && separator == NULL)
            separator = item;
        }
      else if (item->visible)
        {
          if (separator != NULL)
            separator->visible = TRUE;
          separator = NULL;
          any = TRUE;
        }
    }

  return any;
}

static gboolean
read_level (Reader       *self,
            LampMenuItem *item,
            GMenuModel   *model,
            const Frame  *outer,
            guint         depth)
{
  Level level = { .item = item, .depth = depth };
  gboolean any;

  level.keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  read_model (self, &level, model, outer);
  g_hash_table_unref (level.keys);

  any = show_separators (item->children);
  for (guint i = 0; i < item->children->len; i++)
    lamp_menu_item_seal (item->children->pdata[i]);

  return any;
}

static gboolean
has_visible (GPtrArray *items,
             guint      first)
{
  for (guint i = first; i < items->len; i++)
    {
      LampMenuItem *item = items->pdata[i];

      if (item->visible)
        return TRUE;
    }

  return FALSE;
}

static void
read_section (Reader      *self,
              Level       *level,
              GMenuModel  *model,
              int          position,
              GMenuModel  *section,
              const Frame *outer)
{
  g_autofree char *label = get_string (model, position, G_MENU_ATTRIBUTE_LABEL);
  g_autofree char *name = get_string (model, position, LAMP_MENU_ATTRIBUTE_ID);

  level->gap = TRUE;
  if (label != NULL && g_menu_model_get_n_items (section) > 0)
    {
      LampMenuItem *header = lamp_menu_item_new (LAMP_MENU_ITEM_PLAIN);
      guint first;

      header->label = g_steal_pointer (&label);
      append_gap (level);
      append (level, header, name);
      first = level->item->children->len;
      read_model (self, level, section, outer);
      header->visible = has_visible (level->item->children, first);
    }
  else
    read_model (self, level, section, outer);
  level->gap = TRUE;
}

static void
read_entry (Reader      *self,
            Level       *level,
            GMenuModel  *model,
            int          position,
            GMenuModel  *submenu,
            const Frame *outer)
{
  g_autofree char *name = get_string (model, position, LAMP_MENU_ATTRIBUTE_ID);
  LampMenuItem *item = lamp_menu_item_new (submenu != NULL ? LAMP_MENU_ITEM_SUBMENU
                                                           : LAMP_MENU_ITEM_PLAIN);

  item->label = get_string (model, position, G_MENU_ATTRIBUTE_LABEL);
  item->icon = get_icon (model, position, G_MENU_ATTRIBUTE_ICON);
  if (item->icon == NULL)
    item->icon = get_icon (model, position, "verb-icon");
  apply_action (self, item, model, position);

  append_gap (level);
  append (level, item, name);
  /* Some hosts draw an empty menu as a sliver. */
  if (submenu != NULL)
    item->enabled &= level->depth < DEPTH_MAX &&
                     read_level (self, item, submenu, outer, level->depth + 1);
}

static void
read_model (Reader      *self,
            Level       *level,
            GMenuModel  *model,
            const Frame *outer)
{
  Frame frame = { .outer = outer, .model = model };
  int count = g_menu_model_get_n_items (model);

  for (const Frame *next = outer; next != NULL; next = next->outer)
    {
      if (next->model == model)
        return;
    }

  g_hash_table_add (self->models, g_object_ref (model));
  for (int i = 0; i < count; i++)
    {
      g_autoptr (GMenuModel) section = g_menu_model_get_item_link (model, i, G_MENU_LINK_SECTION);
      g_autoptr (GMenuModel) submenu = g_menu_model_get_item_link (model, i, G_MENU_LINK_SUBMENU);

      if (section != NULL)
        read_section (self, level, model, i, section, &frame);
      else
        read_entry (self, level, model, i, submenu, &frame);
    }
}

LampMenuItem *
lamp_menu_read (GMenuModel   *menu,
                GActionGroup *actions,
                GHashTable   *models)
{
  Reader self = { .actions = actions, .models = models };
  LampMenuItem *root = lamp_menu_item_new (LAMP_MENU_ITEM_SUBMENU);

  root->id = 0;
  root->enabled = TRUE;
  root->visible = TRUE;
  read_level (&self, root, menu, NULL, 1);
  lamp_menu_item_seal (root);

  return root;
}
