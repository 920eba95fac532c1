/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-chaos.h"
#include "lamp-menu-fixture.h"
#include "lamp-test-util.h"

#include <string.h>

/* Menus and actions that change by chance. LAMP_MENU_SEED does again what a seed has done,
 * LAMP_MENU_CHANGES says how many changes there are, LAMP_MENU_ROUNDS how many times. */

#define CHANGES (LAMP_TEST_SANITIZED ? 50 : 500)
#define ROUNDS 1

typedef LampMenuFixture Fixture;

static guint
get_number (const char *name,
            guint       otherwise)
{
  const char *text = g_getenv (name);

  return text != NULL ? (guint) g_ascii_strtoull (text, NULL, 10) : otherwise;
}

static guint
get_rounds (void)
{
  if (g_getenv ("LAMP_MENU_SEED") != NULL)
    return 1;

  return get_number ("LAMP_MENU_ROUNDS", ROUNDS);
}

static LampMenuChaos *
begin_round (Fixture *fixture)
{
  guint32 seed = get_number ("LAMP_MENU_SEED", g_random_int ());

  g_test_message ("LAMP_MENU_SEED=%u", seed);
  g_menu_remove_all (fixture->menu);

  return lamp_menu_chaos_new (seed, fixture->menu, fixture->actions);
}

static void
end_round (Fixture *fixture)
{
  g_auto (GStrv) names = g_action_group_list_actions (G_ACTION_GROUP (fixture->actions));

  for (guint i = 0; names[i] != NULL; i++)
    g_action_map_remove_action (G_ACTION_MAP (fixture->actions), names[i]);
}

/* Every host shows the menu that there is */

static void
assert_host_shows (LampMenuHost     *host,
                   LampMenuHostStyle style,
                   const char       *expected)
{
  g_autofree char *text = NULL;

  lamp_menu_host_settle (host);
  /* These three look when the person does. */
  if (style == LAMP_MENU_HOST_PLASMA || style == LAMP_MENU_HOST_GNOME ||
      style == LAMP_MENU_HOST_SWAY)
    lamp_menu_host_open_all (host);

  text = lamp_menu_host_show (host);
  if (!g_str_equal (text, expected))
    g_test_message ("%s shows\n%s\ninstead of\n%s", lamp_menu_host_style_name (style), text,
                    expected);
  g_assert_cmpstr (text, ==, expected);
}

/* Changes that come while a host waits for its answer, so that the menu has something to tell when
 * it is asked. */
typedef struct
{
  LampMenuChaos *chaos;
  guint left;
} Storm;

static gboolean
storm_cb (gpointer user_data)
{
  Storm *storm = user_data;

  lamp_menu_chaos_change (storm->chaos);
  storm->left--;

  return storm->left > 0;
}

static void
open_in_storm (LampMenuChaos *chaos,
               LampMenuHost  *host)
{
  Storm storm = { .chaos = chaos, .left = 20 };

  g_idle_add_full (G_PRIORITY_HIGH, storm_cb, &storm, NULL);
  lamp_menu_host_open_all (host);
  lamp_test_wait_until (storm.left == 0);
}

/* What may go on between two changes. */
static void
meddle (LampMenuChaos *chaos,
        LampMenuHost **hosts)
{
  LampMenuHost *host = hosts[g_rand_int_range (chaos->rand, 0, LAMP_MENU_HOST_N_STYLES)];

  switch (g_rand_int_range (chaos->rand, 0, 12))
    {
    case 0:
      g_main_context_iteration (NULL, FALSE);
      break;
    case 1:
      lamp_menu_host_settle (host);
      break;
    case 2:
      lamp_menu_host_open (host, 0);
      break;
    case 3:
      lamp_menu_host_open_all (host);
      break;
    case 4:
      lamp_menu_host_close (host, 0);
      break;
    case 5:
      open_in_storm (chaos, host);
      break;
    default:
      break;
    }
}

