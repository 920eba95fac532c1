/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-fixture.h"
#include "lamp-test-util.h"

#include <string.h>

typedef LampMenuFixture Fixture;

/* The contract, as it is known from hosts. */
static const char interface[] =
  "AboutToShow(i)->(b)\n"
  "AboutToShowGroup(ai)->(aiai)\n"
  "Event(isvu)->()\n"
  "EventGroup(a(isvu))->(ai)\n"
  "GetGroupProperties(aias)->(a(ia{sv}))\n"
  "GetLayout(iias)->(u(ia{sv}av))\n"
  "GetProperty(is)->(v)\n"
  "signal ItemActivationRequested(iu)\n"
  "signal ItemsPropertiesUpdated(a(ia{sv})a(ias))\n"
  "signal LayoutUpdated(ui)\n"
  "property IconThemePath as r\n"
  "property Status s r\n"
  "property TextDirection s r\n"
  "property Version u r\n";

/* Small words for what tests do */

static GMenuItem *
add_item (GMenu      *menu,
          const char *label,
          const char *action)
{
  g_autoptr (GMenuItem) item = g_menu_item_new (label, action);

  g_menu_append_item (menu, item);

  return item;
}

static void
add (GMenu      *menu,
     const char *label,
     const char *action)
{
  add_item (menu, label, action);
}

static void
insert (GMenu      *menu,
        int         position,
        const char *label,
        const char *action,
        const char *id)
{
  g_autoptr (GMenuItem) item = g_menu_item_new (label, action);

  if (id != NULL)
    g_menu_item_set_attribute (item, LAMP_MENU_ATTRIBUTE_ID, "s", id);
  g_menu_insert_item (menu, position, item);
}

static void
replace (GMenu      *menu,
         int         position,
         const char *label,
         const char *action,
         const char *id)
{
  g_menu_remove (menu, position);
  insert (menu, position, label, action, id);
}

static GMenu *
add_section (GMenu      *menu,
             const char *label)
{
  GMenu *section = g_menu_new ();

  g_menu_append_section (menu, label, G_MENU_MODEL (section));
  g_object_unref (section);

  return section;
}

static GMenu *
add_submenu (GMenu      *menu,
             const char *label)
{
  GMenu *submenu = g_menu_new ();

  g_menu_append_submenu (menu, label, G_MENU_MODEL (submenu));
  g_object_unref (submenu);

  return submenu;
}

static void
add_hidden (GMenu      *menu,
            const char *label,
            const char *action,
            const char *when)
{
  g_autoptr (GMenuItem) item = g_menu_item_new (label, action);

  g_menu_item_set_attribute (item, "hidden-when", "s", when);
  g_menu_append_item (menu, item);
}

static void
count_cb (GSimpleAction *action,
          GVariant      *parameter,
          gpointer       user_data)
{
  guint *count = user_data;

  (*count)++;
}

static GSimpleAction *
add_action (Fixture    *fixture,
            const char *name)
{
  GSimpleAction *action = g_simple_action_new (name, NULL);

  lamp_menu_fixture_add (fixture, G_ACTION (action));

  return action;
}

static GSimpleAction *
add_check (Fixture    *fixture,
           const char *name,
           gboolean    on)
{
  GSimpleAction *action = g_simple_action_new_stateful (name, NULL, g_variant_new_boolean (on));

  lamp_menu_fixture_add (fixture, G_ACTION (action));

  return action;
}

static void
remove_action (Fixture    *fixture,
               const char *name)
{
  g_action_map_remove_action (G_ACTION_MAP (fixture->actions), name);
}

static void
assert_answer (Fixture    *fixture,
               const char *method,
               GVariant   *parameters,
               const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = lamp_menu_fixture_call (fixture, method, parameters, &error);
  g_autoptr (GVariant) wanted = NULL;

  g_assert_no_error (error);
  wanted = g_variant_parse (g_variant_get_type (answer), expected, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (answer, wanted);
}

static void
assert_error (Fixture    *fixture,
              const char *method,
              GVariant   *parameters,
              int         code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = lamp_menu_fixture_call (fixture, method, parameters, &error);

  g_assert_null (answer);
  g_assert_error (error, G_DBUS_ERROR, code);
}

static void
assert_refused (Fixture    *fixture,
                const char *method,
                GVariant   *parameters)
{
  assert_error (fixture, method, parameters, G_DBUS_ERROR_INVALID_ARGS);
}

static void
assert_heard (Fixture    *fixture,
              const char *expected)
{
  g_autofree char *heard = lamp_menu_fixture_listen (fixture);

  g_assert_cmpstr (heard, ==, expected);
}

/* What somebody sees who comes now. */
static void
assert_shows (Fixture    *fixture,
              const char *expected)
{
  g_autoptr (LampMenuHost) host = NULL;
  g_autofree char *text = NULL;

  lamp_menu_fixture_settle (fixture);
  host = lamp_menu_fixture_host_new (fixture, LAMP_MENU_HOST_MATE);
  text = lamp_menu_host_show (host);
  g_assert_cmpstr (text, ==, expected);
}

static gint32
get_id (Fixture    *fixture,
        const char *label)
{
  g_autoptr (LampMenuHost) host = NULL;

  lamp_menu_fixture_settle (fixture);
  host = lamp_menu_fixture_host_new (fixture, LAMP_MENU_HOST_MATE);

  return lamp_menu_host_find (host, label);
}

/* Has a call waiting in the main context. What changes from here on is told only after it was
 * answered. */
static void
send_call (Fixture       *fixture,
           const char    *method,
           GVariant      *parameters,
           GAsyncResult **result)
{
  lamp_menu_fixture_settle (fixture);
  g_assert_false (g_main_context_pending (NULL));
  g_dbus_connection_call (fixture->client, g_dbus_connection_get_unique_name (fixture->server),
                          LAMP_MENU_PATH, LAMP_MENU_INTERFACE, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, lamp_test_result_cb, result);
  while (!g_main_context_pending (NULL))
    g_thread_yield ();
}

static void
assert_received (Fixture       *fixture,
                 GAsyncResult **result,
                 const char    *expected)
{
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GVariant) wanted = NULL;
  g_autoptr (GError) error = NULL;

  lamp_test_wait_until (*result != NULL);
  answer = g_dbus_connection_call_finish (fixture->client, *result, &error);
  g_assert_no_error (error);
  wanted = g_variant_parse (g_variant_get_type (answer), expected, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (answer, wanted);
  g_clear_object (result);
}

/* Interface */

static void
describe_arguments (GDBusArgInfo **arguments,
                    GString       *text)
{
  g_string_append_c (text, '(');
  for (guint i = 0; arguments != NULL && arguments[i] != NULL; i++)
    g_string_append (text, arguments[i]->signature);
  g_string_append_c (text, ')');
}

static int
compare_text (gconstpointer a,
              gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
append_sorted (GPtrArray *lines,
               GString   *text)
{
  g_ptr_array_sort (lines, compare_text);
  for (guint i = 0; i < lines->len; i++)
    g_string_append_printf (text, "%s\n", (char *) lines->pdata[i]);
  g_ptr_array_set_size (lines, 0);
}

static char *
describe (GDBusInterfaceInfo *info)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  GString *text = g_string_new (NULL);

  for (guint i = 0; info->methods[i] != NULL; i++)
    {
      GString *line = g_string_new (info->methods[i]->name);

      describe_arguments (info->methods[i]->in_args, line);
      g_string_append (line, "->");
      describe_arguments (info->methods[i]->out_args, line);
      g_ptr_array_add (lines, g_string_free (line, FALSE));
    }
  append_sorted (lines, text);

  for (guint i = 0; info->signals[i] != NULL; i++)
    {
      GString *line = g_string_new ("signal ");

      g_string_append (line, info->signals[i]->name);
      describe_arguments (info->signals[i]->args, line);
      g_ptr_array_add (lines, g_string_free (line, FALSE));
    }
  append_sorted (lines, text);

  for (guint i = 0; info->properties[i] != NULL; i++)
    g_ptr_array_add (lines, g_strdup_printf ("property %s %s %s", info->properties[i]->name,
                                             info->properties[i]->signature,
                                             info->properties[i]->flags ==
                                                 G_DBUS_PROPERTY_INFO_FLAGS_READABLE
                                               ? "r"
                                               : "w"));
  append_sorted (lines, text);

  return g_string_free (text, FALSE);
}

static GVariant *
call_other (Fixture    *fixture,
            const char *interface_name,
            const char *method,
            GVariant   *parameters)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *answer;

  g_dbus_connection_call (fixture->client, g_dbus_connection_get_unique_name (fixture->server),
                          LAMP_MENU_PATH, interface_name, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  answer = g_dbus_connection_call_finish (fixture->client, result, &error);
  g_assert_no_error (error);

  return answer;
}

static void
test_interface (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GDBusNodeInfo) node = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  const char *xml;

  lamp_menu_fixture_export (fixture);
  answer = call_other (fixture, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
  g_variant_get (answer, "(&s)", &xml);
  node = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);

  text = describe (g_dbus_node_info_lookup_interface (node, LAMP_MENU_INTERFACE));
  g_assert_cmpstr (text, ==, interface);
}

