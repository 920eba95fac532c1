/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-chaos.h"

#include "lamp-menu-exporter.h"

#include <string.h>

#define N_ACTIONS 10
#define DEPTH_MAX 4
/* From here on more goes than comes. */
#define ITEMS_MAX 60

LampMenuChaos *
lamp_menu_chaos_new (guint32             seed,
                     GMenu              *menu,
                     GSimpleActionGroup *actions)
{
  LampMenuChaos *self = g_new0 (LampMenuChaos, 1);

  self->rand = g_rand_new_with_seed (seed);
  self->menu = menu;
  self->actions = actions;

  return self;
}

void
lamp_menu_chaos_free (LampMenuChaos *self)
{
  g_rand_free (self->rand);
  g_free (self);
}

static guint
choose (LampMenuChaos *self,
        guint          count)
{
  return g_rand_int_range (self->rand, 0, count);
}

static gboolean
chance (LampMenuChaos *self,
        guint          percent)
{
  return choose (self, 100) < percent;
}

/* Actions */

static GSimpleAction *
make_action (LampMenuChaos *self,
             const char    *name)
{
  switch (choose (self, 4))
    {
    case 0:
      return g_simple_action_new (name, NULL);
    case 1:
      return g_simple_action_new_stateful (name, NULL, g_variant_new_boolean (chance (self, 50)));
    case 2:
      return g_simple_action_new_stateful (name, G_VARIANT_TYPE_STRING,
                                           g_variant_new_string (chance (self, 50) ? "x" : "y"));
    default:
      return g_simple_action_new (name, G_VARIANT_TYPE_STRING);
    }
}

static void
change_state (LampMenuChaos *self,
              GSimpleAction *action)
{
  g_autoptr (GVariant) state = g_action_get_state (G_ACTION (action));

  if (state == NULL)
    return;

  if (g_variant_is_of_type (state, G_VARIANT_TYPE_BOOLEAN))
    g_simple_action_set_state (action, g_variant_new_boolean (chance (self, 50)));
  else
    g_simple_action_set_state (action, g_variant_new_string (chance (self, 50) ? "x" : "y"));
}

static void
change_actions (LampMenuChaos *self)
{
  /* Some have the name with the prefix as well. */
  g_autofree char *name = g_strdup_printf ("%sa%u", chance (self, 10) ? "app." : "",
                                           choose (self, N_ACTIONS));
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name);

  if (action == NULL || chance (self, 5))
    {
      g_autoptr (GSimpleAction) fresh = make_action (self, name);

      g_simple_action_set_enabled (fresh, chance (self, 80));
      g_action_map_add_action (G_ACTION_MAP (self->actions), G_ACTION (fresh));
    }
  else if (chance (self, 10))
    g_action_map_remove_action (G_ACTION_MAP (self->actions), name);
  else if (chance (self, 50))
    g_simple_action_set_enabled (G_SIMPLE_ACTION (action), chance (self, 50));
  else
    change_state (self, G_SIMPLE_ACTION (action));
}

/* Menu */

static guint
count_items (GMenuModel *model)
{
  guint count = g_menu_model_get_n_items (model);

  for (int i = 0; i < g_menu_model_get_n_items (model); i++)
    {
      g_autoptr (GMenuModel) section = g_menu_model_get_item_link (model, i, G_MENU_LINK_SECTION);
      g_autoptr (GMenuModel) submenu = g_menu_model_get_item_link (model, i, G_MENU_LINK_SUBMENU);

      count += section != NULL ? count_items (section) : 0;
      count += submenu != NULL ? count_items (submenu) : 0;
    }

  return count;
}

static void
set_label (LampMenuChaos *self,
           GMenuItem     *item,
           const char    *name)
{
  static const char *const words[] = { "", " a__b & <c>", " _Again", " “12”", " \xd7\xa9\xd7\x9c" };
  g_autofree char *label = g_strdup_printf ("%s%s %u", name, words[choose (self, 5)],
                                            choose (self, 3));

  g_menu_item_set_label (item, label);
}