static void
run_hosts (Fixture       *fixture,
           LampMenuHost **hosts)
{
  g_autoptr (LampMenuChaos) chaos = begin_round (fixture);
  guint changes = get_number ("LAMP_MENU_CHANGES", CHANGES);

  for (guint i = 1; i <= changes; i++)
    {
      lamp_menu_chaos_change (chaos);
      meddle (chaos, hosts);

      if (i % 50 == 0 || i == changes)
        {
          g_autofree char *expected = lamp_menu_chaos_expect (chaos);

          for (guint style = 0; style < LAMP_MENU_HOST_N_STYLES; style++)
            assert_host_shows (hosts[style], style, expected);
        }
    }
  end_round (fixture);
}

static void
test_hosts (Fixture      *fixture,
            gconstpointer data)
{
  LampMenuHost *hosts[LAMP_MENU_HOST_N_STYLES];

  lamp_menu_fixture_export (fixture);
  for (guint style = 0; style < LAMP_MENU_HOST_N_STYLES; style++)
    hosts[style] = lamp_menu_fixture_host_new (fixture, style);

  for (guint round = get_rounds (); round > 0; round--)
    run_hosts (fixture, hosts);

  for (guint style = 0; style < LAMP_MENU_HOST_N_STYLES; style++)
    lamp_menu_host_free (hosts[style]);
}

/* The signals tell what has changed, all of it, and nothing else */

typedef struct
{
  gint32 parent;
  GVariant *properties; /* (owned) */
  char *children;       /* (owned) their ids as text */
} Entry;

typedef struct
{
  guint32 revision;
  gint32 last_id;
  GHashTable *entries; /* (owned) id → Entry */
} Picture;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_variant_unref (entry->properties);
  g_free (entry->children);
  g_free (entry);
}

static void
picture_free (Picture *picture)
{
  g_hash_table_unref (picture->entries);
  g_free (picture);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Picture, picture_free)

static gint32
add_entry (Picture  *picture,
           GVariant *layout,
           gint32    parent)
{
  g_autoptr (GVariant) children = g_variant_get_child_value (layout, 2);
  g_autoptr (GString) ids = g_string_new (NULL);
  Entry *entry = g_new0 (Entry, 1);
  gint32 id;

  g_variant_get_child (layout, 0, "i", &id);
  entry->parent = parent;
  entry->properties = g_variant_get_child_value (layout, 1);
  for (gsize i = 0; i < g_variant_n_children (children); i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (children, i);
      g_autoptr (GVariant) child = g_variant_get_variant (boxed);

      g_string_append_printf (ids, "%d ", add_entry (picture, child, id));
    }
  entry->children = g_strdup (ids->str);

  /* Each id is there once. */
  g_assert_true (g_hash_table_insert (picture->entries, GINT_TO_POINTER (id), entry));
  picture->last_id = MAX (picture->last_id, id);

  return id;
}

static Picture *
take_picture (Fixture *fixture)
{
  Picture *picture = g_new0 (Picture, 1);
  g_autoptr (GVariant) layout = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer =
    lamp_menu_fixture_call (fixture, "GetLayout", g_variant_new_parsed ("(0, -1, @as [])"), &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (answer, G_VARIANT_TYPE ("(u(ia{sv}av))")));
  picture->entries = g_hash_table_new_full (NULL, NULL, NULL, entry_free);
  g_variant_get (answer, "(u@(ia{sv}av))", &picture->revision, &layout);
  add_entry (picture, layout, -1);

  return picture;
}

static char *
get_text (Entry      *entry,
          const char *name)
{
  char *text = NULL;

  return g_variant_lookup (entry->properties, name, "s", &text) ? text : g_strdup ("");
}

/* The number in "#12 label", which an entry with an id of its own has for ever; or 0. */
static guint
get_number_of (Entry *entry)
{
  g_autofree char *label = get_text (entry, "label");

  return label[0] == '#' ? (guint) g_ascii_strtoull (label + 1, NULL, 10) : 0;
}