static void
test_properties (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GVariant) values = NULL;
  g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new_parsed (
    "@a{sv} {'Version': <uint32 3>, 'TextDirection': <'ltr'>, 'Status': <'normal'>,"
    " 'IconThemePath': <@as []>}"));

  lamp_menu_fixture_export (fixture);
  answer = call_other (fixture, "org.freedesktop.DBus.Properties", "GetAll",
                       g_variant_new ("(s)", LAMP_MENU_INTERFACE));
  values = g_variant_get_child_value (answer, 0);
  g_assert_cmpvariant (values, expected);

  lamp_menu_exporter_set_status (fixture->exporter, "normal");
  assert_heard (fixture, "");
  lamp_menu_exporter_set_status (fixture->exporter, "notice");
  assert_heard (fixture,
                "PropertiesChanged ('com.canonical.dbusmenu', {'Status': <'notice'>}, [])\n");
}

/* Conversion */

static void
test_items (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GIcon) icon = g_themed_icon_new ("media-pause");
  g_autoptr (GIcon) file = g_icon_new_for_string ("/tmp/picture.png", NULL);
  g_autoptr (GMenuItem) with_icon = g_menu_item_new ("_Pause", "pause");
  g_autoptr (GMenuItem) with_file = g_menu_item_new ("Picture", "run");
  GMenu *more;

  add_action (fixture, "run");
  g_simple_action_set_enabled (add_action (fixture, "off"), FALSE);
  add_check (fixture, "pause", TRUE);

  add (fixture->menu, "12 waiting", NULL);
  add (fixture->menu, "Run a__b", "run");
  add (fixture->menu, "Off", "off");
  add (fixture->menu, "Missing", "missing");
  g_menu_item_set_icon (with_icon, icon);
  g_menu_item_set_attribute (with_icon, "accel", "s", "<Control>p");
  g_menu_append_item (fixture->menu, with_icon);
  g_menu_item_set_icon (with_file, file);
  g_menu_append_item (fixture->menu, with_file);
  more = add_submenu (fixture->menu, "More");
  add (more, "Again", "run");
  add_submenu (fixture->menu, "Empty");
  lamp_menu_fixture_export (fixture);

  assert_shows (fixture,
                "12 waiting (off)\n"
                "Run a__b\n"
                "Off (off)\n"
                "Missing (off)\n"
                "[x] _Pause {media-pause}\n"
                "Picture\n"
                "More >\n"
                "  Again\n"
                "Empty > (off)\n");

  /* Every value is there, also one that is the default; and what is read aloud. */
  assert_answer (fixture, "GetGroupProperties",
                 g_variant_new_parsed ("([%i], @as [])", get_id (fixture, "Run a_b")),
                 "([(2, {'visible': <true>, 'enabled': <true>, 'label': <'Run a__b'>,"
                 "  'accessible-desc': <'Run a_b'>})],)");
}

static void
test_sections (Fixture      *fixture,
               gconstpointer data)
{
  GMenu *outer;
  GMenu *titled;

  add_action (fixture, "run");
  add_section (fixture->menu, NULL);
  add (add_section (fixture->menu, NULL), "A", "run");
  add_section (fixture->menu, NULL);
  add_section (fixture->menu, "Nothing");
  outer = add_section (fixture->menu, NULL);
  add (add_section (outer, NULL), "B", "run");
  add (add_section (outer, NULL), "C", "run");
  add (fixture->menu, "D", "run");
  titled = add_section (fixture->menu, "Heading");
  add (titled, "E", "run");
  add_hidden (add_section (fixture->menu, "Hidden"), "F", "missing", "action-missing");
  add_section (fixture->menu, NULL);
  lamp_menu_fixture_export (fixture);

  assert_shows (fixture, "A\n---\nB\n---\nC\n---\nD\n---\nHeading (off)\nE\n");

  /* A row that was hidden brings heading and separator with it, and moves nothing. */
  add_action (fixture, "missing");
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(11, {'visible': <true>}), "
                "(12, {'visible': <true>}), "
                "(13, {'visible': <true>, 'enabled': <true>})], [])\n");
  assert_shows (fixture,
                "A\n---\nB\n---\nC\n---\nD\n---\nHeading (off)\nE\n---\n"
                "Hidden (off)\nF\n");
}