static void
set_action (LampMenuChaos *self,
            GMenuItem     *item)
{
  g_autofree char *name = NULL;

  if (chance (self, 20))
    {
      g_menu_item_set_action_and_target_value (item, NULL, NULL);
      return;
    }

  name = g_strdup_printf ("%sa%u", chance (self, 50) ? "app." : "", choose (self, N_ACTIONS));
  g_menu_item_set_action_and_target_value (item, name,
                                           chance (self, 50)
                                             ? g_variant_new_string (chance (self, 50) ? "x" : "y")
                                             : NULL);
}

static void
set_others (LampMenuChaos *self,
            GMenuItem     *item)
{
  static const char *const whens[] = { "action-disabled", "action-missing", "macos-menubar" };
  g_autoptr (GIcon) icon = g_themed_icon_new (chance (self, 50) ? "go-up" : "go-down");

  if (chance (self, 30))
    g_menu_item_set_icon (item, icon);
  else if (chance (self, 30))
    g_menu_item_set_attribute (item, G_MENU_ATTRIBUTE_ICON, NULL);

  if (chance (self, 30))
    g_menu_item_set_attribute (item, "hidden-when", "s", whens[choose (self, 3)]);
  else if (chance (self, 30))
    g_menu_item_set_attribute (item, "hidden-when", NULL);
}

static GMenuItem *
make_item (LampMenuChaos *self,
           guint          depth)
{
  g_autofree char *name = g_strdup_printf ("%u", ++self->n_items);
  g_autofree char *label = g_strconcat ("#", name, NULL);
  GMenuItem *item = g_menu_item_new (NULL, NULL);
  g_autoptr (GMenu) below = g_menu_new ();
  guint kind = choose (self, 10);

  if (kind < 4 && depth < DEPTH_MAX)
    {
      for (guint i = choose (self, 4); i > 0; i--)
        {
          g_autoptr (GMenuItem) child = make_item (self, depth + 1);

          g_menu_append_item (below, child);
        }
      g_menu_item_set_link (item, kind < 2 ? G_MENU_LINK_SECTION : G_MENU_LINK_SUBMENU,
                            G_MENU_MODEL (below));
    }

  /* Some sections have headings, and some items no name. */
  if (kind >= 2 || chance (self, 50))
    {
      if (chance (self, 50))
        {
          g_menu_item_set_attribute (item, LAMP_MENU_ATTRIBUTE_ID, "s", name);
          set_label (self, item, label);
        }
      else
        set_label (self, item, "Row");
    }
  if (kind >= 2)
    {
      if (kind >= 4 || chance (self, 20))
        set_action (self, item);
      set_others (self, item);
    }

  return item;
}

/* A menu by chance, @menu or one in it. */
static GMenu *
find_menu (LampMenuChaos *self,
           GMenu         *menu,
           guint         *depth)
{
  g_autoptr (GPtrArray) below = g_ptr_array_new_with_free_func (g_object_unref);

  for (int i = 0; i < g_menu_model_get_n_items (G_MENU_MODEL (menu)); i++)
    {
      GMenuModel *section = g_menu_model_get_item_link (G_MENU_MODEL (menu), i,
                                                        G_MENU_LINK_SECTION);
      GMenuModel *submenu = g_menu_model_get_item_link (G_MENU_MODEL (menu), i,
                                                        G_MENU_LINK_SUBMENU);

      if (section != NULL)
        g_ptr_array_add (below, section);
      if (submenu != NULL)
        g_ptr_array_add (below, submenu);
    }

  if (below->len == 0 || chance (self, 40))
    return menu;

  ++*depth;

  return find_menu (self, below->pdata[choose (self, below->len)], depth);
}