/* The values that are others now, as the signal has them. */
static GVariant *
compare_values (Entry *before,
                Entry *after)
{
  GVariantBuilder changed;
  gsize count = g_variant_n_children (after->properties);

  /* Hosts never see a name more or less. */
  g_assert_cmpuint (g_variant_n_children (before->properties), ==, count);
  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GVariant) old = NULL;
      const char *name;

      g_variant_get_child (after->properties, i, "{&sv}", &name, &value);
      old = g_variant_lookup_value (before->properties, name, NULL);
      g_assert_nonnull (old);
      if (!g_variant_equal (value, old))
        {
          g_variant_builder_add (&changed, "{sv}", name, value);
          g_assert_cmpstr (name, !=, "type");
          g_assert_cmpstr (name, !=, "toggle-type");
          g_assert_cmpstr (name, !=, "children-display");
        }
    }

  return g_variant_ref_sink (g_variant_builder_end (&changed));
}

/* An entry that stays what it is keeps its id. */
static void
assert_ids_stay (Picture *before,
                 Picture *after)
{
  GHashTableIter iter;
  gpointer id;
  gpointer value;
  g_autoptr (GHashTable) numbers = g_hash_table_new (NULL, NULL);

  g_hash_table_iter_init (&iter, before->entries);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      if (get_number_of (value) != 0)
        g_hash_table_insert (numbers, GUINT_TO_POINTER (get_number_of (value)), id);
    }

  g_hash_table_iter_init (&iter, after->entries);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      Entry *entry = value;
      guint number = get_number_of (entry);
      gpointer old_id;
      Entry *old;
      g_autofree char *toggle = get_text (entry, "toggle-type");
      g_autofree char *old_toggle = NULL;

      if (number == 0 ||
          !g_hash_table_lookup_extended (numbers, GUINT_TO_POINTER (number), NULL, &old_id))
        continue;

      old = g_hash_table_lookup (before->entries, old_id);
      old_toggle = get_text (old, "toggle-type");
      if (old->parent == entry->parent && g_str_equal (old_toggle, toggle) &&
          g_variant_n_children (old->properties) == g_variant_n_children (entry->properties))
        g_assert_cmpint (GPOINTER_TO_INT (id), ==, GPOINTER_TO_INT (old_id));
    }
}

/* What should have been heard between the two, one line a changed entry. */
static char *
expect_signals (Picture *before,
                Picture *after)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean layout = FALSE;

  for (gint32 id = 0; id <= after->last_id; id++)
    {
      Entry *old = g_hash_table_lookup (before->entries, GINT_TO_POINTER (id));
      Entry *entry = g_hash_table_lookup (after->entries, GINT_TO_POINTER (id));
      g_autoptr (GVariant) changed = NULL;
      g_autofree char *values = NULL;

      layout |= (old == NULL) != (entry == NULL);
      /* No id comes back. */
      if (entry != NULL && old == NULL)
        g_assert_cmpint (id, >, before->last_id);
      if (old == NULL || entry == NULL)
        continue;

      g_assert_cmpint (old->parent, ==, entry->parent);
      layout |= !g_str_equal (old->children, entry->children);
      if (get_number_of (old) != 0)
        g_assert_cmpuint (get_number_of (old), ==, get_number_of (entry));

      changed = compare_values (old, entry);
      values = g_variant_print (changed, FALSE);
      if (g_variant_n_children (changed) > 0)
        g_string_append_printf (text, "%d %s\n", id, values);
    }

  if (layout)
    g_string_append_printf (text, "layout %u\n", before->revision + 1);
  g_assert_cmpuint (after->revision, ==, before->revision + layout);

  return g_string_free (g_steal_pointer (&text), FALSE);
}

typedef struct
{
  gint32 id;
  char *text;
} Line;

static void
clear_line (gpointer line)
{
  g_free (((Line *) line)->text);
}

static int
compare_lines (gconstpointer a,
               gconstpointer b)
{
  const Line *first = a;
  const Line *second = b;

  return (first->id > second->id) - (first->id < second->id);
}