static void
test_hidden_when (Fixture      *fixture,
                  gconstpointer data)
{
  GSimpleAction *on = add_action (fixture, "on");

  add_hidden (fixture->menu, "A", "on", "action-disabled");
  add_hidden (fixture->menu, "B", "on", "action-missing");
  add_hidden (fixture->menu, "C", "on", "macos-menubar");
  add_hidden (fixture->menu, "D", "gone", "action-disabled");
  add_hidden (fixture->menu, "E", "gone", "action-missing");
  lamp_menu_fixture_export (fixture);
  assert_shows (fixture, "A\nB\nC\n");

  g_simple_action_set_enabled (on, FALSE);
  assert_shows (fixture, "B (off)\nC (off)\n");
  add_action (fixture, "gone");
  assert_shows (fixture, "B (off)\nC (off)\nD\nE\n");
  remove_action (fixture, "on");
  assert_shows (fixture, "C (off)\nD\nE\n");
}

static void
test_toggles (Fixture      *fixture,
              gconstpointer data)
{
  GSimpleAction *check = add_check (fixture, "check", FALSE);
  GSimpleAction *speed = g_simple_action_new_stateful ("speed", G_VARIANT_TYPE_STRING,
                                                       g_variant_new_string ("fast"));

  lamp_menu_fixture_add (fixture, G_ACTION (speed));
  lamp_menu_fixture_add (fixture,
                         G_ACTION (
                           g_simple_action_new_stateful ("number", NULL, g_variant_new_int32 (1))));
  add (fixture->menu, "Check", "check");
  add (fixture->menu, "Fast", "speed::fast");
  add (fixture->menu, "Slow", "speed::slow");
  add (fixture->menu, "No target", "speed");
  add (fixture->menu, "Other target", "speed(7)");
  add (fixture->menu, "Number", "number");
  lamp_menu_fixture_export (fixture);
  assert_shows (fixture,
                "[ ] Check\n(x) Fast\n( ) Slow\nNo target (off)\nOther target (off)\n"
                "Number\n");

  g_simple_action_set_state (check, g_variant_new_boolean (TRUE));
  g_simple_action_set_state (speed, g_variant_new_string ("slow"));
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(1, {'toggle-state': <1>}), "
                "(2, {'toggle-state': <0>}), (3, {'toggle-state': <1>})], [])\n");
  assert_shows (fixture,
                "[x] Check\n( ) Fast\n(x) Slow\nNo target (off)\nOther target (off)\n"
                "Number\n");
}

static void
test_prefix (Fixture      *fixture,
             gconstpointer data)
{
  guint full = 0;
  guint plain = 0;

  g_signal_connect (add_action (fixture, "quit"), "activate", G_CALLBACK (count_cb), &plain);
  add (fixture->menu, "Quit", "app.quit");
  lamp_menu_fixture_export (fixture);
  assert_shows (fixture, "Quit\n");
  assert_answer (fixture, "Event", g_variant_new_parsed ("(1, 'clicked', <0>, uint32 0)"), "()");
  g_assert_cmpuint (plain, ==, 1);

  g_signal_connect (add_action (fixture, "app.quit"), "activate", G_CALLBACK (count_cb), &full);
  assert_answer (fixture, "Event", g_variant_new_parsed ("(1, 'clicked', <0>, uint32 0)"), "()");
  g_assert_cmpuint (plain, ==, 1);
  g_assert_cmpuint (full, ==, 1);
}

static void
test_depth (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (LampMenuHost) host = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GString) expected = g_string_new (NULL);
  g_autoptr (GMenu) loop = g_menu_new ();
  GMenu *menu = fixture->menu;

  for (guint i = 0; i < 40; i++)
    menu = add_submenu (menu, "Deeper");
  add (menu, "Bottom", NULL);

  /* A menu that is in itself, in both ways. */
  g_menu_append_section (loop, NULL, G_MENU_MODEL (loop));
  g_menu_append_submenu (loop, "Loop", G_MENU_MODEL (loop));
  g_menu_append_submenu (fixture->menu, "Loops", G_MENU_MODEL (loop));

  /* The bus would end our connection if this were too deep for it. */
  lamp_menu_fixture_export (fixture);
  host = lamp_menu_fixture_host_new (fixture, LAMP_MENU_HOST_SWAY);
  lamp_menu_host_open (host, 0);
  text = lamp_menu_host_show (host);
  for (guint i = 0; i < 15; i++)
    g_string_append_printf (expected, "%*sDeeper >\n", 2 * (int) i, "");
  g_string_append_printf (expected, "%*sDeeper > (off)\nLoops >\n  Loop > (off)\n", 30, "");
  g_assert_cmpstr (text, ==, expected->str);
  g_assert_false (g_dbus_connection_is_closed (fixture->server));

  g_menu_remove_all (loop);
}

/* Ids */

static void
test_ids_stay (Fixture      *fixture,
               gconstpointer data)
{
  GSimpleAction *run = add_action (fixture, "run");
  gint32 first;
  gint32 named;

  insert (fixture->menu, 0, "First", "run", NULL);
  insert (fixture->menu, 1, "Named", "run", "named");
  lamp_menu_fixture_export (fixture);
  first = get_id (fixture, "First");
  named = get_id (fixture, "Named");
  g_assert_cmpint (first, ==, 1);
  g_assert_cmpint (named, ==, 2);

  replace (fixture->menu, 0, "Renamed", "run", NULL);
  g_simple_action_set_enabled (run, FALSE);
  g_assert_cmpint (get_id (fixture, "Renamed"), ==, first);

  /* Another place, another action. */
  insert (fixture->menu, 0, "Before", NULL, NULL);
  g_menu_remove (fixture->menu, 2);
  insert (fixture->menu, 0, "Named", NULL, "named");
  g_assert_cmpint (get_id (fixture, "Named"), ==, named);
  g_assert_cmpint (get_id (fixture, "Renamed"), ==, first);
  g_assert_cmpint (get_id (fixture, "Before"), ==, 3);
}