/* The same entry with something else about it. */
static void
edit (LampMenuChaos *self,
      GMenu         *menu,
      int            position)
{
  g_autoptr (GMenuItem) item = g_menu_item_new_from_model (G_MENU_MODEL (menu), position);
  g_autoptr (GVariant) id = g_menu_item_get_attribute_value (item, LAMP_MENU_ATTRIBUTE_ID,
                                                             G_VARIANT_TYPE_STRING);
  g_autofree char *name = id != NULL ? g_strconcat ("#", g_variant_get_string (id, NULL), NULL)
                                     : g_strdup ("Row");

  if (chance (self, 60))
    set_label (self, item, name);
  else if (chance (self, 30))
    set_action (self, item);
  else
    set_others (self, item);
  g_menu_remove (menu, position);
  g_menu_insert_item (menu, position, item);
}

static void
move (LampMenuChaos *self,
      GMenu         *menu,
      int            from,
      int            to)
{
  g_autoptr (GMenuItem) item = g_menu_item_new_from_model (G_MENU_MODEL (menu), from);

  g_menu_remove (menu, from);
  g_menu_insert_item (menu, to, item);
}

static void
change_menu (LampMenuChaos *self)
{
  guint depth = 1;
  GMenu *menu = find_menu (self, self->menu, &depth);
  int count = g_menu_model_get_n_items (G_MENU_MODEL (menu));
  guint kind = choose (self, 10);

  if (count == 0 || (kind < 3 && count_items (G_MENU_MODEL (self->menu)) < ITEMS_MAX))
    {
      g_autoptr (GMenuItem) item = make_item (self, depth);

      g_menu_insert_item (menu, choose (self, count + 1), item);
    }
  else if (kind < 5)
    g_menu_remove (menu, choose (self, count));
  else if (kind < 6)
    move (self, menu, choose (self, count), choose (self, count));
  else
    edit (self, menu, choose (self, count));
}

void
lamp_menu_chaos_change (LampMenuChaos *self)
{
  if (chance (self, 50))
    change_actions (self);
  else
    change_menu (self);
}

/* What a person should see, made in another way than the exporter does it: rows as text, from
 * which the separators that are too many are taken out. */

typedef struct
{
  gboolean there;
  gboolean enabled;
  const char *tick;
} Standing;

static GAction *
find_action (LampMenuChaos *self,
             const char    *name)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name);

  if (action == NULL && g_str_has_prefix (name, "app."))
    action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name + strlen ("app."));

  return action;
}

static Standing
get_standing (LampMenuChaos *self,
              GMenuModel    *model,
              int            position)
{
  Standing standing = { .tick = "" };
  g_autofree char *name = NULL;
  g_autofree char *target = NULL;
  g_autoptr (GVariant) state = NULL;
  GAction *action;

  g_menu_model_get_item_attribute (model, position, "action", "s", &name);
  g_menu_model_get_item_attribute (model, position, "target", "s", &target);
  action = name != NULL ? find_action (self, name) : NULL;
  if (action == NULL || (target != NULL) != (g_action_get_parameter_type (action) != NULL))
    return standing;

  standing.there = TRUE;
  standing.enabled = g_action_get_enabled (action);
  state = g_action_get_state (action);
  if (state == NULL)
    return standing;

  if (target != NULL)
    standing.tick = g_str_equal (g_variant_get_string (state, NULL), target) ? "(x) " : "( ) ";
  else
    standing.tick = g_variant_get_boolean (state) ? "[x] " : "[ ] ";

  return standing;
}

static GPtrArray *expect_rows (LampMenuChaos *self, GMenuModel *model);

static GPtrArray *
tidy (GPtrArray *rows)
{
  GPtrArray *result = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < rows->len; i++)
    {
      const char *row = rows->pdata[i];
      gboolean after = result->len == 0 || g_str_equal (result->pdata[result->len - 1], "---");

      if (!g_str_equal (row, "---") || !after)
        g_ptr_array_add (result, g_strdup (row));
    }
  if (result->len > 0 && g_str_equal (result->pdata[result->len - 1], "---"))
    g_ptr_array_set_size (result, result->len - 1);

  return result;
}