static void
append_values (GVariant *parameters,
               GString  *text)
{
  g_autoptr (GVariant) updated = g_variant_get_child_value (parameters, 0);
  g_autoptr (GVariant) removed = g_variant_get_child_value (parameters, 1);
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));

  g_array_set_clear_func (lines, clear_line);
  g_assert_cmpuint (g_variant_n_children (removed), ==, 0);
  g_assert_cmpuint (g_variant_n_children (updated), >, 0);
  for (gsize i = 0; i < g_variant_n_children (updated); i++)
    {
      g_autoptr (GVariant) values = NULL;
      Line line;

      g_variant_get_child (updated, i, "(i@a{sv})", &line.id, &values);
      line.text = g_variant_print (values, FALSE);
      g_array_append_val (lines, line);
    }

  g_array_sort (lines, compare_lines);
  for (guint i = 0; i < lines->len; i++)
    {
      Line *line = &g_array_index (lines, Line, i);

      g_string_append_printf (text, "%d %s\n", line->id, line->text);
    }
}

/* What was heard, in the same form. Never more than one signal of each sort, values first. */
static char *
collect_signals (Fixture *fixture)
{
  g_autofree char *heard = lamp_menu_fixture_listen (fixture);
  g_auto (GStrv) lines = g_strsplit (heard, "\n", -1);
  GString *text = g_string_new (NULL);
  guint n_values = 0;
  guint n_layouts = 0;

  for (guint i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++)
    {
      g_autoptr (GError) error = NULL;
      const char *parameters = strchr (lines[i], ' ') + 1;
      g_autoptr (GVariant) values = NULL;
      guint32 revision;
      gint32 parent;

      if (g_str_has_prefix (lines[i], "LayoutUpdated "))
        {
          values = g_variant_parse (G_VARIANT_TYPE ("(ui)"), parameters, NULL, NULL, &error);
          g_assert_no_error (error);
          g_variant_get (values, "(ui)", &revision, &parent);
          g_assert_cmpint (parent, ==, 0);
          g_string_append_printf (text, "layout %u\n", revision);
          n_layouts++;
        }
      else
        {
          g_assert_true (g_str_has_prefix (lines[i], "ItemsPropertiesUpdated "));
          g_assert_cmpuint (n_layouts, ==, 0);
          values = g_variant_parse (G_VARIANT_TYPE ("(a(ia{sv})a(ias))"), parameters, NULL, NULL,
                                    &error);
          g_assert_no_error (error);
          append_values (values, text);
          n_values++;
        }
    }
  g_assert_cmpuint (n_values, <=, 1);
  g_assert_cmpuint (n_layouts, <=, 1);

  return g_string_free (text, FALSE);
}

static void
run_signals (Fixture *fixture)
{
  g_autoptr (LampMenuChaos) chaos = begin_round (fixture);
  g_autoptr (Picture) before = NULL;
  guint silent = 0;

  lamp_menu_fixture_settle (fixture);
  before = take_picture (fixture);
  for (guint i = get_number ("LAMP_MENU_CHANGES", CHANGES); i > 0; i--)
    {
      g_autoptr (Picture) after = NULL;
      g_autofree char *expected = NULL;
      g_autofree char *heard = NULL;

      for (int j = g_rand_int_range (chaos->rand, 0, 3); j >= 0; j--)
        lamp_menu_chaos_change (chaos);
      heard = collect_signals (fixture);
      after = take_picture (fixture);
      after->last_id = MAX (after->last_id, before->last_id);

      expected = expect_signals (before, after);
      g_assert_cmpstr (heard, ==, expected);
      assert_ids_stay (before, after);
      silent += *heard == '\0';

      g_clear_pointer (&before, picture_free);
      before = g_steal_pointer (&after);
    }
  g_test_message ("%u times nothing to hear", silent);
  end_round (fixture);
}

static void
test_signals (Fixture      *fixture,
              gconstpointer data)
{
  lamp_menu_fixture_export (fixture);
  for (guint round = get_rounds (); round > 0; round--)
    run_signals (fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/menu-random/hosts-show-the-menu", Fixture, NULL, lamp_menu_fixture_up, test_hosts,
              lamp_menu_fixture_down);
  g_test_add ("/menu-random/signals-are-exact", Fixture, NULL, lamp_menu_fixture_up, test_signals,
              lamp_menu_fixture_down);

  return g_test_run ();
}