static void
test_ids_are_new (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr (GIcon) icon = g_themed_icon_new ("help");
  g_autoptr (GMenuItem) item = g_menu_item_new ("Item", "run");
  g_autoptr (GMenu) submenu = g_menu_new ();

  g_menu_item_set_attribute (item, LAMP_MENU_ATTRIBUTE_ID, "s", "item");
  g_menu_append_item (fixture->menu, item);
  lamp_menu_fixture_export (fixture);
  g_assert_cmpint (get_id (fixture, "Item"), ==, 1);

  /* A check. */
  add_check (fixture, "run", FALSE);
  g_assert_cmpint (get_id (fixture, "Item"), ==, 2);

  /* No check: not the old number. */
  remove_action (fixture, "run");
  add_action (fixture, "run");
  g_assert_cmpint (get_id (fixture, "Item"), ==, 3);

  /* An icon, and another one. */
  g_menu_remove (fixture->menu, 0);
  g_menu_item_set_icon (item, icon);
  g_menu_append_item (fixture->menu, item);
  g_assert_cmpint (get_id (fixture, "Item"), ==, 4);

  /* A submenu. */
  g_menu_remove (fixture->menu, 0);
  add (submenu, "Below", NULL);
  g_menu_item_set_submenu (item, G_MENU_MODEL (submenu));
  g_menu_append_item (fixture->menu, item);
  g_assert_cmpint (get_id (fixture, "Item"), ==, 5);
  g_assert_cmpint (get_id (fixture, "Below"), ==, 6);

  /* Gone and back. */
  g_menu_remove (fixture->menu, 0);
  g_assert_cmpint (get_id (fixture, "Item"), ==, -1);
  g_menu_append_item (fixture->menu, item);
  g_assert_cmpint (get_id (fixture, "Item"), ==, 7);
}

static void
test_ids_twice (Fixture      *fixture,
                gconstpointer data)
{
  insert (fixture->menu, 0, "One", NULL, "same");
  insert (fixture->menu, 1, "Two", NULL, "same");
  insert (add_submenu (fixture->menu, "More"), 0, "Three", NULL, "same");
  lamp_menu_fixture_export (fixture);

  g_assert_cmpint (get_id (fixture, "One"), ==, 1);
  g_assert_cmpint (get_id (fixture, "Two"), ==, 2);
  g_assert_cmpint (get_id (fixture, "Three"), ==, 4);
}

/* Signals */

static void
test_one_batch (Fixture      *fixture,
                gconstpointer data)
{
  GSimpleAction *run = add_action (fixture, "run");

  add (fixture->menu, "Run", "run");
  lamp_menu_fixture_export (fixture);
  assert_heard (fixture, "");

  /* A storm that leaves something behind. */
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *label = g_strdup_printf ("Run %u", i);

      g_simple_action_set_enabled (run, i % 2 == 0);
      replace (fixture->menu, 0, label, "run", NULL);
    }
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(1, {'enabled': <false>, 'label': <'Run 999'>, "
                "'accessible-desc': <'Run 999'>})], [])\n");

  /* And one that doesn't. */
  for (guint i = 0; i < 1000; i++)
    {
      g_simple_action_set_enabled (run, i % 2 == 0);
      insert (fixture->menu, 0, "More", "run", NULL);
      g_menu_remove (fixture->menu, 0);
    }
  assert_heard (fixture, "");

  /* Both sorts of change are one batch, values first. */
  add (fixture->menu, "Quit", "quit");
  g_simple_action_set_enabled (run, TRUE);
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(1, {'enabled': <true>})], [])\n"
                "LayoutUpdated (2, 0)\n");
  g_menu_remove (fixture->menu, 1);
  assert_heard (fixture, "LayoutUpdated (3, 0)\n");
  assert_answer (fixture, "GetLayout", g_variant_new_parsed ("(1, 0, ['enabled'])"),
                 "(3, (1, {'enabled': <true>}, []))");

  /* What nobody shows. */
  add_action (fixture, "other");
  remove_action (fixture, "other");
  assert_heard (fixture, "");
}

static void
test_old_models_are_left (Fixture      *fixture,
                          gconstpointer data)
{
  g_autoptr (GMenu) shared = g_menu_new ();
  g_autoptr (GMenu) section = g_menu_new ();

  g_menu_append_submenu (section, "Shared", G_MENU_MODEL (shared));
  g_menu_append_section (fixture->menu, NULL, G_MENU_MODEL (section));
  g_menu_append_submenu (fixture->menu, "Shared too", G_MENU_MODEL (shared));
  lamp_menu_fixture_export (fixture);

  g_menu_remove (fixture->menu, 0);
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(1, {'label': <'Shared too'>, "
                "'accessible-desc': <'Shared too'>})], [])\n"
                "LayoutUpdated (2, 0)\n");
  add (shared, "Below", NULL);
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(1, {'enabled': <true>})], [])\n"
                "LayoutUpdated (3, 0)\n");
  g_menu_remove (fixture->menu, 0);
  assert_heard (fixture, "LayoutUpdated (4, 0)\n");

  /* Nobody holds them any more. */
  g_assert_finalize_object (g_steal_pointer (&section));
  g_assert_finalize_object (g_steal_pointer (&shared));
}

/* Reading */

static void
build_small_menu (Fixture *fixture)
{
  add_action (fixture, "run");
  add (fixture->menu, "Run", "run");
  add (add_submenu (add_submenu (fixture->menu, "One"), "Two"), "Run", "run");
  lamp_menu_fixture_export (fixture);
}