static GPtrArray *
expect_menu (LampMenuChaos *self,
             GMenuModel    *model)
{
  g_autoptr (GPtrArray) rows = expect_rows (self, model);

  return tidy (rows);
}

static void
expect_section (LampMenuChaos *self,
                GMenuModel    *model,
                int            position,
                GMenuModel    *section,
                GPtrArray     *rows)
{
  g_autoptr (GPtrArray) inner = expect_rows (self, section);
  g_autoptr (GPtrArray) seen = tidy (inner);
  g_autofree char *label = NULL;

  g_menu_model_get_item_attribute (model, position, "label", "s", &label);
  g_ptr_array_add (rows, g_strdup ("---"));
  if (seen->len > 0 && label != NULL)
    g_ptr_array_add (rows, g_strconcat (label, " (off)", NULL));
  for (guint i = 0; i < inner->len; i++)
    g_ptr_array_add (rows, g_strdup (inner->pdata[i]));
  g_ptr_array_add (rows, g_strdup ("---"));
}

static void
expect_item (LampMenuChaos *self,
             GMenuModel    *model,
             int            position,
             GMenuModel    *submenu,
             GPtrArray     *rows)
{
  Standing standing = get_standing (self, model, position);
  g_autoptr (GPtrArray) below = submenu != NULL ? expect_menu (self, submenu) : NULL;
  g_autoptr (GVariant) icon = g_menu_model_get_item_attribute_value (model, position, "icon", NULL);
  g_autoptr (GIcon) themed = icon != NULL ? g_icon_deserialize (icon) : NULL;
  const char *name = themed != NULL ? g_themed_icon_get_names (G_THEMED_ICON (themed))[0] : NULL;
  g_autofree char *label = NULL;
  g_autofree char *when = NULL;
  g_autofree char *action = NULL;
  gboolean enabled = standing.enabled;

  g_menu_model_get_item_attribute (model, position, "label", "s", &label);
  g_menu_model_get_item_attribute (model, position, "action", "s", &action);
  g_menu_model_get_item_attribute (model, position, "hidden-when", "s", &when);
  if ((g_strcmp0 (when, "action-disabled") == 0 && !standing.enabled) ||
      (g_strcmp0 (when, "action-missing") == 0 && !standing.there))
    return;

  if (submenu != NULL)
    enabled = (enabled || action == NULL) && below->len > 0;
  g_ptr_array_add (rows, g_strconcat (submenu == NULL ? standing.tick : "",
                                      label != NULL ? label : "", name != NULL ? " {" : "",
                                      name != NULL ? name : "", name != NULL ? "}" : "",
                                      submenu != NULL ? " >" : "", enabled ? "" : " (off)", NULL));
  for (guint i = 0; below != NULL && enabled && i < below->len; i++)
    g_ptr_array_add (rows, g_strconcat ("  ", below->pdata[i], NULL));
}

static GPtrArray *
expect_rows (LampMenuChaos *self,
             GMenuModel    *model)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func (g_free);

  for (int i = 0; i < g_menu_model_get_n_items (model); i++)
    {
      g_autoptr (GMenuModel) section = g_menu_model_get_item_link (model, i, G_MENU_LINK_SECTION);
      g_autoptr (GMenuModel) submenu = g_menu_model_get_item_link (model, i, G_MENU_LINK_SUBMENU);

      if (section != NULL)
        expect_section (self, model, i, section, rows);
      else
        expect_item (self, model, i, submenu, rows);
    }

  return rows;
}

char *
lamp_menu_chaos_expect (LampMenuChaos *self)
{
  g_autoptr (GPtrArray) rows = expect_menu (self, G_MENU_MODEL (self->menu));
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < rows->len; i++)
    g_string_append_printf (text, "%s\n", (char *) rows->pdata[i]);

  return g_string_free (text, FALSE);
}