static void
test_get_layout (Fixture      *fixture,
                 gconstpointer data)
{
  static const char none[] = "(1, (0, {'children-display': <'submenu'>}, []))";
  static const char one[] =
    "(1, (0, {'children-display': <'submenu'>},"
    " [<(1, @a{sv} {}, @av [])>,"
    " <(2, {'children-display': <'submenu'>}, @av [])>]))";
  static const char two[] =
    "(1, (0, {'children-display': <'submenu'>},"
    " [<(1, @a{sv} {}, @av [])>, <(2, {'children-display': <'submenu'>},"
    " [<(3, {'children-display': <'submenu'>}, @av [])>])>]))";
  static const char everything[] =
    "(1, (0, {'children-display': <'submenu'>},"
    " [<(1, @a{sv} {}, @av [])>, <(2, {'children-display': <'submenu'>},"
    " [<(3, {'children-display': <'submenu'>}, [<(4, @a{sv} {}, @av [])>])>])>]))";
  const struct
  {
    int depth;
    const char *expected;
  } cases[] = {
    { 0, none },
    { 1, one },
    { 2, two },
    { 3, everything },
    { 4, everything },
    { -1, everything },
    { -5, everything },
    { G_MAXINT32, everything },
    { G_MININT32, everything },
  };

  build_small_menu (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_answer (fixture, "GetLayout",
                   g_variant_new_parsed ("(0, %i, ['children-display'])", cases[i].depth),
                   cases[i].expected);

  assert_answer (fixture, "GetLayout", g_variant_new_parsed ("(3, 1, ['type', 'toggle-state'])"),
                 "(1, (3, {}, [<(4, @a{sv} {}, @av [])>]))");
  assert_answer (fixture, "GetLayout", g_variant_new_parsed ("(4, -1, @as [])"),
                 "(1, (4, {'visible': <true>, 'enabled': <true>, 'label': <'Run'>,"
                 " 'accessible-desc': <'Run'>}, []))");
  assert_refused (fixture, "GetLayout", g_variant_new_parsed ("(99, -1, @as [])"));
  assert_refused (fixture, "GetLayout", g_variant_new_parsed ("(-1, 0, @as [])"));
}

static void
test_get_properties (Fixture      *fixture,
                     gconstpointer data)
{
  build_small_menu (fixture);

  assert_answer (fixture, "GetGroupProperties",
                 g_variant_new_parsed ("([4, 99, 1, -3], ['label', 'nonsense', 'type'])"),
                 "([(4, {'label': <'Run'>}), (1, {'label': <'Run'>})],)");
  assert_answer (fixture, "GetGroupProperties",
                 g_variant_new_parsed ("(@ai [], ['children-display'])"),
                 "([(0, {'children-display': <'submenu'>}), (1, {}),"
                 " (2, {'children-display': <'submenu'>}),"
                 " (3, {'children-display': <'submenu'>}), (4, {})],)");
  assert_answer (fixture, "GetGroupProperties", g_variant_new_parsed ("([99], @as [])"), "([],)");

  assert_answer (fixture, "GetProperty", g_variant_new_parsed ("(1, 'label')"), "(<'Run'>,)");
  assert_answer (fixture, "GetProperty", g_variant_new_parsed ("(0, 'children-display')"),
                 "(<'submenu'>,)");
  assert_answer (fixture, "GetProperty", g_variant_new_parsed ("(1, 'type')"), "(<'standard'>,)");
  assert_answer (fixture, "GetProperty", g_variant_new_parsed ("(1, 'toggle-state')"), "(<-1>,)");
  assert_answer (fixture, "GetProperty", g_variant_new_parsed ("(1, 'shortcut')"), "(<@aas []>,)");
  assert_refused (fixture, "GetProperty", g_variant_new_parsed ("(99, 'label')"));
  assert_refused (fixture, "GetProperty", g_variant_new_parsed ("(1, 'nonsense')"));
}

static void
test_malformed (Fixture      *fixture,
                gconstpointer data)
{
  build_small_menu (fixture);

  assert_refused (fixture, "GetLayout", NULL);
  assert_refused (fixture, "GetLayout", g_variant_new_parsed ("(uint32 0, -1, @as [])"));
  assert_refused (fixture, "GetGroupProperties", g_variant_new_parsed ("(@au [], @as [])"));
  assert_refused (fixture, "Event", g_variant_new_parsed ("(1, 'clicked', 0, uint32 0)"));
  assert_refused (fixture, "EventGroup", g_variant_new_parsed ("(@a(isv) [],)"));
  assert_refused (fixture, "AboutToShow", g_variant_new_parsed ("('0',)"));
  assert_error (fixture, "Nonsense", NULL, G_DBUS_ERROR_UNKNOWN_METHOD);
  assert_heard (fixture, "");
}

/* Events */

static void
test_clicks (Fixture      *fixture,
             gconstpointer data)
{
  static const char *const values[] = { "<''>",        "<0>",        "<@y 0>",    "<uint32 7>",
                                        "<@a{sv} {}>", "<(1, 'x')>", "<<<true>>>" };
  GSimpleAction *run = add_action (fixture, "run");
  guint count = 0;

  g_signal_connect (run, "activate", G_CALLBACK (count_cb), &count);
  add (fixture->menu, "Run", "run");
  lamp_menu_fixture_export (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GVariant) value = g_variant_parse (NULL, values[i], NULL, NULL, NULL);

      assert_answer (fixture, "Event", g_variant_new ("(is@vu)", 1, "clicked", value, 7), "()");
      g_assert_cmpuint (count, ==, i + 1);
    }
}

static void
remember_cb (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  char **text = user_data;

  g_free (*text);
  *text = g_variant_print (parameter, TRUE);
}

static void
test_click_target (Fixture      *fixture,
                   gconstpointer data)
{
  GSimpleAction *resend = g_simple_action_new ("resend", G_VARIANT_TYPE_INT64);
  g_autofree char *text = NULL;

  g_signal_connect (resend, "activate", G_CALLBACK (remember_cb), &text);
  lamp_menu_fixture_add (fixture, G_ACTION (resend));
  add (fixture->menu, "Resend", "resend(int64 7)");
  lamp_menu_fixture_export (fixture);
  assert_answer (fixture, "Event", g_variant_new_parsed ("(1, 'clicked', <0>, uint32 0)"), "()");
  g_assert_cmpstr (text, ==, "int64 7");
}

/* What the person saw is done, although the menu is another one by then. */
static void
test_click_late (Fixture      *fixture,
                 gconstpointer data)
{
  GSimpleAction *resend = g_simple_action_new ("resend", G_VARIANT_TYPE_STRING);
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree char *text = NULL;

  g_signal_connect (resend, "activate", G_CALLBACK (remember_cb), &text);
  lamp_menu_fixture_add (fixture, G_ACTION (resend));
  insert (fixture->menu, 0, "Resend", "resend::old", "first");
  lamp_menu_fixture_export (fixture);

  send_call (fixture, "Event", g_variant_new_parsed ("(1, 'clicked', <0>, uint32 0)"), &result);
  replace (fixture->menu, 0, "Resend", "resend::new", "first");
  assert_received (fixture, &result, "()");
  g_assert_cmpstr (text, ==, "'old'");
}

static void
test_clicks_without_effect (Fixture      *fixture,
                            gconstpointer data)
{
  GSimpleAction *run = add_action (fixture, "run");
  guint count = 0;

  g_signal_connect (run, "activate", G_CALLBACK (count_cb), &count);
  add (fixture->menu, "Text", NULL);
  add (add_section (fixture->menu, NULL), "Off", "run");
  add (add_submenu (fixture->menu, "More"), "Below", "missing");
  lamp_menu_fixture_export (fixture);

  /* The host doesn't know yet that it is disabled. */
  g_simple_action_set_enabled (run, FALSE);
  for (gint32 id = 0; id <= 6; id++)
    assert_answer (fixture, "Event",
                   g_variant_new ("(isvu)", id, "clicked", g_variant_new_int32 (0), 0), "()");

  g_simple_action_set_enabled (run, TRUE);
  assert_answer (fixture, "Event", g_variant_new_parsed ("(3, 'hovered', <0>, uint32 0)"), "()");
  assert_answer (fixture, "Event", g_variant_new_parsed ("(3, 'opened', <0>, uint32 0)"), "()");
  assert_answer (fixture, "Event", g_variant_new_parsed ("(3, 'closed', <0>, uint32 0)"), "()");
  assert_answer (fixture, "Event", g_variant_new_parsed ("(3, '', <0>, uint32 0)"), "()");
  g_assert_cmpuint (count, ==, 0);
  g_assert_cmpuint (fixture->opened, ==, 0);

  assert_refused (fixture, "Event", g_variant_new_parsed ("(99, 'clicked', <0>, uint32 0)"));
  assert_refused (fixture, "Event", g_variant_new_parsed ("(-1, 'opened', <0>, uint32 0)"));
}

static void
test_groups (Fixture      *fixture,
             gconstpointer data)
{
  GSimpleAction *run = add_action (fixture, "run");
  guint count = 0;

  g_signal_connect (run, "activate", G_CALLBACK (count_cb), &count);
  add (fixture->menu, "Run", "run");
  lamp_menu_fixture_export (fixture);

  assert_answer (fixture, "EventGroup",
                 g_variant_new_parsed ("([(1, 'clicked', <0>, uint32 0),"
                                       " (99, 'clicked', <0>, uint32 0),"
                                       " (0, 'clicked', <0>, uint32 0),"
                                       " (1, 'clicked', <0>, uint32 0)],)"),
                 "([99],)");
  g_assert_cmpuint (count, ==, 2);
  assert_answer (fixture, "EventGroup", g_variant_new_parsed ("(@a(isvu) [],)"), "(@ai [],)");
  assert_refused (fixture, "EventGroup",
                  g_variant_new_parsed ("([(98, 'clicked', <0>, uint32 0),"
                                        " (99, 'clicked', <0>, uint32 0)],)"));

  assert_answer (fixture, "AboutToShowGroup", g_variant_new_parsed ("([1, 99],)"),
                 "(@ai [], [99])");
  assert_answer (fixture, "AboutToShowGroup", g_variant_new_parsed ("(@ai [],)"),
                 "(@ai [], @ai [])");
  assert_refused (fixture, "AboutToShowGroup", g_variant_new_parsed ("([98, 99],)"));
  g_assert_cmpuint (fixture->opened, ==, 0);
}

/* The person looked once, whatever the host asks; and GNOME asks before anybody has looked. */
static void
test_opened (Fixture      *fixture,
             gconstpointer data)
{
  add (add_submenu (fixture->menu, "More"), "Below", NULL);
  lamp_menu_fixture_export (fixture);

  for (guint style = 0; style < LAMP_MENU_HOST_N_STYLES; style++)
    {
      g_autoptr (LampMenuHost) host = lamp_menu_fixture_host_new (fixture, style);

      g_test_message ("%s", lamp_menu_host_style_name (style));
      g_assert_cmpuint (fixture->opened, ==, 0);
      lamp_menu_host_open (host, 0);
      lamp_menu_host_settle (host);
      g_assert_cmpuint (fixture->opened, ==, 1);
      lamp_menu_host_open (host, 1);
      lamp_menu_host_close (host, 1);
      lamp_menu_host_close (host, 0);
      lamp_menu_host_settle (host);
      g_assert_cmpuint (fixture->opened, ==, 1);
      fixture->opened = 0;
    }
}

static void
test_hosts_click (Fixture      *fixture,
                  gconstpointer data)
{
  GSimpleAction *run = add_action (fixture, "run");
  guint count = 0;

  g_signal_connect (run, "activate", G_CALLBACK (count_cb), &count);
  add (add_submenu (fixture->menu, "More"), "Run", "run");
  lamp_menu_fixture_export (fixture);

  for (guint style = 0; style < LAMP_MENU_HOST_N_STYLES; style++)
    {
      g_autoptr (LampMenuHost) host = lamp_menu_fixture_host_new (fixture, style);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", lamp_menu_host_style_name (style));
      lamp_menu_host_open_all (host);
      g_assert_true (lamp_menu_host_click (host, lamp_menu_host_find (host, "Run"), &error));
      g_assert_no_error (error);
      g_assert_cmpuint (count, ==, style + 1);
      g_assert_false (lamp_menu_host_click (host, 99, &error));
      g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS);
    }
}

/* About to show */

static void
test_about_to_show (Fixture      *fixture,
                    gconstpointer data)
{
  GSimpleAction *run = add_action (fixture, "run");

  add (fixture->menu, "Run", "run");
  lamp_menu_fixture_export (fixture);
  assert_answer (fixture, "AboutToShow", g_variant_new_parsed ("(0,)"), "(false,)");
  assert_answer (fixture, "AboutToShow", g_variant_new_parsed ("(1,)"), "(false,)");
  assert_refused (fixture, "AboutToShow", g_variant_new_parsed ("(99,)"));
  assert_heard (fixture, "");

  /* The host has been told. */
  add (fixture->menu, "More", "run");
  assert_heard (fixture, "LayoutUpdated (2, 0)\n");
  assert_answer (fixture, "AboutToShow", g_variant_new_parsed ("(0,)"), "(false,)");

  /* Values need no reading. */
  g_simple_action_set_enabled (run, FALSE);
  assert_answer (fixture, "AboutToShow", g_variant_new_parsed ("(0,)"), "(false,)");
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(1, {'enabled': <false>}), "
                "(2, {'enabled': <false>})], [])\n");
}

static void
test_about_to_show_pending (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  GMenu *more = add_submenu (fixture->menu, "More");

  lamp_menu_fixture_export (fixture);

  send_call (fixture, "AboutToShow", g_variant_new ("(i)", 0), &result);
  add (fixture->menu, "New", NULL);
  assert_received (fixture, &result, "(true,)");
  assert_heard (fixture, "LayoutUpdated (2, 0)\n");
  assert_answer (fixture, "AboutToShow", g_variant_new_parsed ("(0,)"), "(false,)");

  send_call (fixture, "AboutToShowGroup", g_variant_new_parsed ("([1, 0, 99],)"), &result);
  add (more, "New", NULL);
  assert_received (fixture, &result, "([0], [99])");
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(1, {'enabled': <true>})], [])\n"
                "LayoutUpdated (3, 0)\n");

  /* The signals tell values, and Plasma would miss the next layout if it read for them. */
  send_call (fixture, "AboutToShow", g_variant_new ("(i)", 0), &result);
  replace (fixture->menu, 1, "Other", NULL, NULL);
  assert_received (fixture, &result, "(false,)");
  assert_heard (fixture,
                "ItemsPropertiesUpdated ([(2, {'label': <'Other'>, "
                "'accessible-desc': <'Other'>})], [])\n");

  /* The item is there as long as the host can know it. */
  send_call (fixture, "AboutToShow", g_variant_new ("(i)", 2), &result);
  g_menu_remove (fixture->menu, 1);
  assert_received (fixture, &result, "(false,)");
  assert_heard (fixture, "LayoutUpdated (4, 0)\n");
  assert_refused (fixture, "AboutToShow", g_variant_new ("(i)", 2));
}

/* Changes the menu after a host has asked whether it may show it, and before it is answered. */
typedef struct
{
  Fixture *fixture;
  void (*change) (Fixture *fixture);
} Trap;

static gboolean
trap_cb (gpointer user_data)
{
  Trap *trap = user_data;

  while (!g_main_context_pending (NULL))
    g_thread_yield ();
  trap->change (trap->fixture);

  return G_SOURCE_REMOVE;
}

/* In GDBus' own thread. */
static GDBusMessage *
filter_cb (GDBusConnection *connection,
           GDBusMessage    *message,
           gboolean         incoming,
           gpointer         trap)
{
  if (incoming && g_strcmp0 (g_dbus_message_get_member (message), "AboutToShow") == 0)
    g_idle_add_full (G_PRIORITY_HIGH, trap_cb, trap, NULL);

  return message;
}

static void
change_value (Fixture *fixture)
{
  replace (fixture->menu, 0, "Other", NULL, NULL);
}

static void
change_layout (Fixture *fixture)
{
  add (fixture->menu, "New", NULL);
}

static void
change_nothing (Fixture *fixture)
{
}

/* After it was told to read, it overhears the next change of the layout. */
static void
test_plasma_misses_nothing (Fixture      *fixture,
                            gconstpointer data)
{
  static const struct
  {
    void (*change) (Fixture *fixture);
    const char *shows;
  } cases[] = {
    { change_nothing, "First (off)\n" },
    { change_value, "Other (off)\n" },
    { change_layout, "First (off)\nNew (off)\n" },
  };

  add (fixture->menu, "First", NULL);
  lamp_menu_fixture_export (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampMenuHost) plasma = lamp_menu_fixture_host_new (fixture, LAMP_MENU_HOST_PLASMA);
      Trap trap = { .fixture = fixture, .change = cases[i].change };
      guint filter = g_dbus_connection_add_filter (fixture->server, filter_cb, &trap, NULL);
      g_autofree char *text = NULL;

      lamp_menu_host_open (plasma, 0);
      g_dbus_connection_remove_filter (fixture->server, filter);
      lamp_menu_host_settle (plasma);
      text = lamp_menu_host_show (plasma);
      g_assert_cmpstr (text, ==, cases[i].shows);

      add (fixture->menu, "Last", NULL);
      lamp_menu_host_settle (plasma);
      g_assert_cmpint (lamp_menu_host_find (plasma, "Last"), !=, -1);

      g_menu_remove_all (fixture->menu);
      add (fixture->menu, "First", NULL);
    }
}

/* Plasma reads a submenu when it is opened, and must be told to read it again. */
static void
test_about_to_show_submenu (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr (LampMenuHost) plasma = NULL;
  g_autoptr (LampMenuHost) gone = NULL;
  GMenu *more = add_submenu (fixture->menu, "More");

  add (more, "First", NULL);
  lamp_menu_fixture_export (fixture);
  plasma = lamp_menu_fixture_host_new (fixture, LAMP_MENU_HOST_PLASMA);
  gone = lamp_menu_fixture_host_new (fixture, LAMP_MENU_HOST_PLASMA);
  lamp_menu_host_open_all (plasma);
  lamp_menu_host_open_all (gone);
  g_assert_cmpint (lamp_menu_host_find (plasma, "First"), ==, 2);
  g_clear_pointer (&gone, lamp_menu_host_free);

  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *label = g_strdup_printf ("New %u", i);

      insert (more, -1, label, NULL, label);
      lamp_menu_host_settle (plasma);
      g_assert_cmpint (lamp_menu_host_find (plasma, label), ==, -1);
      lamp_menu_host_open_all (plasma);
      g_assert_cmpint (lamp_menu_host_find (plasma, label), ==, 3 + (int) i);
    }

  /* Who has never read it isn't behind. */
  assert_answer (fixture, "AboutToShow", g_variant_new_parsed ("(1,)"), "(false,)");
  assert_answer (fixture, "AboutToShowGroup", g_variant_new_parsed ("([1],)"), "(@ai [], @ai [])");
  assert_answer (fixture, "GetLayout", g_variant_new_parsed ("(1, 1, ['type'])"),
                 "(4, (1, {}, [<(2, @a{sv} {}, @av [])>, <(3, @a{sv} {}, @av [])>,"
                 " <(4, @a{sv} {}, @av [])>, <(5, @a{sv} {}, @av [])>]))");
  g_menu_remove (more, 0);
  assert_heard (fixture,
                "LayoutUpdated (2, 0)\nLayoutUpdated (3, 0)\nLayoutUpdated (4, 0)\n"
                "LayoutUpdated (5, 0)\n");
  assert_answer (fixture, "GetLayout", g_variant_new_parsed ("(0, 1, ['nothing'])"),
                 "(5, (0, {}, [<(1, @a{sv} {}, @av [])>]))");
  assert_answer (fixture, "AboutToShowGroup", g_variant_new_parsed ("([1],)"), "([1], @ai [])");
  assert_answer (fixture, "GetLayout", g_variant_new_parsed ("(0, 2, ['nothing'])"),
                 "(5, (0, {}, [<(1, @a{sv} {}, [<(3, @a{sv} {}, @av [])>,"
                 " <(4, @a{sv} {}, @av [])>, <(5, @a{sv} {}, @av [])>])>]))");
  assert_answer (fixture, "AboutToShow", g_variant_new_parsed ("(1,)"), "(false,)");
}

/* On the bus and off it */

static void
test_unexport (Fixture      *fixture,
               gconstpointer data)
{
  add (fixture->menu, "First", NULL);
  lamp_menu_fixture_export (fixture);
  g_assert_cmpint (get_id (fixture, "First"), ==, 1);

  add (fixture->menu, "Second", NULL);
  lamp_menu_exporter_unexport (fixture->exporter);
  lamp_menu_exporter_unexport (fixture->exporter);
  assert_error (fixture, "AboutToShow", g_variant_new_parsed ("(0,)"), G_DBUS_ERROR_UNKNOWN_METHOD);
  add (fixture->menu, "Third", NULL);
  g_assert_false (g_main_context_iteration (NULL, FALSE));

  /* It goes on where it was. */
  lamp_menu_fixture_export (fixture);
  assert_answer (fixture, "GetLayout", g_variant_new_parsed ("(0, 1, ['nothing'])"),
                 "(2, (0, {}, [<(1, @a{sv} {}, @av [])>, <(2, @a{sv} {}, @av [])>,"
                 " <(3, @a{sv} {}, @av [])>]))");
  add (fixture->menu, "Fourth", NULL);
  assert_heard (fixture, "LayoutUpdated (3, 0)\n");
}

static void
test_path_is_taken (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (LampMenuExporter) other = lamp_menu_exporter_new (G_MENU_MODEL (fixture->menu),
                                                               G_ACTION_GROUP (fixture->actions));
  g_autoptr (GError) error = NULL;

  lamp_menu_fixture_export (fixture);
  g_assert_false (lamp_menu_exporter_export (other, fixture->server, LAMP_MENU_PATH, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);

  lamp_menu_exporter_unexport (fixture->exporter);
  g_clear_error (&error);
  g_assert_true (lamp_menu_exporter_export (other, fixture->server, LAMP_MENU_PATH, &error));
  g_assert_no_error (error);
  add (fixture->menu, "New", NULL);
  assert_heard (fixture, "LayoutUpdated (2, 0)\n");
}

static void
test_bus_is_gone (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr (GDBusConnection) another = lamp_menu_fixture_connect (fixture);
  g_autoptr (GError) error = NULL;

  add (fixture->menu, "First", NULL);
  lamp_menu_fixture_export (fixture);
  g_dbus_connection_close_sync (fixture->server, NULL, &error);
  g_assert_no_error (error);
  add (fixture->menu, "Second", NULL);
  lamp_menu_exporter_set_status (fixture->exporter, "notice");
  while (g_main_context_iteration (NULL, FALSE))
    ;

  g_assert_true (lamp_menu_exporter_export (fixture->exporter, another, LAMP_MENU_PATH, &error));
  g_assert_no_error (error);
  lamp_menu_exporter_unexport (fixture->exporter);
  g_dbus_connection_close_sync (another, NULL, NULL);
}

/* An action may end everything; the host has its answer all the same. */
static void
end_cb (GSimpleAction *action,
        GVariant      *parameter,
        gpointer       user_data)
{
  Fixture *fixture = user_data;

  if (fixture->exporter == NULL)
    return;

  lamp_menu_exporter_unexport (fixture->exporter);
  g_signal_handlers_disconnect_by_data (fixture->exporter, fixture);
  g_clear_object (&fixture->exporter);
}

static void
test_click_ends_it (Fixture      *fixture,
                    gconstpointer data)
{
  g_signal_connect (add_action (fixture, "quit"), "activate", G_CALLBACK (end_cb), fixture);
  add (fixture->menu, "Quit", "quit");
  lamp_menu_fixture_export (fixture);

  assert_answer (fixture, GPOINTER_TO_INT (data) ? "EventGroup" : "Event",
                 GPOINTER_TO_INT (data) ? g_variant_new_parsed ("([(1, 'clicked', <0>, uint32 0),"
                                                                " (1, 'clicked', <0>, uint32 0)],)")
                                        : g_variant_new_parsed ("(1, 'clicked', <0>, uint32 0)"),
                 GPOINTER_TO_INT (data) ? "(@ai [],)" : "()");
  g_assert_null (fixture->exporter);
}

#define ADD(path, test, data)                                                                      \
  g_test_add ("/menu-exporter/" path, Fixture, GINT_TO_POINTER (data), lamp_menu_fixture_up, test, \
              lamp_menu_fixture_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("interface", test_interface, 0);
  ADD ("properties", test_properties, 0);
  ADD ("items", test_items, 0);
  ADD ("sections", test_sections, 0);
  ADD ("hidden-when", test_hidden_when, 0);
  ADD ("toggles", test_toggles, 0);
  ADD ("action-prefix", test_prefix, 0);
  ADD ("depth-has-an-end", test_depth, 0);
  ADD ("ids-stay", test_ids_stay, 0);
  ADD ("ids-are-new", test_ids_are_new, 0);
  ADD ("ids-that-are-there-twice", test_ids_twice, 0);
  ADD ("one-batch", test_one_batch, 0);
  ADD ("old-models-are-left", test_old_models_are_left, 0);
  ADD ("get-layout", test_get_layout, 0);
  ADD ("get-properties", test_get_properties, 0);
  ADD ("malformed-calls", test_malformed, 0);
  ADD ("clicks", test_clicks, 0);
  ADD ("click-has-target", test_click_target, 0);
  ADD ("click-that-comes-late", test_click_late, 0);
  ADD ("clicks-without-effect", test_clicks_without_effect, 0);
  ADD ("groups", test_groups, 0);
  ADD ("opened-once", test_opened, 0);
  ADD ("hosts-click", test_hosts_click, 0);
  ADD ("about-to-show", test_about_to_show, 0);
  ADD ("about-to-show-while-changes-wait", test_about_to_show_pending, 0);
  ADD ("plasma-misses-nothing", test_plasma_misses_nothing, 0);
  ADD ("about-to-show-submenu", test_about_to_show_submenu, 0);
  ADD ("unexport", test_unexport, 0);
  ADD ("path-is-taken", test_path_is_taken, 0);
  ADD ("bus-is-gone", test_bus_is_gone, 0);
  ADD ("event-ends-it", test_click_ends_it, FALSE);
  ADD ("event-group-ends-it", test_click_ends_it, TRUE);

  return g_test_run ();
}
